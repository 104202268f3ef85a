"""Machines from the tables of a TOML file: fields that were measured, and fields of coils and magnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...device import Device, device_from_dict
from ...device.fields.coils import Loop, Magnet, coil_selection, free_ball_m
from ...device.fields.selection import SelectionField
from .fieldmaps import read_field_map
from .transforms import read_transform, transform_m

FILES = ("to_device", "selection", "drive")
"""Keys that may name a file, beside the file that holds them."""
_TABLES = ("coils", "magnets", "drive_coils", "ball")


def device_of(values: Mapping[str, Any], folder: Path, where: str) -> Device:
    """A device from its keys, quantities in SI; files are looked for in ``folder``."""
    given = dict(values)
    for key, made in (
        ("to_device", _matrix(given.get("to_device"), folder, where)),
        ("selection", _field(given, "selection", folder, where)),
        ("drive", _field(given, "drive", folder, where)),
    ):
        if made is not None:
            given[key] = made
    if "position_range" in given:
        given["position_range"] = np.array(given["position_range"])
    _amplitude_of_coils(given)
    return device_from_dict({key: value for key, value in given.items() if key not in _TABLES}, where)


def _matrix(matrix: Any, folder: Path, where: str) -> Array | None:
    if isinstance(matrix, str):
        return read_transform(folder / matrix)
    return None if matrix is None else transform_m(matrix, f"{where}: device.to_device")


def _field(given: Mapping[str, Any], key: str, folder: Path, where: str) -> SelectionField | None:
    """The selection or drive field, from a map or from coils."""
    tables = ("drive_coils",) if key == "drive" else ("coils", "magnets")
    parts = [_part(part) for name in tables for part in given.get(name) or ()]
    if parts and given.get(key) is not None:
        raise InputError(f"{where}: {key} and {' or '.join(tables)}: expected one of them")
    if isinstance(given.get(key), str):
        return read_field_map(folder / given[key])
    return _of_parts(parts, given.get("ball"), where) if parts else given.get(key)


def _of_parts(parts: Sequence[Loop | Magnet], ball_m: float | None, where: str) -> SelectionField:
    try:
        return coil_selection(parts, ball_m=free_ball_m(parts) if ball_m is None else ball_m)
    except InputError as error:
        raise InputError([f"{where}: {text}" for text in error.complaints]) from error


def _part(table: Any) -> Loop | Magnet:
    if hasattr(table, "ampere_turns"):
        return Loop(table.center, table.axis, table.radius, table.ampere_turns)
    return Magnet(table.center, table.axis, table.radius, table.height, table.remanence)


def _amplitude_of_coils(given: dict[str, Any]) -> None:
    """A drive coil's own amplitude and axis at the machine's origin, where the file states none."""
    drive = given.get("drive")
    if not isinstance(drive, SelectionField):
        return
    middle = drive.field_t(np.zeros(3))[0]
    size = float(np.linalg.norm(middle))
    if given.get("drive_coils"):
        given.setdefault("amplitude", size)
    if size > 0.0 and "drive_axis" not in given:
        turn = np.asarray(given["to_device"])[:3, :3] if given.get("to_device") is not None else np.eye(3)
        given["drive_axis"] = tuple((middle / size @ turn).tolist())
