"""What the exact engine spends its time in, compiled by Numba: a symmetric product with what Lanczos does beside it.

Memory is what limits it on large meshes, the count of instructions on small ones. The matrix is stored by half, see
``half``; neighbours along diagonals are multiplied eight at once, in order and without a list of columns; a step passes
twice over its vectors; and what comes next in memory is asked for ahead: of the many streams that rows read, the
processor foresees too few.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .simd import LANES, alike, compiled, eight, plus_times, put_eight, soon, total

AHEAD = np.uint64(64)
"""Rows that are asked for ahead, of vectors and of each diagonal."""
ENTRIES_AHEAD = np.uint64(512)
"""The same in entries that are multiplied one by one; a row has about seven."""
_STEP = np.uint64(LANES)
_ONE = np.uint64(1)

_READ = types.Array(types.float64, 1, "C", readonly=True)
_WRITTEN = types.Array(types.float64, 1, "C")
_ROWS = types.Array(types.float64, 2, "C")
_NUMBERS = types.Array(types.uint32, 1, "C", readonly=True)
_SIGNED = types.Array(types.int32, 1, "C", readonly=True)
_MATRIX = (_READ, _SIGNED, _SIGNED, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _READ)


@compiled(_READ, _NUMBERS, _NUMBERS, types.uint64, types.uint64, _READ, types.float64, _WRITTEN)
def _strays(values, columns, starts, rest, row, y, share, out):
    """What a row has in no band, on both sides of the diagonal."""
    here, left = share * y[row], 0.0
    for k in range(np.uint64(starts[row]), np.uint64(starts[row + _ONE])):
        j, value = columns[np.uint64(k) - rest], values[np.uint64(k)]
        left += value * y[j]
        out[j] += value * here
    out[row] += share * left
    return here * left


@compiled(_READ, _NUMBERS, _NUMBERS, _READ, _READ, types.float64, _READ, types.float64, _WRITTEN, types.boolean)
def _one_by_one(values, columns, starts, diagonal, y, share, before, less, out, ahead):
    """`product` of a matrix without bands, in one pass over rows."""
    on, off, begin = 0.0, 0.0, np.uint64(starts[0])
    for row in range(diagonal.size):
        i, end = np.uint64(row), np.uint64(starts[row + 1])
        if ahead:
            soon(values, begin + ENTRIES_AHEAD)
            soon(columns, begin + ENTRIES_AHEAD + ENTRIES_AHEAD)
        if ahead and i % _STEP == 0:
            soon(y, i + AHEAD)
            soon(before, i + AHEAD)
            soon(out, i + AHEAD)
            soon(diagonal, i + AHEAD)
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


@compiled(*_MATRIX, _READ, types.float64, _READ, types.float64, _WRITTEN, types.boolean)
def product(values, bases, offsets, blocks, uses, columns, starts, diagonal, y, share, before, less, out, ahead):
    """``out = share * (matrix @ y) - less * before``; returns ``y @ out``. The matrix is that of `HalfStored`."""
    if bases.size == 0:
        return _one_by_one(values, columns, starts, diagonal, y, share, before, less, out, ahead)
    nothing = alike(0.0)
    shares, lesses, on = alike(share), alike(-less), nothing
    off, rest = 0.0, np.uint64(starts[0])
    for group in range(blocks.size - 1):
        first, last = np.uint64(uses[group]), np.uint64(uses[group + 1])
        for block in range(np.uint64(blocks[group]), np.uint64(blocks[group + 1])):
            i = np.uint64(block) * _STEP
            here = eight(y, i)
            sums = plus_times(nothing, eight(diagonal, i), here)
            if ahead:
                soon(diagonal, i + AHEAD)
                soon(before, i + AHEAD)
                soon(out, i + AHEAD)
            for use in range(first, last):
                at = i + np.uint64(bases[use])
                if ahead:
                    soon(values, at + AHEAD)
                sums = plus_times(sums, eight(values, at), eight(y, i + np.uint64(offsets[use])))
            own = plus_times(plus_times(nothing, lesses, eight(before, i)), shares, sums)
            put_eight(out, i, own)
            on = plus_times(on, here, own)
            if starts[i + _STEP] > starts[i]:
                for row in range(i, i + _STEP):
                    off += _strays(values, columns, starts, rest, np.uint64(row), y, share, out)
    alone = 0.0
    for row in range(np.uint64(blocks[blocks.size - 1]) * _STEP, np.uint64(diagonal.size)):
        i = np.uint64(row)
        out[i] = share * diagonal[i] * y[i] - less * before[i]
        alone += y[i] * out[i]
        off += _strays(values, columns, starts, rest, i, y, share, out)
    return total(on) + alone + 2.0 * off


@compiled(_WRITTEN, _READ, types.float64)
def cleared(w, y, less):
    """``w -= less * y`` in place; the square of what ``w`` is then long."""
    square = 0.0
    for i in range(w.size):
        left = w[i] - less * y[i]
        w[i] = left
        square += left * left
    return square


@compiled(*_MATRIX, _ROWS, _WRITTEN, _WRITTEN, types.int64, types.int64, types.float64, types.boolean)
def extended(
    values, bases, offsets, blocks, uses, columns, starts, diagonal, basis, spans, along, begin, end, nil, ahead
):
    """Put the next vectors of Lanczos into ``basis[begin + 1 : end + 1]``, as `Operator.following` does one at a time.

    Returns the number of the last: it ends early at one that is shorter than ``nil`` of the largest of ``along``.
    """
    largest = 0.0
    for m in range(1, begin + 1):
        largest = max(largest, along[m - 1])
    for m in range(begin + 1, end + 1):
        y, before, share, less = basis[m - 1], basis[max(m - 2, 0)], 1.0 / (spans[m - 1] or 1.0), 0.0
        if m > 1:
            less = spans[m - 1] / (spans[m - 2] or 1.0)
        here = share * product(
            values, bases, offsets, blocks, uses, columns, starts, diagonal, y, share, before, less, basis[m], ahead
        )
        spans[m] = math.sqrt(cleared(basis[m], y, here * share))
        along[m - 1] = here
        largest = max(largest, here)
        if spans[m] <= nil * largest:
            return m
    return end
