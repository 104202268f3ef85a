"""A mesh in the making: nodes, elements, their regions, and who is next to whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...base.arrays import Array, IntArray
from .tet_quality import quality, squares_and_volumes

FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
_CRUMB = 0.05
_FLAT = 0.4
_STIFF = 48.0


@dataclass(frozen=True, slots=True)
class Draft:
    """Elements ``tets (m, 4)`` of class ``region (m,)``.

    ``across (m, 4)`` is the element behind the face opposite each corner, -1 outside; ``held (n, 3)`` marks
    coordinates that must stay.
    """

    points: Array
    tets: IntArray
    region: IntArray
    across: IntArray
    held: np.ndarray

    def keeping(self, cells: IntArray) -> Draft:
        """Only the given elements, and their nodes."""
        number = np.full(len(self.tets) + 1, -1)
        number[cells] = np.arange(len(cells))
        used = np.zeros(len(self.points), bool)
        used[self.tets[cells]] = True
        node = np.cumsum(used) - 1
        return Draft(
            self.points[used], node[self.tets[cells]], self.region[cells], number[self.across[cells]], self.held[used]
        )

    def bare(self) -> tuple[IntArray, IntArray]:
        """(element, face) of the outer faces."""
        element, face = np.nonzero(self.across < 0)
        return element, face

    def skin(self) -> IntArray:
        """Outer triangles ``(k, 3)``, counterclockwise from outside."""
        cell, face = self.bare()
        result: IntArray = self.tets[cell[:, None], FACES[face]]
        return result


def make_draft(points: Array, tets: IntArray, region: IntArray, held: np.ndarray) -> Draft:
    """Draft of a mesh: points ``(n, 3)`` in m, tets ``(t, 4)``, the region of each, and which coordinates ``(n, 3)``
    are held."""
    return Draft(points, tets, region, neighbours(tets), held)


def neighbours(tets: IntArray) -> IntArray:
    """Element ``(m, 4)`` across the face opposite each corner, -1 at the border."""
    corners = np.sort(tets[:, FACES].reshape(-1, 3), axis=1).astype(np.int64)
    keys = (corners[:, 0] << 42) | (corners[:, 1] << 21) | corners[:, 2]
    order = np.argsort(keys)
    twin = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    across = np.full(len(keys), -1)
    across[order[twin]], across[order[twin + 1]] = order[twin + 1] // 4, order[twin] // 4
    return across.reshape(-1, 4)


def tidy(draft: Draft, outside: int) -> Draft:
    """Elements with three or more faces to one other class join it."""
    region = draft.region.copy()
    for _ in range(3):
        other = np.sort(np.where(draft.across >= 0, region[draft.across], outside), axis=1)
        triple = (other[:, 0] == other[:, 2]) | (other[:, 1] == other[:, 3])
        join = triple & (other[:, 1] != region)
        if not join.any():
            break
        region[join] = other[join, 1]
    return replace(draft, region=region)


def body_of(draft: Draft, outside: int) -> Draft:
    """Without the elements outside and without loose crumbs."""
    draft = draft.keeping(np.flatnonzero(draft.region < outside))
    cell, face = np.nonzero(draft.across >= 0)
    pairs = (np.ones(len(cell), bool), (cell, draft.across[cell, face]))
    _, piece = connected_components(coo_array(pairs, shape=(len(draft.tets),) * 2).tocsr(), directed=False)
    size = np.bincount(piece)
    if len(size) == 1:
        return draft
    return draft.keeping(np.flatnonzero(size[piece] > _CRUMB * len(draft.tets)))


def peel(draft: Draft, aim: Array, finest_m: float) -> Draft:
    """Without the elements that the skin has pressed flat.

    These are ones with two or more faces outside that would be poor at ``aim (n, 3)``, where the nodes would
    like to be, and those at a skin node that conducts so much more than it holds that it alone would set the
    time step.
    """
    on_skin = np.zeros(len(draft.points), bool)
    on_skin[draft.skin()] = True
    for _ in range(2):
        on_skin[draft.tets[on_skin[draft.tets].any(axis=1)]] = True
    near = np.flatnonzero(on_skin[draft.tets].any(axis=1))
    squares, volumes = squares_and_volumes(draft.points, draft.tets[near])
    poor = np.minimum(quality(draft.points, draft.tets[near]), quality(aim, draft.tets[near])) < _FLAT
    alive = np.ones(len(draft.tets) + 1, bool)
    alive[-1] = False
    tets, across = draft.tets[near], draft.across[near]
    while True:
        bare = (~alive[across]).sum(axis=1)
        here = alive[near]
        corners = tets[here].ravel()
        total = np.bincount(corners, squares[here].ravel(), len(draft.points))
        share = np.bincount(corners, np.repeat(volumes[here] / 4.0, 4), len(draft.points))
        stiff = total * finest_m**2 > _STIFF * share
        flat = (bare >= 3) | (poor & (bare >= 2)) | (stiff[tets].any(axis=1) & (bare >= 1))
        gone = near[here & flat]
        if not len(gone):
            break
        alive[gone] = False
    return draft.keeping(np.flatnonzero(alive[:-1]))
