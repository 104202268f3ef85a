"""One door to the engines, and the estimate by which it chooses.

Exact is a Krylov space for every dwell or cycle where the capacity is lumped, and one of modes for all loads where it
is not; the implicit engine steps through every dwell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array
from ..audit import supplied_energy
from ..feedback import Feedback
from ..linalg.krylov import Operator, operator
from ..load_sequence import Cycle, Segment, flat, same_loads
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT, CheckpointPolicy
from .coupled import evolve_coupled
from .evolve import Ledger, evolve
from .implicit import evolve_implicit
from .modal import evolve_modal

IMPLICIT_TIMES = 1000.0
MOST_K, OF_RISE, FINEST_K = 1e-6, 1e-6, 1e-10
"""Tolerance at most, as a share of the mean rise that the supplied energy would make if none were lost, and at least:
energy then closes to 1e-6 in every step. A step of the implicit engine is looser: it keeps the energy whatever its
tolerance, and estimates the error of each step and not of a whole dwell."""
EXACT_PER_ROOT, EXACT_AT_LEAST = 1.7, 12.0
IMPLICIT_PER_ROOT = 18.0
"""Matrix products per root of (rate times seconds) of a dwell, counted on a mouse of 74,000 nodes: 252 for 180 s
at 28/s in a Krylov space, 1425 for the same by TR-BDF2 at 1 mK, where Jacobi leaves the rate of the bulk."""
MODES_PER_ROOT = 8.0
"""The same for a load in modes and a whole run: 8893 for five loads and 1920 s at 28/s."""
MODES_A_LOAD, MODES_BYTES = 20, 2e9
"""What modes may take of memory, reckoned from those that a load needs."""


def play_sequence(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: Array,
    *,
    feedback: Feedback | None = None,
    ledger: Ledger | None = None,
    engine: Operator | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``; the implicit engine steps in where it is cheaper, and feedback is coupled to either."""
    op = engine or operator(system.stiffness, system.scale_j_k)
    run = {"feedback": feedback, "ledger": ledger, "engine": op, "keeping": keeping}
    tolerance_k = _tolerance_k(op, system, pieces)
    lumped = system.mass_j_k is None
    if preferred(op, pieces, lumped=lumped, feedback=feedback is not None).engine == "implicit":
        return evolve_implicit(system, pieces, output_times_s, **run, tolerance_k=IMPLICIT_TIMES * tolerance_k)
    if not lumped:
        return evolve_modal(system, pieces, output_times_s, **run)
    if feedback is not None:
        return evolve_coupled(system, pieces, output_times_s, **run)
    del run["feedback"]
    return evolve(system, pieces, output_times_s, **run, tolerance_k=tolerance_k)


def _tolerance_k(op: Operator, system: ThermalSystem, pieces: Sequence[Segment | Cycle]) -> float:
    """`MOST_K`, and less where little energy comes in: a scan of milliwatts balances as well as a treatment."""
    here = supplied_energy(system, pieces)[1][-1], system.capacity_j_k.sum()
    supplied_j, capacity_j_k = op.team.summed(np.array(here)).tolist()
    return float(min(MOST_K, max(OF_RISE * supplied_j / capacity_j_k, FINEST_K)))


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is ``exact`` or ``implicit``, whichever is expected to need fewer matrix products."""

    engine: str
    spectral_radius_1_s: float
    exact_products: float
    implicit_products: float


def preferred(
    op: Operator, pieces: Sequence[Segment | Cycle], *, lumped: bool = True, feedback: bool = False
) -> Choice:
    """The cheaper engine for a sequence, and why; modes, for capacity that is not lumped, have to fit in memory too,
    and what feeds back is stepped through on top of them."""
    bulk, segments = min(2.0 * op.typical_1_s(95.0), op.radius_1_s), flat(pieces)
    if lumped:
        exact, can = sum(_exact(op.radius_1_s, op.room, piece) for piece in pieces), True
    else:
        loads = sum(segments[members[0]].load_w.any() for members in same_loads(segments))
        each = loads * MODES_PER_ROOT + feedback * IMPLICIT_PER_ROOT
        exact = each * np.sqrt(bulk * sum(s.duration_s for s in segments))
        can = 8 * MODES_A_LOAD * loads * op.n_dof <= MODES_BYTES
    implicit = sum(IMPLICIT_PER_ROOT * np.sqrt(bulk * s.duration_s) for s in segments)
    engine = "exact" if can and exact <= implicit else "implicit"
    return Choice(engine, op.radius_1_s, float(exact), float(implicit))


def _exact(radius: float, room: int, piece: Segment | Cycle) -> float:
    """Dwells of one pass and a space for the rest; a window beyond what memory holds is cut."""
    spaces = [piece.duration_s]
    if isinstance(piece, Cycle):
        spaces += [s.duration_s for s in piece.segments]
    needed = [EXACT_AT_LEAST + EXACT_PER_ROOT * np.sqrt(radius * t) for t in spaces]
    return float(sum(m * max(1.0, m / room) for m in needed))
