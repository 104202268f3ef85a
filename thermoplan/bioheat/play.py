"""One door to the engines, and the estimate by which it chooses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .audit import supplied_energy
from .coupled import evolve_coupled
from .evolve import Ledger, evolve
from .feedback import Feedback
from .implicit import evolve_implicit
from .krylov import Operator, operator
from .sequence import Cycle, Segment, flat
from .stand import FREE, Keeping
from .system import ThermalSystem

IMPLICIT_TIMES = 1000.0
MOST_K, OF_RISE, FINEST_K = 1e-6, 1e-6, 1e-10
"""Tolerance at most, as a share of the mean rise that the supplied energy would make if none were lost, and at least:
energy then closes to 1e-6 in every step. A step of the implicit engine is looser: it keeps the energy whatever its
tolerance, and estimates the error of each step and not of a whole dwell."""
EXACT_PER_ROOT, EXACT_AT_LEAST = 1.7, 12.0
IMPLICIT_PER_ROOT = 18.0
"""Matrix products per root of (rate times seconds) of a dwell, counted on a mouse of 74,000 nodes: 252 for 180 s
at 28/s in a Krylov space, 1425 for the same by TR-BDF2 at 1 mK, where Jacobi leaves the rate of the bulk."""


def play(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    feedback: Feedback | None = None,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: Keeping = FREE,
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``; the implicit engine steps in where it is cheaper, and feedback is coupled to either."""
    op = engine or operator(system.stiffness, system.scale_j_k)
    run = {"feedback": feedback, "ledger": ledger, "engine": op, "keeping": keeping}
    tolerance_k = _tolerance_k(op, system, pieces)
    if preferred(op, pieces, lumped=system.mass_j_k is None).engine == "implicit":
        return evolve_implicit(system, pieces, output_times_s, **run, tolerance_k=IMPLICIT_TIMES * tolerance_k)
    if feedback is not None:
        return evolve_coupled(system, pieces, output_times_s, **run)
    del run["feedback"]
    return evolve(system, pieces, output_times_s, **run, tolerance_k=tolerance_k)


def _tolerance_k(op: Operator, system: ThermalSystem, pieces: Sequence[Segment | Cycle]) -> float:
    """`MOST_K`, and less where little energy comes in: a scan of milliwatts balances as well as a treatment."""
    here = supplied_energy(system, pieces)[1][-1], system.capacity_j_k.sum()
    supplied_j, capacity_j_k = op.team.summed(np.array(here)).tolist()
    return min(MOST_K, max(OF_RISE * supplied_j / capacity_j_k, FINEST_K))


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is ``exact`` or ``implicit``, whichever is expected to need fewer matrix products."""

    engine: str
    spectral_radius_1_s: float
    exact_products: float
    implicit_products: float


def preferred(op: Operator, pieces: Sequence[Segment | Cycle], *, lumped: bool = True) -> Choice:
    """The cheaper engine for a sequence, and why; the exact one is for capacity that is lumped."""
    bulk = 2.0 * op.typical_1_s(95.0)
    exact = sum(_exact(op.radius_1_s, op.room, piece) for piece in pieces)
    implicit = sum(IMPLICIT_PER_ROOT * np.sqrt(min(bulk, op.radius_1_s) * s.duration_s) for s in flat(pieces))
    return Choice("exact" if lumped and exact <= implicit else "implicit", op.radius_1_s, float(exact), float(implicit))


def _exact(radius: float, room: int, piece: Segment | Cycle) -> float:
    """Dwells of one pass and a space for the rest; a window beyond what memory holds is cut."""
    spaces = [piece.duration_s]
    if isinstance(piece, Cycle):
        spaces += [s.duration_s for s in piece.segments]
    needed = [EXACT_AT_LEAST + EXACT_PER_ROOT * np.sqrt(radius * t) for t in spaces]
    return sum(m * max(1.0, m / room) for m in needed)
