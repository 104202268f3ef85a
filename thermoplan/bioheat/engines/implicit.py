"""The implicit engine: TR-BDF2 with an embedded error estimate [HoseaShampine1996], for what the exact one cannot do.

Meshes whose spectrum is too wide; an independent check of feedback. Every dwell is played and restarts the step.
Each stage is solved for its own rate of change by conjugate gradients with Jacobi on ``I + d dt (A - slope)``;
feedback enters by quasi-Newton rounds on that matrix, so nothing is ever assembled again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError, SolverError
from ..feedback import Feedback
from ..linalg.krylov import Operator, operator
from ..linalg.shifted import ShiftedMatrices, Solve, shifted_matrices
from ..load_sequence import Cycle, Segment, after, flat
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from .evolve import SAME_TIME_S, Ledger

D = 1.0 - np.sqrt(0.5)
W = np.sqrt(2.0) / 4.0
ERROR_WEIGHTS = ((4.0 * W - 1.0) / 3.0, -1.0 / 3.0, 2.0 * D / 3.0)
FIRST_STEP_S = 0.05
SHORTEST_STEP_S = 1e-6
SOLVE_SHARE = 0.01
ROUNDS = 12


class _Unsettled(SolverError):
    """Feedback that a stage of this length does not find the end of."""


class Given(Protocol):
    """A part of the rise that is known."""

    def at(self, times_s: Array) -> tuple[Array, Array]:
        """States ``(j, n_dof)``, scaled, and integrals ``(j, n_rows)`` of what is watched of them, since the start."""


@dataclass(slots=True, eq=False)
class _March:
    """State of the march, scaled as in ``krylov``; ``kept`` are integrals since 0."""

    op: Operator
    system: ThermalSystem
    feedback: Feedback | None
    tolerance: float
    rows: Array
    y: Array
    matrices: ShiftedMatrices
    clock: float = 0.0
    step: float = FIRST_STEP_S
    kept: Array = field(default_factory=lambda: np.zeros(0))
    at_base: Array | None = None
    given: Given | None = None
    _seen: tuple[float, tuple[Array, Array]] | None = None

    def gain(self, time_s: float, y: Array) -> Array:
        """Scaled feedback power relative to that of the state before heating, none where nodes are held."""
        if self.feedback is None:
            return np.zeros(len(y))
        power = self.feedback.power_w(time_s, self._temperature(time_s, y)) / self.op.root_capacity - self.at_base
        power[self.system.held] = 0.0
        return power

    def slope(self, time_s: float, y: Array) -> Array:
        if self.feedback is None:
            return np.zeros(len(y))
        slope = self.feedback.slope_w_k(time_s, self._temperature(time_s, y)) / self.op.root_capacity**2
        slope[self.system.held] = 0.0
        return slope

    def flows(self, time_s: float, y: Array) -> Array:
        """Watched rows, and with feedback its power on tissue and on all."""
        if self.feedback is None:
            return self.op.inner(self.rows, y)
        power = self.gain(time_s, y) * self.op.root_capacity
        return self.op.team.summed(np.concatenate([self.rows @ y, [power[: self.system.n_nodes].sum(), power.sum()]]))

    def _temperature(self, time_s: float, y: Array) -> Array:
        return self.system.base_c + (y + self.background(time_s)[0]) / self.op.root_capacity

    def background(self, time_s: float) -> tuple[Array, Array]:
        """What is given of the state, and of the integrals of what is watched."""
        if self.given is None:
            return np.zeros(len(self.y)), np.zeros(len(self.kept))
        if self._seen is None or self._seen[0] != time_s:
            ((state,), (sums,)) = self.given.at(np.array([time_s]))
            self._seen = time_s, (state, np.append(sums, np.zeros(2)))
        return self._seen[1]

    def whole(self) -> tuple[Array, Array]:
        """Rise in K and integrals now, with what is given."""
        state, sums = self.background(self.clock)
        return (self.y + state) / self.op.root_capacity, self.kept + sums


def evolve_implicit(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    feedback: Feedback | None = None,
    tolerance_k: float = 1e-3,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
    given: Given | None = None,
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, with feedback; held nodes stay as they are.

    Parameters
    ----------
    feedback
        Relative to its value in ``system.base_c``, which ``settled`` makes the steady state.
    tolerance_k
        Largest estimated error of one step over the nodes.
    given
        A part of the rise that is known, as what the dwells heat: the pieces are what comes on top, and feedback
        follows both.
    """
    end = sum(p.duration_s for p in pieces)
    times = np.unique(np.asarray(output_times_s, float))
    if len(times) and not 0.0 <= times[0] <= times[-1] <= end + SAME_TIME_S:
        raise InputError(f"output times from {times[0]} to {times[-1]} s: the run is from 0 to {end} s")
    march = _marching(system, feedback, tolerance_k, ledger, engine)
    march.given = given
    left = _resumed(march, pieces, keeping.start)
    times = np.append(times[times < end - SAME_TIME_S], end)
    times = times[times > march.clock + SAME_TIME_S]
    for time in chain([march.clock], _marched(march, flat(left), times, keeping)):
        rise, integrals = march.whole()
        if ledger is not None:
            ledger.enter(time, rise, integrals)
        yield time, system.base_c + rise


