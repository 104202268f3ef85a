"""Machines from the tables of a TOML file: fields that were measured, and fields of coils and magnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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


def device_of(values: Mapping[str, object], folder: Path, where: str) -> Device:
    """A device from its keys, quantities in SI; files are looked for in ``folder``, coils and magnets are made."""
    given = dict(values)
    matrix = given.get("to_device")
    to_device = read_transform(folder / matrix) if isinstance(matrix, str) else _matrix(matrix, where)
    fields = {key: _field(given, key, folder, where) for key in ("selection", "drive")}
    for key, found in {"to_device": to_device, **fields}.items():
        if found is not None:
            given[key] = found
    if "position_range" in given:
        given["position_range"] = np.array(given["position_range"])
    _take_amplitude_of_coils(given, fields["drive"], to_device)
    return device_from_dict({key: value for key, value in given.items() if key not in _TABLES}, where)


def _matrix(rows: object, where: str) -> Array | None:
    return None if rows is None else transform_m(np.array(rows, float), f"{where}: device.to_device")


def _field(given: Mapping[str, object], key: str, folder: Path, where: str) -> SelectionField | None:
    """The selection or drive field, from a map or from coils."""
    tables = ("drive_coils",) if key == "drive" else ("coils", "magnets")
    parts = [part for name in tables for part in _parts(given.get(name))]
    named = given.get(key)
    if parts and named is not None:
        raise InputError(f"{where}: {key} and {' or '.join(tables)}: expected one of them")
    if isinstance(named, str):
        return read_field_map(folder / named)
    if parts:
        ball = given.get("ball")
        return _of_parts(parts, ball if isinstance(ball, float) else None, where)
    return named if isinstance(named, SelectionField) else None


def _parts(given: object) -> list[Loop | Magnet]:
    return [part for part in given if isinstance(part, Loop | Magnet)] if isinstance(given, list) else []


def _of_parts(parts: Sequence[Loop | Magnet], ball_m: float | None, where: str) -> SelectionField:
    try:
        return coil_selection(parts, ball_m=free_ball_m(parts) if ball_m is None else ball_m)
    except InputError as error:
        raise InputError([f"{where}: {text}" for text in error.complaints]) from error


def _take_amplitude_of_coils(given: dict[str, object], drive: SelectionField | None, to_device: Array | None) -> None:
    """A drive coil's own amplitude and axis at the machine's origin, where the file states none."""
    if drive is None:
        return
    middle = drive.field_t(np.zeros(3))[0]
    size = float(np.linalg.norm(middle))
    if given.get("drive_coils"):
        given.setdefault("amplitude", size)
    if size > 0.0 and "drive_axis" not in given:
        turn = np.eye(3) if to_device is None else to_device[:3, :3]
        given["drive_axis"] = tuple((middle / size @ turn).tolist())
