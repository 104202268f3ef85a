"""Many dwells of few loads, where the capacity is not lumped: exact in time, in one space of modes.

The rise of a load, averaged over times that are exponentially distributed with mean g, is ``(C + g K)^-1 g q``: one
linear system of the implicit engine. The space of such means, of all loads and for g from less than the shortest dwell
to the whole run, is a rational Krylov space [DruskinKnizhnermanZaslavsky2009] and holds their rise at any time. In it
every mode is an equation of its own, and a dwell costs nothing; none is left out or averaged. Warmth that is even over
the tissue or the blood is in the space, so that energy balances to rounding.

Feedback hardly follows single dwells: the implicit engine steps through it alone, on top of the loads' rise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, pairwise
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh, solve

from ...base.arrays import Array
from ...base.errors import SolverError
from ..linalg.krylov import Operator
from ..linalg.phi import decay, phi1, phi2
from ..linalg.shifted import ShiftedMatrices
from ..load_sequence import Cycle, Segment, after, flat, same_loads
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT
from .engine_run import SAME_TIME_S, EngineRun, FeedbackOptions, Moment, resume_run, start_run, yield_outputs
from .implicit import evolve_implicit, implicit_matrices

TOLERANCE_K = 1e-5
"""Largest part of a load's rise, averaged over any time, that the space may miss; twice as much saves
few modes, as the error falls by a factor with each."""
SOLVE_SHARE = 0.1
"""Of the tolerance, the residual of a linear system; at twice as much it would show in what the space misses."""
RUNG = 4.0
"""Ratio of mean times that are tried before those between them; twice as much may step over a time that is missed."""
SHORTEST_S = 5e-3
"""Shortest mean time that is tried: within it heat moves less than an element is wide. Half of it costs a few modes."""
OF_SHORTEST = 0.5
"""Of the shortest dwell, the mean time from which the space has to hold."""
MOST = 60
"""Modes a load, for which room is made; runs take about twenty."""
SAME_K = 1e-9
"""Difference of a start from the space that is no more than rounding."""
STEPPED_K = 1e-3
"""Largest estimated error of a step through the feedback: runs are then within 2 mK of those dwell by dwell. Twice as
much saves a fifth of the steps."""
OUTPUTS = 16
"""Outputs that are put together at once: one pass over the modes for all of them, in memory for sixteen vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Shapes ``(r, n_dof)``, scaled as in ``krylov`` and orthonormal by capacity, and the rate ``(r,)`` of each."""

    rates_1_s: Array
    shapes: Array


class _ModalBasis:
    """A basis that is orthonormal by capacity, and the stiffness between its vectors."""

    def __init__(self, op: Operator, matrices: ShiftedMatrices, most: int, tolerance_k: float) -> None:
        self.op, self.matrices, self.tolerance = op, matrices, tolerance_k
        self.basis, self.among = np.empty((most, len(op.root_capacity))), np.zeros((most, most))
        self.m = 0
        for row in matrices.even:
            self.add(row)

    def add(self, row: Array) -> None:
        """Add a direction, made orthogonal to the others twice, as rounding needs."""
        if self.m == len(self.basis):
            raise SolverError(f"modes: {self.m} do not hold what the loads heat within {self.tolerance:.0e} K")
        for _ in range(2):
            row = row - (self.basis[: self.m] @ self.matrices.weighed(row)) @ self.basis[: self.m]
        self.basis[self.m] = row / np.sqrt(self.op.dot(row, self.matrices.weighed(row)))
        self.m += 1
        here = self.basis[: self.m] @ (self.op @ self.basis[self.m - 1])
        self.among[self.m - 1, : self.m] = self.among[: self.m, self.m - 1] = here

    def add_missing(self, source: Array, mean_s: float) -> float:
        """Largest part of ``(C + g K)^-1`` times a source, in K, outside the space; it is added above the tolerance."""
        basis, nothing = self.basis[: self.m], np.zeros(len(source))
        among = np.eye(self.m) + mean_s * self.among[: self.m, : self.m]
        held = solve(among, basis @ source, assume_a="pos") @ basis
        left = source - mean_s * (self.op @ held) - self.matrices.weighed(held)
        missed = self.matrices.solver(mean_s, nothing)(left, SOLVE_SHARE * self.tolerance, nothing)
        largest = self.op.largest_k(missed)
        if largest > self.tolerance:
            self.add(missed)
        return largest

    def grow(self, source: Callable[[float], Array], shortest_s: float, longest_s: float) -> None:
        """Grow until no mean in a range of times misses more than the tolerance; ``source`` is that of each mean."""
        count = max(2, round(np.log(longest_s / shortest_s) / np.log(RUNG)) + 1)
        rungs: list[float] = np.geomspace(longest_s, shortest_s, count).tolist()
        missed = [self.add_missing(source(mean), mean) for mean in rungs]
        gaps = [gap for gap, ends in zip(pairwise(rungs), pairwise(missed), strict=True) if max(ends) > self.tolerance]
        while gaps:
            longer, shorter = gaps.pop()
            between = float(np.sqrt(longer * shorter))
            if self.add_missing(source(between), between) > self.tolerance:
                gaps += [(longer, between), (between, shorter)]

    def outside(self, y: Array) -> Array:
        """Part of a state that is orthogonal to the space."""
        return y - (self.basis[: self.m] @ self.matrices.weighed(y)) @ self.basis[: self.m]

    def modes(self) -> Modes:
        rates, vectors = eigh(self.among[: self.m, : self.m])
        return Modes(np.maximum(rates, 0.0), vectors.T @ self.basis[: self.m])


def evolve_modal(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    *,
    tolerance_k: float = TOLERANCE_K,
    **options: Unpack[FeedbackOptions],
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, for capacity that is not lumped.

    Parameters
    ----------
    tolerance_k
        Most, over the nodes, that the space may miss of a load's rise averaged over any time.
    options
        `FeedbackOptions`; feedback is stepped through by the implicit engine on top of the loads' rise.
    """
    run = start_run(system, pieces, output_times_s, tolerance_k=tolerance_k, options=options)
    if options.get("feedback") is None:
        resume_run(run, pieces, options.get("keeping", NO_CHECKPOINT))
        yield from yield_outputs(run.rises(_play(run, pieces)), system.base_c, options.get("ledger"))
        return
    options["engine"] = run.op
    yield from evolve_implicit(
        system,
        [Segment(np.zeros(system.n_nodes), run.end_s)],
        run.times,
        tolerance_k=STEPPED_K,
        given=_modal_course(run, pieces),
        **options,
    )


