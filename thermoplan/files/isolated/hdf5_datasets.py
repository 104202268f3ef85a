"""Datasets of an HDF5 file, read in the isolated process: HDF5 loops and crashes on some damaged files.

A file that reads from another one is refused, whatever is wanted of it: values of a local file would become values of
an image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from ...base.errors import InputError
from ..size_guard import guard_size, guard_stored_size
from .resource_limits import limit_resources

if TYPE_CHECKING:
    from .isolated_server import Parts

_MOST_NAMES = 1000
"""Entries of a group at most that a wildcard stands for."""
_MOST_SMALL = 100_000
"""Numbers or words of an entry that describes a scan; more are left out."""
_LONGEST_WORD = 10_000
_MANY = "/*/"


def read_datasets(
    path: Path,
    *,
    large: Sequence[str],
    small: Sequence[str],
    limit_bytes: int,
    picked: tuple[str, int, int] | None = None,
) -> Parts:
    """Datasets by their keys; one part of a key may be ``*``.

    Each comes as ``shape KEY`` and, where it holds numbers or words, ``value KEY``. ``large`` ones are refused above
    ``limit_bytes``, ``small`` ones left out above ``_MOST_SMALL``. Of the dataset ``picked[0]``, if it has three axes,
    only ``[picked[1], :, picked[2]]`` is read.
    """
    with h5py.File(path, "r") as file:
        refuse_foreign(file, path.name)
        found: Parts = {"names": [str(name) for name in list(file)[:_MOST_NAMES]]}
        wanted = [(key, entry) for name in large for key, entry in _entries(file, name)]
        total = sum(_guard_entry(entry, f"{path.name}: /{key}", limit_bytes, key, picked) for key, entry in wanted)
        limit_resources(3 * (total + path.stat().st_size), total + path.stat().st_size)
        for key, entry in wanted:
            found |= _parts(key, entry, picked)
        for key, entry in [pair for name in small for pair in _entries(file, name)]:
            found |= _parts(key, entry, None, most=_MOST_SMALL)
        return found


def refuse_foreign(file: h5py.File, name: str) -> None:
    """Refuse a file with external links, external storage or virtual datasets, which read from other files."""
    foreign: list[str] = []

    def look(key: str | bytes, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            foreign.append(f"{_word(key)} is a link to another file")
        elif (
            isinstance(link, h5py.HardLink)
            and isinstance(entry := file[key], h5py.Dataset)
            and (entry.external or entry.is_virtual)
        ):
            foreign.append(f"{_word(key)} keeps its values in another file")

    file.visititems_links(look)
    if foreign:
        raise InputError(f"{name}: /{foreign[0]}, which is not opened: save all values in one file (h5repack)")


def _entries(file: h5py.File, name: str) -> Iterator[tuple[str, object]]:
    """Keys and entries that a name stands for; none where it is not there."""
    home, many, key = name.partition(_MANY)
    if not many:
        if name in file:
            yield name, file[name]
        return
    group = file.get(home)
    for part in list(group)[:_MOST_NAMES] if isinstance(group, h5py.Group) else ():
        yield from _entries(file, f"{home}/{part}/{key}")


def _guard_entry(entry: object, where: str, limit_bytes: int, key: str, picked: tuple[str, int, int] | None) -> int:
    """Bytes that will be read of an entry, and of its largest chunk; refused where they would not fit."""
    if not isinstance(entry, h5py.Dataset) or entry.shape is None:
        return 0
    one: tuple[int, ...] = entry.shape[1:2] if picked and key == picked[0] and len(entry.shape) == 3 else entry.shape
    guard_size(where, one, entry.dtype, limit_bytes)
    guard_stored_size(where, one, entry.dtype, entry.id.get_storage_size())
    if entry.chunks is None:
        return math.prod(one) * int(entry.dtype.itemsize)
    name, _, tail = where.rpartition(": ")
    guard_size(f"{name}: one chunk of {tail}", entry.chunks, entry.dtype, limit_bytes)
    guard_stored_size(f"{name}: one chunk of {tail}", entry.chunks, entry.dtype, entry.id.get_storage_size())
    return (math.prod(one) + math.prod(map(int, entry.chunks))) * int(entry.dtype.itemsize)


def _parts(key: str, entry: object, picked: tuple[str, int, int] | None, most: int | None = None) -> Parts:
    if not isinstance(entry, h5py.Dataset) or entry.shape is None:
        return {f"shape {key}": None}
    parts: Parts = {f"shape {key}": list(entry.shape), f"type {key}": str(entry.dtype)}
    if most is not None and not 0 < entry.size <= most:
        return parts
    if entry.dtype.kind in "biuf":
        index: tuple[object, ...] = ()
        if picked and key == picked[0] and len(entry.shape) == 3:
            if not (0 <= picked[1] < entry.shape[0] and 0 <= picked[2] < entry.shape[2]):
                return parts
            index = (picked[1], slice(None), picked[2])
        parts[f"value {key}"] = np.asarray(entry[index])
    elif entry.dtype.kind in "SO" and most is not None:
        parts[f"value {key}"] = [_word(value) for value in np.ravel(np.asarray(entry[()], dtype=object))]
    return parts


def _word(value: object) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[:_LONGEST_WORD]
