"""Tracers and devices from TOML: the package's libraries, files of one's own, and a protocol's overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Container, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from ..base.plain_data import construct
from ..device import Device
from ..device.fields.coils import Loop, Magnet
from ..files.tables.machine_toml import FILES, device_of
from ..files.tables.slptables import read_slp_table
from ..imaging.psf import fit_core
from ..tracer.fitting import calibrate_efficiency
from ..tracer.measured_slp import TISSUE_FACTOR, MeasuredSlp
from ..tracer.relaxometry import Relaxometry
from ..tracer.tracer import Tracer, tracer_from_dict
from .complaints import read_toml, suggestion, validate_table
from .library_tables import DeviceFile, DeviceKeys, LoopTable, MeasuredSlpTable, Table, TracerFile, TracerKeys
from .toml_tables import DeviceTable, TracerTable

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
        name: _tracer(_check(TracerFile, raw, "tracers.toml"), name, "tracers.toml")
        for name, raw in _entries("tracers.toml").items()
    }


@cache
def library_devices() -> Mapping[str, Device]:
    """Every device that the package ships, by name."""
    return {
        name: _device(_check(DeviceFile, raw, "devices.toml"), name, Path(), "devices.toml")
        for name, raw in _entries("devices.toml").items()
    }


def chosen_tracer(table: TracerTable, folder: Path, where: str) -> Tracer:
    """The tracer that a protocol names or points to, with the protocol's own values on top.

    A measured SLP sets its heating efficiency.
    """
    base, name = _base(table, folder, where, "tracer", "tracers.toml", TracerFile)
    own = _given_keys(table, but=("name", "file", "measured_slp"))
    dropped = {"population"} if own.keys() & _SIZES and "population" not in own else set()
    for key, other in (("fwhm", "core_diameter"), ("core_diameter", "fwhm"), ("population", "fwhm")):
        dropped |= {other} if key in own else set()
    dropped |= {"relaxation_time"} if own.keys() & _RELAXES else set()
    tracer = _tracer(base.model_copy(update=dict.fromkeys(dropped) | own), name, where, folder)
    measured = table.measured_slp or base.measured_slp or ()
    given = [_measured_slp(m, where, name) for m in (measured if isinstance(measured, tuple) else (measured,))]
    return _name_errors(lambda: calibrate_efficiency(tracer, given), where) if given else tracer


def chosen_device(table: DeviceTable, folder: Path, where: str, notes: list[str]) -> Device:
    """The device that a protocol names or points to, with the protocol's own values on top.

    A value outside the machine's range is taken at its word, and noted.
    """
    base, name = _base(table, folder, where, "device", "devices.toml", DeviceFile)
    changed = base.model_copy(update=_widened_ranges(base, table, name, notes) | _given_keys(table, but=_PLACE))
    device = _device(changed, name, folder, where)
    return device if table.heater_shift is None else device.displaced(table.heater_shift)


def _widened_ranges(base: DeviceKeys, own: DeviceKeys, name: str, notes: list[str]) -> dict[str, tuple[float, float]]:
    """Ranges of the machine that the protocol's own values leave, widened to hold them."""
    ranges = {}
    for key, span, value, scale, unit in (
        ("gradient", base.gradient_range, own.gradient, 1.0, "T/m"),
        ("amplitude", base.amplitude_range, own.amplitude, 1e3, "mT"),
        ("frequency", base.frequency_range, own.frequency, 1e-3, "kHz"),
    ):
        low, high = span or (-np.inf, np.inf)
        if value is not None and not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            ranges[f"{key}_range"] = min(low, value), max(high, value)
            notes.append(
                f"device.{key} = {value * scale:g} {unit} is outside what {name} is known to do, "
                f"{low * scale:g} to {high * scale:g} {unit}; the protocol's value is taken"
            )
    return ranges


def _base[Entry: (TracerFile, DeviceFile)](
    table: TracerTable | DeviceTable, folder: Path, where: str, what: str, library: str, model: type[Entry]
) -> tuple[Entry, str]:
    if table.file is not None:
        path = folder / table.file
        raw = read_toml(path)[1]
        given = _check(model, raw, path.name)
        beside = {
            key: str((path.parent / file).absolute())
            for key, file in _given_keys(given).items()
            if key in _FILES and isinstance(file, str)
        }
        return given.model_copy(update=beside), str(raw.get("name", path.stem))
    entries = _entries(library)
    if table.name not in entries:
        raise InputError(
            f'{where}: {what}.name = "{table.name}": not in the library; '
            f"{suggestion(str(table.name), entries)}; or give file = ..."
        )
    return _check(model, entries[table.name], library), str(table.name)


