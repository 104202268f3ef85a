"""Meshes of bodies that have closed forms: extruded flat grids and shells, cut into tetrahedra."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray

AT_ONCE = 100_000
"""Elements whose corners are gathered at a time: of millions they would be the peak of memory."""


def triangles(columns: int, rows: int, *, closed: bool = False) -> IntArray:
    """Triangles ``(k, 3)`` of a grid of points, rows counted first; the columns may close on themselves."""
    i, j = np.divmod(np.arange((columns if closed else columns - 1) * (rows - 1)), rows - 1)
    a, b, c, d = (((i + di) % columns) * rows + j + dj for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1)))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def extrude(
    flat_m: Array,
    corners: IntArray,
    heights_m: Array,
    *,
    names: tuple[str, ...] = ("muscle",),
    region_of: Callable[[Array], IntArray] | None = None,
) -> Anatomy:
    """Prisms over a flat mesh ``(n, 2)``, each cut into three tetrahedra that fit their neighbours.

    ``names`` are regions and tissues alike; ``region_of`` gives each element's from its middle ``(m, 3)``.
    """
    n, corner = len(flat_m), np.sort(corners, axis=1).T
    points = np.concatenate([np.c_[flat_m, np.full(n, z)] for z in heights_m])
    tets = np.concatenate(
        [
            np.stack([*(corner + k * n)[: j + 1], *(corner + (k + 1) * n)[j:]], axis=1)
            for k in range(len(heights_m) - 1)
            for j in range(3)
        ]
    )
    tets = _orient_upright(points, tets)
    middles = points[tets].mean(axis=1)
    region = np.zeros(len(tets), np.int64) if region_of is None else region_of(middles)
    return Anatomy(points, tets, region, names, names)


def cylinder(a_m: float, b_m: float, height_m: float, *, cells: int = 40, layers: int = 3) -> Anatomy:
    """Elliptic cylinder along z: a square grid, rounded by [x sqrt(1 - y^2 / 2), y sqrt(1 - x^2 / 2)]."""
    u, v = (x.ravel() for x in np.meshgrid(*[np.linspace(-1.0, 1.0, cells + 1)] * 2, indexing="ij"))
    flat = np.stack([a_m * u * np.sqrt(1.0 - v**2 / 2.0), b_m * v * np.sqrt(1.0 - u**2 / 2.0)], axis=1)
    heights = np.linspace(-height_m / 2.0, height_m / 2.0, layers + 1)
    return extrude(flat, triangles(cells + 1, cells + 1), heights)


def column(
    heights_m: Array,
    width_m: float,
    *,
    names: tuple[str, ...] = ("muscle",),
    region_of: Callable[[Array], IntArray] | None = None,
) -> Anatomy:
    """A square column along z, two elements wide: a body that only varies in z."""
    x, y = (w.ravel() for w in np.meshgrid(*[np.linspace(0.0, width_m, 3)] * 2, indexing="ij"))
    return extrude(np.stack([x, y], axis=1), triangles(3, 3), heights_m, names=names, region_of=region_of)


def box(
    counts: tuple[int, int, int],
    size_m: tuple[float, float, float],
    region_of: Callable[[Array], IntArray] | None = None,
    names: tuple[str, ...] = ("tissue",),
) -> Anatomy:
    """Bricks cut into six tetrahedra each, one corner in the origin; ``names`` are regions and tissues alike."""
    axes = [np.linspace(0.0, s, n + 1) for s, n in zip(size_m, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    number = np.arange(len(points)).reshape([n + 1 for n in counts])
    paths = []
    for path in permutations(range(3)):
        offset, corners = np.zeros(3, int), []
        for axis in (None, *path):
            if axis is not None:
                offset[axis] += 1
            window = tuple(slice(o, n + o) for o, n in zip(offset, counts, strict=True))
            corners.append(number[window].ravel())
        paths.append(np.stack(corners, 1))
    tets = _orient_upright(points, np.concatenate(paths))
    middles = sum(points[corner] for corner in tets.T) / 4.0
    region = np.zeros(len(tets), np.int64) if region_of is None else region_of(middles)
    return Anatomy(points, tets, region, names, names)


def octant(radii_m: Array, inner: int) -> Anatomy:
    """An eighth of a ball in shells at ``radii_m`` (from 0); the first ``inner`` are the region "inside".

    A cubic grid whose cubes are blown up to spheres; its flat sides are planes of symmetry.
    """
    n = len(radii_m)
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    shell, length = grid.max(axis=1), np.maximum(np.linalg.norm(grid, axis=1), 1e-300)
    points = grid * (np.asarray(radii_m)[shell] / length)[:, None]
    number = np.arange(n**3).reshape(n, n, n)
    steps = np.array([n * n, n, 1])
    paths = [np.concatenate([[0], np.cumsum(steps[list(way)])]) for way in permutations(range(3))]
    tets = np.concatenate([number[:-1, :-1, :-1].reshape(-1, 1) + path for path in paths])
    tets = _orient_upright(points, tets)
    outside = (shell[tets].max(axis=1) > inner).astype(np.int64)
    return Anatomy(points, tets, outside, ("inside", "outside"), ("muscle", "muscle"))


def _orient_upright(points: Array, tets: IntArray) -> IntArray:
    """Elements of positive volume, turned in place where they were inverted."""
    for some in range(0, len(tets), AT_ONCE):
        part = tets[some : some + AT_ONCE]
        turned = np.linalg.det(points[part[:, 1:]] - points[part[:, :1]]) < 0
        part[turned] = part[turned][:, [0, 2, 1, 3]]
    return tets
