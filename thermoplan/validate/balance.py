"""Energy balance of both engines in every step, cool-down included: stored, perfused and shed heat against the
supply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array
from ..bioheat import Boundary, Cycle, EnergyAudit, Segment, ThermalSystem, evolve, evolve_implicit, thermal_system
from ..bioheat.engines.engine_run import Ledger
from .bodies import box
from .cases import problem
from .validation_row import ValidationRow

STEP_S = 10.0
"""Time between two looks at the balance."""
TOLERANCE_K = 1e-7
"""Tolerance of the exact engine."""
STEPPED_K = 1e-3
"""Tolerance of a step of the implicit engine, which keeps energy whatever it is."""


class Engine(Protocol):
    """Engine in time that tells a ledger of its integrals."""

    def __call__(
        self,
        system: ThermalSystem,
        pieces: Sequence[Segment | Cycle],
        output_times_s: ArrayLike,
        *,
        ledger: Ledger | None = None,
        tolerance_k: float = ...,
    ) -> Iterator[tuple[float, Array]]: ...


def rows() -> Iterator[ValidationRow]:
    """A dwell, sixty cycles and 300 s of cool-down of a small body, looked at every 10 s."""
    engines: tuple[tuple[str, Engine, float], ...] = (
        ("exact", evolve, TOLERANCE_K),
        ("implicit", evolve_implicit, STEPPED_K),
    )
    for core in ("pool", "fixed"):
        for bed in (False, True):
            name = f"{'mixed blood' if core == 'pool' else 'given blood'}, {'bed at 38 degC' if bed else 'skin in air'}"
            for engine, play, tolerance_k in engines:
                found = balance(*body(core, bed=bed), engine=play, tolerance_k=tolerance_k)
                yield ValidationRow(
                    f"energy balance, {engine} engine, {name}, relative", 0.0, found, 1e-6, "made up", sense="at_most"
                )


def body(core: str, *, bed: bool) -> tuple[ThermalSystem, Sequence[Segment | Cycle]]:
    """Twelve millimetres of tissue in air, on a heated bed if asked, and its sequence of loads."""
    mesh = box((6, 6, 6), (0.012, 0.012, 0.012))
    skin = Boundary("robin", 10.0, 25.0)
    heated = Boundary("dirichlet", temperature_c=38.0, normal=np.array([0.0, -1.0, 0.0]))
    boundaries = (skin, heated) if bed else (skin,)
    system = thermal_system(
        problem(mesh, perfusion=4e3, metabolic=1e3, boundaries=boundaries, core=core, blood_j_k=4.0)
    )
    one, two = np.zeros((2, system.n_nodes))
    one[[171, 172]], two[129] = 0.03, 0.08
    return system, load_sequence(one, two)


def load_sequence(one: Array, two: Array) -> Sequence[Segment | Cycle]:
    """A dwell, a cycle of two, and the cool-down."""
    return [Segment(one, 30.0), Cycle((Segment(one, 0.7), Segment(two, 1.1)), 60), Segment(0.0 * one, 300.0)]


def balance(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    *,
    engine: Engine = evolve,
    tolerance_k: float = TOLERANCE_K,
) -> float:
    """Largest residual of a step over the largest power term."""
    audit = EnergyAudit(system, pieces)
    end = sum(piece.duration_s for piece in pieces)
    hottest = 0.0
    for _, temperature in engine(system, pieces, np.arange(0.0, end, STEP_S), ledger=audit, tolerance_k=tolerance_k):
        hottest = max(hottest, float((temperature - system.base_c).max()))
    return audit.balance_rel if hottest > 1.0 else float("inf")
