"""Level sets of the regions in metres: about the distance to the border, positive inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage, special

from ...base.arrays import Array, IntArray

_REACH = 4.0
_TAIL = 1e-5


class Levels(Protocol):
    """Regions 0 to ``count - 1``; the class ``count`` is everything outside the body.

    ``local`` turns metres into the coordinates ``(n, 3)`` that ``level_m`` takes; ``to_local (3, 3)`` is its
    slope, and ``step`` a small length in those coordinates.
    """

    @property
    def count(self) -> int: ...

    @property
    def step(self) -> float: ...

    @property
    def to_local(self) -> Array: ...

    def local(self, points_m: Array) -> Array: ...

    def level_m(self, region: int, local: Array) -> Array: ...


@dataclass(frozen=True, slots=True)
class LabelLevels:
    """Levels of a labelled volume: the normal score of each Gaussian-smoothed indicator.

    A flat border smoothed with ``sigma`` has the indicator Phi(distance / sigma), so its normal score times
    ``sigma`` is the distance again, and sub-voxel. ``grids`` has (values, first voxel) for each region, then
    for the body; None for a region that is not there. Local coordinates are voxels.
    """

    affine_m: Array
    grids: tuple[tuple[np.ndarray, Array] | None, ...]
    step: float = 0.5

    @property
    def count(self) -> int:
        return len(self.grids) - 1

    @property
    def to_local(self) -> Array:
        return np.linalg.inv(self.affine_m[:3, :3])

    def local(self, points_m: Array) -> Array:
        return (points_m - self.affine_m[:3, 3]) @ self.to_local.T

    def level_m(self, region: int, local: Array) -> Array:
        found = self.grids[region]
        if found is None:
            return np.full(len(local), -np.inf)
        values, origin = found
        levels = np.full(len(local), float(values.flat[0]))
        last = origin + np.array(values.shape) - 1
        inside = np.flatnonzero(((local > origin) & (local < last)).all(axis=1))
        place = (local[inside] - origin).T
        levels[inside] = ndimage.map_coordinates(values, place, order=1, output=np.float64)
        return -levels if region == self.count else levels

    def without(self, region: int, inner: np.ndarray, sigma_voxels: Array) -> LabelLevels:
        """The body ends where ``region`` begins; ``inner`` is the rest of the body."""
        body = _grid(inner, sigma_voxels, self.affine_m)
        grids = [None if r == region else grid for r, grid in enumerate(self.grids[:-1])]
        return LabelLevels(self.affine_m, (*grids, body), self.step)


def label_levels(index: np.ndarray, affine_m: Array, sigma_voxels: Array) -> LabelLevels:
    """Levels of ``index`` (region number per voxel, -1 outside); a row of sigmas per region, then the body's."""
    boxes = ndimage.find_objects(index + 1, max_label=len(sigma_voxels) - 1)
    grids = [_grid(index == r, sigma_voxels[r], affine_m, box) for r, box in enumerate(boxes)]
    return LabelLevels(affine_m, (*grids, _grid(index >= 0, sigma_voxels[-1], affine_m)))


def _grid(
    mask: np.ndarray, sigma: Array, affine_m: Array, box: tuple[slice, ...] | None = None
) -> tuple[np.ndarray, Array]:
    box = box or ndimage.find_objects(mask.view(np.uint8))[0]
    pad = np.ceil(_REACH * sigma).astype(int) + 2
    inner = np.pad(mask[box].astype(np.float32), [(p, p) for p in pad])
    smooth = ndimage.gaussian_filter(inner, sigma, mode="constant", truncate=_REACH)
    scale = float((sigma * np.linalg.norm(affine_m[:3, :3], axis=0)).mean())
    score = special.ndtri(np.clip(smooth, np.float32(_TAIL), np.float32(1 - _TAIL))) * np.float32(scale)
    return score, np.array([s.start for s in box]) - pad


@dataclass(frozen=True, slots=True)
class FunctionLevels:
    """Levels of painted shapes: a later shape covers an earlier one; the first is the body."""

    shapes: Sequence[Callable[[Array], Array]]
    step: float

    @property
    def count(self) -> int:
        return len(self.shapes)

    @property
    def to_local(self) -> Array:
        return np.eye(3)

    def local(self, points_m: Array) -> Array:
        return points_m

    def level_m(self, region: int, local: Array) -> Array:
        if region == self.count:
            highest: Array = np.max(np.array([shape(local) for shape in self.shapes]), axis=0)
            return -highest
        level = self.shapes[region](local)
        for cover in self.shapes[region + 1 :]:
            level = np.minimum(level, -cover(local))
        return level


def winner(levels: Levels, points_m: Array) -> IntArray:
    """Class ``(n,)`` whose level is highest at each point; ``count`` is outside."""
    local = levels.local(points_m)
    best, label = levels.level_m(levels.count, local), np.full(len(local), levels.count)
    for region in range(levels.count):
        level = levels.level_m(region, local)
        better = level > best
        best[better], label[better] = level[better], region
    return label


def with_gradient(levels: Levels, region: int, points_m: Array) -> tuple[Array, Array]:
    """Level ``(n,)`` and its gradient ``(n, 3)`` per metre, by central differences."""
    local, h = levels.local(points_m), levels.step
    shifts = np.concatenate([np.zeros((1, 3)), h * np.eye(3), -h * np.eye(3)])
    around = levels.level_m(region, (local[:, None] + shifts).reshape(-1, 3)).reshape(-1, 7)
    return around[:, 0], (around[:, 1:4] - around[:, 4:]) / (2.0 * h) @ levels.to_local
