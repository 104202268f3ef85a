"""Terms of the merit function: goals, limits and budgets of safety at an iterate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals import GoalRow, SafetyBudget, SearchMetric, row_value
from ...goals.metrics import MetricSlope
from .modal_heat import ModalHeat
from .penalty import PenalizedBound
from .region_nodes import RegionNodes

_FEW_NODES = 2
"""A percentile is a mixture of so many nodes, which are other ones at each time: their modes are gathered, where a
statistic of more nodes is one product with the modes of all."""


@dataclass(slots=True, eq=False)
class Iterate:
    """Shares and the temperatures that follow, computed once a region."""

    heat: ModalHeat
    shares: Array
    states: Array = field(init=False)
    _seen: dict[RegionNodes, tuple[IntArray, Array]] = field(default_factory=dict)
    _values: dict[GoalTerm, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = self.heat.states(self.shares)

    def at(self, region_nodes: RegionNodes) -> tuple[IntArray, Array]:
        """Positions in the region that were looked at, and their temperatures ``(t, k)``."""
        if region_nodes not in self._seen:
            self._seen[region_nodes] = region_nodes.temperatures(self.heat, self.states)
        return self._seen[region_nodes]

    def value(self, term: GoalTerm) -> float:
        """Value of a goal or limit as it is searched, degrees C or minutes."""
        if term not in self._values:
            self._values[term] = term.value(self, term.row)
        return self._values[term]


@dataclass(slots=True, eq=False)
class GoalTerm:
    """Term of a goal or limit: ``row`` is how it is searched, ``stated`` how the protocol has it, where they differ."""

    row: GoalRow
    region_nodes: RegionNodes
    bound: PenalizedBound
    stated: GoalRow | None = None

    @property
    def requirement(self) -> GoalRow:
        """The row as the protocol states it."""
        return self.stated or self.row

    @property
    def label(self) -> str:
        """Of the row as it is searched."""
        return self.row.label

    @property
    def metric(self) -> SearchMetric:
        """The metric that is searched."""
        return self.row.goal.measure.searched(self.row.goal.bound)[0]

    @property
    def at_least(self) -> bool:
        return self.bound.at_least

    @property
    def is_convex(self) -> bool:
        """True where the penalty is a convex function of the shares, and its rows never cut a plan off."""
        return self.metric.is_convex(at_least=self.at_least)

    def value(self, iterate: Iterate, row: GoalRow) -> float:
        """Value of a row with this term's nodes, in its unit; `Iterate.value` remembers that of the term's own."""
        kept, temperature = iterate.at(self.region_nodes)
        row = GoalRow(row.goal, row.region, row.nodes[kept], row.weights_m3[kept])
        return row_value(row, iterate.heat.times_s, temperature, iterate.heat.heating_s)

    def value_stated(self, iterate: Iterate) -> float:
        """Value in the unit of the requirement."""
        return iterate.value(self) if self.stated is None else self.value(iterate, self.stated)

    def value_k(self, iterate: Iterate) -> float:
        """Value on the search's scale: K, or doublings of a dose."""
        return self.row.in_k(iterate.value(self))

    def share_slope(self, iterate: Iterate) -> tuple[float, Array]:
        """`value_k`, and its derivative ``(n_windows, n_columns)`` by the shares."""
        slopes, value_k = gradient(self, iterate)
        return value_k, iterate.heat.gradient(iterate.heat.adjoint(slopes))


@dataclass(slots=True, eq=False)
class BudgetTerm:
    """Term of a budget of safety, which is linear in the shares."""

    budget: SafetyBudget
    bound: PenalizedBound

    @property
    def requirement(self) -> SafetyBudget:
        return self.budget

    @property
    def label(self) -> str:
        return self.budget.label

    @property
    def is_convex(self) -> bool:
        return True

    def value_k(self, iterate: Iterate) -> float:
        return self.budget.in_k(self.value_stated(iterate))

    def value_stated(self, iterate: Iterate) -> float:
        return self.budget.used(iterate.shares, iterate.heat.window_edges_s)

    def share_slope(self, iterate: Iterate) -> tuple[float, Array]:
        return self.value_k(iterate), self.per_share_k(iterate.heat)

    def per_share_k(self, heat: ModalHeat) -> Array:
        """Coefficients ``(n_windows, n_columns)`` of the shares."""
        return np.outer(np.diff(heat.window_edges_s) / heat.heating_s, self.budget.in_k(100.0) * self.budget.part)


Term = GoalTerm | BudgetTerm


def gradient(term: GoalTerm, iterate: Iterate) -> tuple[Array, float]:
    """Derivative ``(t, r)`` of a term's value by the modes in time, and the value (K or doublings)."""
    from ...bioheat.linalg.percentiles import between  # loads Numba

    kept, temperature = iterate.at(term.region_nodes)
    judged = term.row.goal.judged(iterate.heat.times_s, iterate.heat.heating_s)
    value_k, slope = term.metric.slope(temperature, term.region_nodes.weights_m3[kept], judged, between)
    return _in_modes(slope, term.region_nodes, kept), value_k


def _in_modes(slope: MetricSlope, region_nodes: RegionNodes, kept: IntArray) -> Array:
    """A derivative by nodes, of positions among those ``kept`` of the region, as one by modes ``(t, r)``."""
    nodes, mix = slope.nodes, slope.mix
    if nodes.ndim == 1:
        spatial = mix @ _modes(region_nodes, kept[nodes])
    elif nodes.shape[1] > _FEW_NODES:
        spatial = mix @ _modes(region_nodes, kept)
    else:
        parts = (part[:, None] * _modes(region_nodes, kept[node]) for part, node in zip(mix.T, nodes.T, strict=True))
        spatial = sum(parts, np.zeros((len(mix), region_nodes.modes.shape[1])))
    return spatial if slope.in_time is None else slope.in_time[:, None] * spatial


def _modes(region_nodes: RegionNodes, nodes: IntArray) -> Array:
    """Modes of positions in the region; all of them in their order are not copied."""
    every = len(nodes) == len(region_nodes.nodes) and bool((np.diff(nodes) == 1).all())
    return (region_nodes.modes if every else region_nodes.modes[nodes]).astype(float, copy=False)
