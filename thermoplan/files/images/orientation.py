"""Voxels at their place: values and affine of any format become an image, checked."""

from __future__ import annotations

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from .voxel_values import real_values

SHEAR = 1e-3
"""Cosine between two voxel axes above which they are not at right angles. Headers in single precision are off by
1e-7, those that hold three decimals by 5e-4; at twice this value a shear of 0.1 mm over 5 cm would pass unseen."""


def largest_cosine(affine: Array) -> float:
    """Largest cosine between two voxel axes: 0 where all are at right angles."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def place_voxels(data: AnyArray, affine: Array, name: str, *, allow_shear: bool = False, unit: str = "") -> Image:
    """Image of ``data`` in ``unit`` at its place, its axes checked for shear; complaints name the file.

    ``data`` is ``(i, j, k)``, ``affine (4, 4)`` from voxel indices to RAS+ metres.
    """
    try:
        image = Image(real_values(data, name), affine, unit)
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from problem
    if not allow_shear and largest_cosine(affine) > SHEAR:
        raise InputError(
            f"{name}: the voxel axes are not at right angles (shear): resample the image on a "
            "rectangular grid, or ask for it as it is (allow_shear = true, --allow-shear)"
        )
    return image
