"""Explanation of a plan: costs of its limits by multipliers, conflicts of goals, and the change that would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..goals import GoalRow, Requirement, Resolved, row_value
from .merit_function import MeritFunction
from .priorities import weighted_shares
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import GoalTerm, Iterate
from .sequential_lp import SequentialLP
from .settings import Settings, Shares
from .stretch_goal import first_goal, stretch

_ACTIVE_K = 0.25
"""A limit with less room is called active: the margins of search and verification together."""
_LEAST_GAIN = 1e-2
"""Gain per kelvin or doubling from which on a limit counts as standing against a goal; less is rounding of prices."""
_TOLD_K = 0.02
"""Gain that is worth a sentence; twice as much would leave out what shows in a plan's numbers."""
_YIELDING_WEIGHT = 0.02
"""Weight of a limit that may give way: a kelvin of the goal buys fifty of it, yet none is given that no goal needs."""
_LEAST_HELP_K = 0.01
"""Kelvins and doublings of goals that a change must bring to be told."""
_MOST_RELAXED = 4
"""Limits that are tried without; each is a search, and the dearest come first."""
_LONGER = 1.5
"""Length of the session that is tried, in sessions."""
_STEP_K = 0.02
"""Step of the difference that tells how a dose follows its temperature."""
_ITERATIONS_RELAXED = 60
"""Linear programs to find out what one limit more would buy: a third of a search's own, since a plan is known."""


@dataclass(frozen=True, slots=True)
class LimitCost:
    """Cost of one limit, or of another goal, for the goal that is asked about.

    ``gain`` is what that goal gains (K, or doublings of its dose) per unit by which the limit is widened (K, or
    doublings of its dose); ``gain_k`` is the same in kelvins of the temperature behind a dose.
    """

    label: str
    value: float
    bound: float
    active: bool
    gain: float
    gain_k: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Change that is tried, all else kept: how far a limit gives way, or the session is longer, and what goals then
    reach."""

    label: str
    from_bound: float
    to_value: float
    goals_met: bool
    goal_values: tuple[float, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a goal: the first that is missed, else the first of all, a volume as its percentile.

    ``reach`` is the most that can be had of it within the limits. ``limits`` with their costs there, dearest
    first; ``duty_gain`` and ``duty_gain_k`` are its gain per 0.1 of duty in all windows. Only where a goal is
    missed: ``missed`` and ``conflicts`` in words, and the ``relaxations`` that help, most helpful first.
    """

    goal: GoalRow
    reach: float
    missed: tuple[str, ...]
    limits: tuple[LimitCost, ...]
    duty_gain: float
    duty_gain_k: float
    conflicts: tuple[str, ...]
    relaxations: tuple[Relaxation, ...]


def explain(
    model: Model, resolved: Resolved, shares: Shares, *, settings: Settings | None = None, relax: bool = True
) -> Explanation | None:
    """Explain a plan of `optimize_shares`; None where there is no goal.

    A plan that meets its goals is asked for more of the first one until a limit or the time stops it: that is
    its reach, and the costs are those there. With ``relax`` every limit that costs is tried without it.
    """
    settings = settings or Settings()
    missed = _missed_goals(resolved, shares)
    asked = missed[0] if missed else first_goal(resolved)
    if asked is None:
        return None
    at, best = resolved, shares
    if not missed:
        at = stretch(resolved, asked)
        best = weighted_shares(
            model,
            at,
            window_edges_s=shares.window_edges_s,
            start=shares.shares,
            settings=replace(settings, starts=1, min_share=0.0, reach=None),
        )
    prices = _Prices(model, at, best, settings, asked)
    limits = sorted(
        (
            prices.cost(i, resolved, shares)
            for i, row in enumerate(resolved.requirements)
            if row.kind == "limit" or i in prices.rivals
        ),
        key=lambda cost: -cost.gain,
    )
    labels = tuple(resolved.rows[i].label for i in missed)
    settings = replace(
        settings, starts=1, reach=None, iteration_budget=min(_ITERATIONS_RELAXED, settings.iteration_budget)
    )
    found = (
        (
            *_relax_limits(model, resolved, shares, settings, limits),
            *_relax_session(model, resolved, shares, settings, prices.duty_gain),
        )
        if relax and missed
        else ()
    )
    goals = [i for i, row in enumerate(resolved.rows) if row.goal.kind == "goal"]
    short = _shortfall(resolved, goals, tuple(shares.values[i] for i in goals)) - _LEAST_HELP_K
    helpful = [r for r in found if r.goals_met or _shortfall(resolved, goals, r.goal_values) < short]
    ranked = sorted(helpful, key=lambda r: (not r.goals_met, _shortfall(resolved, goals, r.goal_values)))
    told = resolved.rows[asked]
    if not missed and told.goal.searched != told.goal:
        told = at.rows[asked]
    return Explanation(
        told,
        best.values[asked],
        labels,
        tuple(limits),
        prices.duty_gain,
        prices.duty_gain / prices.doublings_per_k,
        tuple(_conflicts(labels, limits, prices.duty_gain)),
        tuple(ranked),
    )


def _missed_goals(resolved: Resolved, shares: Shares) -> list[int]:
    """Numbers of the goals that are missed, the most important first."""
    rows = resolved.rows
    found = [i for i, row in enumerate(rows) if row.goal.kind == "goal" and not row.goal.met(shares.values[i])]
    return sorted(found, key=lambda i: (rows[i].goal.priority, -rows[i].goal.weight, i))


