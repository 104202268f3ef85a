"""Alternatives to a plan that are made by hand: the field-free region parked, a raster, or no gradient; for the same
goals, and at the same limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...base.arrays import Array
from ...files.run.search_record import AlternativeRecord
from ...goals import Goal, GoalRow, Resolved, SafetyBudget
from ...goals.metrics.cem43 import dose_min
from ...goals.metrics.statistics import statistic
from ...optimize import SearchModel, Shares, highest_percentile_c, optimize_shares
from ...optimize.program.modal_heat import restrict, with_inputs
from ..case.heating_model import HeatingModel
from .attempts import judge_shares, judged_times_s
from .candidates import parked_columns, search_settings, target_columns
from .steer import Steering

PLAN = "this plan"
PARKED = "parked at the centre"
RASTER = "uniform raster"
FREE = "no gradient"
BEYOND_C = 63.0
"""T90 that nothing reaches: asked for, it yields the most that the limits allow, as every value does that is well above
those that tissue survives."""
NOTHING_K = 0.05
"""A gain of T90 that is called nothing: half of what a temperature is shown to."""


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """Ways to heat, as mixtures ``(k, n)`` of the columns of the basis: this plan's may use each of its own."""

    heating_model: HeatingModel
    steering: Steering
    ways: Mapping[str, Array]

    def model(self, name: str) -> SearchModel:
        """The reduced model of one way to heat."""
        model = self.steering.model
        mixed: SearchModel = with_inputs(model, self.ways[name] @ np.asarray(model.inputs))
        return mixed

    @property
    def cool_down_s(self) -> float:
        """Time after heating that is searched."""
        return search_settings(self.heating_model.case).cool_down_s


def compare_alternatives(steering: Steering) -> list[AlternativeRecord]:
    """This plan and those made by hand, by the reduced model.

    First for the same goals with the limits on other tissue ignored, hard ones of safety too: which break then. Then
    the other way round: ``t90_within_limits_c``, the highest T90 of the first target, mean over the hold, at equal
    limits.
    """
    heating_model, resolved = steering.setup.heating_model, steering.resolved
    compared = _Compared(heating_model, steering, _ways_to_heat(heating_model, steering))
    reached, case = _t90_within_limits_c(compared), heating_model.case
    goals_only = replace(
        resolved, rows=tuple(row for row in resolved.rows if row.goal.kind == "goal" or row.region in case.targets)
    )
    rows: list[AlternativeRecord] = []
    for name in compared.ways:
        shares = (
            steering.sequenced.achieved[:, : steering.candidates]
            if name == PLAN
            else optimize_shares(
                compared.model(name),
                goals_only,
                window_edges_s=steering.edges_s,
                settings=replace(search_settings(case), starts=1),
            ).shares
        )
        rows.append({**_row(name, shares, compared), "t90_within_limits_c": reached[name]})
    return rows


def t90_bound_c(steering: Steering) -> float | None:
    """Upper bound on T90 of the first target, mean over the hold, of any plan of these positions within the limits."""
    every = range(steering.candidates)
    model, asked = restrict(steering.model, every), steering.asked.restricted(every)
    settings = search_settings(steering.setup.heating_model.case)
    return highest_percentile_c(model, asked, asked.focus[0], window_edges_s=steering.edges_s, settings=settings)


def comparison_sentence(rows: Sequence[AlternativeRecord], bound_c: float | None = None) -> str:
    """Gain of gradient and movement at equal limits, said plainly where it is nothing, and the bound on all plans."""
    reached = {row["name"]: row["t90_within_limits_c"] for row in rows}
    listed = ", ".join(f"{name} {value:.2f}" for name, value in reached.items())
    by_hand = max((PARKED, RASTER), key=reached.__getitem__)
    gradient, moving = reached[PLAN] - reached[FREE], reached[PLAN] - reached[by_hand]
    words = f"Highest T90 at equal limits, degC: {listed}. The gradient buys "
    words += f"{gradient:.1f} K" if gradient > NOTHING_K else "nothing: a coil without one does as well"
    words += "; moving its field-free region by plan buys "
    words += (
        f"{moving:.2g} K over {by_hand}."
        if moving > NOTHING_K
        else f"nothing over the {by_hand.split()[-1] if by_hand == RASTER else 'region parked at the centre'}."
    )
    return words if bound_c is None else f"{words} No plan of these positions can exceed {bound_c:.1f} degC."


