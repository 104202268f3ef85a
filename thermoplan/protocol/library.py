"""Tracers and devices from TOML: the package's libraries, files of one's own, and a protocol's overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import InputError
from ..device import Device
from ..files.tables.machine_toml import FILES, device_of
from ..files.tables.slptables import read_slp_table
from ..imaging.psf import fit_core
from ..tracer.fitting import calibrate_efficiency
from ..tracer.measured_slp import TISSUE_FACTOR, MeasuredSlp
from ..tracer.relaxometry import Relaxometry
from ..tracer.tracer import Tracer, tracer_from_dict
from .complaints import read_toml, suggestion, validated
from .toml_tables import DeviceFile, DeviceKeys, MeasuredSlpTable, Table, TracerFile, TracerKeys

_RELAXES = {"hydrodynamic_diameter", "viscosity", "anisotropy", "tau0"}
_SIZES = {"core_diameter", "core_sigma", "fwhm"}
_IMAGING = {"fwhm": "fwhm_t", "diameter": "diameter_m", "magnetic_diameters": "magnetic_diameters_m"}
_PLACE = ("name", "file", "pose", "heater_shift", "heater_shift_noticed")
"""Keys of a protocol's device that say which machine it is and how the animal lies in it."""
_FILES = (*FILES, "table")


@cache
def library_tracers() -> Mapping[str, Tracer]:
    """Every tracer that the package ships, by name."""
    return {
        name: _tracer(_checked(TracerFile, raw, "tracers.toml"), name, "tracers.toml")
        for name, raw in _entries("tracers.toml").items()
    }


@cache
def library_devices() -> Mapping[str, Device]:
    """Every device that the package ships, by name."""
    return {
        name: _device(_checked(DeviceFile, raw, "devices.toml"), name, Path(), "devices.toml")
        for name, raw in _entries("devices.toml").items()
    }


def chosen_tracer(table: TracerKeys, folder: Path, where: str) -> Tracer:
    """The tracer that a protocol names or points to, with the protocol's own values on top.

    A measured SLP sets its heating efficiency.
    """
    base, name = _base(table, folder, where, "tracer", "tracers.toml", TracerFile)
    own = {key: value for key, value in _set(table).items() if key not in ("name", "file", "measured_slp")}
    if own.keys() & _SIZES and "population" not in own:
        base.pop("population", None)
    for key, other in (("fwhm", "core_diameter"), ("core_diameter", "fwhm"), ("population", "fwhm")):
        if key in own:
            base.pop(other, None)
    if own.keys() & _RELAXES and "relaxation_time" not in own:
        base.pop("relaxation_time", None)
    tracer = _tracer(base | own, name, where, folder)
    measured = table.measured_slp or base.get("measured_slp") or ()
    given = [_measured(m, where) for m in (measured if isinstance(measured, tuple) else (measured,))]
    return _named(lambda: calibrate_efficiency(tracer, given), where) if given else tracer


def chosen_device(table: DeviceKeys, folder: Path, where: str, notes: list[str]) -> Device:
    """The device that a protocol names or points to, with the protocol's own values on top.

    A value outside the machine's range is taken at its word, and noted.
    """
    base, name = _base(table, folder, where, "device", "devices.toml", DeviceFile)
    own = {key: value for key, value in _set(table).items() if key not in _PLACE}
    device = _device(_widened(base, own, name, notes) | own, name, folder, where)
    shift = getattr(table, "heater_shift", None)
    return device if shift is None else device.displaced(shift)


def _widened(base: dict[str, Any], own: dict[str, Any], name: str, notes: list[str]) -> dict[str, Any]:
    ranges = {}
    for key, scale, unit in (("gradient", 1.0, "T/m"), ("amplitude", 1e3, "mT"), ("frequency", 1e-3, "kHz")):
        low, high = base.get(f"{key}_range", (-np.inf, np.inf))
        value = own.get(key, low)
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            ranges[f"{key}_range"] = min(low, value), max(high, value)
            notes.append(
                f"device.{key} = {value * scale:g} {unit} is outside what {name} is known to do, "
                f"{low * scale:g} to {high * scale:g} {unit}; the protocol's value is taken"
            )
    return base | ranges


