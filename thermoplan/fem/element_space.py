"""Finite-element spaces of linear and of quadratic elements behind one interface, on which an equation assembles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray
from . import linear
from .quadratic import quadratic_space
from .sample_points import NodePoints, SamplePoints


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


SPACES: Mapping[int, Callable[[Anatomy], ElementSpace]] = {1: LinearSpace, 2: quadratic_space}
"""Order of the elements -> its space."""
