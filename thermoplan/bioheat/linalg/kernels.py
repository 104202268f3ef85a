"""Inner loops of the exact engine, compiled by Numba: a symmetric product, and the Lanczos recurrence around it.

Memory is what limits them on large meshes, the count of instructions on small ones. The matrix is stored by half, see
``symmetric``; a step passes twice over its vectors; and what comes next in memory is prefetched: of the many streams
that rows read, the processor foresees too few.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from ...base.arrays import Array, IntArray
from .compilation import compile_for, prefetch

AHEAD = np.uint64(64)
"""Rows of a vector that are prefetched ahead: eight cache lines, about what arrives while they are worked on. Twice as
many would push out of the first cache what is still to be read."""
ENTRIES_AHEAD = np.uint64(512)
"""Entries of the matrix that are prefetched ahead; a row has about seven, so that they are as far ahead as vectors."""
CACHE_LINE = np.uint64(8)
"""Doubles of a cache line: one prefetch asks for that many rows."""

_READ = types.Array(types.float64, 1, "C", readonly=True)
_WRITTEN = types.Array(types.float64, 1, "C")
_ROWS = types.Array(types.float64, 2, "C")
_NUMBERS = types.Array(types.uint32, 1, "C", readonly=True)
_MATRIX = (_READ, _NUMBERS, _NUMBERS, _READ)


@compile_for(*_MATRIX, _READ, types.float64, _READ, types.float64, _WRITTEN, types.boolean)
def product(
    values: Array,
    columns: IntArray,
    starts: IntArray,
    diagonal: Array,
    y: Array,
    share: float,
    before: Array,
    less: float,
    out: Array,
    ahead: bool,
) -> float:
    """``out = share * (matrix @ y) - less * before``; returns ``y @ out``. The matrix is a `SymmetricMatrix`."""
    on, off, begin = 0.0, 0.0, np.uint64(starts[0])
    for row in range(diagonal.size):
        i, end = np.uint64(row), np.uint64(starts[row + 1])
        if ahead:
            prefetch(values, begin + ENTRIES_AHEAD)
            prefetch(columns, begin + ENTRIES_AHEAD + ENTRIES_AHEAD)
        if ahead and i % CACHE_LINE == 0:
            prefetch(y, i + AHEAD)
            prefetch(before, i + AHEAD)
            prefetch(out, i + AHEAD)
            prefetch(diagonal, i + AHEAD)
        here, left = share * y[i], 0.0
        own = diagonal[i] * here - less * before[i]
        for k in range(begin, end):
            j, value = columns[k], values[k]
            left += value * y[j]
            out[j] += value * here
        on += y[i] * own
        off += here * left
        out[i] = own + share * left
        begin = end
    return on + 2.0 * off


@compile_for(_WRITTEN, _READ, types.float64)
def subtract(w: Array, y: Array, less: float) -> float:
    """``w -= less * y`` in place; the square of what ``w`` is then long."""
    square = 0.0
    for i in range(w.size):
        left = w[i] - less * y[i]
        w[i] = left
        square += left * left
    return square


@compile_for(*_MATRIX, _ROWS, _WRITTEN, _WRITTEN, types.int64, types.int64, types.float64, types.boolean)
def extend_basis(
    values: Array,
    columns: IntArray,
    starts: IntArray,
    diagonal: Array,
    basis: Array,
    spans: Array,
    along: Array,
    begin: int,
    end: int,
    nil: float,
    ahead: bool,
) -> int:
    """Put the next vectors of Lanczos into ``basis[begin + 1 : end + 1]``, as `Operator.following` does one at a time.

    Returns the number of the last: it ends early at one that is shorter than ``nil`` of the largest of ``along``.
    """
    largest = 0.0
    for m in range(1, begin + 1):
        largest = max(largest, along[m - 1])
    for m in range(begin + 1, end + 1):
        y, before, share, less = (
            basis[m - 1],
            basis[max(m - 2, 0)],
            1.0 / (spans[m - 1] if spans[m - 1] != 0.0 else 1.0),
            0.0,
        )
        if m > 1:
            less = spans[m - 1] / (spans[m - 2] if spans[m - 2] != 0.0 else 1.0)
        here = share * product(values, columns, starts, diagonal, y, share, before, less, basis[m], ahead)
        spans[m] = math.sqrt(subtract(basis[m], y, here * share))
        along[m - 1] = here
        largest = max(largest, here)
        if spans[m] <= nil * largest:
            return m
    return end
