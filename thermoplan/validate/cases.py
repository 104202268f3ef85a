"""Heat problems of one tissue, or one value a region, that closed forms and other solvers are at hand for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array
from ..bioheat import BioheatProblem, Boundary

RHO_KG_M3, C_J_KG_K = 1060.0, 3600.0
BLOOD_J_M3_K = 1050.0 * 3617.0
"""Of the tables of closed forms: perfusion there is in 1/s of this blood."""


def problem(
    anatomy: Anatomy,
    *,
    k: float | Array = 0.5,
    perfusion: float | Array = 0.0,
    metabolic: float | Array = 0.0,
    boundaries: tuple[Boundary, ...] | None = None,
    **more: object,
) -> BioheatProblem:
    """Conductivity in W/m/K, perfusion in W/m3/K and metabolic heat in W/m3; insulated, and blood fixed at 37 degC,
    unless said."""
    per_region = {
        "density_kg_m3": RHO_KG_M3,
        "heat_capacity_j_kg_k": C_J_KG_K,
        "conductivity_w_m_k": k,
        "perfusion_w_m3_k": perfusion,
        "metabolic_w_m3": metabolic,
    }
    values = {name: np.broadcast_to(value, len(anatomy.region_names)) for name, value in per_region.items()}
    boundaries = (Boundary("insulated"),) if boundaries is None else boundaries
    return BioheatProblem(anatomy, **values, boundaries=boundaries, **{"arterial_c": 37.0, "core": "fixed"} | more)


def load_of(anatomy: Anatomy, power_w_m3: Callable[[Array], Array]) -> Array:
    """Nodal power ``(n,)`` of a function of points ``(..., 3)``, by four points an element (exact where the integrand
    is quadratic)."""
    near = 0.25 + 0.75 / np.sqrt(5.0)
    weights = np.full((4, 4), (1.0 - near) / 3.0)
    np.fill_diagonal(weights, near)
    at = np.einsum("qi,mid->mqd", weights, anatomy.points_m[anatomy.tets])
    share = np.einsum("mq,qi->mi", power_w_m3(at), weights) * anatomy.volumes_m3[:, None] / 4.0
    return np.bincount(anatomy.tets.ravel(), share.ravel(), len(anatomy.points_m))
