"""Move nodes onto the borders of the regions, and stop before an element gets poor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...base.arrays import Array, IntArray
from .levels import Levels, with_gradient
from .tet_mesh import FACES, Draft
from .tet_quality import cross, dot, norm, quality, stiffness

_EPSILON = 0.03
_POWER = 4
_YIELD = 0.7
_PULL = 0.6
"""Share of the way to its border that a node goes in one round: not the whole, since its neighbours move too."""
_SLIDE = 0.1
"""Longest step along a border, in element sizes, so that a node does not leave the border in one round."""
_STIFF = 36.0


@dataclass(frozen=True, slots=True)
class Borders:
    """Which nodes lie between which classes: one row per (node, class, other class)."""

    node: IntArray
    one: IntArray
    two: IntArray


def borders(draft: Draft, outside: int) -> Borders:
    """Borders of a labelled mesh; beyond it lies the class ``outside``."""
    other = np.where(draft.across >= 0, draft.region[draft.across], outside)
    cell, face = np.nonzero(other > draft.region[:, None])
    pair = draft.region[cell] * (outside + 1) + other[cell, face]
    width = (outside + 1) ** 2
    keys = np.unique(draft.tets[cell[:, None], FACES[face]] * width + pair[:, None])
    return Borders(keys // width, keys % width // (outside + 1), keys % (outside + 1))


def relax_nodes(
    draft: Draft, levels: Levels, offsets_m: Array, *, rounds: int, poor: float = 0.55, floor: float = 0.15
) -> Draft:
    """Nodes moved so that borders follow the levels and elements stay well shaped.

    Every round moves border nodes towards the levels and slides the nodes of poor elements down the gradient
    of the mean-ratio energy. Where shape and border disagree, the border yields. A node of an element that
    would fall under ``floor`` moves half as far, then not at all.
    """
    rim = borders(draft, levels.count)
    touched = np.zeros(len(draft.points), bool)
    touched[rim.node] = True
    touched[draft.tets[touched[draft.tets].any(axis=1)]] = True
    near = draft.tets[touched[draft.tets].any(axis=1)]
    used = np.zeros(len(draft.points), bool)
    used[near] = True
    nodes, number = np.flatnonzero(used), np.cumsum(used) - 1
    local, rim = number[near], Borders(number[rim.node], rim.one, rim.two)
    free = touched[nodes][:, None] & ~draft.held[nodes]
    moving = draft.points[nodes]
    size = _size(moving, local)
    shape = quality(moving, local)
    for _ in range(rounds):
        toward, tangent = _toward(moving, rim, levels, offsets_m)
        slide, worst = _descent(moving, local, shape, poor)
        yielding = np.clip((_YIELD * poor - worst) / (_YIELD * poor - floor), 0.0, 1.0)[:, None]
        slide = yielding * slide + (1.0 - yielding) * np.einsum("nij,nj->ni", tangent, slide)
        step = _PULL * (1.0 - yielding) * _cap_length(toward, 0.5 * size) + _cap_length(slide, _SLIDE * size)
        step[norm(step) < 2e-3 * size] = 0.0
        moving, shape = _back_off(moving, np.where(free, step, 0.0), local, shape, floor)
    points = draft.points.copy()
    points[nodes] = moving
    return replace(draft, points=points)


def mend(draft: Draft, finest_m: float, *, worst: float = 0.12, rounds: int = 20) -> Draft:
    """Poor elements and stiff nodes made better at the cost of their borders; left out if at the skin that fails.

    A node is stiff when it conducts so much more than it holds that it alone would set the time step.
    """
    for _ in range(3):
        bad, stiff = _ailing(draft, worst, _STIFF / finest_m**2)
        if not (bad | stiff).any():
            return draft
        free = np.zeros(len(draft.points), bool)
        free[draft.tets[bad | stiff]] = True
        near = draft.tets[free[draft.tets].any(axis=1)]
        nodes, local = np.unique(near, return_inverse=True)
        local = local.reshape(-1, 4)
        moving, shape = draft.points[nodes], quality(draft.points, near)
        size = _size(moving, local)
        for _ in range(rounds):
            step = _cap_length(_descent(moving, local, shape, 0.5)[0], _SLIDE * size)
            step = np.where(free[nodes][:, None] & ~draft.held[nodes], step, 0.0)
            moving, shape = _back_off(moving, step, local, shape, worst)
        points = draft.points.copy()
        points[nodes] = moving
        draft = replace(draft, points=points)
    for _ in range(5):
        bad, stiff = _ailing(draft, worst, 2.0 * _STIFF / finest_m**2)
        bare = (draft.across < 0).any(axis=1)
        behind = np.zeros(len(bare), bool)  # what covers a poor element goes first
        behind[draft.across[bad & ~bare]] = True
        lost = (bad | stiff | behind) & bare
        if not lost.any():
            break
        draft = draft.keeping(np.flatnonzero(~lost))
    return draft


def _ailing(draft: Draft, worst: float, most_1_m2: float) -> tuple[np.ndarray, np.ndarray]:
    """Elements that are poor, and elements at a stiff node."""
    stiff = stiffness(draft.points, draft.tets) > most_1_m2
    return quality(draft.points, draft.tets) < worst, stiff[draft.tets].any(axis=1)


def target_positions(draft: Draft, levels: Levels, offsets_m: Array) -> Array:
    """Target positions of border nodes, before element quality limits them."""
    toward, _ = _toward(draft.points, borders(draft, levels.count), levels, offsets_m)
    return draft.points + toward


def _size(points: Array, tets: IntArray) -> Array:
    """Edge of the regular element of the mean volume round each node."""
    p = points[tets]
    volume = np.abs(dot(p[:, 1] - p[:, 0], cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 0]))) / 6.0
    total = np.bincount(tets.ravel(), np.repeat(volume, 4), len(points))
    result: Array = np.cbrt(6.0 * np.sqrt(2.0) * total / np.bincount(tets.ravel(), minlength=len(points)))
    return result


def _cap_length(step: Array, limit: Array) -> Array:
    return step * np.minimum(1.0, limit / np.maximum(norm(step), 1e-300))[:, None]


def _toward(points: Array, rim: Borders, levels: Levels, offsets_m: Array) -> tuple[Array, Array]:
    """Least-squares step of each node onto its borders, and the projector that slides along them."""
    d = np.zeros(len(rim.node))
    gradient = np.zeros((len(rim.node), 3))
    skin = rim.two == levels.count
    sides = ((rim.one, np.where(skin, 0.0, 0.5)), (rim.two, np.where(skin, -1.0, -0.5)))
    for region in range(levels.count + 1):
        for side, sign in sides:
            rows = np.flatnonzero((side == region) & (sign != 0.0))
            if len(rows):
                value, slope = with_gradient(levels, region, points[rim.node[rows]])
                d[rows] += sign[rows] * (value + offsets_m[region])
                gradient[rows] += sign[rows, None] * slope
    length = norm(gradient)
    known = length > 0.2
    normal = gradient / np.maximum(length, 0.2)[:, None]
    distance = np.where(known, d / np.maximum(length, 0.5), 0.0)
    weight = np.where(skin, 4.0, 1.0) * known
    matrix = np.zeros((len(points), 3, 3))
    right = np.zeros((len(points), 3))
    for i in range(3):
        right[:, i] = np.bincount(rim.node, -weight * distance * normal[:, i], len(points))
        for j in range(i, 3):
            matrix[:, i, j] = np.bincount(rim.node, weight * normal[:, i] * normal[:, j], len(points))
            matrix[:, j, i] = matrix[:, i, j]
    on_rim = np.unique(rim.node)
    inverse = np.tile(np.eye(3) / _EPSILON, (len(points), 1, 1))
    inverse[on_rim] = np.linalg.inv(matrix[on_rim] + _EPSILON * np.eye(3))
    return np.einsum("nij,nj->ni", inverse, right), _EPSILON * inverse


def _descent(points: Array, tets: IntArray, shape: Array, below: float) -> tuple[Array, Array]:
    """A step per node of a poor element that lowers the powers of the mean ratio; each node's worst shape."""
    bad = shape < below
    poor = np.zeros(len(points), bool)
    poor[tets[bad]] = True
    worst = np.ones(len(points))
    np.minimum.at(worst, tets[bad].ravel(), np.repeat(shape[bad], 4))
    chosen = tets[poor[tets].any(axis=1)]
    p = points[chosen]
    p = p - p.mean(axis=1, keepdims=True)
    a, b, c = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], p[:, 3] - p[:, 0]
    normals = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    volume6 = np.maximum(dot(a, normals[:, 0]), 1e-300)
    spread = 4.0 * np.einsum("mij,mij->m", p, p)
    ratio = spread / 6.0 / (np.sqrt(2.0) * volume6) ** (2.0 / 3.0)
    weight = np.minimum(ratio, 20.0) ** _POWER
    pull = (8.0 * weight / spread)[:, None, None] * p
    push = normals * (weight * (2.0 / 3.0) / volume6)[:, None, None]
    slope = pull - np.concatenate([-push.sum(axis=1, keepdims=True), push], axis=1)
    flat = chosen.ravel()
    total = np.bincount(flat, np.repeat(weight * 6.0 / spread, 4), len(points))
    moved = np.stack([np.bincount(flat, slope[:, :, i].ravel(), len(points)) for i in range(3)], axis=1)
    step = -0.35 * moved / np.maximum(total, 1e-300)[:, None]
    return np.where(poor[:, None], step, 0.0), worst


def _back_off(points: Array, step: Array, tets: IntArray, shape: Array, floor: float) -> tuple[Array, Array]:
    """The nodes moved as far as no element falls under the floor, and the elements' new shapes."""
    share = np.ones(len(points))
    moved = np.flatnonzero(step.any(axis=1)[tets].any(axis=1))
    after = shape.copy()
    suspects, trial = moved, 0
    while len(suspects):
        after[suspects] = quality(points + share[:, None] * step, tets[suspects])
        poor = suspects[after[suspects] < np.minimum(floor, shape[suspects])]
        changed = np.zeros(len(points), bool)
        changed[tets[poor]] = True
        share[changed] *= 0.5 if trial < 3 else 0.0
        suspects = moved[changed[tets[moved]].any(axis=1)]
        trial += 1
    return points + share[:, None] * step, after
