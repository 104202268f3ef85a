"""What the skin is in touch with, facet by facet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, IntArray
from ..base.errors import InputError
from .problem import FACING_COSINE, BioheatProblem, Boundary
from .radiation import linear_w_m2_k


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """What each outer facet and each node of the surface is in touch with; ``owner`` is the boundary's number, -1
    where there is none."""

    owner: IntArray
    heat_transfer_w_m2_k: Array
    temperature_c: Array
    is_held: Array
    held: IntArray
    held_c: Array
    arterial_c: float


def skin_conditions(problem: BioheatProblem) -> Skin:
    """Resolve the boundaries facet by facet; of two on one facet the later holds. Radiation is in as a heat transfer
    to the temperature that balances it with convection."""
    from ..fem import linear

    anatomy = problem.anatomy
    outer, n = anatomy.outer, len(anatomy.points_m)
    normals, _ = linear.area_vectors_m2(anatomy, outer)
    transfer, outside = np.zeros(len(outer)), np.full(len(outer), problem.arterial_c)
    dirichlet, owner = np.zeros(len(outer), bool), np.full(len(outer), -1)
    for number, boundary in enumerate(problem.boundaries):
        facets = _facets(boundary, outer, normals)
        transfer[facets], outside[facets] = _outside(boundary, problem.arterial_c)
        dirichlet[facets], owner[facets] = boundary.kind == "dirichlet", number
    held_c = np.zeros(n)
    held_c[outer[dirichlet].ravel()] = np.repeat(outside[dirichlet], 3)
    held = np.unique(outer[dirichlet])
    is_held = np.zeros(n, bool)
    is_held[held] = True
    return Skin(owner, transfer, outside, is_held, held, held_c[held], problem.arterial_c)


def _outside(boundary: Boundary, arterial_c: float) -> tuple[float, float]:
    """Heat transfer, and the temperature outside that it is to."""
    if boundary.kind != "robin" or not boundary.emissivity:
        return (boundary.heat_transfer_w_m2_k if boundary.kind == "robin" else 0.0), boundary.temperature_c
    air, around = boundary.temperature_c, boundary.surroundings_c
    around = air if around is None else around
    h, radiant = boundary.heat_transfer_w_m2_k, linear_w_m2_k(boundary.emissivity, around, arterial_c)
    return h + radiant, (h * air + radiant * around) / (h + radiant)


def _facets(boundary: Boundary, outer: IntArray, normals: Array) -> Array:
    chosen = np.ones(len(outer), bool)
    if boundary.triangles is not None:
        key = {tuple(row) for row in np.sort(boundary.triangles, axis=1).tolist()}
        chosen = np.array([tuple(row) in key for row in np.sort(outer, axis=1).tolist()])
        if chosen.sum() != len(key):
            missing = len(key) - chosen.sum()
            raise InputError(
                f"{boundary.name}: {missing} of {len(key)} triangles are not on the outer surface; leave "
                "out those between elements"
            )
    if boundary.normal is not None:
        chosen &= normals @ boundary.normal >= FACING_COSINE
    if not chosen.any():
        facing = "" if boundary.normal is None else f'.normal = "{" ".join(f"{v:.3g}" for v in boundary.normal)}"'
        raise InputError(
            f"{boundary.name}{facing}: no facet of the outer surface is meant; expected a direction that "
            "some of the skin faces within 45 degrees, or a surface that is part of it"
        )
    return chosen
