"""Named points: CSV in RAS millimetres, and markups of 3D Slicer (.fcsv, .mrk.json) in the frame that they state."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.parsed_text import parse_json
from ...imaging.registration import Landmarks
from ..text.csv_rows import number, number_fault, parse_csv, read_csv, refuse_faults
from ..text.text_files import existing, read_text

SUFFIXES = (".csv", ".fcsv", ".json")
_POINT = ("x_mm", "y_mm", "z_mm")
_PAIR = tuple(f"{side}_{axis}" for side in ("moving", "fixed") for axis in _POINT)
_SIGNS = {"ras": (1, 1, 1), "0": (1, 1, 1), "lps": (-1, -1, 1), "1": (-1, -1, 1)}
_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_UNNAMED = re.compile(r",\d+,\d+\s*$")
_METRES = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "um": 1e-6}


def read_pairs(path: Path | str) -> Landmarks:
    """Paired landmarks from a CSV of ``name,moving_x_mm,...,fixed_z_mm``; a name may be left out."""
    table = read_csv(path)
    table.require(_PAIR, f"name,{','.join(_PAIR)} (RAS, mm), or two files of name,x_mm,y_mm,z_mm, one a frame")
    points = _points(table.rows, _PAIR, table.name)
    values = np.array(list(points.values())) * 1e-3
    return Landmarks(tuple(points), values[:, :3], values[:, 3:])


def read_both(moving: Path | str, fixed: Path | str, *, notes: list[str] | None = None) -> Landmarks:
    """Landmarks of two files, paired by name; names that only one of them has are noted."""
    one, other = read_points(moving, notes=notes), read_points(fixed, notes=notes)
    names = [name for name in one if name in other]
    first, second = Path(moving).name, Path(fixed).name
    if len(names) < 3:
        raise InputError(
            f"{first} and {second} share {len(names)} names ({_join_names(one)}; {_join_names(other)}); "
            "expected 3 or more: give each landmark the same name in both"
        )
    for file, points, there in ((first, one, other), (second, other, one)):
        lonely = [name for name in points if name not in there]
        if lonely and notes is not None:
            notes.append(f"{file}: {_join_names(lonely)} has no partner and is left out")
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
    table = read_csv(path)
    table.require(("name", *_POINT), f"name,{','.join(_POINT)} (RAS, mm)")
    return {name: values * 1e-3 for name, values in _points(table.rows, _POINT, path.name).items()}


def _fcsv(path: Path, notes: list[str]) -> dict[str, Array]:
    lines = read_text(path).split("\n")
    said = {
        key.strip("# ").lower(): value.strip()
        for key, found, value in (line.partition("=") for line in lines if line.startswith("#"))
        if found
    }
    frame = said.get("coordinatesystem")
    if frame is None:
        notes.append(f"{path.name}: states no CoordinateSystem; its points are taken as RAS")
    named = [{"name": row.get("label") or row.get("id", ""), **row} for row in _fcsv_rows(path.name, lines, said)]
    signs = _signs(frame or "RAS", path.name)
    return {name: signs * values * 1e-3 for name, values in _points(named, ("x", "y", "z"), path.name).items()}


def _fcsv_rows(name: str, lines: Sequence[str], said: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    """Rows under the columns that a comment names; Slicer 5 adds two whole numbers that it does not name."""
    columns = said.get("columns", _FCSV_COLUMNS)
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    if told and all(_UNNAMED.search(line) for line in told):
        columns += ",positionStatus,number"
    table = parse_csv("\n".join([columns, *told]), name)
    table.require(("x", "y", "z"), f"points of 3D Slicer, {_FCSV_COLUMNS}")
    return table.rows


def _markups(path: Path, notes: list[str]) -> dict[str, Array]:
    found = parse_json(read_text(path), path.name, "export the markups anew")
    try:
        lists = [part for part in found["markups"] if part.get("controlPoints")]
        if len(lists) != 1:
            raise InputError(
                f"{path.name}: holds {len(lists)} lists of points; expected one: export the landmarks alone"
            )
        signs, scale = _signs(str(lists[0].get("coordinateSystem", "LPS")), path.name), _scale(lists[0], path.name)
        rows = [
            {"name": str(point.get("label", "")), **dict(zip("xyz", map(str, point["position"]), strict=True))}
            for point in lists[0]["controlPoints"]
            if point.get("positionStatus", "defined") == "defined"
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InputError(f"{path.name}: cannot be read as markups of 3D Slicer (.mrk.json): {problem!r}") from problem
    return {name: signs * values * scale for name, values in _points(rows, ("x", "y", "z"), path.name).items()}


def _signs(frame: str, name: str) -> Array:
    if frame.lower() not in _SIGNS:
        raise InputError(f'{name}: coordinate system "{frame}": expected RAS or LPS')
    return np.array(_SIGNS[frame.lower()], float)


def _scale(markup: Mapping[str, object], name: str) -> float:
    unit = markup.get("coordinateUnits", "mm")
    unit = str(unit[0] if isinstance(unit, list) and unit else unit).strip("[]")
    if unit not in _METRES:
        raise InputError(f'{name}: coordinateUnits = "{unit}": expected mm')
    return _METRES[unit]


def _points(rows: Iterable[Mapping[str, str]], columns: Sequence[str], file: str) -> dict[str, Array]:
    """Name -> numbers; nameless rows are called by their number."""
    points: dict[str, Array] = {}
    complaints = []
    for count, row in enumerate(rows, start=1):
        where, name = f"{file}: row {count}", row.get("name", "").strip() or str(count)
        wrong = [column for column in columns if math.isnan(number(row[column]))]
        complaints += [number_fault(where, column, row[column], "a number (mm)") for column in wrong]
        if name in points:
            complaints.append(f'{where}, name = "{name}": used twice; expected a name of its own')
        points[name] = np.array([number(row[column]) for column in columns])
    refuse_faults(complaints, file)
    if not points:
        raise InputError(f"{file}: has no row; expected 3 or more landmarks")
    return points


def _join_names(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_READERS = {".csv": _own, ".fcsv": _fcsv, ".json": _markups}
