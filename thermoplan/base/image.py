"""An image: values on voxels, and where the voxels lie (RAS+ metres, voxel centres)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .arrays import AnyArray, Array, finite, freeze, put
from .errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Values on a voxel grid.

    Parameters
    ----------
    data
        ``(nx, ny, nz)``; any real or integer type, made read-only.
    affine_m
        ``(4, 4)``; voxel index (centre) to RAS+ metres.
    unit
        Unit of the values in the words of the file that they come from; empty where it states none.
    """

    data: AnyArray
    affine_m: Array
    unit: str = ""

    def __post_init__(self) -> None:
        data, affine = np.asarray(self.data), finite(self.affine_m, "affine")
        if data.ndim != 3 or 0 in data.shape:
            raise InputError(f"image: expected three axes, none empty, got shape {data.shape}")
        if affine.shape != (4, 4) or abs(np.linalg.det(affine[:3, :3])) < 1e-18:
            raise InputError("image: the affine is singular: a voxel has no volume")
        put(self, data=freeze(data, data.dtype), affine_m=affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        nx, ny, nz = self.data.shape
        return nx, ny, nz

    @property
    def spacing_m(self) -> Array:
        """Voxel edge lengths ``(3,)``."""
        return np.linalg.norm(self.affine_m[:3, :3], axis=0)

    @property
    def voxel_volume_m3(self) -> float:
        return float(abs(np.linalg.det(self.affine_m[:3, :3])))

    def positions_m(self, index: ArrayLike) -> Array:
        """RAS+ metres ``(..., 3)`` of (fractional) voxel indices ``(..., 3)``."""
        return np.asarray(index) @ self.affine_m[:3, :3].T + self.affine_m[:3, 3]

    def indices(self, points_m: Array) -> Array:
        """Fractional voxel indices ``(..., 3)`` of points in RAS+ metres."""
        return (np.asarray(points_m) - self.affine_m[:3, 3]) @ np.linalg.inv(self.affine_m[:3, :3]).T

    def sampled(self, points_m: Array, *, order: int = 1, outside: float = 0.0) -> AnyArray:
        """Values at points ``(n, 3)``; order 0 keeps labels, order 1 is trilinear.

        A voxel reaches half its width beyond its centre, at the border too; order 1 fades to ``outside`` within
        one voxel beyond the outermost centres, so that no part of a border voxel's integral is lost.
        """
        index = self.indices(points_m).T
        dtype = self.data.dtype if order == 0 else np.float64
        result: AnyArray = ndimage.map_coordinates(
            self.data.astype(dtype, copy=False), index, order=order, mode="grid-constant", cval=outside
        )
        return result

    def integral(self) -> float:
        """Sum of values times voxel volume."""
        return float(self.data.sum(dtype=np.float64)) * self.voxel_volume_m3

    def moved(self, transform: Array) -> Image:
        """The same values after a ``(4, 4)`` transform in metres has moved the image."""
        return Image(self.data, np.asarray(transform) @ self.affine_m, self.unit)

    def with_data(self, data: AnyArray) -> Image:
        """Other values, of no stated unit, on the same voxels."""
        return Image(data, self.affine_m)
