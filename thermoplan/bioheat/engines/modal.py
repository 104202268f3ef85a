"""Many dwells of few loads, where the capacity is not lumped: exact in time, in one space of modes.

What a load has heated, averaged over times that are exponentially distributed with mean g, is ``(C + g K)^-1 g q``:
one linear system of the implicit engine. The space of such means, of all loads and for g from less than the shortest
dwell to the whole run, is a rational Krylov space [DruskinKnizhnermanZaslavsky2009] and holds what they heat at any
time. In it every mode is an equation of its own, and a dwell costs nothing; none is left out or averaged. Warmth that
is even over the tissue or the blood is in the space, so that energy balances to rounding.

What feeds back hardly follows single dwells: the implicit engine steps through it alone, on top of the loads' rise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, pairwise

import numpy as np
from scipy.linalg import eigh, solve

from ...base.arrays import Array
from ...base.errors import SolverError
from ..feedback import Feedback
from ..linalg.krylov import Operator, operator
from ..linalg.phi import decay, phi1, phi2
from ..linalg.shifted import ShiftedMatrices
from ..load_sequence import Cycle, Segment, after, flat, same_loads
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from .evolve import SAME_TIME_S, EngineRun, Ledger, resumed, started
from .implicit import evolve_implicit, implicit_matrices

TOLERANCE_K = 1e-5
SOLVE_SHARE = 0.1
RUNG = 4.0
"""Ratio of mean times that are tried before those between them."""
SHORTEST_S, OF_SHORTEST = 5e-3, 0.5
MOST = 60
"""Modes a load."""
SAME_K = 1e-9
STEPPED_K = 1e-3
"""Largest estimated error of a step through what feeds back: runs are then within 2 mK of those dwell by dwell."""
OUTPUTS = 16
"""Outputs that are put together at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Shapes ``(r, n_dof)``, scaled as in ``krylov`` and orthonormal by capacity, and the rate ``(r,)`` of each."""

    rates_1_s: Array
    shapes: Array


class _Growing:
    """A basis that is orthonormal by capacity, and what the stiffness makes of it."""

    def __init__(self, op: Operator, matrices: ShiftedMatrices, most: int, tolerance_k: float) -> None:
        self.op, self.matrices, self.tolerance = op, matrices, tolerance_k
        self.basis, self.among = np.empty((most, len(op.root_capacity))), np.zeros((most, most))
        self.m = 0
        for row in matrices.even:
            self.add(row)

    def add(self, row: Array) -> None:
        if self.m == len(self.basis):
            raise SolverError(f"modes: {self.m} do not hold what the loads heat within {self.tolerance:.0e} K")
        for _ in range(2):
            row = row - (self.basis[: self.m] @ self.matrices.weighed(row)) @ self.basis[: self.m]
        self.basis[self.m] = row / np.sqrt(self.op.inner(row, self.matrices.weighed(row)))
        self.m += 1
        here = self.basis[: self.m] @ (self.op @ self.basis[self.m - 1])
        self.among[self.m - 1, : self.m] = self.among[: self.m, self.m - 1] = here

    def missed_k(self, source: Array, mean_s: float) -> float:
        """What the space misses of ``(C + g K)^-1`` times a source, which is added where it is above the tolerance."""
        basis, nothing = self.basis[: self.m], np.zeros(len(source))
        among = np.eye(self.m) + mean_s * self.among[: self.m, : self.m]
        held = solve(among, basis @ source, assume_a="pos") @ basis
        left = source - mean_s * (self.op @ held) - self.matrices.weighed(held)
        missed = self.matrices.solver(mean_s, nothing)(left, SOLVE_SHARE * self.tolerance, nothing)
        largest = self.op.largest_k(missed)
        if largest > self.tolerance:
            self.add(missed)
        return largest

    def take(self, source: Callable[[float], Array], shortest_s: float, longest_s: float) -> None:
        """Grow until no mean in a range of times misses more than the tolerance; ``source`` is what each is of."""
        count = max(2, round(np.log(longest_s / shortest_s) / np.log(RUNG)) + 1)
        rungs = np.geomspace(longest_s, shortest_s, count)
        missed = [self.missed_k(source(mean), mean) for mean in rungs]
        gaps = [gap for gap, ends in zip(pairwise(rungs), pairwise(missed), strict=True) if max(ends) > self.tolerance]
        while gaps:
            longer, shorter = gaps.pop()
            between = float(np.sqrt(longer * shorter))
            if self.missed_k(source(between), between) > self.tolerance:
                gaps += [(longer, between), (between, shorter)]

    def missing(self, y: Array) -> Array:
        """What the space does not hold of a state."""
        return y - (self.basis[: self.m] @ self.matrices.weighed(y)) @ self.basis[: self.m]

    def modes(self) -> Modes:
        rates, vectors = eigh(self.among[: self.m, : self.m])
        return Modes(np.maximum(rates, 0.0), vectors.T @ self.basis[: self.m])


def evolve_modal(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    feedback: Feedback | None = None,
    tolerance_k: float = TOLERANCE_K,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, for capacity that is not lumped.

    Parameters
    ----------
    feedback
        What it makes of the temperatures is stepped through by the implicit engine on top of what the loads do.
    tolerance_k
        Most, over the nodes, that the space may miss of a load's rise averaged over any time.
    """
    op = engine or operator(system.stiffness, system.scale_j_k)
    run = started(system, pieces, output_times_s, tolerance_k=tolerance_k, ledger=ledger, engine=op)
    if feedback is not None:
        course = _course(run, pieces)
        rest = [Segment(np.zeros(system.n_nodes), run.end_s)]
        yield from evolve_implicit(
            system,
            rest,
            run.times,
            feedback=feedback,
            tolerance_k=STEPPED_K,
            ledger=ledger,
            engine=op,
            keeping=keeping,
            given=course,
        )
        return
    resumed(run, pieces, keeping)
    times = np.append(run.times[run.times < run.end_s - SAME_TIME_S], run.end_s)
    times = times[times > run.clock + SAME_TIME_S]
    if ledger is not None:
        ledger.enter(run.clock, run.y / op.root_capacity, run.integrals)
    yield run.clock, system.base_c + run.y / op.root_capacity
    course = _course(run, pieces)
    for block in batched(times.tolist(), OUTPUTS):
        for time, y, integrals in zip(block, *course.at(np.array(block)), strict=True):
            rise = y / op.root_capacity
            if ledger is not None:
                ledger.enter(time, rise, integrals)
            yield time, system.base_c + rise
            if keeping.mark is not None and time < run.end_s - SAME_TIME_S:
                keeping.mark(EngineState(time, system.base_c + rise))


