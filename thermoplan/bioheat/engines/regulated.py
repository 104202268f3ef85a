"""Exact playing of a sequence under warming that follows a reading, where all else is linear.

The rise is that of the sequence alone, which any engine plays, plus that of the warming: one load, in modes of its own
whose rates are known, so that its rise is exact for any course of its power. Its reading is a number; the power between
two outputs is a parabola that meets the law at the start, middle and end, with the parabola of the sequence's own
reading that has the right ends and the right mean (the engine's exact integral). Where the power reaches zero or its
maximum the interval is cut at that moment, found as a root; there it stays until the law lets it go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Protocol, Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ...base.arrays import Array
from ...base.errors import SolverError
from ..linalg.krylov import Operator, operator
from ..linalg.phi import decay, phi1, phi2, phi3, phi4
from ..load_sequence import Cycle, Segment
from ..system import ThermalSystem
from ..warming_law import WarmingFeedback, split_warming
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from .dispatch import play_sequence
from .engine_run import SAME_TIME_S, FeedbackOptions, Ledger, SequenceOptions, run_times
from .modal import Modes, modes_of_load

STEP_S = 2.5
"""Longest time between two readings of the sequence alone: outputs are as close or closer while heating, so that a
longer one saves little, and its error grows with the fourth power."""
SWING = 0.3
"""Longest time between two readings, in radians of the closed loop's fastest swing: two-node bodies are then within
1e-6 K of their closed forms, at twice as much within 1e-5 K."""
FIRST_S = 1e-3
"""Shortest time after which the warming's modes have to hold: before it nothing has moved."""
LOOKS = 8
"""Places of an interval at which a power is asked whether its regime ends, a third of a second apart at most. A law
that swings out and back between two of them is missed; half as many lie twice as far apart."""
SWITCHES = 60
"""Most switches within one interval; a law that is continuous makes one or two."""
ROOT_S = 1e-9
"""Tolerance of the time of a switch."""


class Player(Protocol):
    """Function that plays a sequence, such as `play_sequence`."""

    def __call__(
        self,
        system: ThermalSystem,
        pieces: Sequence[Segment | Cycle],
        output_times_s: ArrayLike,
        *,
        engine: Operator,
        **options: Unpack[SequenceOptions],
    ) -> Iterator[tuple[float, Array]]: ...


def play_with_warming(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    player: Player = play_sequence,
    **options: Unpack[FeedbackOptions],
) -> Iterator[tuple[float, Array]]:
    """As `play_sequence`; where nothing but the warming feeds back it is exact, else stepped with the rest.

    Parameters
    ----------
    player
        What plays the sequence, such as that of several ranks.
    """
    op, ledger = options.get("engine") or operator(system.stiffness, system.scale_j_k), options.get("ledger")
    feedback, keeping = options.get("feedback"), options.get("keeping", NO_CHECKPOINT)
    warming, others = split_warming(feedback)
    if warming is None or others is not None:
        yield from player(system, pieces, output_times_s, feedback=feedback, ledger=ledger, engine=op, keeping=keeping)
        return
    wanted, end_s = run_times(pieces, output_times_s)
    begun_s = 0.0 if keeping.start is None else keeping.start.time_s
    course = RegulatedCourse.of(system, warming, end_s, begun_s)
    relay = _Relay(ledger, warming)
    start = CheckpointPolicy(keeping.start, None)
    times = _times_between(wanted, (begun_s, end_s), course.longest_step_s)
    history = player(system, pieces, times, ledger=relay, engine=op, keeping=start)
    asked = np.concatenate([[begun_s], wanted, [end_s]])
    for time_s, temperature_c in history:
        course.advance(time_s, warming.reading_c(relay.rise_k), relay.reading_integral)
        if np.abs(asked - time_s).min() > SAME_TIME_S:
            continue
        warmth = course.rise_k
        if ledger is not None:
            sums = relay.integrals + course.watched(ledger.rows)
            ledger.enter(time_s, relay.rise_k + warmth, np.append(sums, course.gained_j))
        yield time_s, temperature_c + warmth
        if keeping.mark is not None and time_s < end_s - SAME_TIME_S:
            keeping.mark(EngineState(time_s, temperature_c + warmth))


def _times_between(wanted_s: Array, span_s: tuple[float, float], step_s: float) -> Array:
    """Output times of a span with others between them, so that none are farther apart than a step."""
    begun_s, end_s = span_s
    edges = np.unique(np.concatenate([[begun_s], wanted_s[wanted_s > begun_s], [end_s]]))
    parts = [np.linspace(a, b, max(1, int(np.ceil((b - a) / step_s))) + 1)[1:] for a, b in pairwise(edges)]
    return np.concatenate([edges[:1], *parts])


