"""Move nodes onto the borders of the regions, and stop before an element gets poor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, IntArray
from .levels import Levels, with_gradient

FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
_EPSILON = 0.03
_POWER = 4


def quality(points: Array, tets: IntArray) -> Array:
    """Three times inradius over circumradius ``(m,)``: 1 for the regular element, negative if inverted."""
    p = [points[tets[:, i]] for i in range(4)]
    a, b, c = p[1] - p[0], p[2] - p[0], p[3] - p[0]
    bc, ca, ab = _cross(b, c), _cross(c, a), _cross(a, b)
    volume6 = _dot(a, bc)
    area2 = _norm(bc) + _norm(ca) + _norm(ab) + _norm(bc + ca + ab)
    aa, bb, cc = _dot(a, a), _dot(b, b), _dot(c, c)
    ray = _norm(aa[:, None] * bc + bb[:, None] * ca + cc[:, None] * ab)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = 6.0 * volume6 * np.abs(volume6) / (area2 * ray)
    return np.where(volume6 > 0.0, value, -1.0)


def _cross(a: Array, b: Array) -> Array:
    out = np.empty_like(a)
    out[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    out[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    out[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return out


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("ij,ij->i", a, b)


def _norm(a: Array) -> Array:
    return np.sqrt(_dot(a, a))


def neighbours(tets: IntArray) -> IntArray:
    """Element ``(m, 4)`` across the face opposite each corner, -1 at the border."""
    corners = np.sort(tets[:, FACES].reshape(-1, 3), axis=1).astype(np.int64)
    keys = (corners[:, 0] << 42) | (corners[:, 1] << 21) | corners[:, 2]
    order = np.argsort(keys, kind="stable")
    twin = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    across = np.full(len(keys), -1)
    across[order[twin]], across[order[twin + 1]] = order[twin + 1] // 4, order[twin] // 4
    return across.reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Borders:
    """Which nodes lie between which classes: one row per (node, class, other class)."""

    node: IntArray
    one: IntArray
    two: IntArray


def borders(tets: IntArray, region: IntArray, outside: int) -> Borders:
    """Borders of a labelled mesh; beyond it lies the class ``outside``."""
    across = neighbours(tets)
    other = np.where(across >= 0, region[across], outside)
    cell, face = np.nonzero(other > region[:, None])
    nodes = tets[cell[:, None], FACES[face]]
    rows = np.stack([nodes.ravel(), np.repeat(region[cell], 3), np.repeat(other[cell, face], 3)], axis=1)
    width = outside + 1
    keys = np.unique((rows[:, 0] * width + rows[:, 1]) * width + rows[:, 2])
    return Borders(keys // width**2, keys // width % width, keys % width)


def relaxed(points: Array, tets: IntArray, region: IntArray, levels: Levels, offsets_m: Array, *,
            held: np.ndarray, rounds: int = 12, floor: float = 0.15) -> Array:
    """Nodes moved so that borders follow the levels and elements stay well shaped.

    Every round moves border nodes towards the levels and slides all nodes near a border down the gradient
    of the mean-ratio energy; a node of an element that would fall under ``floor`` moves half as far, then
    not at all.

    Parameters
    ----------
    held
        ``(n, 3)``: coordinates that must not change.
    """
    rim = borders(tets, region, levels.count)
    touched = np.zeros(len(points), bool)
    touched[rim.node] = True
    for _ in range(2):
        touched[tets[touched[tets].any(axis=1)]] = True
    near = tets[touched[tets].any(axis=1)]
    nodes, local = np.unique(near, return_inverse=True)
    local = local.reshape(-1, 4)
    rim = Borders(np.searchsorted(nodes, rim.node), rim.one, rim.two)
    free = touched[nodes][:, None] & ~held[nodes]
    moving = points[nodes]
    size = _size(moving, local)
    for round_ in range(rounds):
        toward, tangent = _toward(moving, rim, levels, offsets_m, len(nodes))
        slide = np.einsum("nij,nj->ni", tangent, _descent(moving, local))
        step = _capped(toward, 0.5 * size) + _capped(slide, 0.2 * size)
        step = np.where(free, step, 0.0)
        moving = _backed_off(moving, step, local, floor)
    result = points.copy()
    result[nodes] = moving
    return result


def _size(points: Array, tets: IntArray) -> Array:
    volume = np.abs(np.linalg.det(points[tets[:, 1:]] - points[tets[:, :1]])) / 6.0
    total = np.bincount(tets.ravel(), np.repeat(volume, 4), len(points))
    count = np.bincount(tets.ravel(), minlength=len(points))
    return np.cbrt(6.0 * np.sqrt(2.0) * total / count)


def _capped(step: Array, limit: Array) -> Array:
    length = _norm(step)
    return step * np.minimum(1.0, limit / np.maximum(length, 1e-300))[:, None]


def _toward(points: Array, rim: Borders, levels: Levels, offsets_m: Array, count: int) -> tuple[Array, Array]:
    """Least-squares step of each node onto its borders, and the projector that slides along them."""
    d = np.zeros(len(rim.node))
    gradient = np.zeros((len(rim.node), 3))
    for region in range(levels.count + 1):
        for side, sign in ((rim.one, 1.0), (rim.two, -1.0)):
            rows = np.flatnonzero(side == region)
            if len(rows):
                value, slope = with_gradient(levels, region, points[rim.node[rows]])
                d[rows] += 0.5 * sign * (value + offsets_m[region])
                gradient[rows] += 0.5 * sign * slope
    length = _norm(gradient)
    known = length > 0.2
    normal = gradient / np.maximum(length, 0.2)[:, None]
    distance = np.where(known, d / np.maximum(length, 0.5), 0.0)
    weight = np.where(rim.two == levels.count, 4.0, 1.0) * known
    matrix = np.zeros((count, 3, 3))
    right = np.zeros((count, 3))
    for i in range(3):
        right[:, i] = np.bincount(rim.node, -weight * distance * normal[:, i], count)
        for j in range(3):
            matrix[:, i, j] = np.bincount(rim.node, weight * normal[:, i] * normal[:, j], count)
    inverse = np.linalg.inv(matrix + _EPSILON * np.eye(3))
    return np.einsum("nij,nj->ni", inverse, right), _EPSILON * inverse


def _descent(points: Array, tets: IntArray) -> Array:
    """A step per node that lowers the sum of the mean ratio's powers, scaled to the local edge."""
    p = points[tets]
    centre = p.mean(axis=1)
    a, b, c = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], p[:, 3] - p[:, 0]
    normals = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
    volume6 = np.maximum(_dot(a, normals[:, 0]), 1e-300)
    spread = 4.0 * np.einsum("mij,mij->m", p - centre[:, None], p - centre[:, None])
    ratio = spread / 6.0 / (np.sqrt(2.0) * volume6) ** (2.0 / 3.0)
    weight = np.minimum(ratio, 20.0) ** _POWER
    pull = 8.0 * (p - centre[:, None]) / spread[:, None, None]
    push = np.concatenate([-normals.sum(axis=1, keepdims=True), normals], axis=1)
    slope = weight[:, None, None] * (pull - push * (2.0 / 3.0) / volume6[:, None, None])
    stiffness = np.repeat(weight * 6.0 / spread, 4)
    flat = tets.ravel()
    total = np.bincount(flat, stiffness, len(points))
    moved = [np.bincount(flat, slope[:, :, i].ravel(), len(points)) for i in range(3)]
    return -0.35 * np.stack(moved, axis=1) / np.maximum(total, 1e-300)[:, None]


def _backed_off(points: Array, step: Array, tets: IntArray, floor: float) -> Array:
    before = quality(points, tets)
    share = np.ones(len(points))
    suspects = np.arange(len(tets))
    for trial in range(24):
        after = quality(points + share[:, None] * step, tets[suspects])
        poor = suspects[after < np.minimum(floor, before[suspects])]
        if not len(poor):
            break
        share[tets[poor]] *= 0.5 if trial < 3 else 0.0
        suspects = np.flatnonzero((share < 1.0)[tets].any(axis=1))
    else:
        return points
    return points + share[:, None] * step
