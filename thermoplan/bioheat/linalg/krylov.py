"""Lanczos spaces of ``A = C^-1/2 K C^-1/2`` and the functions of ``A`` that heating needs [Saad1992]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dstevd
from scipy.sparse import csr_array, diags_array

from ...base.arrays import Array
from ...base.errors import SolverError
from .communicator import SERIAL, Communicator
from .phi import phi2

if TYPE_CHECKING:
    from .symmetric import SymmetricMatrix

BASIS_BYTES = 260e6
"""Memory of a basis: some 460 vectors of a mouse of 70,000 nodes. With twice as much, longer dwells would be one
space."""
FEWEST_VECTORS = 120
"""Vectors that a basis has room for however large the mesh is: with fewer, long dwells are cut into many."""
FIRST_CHECK = 6
"""Vectors before the first look at the error; twice as many would be too many for the shortest dwells."""
CHECK_SHARE = 0.6
"""Of the vectors that seem to be missing at a look, those that come before the next one. Errors fall faster at
the end: with a larger share, spaces are larger than they need be, with a smaller one looked at more often."""
BREAKDOWN = 1e-13
"""Length of a vector, relative to the largest rate, that is nothing but rounding."""
RADIUS_STEPS = 30
"""Lanczos steps to the largest rate: within a few percent. Twice as many gain a digit that nothing needs."""
REACHES = 200
"""Windows that are tried where memory ran out, 7 % apart; twice as many gain 3 % of window."""
SHORTEST_REACH = 1e-6
"""Of the window that was asked for, the shortest that is tried."""


class ProductCounter:
    """Count of an operator's matrix products, for a caller that wants to know it."""

    def __init__(self) -> None:
        self.products = 0

    def add(self, count: int = 1) -> None:
        self.products += count


class Operator:
    """``A`` as a matrix, the scaling that leads to it, and room for the vectors of one basis.

    Parameters
    ----------
    matrix, root_capacity
        ``A`` and the root of the capacity: of the dofs that are held here, as every vector is.
    communicator
        Sums over the dofs of all ranks.
    counter
        Told of every matrix product.
    """

    def __init__(
        self,
        matrix: csr_array,
        root_capacity: Array,
        *,
        communicator: Communicator = SERIAL,
        counter: ProductCounter | None = None,
    ) -> None:
        self.matrix = matrix
        self.root_capacity = root_capacity
        self.communicator = communicator
        self.counter = counter or ProductCounter()

    @cached_property
    def diagonal(self) -> Array:
        result: Array = self.matrix.diagonal()
        return result

    @property
    def n_dof(self) -> int:
        """Of all processes together."""
        return self.communicator.n_dof(len(self.root_capacity))

    @property
    def widest(self) -> int:
        """Most dofs that one process holds: so much of its memory is a vector."""
        return self.communicator.widest(len(self.root_capacity))

    @cached_property
    def radius_1_s(self) -> float:
        """Largest rate of the mesh, within a few percent."""
        return spectral_radius_1_s(self)

    @property
    def room(self) -> int:
        """Most vectors that a basis may have; the pages of those that are not used are never touched."""
        return max(FEWEST_VECTORS, int(BASIS_BYTES / (8 * self.n_dof)))

    @cached_property
    def basis(self) -> Array:
        """Room for one basis, which the next one overwrites."""
        return np.empty((self.room + 1, len(self.root_capacity)))

    @cached_property
    def _stored(self) -> SymmetricMatrix:
        from .symmetric import SymmetricMatrix  # loads Numba

        return SymmetricMatrix.of(self.matrix)

    def __matmul__(self, y: Array) -> Array:
        out = np.empty(len(y))
        self._product(np.ascontiguousarray(y, float), out)
        return out

    def following(self, basis: Array, spans: Array, m: int) -> float:
        """Put the next vector of Lanczos into ``basis[m]``; returns ``v . A v`` of the last one, ``v`` of length 1.

        Vectors stay as long as they come, ``spans (m + 1,)``: the next product makes up for it, and a pass over them
        is spared.
        """
        y, w, share = basis[m - 1], basis[m], 1.0 / (spans[m - 1] if spans[m - 1] != 0.0 else 1.0)
        before, less = (
            (basis[m - 2], spans[m - 1] / (spans[m - 2] if spans[m - 2] != 0.0 else 1.0)) if m > 1 else (None, 0.0)
        )
        along = share * self.communicator.total(self._product(y, w, share=share, before=before, less=less))
        from .kernels import subtract  # loads Numba

        spans[m] = math.sqrt(self.communicator.total(subtract(w, y, along * share)))
        return along

    def extended(self, basis: Array, spans: Array, along: Array, begin: int, end: int) -> int:
        """``following`` for all vectors after ``begin`` up to ``end``, at once where no other rank takes part.

        Their ``v . A v`` go to ``along``. Returns the number of the last, which is lower where a vector is nothing but
        rounding: they span all there is.
        """
        if self.communicator is not SERIAL:
            for m in range(begin + 1, end + 1):
                along[m - 1] = self.following(basis, spans, m)
                if spans[m] <= BREAKDOWN * max(0.0, along[:m].max()):
                    return m
            return end
        from .kernels import extend_basis  # loads Numba

        m = int(extend_basis(*self._stored.parts, basis, spans, along, begin, end, BREAKDOWN, self._stored.is_large))
        self.counter.add(m - begin)
        return m

    def _product(
        self, y: Array, out: Array, *, share: float = 1.0, before: Array | None = None, less: float = 0.0
    ) -> float:
        """`SymmetricMatrix.product` of the whole matrix; the number that it returns is of the dofs held here."""
        self.counter.add()

        def own() -> float:
            return self._stored.product(y, out, share=share, before=before, less=less)

        return self.communicator.product(own, y, share=share, out=out)

    def inner(self, first: Array, second: Array) -> Array:
        """``first @ second``; ``first`` may have many rows."""
        return self.communicator.summed(first @ second)

    def dot(self, first: Array, second: Array) -> float:
        """Scalar product of two vectors."""
        return self.communicator.total(float(first @ second))

    def norm(self, y: Array) -> float:
        return math.sqrt(self.dot(y, y))

    def largest_k(self, y: Array) -> float:
        """Largest temperature of a scaled vector, without its sign."""
        rise_k = y / self.root_capacity
        return self.communicator.largest(float(max(rise_k.max(), -rise_k.min())))

    def typical_1_s(self, percentile: float) -> float:
        """A percentile of the rates on the diagonal."""
        return self.communicator.typical_1_s(self.diagonal, percentile)


