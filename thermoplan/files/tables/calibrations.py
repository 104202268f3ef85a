"""Samples of known iron from CSV: what each holds, and its signal or its place in the image.

Iron: ``iron_ug``, or ``concentration_mg_ml`` or ``concentration_mmol_l`` with ``volume_ul``; 0 is a blank. Signal:
``signal`` (the sum over voxels of the image's size) or ``signal_mm3`` (mean times volume in mm3), with ``signal_sd`` in
the same unit where it is known; or ``x_mm,y_mm,z_mm,radius_mm``, a ball in the image's own frame (RAS) that holds all
of the sample's signal and no other. ``name`` is welcome.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from ...base.errors import InputError
from ...base.units import IRON_KG_MOL
from ...imaging.fiducials import Fiducial
from ..images.size_guard import existing
from .columns import number, read_rows

_UG = 1e-9  # kg
_UL = 1e-9  # m3
_MM = 1e-3  # m
_IRON = {"iron_ug": (), "concentration_mg_ml": ("volume_ul",), "concentration_mmol_l": ("volume_ul",)}
_SIGNAL = {"signal": (), "signal_mm3": (), "x_mm": ("y_mm", "z_mm", "radius_mm")}
_EXAMPLE = "name,iron_ug,signal or name,concentration_mg_ml,volume_ul,x_mm,y_mm,z_mm,radius_mm"


def read_fiducials(path: Path | str) -> tuple[Fiducial, ...]:
    """The samples of a calibration file; every complaint at once."""
    path = existing(path)
    names, rows = read_rows(path)
    iron, signal = _one_way(names, _IRON, path.name, "iron"), _one_way(names, _SIGNAL, path.name, "signal")
    if not rows:
        raise InputError(f"{path.name}: has no row; expected one a sample, with columns {_EXAMPLE}")
    wanted = [iron, *_IRON[iron], signal, *_SIGNAL[signal]]
    known_sd = "signal_sd" in names and signal != "x_mm"
    complaints = list(_faults(rows, [*wanted, *(["signal_sd"] if known_sd else [])], path.name))
    if complaints:
        raise InputError(complaints)
    found = tuple(_fiducial(row, count, (iron, signal), known_sd) for count, row in enumerate(rows, start=1))
    complaints = list(_repeated(found, path.name))
    if complaints:
        raise InputError(complaints)
    return found


def _one_way(names: list[str], ways: Mapping[str, tuple[str, ...]], where: str, what: str) -> str:
    given = [way for way in ways if way in names]
    if len(given) != 1:
        columns = ", ".join(names) or "no column"
        have = f"has {' and '.join(given)}" if given else f"says nothing of {what}: has {columns}"
        hint = "; columns are parted by commas here" if len(names) == 1 and ";" in names[0] else ""
        raise InputError(f"{where}: {have}; expected exactly one of {', '.join(ways)}, as in {_EXAMPLE}{hint}")
    missing = [name for name in ways[given[0]] if name not in names]
    if missing:
        raise InputError(f"{where}: has {given[0]} but no {', '.join(missing)}; expected {_EXAMPLE}")
    return given[0]


def _faults(rows: list[dict[str, str]], wanted: list[str], where: str) -> Iterator[str]:
    for count, row in enumerate(rows, start=1):
        for name in wanted:
            value, shown = number(row.get(name)), (row.get(name) or "").strip()
            said = f'{where}: row {count}, {name} = "{shown}"'
            if math.isnan(value):
                yield f"{said}: expected a number"
            elif name in _IRON and value < 0.0:
                yield f"{said}: expected iron of zero (a blank) or more"
            elif name in ("volume_ul", "radius_mm", "signal_sd") and value <= 0.0:
                yield f"{said}: expected more than zero"


def _fiducial(row: Mapping[str, str], count: int, ways: tuple[str, str], known_sd: bool) -> Fiducial:
    iron, signal = ways
    value = {key: number(text) for key, text in row.items() if isinstance(text, str)}
    amount = value[iron] * {"iron_ug": _UG, "concentration_mg_ml": 1.0, "concentration_mmol_l": IRON_KG_MOL}[iron]
    mass = amount if iron == "iron_ug" else amount * value["volume_ul"] * _UL
    name = (row.get("name") or "").strip() or str(count)
    if signal == "x_mm":
        x_m, y_m, z_m = (value[key] * _MM for key in ("x_mm", "y_mm", "z_mm"))
        return Fiducial(name, mass, (x_m, y_m, z_m), value["radius_mm"] * _MM)
    return Fiducial(
        name,
        mass,
        signal=value[signal],
        signal_sd=value["signal_sd"] if known_sd else math.nan,
        per_mm3=signal == "signal_mm3",
    )


def _repeated(found: tuple[Fiducial, ...], where: str) -> Iterator[str]:
    """Samples that are there twice: by name, by place, or row for row."""
    for (i, a), (j, b) in combinations(enumerate(found, start=1), 2):
        rows = f"{where}: rows {i} and {j}"
        if a.name == b.name:
            yield f'{rows}: name = "{a.name}": used twice; a sample counts once'
        elif a.center_m is not None and b.center_m is not None:
            if math.dist(a.center_m, b.center_m) < max(a.radius_m, b.radius_m):
                place = " ".join(f"{v / _MM:g}" for v in b.center_m)
                yield f"{rows}: the same sample twice: one lies within the radius of the other, at {place} mm"
        elif (a.iron_kg, a.signal) == (b.iron_kg, b.signal):
            yield f"{rows}: the same iron and the same signal: a sample given twice; leave one out"
