"""Named points: CSV in RAS millimetres, and markups of 3D Slicer (.fcsv, .mrk.json) in the frame that they state."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...imaging.registration import Landmarks
from ..images.size_guard import existing
from .columns import number

SUFFIXES = (".csv", ".fcsv", ".json")
_POINT = ("x_mm", "y_mm", "z_mm")
_PAIR = tuple(f"{side}_{axis}" for side in ("moving", "fixed") for axis in _POINT)
_SIGNS = {"ras": (1, 1, 1), "0": (1, 1, 1), "lps": (-1, -1, 1), "1": (-1, -1, 1)}
_METRES = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "um": 1e-6}


def read_pairs(path: Path | str) -> Landmarks:
    """Paired landmarks from a CSV of ``name,moving_x_mm,...,fixed_z_mm``; a name may be left out."""
    path = existing(path)
    header, rows = _csv(path)
    if not set(_PAIR) <= set(header):
        raise InputError(
            f"{path.name}: has columns {', '.join(header) or 'none'}; expected name,{','.join(_PAIR)} "
            "(RAS, mm), or two files of name,x_mm,y_mm,z_mm, one a frame"
        )
    points = _points(rows, _PAIR, path.name)
    values = np.array(list(points.values())) * 1e-3
    return Landmarks(tuple(points), values[:, :3], values[:, 3:])


def read_both(moving: Path | str, fixed: Path | str, *, notes: list[str] | None = None) -> Landmarks:
    """Landmarks of two files, paired by name; names that only one of them has are noted."""
    one, other = read_points(moving, notes=notes), read_points(fixed, notes=notes)
    names = [name for name in one if name in other]
    first, second = Path(moving).name, Path(fixed).name
    if len(names) < 3:
        raise InputError(
            f"{first} and {second} share {len(names)} names ({_listed(one)}; {_listed(other)}); "
            "expected 3 or more: give each landmark the same name in both"
        )
    for file, points, there in ((first, one, other), (second, other, one)):
        lonely = [name for name in points if name not in there]
        if lonely and notes is not None:
            notes.append(f"{file}: {_listed(lonely)} has no partner and is left out")
    return Landmarks(tuple(names), np.array([one[n] for n in names]), np.array([other[n] for n in names]))


def read_points(path: Path | str, *, notes: list[str] | None = None) -> dict[str, Array]:
    """Name -> RAS+ metres ``(3,)`` of ``.csv``, ``.fcsv`` or ``.mrk.json``."""
    path, notes = existing(path), notes if notes is not None else []
    kind = path.suffix.lower()
    if kind not in _READERS:
        raise InputError(f"{path.name}: of no known kind of landmarks; expected one of {', '.join(SUFFIXES)}")
    points = _READERS[kind](path, notes)
    if not points:
        raise InputError(f"{path.name}: holds no landmark; expected 3 or more named points")
    return points


def _own(path: Path, notes: list[str]) -> dict[str, Array]:
    header, rows = _csv(path)
    missing = [name for name in ("name", *_POINT) if name not in header]
    if missing:
        raise InputError(f"{path.name}: has no column {', '.join(missing)}; expected name,{','.join(_POINT)} (RAS, mm)")
    return {name: values * 1e-3 for name, values in _points(rows, _POINT, path.name).items()}


def _fcsv(path: Path, notes: list[str]) -> dict[str, Array]:
    said = {
        key.strip("# ").lower(): value.strip()
        for key, found, value in (line.partition("=") for line in _text(path).splitlines() if line.startswith("#"))
        if found
    }
    columns = said.get("columns", "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID").split(",")
    rows = list(csv.reader(line for line in _text(path).splitlines() if line.strip() and not line.startswith("#")))
    frame = said.get("coordinatesystem")
    if frame is None:
        notes.append(f"{path.name}: states no CoordinateSystem; its points are taken as RAS")
    entries = [dict(zip(columns, row, strict=False)) for row in rows]
    named = [{"name": entry.get("label") or entry.get("id", ""), **entry} for entry in entries]
    signs = _signs(frame or "RAS", path.name)
    return {name: signs * values * 1e-3 for name, values in _points(named, ("x", "y", "z"), path.name).items()}


def _markups(path: Path, notes: list[str]) -> dict[str, Array]:
    try:
        lists = [part for part in json.loads(_text(path))["markups"] if part.get("controlPoints")]
        if len(lists) != 1:
            raise InputError(
                f"{path.name}: holds {len(lists)} lists of points; expected one: export the landmarks alone"
            )
        signs, scale = _signs(str(lists[0].get("coordinateSystem", "LPS")), path.name), _scale(lists[0], path.name)
        rows = [
            {"name": point.get("label", ""), **dict(zip("xyz", map(str, point["position"]), strict=True))}
            for point in lists[0]["controlPoints"]
            if point.get("positionStatus", "defined") == "defined"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise InputError(f"{path.name}: cannot be read as markups of 3D Slicer (.mrk.json): {problem!r}") from problem
    return {name: signs * values * scale for name, values in _points(rows, ("x", "y", "z"), path.name).items()}


def _signs(frame: str, name: str) -> Array:
    if frame.lower() not in _SIGNS:
        raise InputError(f'{name}: coordinate system "{frame}": expected RAS or LPS')
    return np.array(_SIGNS[frame.lower()], float)


def _scale(markup: Mapping[str, Any], name: str) -> float:
    unit = markup.get("coordinateUnits", "mm")
    unit = str(unit[0] if isinstance(unit, list) and unit else unit).strip("[]")
    if unit not in _METRES:
        raise InputError(f'{name}: coordinateUnits = "{unit}": expected mm')
    return _METRES[unit]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(f"{path.name}: is no text: {problem}") from problem


def _csv(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    lines = [line for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]
    try:
        reader = csv.DictReader(lines, skipinitialspace=True)
        reader.fieldnames = header = [name.strip() for name in reader.fieldnames or []]
        return header, list(reader)
    except csv.Error as problem:
        raise InputError(f"{path.name}: cannot be read as CSV: {problem}") from problem


def _points(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], where: str) -> dict[str, Array]:
    """Name -> numbers; nameless rows are called by their number."""
    points: dict[str, Array] = {}
    complaints = []
    for count, row in enumerate(rows, start=1):
        name = (row.get("name") or "").strip() or str(count)
        for column in columns:
            if np.isnan(number(row.get(column))):
                complaints.append(
                    f'{where}: row {count}, {column} = "{(row.get(column) or "").strip()}": expected a number (mm)'
                )
        if name in points:
            complaints.append(f'{where}: row {count}, name = "{name}": used twice; expected a name of its own')
        points[name] = np.array([number(row.get(column)) for column in columns])
    if complaints or not points:
        raise InputError(complaints or f"{where}: has no row; expected 3 or more landmarks")
    return points


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_READERS = {".csv": _own, ".fcsv": _fcsv, ".json": _markups}