class _Relay:
    """Ledger of the sequence alone, with the integral of the reading beside what another ledger watches."""

    def __init__(self, ledger: Ledger | None, warming: WarmingFeedback) -> None:
        watched = np.zeros((0, len(warming.probe))) if ledger is None else np.asarray(ledger.rows)
        self.rows = np.vstack([watched, warming.probe])
        self.rise_k = np.zeros(len(warming.probe))
        self.integrals = np.zeros(len(watched))
        self.reading_integral = 0.0

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        self.rise_k, self.integrals, self.reading_integral = rise_k, integrals[:-1], float(integrals[-1])


@dataclass(slots=True, eq=False)
class RegulatedCourse:
    """Rise that the warming alone makes, from interval to interval.

    Parameters
    ----------
    modes
        Modes of the warming's load, scaled as in ``krylov``.
    entries, reads
        ``(r,)`` input of each mode by one watt, and its part of the reading.
    excess_k
        Reading before heating over the set point.
    to_tissue
        Share of the power that enters tissue, not blood.
    """

    warming: WarmingFeedback
    modes: Modes
    root: Array
    entries: Array
    reads: Array
    excess_k: float
    to_tissue: float
    time_s: float = 0.0
    reading_k: float = 0.0
    reading_integral: float = 0.0
    state: Array = field(default_factory=lambda: np.zeros(0))
    total: Array = field(default_factory=lambda: np.zeros(0))
    work_j: float = 0.0
    begun: bool = False

    @classmethod
    def of(cls, system: ThermalSystem, warming: WarmingFeedback, end_s: float, begun_s: float) -> RegulatedCourse:
        """Course that begins at a time, of a system alone on this rank."""
        op = operator(system.stiffness, system.scale_j_k)
        load = warming.load.copy()
        load[system.held] = 0.0
        modes = modes_of_load(op, system, load / op.root_capacity, (FIRST_S, end_s))
        shapes = modes.shapes
        r = len(modes.rates_1_s)
        return cls(
            warming,
            modes,
            op.root_capacity,
            shapes @ (load / op.root_capacity),
            shapes @ (warming.probe / op.root_capacity),
            warming.reading_c(system.base_c) - warming.set_point_c,
            float(load[: system.n_nodes].sum()),
            time_s=begun_s,
            state=np.zeros(r),
            total=np.zeros(r),
        )

    @property
    def longest_step_s(self) -> float:
        """Longest time between two readings that follows every swing of the closed loop."""
        loop = np.diag(self.modes.rates_1_s) + self.warming.gain_w_k * np.outer(self.entries, self.reads)
        fastest_1_s = float(np.abs(np.linalg.eigvals(loop).imag).max(initial=0.0))
        return min(STEP_S, SWING / fastest_1_s) if fastest_1_s > 0.0 else STEP_S

    @property
    def rise_k(self) -> Array:
        """Rise ``(n_dof,)`` of the warming since before heating."""
        result: Array = self.state @ self.modes.shapes / self.root
        return result

    def watched(self, rows: Array) -> Array:
        """Time integrals ``(n_rows,)`` of rows times the rise."""
        result: Array = (rows / self.root) @ (self.total @ self.modes.shapes)
        return result

    @property
    def gained_j(self) -> Array:
        """Work ``(2,)`` on tissue and on all, relative to the power before heating."""
        return np.array([self.to_tissue * self.work_j, self.work_j])

    def advance(self, time_s: float, reading_k: float, reading_integral: float) -> None:
        """Play up to a time, at which the sequence alone has a rise of the reading, and an integral of it since the
        start."""
        if self.begun and time_s > self.time_s:
            length = time_s - self.time_s
            mean = (reading_integral - self.reading_integral) / length
            bend = 3.0 * (self.reading_k + reading_k) - 6.0 * mean
            slope = reading_k - self.reading_k - bend
            self._play(length, np.array([self.reading_k, slope / length, bend / length**2]))
        self.begun, self.time_s = True, time_s
        self.reading_k, self.reading_integral = reading_k, reading_integral

    def _play(self, length: float, alone: Array) -> None:
        """Play an interval in which the sequence's reading is a parabola, in parts of one regime each."""
        done, held = 0.0, self._regime(self._wanted_w(0.0, self.state, alone), 0.0, alone)
        for _ in range(SWITCHES):
            left = length - done
            here = _parabola_from(alone, done)
            power = np.array([held, 0.0, 0.0]) if held is not None else self._parabola(left, here)
            leaves = self._leaves(held, power, left, here)
            if leaves is None:
                self._step(left, power)
                return
            when, then = leaves
            power = power if held is not None else self._parabola(when, here) if when > 0.0 else power
            self._step(when, power)
            done, held = done + when, then
            if length - done <= SAME_TIME_S:
                return
        raise SolverError(f"warming: {SWITCHES} switches within {length:.3g} s at {self.time_s:.1f} s; widen the band")

    def _wanted_w(self, since_s: float, state: Array, alone: Array) -> float:
        """Power that the law has before it is cut to its range."""
        before = self.warming.limits_w[0]
        own = float(self.reads @ state)
        return before - self.warming.gain_w_k * (self.excess_k + _value(alone, since_s) + own)

    def _regime(self, wanted_w: float, since_s: float, alone: Array) -> float | None:
        """Power that is held, None within the law's range."""
        most = self.warming.limits_w[1]
        if most <= 0.0 or wanted_w < 0.0:
            return 0.0
        return most if wanted_w > most else None

    def _parabola(self, length: float, alone: Array) -> Array:
        """Power within the law's range, ``p_0 + p_1 s + p_2 s^2``, that meets the law at start, middle and end."""
        first = self._wanted_w(0.0, self.state, alone)
        times = np.array([0.5, 1.0]) * length
        gain, start = self.warming.gain_w_k, self.warming.limits_w[2]
        relative = first - start
        kept = decay(self.modes.rates_1_s, times) @ (self.reads * self.state)
        gives = [shape @ (self.reads * self.entries) for shape in self._responses(times)]
        known = np.array([self._wanted_w(t, np.zeros_like(self.state), alone) for t in times])
        known = known - gain * (kept + relative * gives[0]) - first
        matrix = np.array([times, times**2]).T + gain * np.array([gives[1], gives[2]]).T
        bent = np.linalg.solve(matrix, known)
        return np.array([first, *bent])

    def _responses(self, times_s: Array) -> tuple[Array, Array, Array]:
        """Response ``(k, r)`` of each mode to power of 1, s and s^2 W."""
        rates = self.modes.rates_1_s
        return phi1(rates, times_s), phi2(rates, times_s), 2.0 * phi3(rates, times_s)

    def _leaves(
        self, held: float | None, power: Array, length: float, alone: Array
    ) -> tuple[float, float | None] | None:
        """Moment at which a regime ends and the power that is held from then on, None where it lasts."""
        times = np.linspace(0.0, length, LOOKS + 1)[1:]
        most = self.warming.limits_w[1]
        if most <= 0.0:
            return None
        if held is None:
            for before, after in zip(np.append(0.0, times[:-1]), times, strict=True):
                for bound, outside in ((0.0, -1.0), (most, 1.0)):
                    if outside * (_value(power, after) - bound) > 0.0:
                        return _root(partial(_beyond, power, bound), before, after), bound
            return None
        outside = -1.0 if held == 0.0 else 1.0

        def beyond(since_s: float) -> float:
            return outside * (self._wanted_w(since_s, self._state_after(since_s, power), alone) - held)

        for before, after in zip(np.append(0.0, times[:-1]), times, strict=True):
            if beyond(after) < 0.0:
                return _root(beyond, before, after), None
        return None

    def _state_after(self, since_s: float, power: Array) -> Array:
        relative = power - np.array([self.warming.limits_w[2], 0.0, 0.0])
        at = np.array([since_s])
        responses = self._responses(at)
        result: Array = decay(self.modes.rates_1_s, at)[0] * self.state + self.entries * sum(
            p * response[0] for p, response in zip(relative, responses, strict=True)
        )
        return result

    def _step(self, length: float, power: Array) -> None:
        """Play a part under a power."""
        if length <= 0.0:
            return
        at, rates = np.array([length]), self.modes.rates_1_s
        relative = power - np.array([self.warming.limits_w[2], 0.0, 0.0])
        grown = phi2(rates, at)[0], phi3(rates, at)[0], 2.0 * phi4(rates, at)[0]
        self.total = (
            self.total
            + phi1(rates, at)[0] * self.state
            + self.entries * sum(p * shape for p, shape in zip(relative, grown, strict=True))
        )
        self.state = self._state_after(length, power)
        self.work_j += float(relative @ [length, length**2 / 2.0, length**3 / 3.0])


def _value(parabola: Array, at: float) -> float:
    return float(parabola[0] + at * (parabola[1] + at * parabola[2]))


def _beyond(parabola: Array, bound: float, at: float) -> float:
    return _value(parabola, at) - bound


def _parabola_from(parabola: Array, by: float) -> Array:
    """The same parabola from a later start."""
    a, b, c = parabola
    return np.array([a + by * (b + by * c), b + 2.0 * by * c, c])


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Root of a function that changes sign, or its nearer end."""
    if function(low) * function(high) > 0.0:
        return low
    return float(brentq(function, low, high, xtol=ROOT_S))
