"""Measured selection fields: points and field vectors, in the machine's frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...device.fields.selection import SelectionField, selection_field
from ..isolated.hdf5_content import Hdf5Content, read_hdf5
from ..text.text_files import existing
from .columns import read_columns

_COLUMNS = ("x_mm", "y_mm", "z_mm", "bx_mT", "by_mT", "bz_mT")
_FARTHEST_M = 100.0
"""Farthest point of a map, of our choice: a scanner and its room; ten times as far passes millimetres for metres."""
_NEAREST_M = 1e-6
"""Extent of a map at least, of our choice: no probe measures closer; a map in kilometres is no larger."""
_STRONGEST_T = 1000.0
"""Strongest field, of our choice: ten times what any magnet holds."""
_CANNOT = "cannot be read as a field map (HDF5), it may be cut short"


def read_field_map(path: Path | str, *, degree: int = 4) -> SelectionField:
    """A field fitted to measured points, from HDF5 or CSV.

    HDF5 holds ``positions`` (n, 3) in m and ``fields`` (n, 3) in T, and may hold ``positionsCenter``; a table
    has the columns ``x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT``.
    """
    path = existing(path)
    points, fields, center = _table(path) if path.suffix.lower() == ".csv" else _hdf5(path)
    for values, most, words in ((points, _FARTHEST_M, "positions in m"), (fields, _STRONGEST_T, "fields in T")):
        if not np.abs(values).max(initial=0.0) <= most:  # which a NaN is not either
            raise InputError(f"{path.name}: {words}: expected numbers up to {most:g}: check units, write it anew")
    if len(points) > 1 and (reach := float(np.ptp(points, axis=0).max())) < _NEAREST_M:
        raise InputError(
            f"{path.name}: positions within {reach:g} m of each other: expected metres (millimetres in CSV)"
        )
    try:
        return selection_field(points, fields, center_m=center, degree=degree)
    except InputError as problem:
        raise InputError([f"{path.name}: {words}" for words in problem.complaints]) from problem
    except np.linalg.LinAlgError as problem:
        raise InputError(f"{path.name}: no field fits its numbers: check units, write it anew") from problem


def _hdf5(path: Path) -> tuple[Array, Array, Array | None]:
    content = read_hdf5(path, _CANNOT, large=("positions", "fields", "positionsCenter"))
    missing = [key for key in ("positions", "fields") if key not in content]
    if missing:
        raise InputError(f"{path.name}: has no {' and no '.join(missing)}; it holds {', '.join(content.names)}")
    fields, center, points = (_numbers(content, key, path.name) for key in ("fields", "positionsCenter", "positions"))
    if fields.ndim == 3:
        if len(fields) != 1:
            raise InputError(f"{path.name}: holds {len(fields)} fields; expected one")
        fields = fields[0]
    return points, fields, center if "positionsCenter" in content else None


def _numbers(content: Hdf5Content, key: str, name: str) -> Array:
    values = content.array(key)
    if values is None and key in content:
        raise InputError(f"{name}: {key} holds {content.kind(key)}; expected numbers")
    return np.zeros(0) if values is None else values.astype(float)


def _table(path: Path) -> tuple[Array, Array, None]:
    found = read_columns(path, _COLUMNS)
    values = np.stack([found[name] for name in _COLUMNS], axis=1) * 1e-3
    return values[:, :3], values[:, 3:], None
