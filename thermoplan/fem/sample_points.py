"""Sample points of linear and of quadratic elements, at which a density that is not linear in temperature is
evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from ..base.arrays import Array, IntArray


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