def _base(
    table: Any, folder: Path, where: str, what: str, library: str, model: type[Table]
) -> tuple[dict[str, Any], str]:
    if table.file is not None:
        path = folder / table.file
        raw = read_toml(path)[1]
        given = _set(_checked(model, raw, path.name))
        beside = {key: str((path.parent / given[key]).absolute()) for key in _FILES if isinstance(given.get(key), str)}
        return given | beside, str(raw.get("name", path.stem))
    entries = _entries(library)
    if table.name not in entries:
        raise InputError(
            f'{where}: {what}.name = "{table.name}": not in the library; '
            f"{suggestion(str(table.name), entries)}; or give file = ..."
        )
    return _set(_checked(model, entries[table.name], library)), str(table.name)


@cache
def _entries(name: str) -> dict[str, dict[str, Any]]:
    text = files("thermoplan.data").joinpath(name).read_text(encoding="utf-8")
    return {key: value for key, value in tomllib.loads(text).items() if isinstance(value, dict)}


def _checked(model: type[Table], raw: Mapping[str, Any], where: str) -> Any:
    filled, complaints = validated(model, raw, where)
    if filled is None:
        raise InputError(complaints)
    return filled


def _set(table: Table | dict[str, Any]) -> dict[str, Any]:
    """The keys that were written, values in SI."""
    if isinstance(table, dict):
        return dict(table)
    return {key: getattr(table, key) for key in table.model_fields_set}


def _tracer(values: Table | dict[str, Any], name: str, where: str, folder: Path = Path()) -> Tracer:
    given = {"name": name, **_set(values)}
    if isinstance(given.get("table"), str):
        given["table"] = read_slp_table(folder / given["table"])
        given.setdefault("model", "table")
    if given.get("population"):
        given["population"] = [_set(mode) for mode in given["population"]]
    if given.get("imaging") is not None:
        found = {_IMAGING.get(key, key): value for key, value in _set(given["imaging"]).items()}
        given["imaging"] = _named(lambda: Relaxometry(**found), f"{where}: tracer {name}")
    if given.get("fwhm") is not None:
        given |= _sized(given, where)
    return _named(lambda: tracer_from_dict(given | {"name": name}, where), where)


def _sized(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The core that a measured width stands for, and the word that it is a fit."""
    twice = [key for key in ("core_diameter", "population") if given.get(key) is not None]
    if twice:
        raise InputError(
            f"{where}: tracer {given['name']}: has fwhm and {twice[0]}; expected one of the two, since a "
            "core is fitted to fwhm"
        )
    physics = {"core_sigma": given.get("core_sigma") or 0.0}
    if "saturation_magnetization" in given:
        physics["saturation_magnetization_a_m"] = given["saturation_magnetization"]
    fit = _named(lambda: fit_core(given["fwhm"], **physics), where)
    words = [str(fit), *filter(None, [given.get("effective")])]
    return {"core_diameter": fit.core_diameter_m, "effective": "; ".join(words)}


def _measured(table: MeasuredSlpTable, where: str) -> MeasuredSlp:
    factor = TISSUE_FACTOR if table.tissue_factor is None else table.tissue_factor
    fields = table.value, table.basis, table.medium, table.amplitude, table.frequency, factor
    more = table.source or "protocol", table.along or 0.0, table.across or 0.0, table.relative_error
    return _named(lambda: MeasuredSlp(*fields, *more), where)


def _device(values: Table | dict[str, Any], name: str, folder: Path, where: str) -> Device:
    given = {key: value for key, value in _set(values).items() if key != "schema_"} | {"name": name}
    return _named(lambda: device_of(given, folder, where), where)


def _named[Part](make: Callable[[], Part], where: str) -> Part:
    """Result of ``make``; complaints that do not name the file get its name."""
    try:
        return make()
    except InputError as error:
        raise InputError([c if c.startswith(where) else f"{where}: {c}" for c in error.complaints]) from error
