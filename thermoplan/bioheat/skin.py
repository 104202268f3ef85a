"""Boundary conditions of the skin, facet by facet."""

from __future__ import annotations

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray
from ..base.errors import InputError
from .problem import FACING_COSINE, BioheatProblem, Boundary, Warming

UNOWNED = -1
"""Number of a facet that no boundary is on."""


def facet_owners(problem: BioheatProblem) -> IntArray:
    """Number ``(f,)`` of the boundary that each outer facet is on; of two on one facet the later holds."""
    from ..fem import linear

    outer = problem.anatomy.outer
    normals, _ = linear.area_vectors_m2(problem.anatomy, outer)
    owner = np.full(len(outer), UNOWNED)
    for number, boundary in enumerate(problem.boundaries):
        owner[_on_facets(boundary, outer, normals)] = number
    return owner


def warming_facets(anatomy: Anatomy, warming: Warming) -> IntArray:
    """Numbers of the outer facets that the warming's heat enters through."""
    from ..fem import linear

    return _on_facets(warming, anatomy.outer, linear.area_vectors_m2(anatomy, anatomy.outer)[0])


def _on_facets(boundary: Boundary | Warming, outer: IntArray, normals: Array) -> IntArray:
    """Numbers of the outer facets that a boundary is on."""
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
    return np.flatnonzero(chosen)