def _ways_to_heat(heating_model: HeatingModel, steering: Steering) -> dict[str, Array]:
    columns, n = steering.basis.columns, steering.candidates
    every = np.eye(len(columns))
    within = target_columns(heating_model.case, columns[:n])
    amplitudes = dict.fromkeys(c.amplitude_t for c in columns[:n])
    raster = [every[[i for i in within if columns[i].amplitude_t == a]].mean(axis=0) for a in amplitudes]
    return {
        PLAN: every[:n],
        PARKED: every[parked_columns(heating_model.case, columns[:n])],
        RASTER: np.array(raster),
        FREE: every[n:],
    }


def _t90_within_limits_c(compared: _Compared) -> dict[str, float]:
    """Highest T90 of the first target at equal limits.

    The search for this plan's positions begins at the best that was made by hand; where the machine can play but a
    few places, it has those.
    """
    steering, model = compared.steering, compared.steering.model
    asked = _highest_t90(steering.asked)
    settings = replace(
        search_settings(compared.heating_model.case),
        starts=1,
        min_share=0.0,
        limit_margin_k=0.0,
        dose_margin=0.0,
        peak_cost=0.0,
    )

    def search(mixture: Array, start: Array | None = None) -> Shares:
        mixed, here = with_inputs(model, mixture @ np.asarray(model.inputs)), asked.mixed(mixture)
        return optimize_shares(mixed, here, window_edges_s=steering.edges_s, settings=settings, start=start)

    found = {name: search(compared.ways[name]) for name in (PARKED, RASTER, FREE)}
    best = min((PARKED, RASTER), key=lambda name: found[name].objective)
    start = found[best].shares @ compared.ways[best]
    used, n = steering.attempt.sought.used, steering.candidates
    if len(used) < n:
        used = np.union1d(used, np.flatnonzero(start.any(axis=0)))
    found[PLAN] = search(np.eye(len(steering.basis.columns))[used], start[:, used])
    return {name: shares.values[0] for name, shares in found.items()}


def _highest_t90(resolved: Resolved) -> Resolved:
    """The limits, and T90 of the first target as the one goal, first of the rows."""
    target = resolved.focus[0]
    goal = Goal("goal", (target.region,), "T90", BEYOND_C, "at_least")
    limits = tuple(row for row in resolved.rows if row.goal.kind == "limit")
    return replace(resolved, rows=(replace(target, goal=goal), *limits))


def _row(name: str, shares: Array, compared: _Compared) -> AlternativeRecord:
    steering, model = compared.steering, compared.model(name)
    edges, cool_down, resolved = steering.edges_s, compared.cool_down_s, steering.asked.mixed(compared.ways[name])
    values = judge_shares(model, shares, edges, resolved, cool_down)
    broken = [
        _exceedance(asked, found)
        for asked, found in zip(resolved.requirements, values, strict=True)
        if asked.kind == "limit" and not asked.met(found)
    ]
    target = resolved.focus[0]
    heating = float(edges[-1])
    times = judged_times_s(heating, cool_down)
    focus = model.temperature(shares, edges, times, rows=target.nodes)
    t90 = statistic(focus, target.weights_m3, 90.0)
    core = next((v for r, v in zip(resolved.rows, values, strict=False) if r.region == "core"), None)
    return {
        "name": name,
        "t90_c": float(np.interp(heating, times, t90)),
        "cem43t90_min": float(dose_min(times, t90)),
        "t_max_c": float(focus.max()),
        "duty": float(np.diff(edges) @ shares.sum(axis=1)) / heating,
        "core_c": core,
        "limits_broken": broken,
    }


def _exceedance(asked: GoalRow | SafetyBudget, found: float) -> str:
    """A limit that is broken and by how much, as a phrase."""
    if isinstance(asked, SafetyBudget):
        return f"{asked.quantity}: {asked.said(found)} of its hard limit"
    goal = asked.goal
    sign = ">" if goal.sense == "at_most" else "<"
    return f"{asked.name} {goal.said(found).split()[0]} {sign} {goal.said(goal.bound)}"