@cache
def _entries(name: str) -> dict[str, dict[str, object]]:
    text = files("thermoplan.data").joinpath(name).read_text(encoding="utf-8")
    return {key: value for key, value in tomllib.loads(text).items() if isinstance(value, dict)}


def _check[Entry: Table](model: type[Entry], raw: Mapping[str, object], where: str) -> Entry:
    filled, complaints = validate_table(model, raw, where)
    if filled is None:
        raise InputError(complaints)
    return filled


def _given_keys(table: Table, *, but: Container[str] = ()) -> dict[str, object]:
    """The keys that were written, values in SI; TOML knows no null, and no model a default."""
    return {key: value for key, value in table if value is not None and key not in but}


def _tracer(table: TracerKeys, name: str, where: str, folder: Path = Path()) -> Tracer:
    given = _given_keys(table) | {"name": name}
    if table.table is not None:
        given["table"] = read_slp_table(folder / table.table)
        given.setdefault("model", "table")
    if table.population:
        given["population"] = [_given_keys(mode) for mode in table.population]
    if (imaging := table.imaging) is not None:
        found = {_IMAGING.get(key, key): value for key, value in _given_keys(imaging).items()}
        given["imaging"] = _name_errors(lambda: construct(Relaxometry, found), f"{where}: tracer {name}")
    if table.fwhm is not None:
        given |= _fitted_core(table, table.fwhm, f"{where}: tracer {name}", where)
    return _name_errors(lambda: tracer_from_dict(given, where), where)


def _fitted_core(table: TracerKeys, fwhm_t: float, named: str, where: str) -> dict[str, object]:
    """The core that a measured width stands for, and the word that it is a fit."""
    twice = [key for key in ("core_diameter", "population") if getattr(table, key) is not None]
    if twice:
        raise InputError(f"{named}: has fwhm and {twice[0]}; expected one of the two, since a core is fitted to fwhm")
    saturation = table.saturation_magnetization
    physics = {} if saturation is None else {"saturation_magnetization_a_m": saturation}
    fit = _name_errors(lambda: fit_core(fwhm_t, core_sigma=table.core_sigma or 0.0, **physics), where)
    words = [str(fit), *filter(None, [table.effective])]
    return {"core_diameter": fit.core_diameter_m, "effective": "; ".join(words)}


def _measured_slp(table: MeasuredSlpTable, where: str, name: str) -> MeasuredSlp:
    """A measurement of the tracer ``name``, which it may name itself."""
    if table.tracer is not None and not same_tracer(table.tracer, name):
        raise InputError(
            f'{where}: tracer.measured_slp.tracer = "{table.tracer}": was measured of another tracer than the '
            f'protocol\'s, "{name}": give an SLP of {name}, or leave it out '
            "(--set tracer.measured_slp= on the command line)"
        )
    factor = TISSUE_FACTOR if table.tissue_factor is None else table.tissue_factor
    fields = table.value, table.basis, table.medium, table.amplitude, table.frequency, factor
    more = table.source or "protocol", table.along or 0.0, table.across or 0.0, table.relative_error
    return _name_errors(lambda: MeasuredSlp(*fields, *more, name, table.extrapolate is True), where)


def same_tracer(name: str, other: str) -> bool:
    """True for two spellings of one name, such as "Synomag-D" and "synomag d"."""
    plain, other_plain = ("".join(filter(str.isalnum, text.casefold())) for text in (name, other))
    return plain == other_plain


def _device(table: DeviceKeys, name: str, folder: Path, where: str) -> Device:
    given = _given_keys(table, but=("schema_",)) | {"name": name}
    return _name_errors(lambda: device_of(given | _coils(table), folder, where), where)


def _loop(row: LoopTable) -> Loop:
    return Loop(row.center, row.axis, row.radius, row.ampere_turns)


def _coils(table: DeviceKeys) -> dict[str, list[Loop | Magnet]]:
    """Coils and magnets that a machine's fields are made of."""
    loops = {"coils": table.coils or (), "drive_coils": table.drive_coils or ()}
    return {
        **{key: [_loop(row) for row in rows] for key, rows in loops.items()},
        "magnets": [Magnet(m.center, m.axis, m.radius, m.height, m.remanence) for m in table.magnets or ()],
    }


def _name_errors[Part](make: Callable[[], Part], where: str) -> Part:
    """Result of ``make``; complaints that do not name the file get its name."""
    try:
        return make()
    except InputError as error:
        raise InputError([c if c.startswith(where) else f"{where}: {c}" for c in error.complaints]) from error
