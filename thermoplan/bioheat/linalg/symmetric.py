"""A symmetric matrix of which one half is stored, as the compiled product reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ...base.arrays import Array, IntArray
from .kernels import product

LARGE = 500_000
"""Entries from which the matrix comes from memory: below, it stays in a cache, and prefetching costs a tenth. At twice
as many, meshes of 70,000 to 140,000 nodes would wait for memory."""


@dataclass(frozen=True, slots=True, eq=False)
class SymmetricMatrix:
    """A symmetric matrix of which what is left of the diagonal is stored once for both sides.

    Parameters
    ----------
    values, columns
        Entries left of the diagonal, row by row. Numbers are unsigned, which spares a check of each.
    starts
        ``(n + 1,)`` where each row begins in ``values``.
    diagonal
        ``(n,)``.
    """

    values: Array
    columns: IntArray
    starts: IntArray
    diagonal: Array

    @classmethod
    def of(cls, matrix: csr_array) -> SymmetricMatrix:
        """``matrix`` is ``(n, n)``, all of it; its pattern alone, zeros included, decides what is stored."""
        n, rows = matrix.shape[0], np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        left = np.flatnonzero(matrix.indices < rows)
        starts = np.append(0, np.cumsum(np.bincount(rows[left], minlength=n)))
        return cls(
            matrix.data[left], matrix.indices[left].astype(np.uint32), starts.astype(np.uint32), matrix.diagonal()
        )

    @property
    def parts(self) -> tuple[Array, IntArray, IntArray, Array]:
        """As compiled functions take it."""
        return (self.values, self.columns, self.starts, self.diagonal)

    @property
    def is_large(self) -> bool:
        return len(self.values) > LARGE

    def product(
        self, y: Array, out: Array, *, share: float = 1.0, before: Array | None = None, less: float = 0.0
    ) -> float:
        """``out = share * (matrix @ y) - less * before``; returns ``y @ out``."""
        return float(product(*self.parts, y, share, y if before is None else before, less, out, self.is_large))
