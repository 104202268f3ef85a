"""The full model in time: every dwell is played, exactly; a repeated cycle costs one Krylov space in all.

A dwell from ``y0``:   y(t) = y0 + t phi1(-tA) (f - A y0).
A cycle of period P, first pass from y0 to y(P), d = y(P) - y0:
    y(nP + tau) = y(tau) + e^{-A tau} sum_{k<n} e^{-A k P} d,
which is no average: the sum is a function of A, and one space from ``d`` has it for every n and tau.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ..linalg.krylov import Operator, Space, grown, operator
from ..linalg.phi import decay, phi1, phi2
from ..load_sequence import Cycle, Segment, after, flat
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState

TOLERANCE_K = 1e-5
OUTPUT_BYTES = 100e6
CYCLES_AT_ONCE = 4096
FEWEST_CYCLED = 2
SAME_TIME_S = 1e-6


class Ledger(Protocol):
    """Consumer of the engine's exact time integrals, such as the energy audit."""

    rows: Array

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        """``integrals`` is the time integral since 0 of ``rows @ rise``."""


@dataclass(slots=True, eq=False)
class EngineRun:
    """Where the engine stands: scaled state, clock, what has been asked for and what is watched.

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
        return self.system.loads(load_w) / self.op.root_capacity + self.offset

    def due(self, end: float) -> Array:
        """Requested times in (clock, end], as times since the clock."""
        now = (self.times > self.clock + SAME_TIME_S) & (self.times <= end + SAME_TIME_S)
        return self.times[now] - self.clock

    def mark(self, pace_s: float = 0.0) -> None:
        """Tell where the run stands, if anything is left to play."""
        if self.keeping.mark is not None and self.clock < self.end_s - SAME_TIME_S:
            state = self.system.base_c + self.y / self.op.root_capacity
            self.keeping.mark(EngineState(self.clock, state, pace_s))


def evolve(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    start_c: Array | None = None,
    rows: IntArray | None = None,
    tolerance_k: float = TOLERANCE_K,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
) -> Iterator[tuple[float, Array]]:
    """Temperatures ``(time_s, temperature_c (n_dof,))`` at 0, at every requested time, and at the end.

    Parameters
    ----------
    output_times_s
        Since the start of the first piece; each is met exactly. Times past the end are refused.
    start_c
        ``(n_dof,)`` state at 0; the steady state before heating if None.
    rows
        Dofs to yield the temperatures of, all if None; a few cost next to nothing. A ledger needs all.
    tolerance_k
        Largest error of a piece over the nodes, estimated by its residual.
    engine
        ``operator(system.stiffness, system.capacity_j_k)``, where many runs share one or its counts are read.
    keeping
        A place in the run to go on from, in the times of the whole run, and who is told of such places.
    """
    run = started(system, pieces, output_times_s, tolerance_k=tolerance_k, ledger=ledger, engine=engine)
    left = resumed(run, pieces, keeping)
    if start_c is not None:
        run.y = (start_c - system.base_c) * run.op.root_capacity
    if rows is not None:
        if ledger is not None:
            raise InputError("evolve: a ledger needs every row")
        run.shown = np.asarray(rows, np.int64)
    root_capacity, base = run.op.root_capacity[run.shown], system.base_c[run.shown]
    last = None
    for time, y, integrals in _played(run, left, sum(p.duration_s for p in pieces)):
        if last is not None and time <= last + SAME_TIME_S:
            continue
        last, rise = time, y / root_capacity
        if ledger is not None:
            ledger.enter(time, rise, integrals)
        yield time, base + rise


def started(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    tolerance_k: float,
    ledger: Ledger | None,
    engine: Operator | None,
) -> EngineRun:
    """A run at time 0 in the state before heating; refuses output times outside the run."""
    end = sum(p.duration_s for p in pieces)
    times = np.unique(np.asarray(output_times_s, float))
    if len(times) and not 0.0 <= times[0] <= times[-1] <= end + SAME_TIME_S:
        raise InputError(f"output times from {times[0]} to {times[-1]} s: the run is from 0 to {end} s")
    op = engine or operator(system.stiffness, system.capacity_j_k)
    rows = np.zeros((0, system.n_dof)) if ledger is None else ledger.rows
    return EngineRun(
        op,
        system,
        times,
        tolerance_k,
        rows / op.root_capacity,
        np.zeros(system.n_dof),
        integrals=np.zeros(len(rows)),
        end_s=end,
    )


def resumed(run: EngineRun, pieces: Sequence[Segment | Cycle], keeping: CheckpointPolicy) -> Sequence[Segment | Cycle]:
    """Put the run where it is to start from; what is left to play."""
    run.keeping = keeping
    if keeping.start is None:
        return pieces
    run.clock = keeping.start.time_s
    run.y = (keeping.start.temperature_c - run.system.base_c) * run.op.root_capacity
    return after(pieces, run.clock)


def _played(run: EngineRun, pieces: Sequence[Segment | Cycle], end_s: float) -> Iterator[tuple[float, Array, Array]]:
    yield run.clock, run.y[run.shown], run.integrals
    for piece in pieces:
        yield from play_piece(run, piece)
    yield end_s, run.y[run.shown], run.integrals


def play_piece(run: EngineRun, piece: Segment | Cycle) -> Iterator[tuple[float, Array, Array]]:
    """Outputs that are due in a piece; the run stands at its end when they are exhausted."""
    if isinstance(piece, Cycle) and piece.repeats > FEWEST_CYCLED:
        yield from _cycle(run, piece)
    else:
        for segment in flat([piece]):
            yield from _segment(run, segment)


def _segment(run: EngineRun, segment: Segment) -> Iterator[tuple[float, Array, Array]]:
    left, load = segment.duration_s, run.scaled(segment.load_w)
    while left > 0.0:
        space = grown(run.op, load - run.op @ run.y, left, tolerance=run.tolerance)
        step = left if space.reach >= left else space.reach
        due, flow = run.due(run.clock + step), run.op.inner(run.rows, run.y)
        for since in _blocks(due, run.op.widest):
            states = run.y[run.shown] + combined(space, phi1(space.rates_1_s, since), run.shown)
            sums = run.integrals + np.outer(since, flow) + watched(space, run.rows, phi2, since)
            yield from zip(run.clock + since, states, sums, strict=True)
        run.integrals = run.integrals + step * flow + watched(space, run.rows, phi2, [step])[0]
        run.y = run.y + combined(space, phi1(space.rates_1_s, np.array([step])))[0]
        run.clock += step
        left = left - step if step < left else 0.0
        run.mark()


def combined(space: Space, scalar: Array, shown: IntArray | slice = slice(None)) -> Array:
    """``f(A) v`` at the shown dofs, ``(k, n)``, where ``scalar (k, m)`` is f at the Ritz values."""
    return space.weights(scalar) @ space.basis[:, shown]


def watched(space: Space, rows: Array, function, times) -> Array:
    """``rows @ f(A) v`` as ``(k, n_rows)``."""
    if not len(rows):
        return np.zeros((len(times), 0))
    weights = np.array([space.projected(row) for row in rows])
    result: Array = function(space.rates_1_s, np.asarray(times)) @ weights.T
    return result


def _blocks(times: Array, n: int) -> Iterator[Array]:
    size = max(1, int(OUTPUT_BYTES / (4 * 8 * n)))
    for i in range(0, len(times), size):
        yield times[i : i + size]


def _cycle(run: EngineRun, cycle: Cycle) -> Iterator[tuple[float, Array, Array]]:
    left, period = cycle.repeats, cycle.period_s
    while left > FEWEST_CYCLED:
        due, repeats = _portion(run, period, left)
        passes = np.floor((due + SAME_TIME_S) / period).astype(int)
        first = _first_pass(run, cycle, np.maximum(due - passes * period, 0.0), repeats)
        # the residual bound is for a rate: an increment a period is one, divided by the period
        space = grown(run.op, (first.end - run.y) / period, period * repeats, tolerance=run.tolerance)
        done = repeats if space.reach >= period * repeats else int(space.reach / period)
        if done < 2:
            done = 1
            for segment in cycle.segments:
                yield from _segment(run, segment)
        else:
            yield from _repeated(run, first, space, due, passes, period, done)
            run.mark()
        left -= done
    for segment in cycle.segments * left:
        yield from _segment(run, segment)


def _portion(run: EngineRun, period: float, left: int) -> tuple[Array, int]:
    """Outputs that are due, and as many repeats as there is memory for them."""
    repeats = min(left, CYCLES_AT_ONCE)
    due = run.due(run.clock + period * repeats)
    most = max(4, int(OUTPUT_BYTES / (8 * run.op.n_dof)))
    if len(due) > most:
        repeats = max(1, int(due[most] / period))
        due = run.due(run.clock + period * repeats)
    return due, repeats


@dataclass(frozen=True, slots=True, eq=False)
class _FirstPass:
    """States ``(k, n)`` and integrals ``(k, n_rows)`` at wanted times of the first pass, and at its end."""

    wanted: Array
    states: Array
    sums: Array
    end: Array
    end_sums: Array


def _first_pass(run: EngineRun, cycle: Cycle, wanted: Array, repeats: int) -> _FirstPass:
    """Play the cycle once; its errors come back in every repeat, so it is played that much finer."""
    tolerance = run.tolerance / (repeats * len(cycle.segments))
    nothing = np.zeros(len(run.rows))
    trial = EngineRun(
        run.op,
        run.system,
        np.unique(wanted),
        tolerance,
        run.rows,
        run.y,
        integrals=nothing,
        offset=run.offset,
        shown=run.shown,
    )
    now = run.y[run.shown]
    states, sums = np.empty((len(wanted), len(now))), np.empty((len(wanted), len(run.rows)))
    _keep(wanted, states, sums, 0.0, now, trial.integrals)
    for segment in cycle.segments:
        for time, y, integrals in _segment(trial, segment):
            _keep(wanted, states, sums, time, y, integrals)
    return _FirstPass(wanted, states, sums, trial.y, trial.integrals)


def _keep(wanted: Array, states: Array, sums: Array, time: float, y: Array, integrals: Array) -> None:
    here = np.abs(wanted - time) <= SAME_TIME_S
    states[here], sums[here] = y, integrals


def _repeated(
    run: EngineRun, first: _FirstPass, space: Space, due: Array, passes: Array, period: float, done: int
) -> Iterator[tuple[float, Array, Array]]:
    """Outputs of ``done`` passes, then the state after them; see the top of this file."""
    rates = space.rates_1_s
    each = _running_sum(decay(rates, period * np.arange(done)))
    whole = _running_sum(each) * phi1(rates, [period])
    watch = np.array([space.projected(row) for row in run.rows]).reshape(len(run.rows), len(rates)).T * period

    def sums(n: Array, since: Array) -> Array:
        result: Array = run.integrals + np.outer(n, first.end_sums) + (whole[n] + phi1(rates, since) * each[n]) @ watch
        return result

    now = due <= done * period + SAME_TIME_S
    clock = run.clock
    for block in _blocks(np.flatnonzero(now), run.op.widest):
        n, since = passes[block], first.wanted[block]
        states = first.states[block] + combined(space, period * decay(rates, since) * each[n], run.shown)
        yield from zip(clock + due[block], states, sums(n, since) + first.sums[block], strict=True)
    n, start = np.array([done]), np.zeros(1)
    run.integrals = sums(n, start)[0]
    run.y = run.y + combined(space, period * each[n])[0]
    run.clock = clock + done * period


def _running_sum(rows: Array) -> Array:
    """Sums of the first 0, 1, 2, .. rows."""
    return np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
