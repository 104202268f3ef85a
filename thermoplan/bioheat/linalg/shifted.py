"""Conjugate gradients on ``B + d dt (A - slope)``, scaled as in ``krylov``, that conserve energy.

``B`` is the capacity that is not lumped, scaled too; the identity where it is. A solver that stops at a residual leaves
its heat in the solution, step after step. The sum of the residual over all tissue, and that of the blood, are therefore
spread evenly over them at the end: the sums of the equations, which are the balance of energy, then hold to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, diags_array

from ...base.arrays import Array, IntArray
from ...base.errors import SolverError
from .krylov import Operator

if TYPE_CHECKING:
    from .symmetric import SymmetricMatrix

CG_ITERATIONS = 2000
"""Most iterations, many times what a step takes; twice as many would only delay the message about a step that is far
too long."""
Solve = Callable[[Array, float, Array], Array]
"""Solution for a right-hand side, a largest residual in K, and a first guess."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two symmetric matrices whose patterns, and so the places of their entries, are the same."""

    first: SymmetricMatrix
    second: SymmetricMatrix

    def joined(self, factor: float, less: Array) -> SymmetricMatrix:
        """``first + factor * second - diag(less)``."""
        a, b = self.first, self.second
        return replace(a, values=a.values + factor * b.values, diagonal=a.diagonal + factor * b.diagonal - less)


def _pair(first: csr_array, second: csr_array) -> _Pair:
    """Both matrices on their common pattern."""
    from .symmetric import SymmetricMatrix  # loads Numba

    both = csr_array(abs(first) + abs(second))
    both.sort_indices()
    places = _places(both)

    def fill(matrix: csr_array) -> SymmetricMatrix:
        values = np.zeros(both.nnz)
        values[np.searchsorted(places, _places(matrix))] = matrix.data
        return SymmetricMatrix.of(csr_array((values, both.indices, both.indptr), both.shape))

    return _Pair(fill(first), fill(second))


def _times(matrix: SymmetricMatrix, y: Array) -> Array:
    out = np.empty(len(y))
    matrix.product(y, out)
    return out


def _places(matrix: csr_array) -> IntArray:
    """Places of its entries among all that a matrix of its shape could have."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    result: IntArray = rows * matrix.shape[1] + matrix.indices
    return result


@dataclass(slots=True, eq=False)
class ShiftedMatrices:
    """Matrices of a system, ``pair`` where its capacity is not lumped, and the warmths that are even over tissue or
    blood, ``(k, n)``, with their products with ``B`` and ``A``."""

    op: Operator
    pair: _Pair | None
    even: Array
    _weighed: Array = field(init=False)
    _driven: Array = field(init=False)

    def __post_init__(self) -> None:
        self._weighed = np.array([self.weighed(row) for row in self.even])
        self._driven = np.array([self.op @ row for row in self.even])

    def weighed(self, y: Array) -> Array:
        """``B y``."""
        return y if self.pair is None else _times(self.pair.first, y)

    def solver(self, factor_s: float, slope: Array) -> Solve:
        """Solver of ``B + factor (A - slope)``."""
        multiply = self._product(factor_s, slope)
        inverse = 1.0 / (1.0 - factor_s * slope + factor_s * self.op.diagonal)
        level = self._leveller(factor_s, slope)

        def solve(right: Array, tolerance_k: float, start: Array) -> Array:
            return level(*_solve(self.op, multiply, inverse, (right, tolerance_k, start)))

        return solve

    def _product(self, factor_s: float, slope: Array) -> Callable[[Array], Array]:
        op = self.op
        if self.pair is None:
            shift = 1.0 - factor_s * slope
            return lambda x: shift * x + factor_s * (op @ x)
        whole = self.pair.joined(factor_s, factor_s * slope)

        def product(x: Array) -> Array:
            op.counter.add()
            return _times(whole, x)

        return product

    def _leveller(self, factor_s: float, slope: Array) -> Callable[[Array, Array], Array]:
        """Addition of even warmths to a solution, such that its residual has none of their energy."""
        even = self.even
        weighed = self._weighed - factor_s * slope * even + factor_s * self._driven
        among = np.linalg.inv(self.op.inner(even, weighed.T))

        def add(x: Array, residual: Array) -> Array:
            return x + (among @ self.op.inner(even, residual)) @ even

        return add


def shifted_matrices(op: Operator, *, n_tissue: int, held: IntArray, mass_j_k: csr_array | None) -> ShiftedMatrices:
    """Matrices of an implicit step of a system that is scaled by an operator.

    Parameters
    ----------
    n_tissue
        Dofs of tissue, which come first; that of the blood follows where it is a state.
    held
        Dofs at a given temperature.
    mass_j_k
        ``(n, n)`` capacity, None where it is lumped.
    """
    n, root = n_tissue, op.root_capacity
    even = np.zeros((2, len(root)))
    even[0, :n], even[1, n:] = root[:n], root[n:]
    even[0, held] = 0.0
    there = [op.dot(row, row) > 0.0 for row in even]
    scale = diags_array(1.0 / root)
    pair = None if mass_j_k is None else _pair(csr_array(scale @ mass_j_k @ scale), op.matrix)
    return ShiftedMatrices(op, pair, even[there])


def _solve(
    op: Operator, multiply: Callable[[Array], Array], inverse: Array, wanted: tuple[Array, float, Array]
) -> tuple[Array, Array]:
    """Solution and residual, with Jacobi; raises with iterations and residual if it does not get there."""
    right, tolerance_k, start = wanted
    x = start.copy()
    r = right - multiply(x) if op.largest_k(start) else right.copy()
    z = inverse * r
    p, rz = z, op.dot(r, z)
    for _ in range(CG_ITERATIONS):
        if op.largest_k(r) <= tolerance_k:
            return x, r
        ap = multiply(p)
        alpha = rz / op.dot(p, ap)
        x += alpha * p
        r -= alpha * ap
        z = inverse * r
        rz, before = op.dot(r, z), rz
        p = z + (rz / before) * p
    left = op.largest_k(r)
    if left <= tolerance_k:
        return x, r
    raise SolverError(
        f"conjugate gradients: residual {left:.1e} K after {CG_ITERATIONS} iterations, wanted {tolerance_k:.1e}"
    )
