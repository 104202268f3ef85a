"""Nodes of one region in the reduced model, and their temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, FloatArray, IntArray
from ...goals import GoalRow
from .modal_heat import CorrectedModel, ModalHeat
from .modal_time import flush_denormals

_SCREEN_FROM = 100
"""Regions with more nodes are screened for the hottest ones; in smaller ones all are as fast."""
_LEAST_KEPT = 40
"""Nodes that are kept however cold they are, so that the hottest is among them whichever columns a step takes up."""
_MOST_KEPT = 800
"""Nodes that are kept at most: twice as many cost twice the time in a region that is hot all over."""
_SINGLE_FROM = 3000
"""Regions with more nodes are screened in single precision: their modes need half the memory, and are read twice as
fast, for errors of some microkelvin."""
_SCREEN_K = 1.0
"""A node this far below the temperature that could matter is left out: peaks are looked at twice a window alone, and
may be higher in between. With twice as much plans are the same."""


@dataclass(slots=True, eq=False)
class RegionNodes:
    """Nodes of one region in the reduced model.

    Where only the hottest spot is asked for, nodes that stay below ``screen_above_c`` are left out, but for
    the hottest ones.
    """

    nodes: IntArray
    weights_m3: Array
    modes: FloatArray
    base_c: Array
    screen_above_c: float | None = None
    rise_k: Array | None = None

    @classmethod
    def of(cls, rows: Sequence[GoalRow], heat: ModalHeat, treatment_min: float) -> RegionNodes:
        """Nodes of these rows, which are all of one region."""
        nodes, model = rows[0].nodes, heat.model
        modes: FloatArray = flush_denormals(model.modes[nodes])
        screen = None
        harmless_c = [_harmless_below_c(row, treatment_min) for row in rows]
        known_c = [temperature for temperature in harmless_c if temperature is not None]
        if len(known_c) == len(rows) and len(nodes) > _SCREEN_FROM:
            screen = min(known_c) - _SCREEN_K
            if len(nodes) > _SINGLE_FROM:
                modes = modes.astype(np.float32)
        rise = model.rise_at(heat.times_s, nodes) if isinstance(model, CorrectedModel) else None
        return cls(nodes, rows[0].weights_m3, modes, model.base_c[nodes], screen, rise)

    def unheated_c(self, time: int, nodes: IntArray | int) -> Array:
        """Temperature without shares, of positions in `nodes` at a number in the times looked at."""
        found: Array = self.base_c[nodes] if self.rise_k is None else self.base_c[nodes] + self.rise_k[time, nodes]
        return found

    def temperatures(self, heat: ModalHeat, states: Array) -> tuple[IntArray, Array]:
        """Positions in `nodes` that were looked at, and their temperatures ``(t, k)``."""
        if self.screen_above_c is None:
            found = states @ self.modes.T
            found += self._unheated_c(slice(None))
            return np.arange(len(self.nodes)), found
        kept = self._hottest(heat, states, self.screen_above_c)
        theta = states.astype(self.modes.dtype) @ self.modes[kept].T
        return kept, theta.astype(float) + self._unheated_c(kept)

    def _unheated_c(self, nodes: IntArray | slice) -> Array:
        found: Array = self.base_c[nodes] if self.rise_k is None else self.base_c[nodes] + self.rise_k[:, nodes]
        return found

    def _hottest(self, heat: ModalHeat, states: Array, above_c: float) -> IntArray:
        """Positions of the nodes whose peak, at the middle or the end of a window, is above a temperature."""
        edges = heat.window_edges_s
        when = np.searchsorted(heat.times_s, np.concatenate([edges[1:], 0.5 * (edges[1:] + edges[:-1])]))
        rise = 0.0 if self.rise_k is None else self.rise_k[when]
        peak = (states[when].astype(self.modes.dtype) @ self.modes.T + rise).max(axis=0) + self.base_c
        kept = int(np.clip((peak > above_c).sum(), _LEAST_KEPT, _MOST_KEPT))
        return np.sort(np.argpartition(peak, -kept)[-kept:])


def _harmless_below_c(row: GoalRow, treatment_min: float) -> float | None:
    """Temperature below which a node cannot come near the bound; None where every node counts."""
    metric, bound = row.goal.measure.searched(row.goal.bound)
    return metric.harmless_below_c(bound, treatment_min) if row.goal.sense == "at_most" else None
