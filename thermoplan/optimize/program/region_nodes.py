"""Nodes of one region in the reduced model, and their temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals import GoalRow
from .modal_heat import CorrectedModel, ModalHeat
from .modal_time import flush_denormals

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
        modes = flush_denormals(np.asarray(model.modes)[nodes]).astype(precision)
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