class _Prices:
    """Multipliers of a plan's rows, per unit of one goal."""

    def __init__(self, model: Model, resolved: Resolved, shares: Shares, settings: Settings, asked: int) -> None:
        heat = ModalHeat(model, shares.window_edges_s, settings.cool_down_s, settings.step_s)
        merit = MeritFunction(heat, resolved, settings)
        search = SequentialLP(merit)
        program, optimum = search.multipliers(shares.shares)
        raw = [program.price(optimum, term.bound.slack[1]) for term in merit.terms.required]
        unit = raw[asked] if raw[asked] > 0.0 else np.inf
        self.asked, self.of = asked, [price / unit for price in raw]
        self.duty_gain = 0.1 * float(optimum.duty.sum()) / unit
        self.doublings_per_k = _doublings_per_k(merit.terms.rows[asked], search.iterate)
        self.rivals = {
            i for i, row in enumerate(resolved.rows) if i != asked and row.kind == "goal" and self.of[i] > _LEAST_GAIN
        }

    def cost(self, i: int, resolved: Resolved, shares: Shares) -> LimitCost:
        row, value, gain = resolved.requirements[i], shares.values[i], float(self.of[i])
        room = -row.short_k(value)
        gain_k = gain / self.doublings_per_k
        sentence = "" if gain_k < _TOLD_K else _gain_text(resolved.rows[self.asked], row, gain, gain_k)
        return LimitCost(row.label, value, row.bound, bool(room < _ACTIVE_K), gain, gain_k, sentence)


def _doublings_per_k(term: GoalTerm, iterate: Iterate) -> float:
    """Doublings of a dose if all of its tissue were 1 K hotter throughout; 1 for a temperature."""
    if not term.metric.scale.is_logarithmic:
        return 1.0
    kept, temperature = iterate.at(term.region_nodes)
    row = GoalRow(term.row.goal, term.row.region, term.row.nodes[kept], term.row.weights_m3[kept])
    low, high = (
        row_value(row, iterate.heat.times_s, temperature + step, iterate.heat.heating_s) for step in (-_STEP_K, _STEP_K)
    )
    return float(np.log2(high / low) / (2.0 * _STEP_K))


def _gain_text(goal: GoalRow, limit: Requirement, gain: float, gain_k: float) -> str:
    (step, per), name = limit.widening, goal.goal.searched.metric
    metric, _ = goal.goal.measure.searched(goal.goal.bound)
    kelvins = f"{step * gain_k:.2g} K of {goal.region} {metric.temperature_name}"
    dose = f" ({name} x {2.0 ** (step * gain):.2f})" if metric.scale.is_logarithmic else ""
    return f"{kelvins}{dose} {per}"


def _conflicts(missed: tuple[str, ...], limits: list[LimitCost], duty_gain: float) -> Iterator[str]:
    against = [cost.label for cost in limits if cost.gain > _LEAST_GAIN]
    if duty_gain > _LEAST_GAIN:
        against.append("the time there is (more duty, amplitude or a longer session would help)")
    for label in missed:
        yield f"{label} is out of reach: against it stand {', '.join(against) or 'no limit, only the heating there is'}"


def _shortfall(resolved: Resolved, goals: list[int], values: tuple[float, ...]) -> float:
    """Kelvins and doublings by which goals are missed, by weight and priority."""
    total = 0.0
    for i, value in zip(goals, values, strict=True):
        goal = resolved.rows[i].goal
        total += goal.weight * 10.0 ** (1 - goal.priority) * max(0.0, goal.short_k(value))
    return total


def _relax_limits(
    model: Model, resolved: Resolved, shares: Shares, settings: Settings, limits: list[LimitCost]
) -> Iterator[Relaxation]:
    dear = [cost for cost in limits if cost.gain > _LEAST_GAIN]
    for cost in dear[:_MOST_RELAXED]:
        at = next(i for i, row in enumerate(resolved.requirements) if row.label == cost.label)
        yield _relax_limit(model, resolved, shares, settings, at)


def _relax_limit(model: Model, resolved: Resolved, shares: Shares, settings: Settings, at: int) -> Relaxation:
    """Relaxation of one limit, which yields to the goals but no more than they need."""
    row = resolved.requirements[at]
    found = weighted_shares(
        model,
        resolved.yielding(at, _YIELDING_WEIGHT),
        window_edges_s=shares.window_edges_s,
        settings=settings,
        start=shares.shares,
    )
    value = found.values[at]
    what = f"{row.name} {row.said(value)} instead of {row.said(row.bound)}"
    return _relaxation(resolved, found, row.label, (row.bound, value), what)


def _relax_session(
    model: Model, resolved: Resolved, shares: Shares, settings: Settings, duty_gain: float
) -> Iterator[Relaxation]:
    """Relaxation of the session, half as long again, where time is what lacks."""
    if duty_gain <= _LEAST_GAIN:
        return
    edges = _LONGER * shares.window_edges_s
    minutes = (shares.window_edges_s[-1] / 60.0, edges[-1] / 60.0)
    found = weighted_shares(model, resolved, window_edges_s=edges, settings=settings, start=shares.shares)
    what = f"a session of {minutes[1]:.3g} min instead of {minutes[0]:.3g} min"
    yield _relaxation(resolved, found, "session", (float(minutes[0]), float(minutes[1])), what)


def _relaxation(resolved: Resolved, found: Shares, label: str, change: tuple[float, float], what: str) -> Relaxation:
    goals = [i for i, r in enumerate(resolved.rows) if r.goal.kind == "goal"]
    met = all(resolved.rows[i].goal.met(found.values[i]) for i in goals)
    end = (
        "all goals are met"
        if met
        else "; ".join(
            f"{resolved.rows[i].region} {resolved.rows[i].goal.metric} reaches "
            f"{resolved.rows[i].goal.said(found.values[i])}"
            for i in goals
        )
    )
    return Relaxation(label, *change, met, tuple(found.values[i] for i in goals), f"{what}: {end}")
