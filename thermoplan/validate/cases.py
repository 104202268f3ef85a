"""Heat problems of one tissue, or one value a region, that closed forms and other solvers are at hand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array
from ..bioheat import BioheatProblem, Boundary, TemperatureCourse, Vessel

RHO_KG_M3 = 1060.0
C_J_KG_K = 3600.0
BLOOD_J_M3_K = 1050.0 * 3617.0
"""Of the tables of closed forms: perfusion there is in 1/s of this blood."""


class ProblemOptions(TypedDict, total=False):
    """Options of a problem beyond its tissue and boundaries, as `BioheatProblem` has them."""

    arterial_c: float
    core: str
    blood_j_k: float
    core_course: TemperatureCourse | None
    laws: Mapping[str, Callable[[Array], Array]]
    vessels: tuple[Vessel, ...]


def problem(
    anatomy: Anatomy,
    *,
    k: ArrayLike = 0.5,
    perfusion: ArrayLike = 0.0,
    metabolic: ArrayLike = 0.0,
    boundaries: tuple[Boundary, ...] | None = None,
    **more: Unpack[ProblemOptions],
) -> BioheatProblem:
    """Conductivity in W/m/K, perfusion in W/m3/K and metabolic heat in W/m3; insulated, and blood fixed at 37 degC,
    unless said."""
    regions = len(anatomy.region_names)
    density, heat_capacity, conductivity, perfused, heated = (
        np.broadcast_to(np.asarray(value, float), regions) for value in (RHO_KG_M3, C_J_KG_K, k, perfusion, metabolic)
    )
    options: ProblemOptions = {"arterial_c": 37.0, "core": "fixed", **more}
    return BioheatProblem(
        anatomy,
        density_kg_m3=density,
        heat_capacity_j_kg_k=heat_capacity,
        conductivity_w_m_k=conductivity,
        perfusion_w_m3_k=perfused,
        metabolic_w_m3=heated,
        boundaries=(Boundary("insulated"),) if boundaries is None else boundaries,
        **options,
    )


def load_of(anatomy: Anatomy, power_w_m3: Callable[[Array], Array]) -> Array:
    """Nodal power ``(n,)`` of a function of points ``(..., 3)``, by four points an element (exact where the integrand
    is quadratic)."""
    near = 0.25 + 0.75 / np.sqrt(5.0)
    weights = np.full((4, 4), (1.0 - near) / 3.0)
    np.fill_diagonal(weights, near)
    at = np.einsum("qi,mid->mqd", weights, anatomy.points_m[anatomy.tets])
    share = np.einsum("mq,qi->mi", power_w_m3(at), weights) * anatomy.volumes_m3[:, None] / 4.0
    return np.bincount(anatomy.tets.ravel(), share.ravel(), len(anatomy.points_m))
