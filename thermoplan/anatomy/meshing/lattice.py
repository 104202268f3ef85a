"""A graded body-centred cubic lattice of tetrahedra, conforming across the grades [LabelleShewchuk2007].

Cells of a balanced octree carry a node at every corner and one in the middle. Across a face of two
equal cells four tetrahedra join the two middles with the edges of the face; where one cell is half the
size of the other, half pyramids do. The normalised radius ratio is 0.949 within a grade and never under
0.64 between grades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...base.arrays import Array, IntArray
from .tet_quality import volumes_m3

_BITS = 20
_CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
_AROUND = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0))


def key(index: IntArray) -> IntArray:
    """One integer for three of at most 20 bits each."""
    return (index[..., 0] << 2 * _BITS) | (index[..., 1] << _BITS) | index[..., 2]


def unkey(keys: IntArray) -> IntArray:
    """The three integers ``(..., 3)`` of each key."""
    mask = (1 << _BITS) - 1
    return np.stack([keys >> 2 * _BITS, (keys >> _BITS) & mask, keys & mask], axis=-1)


def _has(sorted_keys: IntArray, keys: IntArray) -> np.ndarray:
    if not len(sorted_keys):
        return np.zeros(keys.shape, bool)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    result: np.ndarray = sorted_keys[at] == keys
    return result


def octree(roots: tuple[int, int, int], levels: int, wanted: Callable[[Array, float], np.ndarray]) -> list[IntArray]:
    """Leaf cells of a balanced octree, one sorted array of keys a level.

    Parameters
    ----------
    roots
        Number of cells of level 0 along each axis.
    levels
        Grades below the roots.
    wanted
        ``wanted(centres, edge) -> bool``: which cells to split; in units of a root cell.
    """
    cells = [np.sort(key(np.argwhere(np.ones(roots, bool))))]
    split: list[IntArray] = []
    for level in range(levels):
        edge = 0.5**level
        chosen = cells[level][wanted(np.asarray((unkey(cells[level]) + 0.5) * edge, float), edge)]
        split.append(chosen)
        cells.append(_children(chosen))
    for level in range(levels - 1, 0, -1):
        near = (unkey(split[level])[:, None] + _AROUND).reshape(-1, 3)
        size = np.array(roots) << level
        near = near[((near >= 0) & (near < size)).all(axis=1)]
        split[level - 1] = np.union1d(split[level - 1], key(near >> 1))
    leaves = []
    present = cells[0]
    for level in range(levels + 1):
        parted = split[level] if level < levels else np.empty(0, np.int64)
        leaves.append(present[~_has(parted, present)])
        present = np.sort(_children(parted))
    return leaves


def _children(cells: IntArray) -> IntArray:
    return np.sort(key((2 * unkey(cells)[:, None] + _CORNERS).reshape(-1, 3)))


def tetrahedra(
    roots: tuple[int, int, int], leaves: list[IntArray], near: list[np.ndarray] | None = None
) -> tuple[IntArray, IntArray]:
    """Nodes ``(n, 3)``, integers in half edges of the finest cell, and tetrahedra ``(m, 4)``.

    The outside of the box of roots is flat: half pyramids close it. ``near`` has a mask of the leaves of each
    level: elements whose cell is not in it are left out.
    """
    finest = len(leaves) - 1
    corners = np.unique(
        np.concatenate(
            [
                key(((unkey(cells)[:, None] + _CORNERS) << (finest - level + 1)).reshape(-1, 3))
                for level, cells in enumerate(leaves)
            ]
        )
    )
    parts: list[IntArray] = []
    for level, cells in enumerate(leaves):
        if not len(cells):
            continue
        index, half = unkey(cells if near is None else cells[near[level]]), 1 << (finest - level)
        bound = np.array(roots) << level
        for axis in range(3):
            for sign in (1, -1):
                other = index.copy()
                other[:, axis] += sign
                inside = (other[:, axis] >= 0) & (other[:, axis] < bound[axis])
                equal = inside & _has(cells, key(np.where(inside[:, None], other, 0)))
                square = _square(index, half, axis, sign)
                middle = (2 * index + 1) * half
                if sign == 1:
                    parts += _between_equals(middle[equal], square[equal], half, axis, corners)
                parts += _closing(middle[~inside], square[~inside], corners)
                if level:
                    larger = inside & _has(leaves[level - 1], key(np.where(inside[:, None], other >> 1, 0)))
                    big = 2 * half * (2 * (other[larger] >> 1) + 1)
                    parts += _between_grades(middle[larger], big, square[larger], half, axis)
    nodes = np.concatenate(parts)
    keys, tets = np.unique(key(nodes), return_inverse=True)
    return unkey(keys), tets.reshape(-1, 4)


def _square(index: IntArray, half: int, axis: int, sign: int) -> IntArray:
    """The four corners ``(n, 4, 3)`` of a cell's face, in order round it."""
    u, v = [a for a in range(3) if a != axis]
    corner = np.zeros((4, 3), np.int64)
    corner[:, axis] = sign == 1
    corner[:, u], corner[:, v] = [0, 1, 1, 0], [0, 0, 1, 1]
    return (index[:, None] + corner) * (2 * half)


