"""Trade-off: Pareto front of a goal against the bound of one limit, all other limits kept, from one basis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.progress import Stages
from ...files.run.search_record import TradeOffPointRecord, TradeOffRecord
from ...goals import CORE, GoalRow, Requirement, Resolved
from ...goals.metrics.cem43 import dose_min
from ...goals.metrics.statistics import mean_over, statistic
from ...optimize import SearchModel, Settings, TradedLimit, first_goal, optimize_shares, pareto_front, stretch
from ...optimize.program.modal_heat import restrict
from .attempts import judge_shares, judged_times_s
from .candidates import search_settings
from .steer import Steering

POINTS = 12
"""Points of the front, each a search of some seconds."""
AT_BOUND_K = 0.05
"""Distance from its bound at which a limit counts as reached: half of what a temperature is shown to."""
_SCALES = np.linspace(0.35, 1.0, POINTS)
"""Parts of the most heating that the other limits allow: what each does to the limit is a bound of the front."""
_ITERATIONS_A_POINT = 60
"""Linear programs a point, a third of a search's own: each starts from the plan of the point before it."""


def choose_limit(resolved: Resolved, name: str) -> int | None:
    """The limit that a name means, such as "liver" or "liver CEM43max"; None for the empty name, which leaves the
    choice to the plan."""
    limits = [i for i, row in enumerate(resolved.rows) if row.kind == "limit"]
    if not name:
        return None
    words = name.split()
    found = [i for i in limits if words == [resolved.rows[i].region, resolved.rows[i].goal.metric][: len(words)]]
    if not found:
        known = ", ".join(resolved.rows[i].name for i in limits)
        raise InputError(f'--against "{name}": no such limit; expected one of {known}')
    doses = [i for i in found if _is_dose_limit(resolved.rows[i])]
    return (doses or found)[0]


def _is_dose_limit(row: GoalRow) -> bool:
    return row.goal.kind == "limit" and row.goal.measure.scale.is_logarithmic


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Model and settings that a front is searched with: all positions of a machine that moves fast enough, else the
    plan's."""

    model: SearchModel
    resolved: Resolved
    edges_s: Array
    settings: Settings

    @classmethod
    def of(cls, steering: Steering) -> _Search:
        """The search of a plan."""
        heating_model = steering.setup.heating_model
        slow = heating_model.case.protocol.device.moves_stage
        used = steering.attempt.sought.used if slow else np.arange(steering.candidates)
        settings = replace(
            search_settings(heating_model.case),
            starts=1,
            min_share=0.0,
            limit_margin_k=0.0,
            dose_margin=0.0,
            peak_cost=0.0,
            iteration_budget=_ITERATIONS_A_POINT,
        )
        return cls(restrict(steering.model, used), steering.asked.restricted(used), steering.edges_s, settings)

    def values(self, shares: Array) -> tuple[float, ...]:
        """Values of the rows for given shares."""
        return judge_shares(self.model, shares, self.edges_s, self.resolved, self.settings.cool_down_s)

    def shares_without(self, limits: list[int], goal: int) -> Array:
        """Shares that have the most of a goal with some of the limits left out."""
        asked = stretch(self.resolved, goal)
        rows = tuple(row for i, row in enumerate(asked.rows) if i not in limits)
        return optimize_shares(
            self.model, replace(asked, rows=rows), window_edges_s=self.edges_s, settings=self.settings
        ).shares


def trade_off(steering: Steering, stages: Stages, *, limit: int | None) -> TradeOffRecord | None:
    """The front as a record, predicted by the reduced model; None where there is nothing to trade.

    Without a ``limit`` the organ dose is taken that comes nearest to its bound when no organ's dose is limited.
    """
    search = _Search.of(steering)
    goal, rows = first_goal(search.resolved), search.resolved.rows
    organs = [i for i, row in enumerate(rows) if _is_dose_limit(row) and row.region not in search.resolved.targets]
    if goal is None or not (organs or limit is not None):
        return None
    with stages.stage("trade-off"):
        free = search.shares_without(organs if limit is None else [limit], goal)
        if limit is None:
            values = search.values(free)
            limit = max(organs, key=lambda i: values[i] / rows[i].goal.bound)
        bounds = sorted({search.values(scale * free)[limit] for scale in _SCALES} | {rows[limit].goal.bound})
        bounds = _distinct(bounds, rows[limit])
        front = pareto_front(
            search.model,
            search.resolved,
            window_edges_s=search.edges_s,
            traded=TradedLimit(limit, bounds),
            settings=search.settings,
            progress=lambda done, all_: stages.update(done / all_, f"{done} of {all_} points"),
        )
        points = [
            _point(search, plan.shares, (goal, limit), float(bound))
            for plan, bound in zip(front.plans, front.bounds, strict=True)
        ]
        planned = steering.attempt.played
    return {
        "goal": rows[goal].name,
        "goal_unit": rows[goal].goal.unit,
        "limit": rows[limit].name,
        "limit_unit": rows[limit].goal.unit,
        "limit_bound": rows[limit].goal.bound,
        "points": points,
        "plan": {"goal_value": planned[goal], "limit_value": planned[limit]},
        "complete": len(points) == len(bounds),
    }


def _distinct(bounds: list[float], row: GoalRow) -> list[float]:
    """Bounds that differ by more than a rounding, in K or doublings; the last of a crowd stays."""
    k = np.log2(np.maximum(bounds, 1e-9)) if row.goal.measure.scale.is_logarithmic else np.array(bounds)
    return [b for i, b in enumerate(bounds) if i + 1 == len(bounds) or k[i + 1] - k[i] > 1e-3]


def _point(search: _Search, shares: Array, pair: tuple[int, int], bound: float) -> TradeOffPointRecord:
    """One plan of the front: both values, temperature and dose of the first target, the core, the limits reached."""
    rows, values = search.resolved.rows, search.values(shares)
    (goal, limit), target = pair, search.resolved.focus[0]
    heating = float(search.edges_s[-1])
    times = judged_times_s(heating, search.settings.cool_down_s)
    focus = search.model.temperature(shares, search.edges_s, times, rows=target.nodes)
    t90 = statistic(focus, target.weights_m3, 90.0)
    at_bound = [
        asked.name
        for i, (asked, value) in enumerate(zip(search.resolved.requirements, values, strict=True))
        if asked.kind == "limit" and i != limit and _at_bound(asked, value)
    ]
    return {
        "bound": bound,
        "limit_value": values[limit],
        "goal_value": values[goal],
        "t90_c": mean_over(times, t90, heating * 2.0 / 3.0, heating),
        "cem43t90_min": float(dose_min(times, t90)),
        "core_c": next((v for r, v in zip(rows, values, strict=False) if r.region == CORE), None),
        "duty": float(np.diff(search.edges_s) @ shares.sum(axis=1)) / heating,
        "others_at_bound": at_bound,
    }


def _at_bound(asked: Requirement, value: float) -> bool:
    return -asked.short_k(value) < AT_BOUND_K
