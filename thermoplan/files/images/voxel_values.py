"""Values of voxels: real numbers in this machine's order of bytes, and labels as whole numbers."""

from __future__ import annotations

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from ...base.image import Image


def real_values(data: AnyArray, name: str) -> AnyArray:
    """``data`` as native real or integer numbers."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise InputError(f"{name}: holds {data.dtype}; expected one real number per voxel")
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def as_labels(image: Image, name: str) -> Image:
    """The same image with whole numbers, refused when a label is not one."""
    if image.data.dtype.kind in "iu":
        return image
    whole = np.rint(np.nan_to_num(image.data, nan=0.5, posinf=0.5, neginf=0.5))
    wrong = image.data != whole
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name}: {int(wrong.sum())} voxels are not whole numbers, "
            f"first {first} = {image.data[first]}: expected a label volume"
        )
    return image.with_data(whole.astype(np.int32))
