"""Files of several arrays (``.npz``), counted before they are unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np

from .arrays import AnyArray

_MOST_PACKED = 1100
"""Bytes that a packed one may become: deflate makes at most 1032 of it."""


def stored_array(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type that the header of an array states; objects, which are code, are refused."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"is of NumPy's format {version[0]}.{version[1]}")
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("holds objects, not numbers")
    return shape, dtype


def stored_arrays(path: Path) -> Iterator[tuple[str, tuple[int, ...], np.dtype[np.generic], int]]:
    """Name, shape, type and packed bytes of each array of a file."""
    with ZipFile(path) as packed:
        for entry in packed.infolist():
            with packed.open(entry) as stream:
                yield entry.filename.removesuffix(".npy"), *stored_array(stream), entry.compress_size


def load_arrays(path: Path) -> dict[str, AnyArray]:
    """All arrays of a file, which states no more than its bytes can hold.

    Raises one of `base.cache.DAMAGED` where it is damaged.
    """
    for name, shape, dtype, packed_bytes in stored_arrays(path):
        if int(np.prod(shape, dtype=object)) * dtype.itemsize > _MOST_PACKED * packed_bytes:
            raise ValueError(f"{name} says more than the file holds")
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
