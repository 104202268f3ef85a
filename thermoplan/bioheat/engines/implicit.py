"""The implicit engine: TR-BDF2 with an embedded error estimate [HoseaShampine1996], for what the exact one cannot do.

Meshes whose spectrum is too wide; an independent check of feedback. Every dwell is played and restarts the step.
Each stage is solved for its own rate of change by conjugate gradients with Jacobi on ``I + d dt (A - slope)``;
feedback enters by quasi-Newton rounds on that matrix, so nothing is ever assembled again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, Protocol, Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...base.errors import SolverError
from ..feedback import Feedback
from ..linalg.krylov import Operator, operator
from ..linalg.shifted import ShiftedMatrices, Solve, shifted_matrices
from ..load_sequence import Cycle, Segment, after, flat
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from .engine_run import SAME_TIME_S, FeedbackOptions, Ledger, run_times, yield_outputs

D = 1.0 - np.sqrt(0.5)
"""Weight of the implicit part of both stages, with which the method is L-stable [HoseaShampine1996]."""
W = np.sqrt(2.0) / 4.0
"""Weight of the two explicit stages in the second [HoseaShampine1996]."""
ERROR_WEIGHTS = ((4.0 * W - 1.0) / 3.0, -1.0 / 3.0, 2.0 * D / 3.0)
"""Difference of the embedded third-order method from the second-order one, stage by stage [HoseaShampine1996]."""
FIRST_STEP_S = 0.05
"""Step after each start of a dwell, where temperatures bend most. One that is too long is repeated shorter: twice as
long would be, on fine meshes."""
SHORTEST_STEP_S = 1e-6
"""Step below which a run counts as lost. At twice as much some steep laws would be given up."""
SOLVE_SHARE = 0.01
"""Of the tolerance of a step, the residual of its linear systems; twice as much would show in the estimate of its
error."""
ERROR_SHARE = 0.1
"""Of the estimate of a step's error, the residual with which it is smoothed: an estimate needs one digit."""
ROUND_SHARE = 0.1
"""Of the residual of a stage, that of one quasi-Newton round, as rounds add up."""
ROUNDS = 12
"""Most quasi-Newton rounds of a stage before its step is cut; more than twice as many seldom get there."""
CUT = 4.0
"""Factor by which a step is cut whose rounds do not end."""
SAFE = 0.9
"""Of the step that the estimate allows, the one that is taken; a tenth more is refused more often than it saves."""
MOST_GROWTH = 4.0
"""Steps that the next may be long, as an estimate that is very small says little."""
LEAST_SHRINKAGE = 0.2
"""Of a step, the least that the next may be."""
NEARLY = 0.999
"""Of what is left to an output or the end of a dwell, the step from which all of it is taken at once."""
SAME_CLOCK_S = 1e-9
"""Times that are one for the clock, which only sums of steps move."""


class KnownRise(Protocol):
    """A part of the rise that is known at any time."""

    def at(self, times_s: Array) -> tuple[Array, Array]:
        """States ``(j, n_dof)``, scaled, and integrals ``(j, n_rows)`` of their watched rows, since the start."""


class _Feeding:
    """Feedback as a march sees it: scaled, relative to the state before heating, none where nodes are held."""

    def __init__(self, feedback: Feedback, op: Operator, system: ThermalSystem) -> None:
        self.feedback, self.op, self.system = feedback, op, system
        self.at_base = feedback.power_w(0.0, system.base_c) / op.root_capacity

    def gain(self, time_s: float, temperature_c: Array) -> Array:
        power: Array = self.feedback.power_w(time_s, temperature_c) / self.op.root_capacity - self.at_base
        power[self.system.held] = 0.0
        return power

    def slope(self, time_s: float, temperature_c: Array) -> Array:
        slope = self.feedback.slope_w_k(time_s, temperature_c) / self.op.root_capacity**2
        slope[self.system.held] = 0.0
        return slope


