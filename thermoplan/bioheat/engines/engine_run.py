"""State of an engine's run, its beginning or resumption, and its outputs: what all engines share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ..feedback import Feedback
from ..linalg.krylov import Operator, operator
from ..load_sequence import Cycle, Segment, after
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState

SAME_TIME_S = 1e-6
"""Times closer than this are one: sums of dwells are rounded by less. Twice as much would still be shorter than any
dwell."""
Moment = tuple[float, Array, Array]
"""Time, state or rise ``(n,)``, and the integrals of what is watched."""


class Ledger(Protocol):
    """Consumer of the engine's exact time integrals, such as the energy audit."""

    rows: Array

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        """``integrals`` is the time integral since 0 of ``rows @ rise``."""


class RunOptions(TypedDict, total=False):
    """Operator, ledger and checkpoints of one run of an engine.

    ``engine`` is ``operator(system.stiffness, system.scale_j_k)``, where many runs share one or its products are
    counted. ``keeping`` is the checkpoint to start from, in the times of the whole run, and the consumer of others.
    """

    engine: Operator | None
    ledger: Ledger | None
    keeping: CheckpointPolicy


class SequenceOptions(TypedDict, total=False):
    """Feedback, ledger and checkpoints of a run whose operator is given by itself."""

    feedback: Feedback | None
    ledger: Ledger | None
    keeping: CheckpointPolicy


class FeedbackOptions(RunOptions, total=False):
    """The same, with the feedback that the run follows: relative to its value in ``system.base_c`` (see ``settle``)."""

    feedback: Feedback | None


@dataclass(slots=True, eq=False)
class EngineRun:
    """State of a run: scaled temperatures, clock, requested times and integrals of what is watched.

    ``offset`` is a scaled power on every dof that comes on top of any load; outputs are of the ``shown`` dofs.
    """

    op: Operator
    system: ThermalSystem
    times: Array
    tolerance: float
    rows: Array
    y: Array
    clock: float = 0.0
    integrals: Array = field(default_factory=lambda: np.zeros(0))
    offset: Array | float = 0.0
    shown: IntArray | slice = slice(None)
    keeping: CheckpointPolicy = NO_CHECKPOINT
    end_s: float = np.inf

    def scaled(self, load_w: Array) -> Array:
        """Rate of change that a load alone would make, ``(n_dof,)``."""
        return self.system.loads(load_w) / self.op.root_capacity + self.offset

    def due(self, end: float) -> Array:
        """Requested times in (clock, end], as times since the clock."""
        now = (self.times > self.clock + SAME_TIME_S) & (self.times <= end + SAME_TIME_S)
        return self.times[now] - self.clock

    def mark(self, pace_s: float = 0.0) -> None:
        """Offer a checkpoint, if anything is left to play."""
        if self.keeping.mark is not None and self.clock < self.end_s - SAME_TIME_S:
            state = self.system.base_c + self.y / self.op.root_capacity
            self.keeping.mark(EngineState(self.clock, state, pace_s))

    def rises(self, moments: Iterable[Moment]) -> Iterator[Moment]:
        """Moments with the rise in K of the shown dofs in place of their scaled state."""
        root = self.op.root_capacity[self.shown]
        return ((time_s, y / root, integrals) for time_s, y, integrals in moments)


def run_times(pieces: Sequence[Segment | Cycle], output_times_s: ArrayLike) -> tuple[Array, float]:
    """Distinct output times, and the end of the run; refuses times outside it."""
    end = sum(p.duration_s for p in pieces)
    times = np.unique(np.asarray(output_times_s, float))
    if len(times) and not 0.0 <= times[0] <= times[-1] <= end + SAME_TIME_S:
        raise InputError(f"output times from {times[0]} to {times[-1]} s: the run is from 0 to {end} s")
    return times, end


def start_run(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    tolerance_k: float,
    options: RunOptions,
) -> EngineRun:
    """Run at time 0 in the state before heating."""
    times, end = run_times(pieces, output_times_s)
    op, ledger = options.get("engine") or operator(system.stiffness, system.scale_j_k), options.get("ledger")
    rows = np.zeros((0, system.n_dof)) if ledger is None else ledger.rows
    scaled, start, nothing = rows / op.root_capacity, np.zeros(system.n_dof), np.zeros(len(rows))
    return EngineRun(op, system, times, tolerance_k, scaled, start, integrals=nothing, end_s=end)


def resume_run(
    run: EngineRun, pieces: Sequence[Segment | Cycle], keeping: CheckpointPolicy
) -> Sequence[Segment | Cycle]:
    """Put the run into the state that it is to start from; what is left to play."""
    run.keeping = keeping
    if keeping.start is None:
        return pieces
    run.clock = keeping.start.time_s
    run.y = (keeping.start.temperature_c - run.system.base_c) * run.op.root_capacity
    return after(pieces, run.clock)


def yield_outputs(rises: Iterable[Moment], base_c: Array, ledger: Ledger | None) -> Iterator[tuple[float, Array]]:
    """Temperatures of the moments of a run, each time once, after a ledger has its rise and integrals."""
    last = -np.inf
    for time_s, rise_k, integrals in rises:
        if time_s <= last + SAME_TIME_S:
            continue
        last = time_s
        if ledger is not None:
            ledger.enter(time_s, rise_k, integrals)
        yield time_s, base_c + rise_k
