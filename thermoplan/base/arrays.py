"""Read-only arrays, checked once when a dataclass is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .errors import InputError

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.floating[Any]]
"""Floats of one of the widths that a computation may have."""
AnyArray = NDArray[Any]
"""Values of an image or a file in whatever number type they have there."""


def freeze(values: ArrayLike, dtype: DTypeLike = np.float64) -> AnyArray:
    """A read-only, contiguous copy-on-need of ``values``."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def finite(values: ArrayLike, what: str) -> Array:
    """``values`` as a frozen float array; refuses NaN and infinity, naming ``what``."""
    array = freeze(values)
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{what}: not finite at {first}")
    return array


def unit(vector: ArrayLike, what: str = "direction") -> Array:
    """``vector`` (3,) scaled to length one."""
    v = finite(vector, what)
    length = float(np.linalg.norm(v))
    if v.shape != (3,) or length == 0.0:
        raise InputError(f"{what}: expected three numbers that are not all zero, got {vector!s}")
    return freeze(v / length)


def put(obj: object, **values: object) -> None:
    """Set fields of a frozen dataclass while it is being made."""
    for name, value in values.items():
        object.__setattr__(obj, name, value)
