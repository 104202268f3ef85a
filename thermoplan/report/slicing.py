"""Nodal fields on three orthogonal planes through a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array

WINDOW_M = 0.045
PLANES = (("coronal", 0, 2, 1), ("sagittal", 1, 2, 0), ("axial", 0, 1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A regular grid in a plane: which body axes run right and up, and which is fixed.

    ``right_m`` (w,) and ``up_m`` (h,) are the coordinates of its columns and rows, ``level_m`` that of the
    fixed axis; ``cell`` (h, w) is the element at each grid point, -1 outside, ``weights`` (h, w, 4) its
    barycentric coordinates.
    """

    name: str
    axes: tuple[int, int, int]
    right_m: Array
    up_m: Array
    level_m: float
    cell: NDArray[np.int64]
    weights: Array

    def values(self, anatomy: Anatomy, nodal: Array) -> Array:
        """A nodal field ``(n,)`` on the grid ``(h, w)``, NaN outside the body."""
        inside = self.cell >= 0
        out = np.full(self.cell.shape, np.nan)
        out[inside] = (nodal[anatomy.tets[self.cell[inside]]] * self.weights[inside]).sum(axis=1)
        return out

    def region(self, anatomy: Anatomy) -> NDArray[np.int64]:
        """Region number ``(h, w)``, -1 outside."""
        return np.where(self.cell >= 0, anatomy.region[self.cell], -1)


def planes(anatomy: Anatomy, through_m: Array, *, size: int = 220) -> tuple[Plane, ...]:
    """Coronal, sagittal and axial planes through a point; ``size`` grid points along the longest side."""
    low, high = window(anatomy, np.asarray(through_m, float))
    step = float((high - low).max()) / (size - 1)
    ticks = [np.arange(a, b + step / 2, step) for a, b in zip(low, high, strict=True)]
    corner = anatomy.points_m[anatomy.tets]
    low_m, high_m = corner.min(axis=1), corner.max(axis=1)
    made = []
    for name, right, up, fixed in PLANES:
        level = float(through_m[fixed])
        grid = _grid(ticks, through_m, (right, up, fixed))
        crossed = np.flatnonzero((low_m[:, fixed] <= level) & (high_m[:, fixed] >= level))
        cell, weights = anatomy.located(grid.reshape(-1, 3), cells=crossed)
        shape = grid.shape[:2]
        cell, weights = cell.reshape(shape), weights.reshape(*shape, 4)
        made.append(Plane(name, (right, up, fixed), ticks[right], ticks[up], level, cell, weights))
    return tuple(made)


def window(anatomy: Anatomy, through: Array) -> tuple[Array, Array]:
    """Corners of the part to show: the whole body where it is small, else a window about the point."""
    low, high = anatomy.points_m.min(axis=0), anatomy.points_m.max(axis=0)
    half = np.minimum(high - low, np.maximum(WINDOW_M, 0.4 * (high - low))) / 2.0
    middle = np.clip(through, low + half, high - half)
    return middle - 1.04 * half, middle + 1.04 * half


def _grid(ticks: list[Array], through: Array, axes: tuple[int, int, int]) -> Array:
    right, up, fixed = axes
    grid = np.empty((len(ticks[up]), len(ticks[right]), 3))
    grid[..., right], grid[..., up], grid[..., fixed] = ticks[right], ticks[up][:, None], through[fixed]
    return grid
