"""Choice of the engine for a sequence, by an estimate of its matrix products.

Exact is a Krylov space for every dwell or cycle where the capacity is lumped, and one of modes for all loads where it
is not; the implicit engine steps through every dwell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ..audit import supplied_energy
from ..linalg.krylov import Operator, operator
from ..load_sequence import Cycle, Segment, flat, same_loads
from ..system import ThermalSystem
from .checkpoint import NO_CHECKPOINT
from .coupled import evolve_coupled
from .engine_run import FeedbackOptions, RunOptions
from .evolve import evolve
from .implicit import evolve_implicit
from .modal import evolve_modal

IMPLICIT_TIMES = 1000.0
"""Tolerance of a step of the implicit engine over that of a dwell of the exact one: it keeps the energy whatever its
tolerance, and estimates the error of each step and not of a whole dwell. Twice as much saves a fifth of the steps."""
MOST_K = 1e-6
"""Tolerance of a dwell at most: energy then closes to 1e-6 in every step. Twice as much saves a product or two a
dwell."""
OF_RISE = 1e-6
"""Tolerance as a share of the mean rise that the supplied energy would make if none were lost, for the same balance."""
FINEST_K = 1e-10
"""Tolerance at least: below it, rounding of temperatures in degC is all that is left."""
EXACT_PER_ROOT = 1.7
"""Matrix products per root of (rate times seconds) of a dwell in a Krylov space, counted on a mouse of 74,000 nodes:
252 for 180 s at 28/s. Twice as much would leave sequences to the implicit engine that the exact one plays with
fewer."""
EXACT_AT_LEAST = 12.0
"""Matrix products of the shortest dwell in a Krylov space."""
IMPLICIT_PER_ROOT = 18.0
"""The same by TR-BDF2 at 1 mK, 1425 for 180 s at 28/s, where Jacobi leaves the rate of the bulk."""
BULK_PERCENTILE = 95.0
"""Percentile of the rates on the diagonal that stands for the bulk of a mesh."""
MODES_PER_ROOT = 8.0
"""The same for a load in modes and a whole run: 8893 for five loads and 1920 s at 28/s."""
MODES_A_LOAD = 20
"""Modes that a load needs, about."""
MODES_BYTES = 2e9
"""Memory that modes may take; runs that need more are stepped through."""


def play_sequence(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    output_times_s: ArrayLike,
    **options: Unpack[FeedbackOptions],
) -> Iterator[tuple[float, Array]]:
    """As ``evolve``; the implicit engine steps in where it is cheaper, and feedback is coupled to either."""
    op = options["engine"] = options.get("engine") or operator(system.stiffness, system.scale_j_k)
    tolerance_k = _tolerance_k(op, system, pieces)
    lumped, feedback = system.mass_j_k is None, options.get("feedback")
    if choose_engine(op, pieces, lumped=lumped, feedback=feedback is not None).engine == "implicit":
        tolerance_k *= IMPLICIT_TIMES
        return evolve_implicit(system, pieces, output_times_s, tolerance_k=tolerance_k, **options)
    if not lumped:
        return evolve_modal(system, pieces, output_times_s, **options)
    run_options: RunOptions = {
        "engine": op,
        "ledger": options.get("ledger"),
        "keeping": options.get("keeping", NO_CHECKPOINT),
    }
    if feedback is not None:
        return evolve_coupled(system, pieces, output_times_s, feedback=feedback, **run_options)
    return evolve(system, pieces, output_times_s, tolerance_k=tolerance_k, **run_options)


def _tolerance_k(op: Operator, system: ThermalSystem, pieces: Sequence[Segment | Cycle]) -> float:
    """`MOST_K`, and less where little energy comes in: a scan of milliwatts balances as well as a treatment."""
    here = supplied_energy(system, pieces)[1][-1], system.capacity_j_k.sum()
    supplied_j, capacity_j_k = op.communicator.summed(np.array(here)).tolist()
    return float(min(MOST_K, max(OF_RISE * supplied_j / capacity_j_k, FINEST_K)))


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """``engine`` is ``exact`` or ``implicit``, whichever is expected to need fewer matrix products."""

    engine: str
    spectral_radius_1_s: float
    exact_products: float
    implicit_products: float


def choose_engine(
    op: Operator, pieces: Sequence[Segment | Cycle], *, lumped: bool = True, feedback: bool = False
) -> EngineChoice:
    """The cheaper engine for a sequence, and the estimates; modes, for capacity that is not lumped, have to fit in
    memory too, and feedback is stepped through on top of them."""
    bulk, segments = min(2.0 * op.typical_1_s(BULK_PERCENTILE), op.radius_1_s), flat(pieces)
    if lumped:
        exact, fits = sum(_exact_products(op.radius_1_s, op.room, piece) for piece in pieces), True
    else:
        loads = int(sum(segments[members[0]].load_w.any() for members in same_loads(segments)))
        each = loads * MODES_PER_ROOT + feedback * IMPLICIT_PER_ROOT
        exact = float(each * np.sqrt(bulk * sum(s.duration_s for s in segments)))
        fits = 8 * MODES_A_LOAD * loads * op.n_dof <= MODES_BYTES
    implicit = float(sum(IMPLICIT_PER_ROOT * np.sqrt(bulk * s.duration_s) for s in segments))
    engine = "exact" if fits and exact <= implicit else "implicit"
    return EngineChoice(engine, op.radius_1_s, exact, implicit)


def _exact_products(radius: float, room: int, piece: Segment | Cycle) -> float:
    """Matrix products of the dwells of one pass and of a space for the rest; a window beyond the memory is cut."""
    spaces = [piece.duration_s]
    if isinstance(piece, Cycle):
        spaces += [s.duration_s for s in piece.segments]
    needed = [EXACT_AT_LEAST + EXACT_PER_ROOT * np.sqrt(radius * t) for t in spaces]
    return float(sum(m * max(1.0, m / room) for m in needed))
