"""What the exact engine spends its time in, compiled by Numba: a symmetric product with what Lanczos does beside it.

Memory is what limits it. The matrix is stored by half, a step passes twice over its vectors, and what comes next in
memory is asked for ahead: of the many streams that a row reads, the processor foresees too few.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, tril

from ..arrays import Array, IntArray
from ..errors import MissingPart

try:
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent

AHEAD = np.uint64(512)
"""Entries of the matrix that are asked for ahead; a row has about seven."""
ROWS_AHEAD = np.uint64(64)
LINE = np.uint64(8)
LARGE = 500_000
"""Entries from which the matrix comes from memory: below, it stays in a cache, and asking costs a tenth."""
REORDERED = {"reassoc", "contract", "nsz"}
"""Sums in an order that the compiler chooses once: the same in every run on a machine."""

_READ = types.Array(types.float64, 1, "C", readonly=True)
_WRITTEN = types.Array(types.float64, 1, "C")
_NUMBERS = types.Array(types.uint32, 1, "C", readonly=True)


@intrinsic
def _soon(typing, array, position):
    """Ask for the cache line of ``array[position]``, past its end too: nothing is read there."""

    def generate(context, builder, signature, values):
        data = context.make_array(array)(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], form)
        builder.call(ask, [place, number(0), number(3), number(1)])  # to read, into every cache, as data
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


def _compiled(*signature):
    """Compile for these types, or take it from Numba's cache where that has a folder that can be written."""

    def compiled(function):
        made = njit(fastmath=REORDERED)(function)
        with suppress(RuntimeError):  # Numba's word for no such folder
            made.enable_caching()
        with suppress(OSError):  # the function is there, and only its keeping failed
            made.compile(signature)
        made.disable_compile()  # a vector that may be written is taken where one is only read
        return made

    return compiled


@_compiled(_READ, _NUMBERS, _NUMBERS, _READ, _READ, types.float64, _READ, types.float64, _WRITTEN,
           types.boolean)
def _product(values, columns, starts, diagonal, y, share, before, less, out, ahead):
    on, off = 0.0, 0.0
    begin = np.uint64(starts[0])
    for row in range(diagonal.size):
        i, end = np.uint64(row), np.uint64(starts[row + 1])
        if ahead:
            _soon(values, begin + AHEAD)
            _soon(columns, begin + AHEAD + AHEAD)
        if ahead and i % LINE == 0:
            _soon(y, i + ROWS_AHEAD)
            _soon(before, i + ROWS_AHEAD)
            _soon(out, i + ROWS_AHEAD)
            _soon(diagonal, i + ROWS_AHEAD)
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


@_compiled(_WRITTEN, _READ, types.float64)
def cleared(w, y, less):
    """``w -= less * y`` in place; the square of what ``w`` is then long."""
    square = 0.0
    for i in range(w.size):
        left = w[i] - less * y[i]
        w[i] = left
        square += left * left
    return square


@dataclass(frozen=True, slots=True, eq=False)
class HalfStored:
    """A symmetric matrix of which what is left of the diagonal is stored once for both sides.

    Parameters
    ----------
    values, columns, starts
        Of the entries left of the diagonal, row by row; numbers are unsigned, which spares a check of each.
    diagonal
        ``(n,)``.
    """

    values: Array
    columns: IntArray
    starts: IntArray
    diagonal: Array

    @staticmethod
    def of(matrix: csr_array) -> HalfStored:
        """``matrix`` is ``(n, n)``, all of it."""
        left = tril(matrix, -1, format="csr")
        left.sort_indices()
        return HalfStored(left.data, left.indices.astype(np.uint32), left.indptr.astype(np.uint32), matrix.diagonal())

    def product(self, y: Array, out: Array, *, share: float = 1.0, before: Array | None = None,
                less: float = 0.0) -> float:
        """``out = share * (matrix @ y) - less * before``; returns ``y @ out``."""
        return _product(self.values, self.columns, self.starts, self.diagonal, y, share,
                        y if before is None else before, less, out, len(self.values) > LARGE)
