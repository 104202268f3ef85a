"""Content of an HDF5 file: shapes, numbers and words of the datasets that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray, Array
from ..size_guard import LIMIT_BYTES
from .isolation import read_isolated


@dataclass(frozen=True, slots=True, eq=False)
class Hdf5Content:
    """Entries by key; one that is a group, or too large to be kept, is there without a value."""

    names: tuple[str, ...]
    parts: Mapping[str, object]

    def __contains__(self, key: str) -> bool:
        return f"shape {key}" in self.parts

    def entries(self) -> tuple[str, ...]:
        """Keys of all entries, in the order in which they were asked for."""
        return tuple(part.removeprefix("shape ") for part in self.parts if part.startswith("shape "))

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Shape of a dataset; None of a group, and of what is not there."""
        shape = self.parts.get(f"shape {key}")
        return tuple(shape) if isinstance(shape, list) else None

    def kind(self, key: str) -> str:
        """Name of a dataset's type, for messages."""
        return str(self.parts.get(f"type {key}", "nothing"))

    def array(self, key: str) -> AnyArray | None:
        """Values of a dataset of numbers, in its shape."""
        value = self.parts.get(f"value {key}")
        return value if isinstance(value, np.ndarray) else None

    def numbers(self, key: str, count: int | None = None) -> Array | None:
        """A dataset's numbers, flat; None where it is not there, or not of this count."""
        value = self.array(key)
        values = None if value is None else value.astype(float).ravel()
        return values if values is not None and count in (None, values.size) else None

    def text(self, key: str) -> str:
        """A string dataset; of several strings those that differ, joined."""
        value = self.parts.get(f"value {key}")
        words = value.ravel().tolist() if isinstance(value, np.ndarray) else value
        return ", ".join(dict.fromkeys(map(str, words))) if isinstance(words, list) else ""


def read_hdf5(
    path: Path,
    cannot: str,
    *,
    large: Sequence[str] = (),
    small: Sequence[str] = (),
    picked: tuple[str, int, int] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Hdf5Content:
    """Read datasets in the isolated process; ``cannot`` opens the complaint about a file that is damaged.

    ``large`` ones are refused above ``limit_bytes``, ``small`` ones left out where they are long. Of the dataset
    ``picked[0]`` with three axes only ``[picked[1], :, picked[2]]`` is read.
    """
    arguments = {"large": list(large), "small": list(small), "picked": picked, "limit_bytes": limit_bytes}
    parts = read_isolated("hdf5_datasets:read_datasets", path, arguments, cannot)
    names = parts.pop("names", [])
    return Hdf5Content(tuple(map(str, names)) if isinstance(names, list) else (), parts)
