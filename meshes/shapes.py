"""Implicit shapes on a grid, in mm: positive inside, about the distance to the surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

Grid = tuple[np.ndarray, np.ndarray, np.ndarray]


def grid(low: Sequence[float], high: Sequence[float], voxel: float) -> Grid:
    """Voxel centres as three arrays that broadcast to ``(nx, ny, nz)``."""
    axes = [np.arange(a, b, voxel, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    return tuple(np.meshgrid(*axes, indexing="ij", sparse=True))


def ellipsoid(at: Grid, centre: Sequence[float], radii: Sequence[float]) -> np.ndarray:
    scaled = [(x - c) / r for x, c, r in zip(at, centre, radii, strict=True)]
    steep = [s / r for s, r in zip(scaled, radii, strict=True)]
    k0 = np.sqrt(sum(s * s for s in scaled))
    k1 = np.sqrt(sum(s * s for s in steep))
    return k0 * (1.0 - k0) / np.maximum(k1, 1e-9)


def capsule(at: Grid, a: Sequence[float], b: Sequence[float], ra: float, rb: float) -> np.ndarray:
    """A rod from ``a`` to ``b`` whose radius runs from ``ra`` to ``rb``, with round ends."""
    axis = np.subtract(b, a).astype(np.float32)
    along = sum((x - p) * d for x, p, d in zip(at, a, axis, strict=True)) / float(axis @ axis)
    t = np.clip(along, 0.0, 1.0)
    gap = sum((x - p - t * d) ** 2 for x, p, d in zip(at, a, axis, strict=True))
    return ra + (rb - ra) * t - np.sqrt(gap)


def chain(at: Grid, points: Sequence[Sequence[float]], radii: Sequence[float]) -> np.ndarray:
    """Capsules through the points, united."""
    parts = (capsule(at, points[k], points[k + 1], radii[k], radii[k + 1]) for k in range(len(points) - 1))
    return union(*parts)


def tube(at: Grid, points: Sequence[Sequence[float]], radius: float, pieces: int) -> np.ndarray:
    """A rod of one radius along a smooth curve through the points."""
    knots = np.asarray(points, float)
    curve = PchipInterpolator(np.arange(len(knots)), knots)(np.linspace(0, len(knots) - 1, pieces + 1))
    return chain(at, curve, [radius] * len(curve))


def trunk(at: Grid, stations: Sequence[Sequence[float]], power: float) -> np.ndarray:
    """A body along z: rows of (z, half width, half height, y of the middle), superelliptic in section."""
    x, y, z = at
    rows = np.asarray(stations, float)
    half = np.diff(rows[[0, -1], 0])[0] / 2.0
    half_width, half_height, middle = (
        PchipInterpolator(rows[:, 0], rows[:, k])(np.clip(z, rows[0, 0], rows[-1, 0])).astype(np.float32)
        for k in (1, 2, 3)
    )
    sum_ = (np.abs(x) / half_width) ** power + (np.abs(y - middle) / half_height) ** power
    inside = sum_ ** (1.0 / power)
    level = (1.0 - inside) * np.minimum(half_width, half_height)
    return np.minimum(level, half - np.abs(z - (rows[0, 0] + half)))


def union(*levels: np.ndarray) -> np.ndarray:
    total = levels[0]
    for level in levels[1:]:
        total = np.maximum(total, level)
    return total


def blend(*levels: np.ndarray, width: float) -> np.ndarray:
    """A union whose creases are rounded over ``width``."""
    total = levels[0]
    for level in levels[1:]:
        h = np.clip(0.5 + 0.5 * (total - level) / width, 0.0, 1.0)
        total = level + (total - level) * h + width * h * (1.0 - h)
    return total


def largest(level: np.ndarray, free: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` free voxels that lie deepest: a shape cut to a volume."""
    values = np.where(free, level, -np.inf)
    cut = np.partition(values.ravel(), values.size - count)[values.size - count]
    return values >= cut
