"""Where each region is, as a level in metres: about the distance to its border, positive inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy import ndimage, special

from ..arrays import Array, IntArray
from ..image import Image

_REACH = 4.0
_TAIL = 1e-5


class Levels(Protocol):
    """Regions 0 to ``count - 1``; the class ``count`` is everything outside the body."""

    count: int
    step_m: float

    def level_m(self, region: int, points_m: Array) -> Array: ...


@dataclass(slots=True)
class LabelLevels:
    """Levels of a labelled volume: the normal score of each Gaussian-smoothed indicator.

    A flat border smoothed with ``sigma`` has the indicator Phi(distance / sigma), so its normal score times
    ``sigma`` is the distance again, and sub-voxel. Rows of ``sigma_voxels`` are regions, then the body.
    """

    index: np.ndarray
    count: int
    affine_m: Array
    sigma_voxels: Array
    step_m: float = field(init=False)
    _fields: list[tuple[np.ndarray, Array]] = field(init=False)

    def __post_init__(self) -> None:
        spacing = np.linalg.norm(self.affine_m[:3, :3], axis=0)
        self.step_m = float(0.5 * spacing.min())
        boxes = ndimage.find_objects(self.index + 1, max_label=self.count)
        self._fields = [_field(self.index == r, box, self.sigma_voxels[r], spacing)
                        for r, box in enumerate(boxes)]
        whole = ndimage.find_objects((self.index >= 0).view(np.uint8))[0]
        self._fields.append(_field(self.index >= 0, whole, self.sigma_voxels[self.count], spacing))

    def level_m(self, region: int, points_m: Array) -> Array:
        values, origin = self._fields[region]
        index = (points_m - self.affine_m[:3, 3]) @ np.linalg.inv(self.affine_m[:3, :3]).T - origin
        far = float(values.flat[0])
        inside = ((index > 0) & (index < np.array(values.shape) - 1)).all(axis=1)
        levels = np.full(len(index), far)
        levels[inside] = ndimage.map_coordinates(values, index[inside].T, order=1, output=np.float64)
        return -levels if region == self.count else levels


def _field(mask: np.ndarray, box: tuple[slice, ...], sigma: Array, spacing: Array) -> tuple[np.ndarray, Array]:
    pad = np.ceil(_REACH * sigma).astype(int) + 2
    inner = np.pad(mask[box].astype(np.float32), [(p, p) for p in pad])
    smooth = ndimage.gaussian_filter(inner, sigma, mode="constant", truncate=_REACH)
    scale = float((sigma * spacing).mean())
    score = special.ndtri(np.clip(smooth, np.float32(_TAIL), np.float32(1 - _TAIL))) * np.float32(scale)
    return score, np.array([s.start for s in box]) - pad


@dataclass(frozen=True, slots=True)
class FunctionLevels:
    """Levels of painted shapes: a later shape covers an earlier one; the first is the body."""

    shapes: Sequence[Callable[[Array], Array]]
    step_m: float

    @property
    def count(self) -> int:
        return len(self.shapes)

    def level_m(self, region: int, points_m: Array) -> Array:
        if region == self.count:
            return -np.max([shape(points_m) for shape in self.shapes], axis=0)
        level = self.shapes[region](points_m)
        for cover in self.shapes[region + 1:]:
            level = np.minimum(level, -cover(points_m))
        return level


def winner(levels: Levels, offsets_m: Array, points_m: Array) -> IntArray:
    """Class ``(n,)`` whose level is highest at each point; ``count`` is outside."""
    best = levels.level_m(levels.count, points_m) + offsets_m[levels.count]
    label = np.full(len(points_m), levels.count)
    for region in range(levels.count):
        level = levels.level_m(region, points_m) + offsets_m[region]
        better = level > best
        best[better], label[better] = level[better], region
    return label


def with_gradient(levels: Levels, region: int, points_m: Array) -> tuple[Array, Array]:
    """Level ``(n,)`` and its gradient ``(n, 3)`` by central differences."""
    h = levels.step_m
    shifts = np.concatenate([h * np.eye(3), -h * np.eye(3)])
    around = levels.level_m(region, (points_m[:, None] + shifts).reshape(-1, 3)).reshape(-1, 6)
    return levels.level_m(region, points_m), (around[:, :3] - around[:, 3:]) / (2.0 * h)


def smoothed_area_m2(mask: np.ndarray, affine_m: Array, sigma_voxels: float = 1.0) -> float:
    """Area of a mask's smoothed border, by the coarea formula.

    The area of the surface where the smoothed indicator is 1/2 is the integral of |grad s| over a thin
    shell of values about 1/2, divided by the shell's width in values.
    """
    pad = int(np.ceil(4 * sigma_voxels)) + 2
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    s = ndimage.gaussian_filter(np.pad(mask[box].astype(np.float32), pad), sigma_voxels)
    gradient = np.stack(np.gradient(s), axis=-1) @ np.linalg.inv(affine_m[:3, :3]).astype(np.float32)
    length = np.linalg.norm(gradient, axis=-1)
    shell = (s > 0.3) & (s < 0.7)
    return float(length[shell].sum(dtype=np.float64) * abs(np.linalg.det(affine_m[:3, :3])) / 0.4)


def as_index(labels: Image, order: Sequence[int]) -> np.ndarray:
    """Region number per voxel, -1 where no label of ``order`` stands."""
    low, high = int(labels.data.min()), int(labels.data.max())
    table = np.full(high - low + 1, -1, np.int16)
    for region, label in enumerate(order):
        if low <= label <= high:
            table[label - low] = region
    return table[labels.data.astype(np.int64) - low]