@dataclass(frozen=True, slots=True, eq=False)
class ModalCourse:
    """What dwells heat, at any time.

    Parameters
    ----------
    edges_s
        ``(k,)`` starts of the dwells.
    states, sums, entries
        ``(k, r)`` modes at the start of each dwell, their integrals until then, and the power on each in it.
    rows
        ``(r, n_rows)`` what is watched of each mode.
    """

    modes: Modes
    edges_s: Array
    states: Array
    sums: Array
    entries: Array
    rows: Array

    def at(self, times_s: Array) -> tuple[Array, Array]:
        """States ``(j, n_dof)``, scaled, and integrals ``(j, n_rows)`` of what is watched of them, since the start."""
        k = np.maximum(np.searchsorted(self.edges_s, times_s, "right") - 1, 0)
        states, sums = _moved(
            self.modes.rates_1_s, times_s - self.edges_s[k], (self.states[k], self.sums[k]), self.entries[k]
        )
        return states @ self.modes.shapes, sums @ self.rows


def _moved(rates_1_s: Array, since_s: Array, before: tuple[Array, Array], entry: Array) -> tuple[Array, Array]:
    """Modes and their integrals some time after they were so, under a power on each."""
    (state, total), grown = before, phi1(rates_1_s, since_s)
    return (decay(rates_1_s, since_s) * state + grown * entry, total + grown * state + phi2(rates_1_s, since_s) * entry)


def _course(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> ModalCourse:
    """Of a run from where it stands."""
    modes, state = _grown(run, pieces)
    left = flat(after(pieces, run.clock))
    entries = np.empty((len(left), len(state)))
    for members in same_loads(left):
        entries[members] = modes.shapes @ run.scaled(left[members[0]].load_w)
    durations = np.array([segment.duration_s for segment in left])
    found = [(state, np.zeros(len(state)))]
    for duration, entry in zip(durations, entries, strict=True):
        found.append(tuple(row[0] for row in _moved(modes.rates_1_s, np.array([duration]), found[-1], entry)))
    states, sums = (np.array(rows[:-1]) for rows in zip(*found, strict=True))
    return ModalCourse(
        modes, run.clock + np.cumsum(durations) - durations, states, sums, entries, modes.shapes @ run.rows.T
    )


def _grown(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> tuple[Modes, Array]:
    """Modes of every load of the whole run and of the state that it starts from, and that state in them ``(r,)``."""
    segments, op = flat(pieces), run.op
    groups = [members[0] for members in same_loads(segments) if segments[members[0]].load_w.any()]
    growing = _Growing(
        op,
        implicit_matrices(op, run.system),
        MOST * (len(groups) + 1),
        run.tolerance,
    )
    range_s = max(SHORTEST_S, OF_SHORTEST * min(s.duration_s for s in segments)), run.end_s
    for i in groups:
        load = run.scaled(segments[i].load_w)
        growing.take(partial(np.multiply, load), *range_s)
    if op.largest_k(growing.missing(run.y)) > SAME_K:
        growing.add(run.y)
        growing.take(lambda _: growing.matrices.weighed(run.y), *range_s)
    modes = growing.modes()
    return modes, modes.shapes @ growing.matrices.weighed(run.y)
