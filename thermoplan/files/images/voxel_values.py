"""Values of voxels: real numbers in this machine's order of bytes, and labels as whole numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...base.arrays import AnyArray, IntArray
from ...base.errors import InputError
from ...base.image import Image

_ROUNDED = 1e-4
"""Distance from a whole number that scaling and resampling to nearest leave in a label; an image has any."""
_LAST_DIGITS = 4.0
"""Last digits of a float that may be wrong after scaling."""
_MOST_ROUNDED = 0.4
"""Distance from a whole number at most, however large the label."""


def real_values(data: AnyArray, name: str) -> AnyArray:
    """``data`` as native real or integer numbers."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise InputError(f"{name}: holds {data.dtype}; expected one real number per voxel")
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def as_labels(image: Image, name: str, known: Iterable[int] = ()) -> Image:
    """The same image with whole numbers; floats are rounded, and refused where they lie between whole numbers.

    A float that holds too few digits for a label stands for the one of ``known`` labels that it is the rounding of.
    """
    data = image.data
    if data.dtype.kind in "iu":
        return image
    whole = np.rint(np.nan_to_num(data, nan=0.5, posinf=0.5, neginf=0.5).astype(np.float64))
    slack = np.maximum(_ROUNDED, _LAST_DIGITS * float(np.finfo(data.dtype).eps) * np.abs(whole))
    wrong = ~(np.abs(data - whole) <= np.minimum(slack, _MOST_ROUNDED))
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name}: {int(wrong.sum())} voxels are not whole numbers, "
            f"first {first} = {data[first]}: expected a label volume"
        )
    labels = whole.astype(np.int64)
    digits = 2 ** np.finfo(data.dtype).nmant
    if np.abs(labels).max() > digits:
        labels = _known_labels(labels, data.dtype, [label for label in known if abs(label) > digits], name)
    return image.with_data(labels)


def _known_labels(labels: IntArray, dtype: np.dtype[np.generic], known: list[int], name: str) -> IntArray:
    """Labels that their type has rounded, as the label of the table that rounds to the same."""
    rounded: dict[int, int] = {}
    for label in known:
        if (other := rounded.setdefault(int(dtype.type(label)), label)) != label:
            raise InputError(
                f"{name}: its {dtype} cannot tell label {other} from {label}: save it with whole numbers (int32)"
            )
    values, inverse = np.unique(labels, return_inverse=True)
    return np.array([rounded.get(int(value), int(value)) for value in values])[inverse].reshape(labels.shape)
