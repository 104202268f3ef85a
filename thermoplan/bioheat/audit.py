"""Energy audit of a run: stored + perfused + boundary = supplied, in every step between outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.arrays import Array
from .load_sequence import Cycle, Segment, same_loads
from .system import ThermalSystem


class EnergyAudit:
    """A ledger for ``evolve``: hand it over, exhaust the history, read ``balance_rel``.

    Heat that leaves is the engine's exact time integral of rows that were summed from regions and facets;
    heat that is stored is the difference of two reported states; heat that comes in is summed from the
    sequence alone. A term that the solver drops, a dwell that it skips or a state that it gets wrong therefore shows.
    The balance is drawn up twice, for the tissue (blood outside) and for tissue and blood together. An engine
    with feedback adds its integrals of the feedback's power on tissue and on all, which count as supplied.
    """

    KEPT = ("_residual_w", "_power_w")

    def __init__(self, system: ThermalSystem, pieces: Sequence[Segment | Cycle]) -> None:
        tissue = system.boundary_w_k.copy()
        tissue[system.n_nodes :] = 0.0
        outside = system.boundary_w_k + (0.0 if system.has_blood else system.perfused_w_k)
        self.rows = np.array([tissue, system.perfused_w_k, outside])
        self._stored = np.array(
            [np.where(np.arange(system.n_dof) < system.n_nodes, system.capacity_j_k, 0.0), system.capacity_j_k]
        )
        self._edges_s, self._supplied_j = supplied_energy(system, pieces)
        self._last: tuple[float, Array] | None = None
        self._residual_w = 0.0
        self._power_w = 0.0

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        stored, supplied = self._stored @ rise_k, np.interp(time_s, self._edges_s, self._supplied_j)
        rows, gained = integrals[:3], integrals[3:] if len(integrals) > 3 else np.zeros(2)
        now = np.concatenate([stored, rows, [supplied], gained])
        if self._last is not None:
            time, before = self._last
            self._close(time_s - time, now - before)
        self._last = time_s, now

    def _close(self, step_s: float, change_j: Array) -> None:
        tissue, whole, boundary, perfused, outside, supplied, to_tissue, to_all = change_j
        residual = max(
            abs(tissue + boundary + perfused - supplied - to_tissue), abs(whole + outside - supplied - to_all)
        )
        self._residual_w = max(self._residual_w, residual / step_s)
        self._power_w = max(self._power_w, float(np.abs(change_j).max()) / step_s)

    @property
    def balance_rel(self) -> float:
        """Largest residual of a step over the largest power term times the step."""
        return self._residual_w / self._power_w if self._power_w > 0.0 else 0.0


def supplied_energy(system: ThermalSystem, pieces: Sequence[Segment | Cycle]) -> tuple[Array, Array]:
    """Edges of the dwells ``(k + 1,)`` in s and the energy in J that went in until each."""
    parts = [piece.segments if isinstance(piece, Cycle) else (piece,) for piece in pieces]
    repeats = [piece.repeats if isinstance(piece, Cycle) else 1 for piece in pieces]
    segments = [segment for part in parts for segment in part]
    watts = np.empty(len(segments))
    for members in same_loads(segments):
        watts[members] = system.loads(segments[members[0]].load_w).sum()
    ends = np.cumsum([len(part) for part in parts])
    dwells = [np.arange(end - len(part), end) for part, end in zip(parts, ends, strict=True)]
    played = np.concatenate([np.tile(some, count) for some, count in zip(dwells, repeats, strict=True)])
    step = np.array([segment.duration_s for segment in segments])[played]
    return np.append(0.0, np.cumsum(step)), np.append(0.0, np.cumsum(step * watts[played]))
