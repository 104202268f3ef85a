"""Wrap a mesh in a layer that is thinner than an element: the skin, as prisms cut into tetrahedra."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from ...base.arrays import Array, IntArray
from .tet_mesh import Draft, make_draft
from .tet_quality import cross, norm, quality

_LEAST = 0.15
"""Height of a poor prism at the very least, in thicknesses of the layer."""
_THINNEST = 0.4
"""Height of the layer at first at the least, in thicknesses: labels are ragged by half a voxel."""
_THICKEST = 1.6
"""The same at the most."""
_WORST = 0.03


def add_skin_layer(draft: Draft, region: int, inside_m: Callable[[Array], Array], thickness_m: float) -> Draft:
    """The mesh with a layer of ``region`` between its surface and the zero of ``inside_m``.

    Parameters
    ----------
    inside_m
        Level of the whole body at points ``(n, 3)``, positive inside.
    thickness_m
        Mean thickness, where the level gives none.
    """
    draft = _manifold(draft)
    skin = draft.skin()
    sheet, corner = _sheets(skin)
    triangles = corner.reshape(-1, 3)
    base = draft.points[sheet]
    mean = _averaging(triangles, len(sheet))
    normal = _normals(base, triangles)
    height = _heights(base, normal, inside_m, thickness_m)
    for _ in range(3):
        height = 0.5 * height + 0.5 * (mean @ height)
    new = len(draft.points) + np.arange(len(sheet))
    prisms = _prisms(skin, new[triangles])
    for trial in range(13):
        points = np.concatenate([draft.points, base + height[:, None] * normal])
        poor = (quality(points, prisms.reshape(-1, 4)) < _WORST).reshape(-1, 3).any(axis=1)
        if not poor.any() or trial == 12:
            break
        near = np.unique(triangles[poor])
        normal[near] = _unit(0.3 * (mean @ normal) + normal)[near]
        height[near] = np.maximum(0.85 * np.minimum(height, mean @ height)[near], _LEAST * thickness_m)
    layer = prisms[~poor].reshape(-1, 4)
    tets = np.concatenate([draft.tets, layer])
    used, tets = np.unique(tets, return_inverse=True)
    held = np.concatenate([draft.held, np.zeros((len(sheet), 3), bool)])
    regions = np.concatenate([draft.region, np.full(len(layer), region)])
    return make_draft(points[used], tets.reshape(-1, 4), regions, held[used])


def _manifold(draft: Draft) -> Draft:
    """Without the elements at surface edges where more than two outer triangles meet."""
    for _ in range(10):
        skin = draft.skin()
        edges = np.sort(skin[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        pairs, count = np.unique(edges[:, 0] * len(draft.points) + edges[:, 1], return_counts=True)
        bad = pairs[count > 2]
        if not len(bad):
            break
        ends = np.sort(draft.tets[:, [0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3]].reshape(-1, 6, 2), axis=2)
        hit = np.isin(ends[..., 0] * len(draft.points) + ends[..., 1], bad).any(axis=1)
        draft = draft.keeping(np.flatnonzero(~hit))
    return draft


def _sheets(skin: IntArray) -> tuple[IntArray, IntArray]:
    """Node of every sheet, and the sheet of every triangle's corner.

    Where two parts of the surface touch in one node, that node has two sheets.
    """
    corner = np.arange(skin.size)
    start, end = skin.ravel(), np.roll(skin, -1, axis=1).ravel()
    following = np.roll(corner.reshape(-1, 3), -1, axis=1).ravel()
    width = int(skin.max()) + 1
    forward, backward = start * width + end, end * width + start
    order = np.argsort(forward)
    at = np.minimum(np.searchsorted(forward[order], backward), len(order) - 1)
    twin = order[at]
    met = forward[twin] == backward
    one = np.concatenate([corner[met], following[met]])
    two = np.concatenate([following[twin[met]], twin[met]])
    graph = coo_array((np.ones(len(one), bool), (one, two)), shape=(skin.size,) * 2)
    count, sheet = connected_components(graph.tocsr(), directed=False)
    node = np.empty(count, np.int64)
    node[sheet] = start
    return node, sheet


def _averaging(triangles: IntArray, count: int) -> csr_array:
    i = triangles[:, [0, 1, 2, 1, 2, 0]].ravel()
    j = triangles[:, [1, 2, 0, 0, 1, 2]].ravel()
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(count, count)).tocsr()
    graph.data[:] = 1.0
    degree = np.maximum(graph.sum(axis=1), 1.0)
    share = 1.0 / np.repeat(degree, np.diff(graph.indptr))
    return csr_array((share, graph.indices, graph.indptr), shape=graph.shape)


def _unit(v: Array) -> Array:
    return v / np.maximum(norm(v), 1e-300)[:, None]


def _normals(points: Array, triangles: IntArray) -> Array:
    """Per node a direction that all its triangles see from the front, where there is one."""
    p = points[triangles]
    face = np.repeat(_unit(cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])), 3, axis=0)
    node, weight = triangles.ravel(), np.ones(triangles.size)
    for _ in range(12):
        total = [np.bincount(node, weight * face[:, k], len(points)) for k in range(3)]
        normal = _unit(np.stack(total, axis=1))
        weight = weight * np.exp(-1.0 * np.einsum("ij,ij->i", face, normal[node]))
        weight /= np.bincount(node, weight, len(points))[node]
    return normal


def _heights(base: Array, normal: Array, inside_m: Callable[[Array], Array], thickness_m: float) -> Array:
    """Distance along the normal to the zero of the level, within bounds."""
    steps = np.linspace(0.0, 2.5, 26) * thickness_m
    levels = np.stack([inside_m(base + s * normal) for s in steps], axis=1)
    out = levels <= 0.0
    first = np.where(out.any(axis=1), out.argmax(axis=1), len(steps))
    row, before = np.arange(len(base)), np.clip(first - 1, 0, len(steps) - 2)
    a, b = levels[row, before], levels[row, before + 1]
    part = np.clip(a / np.where(a > b, a - b, np.inf), 0.0, 1.0)
    height = np.where(first == len(steps), thickness_m, steps[before] + part * (steps[1] - steps[0]))
    return np.clip(np.where(first == 0, 0.0, height), _THINNEST * thickness_m, _THICKEST * thickness_m)


def _prisms(bottom: IntArray, top: IntArray) -> IntArray:
    """Three elements ``(k, 3, 4)`` per triangle; neighbours agree, since the lower number's diagonal wins."""
    turn = np.argmin(bottom, axis=1)[:, None]
    ring = (turn + np.arange(3)) % 3
    a, b, c = np.take_along_axis(bottom, ring, axis=1).T
    x, y, z = np.take_along_axis(top, ring, axis=1).T
    rising = b < c
    first = np.stack([a, x, y, z], axis=1)
    second = np.where(rising[:, None], np.stack([a, b, c, z], axis=1), np.stack([a, b, c, y], axis=1))
    third = np.where(rising[:, None], np.stack([a, b, z, y], axis=1), np.stack([a, c, z, y], axis=1))
    return np.stack([first, second, third], axis=1)
