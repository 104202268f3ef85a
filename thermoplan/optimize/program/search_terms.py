"""Goals and limits as the search sees them: tissue, temperatures at an iterate, aims and penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals import GoalRow, SearchMetric, row_value
from .linear_program import Program
from .modal_heat import CorrectedModel, ModalHeat
from .modal_time import flushed

_SCREEN_FROM, _KEPT, _MOST = 100, 40, 800
_SINGLE_FROM = 3000
_SCREEN_K = 1.0


@dataclass(slots=True, eq=False)
class RegionNodes:
    """Nodes of one region in the reduced model.

    Where only the hottest spot is asked for, nodes that stay below ``screen_above_c`` are left out, but for
    the hottest ones.
    """

    nodes: IntArray
    weights_m3: Array
    modes: Array
    base_c: Array
    screen_above_c: float | None = None
    rise_k: Array | None = None

    @classmethod
    def of(cls, rows: Sequence[GoalRow], heat: ModalHeat, treatment_min: float) -> RegionNodes:
        """The tissue that these rows, all of one region, look at."""
        nodes, precision = rows[0].nodes, np.float64
        screen = None
        harmless_c = [_harmless_below_c(row, treatment_min) for row in rows]
        known_c = [temperature for temperature in harmless_c if temperature is not None]
        if len(known_c) == len(rows) and len(nodes) > _SCREEN_FROM:
            screen = min(known_c) - _SCREEN_K
            precision = np.float32 if len(nodes) > _SINGLE_FROM else np.float64
        model = heat.model
        modes = flushed(np.asarray(model.modes)[nodes]).astype(precision)
        rise = model.rise_at(heat.times_s, nodes) if isinstance(model, CorrectedModel) else None
        return cls(nodes, rows[0].weights_m3, modes, np.asarray(model.base_c)[nodes], screen, rise)

    def unheated_c(self, time: int, nodes: IntArray | int) -> Array:
        """Temperature without shares, of positions in `nodes` at a number in the times looked at."""
        return self.base_c[nodes] if self.rise_k is None else self.base_c[nodes] + self.rise_k[time, nodes]

    def temperatures(self, heat: ModalHeat, states: Array) -> tuple[IntArray, Array]:
        """Positions in `nodes` that were looked at, and their temperatures ``(t, k)``."""
        if self.screen_above_c is None:
            found = states @ self.modes.T
            found += self._unheated(slice(None))
            return np.arange(len(self.nodes)), found
        kept = self._hot(heat, states)
        theta = states.astype(self.modes.dtype) @ self.modes[kept].T
        return kept, theta.astype(float) + self._unheated(kept)

    def _unheated(self, nodes: IntArray | slice) -> Array:
        return self.base_c[nodes] if self.rise_k is None else self.base_c[nodes] + self.rise_k[:, nodes]

    def _hot(self, heat: ModalHeat, states: Array) -> IntArray:
        edges = heat.window_edges_s
        when = np.searchsorted(heat.times_s, np.concatenate([edges[1:], 0.5 * (edges[1:] + edges[:-1])]))
        rise = 0.0 if self.rise_k is None else self.rise_k[when]
        peak = (states[when].astype(self.modes.dtype) @ self.modes.T + rise).max(axis=0) + self.base_c
        above = int(np.clip((peak > self.screen_above_c).sum(), _KEPT, _MOST))
        return np.sort(np.argpartition(peak, -above)[-above:])


def _harmless_below_c(row: GoalRow, treatment_min: float) -> float | None:
    """Temperature below which a node cannot come near the bound; None where every node counts."""
    metric, bound = row.goal.measure.searched(row.goal.bound)
    return metric.harmless_below_c(bound, treatment_min) if row.goal.sense == "at_most" else None


@dataclass(slots=True, eq=False)
class Iterate:
    """Shares and the temperatures that follow, computed once a tissue."""

    heat: ModalHeat
    shares: Array
    states: Array = field(init=False)
    _seen: dict[RegionNodes, tuple[IntArray, Array]] = field(default_factory=dict)
    _values: dict[SearchTerm, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = self.heat.states(self.shares)

    def at(self, tissue: RegionNodes) -> tuple[IntArray, Array]:
        """Positions in the tissue that were looked at, and their temperatures ``(t, k)``."""
        if tissue not in self._seen:
            self._seen[tissue] = tissue.temperatures(self.heat, self.states)
        return self._seen[tissue]

    def value(self, term: SearchTerm) -> float:
        """Of a goal or limit, as it is searched: degrees C or minutes."""
        if term not in self._values:
            self._values[term] = term.value(self)
        return self._values[term]


@dataclass(slots=True, eq=False)
class SearchTerm:
    """One row of the goals, in K or, where it is a dose, in doublings of the dose; ``row`` is how it is searched,
    ``stated`` how the protocol has it, where the two differ.

    The search aims ``margin_k`` beyond the bound. Up to ``soft_k`` of that is given up at ``soft_cost`` per
    K, the rest and all beyond at ``cost``.
    """

    row: GoalRow
    tissue: RegionNodes
    cost: float
    soft_cost: float
    margin_k: float
    soft_k: float
    stated: GoalRow | None = None
    slack: tuple[int, int] = (0, 0)

    @property
    def metric(self) -> SearchMetric:
        """The metric that is searched."""
        return self.row.goal.measure.searched(self.row.goal.bound)[0]

    @property
    def at_least(self) -> bool:
        return self.row.goal.sense == "at_least"

    @property
    def aim_k(self) -> float:
        return self.row.goal.bound_k + (self.margin_k if self.at_least else -self.margin_k)

    def value(self, look: Iterate, row: GoalRow | None = None) -> float:
        """As the goal is searched, degrees C or minutes, unless a row says otherwise; `Look.value` remembers it."""
        kept, temperature = look.at(self.tissue)
        row = row or self.row
        row = GoalRow(row.goal, row.region, row.nodes[kept], row.weights_m3[kept])
        return row_value(row, look.heat.times_s, temperature, look.heat.heating_s)

    def value_stated(self, look: Iterate) -> float:
        """As the protocol states the goal, in its unit."""
        return look.value(self) if self.stated is None else self.value(look, self.stated)

    def value_k(self, look: Iterate) -> float:
        return self.row.goal.in_k(look.value(self))

    def excess_k(self, value_k: float) -> float:
        """How far a value is on the wrong side of the aim; negative where it is better."""
        return (self.aim_k - value_k) if self.at_least else (value_k - self.aim_k)

    def penalty(self, value_k: float) -> float:
        excess = max(0.0, self.excess_k(value_k))
        return self.soft_cost * min(excess, self.soft_k) + self.cost * max(0.0, excess - self.soft_k)

    def give(self, program: Program) -> dict[int, float]:
        """New variables that let a row ``<=`` give way, at the price of `penalty`."""
        self.slack = (program.variable(self.soft_cost, 0.0, self.soft_k), program.variable(self.cost, 0.0))
        return dict.fromkeys(self.slack, -1.0)

    def given_k(self, variables: Array) -> float:
        return float(variables[list(self.slack)].sum())
