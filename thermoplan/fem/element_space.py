"""Finite-element spaces of linear and of quadratic elements behind one interface: what an equation assembles on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray
from . import linear, quadratic
from .quadratic import QuadraticMesh, quadratic_mesh

POINTS_DEGREE = 3
"""Degree to which the quadrature points of quadratic elements are exact: a temperature of degree two times a slope of
its coefficient. A higher degree takes three times as many points in each evaluation of a feedback."""


class SamplePoints(Protocol):
    """Points at which a density that is not linear in temperature is worked out, each with its share of the domain."""

    @property
    def n(self) -> int:
        """Unknowns of the space."""

    @property
    def sizes(self) -> Array:
        """``(k,)`` volume in m3 or area in m2 that each point stands for."""

    def values(self, unknowns: Array) -> Array:
        """``(k,)`` values at the points of a field ``(n,)``."""

    def spread(self, power_w: Array) -> Array:
        """Load ``(n,)`` of a power ``(k,)`` at the points."""

    def spread_slope(self, slope_w_k: Array) -> Array:
        """Diagonal ``(n,)`` of the derivative of ``spread``, of slopes ``(k,)`` against the temperature at a point."""


class ElementSpace(Protocol):
    """Lagrange elements of one order on an anatomy; nodes of the mesh come first among the ``n`` unknowns.

    Coefficients have one value an element ``(m,)``, or one a facet of those that are given, ``(f, 3)`` node numbers.
    """

    @property
    def anatomy(self) -> Anatomy: ...

    @property
    def n(self) -> int: ...

    def stiffness(self, coefficient_cells: Array) -> csr_array:
        """Integral of ``k grad u . grad v``, ``(n, n)``."""

    def mass(self, coefficient_cells: Array) -> csr_array:
        """Integral of ``c u v``, ``(n, n)``."""

    def capacity(self, coefficient_cells: Array) -> Array | csr_array:
        """Integral of ``c u v``, lumped ``(n,)`` where the elements allow it, else ``(n, n)``."""

    def load(self, density_cells: Array) -> Array:
        """Integral of ``q v``, ``(n,)``."""

    def facet_mass(self, facets: IntArray, coefficient: Array) -> csr_array:
        """Surface integral of ``h u v``, ``(n, n)``."""

    def facet_load(self, facets: IntArray, density: Array) -> Array:
        """Surface integral of ``q v``, ``(n,)``."""

    def facet_unknowns(self, facets: IntArray) -> IntArray:
        """Numbers of the unknowns on each facet, ``(f, 3)`` or ``(f, 6)``."""

    def cell_points(self, cells: IntArray) -> SamplePoints:
        """Points in the elements of some numbers."""

    def facet_points(self, facets: IntArray) -> SamplePoints:
        """Points on facets."""


def element_space(anatomy: Anatomy, order: int) -> ElementSpace:
    """Space of order 1 or 2 on an anatomy."""
    return SPACES[order](anatomy)


@dataclass(frozen=True, slots=True, eq=False)
class NodePoints:
    """Nodes of linear elements as sample points: lumping, which keeps a power at the node that it follows."""

    n: int
    nodes: IntArray
    sizes: Array

    @classmethod
    def of(cls, sizes: Array) -> NodePoints:
        """Nodes that a share ``(n,)`` of the domain falls to."""
        nodes = np.flatnonzero(sizes)
        return cls(len(sizes), nodes, sizes[nodes])

    def values(self, unknowns: Array) -> Array:
        return unknowns[self.nodes]

    def spread(self, power_w: Array) -> Array:
        load = np.zeros(self.n)
        load[self.nodes] = power_w
        return load

    def spread_slope(self, slope_w_k: Array) -> Array:
        return self.spread(slope_w_k)


@dataclass(frozen=True, slots=True, eq=False)
class QuadraturePoints:
    """Points inside elements or facets; ``matrix (k, n)`` has the shape functions there."""

    matrix: csr_array
    sizes: Array

    @property
    def n(self) -> int:
        return int(self.matrix.shape[1])

    def values(self, unknowns: Array) -> Array:
        result: Array = self.matrix @ unknowns
        return result

    def spread(self, power_w: Array) -> Array:
        result: Array = self.matrix.T @ power_w
        return result

    def spread_slope(self, slope_w_k: Array) -> Array:
        result: Array = self.matrix.power(2).T @ slope_w_k
        return result


@dataclass(frozen=True, slots=True, eq=False)
class LinearSpace:
    """Linear elements: capacity, surface exchange and what follows temperature are lumped on the nodes."""

    anatomy: Anatomy

    @property
    def n(self) -> int:
        return len(self.anatomy.points_m)

    def stiffness(self, coefficient_cells: Array) -> csr_array:
        return linear.stiffness(self.anatomy, coefficient_cells)

    def mass(self, coefficient_cells: Array) -> csr_array:
        return linear.mass(self.anatomy, coefficient_cells)

    def capacity(self, coefficient_cells: Array) -> Array:
        return self.load(coefficient_cells)

    def load(self, density_cells: Array) -> Array:
        return linear.lumped_load(self.anatomy, density_cells)

    def facet_mass(self, facets: IntArray, coefficient: Array) -> csr_array:
        return csr_array(diags_array(self.facet_load(facets, coefficient)))

    def facet_load(self, facets: IntArray, density: Array) -> Array:
        return linear.lumped_facet_load(self.anatomy, facets, density)

    def facet_unknowns(self, facets: IntArray) -> IntArray:
        return facets

    def cell_points(self, cells: IntArray) -> NodePoints:
        return NodePoints.of(self.anatomy.node_weights_m3(cells))

    def facet_points(self, facets: IntArray) -> NodePoints:
        return NodePoints.of(self.facet_load(facets, np.ones(len(facets))))


class QuadraticSpace:
    """Quadratic elements: nothing is lumped; what follows temperature is worked out at quadrature points."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy: Anatomy = anatomy
        self.mesh: QuadraticMesh = quadratic_mesh(anatomy)

    @property
    def n(self) -> int:
        return self.mesh.n

    def stiffness(self, coefficient_cells: Array) -> csr_array:
        return quadratic.stiffness(self.mesh, coefficient_cells)

    def mass(self, coefficient_cells: Array) -> csr_array:
        return quadratic.mass(self.mesh, coefficient_cells)

    def capacity(self, coefficient_cells: Array) -> csr_array:
        return self.mass(coefficient_cells)

    def load(self, density_cells: Array) -> Array:
        return quadratic.load(self.mesh, density_cells)

    def facet_mass(self, facets: IntArray, coefficient: Array) -> csr_array:
        return quadratic.face_mass(self.mesh, facets, coefficient)

    def facet_load(self, facets: IntArray, density: Array) -> Array:
        return quadratic.face_load(self.mesh, facets, density)

    def facet_unknowns(self, facets: IntArray) -> IntArray:
        return self.mesh.faces(facets)

    def cell_points(self, cells: IntArray) -> QuadraturePoints:
        return self._points(self.mesh.cells[cells], self.anatomy.volumes_m3[cells], corners=4)

    def facet_points(self, facets: IntArray) -> QuadraturePoints:
        _, areas = linear.area_vectors_m2(self.anatomy, facets)
        return self._points(self.mesh.faces(facets), areas, corners=3)

    def _points(self, unknowns: IntArray, sizes: Array, *, corners: int) -> QuadraturePoints:
        at, weights = linear.quadrature(POINTS_DEGREE, corners)
        here = np.tile(quadratic.shapes(at), (len(unknowns), 1))
        matrix = quadratic.at_points(self.mesh, np.repeat(unknowns, len(at), axis=0), here)
        return QuadraturePoints(matrix, np.outer(sizes, weights).ravel())


SPACES: Mapping[int, Callable[[Anatomy], ElementSpace]] = {1: LinearSpace, 2: QuadraticSpace}
"""Order of the elements -> its space."""