def _play(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> Iterator[Moment]:
    """Moments of a run without feedback, and a checkpoint at each."""
    times = np.append(run.times[run.times < run.end_s - SAME_TIME_S], run.end_s)
    times = times[times > run.clock + SAME_TIME_S]
    yield run.clock, run.y, run.integrals
    course = _modal_course(run, pieces)
    for block in batched(times.tolist(), OUTPUTS):
        for time_s, y, integrals in zip(block, *course.at(np.array(block)), strict=True):
            run.clock, run.y = time_s, y
            yield time_s, y, integrals
            run.mark()


@dataclass(frozen=True, slots=True, eq=False)
class ModalCourse:
    """Rise of a sequence of dwells at any time.

    Parameters
    ----------
    edges_s
        ``(k,)`` starts of the dwells.
    states, sums, entries
        ``(k, r)`` modes at the start of each dwell, their integrals until then, and the power on each in it.
    rows
        ``(r, n_rows)`` watched rows of each mode.
    """

    modes: Modes
    edges_s: Array
    states: Array
    sums: Array
    entries: Array
    rows: Array

    def at(self, times_s: Array) -> tuple[Array, Array]:
        """States ``(j, n_dof)``, scaled, and integrals ``(j, n_rows)`` of their watched rows, since the start."""
        k = np.maximum(np.searchsorted(self.edges_s, times_s, "right") - 1, 0)
        states, sums = _advance(
            self.modes.rates_1_s, times_s - self.edges_s[k], (self.states[k], self.sums[k]), self.entries[k]
        )
        return states @ self.modes.shapes, sums @ self.rows


def _advance(rates_1_s: Array, since_s: Array, before: tuple[Array, Array], entry: Array) -> tuple[Array, Array]:
    """Modes and their integrals after some times under a power on each."""
    (state, total), rise = before, phi1(rates_1_s, since_s)
    return (decay(rates_1_s, since_s) * state + rise * entry, total + rise * state + phi2(rates_1_s, since_s) * entry)


def _modal_course(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> ModalCourse:
    """Rise of the dwells that are left to a run."""
    modes, state = _run_modes(run, pieces)
    left = flat(after(pieces, run.clock))
    entries = np.empty((len(left), len(state)))
    for members in same_loads(left):
        entries[members] = modes.shapes @ run.scaled(left[members[0]].load_w)
    durations = np.array([segment.duration_s for segment in left])
    states, sums = [state], [np.zeros(len(state))]
    for duration, entry in zip(durations[:-1], entries[:-1], strict=True):
        after_dwell, integrals = _advance(modes.rates_1_s, np.array([duration]), (states[-1], sums[-1]), entry)
        states.append(after_dwell[0])
        sums.append(integrals[0])
    edges = run.clock + np.cumsum(durations) - durations
    return ModalCourse(modes, edges, np.array(states), np.array(sums), entries, modes.shapes @ run.rows.T)


def modes_of_load(
    op: Operator, system: ThermalSystem, load: Array, range_s: tuple[float, float], tolerance_k: float = TOLERANCE_K
) -> Modes:
    """Modes that hold the rise of one scaled load of 1 W over times from the first to the second of a range.

    ``tolerance_k`` is, over the nodes, the most of that rise averaged over any time that they miss.
    """
    basis = _ModalBasis(op, implicit_matrices(op, system), 2 * MOST, tolerance_k)
    basis.grow(partial(np.multiply, load), *range_s)
    return basis.modes()


def _run_modes(run: EngineRun, pieces: Sequence[Segment | Cycle]) -> tuple[Modes, Array]:
    """Modes of every load of the whole run and of the state that it starts from, and that state in them ``(r,)``."""
    segments, op = flat(pieces), run.op
    groups = [members[0] for members in same_loads(segments) if segments[members[0]].load_w.any()]
    basis = _ModalBasis(op, implicit_matrices(op, run.system), MOST * (len(groups) + 1), run.tolerance)
    range_s = max(SHORTEST_S, OF_SHORTEST * min(s.duration_s for s in segments)), run.end_s
    for i in groups:
        basis.grow(partial(np.multiply, run.scaled(segments[i].load_w)), *range_s)
    start = run.y
    if op.largest_k(basis.outside(start)) > SAME_K:
        basis.add(start)
        basis.grow(lambda _: basis.matrices.weighed(start), *range_s)
    modes = basis.modes()
    return modes, modes.shapes @ basis.matrices.weighed(start)
