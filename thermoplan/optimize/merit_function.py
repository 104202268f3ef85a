"""Merit function of a search: an exact penalty of every goal, limit and budget, and the price of heat elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array
from ..goals import Goal, GoalRow, Resolved, SafetyBudget
from ..goals.metrics.metric import SAME_TIME_S
from .program.modal_heat import ModalHeat
from .program.penalty import PenalizedBound
from .program.region_nodes import RegionNodes
from .program.search_terms import BudgetTerm, GoalTerm, Iterate, Term
from .settings import GOAL_COST, SearchStatus, Settings, Shares

_SOFT_OF_LIMIT = 2.0 / 3.0
"""Part of a limit's margin that a goal may use up; the rest is kept even against a goal, so that what verification adds
breaks no limit. Of a goal's margin all may go."""
_SOFT_COST = 1.0
_SOFT_PART = 0.1
"""Price of a kelvin of that part: a hundredth of a goal's, and a tenth of its own where that weighs less. Twice as much
would buy margins with heat where it is not wanted."""
_MOST_WEIGHT = 1.0
"""Where a goal weighs more, all of its priority are scaled down, so that none is worth a limit: with twice as much a
goal of weight 2 would cost a fifth of a limit instead of a tenth."""
_PRIORITY_RATIO = 10.0
"""A goal costs so many times less than one of the priority before it, until `priorities` puts them in order: a kelvin
of the first is not sold for less than ten of the second, and the linear program still tells both from rounding."""
_LEAST_RATE_1_S = 1e-9
"""Rate of a mode that decays in 30 years: a slower one counts as this, so that its steady rise is finite."""
NO_SHARE = 1e-30
"""Stands for a sum of shares of nothing, by which nothing is divided."""
_NO_VOLUME_M3 = 1e-30
"""Stands for a volume of nothing, by which nothing is divided."""


@dataclass(frozen=True, slots=True, eq=False)
class MeritTerms:
    """Terms of the rows, of the budgets, and those that keep the targets from being hotter than they need."""

    rows: tuple[GoalTerm, ...]
    budgets: tuple[BudgetTerm, ...]
    peaks: tuple[GoalTerm, ...]

    @property
    def required(self) -> tuple[Term, ...]:
        """In the order of `Resolved.requirements`."""
        return (*self.rows, *self.budgets)

    @property
    def all(self) -> tuple[Term, ...]:
        return (*self.required, *self.peaks)


def merit_terms(resolved: Resolved, heat: ModalHeat, settings: Settings) -> MeritTerms:
    """A term for every row and budget, and one a target that keeps it from being hotter than it needs."""
    rows, peaks, scales = [row.searched for row in resolved.rows], _peaks(resolved, heat), _scales(resolved)
    minutes = (heat.heating_s + settings.cool_down_s) / 60.0
    by_region: dict[tuple[str, int], list[GoalRow]] = {}
    for row in (*rows, *peaks):
        by_region.setdefault((row.region, len(row.nodes)), []).append(row)
    nodes = {key: RegionNodes.of(members, heat, minutes) for key, members in by_region.items()}

    def term(row: GoalRow, bound: PenalizedBound, stated: GoalRow | None = None) -> GoalTerm:
        return GoalTerm(row, nodes[row.region, len(row.nodes)], bound, stated)

    return MeritTerms(
        tuple(
            term(row, _bound(row.goal, settings, scales), None if row.goal == stated.goal else stated)
            for row, stated in zip(rows, resolved.rows, strict=True)
        ),
        tuple(BudgetTerm(budget, _budget_bound(budget, settings, scales)) for budget in resolved.budgets),
        tuple(term(row, PenalizedBound(row.goal.bound_k, False, settings.peak_cost, 0.0)) for row in peaks),
    )


def _bound(goal: Goal, settings: Settings, scales: Mapping[int, float]) -> PenalizedBound:
    limit, margin = goal.kind == "limit", settings.margin_k(goal)
    cost = settings.limit_cost if limit else GOAL_COST * goal.weight * scales[goal.priority]
    return _penalized_bound(goal.bound_k, goal.sense == "at_least", cost, margin, limit=limit)


def _budget_bound(budget: SafetyBudget, settings: Settings, scales: Mapping[int, float]) -> PenalizedBound:
    limit = budget.yields is None
    first = scales[min(scales)] if scales else 1.0
    cost = settings.limit_cost if budget.yields is None else GOAL_COST * budget.yields * first
    return _penalized_bound(budget.in_k(budget.bound), False, cost, settings.limit_margin_k, limit=limit)


