"""Quadratic elements on a mesh of tetrahedra: unknowns at its nodes and in the middle of its edges; integrals in NumPy.

Shape functions are ``l (2 l - 1)`` of a node and ``4 l l'`` of an edge, l being the barycentric coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array
from scipy.special import roots_jacobi

from .anatomy import Anatomy
from .arrays import Array, IntArray, frozen, put

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
SIDES = np.array([[0, 1], [0, 2], [1, 2]])
CELLS_AT_ONCE = 40_000


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
        nodes = self.anatomy.points_m
        return np.concatenate([nodes, nodes[self.edges].mean(axis=1)])

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


def quadrature(n: int, corners: int = 4) -> tuple[Array, Array]:
    """Barycentric points and weights that sum to one, exact to degree ``2 n - 1`` on an element, or on a face of three
    corners: a cube folded to it, each direction by its own Gauss rule."""
    sides = [roots_jacobi(n, power, 0) for power in range(corners - 2, -1, -1)]
    grid = np.meshgrid(*[(1.0 + at) / 2.0 for at, _ in sides], indexing="ij")
    weights = np.ones(1)
    for _, weight in sides:
        weights = np.outer(weights, weight).ravel()
    left, at = np.ones(n ** (corners - 1)), []
    for x in grid:
        at.append(x.ravel() * left)
        left = left - at[-1]
    return np.stack([left, *at], axis=1), weights / weights.sum()


def means(corners: int = 4) -> Array:
    """Mean of each shape function over an element ``(10,)``, or over a face ``(6,)``."""
    at, weights = quadrature(2, corners)
    return weights @ shapes(at)


def stiffness(mesh: QuadraticMesh, coefficient_cells: Array) -> csr_array:
    """Integral of ``k grad u . grad v``, ``(n, n)``."""
    from . import fem

    at, weights = quadrature(2)
    slopes = np.zeros((len(at), 10, 4))
    slopes[:, np.arange(4), np.arange(4)] = 4.0 * at - 1.0
    for e, (i, j) in enumerate(EDGES, 4):
        slopes[:, e, i], slopes[:, e, j] = 4.0 * at[:, j], 4.0 * at[:, i]
    pairs = np.einsum("q,qap,qbr->prab", weights, slopes, slopes).reshape(16, 100)
    gradients, scale = fem.gradients(mesh.anatomy), coefficient_cells * mesh.anatomy.volumes_m3

    def local(part: slice) -> Array:
        among = np.einsum("m,mpk,mrk->mpr", scale[part], gradients[part], gradients[part])
        return among.reshape(-1, 16) @ pairs

    return _gathered(mesh.cells, mesh.n, local)


def mass(mesh: QuadraticMesh, coefficient_cells: Array) -> csr_array:
    """Integral of ``c u v``, ``(n, n)``."""
    return _masses(mesh.cells, mesh.n, coefficient_cells * mesh.anatomy.volumes_m3, 4)


def face_mass(mesh: QuadraticMesh, triangles: IntArray, coefficient: Array) -> csr_array:
    """Surface integral of ``h u v`` ``(n, n)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    from . import fem

    _, area = fem.area_vectors_m2(mesh.anatomy, triangles)
    return _masses(mesh.faces(triangles), mesh.n, coefficient * area, 3)


def load(mesh: QuadraticMesh, coefficient_cells: Array) -> Array:
    """Integral of ``q v``, ``(n,)``, with one value an element."""
    share = np.outer(coefficient_cells * mesh.anatomy.volumes_m3, means())
    return np.bincount(mesh.cells.ravel(), share.ravel(), mesh.n)


def face_load(mesh: QuadraticMesh, triangles: IntArray, coefficient: Array) -> Array:
    """Surface integral of ``q v`` ``(n,)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    from . import fem

    _, area = fem.area_vectors_m2(mesh.anatomy, triangles)
    share = np.outer(coefficient * area, means(3))
    return np.bincount(mesh.faces(triangles).ravel(), share.ravel(), mesh.n)


def at_points(mesh: QuadraticMesh, unknowns: IntArray, weights: Array) -> csr_array:
    """Matrix ``(s, n)`` that has values at points: ``unknowns (s, 10 or 6)`` of where each lies, and the shape
    functions there."""
    row = np.repeat(np.arange(len(unknowns)), unknowns.shape[1])
    return csr_array((weights.ravel(), (row, unknowns.ravel())), shape=(len(unknowns), mesh.n))


def _masses(cells: IntArray, n: int, scale: Array, corners: int) -> csr_array:
    at, weights = quadrature(3, corners)
    here = shapes(at)
    pairs = ((weights[:, None] * here).T @ here).ravel()
    return _gathered(cells, n, lambda part: np.outer(scale[part], pairs))


def _gathered(cells: IntArray, n: int, local: Callable[[slice], Array]) -> csr_array:
    """Sum of element matrices, a part of the mesh at a time: they are ten times as large as what becomes of them."""
    total, width = csr_array((n, n)), cells.shape[1]
    for start in range(0, len(cells), CELLS_AT_ONCE):
        part = slice(start, start + CELLS_AT_ONCE)
        here = cells[part].astype(np.int32)
        rows, columns = np.repeat(here, width, axis=1).ravel(), np.tile(here, (1, width)).ravel()
        total = total + csr_array((local(part).ravel(), (rows, columns)), shape=(n, n))
    return csr_array(total)
