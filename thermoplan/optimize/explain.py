"""Why a plan is no better: what each limit costs, which goals it stands against, what would help most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..goals import Resolved, Row
from ..search.heat import Heat, Model
from .loop import Search, Settings, Shares, optimize_shares

_ACTIVE_K = 0.25
_WORTH = 1e-2
_YIELDING = 0.02


@dataclass(frozen=True, slots=True)
class LimitCost:
    """What one limit costs.

    ``gain`` is what the most important missed goal gains (K, or doublings of its dose) per unit by which the
    limit is widened (K, or doublings of its dose); 0 where no goal is missed.
    """

    label: str
    value: float
    bound: float
    active: bool
    gain: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One limit allowed to give way, all else kept: how far it then goes, and whether the goals are met."""

    label: str
    from_bound: float
    to_value: float
    goals_met: bool
    goal_values: tuple[float, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """``limits`` with their costs, dearest first; ``duty_gain`` is a goal's gain per 0.1 of duty in all windows;
    ``conflicts`` are sentences; ``relaxations``, most helpful first, only where a goal is missed."""

    missed: tuple[str, ...]
    limits: tuple[LimitCost, ...]
    duty_gain: float
    conflicts: tuple[str, ...]
    relaxations: tuple[Relaxation, ...]


def explain(model: Model, resolved: Resolved, shares: Shares, *, settings: Settings | None = None,
            relax: bool = True) -> Explanation:
    """Explain a plan of `optimize_shares`; with ``relax`` every limit that costs is tried without it."""
    settings = settings or Settings()
    heat = Heat(model, shares.window_edges_s, settings.cool_down_s, settings.step_s)
    search = Search(heat, resolved, settings, None)
    program, optimum = search.priced(shares.shares)
    terms = search.terms[: search.rows]
    prices = [program.price(optimum, term.slack[1]) for term in terms]
    missed = [i for i, row in enumerate(resolved.rows) if row.goal.kind == "goal"
              and not row.goal.met(shares.values[i])]
    missed.sort(key=lambda i: (resolved.rows[i].goal.priority, -terms[i].cost))
    first = missed[0] if missed else None
    unit = prices[first] if first is not None and prices[first] > 0.0 else np.inf
    limits = [_limit_cost(resolved, i, shares, prices[i] / unit, first) for i, row in enumerate(resolved.rows)
              if row.goal.kind == "limit"]
    limits.sort(key=lambda cost: -cost.gain)
    duty_gain = 0.1 * float(optimum.duty.sum()) / unit
    labels = tuple(resolved.rows[i].label for i in missed)
    relaxations = tuple(_relaxations(model, resolved, shares, settings, limits)) if relax and missed else ()
    return Explanation(labels, tuple(limits), duty_gain, tuple(_conflicts(labels, limits, duty_gain)), relaxations)


def _limit_cost(resolved: Resolved, i: int, shares: Shares, gain: float, missed: int | None) -> LimitCost:
    row, value = resolved.rows[i], shares.values[i]
    room = row.goal.bound_k - (np.log2(max(value, 1e-300)) if row.goal.parts.is_dose else value)
    sentence = "" if missed is None or gain < _WORTH else _gain_text(resolved.rows[missed], row, gain)
    return LimitCost(row.label, value, row.goal.bound, bool(room < _ACTIVE_K), float(gain), sentence)


def _gain_text(goal: Row, limit: Row, gain: float) -> str:
    per = "per doubling of" if limit.goal.parts.is_dose else "per K of"
    what = f"{goal.region} {goal.goal.metric}"
    gained = f"{what} x {2.0**gain:.2f}" if goal.goal.parts.is_dose else f"{gain:.2g} K of {what}"
    return f"{gained} {per} {limit.region} {limit.goal.metric}"


def _conflicts(missed: tuple[str, ...], limits: list[LimitCost], duty_gain: float) -> Iterator[str]:
    against = [cost.label for cost in limits if cost.gain > _WORTH]
    if duty_gain > _WORTH:
        against.append("the time there is (more duty, amplitude or a longer session would help)")
    for label in missed:
        yield f"{label} is out of reach: against it stand {', '.join(against) or 'no limit, only the heating there is'}"


def _relaxations(model: Model, resolved: Resolved, shares: Shares, settings: Settings,
                 limits: list[LimitCost]) -> Iterator[Relaxation]:
    found = []
    for cost in limits:
        if cost.gain > _WORTH:
            at = next(i for i, row in enumerate(resolved.rows) if row.label == cost.label)
            found.append(_without(model, resolved, shares, settings, at))
    yield from sorted(found, key=lambda r: (not r.goals_met, -sum(np.log(np.maximum(r.goal_values, 1e-9)))))


def _without(model: Model, resolved: Resolved, shares: Shares, settings: Settings, at: int) -> Relaxation:
    """The plan where one limit yields to the goals, but no more than they need."""
    row = resolved.rows[at]
    yielding = replace(row, goal=replace(row.goal, kind="goal", weight=_YIELDING, priority=1))
    rows = (*resolved.rows[:at], yielding, *resolved.rows[at + 1:])
    found = optimize_shares(model, replace(resolved, rows=rows), window_edges_s=shares.window_edges_s,
                            settings=settings, start=shares.shares)
    goals = [i for i, r in enumerate(resolved.rows) if r.goal.kind == "goal"]
    met = all(resolved.rows[i].goal.met(found.values[i]) for i in goals)
    value = found.values[at]
    end = "all goals are met" if met else "; ".join(
        f"{resolved.rows[i].region} {resolved.rows[i].goal.metric} reaches {found.values[i]:.3g}" for i in goals)
    sentence = f"{row.region} {row.goal.metric} {value:.3g} instead of {row.goal.bound:g} {row.goal.unit}: {end}"
    return Relaxation(row.label, row.goal.bound, value, met, tuple(found.values[i] for i in goals), sentence)
