"""Guard in front of a reader: the wanted part exists, and it fits in memory."""

from __future__ import annotations

import math

import numpy as np

from ..base.errors import InputError

LIMIT_BYTES = 4 * 2**30  # a 1024^3 image of single floats; more is refused before it is unpacked

_MOST_PACKED = 1100
"""Bytes that a packed one may become: deflate makes at most 1032 of it."""
_MOST_SHOWN = 10**30
"""Bytes above which a number says nothing more, and is no float in the end."""
_ALWAYS_BYTES = 2**26
"""Bytes that any file may become: blank images pack better than others, and this much harms nobody."""


def guard_size(name: str, shape: tuple[int, ...], dtype: np.dtype, limit_bytes: int) -> None:
    """Refuse, before unpacking, an image that would not fit."""
    size = math.prod(int(n) for n in shape) * np.dtype(dtype).itemsize
    if size > limit_bytes:
        raise InputError(
            f"{name}: unpacks to {_size_text(size)}, over the limit of {_size_text(limit_bytes)}: crop or resample it"
        )


def guard_stored_size(name: str, shape: tuple[int, ...], dtype: np.dtype, stored_bytes: int) -> None:
    """Refuse values that the bytes of a file cannot hold: a header that says more than there is fills memory."""
    size = math.prod(int(n) for n in shape) * np.dtype(dtype).itemsize
    if size > _ALWAYS_BYTES + _MOST_PACKED * stored_bytes:
        raise InputError(
            f"{name}: says that it unpacks to {_size_text(size)}, of {_size_text(stored_bytes)} in the file: it may be "
            "damaged, or cut short: save it anew"
        )


def _size_text(size: int) -> str:
    if size > _MOST_SHOWN:
        return "more than any memory"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


def choose_one(count: int, wanted: int | None, what: str, name: str) -> int:
    """Which of ``count`` frames or channels, from 0; of several one must be asked for, since each is a part alone."""
    if wanted is None and count > 1:
        raise InputError(
            f"{name}: has {count} {what}s; expected one image: say which, from 1 ([iron] {what} = 1, --{what} 1), or "
            f"write it to a file of its own first (thermoplan convert --{what} 1)"
        )
    wanted = 0 if wanted is None else wanted
    if not 0 <= wanted < count:
        raise InputError(f"{name}: has {count} {what}{'s' * (count != 1)}, not a number {wanted + 1}")
    return wanted