def _between_equals(a: IntArray, square: IntArray, half: int, axis: int, corners: IntArray) -> list[IntArray]:
    b = a.copy()
    b[:, axis] += 2 * half
    parts = []
    for i, j in _EDGES:
        p, q = square[:, i], square[:, j]
        mid = (p + q) >> 1
        cut = _has(corners, key(mid))
        whole = ~cut
        parts.append(np.stack([a[whole], b[whole], p[whole], q[whole]], axis=1))
        parts.append(np.stack([a[cut], b[cut], p[cut], mid[cut]], axis=1))
        parts.append(np.stack([a[cut], b[cut], mid[cut], q[cut]], axis=1))
    return parts


def _between_grades(a: IntArray, big: IntArray, square: IntArray, half: int, axis: int) -> list[IntArray]:
    """Half pyramids on the small face, cut along its diagonal through the middle of the large face."""
    flat = [k for k in range(3) if k != axis]
    at_middle = (square[:, :, flat] == big[:, None, flat]).all(axis=2)
    row, first = np.arange(len(a)), at_middle.argmax(axis=1)
    ring = [square[row, (first + k) % 4] for k in range(4)]
    return [np.stack([apex, ring[0], ring[2], ring[k]], axis=1) for apex in (a, big) for k in (1, 3)]


def _closing(a: IntArray, square: IntArray, corners: IntArray) -> list[IntArray]:
    """Half pyramids on a face at the border; a fan from the first edge that a smaller cell has cut."""
    mids = (square + np.roll(square, -1, axis=1)) >> 1
    cut = _has(corners, key(mids))
    plain = ~cut.any(axis=1)
    parts = [np.stack([a[plain], square[plain, 0], square[plain, 2], square[plain, k]], axis=1) for k in (1, 3)]
    a, square, mids, cut = a[~plain], square[~plain], mids[~plain], cut[~plain]
    row, first = np.arange(len(a)), cut.argmax(axis=1)
    hub = mids[row, first]
    for turn in (1, 2, 3):
        edge = (first + turn) % 4
        p, m, q, halved = square[row, edge], mids[row, edge], square[row, (edge + 1) % 4], cut[row, edge]
        parts.append(np.stack([a, hub, p, np.where(halved[:, None], m, q)], axis=1))
        parts.append(np.stack([a, hub, m, q], axis=1)[halved])
    return parts


def orient(points: Array, tets: IntArray) -> IntArray:
    """The same tetrahedra with positive volume.

    ``points`` is ``(n, 3)``, ``tets (t, 4)``.
    """
    return np.where((volumes_m3(points, tets) < 0.0)[:, None], tets[:, [0, 1, 3, 2]], tets)
