"""Elements that lie on each other: the same twice, the same in two regions, or overlapping ones.

A mesh that holds them is heavier than the body, and its heat equation has each of them twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.errors import InputError

_FACES = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))
"""Faces of a tetrahedron of positive volume, each with its normal outwards."""
_REMEDY = (
    "each element belongs to one region; take them out of all groups but one (in gmsh a volume belongs to one "
    "Physical Volume), or give [anatomy] label_table rows that make one region of the groups"
)


def without_repeats(points: Array, tets: IntArray, regions: Sequence[str], *, name: str, notes: list[str]) -> IntArray:
    """Numbers of the elements to keep: one of those that coincide within one region.

    Raises
    ------
    InputError
        Elements of different regions coincide, elements overlap, or nodes lie on each other.
    """
    place = _places(points)
    corners = np.sort(place[tets], axis=1)
    first, kind = np.unique(corners, axis=0, return_index=True, return_inverse=True)[1:]
    kind = kind.ravel()
    if len(first) < len(tets):
        _refuse_shared(kind, regions)
        notes.append(f"{name}: {len(tets) - len(first)} elements are written more than once; each counts once")
    kept = np.sort(first)
    _refuse_split(place, tets[kept])
    _refuse_overlap(tets[kept], [regions[i] for i in kept])
    return kept


def _places(points: Array) -> IntArray:
    """Number of each point's place; points that coincide have one."""
    return np.unique(points + 0.0, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _refuse_shared(kind: IntArray, regions: Sequence[str]) -> None:
    """Refuse elements that are in one place and in several regions."""
    names = {region: number for number, region in enumerate(dict.fromkeys(regions))}
    pairs = np.unique(np.stack([kind, [names[region] for region in regions]], axis=1), axis=0)
    listed = list(names)
    held: dict[int, list[str]] = {}
    several = np.bincount(pairs[:, 0])[pairs[:, 0]] > 1
    for element, region in pairs[several].tolist():
        held.setdefault(element, []).append(listed[region])
    counts = Counter(tuple(group) for group in held.values())
    if counts:
        raise InputError([f"{n} elements lie in {_all_of(group)}: {_REMEDY}" for group, n in counts.items()])


def _refuse_split(place: IntArray, tets: IntArray) -> None:
    """Refuse nodes that lie on each other: the parts of the mesh that they belong to are not joined."""
    used = np.unique(tets)
    lost = len(used) - len(np.unique(place[used]))
    if lost:
        raise InputError(
            f"{lost} nodes lie on others, so no heat passes between the elements that they belong to: merge "
            "them (in gmsh: Coherence Mesh), or write the mesh anew"
        )


def _refuse_overlap(tets: IntArray, regions: Sequence[str]) -> None:
    """Refuse elements on the same side of a face."""
    faces = tets[:, _FACES].reshape(-1, 3)
    ordered = np.sort(faces, axis=1)
    turns = (faces[:, 0] > faces[:, 1]) ^ (faces[:, 1] > faces[:, 2]) ^ (faces[:, 0] > faces[:, 2])
    width = int(tets.max()) + 1
    key = (ordered[:, 0] * width + ordered[:, 1]) * width + ordered[:, 2]
    by_face = np.lexsort([turns, key])
    same = (np.diff(key[by_face]) == 0) & (turns[by_face][1:] == turns[by_face][:-1])
    if same.any():
        at = np.flatnonzero(same)
        pairs = Counter(tuple(sorted({regions[by_face[i] // 4], regions[by_face[i + 1] // 4]})) for i in at.tolist())
        raise InputError(
            [
                f"elements of {_all_of(group)} overlap: {n} pairs lie on the same side of a face; write the "
                "mesh anew from parts that do not overlap"
                for group, n in pairs.items()
            ]
        )


def _all_of(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last