class _March:
    """State of the march, scaled as in ``krylov``; ``integrals`` of what is watched are since 0."""

    def __init__(
        self,
        op: Operator,
        system: ThermalSystem,
        *,
        feedback: Feedback | None = None,
        tolerance_k: float,
        ledger: Ledger | None = None,
        given: KnownRise | None = None,
    ) -> None:
        self.op, self.system, self.tolerance, self.given = op, system, tolerance_k, given
        self.feeding = None if feedback is None else _Feeding(feedback, op, system)
        self.rows = (np.zeros((0, system.n_dof)) if ledger is None else ledger.rows) / op.root_capacity
        self.y = np.zeros(system.n_dof)
        self.matrices = implicit_matrices(op, system)
        self.clock = 0.0
        self.step = FIRST_STEP_S
        self.integrals = np.zeros(len(self.rows) + (2 if self.feeding else 0))
        self._background: tuple[float, tuple[Array, Array]] | None = None

    def scaled(self, load_w: Array) -> Array:
        """Rate of change that a load alone would make, ``(n_dof,)``."""
        return self.system.loads(load_w) / self.op.root_capacity

    def gain(self, time_s: float, y: Array) -> Array:
        """Scaled feedback power relative to that of the state before heating, none where nodes are held."""
        return self.feeding.gain(time_s, self._temperature(time_s, y)) if self.feeding else np.zeros(len(y))

    def slope(self, time_s: float, y: Array) -> Array:
        """Slope of the feedback against each dof's own scaled temperature."""
        return self.feeding.slope(time_s, self._temperature(time_s, y)) if self.feeding else np.zeros(len(y))

    def flows(self, time_s: float, y: Array) -> Array:
        """Watched rows, and with feedback its power on tissue and on all."""
        if self.feeding is None:
            return self.op.inner(self.rows, y)
        power = self.gain(time_s, y) * self.op.root_capacity
        here = np.concatenate([self.rows @ y, [power[: self.system.n_nodes].sum(), power.sum()]])
        return self.op.communicator.summed(here)

    def _temperature(self, time_s: float, y: Array) -> Array:
        return self.system.base_c + (y + self.background(time_s)[0]) / self.op.root_capacity

    def background(self, time_s: float) -> tuple[Array, Array]:
        """Known part of the state, and of the integrals of what is watched; that of the last time is kept."""
        if self.given is None:
            return np.zeros(len(self.y)), np.zeros(len(self.integrals))
        if self._background is None or self._background[0] != time_s:
            ((state,), (sums,)) = self.given.at(np.array([time_s]))
            self._background = time_s, (state, np.append(sums, np.zeros(len(self.integrals) - len(sums))))
        return self._background[1]

    def whole(self) -> tuple[Array, Array]:
        """Rise in K and integrals now, with the known part."""
        state, sums = self.background(self.clock)
        return (self.y + state) / self.op.root_capacity, self.integrals + sums

    def resume(self, pieces: Sequence[Segment | Cycle], start: EngineState | None) -> Sequence[Segment | Cycle]:
        """Put the march into the state that it is to start from; what is left to play."""
        if start is None:
            return pieces
        self.clock, self.step = start.time_s, start.pace_s
        self.y = (start.temperature_c - self.system.base_c) * self.op.root_capacity - self.background(self.clock)[0]
        return after(pieces, start.time_s)


