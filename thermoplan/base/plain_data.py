"""Nested data as JSON can hold it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np


def plain[T](value: T) -> T:
    """``value`` with lists for arrays and tuples, and None for numbers that are not finite."""
    return cast(T, _plain(value))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def construct[Part](make: Callable[..., Part], keys: Mapping[str, object]) -> Part:
    """Part that ``make`` builds of keyword arguments whose names come from a table; their types were checked before."""
    return make(**keys)