def fixed_steps(
    system: ThermalSystem, load_w: Array, step_s: float, count: int, *, tolerance_k: float = 1e-9
) -> Iterator[tuple[float, Array]]:
    """``count`` steps of one length under one load, whatever their error: what the order in time is measured by.

    ``tolerance_k`` is that of the linear solver times a hundred.
    """
    march = _marching(system, None, tolerance_k, None, None)
    load = system.loads(load_w) / march.op.root_capacity
    rate = _rate(march, load, step_s)
    for _ in range(count):
        march.y, rate, _, _ = _step(march, load, rate, step_s)
        march.clock += step_s
        yield march.clock, system.base_c + march.y / march.op.root_capacity


def implicit_matrices(op: Operator, system: ThermalSystem) -> ShiftedMatrices:
    """Matrices of the implicit steps of a system."""
    return shifted_matrices(op, n_tissue=system.n_nodes, held=system.held, mass_j_k=system.mass_j_k)


def _marching(system, feedback, tolerance_k, ledger, engine) -> _March:
    op = engine or operator(system.stiffness, system.scale_j_k)
    rows = np.zeros((0, system.n_dof)) if ledger is None else ledger.rows
    march = _March(
        op,
        system,
        feedback,
        tolerance_k,
        rows / op.root_capacity,
        np.zeros(system.n_dof),
        implicit_matrices(op, system),
    )
    if feedback is not None:
        march.at_base = feedback.power_w(0.0, system.base_c) / op.root_capacity
    march.kept = np.zeros_like(march.flows(0.0, march.y))
    return march


def _resumed(march: _March, pieces: Sequence[Segment | Cycle], start: EngineState | None) -> Sequence[Segment | Cycle]:
    if start is None:
        return pieces
    march.clock, march.step = start.time_s, start.pace_s
    march.y = (start.temperature_c - march.system.base_c) * march.op.root_capacity - march.background(march.clock)[0]
    return after(pieces, start.time_s)


def _marched(march: _March, segments: Sequence[Segment], times: Array, keeping: CheckpointPolicy) -> Iterator[float]:
    """March through the dwells and stop at every output time."""
    begun, due = march.clock, list(times[::-1])
    for segment in segments:
        load = march.system.loads(segment.load_w) / march.op.root_capacity
        until = begun + segment.duration_s
        while march.clock < until - 1e-9:
            stop = min(until, due[-1]) if due else until
            _to(march, load, stop)
            if due and march.clock >= due[-1] - SAME_TIME_S:
                yield due.pop()
            if march.clock >= until - 1e-9:
                march.step = min(march.step, FIRST_STEP_S)
            if keeping.mark is not None and due and march.clock < times[-1] - SAME_TIME_S:
                keeping.mark(EngineState(march.clock, march.system.base_c + march.whole()[0], march.step))
        begun = until
    if due:
        yield due.pop()


