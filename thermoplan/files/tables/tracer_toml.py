"""A tracer as a TOML file that `[tracer] file` reads back, and the line that states a measured SLP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...base.errors import InputError
from ...tracer.measured_slp import TISSUE_FACTOR, MeasuredSlp
from ...tracer.relaxometry import Relaxometry
from ...tracer.tracer import Population, Tracer

_QUANTITIES = (
    ("saturation_magnetization", "saturation_magnetization_a_m", 1e-3, "kA/m"),
    ("density", "density_kg_m3", 1.0, "kg/m^3"),
    ("temperature", "temperature_c", 1.0, "degC"),
    ("relaxation_time", "relaxation_time_s", 1e6, "us"),
    ("hydrodynamic_diameter", "hydrodynamic_diameter_m", 1e9, "nm"),
    ("viscosity", "viscosity_pa_s", 1e3, "mPa*s"),
    ("anisotropy", "anisotropy_j_m3", 1e-3, "kJ/m^3"),
    ("tau0", "tau0_s", 1e9, "ns"),
)
_SIZES = (
    ("core_diameter", "core_diameter_m", 1e9, "nm"),
    ("hydrodynamic_diameter", "hydrodynamic_diameter_m", 1e9, "nm"),
    ("relaxation_time", "relaxation_time_s", 1e6, "us"),
)


def measured_toml(measured: MeasuredSlp) -> str:
    """A measured SLP as the inline table that a protocol or a tracer file takes."""
    m = measured
    parts = [f"tracer = {json.dumps(m.tracer, ensure_ascii=False)}"] if m.tracer else []
    parts += [
        f'value = "{m.value_w_kg / 1e3:.5g} W/g"',
        f'basis = "{m.basis}"',
        f'medium = "{m.medium}"',
        f'amplitude = "{m.amplitude_t * 1e3:.6g} mT"',
        f'frequency = "{m.frequency_hz / 1e3:.6g} kHz"',
    ]
    parts += [
        f'{key} = "{abs(value) * 1e3:.6g} mT"' for key, value in (("along", m.along_t), ("across", m.across_t)) if value
    ]
    if m.medium == "water" and m.tissue_factor != TISSUE_FACTOR:
        parts.append(f"tissue_factor = {m.tissue_factor:.6g}")
    if m.relative_error is not None:
        parts.append(f"relative_error = {m.relative_error:.3g}")
    if m.extrapolate:
        parts.append("extrapolate = true")
    if m.source != "protocol":
        parts.append(f"source = {json.dumps(m.source)}")
    return f"{{ {', '.join(parts)} }}"


def tracer_toml(tracer: Tracer, comments: Sequence[str] = ()) -> str:
    """The text of a tracer file; ``comments`` open it."""
    return "\n".join([*(f"# {text}" for text in comments), *_lines(tracer), ""])


def write_tracer(path: Path, tracer: Tracer, comments: Sequence[str] = ()) -> None:
    """Write a new tracer file; one that is there is refused."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(tracer_toml(tracer, comments))
    except FileExistsError:
        raise InputError(f"{path}: is there already; choose another name with -o") from None
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem.strerror}; choose another place with -o") from problem


def _lines(tracer: Tracer) -> Iterator[str]:
    yield "schema = 1"
    yield f"name = {json.dumps(tracer.name)}"
    (first, *more) = tracer.populations
    if not more:
        yield from _mode(first)
    for key, field, scale, unit in _QUANTITIES:
        value = getattr(tracer, field)
        if value is not None and (more or not _own(first, field)):
            yield f'{key} = "{value * scale:.9g} {unit}"'
    yield f"iron_fraction = {tracer.iron_fraction:.9g}"
    yield f'model = "{tracer.model}"'
    if tracer.calibration is None:
        yield f"heating_efficiency = {tracer.heating_efficiency:.9g}"
    else:
        yield "measured_slp = ["
        yield from (f"    {measured_toml(replace(m, tracer=''))}," for m in tracer.calibration.measured)
        yield "]"
    for key in ("effective", "source"):
        if getattr(tracer, key):
            yield f"{key} = {json.dumps(getattr(tracer, key), ensure_ascii=False)}"
    for mode in tracer.populations if more else ():
        yield "[[population]]"
        yield f"fraction = {mode.fraction:.9g}"
        yield from _mode(mode)
    if tracer.imaging is not None:
        yield from _imaging(tracer.imaging)


def _mode(mode: Population) -> Iterator[str]:
    """A size mode's keys; of a single one they are the tracer's own."""
    for key, field, scale, unit in _SIZES:
        value = getattr(mode, field)
        if value is not None:
            yield f'{key} = "{value * scale:.9g} {unit}"'
    if mode.sigma:
        yield f"core_sigma = {mode.sigma:.9g}"


def _imaging(row: Relaxometry) -> Iterator[str]:
    """Imaging table of the tracer; sizes and widths are those of the tracer that the fit started from."""
    yield "[imaging]"
    for key, value, scale, unit in (("fwhm", row.fwhm_t, 1e3, "mT"), ("diameter", row.diameter_m, 1e9, "nm")):
        if value is not None:
            yield f'{key} = "{value * scale:.9g} {unit}"'
    if row.sensitivity is not None:
        yield f"sensitivity = {row.sensitivity:.9g}"
    if row.magnetic_diameters_m:
        sizes = ", ".join(f'"{d * 1e9:.9g} nm"' for d in row.magnetic_diameters_m)
        yield f"magnetic_diameters = [{sizes}]"
    for key in ("sensitivity_unit", "diameter_source", "instrument", "reference"):
        if getattr(row, key):
            yield f"{key} = {json.dumps(getattr(row, key), ensure_ascii=False)}"


def _own(mode: Population, field: str) -> bool:
    return getattr(mode, field, None) is not None
