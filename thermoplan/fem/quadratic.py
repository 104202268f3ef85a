"""Quadratic elements on a mesh of tetrahedra: unknowns at its nodes and in the middle of its edges.

Shape functions are ``l (2 l - 1)`` of a node and ``4 l l'`` of an edge, l being the barycentric coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray, freeze, put
from . import linear
from .sample_points import QuadraturePoints

EDGES = np.array([[2, 3], [1, 3], [1, 2], [0, 3], [0, 2], [0, 1]])
"""Corners that each edge is between, in the order of basix."""
SIDES = np.array([[0, 1], [0, 2], [1, 2]])
"""Corners that each side of a facet is between."""
POINTS_DEGREE = 3
"""Degree to which sample points are exact: a temperature of degree two times a slope of its coefficient. A higher
degree takes three times as many points in each evaluation of a feedback."""
MEAN_DEGREE = 2
"""Degree of a shape function."""
MASS_DEGREE = 4
"""Degree of a product of two shape functions."""


@dataclass(frozen=True, slots=True, eq=False)
class QuadraticSpace:
    """Quadratic elements of an anatomy: nothing is lumped. Nodes by their own numbers, then the middles of edges.

    Parameters
    ----------
    edges
        ``(e, 2)`` nodes that each further unknown is in the middle of, rising.
    cells
        ``(m, 10)`` unknowns of each element: its corners, then its edges in the order of ``EDGES``.
    """

    anatomy: Anatomy
    edges: IntArray
    cells: IntArray

    def __post_init__(self) -> None:
        put(self, edges=freeze(self.edges, np.int64), cells=freeze(self.cells, np.int64))

    @property
    def n(self) -> int:
        return len(self.anatomy.points_m) + len(self.edges)

    @property
    def points_m(self) -> Array:
        """``(n, 3)``."""
        return self.linear(self.anatomy.points_m)

    def linear(self, nodal: Array) -> Array:
        """Unknowns ``(n, ...)`` of a field that is linear between its values at the nodes."""
        return np.concatenate([nodal, nodal[self.edges].mean(axis=1)])

    def stiffness(self, coefficient_cells: Array) -> csr_array:
        return linear.stiffness(self.anatomy, coefficient_cells, self.cells)

    def mass(self, coefficient_cells: Array) -> csr_array:
        return linear.mass(self.anatomy, coefficient_cells, self.cells)

    def capacity(self, coefficient_cells: Array) -> csr_array:
        return self.mass(coefficient_cells)

    def load(self, density_cells: Array) -> Array:
        share = np.outer(density_cells * self.anatomy.volumes_m3, means())
        return np.bincount(self.cells.ravel(), share.ravel(), self.n)

    def facet_mass(self, facets: IntArray, coefficient: Array) -> csr_array:
        at, weights = linear.quadrature(MASS_DEGREE, 3)
        here, unknowns = shapes(at), self.facet_unknowns(facets)
        pairs = ((weights[:, None] * here).T @ here).ravel()
        values = np.outer(coefficient * linear.area_vectors_m2(self.anatomy, facets)[1], pairs)
        rows, columns = np.repeat(unknowns, 6, axis=1), np.tile(unknowns, (1, 6))
        return csr_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(self.n, self.n))

    def facet_load(self, facets: IntArray, density: Array) -> Array:
        _, area = linear.area_vectors_m2(self.anatomy, facets)
        share = np.outer(density * area, means(3))
        return np.bincount(self.facet_unknowns(facets).ravel(), share.ravel(), self.n)

    def facet_unknowns(self, facets: IntArray) -> IntArray:
        """Unknowns ``(f, 6)`` of facets ``(f, 3)``: corners, then sides in the order of ``SIDES``."""
        width = len(self.anatomy.points_m)
        keys = self.edges @ np.array([width, 1])
        sides = np.sort(facets[:, SIDES], axis=2) @ np.array([width, 1])
        return np.concatenate([facets, width + np.searchsorted(keys, sides)], axis=1)

    def cell_points(self, cells: IntArray) -> QuadraturePoints:
        return self._points(self.cells[cells], self.anatomy.volumes_m3[cells], corners=4)

    def facet_points(self, facets: IntArray) -> QuadraturePoints:
        _, areas = linear.area_vectors_m2(self.anatomy, facets)
        return self._points(self.facet_unknowns(facets), areas, corners=3)

    def _points(self, unknowns: IntArray, sizes: Array, *, corners: int) -> QuadraturePoints:
        at, weights = linear.quadrature(POINTS_DEGREE, corners)
        here = np.tile(shapes(at), (len(unknowns), 1))
        return QuadraturePoints(
            self.at_points(np.repeat(unknowns, len(at), axis=0), here), np.outer(sizes, weights).ravel()
        )

    def at_points(self, unknowns: IntArray, weights: Array) -> csr_array:
        """Matrix ``(s, n)`` of values at points: ``unknowns (s, 10 or 6)`` of the element or facet of each, and
        ``weights``, the shape functions there."""
        row = np.repeat(np.arange(len(unknowns)), unknowns.shape[1])
        return csr_array((weights.ravel(), (row, unknowns.ravel())), shape=(len(unknowns), self.n))


@lru_cache(maxsize=2)
def quadratic_space(anatomy: Anatomy) -> QuadraticSpace:
    """Quadratic elements of an anatomy, its edges numbered."""
    n = len(anatomy.points_m)
    pairs = np.sort(anatomy.tets[:, EDGES], axis=2).reshape(-1, 2)
    keys, number = np.unique(pairs @ np.array([n, 1]), return_inverse=True)
    edges = np.stack(np.divmod(keys, n), axis=1)
    return QuadraticSpace(anatomy, edges, np.concatenate([anatomy.tets, n + number.reshape(-1, 6)], axis=1))


def shapes(at: Array) -> Array:
    """Shape functions ``(q, 10)`` at barycentric points ``(q, 4)`` of an element, or ``(q, 6)`` at ``(q, 3)`` of a
    face."""
    first, second = (EDGES if at.shape[1] == 4 else SIDES).T
    return np.concatenate([at * (2.0 * at - 1.0), 4.0 * at[:, first] * at[:, second]], axis=1)


def means(corners: int = 4) -> Array:
    """Mean of each shape function over an element ``(10,)``, or over a face ``(6,)``."""
    at, weights = linear.quadrature(MEAN_DEGREE, corners)
    return weights @ shapes(at)
