"""Compression of many long rows to their principal combinations, a piece of the nodes at a time.

Rows are kept in single precision, in one room that is used again and again: memory that is touched anew costs more than
the sums. Those are in double precision, and so is what an eigenvalue problem sees of rows that were rounded.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ...base.arrays import Array

PIECE = 1024
"""Nodes of which the temporaries stay in a cache: of a few hundred rows, 2 MB. Of twice as many they would not."""
Room = NDArray[np.float32]
Rows = Callable[[slice], Array]
"""Many rows at some of the nodes, made when they are asked for."""


def with_space(room: Room, held: int, more: int) -> Room:
    """Room with space for so many rows beside those that are held: the same where it has it."""
    if held + more <= len(room):
        return room
    return np.concatenate([room[:held], np.empty((more, room.shape[1]), room.dtype)])


def rows_of(room: Room | Array) -> Rows:
    """Rows that are there, in double precision."""
    return partial(_part, room)


def _part(room: Room | Array, piece: slice) -> Array:
    return room[:, piece].astype(float, copy=False)


def pieces(width: int) -> Iterator[slice]:
    """Parts of so many nodes, one after the other."""
    return (slice(start, min(start + PIECE, width)) for start in range(0, width, PIECE))


def products(rows: Rows, others: Rows, width: int) -> Array:
    """Scalar products of each row with each of the others; of ``rows`` with themselves in half the time."""
    if rows is others:
        parts = (some @ some.T for some in map(rows, pieces(width)))
    else:
        parts = (rows(piece) @ others(piece).T for piece in pieces(width))
    return reduce(operator.add, parts)


def principal_combinations(gram: Array, tolerance: float) -> tuple[Array, int]:
    """Orthogonal combinations of rows ``(p, p)``, each a row, the longest first, from the products of those with each
    other; the fewest of them that leave no row with more than tolerance times the longest."""
    values, vectors = eigh(gram)
    left = np.cumsum(vectors**2 * np.maximum(values, 0.0), axis=1).max(axis=0)[::-1]
    return np.ascontiguousarray(vectors[:, ::-1].T), max(1, int((left > tolerance**2 * left[0]).sum()))


def combine_rows(mix: Array, rows: Rows, room: Room | Array) -> None:
    """Put combinations of the rows into the head of a room ``(.., n)``, which may hold them."""
    for piece in pieces(room.shape[1]):
        room[: len(mix), piece] = mix @ rows(piece)


def compress_rows(rows: Rows, room: Room, tolerance: float, most: int | None = None) -> int:
    """Put the principal combinations into the head of a room; how many there are, at most so many."""
    mix, keep = principal_combinations(products(rows, rows, room.shape[1]), tolerance)
    mix = mix[:keep][:most]
    combine_rows(mix, rows, room)
    return len(mix)