def _to(march: _March, load: Array, stop: float) -> None:
    rate = _rate(march, load, march.step)
    while march.clock < stop - 1e-9:
        left = stop - march.clock
        step = left if march.step > 0.999 * left else min(march.step, left / 2.0 if march.step > 0.5 * left else left)
        try:
            y, new_rate, flows, error = _step(march, load, rate, step)
        except _Unsettled:
            march.step = step / 4.0
            if march.step < SHORTEST_STEP_S:
                raise
            continue
        factor = 0.9 * (march.tolerance / max(error, 1e-300)) ** (1.0 / 3.0)
        if not error <= march.tolerance:
            march.step = step * max(0.2, min(0.9, factor))
            if march.step < SHORTEST_STEP_S:
                raise SolverError(
                    f"implicit engine: a step of {step:.1e} s at {march.clock:.3f} s still has an "
                    f"error of {error:.1e} K, wanted {march.tolerance:.0e}"
                )
            continue
        march.clock = stop if step == left else march.clock + step
        march.y, rate, march.kept = y, new_rate, march.kept + step * flows
        grown = step * min(4.0, max(0.2, factor))
        march.step = max(grown, march.step) if step < march.step else grown


def _step(march: _March, load: Array, rate: Array, dt: float) -> tuple[Array, Array, Array, float]:
    """State, rate and watched flows after one step, and the estimate of its error in K."""
    solve = march.matrices.solver(D * dt, march.slope(march.clock, march.y))
    t_mid, t_end = march.clock + 2.0 * D * dt, march.clock + dt
    z1 = dt * rate
    z2 = _stage(march, solve, load, march.y + D * z1, z1, dt, t_mid)
    z3 = _stage(march, solve, load, march.y + W * (z1 + z2), z2, dt, t_end)
    mid, end = march.y + D * (z1 + z2), march.y + W * (z1 + z2) + D * z3
    raw = ERROR_WEIGHTS[0] * z1 + ERROR_WEIGHTS[1] * z2 + ERROR_WEIGHTS[2] * z3
    error = solve(march.matrices.weighed(raw), 0.1 * _longest(march, raw), np.zeros_like(raw))
    flows = sum(
        weight * march.flows(t, y) for weight, t, y in ((W, march.clock, march.y), (W, t_mid, mid), (D, t_end, end))
    )
    return end, z3 / dt, flows, _longest(march, error)


def _rate(march: _March, load: Array, dt: float) -> Array:
    """Rate of change now, good for a step of a length."""
    power = load + march.gain(march.clock, march.y) - march.op @ march.y
    if march.matrices.pair is None:
        return power
    nothing = np.zeros_like(power)
    return march.matrices.solver(0.0, nothing)(power, SOLVE_SHARE * march.tolerance / dt, nothing)


def _longest(march: _March, y: Array) -> float:
    return march.op.largest_k(y)


def _stage(march: _March, solve: Solve, load: Array, known: Array, guess: Array, dt: float, time_s: float) -> Array:
    """``z = dt f(known + d z)``; without feedback the first round is the solution."""
    tolerance = SOLVE_SHARE * march.tolerance
    if march.feedback is None:
        return solve(dt * (load - march.op @ known), tolerance, guess)
    z = guess
    for _ in range(ROUNDS):
        y = known + D * z
        missing = dt * (load + march.gain(time_s, y) - march.op @ y) - march.matrices.weighed(z)
        step = solve(missing, 0.1 * tolerance, np.zeros_like(z))
        z = z + step
        if _longest(march, step) <= tolerance:
            return z
    raise _Unsettled(
        f"feedback: a stage at {time_s:.2f} s still moves by {_longest(march, step):.1e} K after {ROUNDS} rounds"
    )
