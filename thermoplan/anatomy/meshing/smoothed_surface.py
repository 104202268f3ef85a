"""The area of a mask's smoothed outline, by marching tetrahedra."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from scipy import ndimage

from ...base.arrays import Array

_REACH = 4.0


def smoothed_area_m2(mask: np.ndarray, affine_m: Array, sigma_voxels: float = 1.0) -> float:
    """Area of the surface where the Gaussian-smoothed mask is one half.

    Every cube of eight voxel centres is cut into six tetrahedra, in which the smoothed mask is taken as linear.
    """
    box = ndimage.find_objects(mask.view(np.uint8) if mask.dtype == bool else mask.astype(np.uint8))[0]
    padded = np.pad(mask[box].astype(np.float32), int(np.ceil(_REACH * sigma_voxels)) + 2)
    level = ndimage.gaussian_filter(padded, sigma_voxels, mode="constant", truncate=_REACH) - np.float32(0.5)
    corners = [
        level[tuple(slice(k, n - 1 + k) for k, n in zip(c, level.shape, strict=True))] for c in np.ndindex(2, 2, 2)
    ]
    low, high = corners[0].copy(), corners[0].copy()
    for corner in corners[1:]:
        np.minimum(low, corner, out=low)
        np.maximum(high, corner, out=high)
    cut = (low < 0.0) & (high >= 0.0)
    values = np.stack([corner[cut] for corner in corners], axis=1).astype(float)
    places = np.array(list(np.ndindex(2, 2, 2))) @ affine_m[:3, :3].T
    return sum(_cut_area(values[:, path], places[path]) for path in map(list, _kuhn()))


def _kuhn() -> list[tuple[int, int, int, int]]:
    """Corners (numbered 4 i + 2 j + k) of six tetrahedra round the diagonal of a cube."""
    steps = (4, 2, 1)
    return [(0, steps[a], steps[a] + steps[b], 7) for a, b, _ in permutations(range(3))]


def _cut_area(values: Array, places: Array) -> float:
    """Area where a linear function ``values (n, 4)`` at the corners ``places (4, 3)`` is zero, summed over n."""
    order = np.argsort(values, axis=1)
    v, p = np.take_along_axis(values, order, axis=1), places[order]
    below = (v < 0.0).sum(axis=1)

    def crossing(rows: np.ndarray, i: int, j: int) -> Array:
        a, b = v[rows, i], v[rows, j]
        result: Array = p[rows, i] + (a / (a - b))[:, None] * (p[rows, j] - p[rows, i])
        return result

    area = 0.0
    for count, edges in (
        (1, (((0, 1), (0, 2), (0, 3)),)),
        (3, (((0, 3), (1, 3), (2, 3)),)),
        (2, (((0, 2), (0, 3), (1, 3)), ((0, 2), (1, 3), (1, 2)))),
    ):
        rows = np.flatnonzero(below == count)
        for triangle in edges:
            a, b, c = (crossing(rows, i, j) for i, j in triangle)
            area += 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    return area