def operator(stiffness: csr_array, capacity_j_k: Array, *, counter: ProductCounter | None = None) -> Operator:
    """Scale the stiffness by the capacity; indices are 32 bit, which halves what a product has to read.

    ``stiffness`` is ``(n, n)`` in W/K, ``capacity_j_k`` ``(n,)`` above zero; the operator is in 1/s.
    """
    root = np.sqrt(capacity_j_k)
    scale = diags_array(1.0 / root)
    matrix = csr_array(scale @ stiffness @ scale)
    indices, starts = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return Operator(csr_array((matrix.data, indices, starts), matrix.shape), root, counter=counter)


@dataclass(frozen=True, slots=True, eq=False)
class KrylovSpace:
    """``span(v, A v, ..)`` seen through its Ritz values.

    Parameters
    ----------
    basis
        ``(m, n)`` orthogonal rows, the first is ``v``; the operator's next space overwrites them.
    spans
        ``(m,)`` their lengths.
    rates_1_s, vectors
        ``(m,)`` Ritz values and ``(m, m)`` eigenvectors of the tridiagonal projection.
    reach
        Window of time in s over which the tolerance is met; shorter than asked for where memory ran out.
    communicator
        Sums over the dofs of the basis that other ranks hold.
    """

    basis: Array
    spans: Array
    rates_1_s: Array
    vectors: Array
    reach: float
    communicator: Communicator = SERIAL

    def weights(self, scalar: Array) -> Array:
        """``(k, m)``: times ``basis`` it is ``f(A) v``, where ``scalar (k, m)`` is f at the Ritz values."""
        result: Array = (scalar * self.vectors[0]) @ self.vectors.T * (self.spans[0] / self.spans)
        return result

    def projected(self, row: Array) -> Array:
        """``row . V S`` as ``(m,)``: beside it ``row . f(A) v`` needs the Ritz values alone."""
        along = self.communicator.summed(self.basis @ row) * (self.spans[0] / self.spans)
        result: Array = self.vectors[0] * (along @ self.vectors)
        return result


