"""Quadratic elements on a mesh of tetrahedra: unknowns at its nodes and in the middle of its edges.

Shape functions are ``l (2 l - 1)`` of a node and ``4 l l'`` of an edge, l being the barycentric coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray, frozen, put
from . import linear

EDGES = np.array([[2, 3], [1, 3], [1, 2], [0, 3], [0, 2], [0, 1]])
"""Corners that each edge is between, in the order of basix."""
SIDES = np.array([[0, 1], [0, 2], [1, 2]])


@dataclass(frozen=True, slots=True, eq=False)
class QuadraticMesh:
    """Unknowns of an anatomy: its nodes by their own numbers, then the middles of its edges.

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
        put(self, edges=frozen(self.edges, np.int64), cells=frozen(self.cells, np.int64))

    @property
    def n(self) -> int:
        return len(self.anatomy.points_m) + len(self.edges)

    @property
    def points_m(self) -> Array:
        """``(n, 3)``."""
        return self.linear(self.anatomy.points_m)

    def linear(self, nodal: Array) -> Array:
        """Unknowns ``(n, ...)`` of what is linear between its values at the nodes."""
        return np.concatenate([nodal, nodal[self.edges].mean(axis=1)])

    def faces(self, triangles: IntArray) -> IntArray:
        """Unknowns ``(k, 6)`` of triangles ``(k, 3)``: corners, then sides in the order of ``SIDES``."""
        width = len(self.anatomy.points_m)
        keys = self.edges @ np.array([width, 1])
        sides = np.sort(triangles[:, SIDES], axis=2) @ np.array([width, 1])
        return np.concatenate([triangles, width + np.searchsorted(keys, sides)], axis=1)


@lru_cache(maxsize=2)
def quadratic_mesh(anatomy: Anatomy) -> QuadraticMesh:
    """Number the edges of an anatomy."""
    n = len(anatomy.points_m)
    pairs = np.sort(anatomy.tets[:, EDGES], axis=2).reshape(-1, 2)
    keys, number = np.unique(pairs @ np.array([n, 1]), return_inverse=True)
    edges = np.stack(np.divmod(keys, n), axis=1)
    return QuadraticMesh(anatomy, edges, np.concatenate([anatomy.tets, n + number.reshape(-1, 6)], axis=1))


def shapes(at: Array) -> Array:
    """Shape functions ``(q, 10)`` at barycentric points ``(q, 4)`` of an element, or ``(q, 6)`` at ``(q, 3)`` of a
    face."""
    first, second = (EDGES if at.shape[1] == 4 else SIDES).T
    return np.concatenate([at * (2.0 * at - 1.0), 4.0 * at[:, first] * at[:, second]], axis=1)


def means(corners: int = 4) -> Array:
    """Mean of each shape function over an element ``(10,)``, or over a face ``(6,)``."""
    at, weights = linear.quadrature(2, corners)
    return weights @ shapes(at)


def stiffness(mesh: QuadraticMesh, coefficient_cells: Array) -> csr_array:
    """Integral of ``k grad u . grad v``, ``(n, n)``."""
    return linear.stiffness(mesh.anatomy, coefficient_cells, mesh.cells)


def mass(mesh: QuadraticMesh, coefficient_cells: Array) -> csr_array:
    """Integral of ``c u v``, ``(n, n)``."""
    return linear.mass(mesh.anatomy, coefficient_cells, mesh.cells)


def face_mass(mesh: QuadraticMesh, triangles: IntArray, coefficient: Array) -> csr_array:
    """Surface integral of ``h u v`` ``(n, n)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    at, weights = linear.quadrature(4, 3)
    here, faces = shapes(at), mesh.faces(triangles)
    pairs = ((weights[:, None] * here).T @ here).ravel()
    values = np.outer(coefficient * linear.area_vectors_m2(mesh.anatomy, triangles)[1], pairs)
    rows, columns = np.repeat(faces, 6, axis=1), np.tile(faces, (1, 6))
    return csr_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(mesh.n, mesh.n))


def load(mesh: QuadraticMesh, coefficient_cells: Array) -> Array:
    """Integral of ``q v``, ``(n,)``, with one value an element."""
    share = np.outer(coefficient_cells * mesh.anatomy.volumes_m3, means())
    return np.bincount(mesh.cells.ravel(), share.ravel(), mesh.n)


def face_load(mesh: QuadraticMesh, triangles: IntArray, coefficient: Array) -> Array:
    """Surface integral of ``q v`` ``(n,)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    _, area = linear.area_vectors_m2(mesh.anatomy, triangles)
    share = np.outer(coefficient * area, means(3))
    return np.bincount(mesh.faces(triangles).ravel(), share.ravel(), mesh.n)


def at_points(mesh: QuadraticMesh, unknowns: IntArray, weights: Array) -> csr_array:
    """Matrix ``(s, n)`` of values at points: ``unknowns (s, 10 or 6)`` of the element or facet of each, and
    ``weights``, the shape functions there."""
    row = np.repeat(np.arange(len(unknowns)), unknowns.shape[1])
    return csr_array((weights.ravel(), (row, unknowns.ravel())), shape=(len(unknowns), mesh.n))
