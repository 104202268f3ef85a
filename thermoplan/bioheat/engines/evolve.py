"""The full model in time: every dwell is played, exactly; a repeated cycle costs one Krylov space in all.

A dwell from ``y0``:   y(t) = y0 + t phi1(-tA) (f - A y0).
A cycle of period P, first pass from y0 to y(P), d = y(P) - y0:
    y(nP + tau) = y(tau) + e^{-A tau} sum_{k<n} e^{-A k P} d,
which is no average: the sum is a function of A, and one space from ``d`` has it for every n and tau.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ..linalg.krylov import KrylovSpace, build_space
from ..linalg.phi import Times, decay, phi1, phi2
from ..load_sequence import Cycle, Segment, flat
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT
from .engine_run import SAME_TIME_S, EngineRun, Moment, RunOptions, resume_run, start_run, yield_outputs

TOLERANCE_K = 1e-5
"""Error of a dwell, far below what any dose notices. Errors fall ever faster with each vector: twice as much saves a
matrix product or two a dwell."""
OUTPUT_BYTES = 100e6
"""Memory for outputs that are worked out at once. Twice as much saves nothing measurable."""
OUTPUT_COPIES = 4
"""Arrays of the size of the outputs that exist at once while a block of them is worked out."""
CYCLES_AT_ONCE = 4096
"""Repeats that are summed in one go: tables of that many times some hundred Ritz values take 10 MB."""
FEWEST_OUTPUTS = 4
"""Outputs that are worked out at once however large the mesh is."""
FEWEST_CYCLED = 2
"""Repeats up to which each is played by itself: a space for the cycle costs about as much as two passes."""


def evolve(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    rows: IntArray | None = None,
    tolerance_k: float = TOLERANCE_K,
    **options: Unpack[RunOptions],
) -> Iterator[tuple[float, Array]]:
    """Temperatures ``(time_s, temperature_c (n_dof,))`` at 0, at every requested time, and at the end.

    Parameters
    ----------
    output_times_s
        Since the start of the first piece; each is met exactly. Times past the end are refused.
    rows
        Dofs to yield the temperatures of, all if None; a few cost next to nothing. A ledger needs all.
    tolerance_k
        Largest error of a piece over the nodes, estimated by its residual.
    options
        `RunOptions`; without a checkpoint to start from, the run starts in the steady state before heating.
    """
    run = start_run(system, pieces, output_times_s, tolerance_k=tolerance_k, options=options)
    left, ledger = resume_run(run, pieces, options.get("keeping", NO_CHECKPOINT)), options.get("ledger")
    if rows is not None:
        if ledger is not None:
            raise InputError("evolve: a ledger needs every row")
        run.shown = np.asarray(rows, np.int64)
    yield from yield_outputs(run.rises(_play(run, left)), system.base_c[run.shown], ledger)


def _play(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> Iterator[Moment]:
    yield run.clock, run.y[run.shown], run.integrals
    for piece in pieces:
        yield from play_piece(run, piece)
    yield run.end_s, run.y[run.shown], run.integrals


def play_piece(run: EngineRun, piece: Segment | Cycle) -> Iterator[Moment]:
    """Outputs that are due in a piece; the run is at its end when they are exhausted."""
    if isinstance(piece, Cycle) and piece.repeats > FEWEST_CYCLED:
        yield from _play_cycle(run, piece)
    else:
        for segment in flat([piece]):
            yield from _play_segment(run, segment)


def _play_segment(run: EngineRun, segment: Segment) -> Iterator[Moment]:
    left, load = segment.duration_s, run.scaled(segment.load_w)
    while left > 0.0:
        space = build_space(run.op, load - run.op @ run.y, left, tolerance=run.tolerance)
        step = left if space.reach >= left else space.reach
        due, flow = run.due(run.clock + step), run.op.inner(run.rows, run.y)
        for block in _blocks(len(due), run.op.widest):
            since = due[block]
            states = run.y[run.shown] + combine(space, phi1(space.rates_1_s, since), run.shown)
            sums = run.integrals + np.outer(since, flow) + watched_integrals(space, run.rows, phi2, since)
            yield from zip(run.clock + since, states, sums, strict=True)
        run.integrals = run.integrals + step * flow + watched_integrals(space, run.rows, phi2, [step])[0]
        run.y = run.y + combine(space, phi1(space.rates_1_s, [step]))[0]
        run.clock += step
        left = left - step if step < left else 0.0
        run.mark()


def combine(space: KrylovSpace, scalar: Array, shown: IntArray | slice = slice(None)) -> Array:
    """``f(A) v`` at the shown dofs, ``(k, n)``, where ``scalar (k, m)`` is f at the Ritz values."""
    return space.weights(scalar) @ space.basis[:, shown]


def watched_integrals(
    space: KrylovSpace, rows: Array, function: Callable[[Array, Times], Array], times: Times
) -> Array:
    """``rows @ f(A) v`` as ``(k, n_rows)``, where f is a function of rates and times such as ``phi2``."""
    if not len(rows):
        return np.zeros((len(times), 0))
    weights = np.array([space.projected(row) for row in rows])
    result: Array = function(space.rates_1_s, times) @ weights.T
    return result


def _blocks(count: int, n: int) -> Iterator[slice]:
    """Parts of so many outputs of ``n`` dofs, as memory holds them at once."""
    size = max(1, int(OUTPUT_BYTES / (OUTPUT_COPIES * 8 * n)))
    return (slice(i, min(i + size, count)) for i in range(0, count, size))


def _play_cycle(run: EngineRun, cycle: Cycle) -> Iterator[Moment]:
    left, period = cycle.repeats, cycle.period_s
    while left > FEWEST_CYCLED:
        due, repeats = _repeats_at_once(run, period, left)
        since = np.maximum(due - _passes_before(due, period) * period, 0.0)
        first = _play_first_pass(run, cycle, since, repeats)
        # the residual bound is for a rate: an increment a period is one, divided by the period
        space = build_space(run.op, (first.end - run.y) / period, period * repeats, tolerance=run.tolerance)
        done = repeats if space.reach >= period * repeats else int(space.reach / period)
        if done < 2:
            done = 1
            for segment in cycle.segments:
                yield from _play_segment(run, segment)
        else:
            yield from _repeat(run, first, space, due=due, period=period, done=done)
            run.mark()
        left -= done
    for segment in cycle.segments * left:
        yield from _play_segment(run, segment)


def _passes_before(due: Array, period: float) -> IntArray:
    """Whole passes of a cycle before each time since its start."""
    return np.floor((due + SAME_TIME_S) / period).astype(np.int64)


def _repeats_at_once(run: EngineRun, period: float, left: int) -> tuple[Array, int]:
    """Outputs that are due, and as many repeats as there is memory for them."""
    repeats = min(left, CYCLES_AT_ONCE)
    due = run.due(run.clock + period * repeats)
    most = max(FEWEST_OUTPUTS, int(OUTPUT_BYTES / (8 * run.op.n_dof)))
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


def _play_first_pass(run: EngineRun, cycle: Cycle, wanted: Array, repeats: int) -> _FirstPass:
    """Play the cycle once; its errors come back in every repeat, so it is played that much finer."""
    tolerance = run.tolerance / (repeats * len(cycle.segments))
    nothing = np.zeros(len(run.rows))
    trial = replace(
        run,
        times=np.unique(wanted),
        tolerance=tolerance,
        clock=0.0,
        integrals=nothing,
        keeping=NO_CHECKPOINT,
        end_s=np.inf,
    )
    now = run.y[run.shown]
    states, sums = np.empty((len(wanted), len(now))), np.empty((len(wanted), len(run.rows)))
    _keep(wanted, states, sums, 0.0, now, trial.integrals)
    for segment in cycle.segments:
        for time, y, integrals in _play_segment(trial, segment):
            _keep(wanted, states, sums, time, y, integrals)
    return _FirstPass(wanted, states, sums, trial.y, trial.integrals)


def _keep(wanted: Array, states: Array, sums: Array, time: float, y: Array, integrals: Array) -> None:
    here = np.abs(wanted - time) <= SAME_TIME_S
    states[here], sums[here] = y, integrals


def _repeat(
    run: EngineRun, first: _FirstPass, space: KrylovSpace, *, due: Array, period: float, done: int
) -> Iterator[Moment]:
    """Outputs of ``done`` passes, then the state after them; see the top of this file."""
    rates = space.rates_1_s
    each = _running_sum(decay(rates, period * np.arange(done, dtype=np.float64)))
    whole = _running_sum(each) * phi1(rates, [period])
    watch = np.array([space.projected(row) for row in run.rows]).reshape(len(run.rows), len(rates)).T * period

    def sums(n: IntArray, since: Array) -> Array:
        result: Array = run.integrals + np.outer(n, first.end_sums) + (whole[n] + phi1(rates, since) * each[n]) @ watch
        return result

    now, passes = np.flatnonzero(due <= done * period + SAME_TIME_S), _passes_before(due, period)
    clock = run.clock
    for part in _blocks(len(now), run.op.widest):
        block = now[part]
        n, since = passes[block], first.wanted[block]
        states = first.states[block] + combine(space, period * decay(rates, since) * each[n], run.shown)
        yield from zip(clock + due[block], states, sums(n, since) + first.sums[block], strict=True)
    after_all = np.array([done])
    run.integrals = sums(after_all, np.zeros(1))[0]
    run.y = run.y + combine(space, period * each[after_all])[0]
    run.clock = clock + done * period


def _running_sum(rows: Array) -> Array:
    """Sums of the first 0, 1, 2, .. rows."""
    return np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
