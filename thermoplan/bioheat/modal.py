"""Many dwells of few loads, where the capacity is not lumped: exact in time, in one space of modes.

What a load has heated, averaged over times that are exponentially distributed with mean g, is ``(C + g K)^-1 g q``:
one linear system of the implicit engine. The space of such means, of all loads and for g from less than the shortest
dwell to the whole run, is a rational Krylov space [DruskinKnizhnermanZaslavsky2009] and holds what they heat at any
time. In it every mode is an equation of its own, and a dwell costs nothing; none is left out or averaged. Warmth that
is even over the tissue or the blood is in the space, so that energy balances to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, pairwise

import numpy as np
from scipy.linalg import eigh, solve

from ..arrays import Array
from ..errors import SolverError
from .evolve import SAME_TIME_S, Ledger, Run, resumed, started
from .krylov import Operator, decay, operator, phi1, phi2
from .sequence import Cycle, Segment, flat, same_loads
from .shifted import Shifted, shifted
from .stand import FREE, Keeping, Stand
from .system import ThermalSystem

TOLERANCE_K = 1e-5
SOLVE_SHARE = 0.1
RUNG = 4.0
"""Ratio of mean times that are tried before those between them."""
SHORTEST_S, OF_SHORTEST = 5e-3, 0.5
MOST = 60
"""Modes a load."""
SAME_K = 1e-9
OUTPUTS = 16
"""Outputs that are put together at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Shapes ``(r, n_dof)``, scaled as in ``krylov`` and orthonormal by capacity, and the rate ``(r,)`` of each."""

    rates_1_s: Array
    shapes: Array


class _Growing:
    """A basis that is orthonormal by capacity, and what the stiffness makes of it."""

    def __init__(self, op: Operator, matrices: Shifted, most: int, tolerance_k: float) -> None:
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
    tolerance_k: float = TOLERANCE_K,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: Keeping = FREE,
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``, for capacity that is not lumped.

    Parameters
    ----------
    tolerance_k
        Most, over the nodes, that the space may miss of a load's rise averaged over any time.
    """
    op = engine or operator(system.stiffness, system.scale_j_k)
    run = started(system, pieces, output_times_s, tolerance_k=tolerance_k, ledger=ledger, engine=op)
    left = flat(resumed(run, pieces, keeping))
    times = np.append(run.times[run.times < run.end_s - SAME_TIME_S], run.end_s)
    times = times[times > run.clock + SAME_TIME_S]
    if ledger is not None:
        ledger.enter(run.clock, run.y / op.root_capacity, run.integrals)
    yield run.clock, system.base_c + run.y / op.root_capacity
    for time, y, integrals in _played(run, pieces, left, times):
        rise = y / op.root_capacity
        if ledger is not None:
            ledger.enter(time, rise, integrals)
        yield time, system.base_c + rise
        if keeping.mark is not None and time < run.end_s - SAME_TIME_S:
            keeping.mark(Stand(time, system.base_c + rise))


def _played(
    run: Run, pieces: Sequence[Segment | Cycle], left: Sequence[Segment], times: Array
) -> Iterator[tuple[float, Array, Array]]:
    modes, start = _grown(run, pieces)
    entries = [np.zeros(0)] * len(left)
    for members in same_loads(left):
        entry = modes.shapes @ run.scaled(left[members[0]].load_w)
        for i in members:
            entries[i] = entry
    dwells = [(entry, segment.duration_s) for entry, segment in zip(entries, left, strict=True)]
    rows = modes.shapes @ run.rows.T
    for block in batched(_moments(modes.rates_1_s, dwells, (run.clock, start), times), OUTPUTS):
        at, states, sums = zip(*block, strict=True)
        yield from zip(at, np.array(states) @ modes.shapes, run.integrals + np.array(sums) @ rows, strict=True)


def _grown(run: Run, pieces: Sequence[Segment | Cycle]) -> tuple[Modes, Array]:
    """Modes of every load of the whole run and of the state that it starts from, and that state in them ``(r,)``."""
    segments, op = flat(pieces), run.op
    groups = [members[0] for members in same_loads(segments) if segments[members[0]].load_w.any()]
    growing = _Growing(op, shifted(op, run.system), MOST * (len(groups) + 1), run.tolerance)
    range_s = max(SHORTEST_S, OF_SHORTEST * min(s.duration_s for s in segments)), run.end_s
    for i in groups:
        load = run.scaled(segments[i].load_w)
        growing.take(partial(np.multiply, load), *range_s)
    if op.largest_k(growing.missing(run.y)) > SAME_K:
        growing.add(run.y)
        growing.take(lambda _: growing.matrices.weighed(run.y), *range_s)
    modes = growing.modes()
    return modes, modes.shapes @ growing.matrices.weighed(run.y)


def _moments(
    rates_1_s: Array, dwells: Sequence[tuple[Array, float]], begin: tuple[float, Array], times: Array
) -> Iterator[tuple[float, Array, Array]]:
    """At each time the modes ``(r,)`` and their integrals since the beginning, for dwells of power on each mode."""
    (clock, state), sums, i = begin, np.zeros(len(rates_1_s)), 0
    for entry, duration in dwells:
        j = int(np.searchsorted(times, clock + duration + SAME_TIME_S, "right"))
        since = np.append(times[i:j] - clock, duration)
        grown = phi1(rates_1_s, since)
        states = decay(rates_1_s, since) * state + grown * entry
        totals = sums + grown * state + phi2(rates_1_s, since) * entry
        yield from zip(times[i:j].tolist(), states, totals, strict=False)
        clock, i, state, sums = clock + duration, j, states[-1], totals[-1]