def build_space(op: Operator, v: Array, horizon_s: float, *, tolerance: float) -> KrylovSpace:
    """The smallest space in which ``t phi1(-tA) v`` is within ``tolerance`` up to ``horizon_s``.

    The error is bounded by the residual: ``K`` is close to an M-matrix, so heat that is put in wrongly
    does not grow in the largest norm, and what the Lanczos recursion leaves out along its next vector ``w``
    is ``|w / sqrt(C)|_max`` times ``h_{m+1} e_m^T t^2 phi2(-tT) e_1``, which has one sign for all t. Where
    the room for vectors ends before that, the window is cut to what the space is good for.

    Parameters
    ----------
    v
        ``(n,)`` scaled rate, ``C^-1/2 (b - K theta)``.
    tolerance
        In kelvin, largest over the nodes at the end of the window.
    """
    basis, room = op.basis, op.room
    diagonal, spans = np.zeros(room), np.zeros(room + 1)
    basis[0], spans[0] = v, op.norm(v)
    if spans[0] == 0.0:
        return KrylovSpace(basis[:1], np.ones(1), np.zeros(1), np.ones((1, 1)), horizon_s, op.communicator)
    m, check, none, slowest = 0, FIRST_CHECK, horizon_s * op.largest_k(v), 0.0
    while m < room:
        m = op.extended(basis, spans, diagonal, m, min(room, max(check, math.ceil(slowest))))
        largest = max(0.0, diagonal[:m].max())
        done = spans[m] <= BREAKDOWN * largest
        # a polynomial whose degree is below the root of (spectral radius times horizon) is never good enough
        slowest = 0.5 * math.sqrt(2.0 * largest * horizon_s)
        if not done and m < room and m < slowest:
            continue
        rates, vectors = _ritz(diagonal[:m], spans[1:m])
        size = 0.0 if done else spans[0] * op.largest_k(basis[m])
        last = vectors[-1] * vectors[0]
        error = size * abs(phi2(rates, [horizon_s])[0] @ last)
        if error <= tolerance:
            return KrylovSpace(basis[:m], spans[:m], rates, vectors, horizon_s, op.communicator)
        check = m + _missing(m, none, error, tolerance)
    reach = _reach(size, last, rates, horizon_s, tolerance)
    return KrylovSpace(basis[:m], spans[:m], rates, vectors, reach, op.communicator)


def _missing(m: int, none: float, error: float, tolerance: float) -> int:
    """Vectors until the next check, as errors fall by about the same factor each, from ``none`` without any vector.

    They fall faster at the end, so what seems to be missing is too many.
    """
    missing = m * math.log(error / tolerance) / math.log(none / error) if error < none else m
    return max(2, min(m, round(CHECK_SHARE * missing)))


def _ritz(diagonal: Array, off: Array) -> tuple[Array, Array]:
    if len(diagonal) == 1:
        return diagonal.copy(), np.ones((1, 1))
    rates, vectors, failed = dstevd(diagonal, off)
    if failed or not np.isfinite(rates).all():
        raise SolverError(
            f"Krylov space of {len(diagonal)} vectors: its Ritz values are no numbers; the matrix or the "
            "load has some that are none"
        )
    return np.maximum(rates, 0.0), vectors


def _reach(size: float, last: Array, rates: Array, horizon_s: float, tolerance: float) -> float:
    times = horizon_s * np.geomspace(1.0, SHORTEST_REACH, REACHES)
    good = size * np.abs(phi2(rates, times) @ last) <= tolerance * times / horizon_s
    if not good.any():
        left = size * abs(phi2(rates, times[:1])[0] @ last)
        raise SolverError(
            f"Krylov space of {len(rates)} vectors is good for less than {times[-1]:.1e} s, residual "
            f"{left:.1e} K after {horizon_s:.3g} s, wanted {tolerance:.1e} K: the mesh has elements far "
            "too small"
        )
    return float(times[good.argmax()])


def spectral_radius_1_s(op: Operator, steps: int = RADIUS_STEPS) -> float:
    """Largest rate of the mesh, from a short Lanczos run; within a few percent, from below."""
    basis = np.empty((steps + 1, len(op.root_capacity)))
    basis[0] = op.communicator.noise(len(op.root_capacity))
    diagonal, spans = np.zeros(steps), np.zeros(steps + 1)
    spans[0] = op.norm(basis[0])
    m = op.extended(basis, spans, diagonal, 0, steps)
    return float(_ritz(diagonal[:m], spans[1:m])[0][-1])
