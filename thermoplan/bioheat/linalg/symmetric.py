"""A symmetric matrix as the compiled product reads it: half of it, along diagonals where neighbours have alike ones.

Nodes are numbered in rows of a lattice, more or less: what eight nodes that follow each other are joined to often
follows each other too. On a box that is every entry, on organ meshes two thirds, which is too few: what the rest costs
in a second pass is more than bands gain, so that all of it is multiplied one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ...base.arrays import Array, IntArray
from .kernels import product
from .simd import LANES

FEWEST = 5
"""Entries of a diagonal in eight rows that are worth a place for eight."""
BRIDGED = 1
"""Blocks of rows without entries that a band has zeros for, as that costs less than its end and a beginning."""
MOST_STRAYS = 0.05
"""Share of the blocks of rows that may have entries in no band. On boxes hardly any has, and bands take 0.6 times as
long as without; on organ meshes most have, and they took 1.6 times."""
LARGE = 500_000
"""Entries from which the matrix comes from memory: below, it stays in a cache, and asking costs a tenth."""


@dataclass(frozen=True, slots=True, eq=False)
class SymmetricMatrix:
    """A symmetric matrix of which what is left of the diagonal is stored once for both sides.

    Bands are runs of a diagonal over whole blocks of eight rows, with zeros where an entry is missing and eight between
    two of them. Blocks that follow each other and use the same bands make a group.

    Parameters
    ----------
    values
        Of all bands, then of entries in none, row by row.
    bases, offsets
        Of each use of a band by a group: rows from ``i`` on meet ``values[i + base :]`` and columns from
        ``i + offset``; left of the diagonal, and mirrored right of it.
    blocks, uses
        Where groups begin, counted in blocks of rows and in uses, and where the last one ends.
    columns, starts
        Of the entries in no band, row by row; ``starts (n + 1,)`` counts in ``values``. Unsigned, which spares a check
        of each.
    diagonal
        ``(n,)``.
    """

    values: Array
    bases: IntArray
    offsets: IntArray
    blocks: IntArray
    uses: IntArray
    columns: IntArray
    starts: IntArray
    diagonal: Array

    @staticmethod
    def of(matrix: csr_array, most_strays: float = MOST_STRAYS) -> SymmetricMatrix:
        """``matrix`` is ``(n, n)``, all of it; its pattern alone, zeros included, decides what is stored where."""
        n, rows = matrix.shape[0], np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        left = np.flatnonzero(matrix.indices < rows)
        rows, columns = rows[left], matrix.indices[left]
        bands, place = _banded(rows, rows - columns, n)
        stray = place < 0
        if len(np.unique(rows[stray] // LANES)) > most_strays * (n // LANES):
            bands, stray[:] = _Bands(*np.zeros((3, 0), np.int64)), True
        room = bands.room if len(bands.first) else 0
        place[stray] = room + np.arange(np.count_nonzero(stray))
        values = np.zeros(room + np.count_nonzero(stray))
        values[place] = matrix.data[left]
        starts = room + np.append(0, np.cumsum(np.bincount(rows[stray], minlength=n)))
        return SymmetricMatrix(
            values,
            *bands.uses(n // LANES),
            columns[stray].astype(np.uint32),
            starts.astype(np.uint32),
            matrix.diagonal(),
        )

    @property
    def parts(self) -> tuple[Array, ...]:
        """As compiled functions take it."""
        return (self.values, self.bases, self.offsets, self.blocks, self.uses, self.columns, self.starts, self.diagonal)

    @property
    def is_large(self) -> bool:
        return len(self.values) > LARGE

    def product(
        self, y: Array, out: Array, *, share: float = 1.0, before: Array | None = None, less: float = 0.0
    ) -> float:
        """``out = share * (matrix @ y) - less * before``; returns ``y @ out``."""
        return float(product(*self.parts, y, share, y if before is None else before, less, out, self.is_large))


@dataclass(frozen=True, slots=True, eq=False)
class _Bands:
    """Each on the diagonal ``down`` rows below the main one, in blocks from ``first`` to before ``end``, ``(k,)``."""

    down: IntArray
    first: IntArray
    end: IntArray

    @property
    def rows(self) -> IntArray:
        return LANES * (self.end - self.first)

    @property
    def starts(self) -> IntArray:
        """Places of their first rows; they lie in the order of their first blocks, as they are read."""
        order, starts = np.argsort(self.first, kind="stable"), np.empty(len(self.first), np.int64)
        taken = self.rows[order] + LANES
        starts[order] = np.cumsum(taken) - taken + LANES
        return starts

    @property
    def room(self) -> int:
        """Places that all of them take, with those between, before and after."""
        return int((self.rows + LANES).sum()) + LANES

    def uses(self, n_blocks: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """``bases, offsets, blocks, uses`` of `HalfStored`."""
        base = self.starts - LANES * self.first
        begin = np.append(self.first, (LANES * self.first - self.down) // LANES)
        end = np.append(self.end, -((self.down - LANES * self.end) // LANES))
        bases, offsets = np.append(base, base + self.down), np.append(-self.down, self.down)
        blocks = np.unique(np.concatenate([[0, n_blocks], begin, end]))
        group, last = np.searchsorted(blocks, begin), np.searchsorted(blocks, end)
        count = last - group
        which = np.repeat(np.arange(len(base) * 2), count)
        user = np.arange(len(which)) - np.repeat(np.cumsum(count) - count - group, count)
        order = np.lexsort((offsets[which], user))
        which, uses = which[order], np.searchsorted(user[order], np.arange(len(blocks)))
        return (
            bases[which].astype(np.int32),
            offsets[which].astype(np.int32),
            blocks.astype(np.uint32),
            uses.astype(np.uint32),
        )


def _banded(rows: IntArray, down: IntArray, n: int) -> tuple[_Bands, IntArray]:
    """Bands of the entries ``down`` below the diagonal in ``rows``, and the place of each entry, -1 where in none."""
    sorted_by = csr_array((np.arange(len(rows)), down, np.searchsorted(rows, np.arange(n + 1))), (n, n)).tocsc()
    entry, rows = sorted_by.data, sorted_by.indices
    below, block = np.repeat(np.arange(n), np.diff(sorted_by.indptr)), rows // LANES
    first = np.flatnonzero(np.append(True, (np.diff(below) != 0) | (np.diff(block) != 0))[: len(rows)])
    count, below, block = np.diff(np.append(first, len(rows))), below[first], block[first].astype(np.int64)
    # eight columns from the first row's on, and eight of the mirrored rows, are all there
    whole = (LANES * block >= below) & (LANES * block + 2 * LANES - 1 <= n)
    kept = np.flatnonzero((count >= FEWEST) & whole)
    below, block = below[kept], block[kept]
    opens = np.append(True, (np.diff(below) != 0) | (np.diff(block) > 1 + BRIDGED))[: len(kept)]
    closes = np.append(opens[1:], True)[: len(kept)]
    bands = _Bands(below[opens], block[opens], block[closes] + 1)
    base = np.zeros(len(count), np.int64)
    base[kept] = (bands.starts - LANES * bands.first)[np.cumsum(opens) - 1]
    inside = np.zeros(len(count), bool)
    inside[kept] = True
    place = np.empty(len(rows), np.int64)
    place[entry] = np.where(np.repeat(inside, count), np.repeat(base, count) + rows, -1)
    return bands, place