def _penalized_bound(bound_k: float, at_least: bool, cost: float, margin_k: float, *, limit: bool) -> PenalizedBound:
    soft = margin_k * (_SOFT_OF_LIMIT if limit else 1.0)
    return PenalizedBound(bound_k, at_least, cost, min(_SOFT_COST, _SOFT_PART * cost), margin_k, soft)


def _scales(resolved: Resolved) -> dict[int, float]:
    """Factor of the weights of each priority, 1 for the first there is, whatever its number."""
    largest: dict[int, float] = {}
    for goal in (row.goal for row in resolved.rows if row.goal.kind == "goal"):
        largest[goal.priority] = max(goal.weight, largest.get(goal.priority, _MOST_WEIGHT))
    first = min(largest, default=1)
    return {
        priority: _MOST_WEIGHT / weight / _PRIORITY_RATIO ** (priority - first) for priority, weight in largest.items()
    }


def cheapest_goal_cost(resolved: Resolved) -> float:
    """Price of 1 K, or a doubling, short of the goal that a search minds least; infinite without a goal."""
    scales = _scales(resolved)
    goals = (row.goal for row in resolved.rows if row.goal.kind == "goal")
    return min((GOAL_COST * goal.weight * scales[goal.priority] for goal in goals), default=np.inf)


def _peaks(resolved: Resolved, heat: ModalHeat) -> list[GoalRow]:
    found = []
    for row in resolved.focus:
        coldest = float(np.asarray(heat.model.base_c)[row.nodes].min())
        found.append(replace(row, goal=Goal("goal", (row.region,), "Tmax", coldest, "at_most")))
    return found


def _outside_rise_k(resolved: Resolved, heat: ModalHeat) -> Array:
    """Mean rise outside the targets while heating, K per share ``(w, c)``."""
    volume = resolved.outside_m3
    modes = np.asarray(heat.model.modes)[: len(volume)]
    mean = (volume / max(volume.sum(), _NO_VOLUME_M3)) @ modes
    heating = heat.times_s <= heat.heating_s + SAME_TIME_S
    weights = np.zeros(len(heat.times_s))
    weights[heating] = np.gradient(heat.times_s[heating]) / heat.heating_s
    return heat.gradient(heat.adjoint(weights[:, None] * mean))


class MeritFunction:
    """Sum of the penalties of all terms and of the price of heat outside the targets; a search makes it least.

    ``share_cost (n_windows, n_columns)`` is that price of each share.
    """

    def __init__(self, heat: ModalHeat, resolved: Resolved, settings: Settings) -> None:
        self.heat, self.resolved, self.settings = heat, resolved, settings
        self.terms = merit_terms(resolved, heat, settings)
        self.share_cost = settings.heat_cost * _outside_rise_k(resolved, heat)

    def __call__(self, iterate: Iterate) -> float:
        penalties = sum(term.bound.penalty(term.value_k(iterate)) for term in self.terms.all)
        return float(penalties + (self.share_cost * iterate.shares).sum())

    def iterate(self, shares: Array) -> Iterate:
        """Iterate at shares, which are checked."""
        return Iterate(self.heat, self.heat.checked(shares))

    def fitted(self, shares: Array) -> Iterate:
        """Iterate at shares, scaled down in windows where they exceed the duty."""
        sums = shares.sum(axis=1, keepdims=True)
        scale = np.minimum(1.0, self.settings.max_duty / np.maximum(sums, NO_SHARE))
        return Iterate(self.heat, shares * scale)

    def target_rise(self) -> Array:
        """Mean steady rise ``(c,)`` of the regions of the goals, per share of each column."""
        rise = np.zeros(self.heat.n_columns)
        rates = np.maximum(np.asarray(self.heat.model.rates_1_s), _LEAST_RATE_1_S)
        for term in self.terms.rows:
            if term.at_least:
                mean = term.region_nodes.weights_m3 / term.region_nodes.weights_m3.sum() @ term.region_nodes.modes
                rise += np.asarray(self.heat.model.inputs) @ (mean / rates)
        return np.maximum(rise, 0.0)

    def values_k(self, iterate: Iterate) -> tuple[float, ...]:
        """Value of each requirement on the search's scale."""
        return tuple(term.value_k(iterate) for term in self.terms.required)

    def evaluate(self, iterate: Iterate, *, status: SearchStatus, method: str) -> Shares:
        """The plan at an iterate: values as the requirements state them, those that are not met, and the merit."""
        values = tuple(term.value_stated(iterate) for term in self.terms.required)
        asked = zip(self.resolved.requirements, values, strict=True)
        broken = tuple(requirement.label for requirement, value in asked if not requirement.met(value))
        return Shares(iterate.shares, self.heat.window_edges_s, values, broken, status, self(iterate), method=method)
