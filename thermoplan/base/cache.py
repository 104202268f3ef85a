"""Disk cache of arrays that are dear to compute, each under a name made from its inputs."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .array_files import load_arrays
from .arrays import Array

DAMAGED = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    TypeError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What NumPy and zipfile raise for a file of arrays of which bytes were lost or changed."""


def cache_folder() -> Path:
    """``$THERMOPLAN_CACHE``, else ``thermoplan`` in the user's cache."""
    stated = os.environ.get("THERMOPLAN_CACHE")
    if stated:
        return Path(stated)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thermoplan"


def content_digest(text: str, arrays: Iterable[NDArray[np.generic]] = ()) -> str:
    """A key, of a text and of arrays with their shapes and types."""
    found = hashlib.sha256(text.encode())
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()[:32]


def load_cached(name: str) -> dict[str, Array] | None:
    """Arrays under a name; None where there are none, or where the file is damaged."""
    file = cache_folder() / f"{name}.npz"
    try:
        found = load_arrays(file)
        os.utime(file)
    except DAMAGED:
        return None
    return found


def is_cached(name: str) -> bool:
    """True if there is a file under a name, damaged or not."""
    return (cache_folder() / f"{name}.npz").is_file()


def store_cached(name: str, arrays: Mapping[str, Array | float]) -> None:
    """Save beside and rename: no reader sees half a file. A folder that cannot be written is no error."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache_folder(), suffix=".tmp", delete=False) as out:
            np.savez(out, allow_pickle=False, **arrays)
        os.replace(out.name, cache_folder() / f"{name}.npz")
    except OSError:
        pass


def evict(pattern: str, most_bytes: float) -> None:
    """Of the files that fit a pattern, remove those that were not used for longest, until the rest fit."""
    try:
        files = [(file.stat(), file) for file in cache_folder().glob(f"{pattern}.npz")]
        files.sort(key=lambda item: item[0].st_mtime_ns, reverse=True)
        total = np.cumsum([stat.st_size for stat, _ in files])
        for (_, file), upto in zip(files, total, strict=True):
            if upto > most_bytes:
                file.unlink(missing_ok=True)
    except OSError:
        pass