def evolve_implicit(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    tolerance_k: float = 1e-3,
    given: KnownRise | None = None,
    **options: Unpack[FeedbackOptions],
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, with feedback; held nodes stay as they are.

    Parameters
    ----------
    tolerance_k
        Largest estimated error of one step over the nodes.
    given
        A part of the rise that is known, as that of dwells in modes: the pieces come on top, and feedback follows both.
    """
    times, end = run_times(pieces, output_times_s)
    op, ledger = options.get("engine") or operator(system.stiffness, system.scale_j_k), options.get("ledger")
    keeping, feedback = options.get("keeping", NO_CHECKPOINT), options.get("feedback")
    march = _March(op, system, feedback=feedback, tolerance_k=tolerance_k, ledger=ledger, given=given)
    left = march.resume(pieces, keeping.start)
    times = np.append(times[times < end - SAME_TIME_S], end)
    times = times[times > march.clock + SAME_TIME_S]
    outputs = chain([march.clock], _march_dwells(march, flat(left), times, keeping))
    yield from yield_outputs(((time_s, *march.whole()) for time_s in outputs), system.base_c, ledger)


def fixed_steps(
    system: ThermalSystem, load_w: Array, step_s: float, count: int, *, tolerance_k: float = 1e-9
) -> Iterator[tuple[float, Array]]:
    """``count`` steps of one length under one load, whatever their error: what the order in time is measured by.

    ``tolerance_k`` is that of the linear solver times a hundred.

    ``load_w`` is ``(n_nodes,)`` in W; it yields times in s and temperatures ``(n_dof,)`` in degrees C.
    """
    march = _March(operator(system.stiffness, system.scale_j_k), system, tolerance_k=tolerance_k)
    load = march.scaled(load_w)
    rate = _rate(march, load, step_s)
    for _ in range(count):
        found = _step(march, load, rate, step_s)
        if isinstance(found, _Unsettled):
            raise found.error()
        march.y, rate = found.y, found.rate
        march.clock += step_s
        yield march.clock, system.base_c + march.y / march.op.root_capacity


def implicit_matrices(op: Operator, system: ThermalSystem) -> ShiftedMatrices:
    """Matrices of the implicit steps of a system."""
    return shifted_matrices(op, n_tissue=system.n_nodes, held=system.held, mass_j_k=system.mass_j_k)


def _march_dwells(
    march: _March, segments: Sequence[Segment], times: Array, keeping: CheckpointPolicy
) -> Iterator[float]:
    """March through the dwells and stop at every output time."""
    begun, due = march.clock, list(times[::-1])
    for segment in segments:
        load = march.scaled(segment.load_w)
        until = begun + segment.duration_s
        while march.clock < until - SAME_CLOCK_S:
            stop = min(until, due[-1]) if due else until
            _march_to(march, load, stop)
            if due and march.clock >= due[-1] - SAME_TIME_S:
                yield due.pop()
            if march.clock >= until - SAME_CLOCK_S:
                march.step = min(march.step, FIRST_STEP_S)
            if keeping.mark is not None and due and march.clock < times[-1] - SAME_TIME_S:
                keeping.mark(EngineState(march.clock, march.system.base_c + march.whole()[0], march.step))
        begun = until
    if due:
        yield due.pop()


def _march_to(march: _March, load: Array, stop: float) -> None:
    """March to a time under one load, in steps that keep the tolerance."""
    rate = _rate(march, load, march.step)
    while march.clock < stop - SAME_CLOCK_S:
        step, is_last = _next_step(march.step, stop - march.clock)
        found = _step(march, load, rate, step)
        if isinstance(found, _Unsettled):
            march.step = step / CUT
            if march.step < SHORTEST_STEP_S:
                raise found.error()
            continue
        factor = SAFE * (march.tolerance / max(found.error_k, 1e-300)) ** (1.0 / 3.0)
        if not found.error_k <= march.tolerance:
            march.step = step * max(LEAST_SHRINKAGE, min(SAFE, factor))
            if march.step < SHORTEST_STEP_S:
                raise SolverError(
                    f"implicit engine: a step of {step:.1e} s at {march.clock:.3f} s still has an "
                    f"error of {found.error_k:.1e} K, wanted {march.tolerance:.0e}"
                )
            continue
        march.clock = stop if is_last else march.clock + step
        march.y, rate, march.integrals = found.y, found.rate, march.integrals + step * found.flows
        grown = step * min(MOST_GROWTH, max(LEAST_SHRINKAGE, factor))
        march.step = max(grown, march.step) if step < march.step else grown


class _Step(NamedTuple):
    """State, rate of change and watched flows after a step, and the estimate of its error."""

    y: Array
    rate: Array
    flows: Array
    error_k: float


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """Stage of a step whose quasi-Newton rounds did not end, and their last correction."""

    time_s: float
    moved_k: float

    def error(self) -> SolverError:
        return SolverError(
            f"feedback: a stage at {self.time_s:.2f} s still moves by {self.moved_k:.1e} K after {ROUNDS} rounds"
        )


def _next_step(wanted_s: float, left_s: float) -> tuple[float, bool]:
    """Step towards an end, in which no sliver of time is left, and True where it gets there."""
    if wanted_s > NEARLY * left_s:
        return left_s, True
    return (left_s / 2.0 if wanted_s > 0.5 * left_s else wanted_s), False


def _step(march: _March, load: Array, rate: Array, dt: float) -> _Step | _Unsettled:
    """One step of TR-BDF2, from a rate of change that the last one ended with."""
    solve = march.matrices.solver(D * dt, march.slope(march.clock, march.y))
    t_mid, t_end = march.clock + 2.0 * D * dt, march.clock + dt
    stage = _Stage(march, solve, load, dt)
    z1 = dt * rate
    z2 = stage.rise(march.y + D * z1, z1, t_mid)
    if isinstance(z2, _Unsettled):
        return z2
    z3 = stage.rise(march.y + W * (z1 + z2), z2, t_end)
    if isinstance(z3, _Unsettled):
        return z3
    mid, end = march.y + D * (z1 + z2), march.y + W * (z1 + z2) + D * z3
    raw = ERROR_WEIGHTS[0] * z1 + ERROR_WEIGHTS[1] * z2 + ERROR_WEIGHTS[2] * z3
    error = solve(march.matrices.weighed(raw), ERROR_SHARE * march.op.largest_k(raw), np.zeros_like(raw))
    flows = W * march.flows(march.clock, march.y) + W * march.flows(t_mid, mid) + D * march.flows(t_end, end)
    return _Step(end, z3 / dt, flows, march.op.largest_k(error))


def _rate(march: _March, load: Array, dt: float) -> Array:
    """Rate of change now, good for a step of a length."""
    power = load + march.gain(march.clock, march.y) - march.op @ march.y
    if march.matrices.pair is None:
        return power
    nothing = np.zeros_like(power)
    return march.matrices.solver(0.0, nothing)(power, SOLVE_SHARE * march.tolerance / dt, nothing)


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """Implicit stages of one step."""

    march: _March
    solve: Solve
    load: Array
    dt: float

    def rise(self, known: Array, guess: Array, time_s: float) -> Array | _Unsettled:
        """``z = dt f(known + d z)``; without feedback the first round is the solution."""
        march, dt = self.march, self.dt
        tolerance = SOLVE_SHARE * march.tolerance
        if march.feeding is None:
            return self.solve(dt * (self.load - march.op @ known), tolerance, guess)
        z, moved_k = guess, np.inf
        for _ in range(ROUNDS):
            y = known + D * z
            missing = dt * (self.load + march.gain(time_s, y) - march.op @ y) - march.matrices.weighed(z)
            step = self.solve(missing, ROUND_SHARE * tolerance, np.zeros_like(z))
            z = z + step
            moved_k = march.op.largest_k(step)
            if moved_k <= tolerance:
                return z
        return _Unsettled(time_s, moved_k)
