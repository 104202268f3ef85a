"""Samples of known iron from CSV: what each holds, and its signal or its place in the image.

Iron: ``iron_ug``, or ``concentration_mg_ml`` or ``concentration_mmol_l`` with ``volume_ul``; 0 is a blank. Signal:
``signal`` (the sum over voxels of the image's size) or ``signal_mm3`` (mean times volume in mm3), with ``signal_sd`` in
the same unit where it is known; or ``x_mm,y_mm,z_mm,radius_mm``, a ball in the image's own frame (RAS) that holds all
of the sample's signal and no other. ``name`` is welcome.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from ...base.errors import InputError
from ...base.units import IRON_KG_MOL
from ...imaging.fiducials import Fiducial
from ..text.csv_rows import number, number_fault, read_csv, refuse_faults

_UG = 1e-9  # kg
_UL = 1e-9  # m3
_MM = 1e-3  # m
_IRON = {"iron_ug": (), "concentration_mg_ml": ("volume_ul",), "concentration_mmol_l": ("volume_ul",)}
_SIGNAL = {"signal": (), "signal_mm3": (), "x_mm": ("y_mm", "z_mm", "radius_mm")}
_EXAMPLE = "name,iron_ug,signal or name,concentration_mg_ml,volume_ul,x_mm,y_mm,z_mm,radius_mm"


def read_fiducials(path: Path | str) -> tuple[Fiducial, ...]:
    """The samples of a calibration file; every complaint at once."""
    table = read_csv(path)
    names, rows, where = table.columns, table.rows, table.name
    iron, signal = _one_way(names, _IRON, where, "iron"), _one_way(names, _SIGNAL, where, "signal")
    if not rows:
        raise InputError(f"{where}: has no row; expected one a sample, with columns {_EXAMPLE}")
    wanted = [iron, *_IRON[iron], signal, *_SIGNAL[signal]]
    known_sd = "signal_sd" in names and signal != "x_mm"
    refuse_faults(list(_faults(rows, [*wanted, *(["signal_sd"] if known_sd else [])], where)), where)
    found = tuple(_fiducial(row, count, (iron, signal), known_sd) for count, row in enumerate(rows, start=1))
    refuse_faults(list(_repetitions(found, where)), where)
    return found


def _one_way(names: Sequence[str], ways: Mapping[str, tuple[str, ...]], where: str, what: str) -> str:
    given = [way for way in ways if way in names]
    if len(given) != 1:
        columns = ", ".join(names) or "no column"
        have = f"has {' and '.join(given)}" if given else f"says nothing of {what}: has {columns}"
        raise InputError(f"{where}: {have}; expected exactly one of {', '.join(ways)}, as in {_EXAMPLE}")
    missing = [name for name in ways[given[0]] if name not in names]
    if missing:
        raise InputError(f"{where}: has {given[0]} but no {', '.join(missing)}; expected {_EXAMPLE}")
    return given[0]


def _faults(rows: Sequence[Mapping[str, str]], wanted: Sequence[str], where: str) -> Iterator[str]:
    for count, row in enumerate(rows, start=1):
        for name in wanted:
            value = number(row[name])
            said = f'{where}: row {count}, {name} = "{row[name].strip()}"'
            if math.isnan(value):
                yield number_fault(f"{where}: row {count}", name, row[name])
            elif name in _IRON and value < 0.0:
                yield f"{said}: expected iron of zero (a blank) or more"
            elif name in ("volume_ul", "radius_mm", "signal_sd") and value <= 0.0:
                yield f"{said}: expected more than zero"


def _fiducial(row: Mapping[str, str], count: int, ways: tuple[str, str], known_sd: bool) -> Fiducial:
    iron, signal = ways
    value = {key: number(text) for key, text in row.items()}
    amount = value[iron] * {"iron_ug": _UG, "concentration_mg_ml": 1.0, "concentration_mmol_l": IRON_KG_MOL}[iron]
    mass = amount if iron == "iron_ug" else amount * value["volume_ul"] * _UL
    name = row.get("name", "").strip() or str(count)
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


def _repetitions(found: tuple[Fiducial, ...], where: str) -> Iterator[str]:
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
