"""Playback of a trajectory: its columns, the pieces of load in order, and the times that are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...bioheat import Cycle, Segment, cycles
from ...power.heating_basis import Column, HeatingBasis
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel

LONGEST_COOL_DOWN_S = 1200.0
"""Longest cool-down where the protocol gives none; twice as long is played only where tissue stays above `SAFE_C`."""
BURSTS = 40
"""Places in a long sequence where the ends of dwells are looked at; each adds `BURST` outputs."""
BURST = 6
"""Neighbouring dwells that are looked at together: the stops of a short cycle."""
COOL_DOWN_PARTS_S = (120.0, 360.0)
"""Ends of the parts that the cool-down is played in, so that one that ends early is not computed to its end."""


def columns_of(trajectory: Trajectory) -> tuple[tuple[Column, ...], IntArray]:
    """The distinct columns of a trajectory, and which one each stop plays; -1 where its amplitude is zero."""
    number: dict[Column, int] = {}
    which = np.full(len(trajectory), -1, np.int64)
    for i, stop in enumerate(trajectory.stops):
        if stop.amplitude_t > 0.0:
            column = Column(stop.center_m, stop.amplitude_t, stop.gradient_t_m, stop.direction)
            which[i] = number.setdefault(column, len(number))
    return tuple(number), which


def segments_of(trajectory: Trajectory, load_w: Array, which: IntArray) -> list[Segment]:
    """Dwells of loads ``(k, n)`` and the rests between them, in order, up to the end of heating."""
    rest = np.zeros(load_w.shape[1])
    found, clock = [], 0.0
    for stop, column in zip(trajectory.stops, which, strict=True):
        gap = stop.start_s - clock
        if gap > 1e-9:
            found.append(Segment(rest, gap))
        found.append(Segment(load_w[column] if column >= 0 else rest, stop.dwell_s))
        clock = stop.start_s + stop.dwell_s
    if trajectory.duration_s - clock > 1e-9:
        found.append(Segment(rest, trajectory.duration_s - clock))
    return found


def output_times_s(heating_s: float, cool_down_s: float, step_s: float | None = None) -> Array:
    """Output times of the full model: every ``step_s``; where that is None about 300 while heating, then sparser."""
    if step_s is not None:
        heating, cooling = (np.append(np.arange(0.0, end - 1e-6, step_s), end) for end in (heating_s, cool_down_s))
        return np.concatenate([heating, heating_s + cooling[1:]])
    heating = np.linspace(0.0, heating_s, max(31, min(361, round(heating_s / 5.0) + 1)))
    if cool_down_s <= 0.0:
        return heating
    fast = np.arange(5.0, min(cool_down_s, 120.0), 5.0)
    slow = np.arange(120.0, cool_down_s, 20.0)
    return np.concatenate([heating, heating_s + np.concatenate([fast, slow, [cool_down_s]])])


def dwell_ends_s(trajectory: Trajectory) -> Array:
    """Ends of dwells, where temperature peaks: all of a short sequence, bursts of neighbours of a long one."""
    ends = trajectory.start_s + trajectory.dwell_s
    if len(ends) <= BURSTS * BURST:
        return ends
    first = np.linspace(0, len(ends) - BURST, BURSTS).astype(int)
    return ends[np.unique(first[:, None] + np.arange(BURST))]


@dataclass(frozen=True, slots=True, eq=False)
class Playback:
    """A trajectory as the full model plays it: its columns and their heat, the pieces of load in order, and the times
    that are looked at; ``which (s,)`` is the column of each stop, -1 for a rest."""

    trajectory: Trajectory
    basis: HeatingBasis
    which: IntArray
    pieces: Sequence[Segment | Cycle]
    times_s: Array
    end_s: float

    @property
    def shares(self) -> Array:
        """Share of the heating that each column has ``(k,)``."""
        on, dwell_s = self.which >= 0, self.trajectory.dwell_s
        return np.bincount(self.which[on], dwell_s[on], len(self.basis.columns)) / self.trajectory.duration_s


def playback_of(heating_model: HeatingModel, trajectory: Trajectory, also_s: Array) -> Playback:
    """Lay out a trajectory and its cool-down, which is looked at at the times ``also_s`` too."""
    session, full = heating_model.case.protocol.session, heating_model.finer or heating_model
    columns, which = columns_of(trajectory)
    if not columns:
        raise InputError("the trajectory has no stop with a field: nothing is heated")
    basis = heating_model.basis(columns)
    heating = trajectory.duration_s
    longest = LONGEST_COOL_DOWN_S if session.cool_down_s is None else session.cool_down_s
    pieces = cycles(segments_of(trajectory, heating_model.played_w(basis), which))
    rest = np.zeros(full.system.n_nodes)
    edges = [t for t in COOL_DOWN_PARTS_S if t < longest]
    pieces += [Segment(rest, part) for part in np.diff([0.0, *edges, longest]) if part > 0.0]
    looked_at = output_times_s(heating, longest, session.output_step_s)
    times = np.concatenate([looked_at, dwell_ends_s(trajectory), also_s])
    times = np.unique(np.where(np.abs(times - heating) < 1e-6, heating, times))  # of two ends of heating the exact one
    return Playback(trajectory, basis, which, pieces, times, heating + longest)
