"""Point queries without a plan: one SLP, the size of a field-free region, the rows of the libraries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base.errors import InputError
from ..base.threads import one_thread
from ..device import Device
from ..power.ffr import ffr_profile, gradient_for_t_m
from ..power.heating_warnings import focus_remarks, model_warnings
from ..power.slp_point import slp_fields, slp_point, validity
from ..power.slp_uncertainty import width_spread_m
from ..protocol import read_protocol
from ..protocol.library import chosen_tracer, library_devices, library_tracers
from ..protocol.spans import value_in_span
from ..protocol.toml_tables import TracerTable
from ..tracer.magnetization import NAMES, VALIDITY
from ..tracer.relaxometry import Relaxometry
from ..tracer.tracer import Tracer, omega_tau
from .answer_types import DeviceRow, Ends, FfrAnswer, LibraryAnswer, ModelRow, RelaxometryColumns, SlpAnswer, TracerRow

_LESION_MM = 8.0
"""Lesion that off-target heating is told for, unless it is named: a flank tumour."""


def named_tracer(name: str) -> Tracer:
    """A tracer of the library, or of a TOML file."""
    path = Path(name)
    if path.suffix == ".toml":
        return chosen_tracer(TracerTable(file=path.name), path.parent, path.name)
    return chosen_tracer(TracerTable(name=name), Path(), "--tracer")


@one_thread
def slp_answer(
    tracer: str, *, amplitude: str, frequency: str, along: str = "0 mT", across: str = "0 mT", model: str | None = None
) -> SlpAnswer:
    """One point, solved directly; quantities as text. ``model`` is the tracer's own unless named."""
    chosen = named_tracer(tracer)
    fields = {
        "amplitude_t": value_in_span(amplitude, "drive or none", "--amplitude"),
        "frequency_hz": value_in_span(frequency, "frequency", "--frequency"),
        "along_t": value_in_span(along.strip().lstrip("-"), "bias", "--along"),
        "across_t": value_in_span(across.strip().lstrip("-"), "bias", "--across"),
    }
    if model is not None and model not in NAMES:
        raise InputError(f'--model = "{model}": expected one of {", ".join(NAMES)}')
    point = slp_point(chosen, **fields, model=model)
    return {
        "tracer": chosen.name,
        "model": model or chosen.model,
        "slp_w_per_g_fe": point.slp_w_kg * 1e-3,
        "energy_kt": point.energy_kt,
        "omega_tau": point.omega_tau,
        "valid": point.valid,
        "validity": validity(chosen, model),
        "warnings": list(point.warnings),
        "slp_source": chosen.slp_source,
        "effective": chosen.effective,
    }


@one_thread
def ffr_answer(protocol: Path, *, lesion: str | None = None) -> FfrAnswer:
    """Widths and profiles of a protocol's tracer on its machine; widths that nothing bounds are None."""
    read = read_protocol(protocol)
    tracer, device = read.tracer, read.device
    lesion_m = _LESION_MM * 1e-3 if lesion is None else value_in_span(lesion, "sphere", "--lesion")
    profile, slp = ffr_profile(tracer, device), slp_fields(tracer, device)
    off_along, off_across = profile.off_target(0.5 * lesion_m)
    wanted = _gradient(tracer, device, lesion_m)
    widths = [width for width in (profile.fwhm_along_m, profile.fwhm_across_m) if math.isfinite(width)]
    return {
        "tracer": tracer.name,
        "device": device.name,
        "gradient_t_m": device.gradient_t_m,
        "fwhm_along_mm": _mm(profile.fwhm_along_m),
        "fwhm_across_mm": _mm(profile.fwhm_across_m),
        "slp_w_per_g_fe": _w_per_g(slp["heating"]),
        "slp_imaging_w_per_g_fe": _w_per_g(slp["imaging"]),
        "lesion_mm": lesion_m * 1e3,
        "off_target_along": off_along,
        "off_target_across": off_across,
        "gradient_for_lesion_t_m": wanted,
        "omega_tau": omega_tau(tracer, device.frequency_hz),
        "widths_if_mm": {f"{lag:g}": [_mm(w) for w in pair] for lag, pair in width_spread_m(tracer, device).items()},
        "profile": {
            "position_mm": (profile.position_m * 1e3).tolist(),
            "along_w_per_g_fe": (profile.along_w_kg * 1e-3).tolist(),
            "across_w_per_g_fe": (profile.across_w_kg * 1e-3).tolist(),
        },
        "warnings": [
            *model_warnings(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz),
            *focus_remarks(device, widths_m=widths, gradient_t_m=wanted),
        ],
    }


def _w_per_g(slp_w_kg: float | None) -> float | None:
    return None if slp_w_kg is None else slp_w_kg * 1e-3


def _mm(width_m: float) -> float | None:
    return width_m * 1e3 if math.isfinite(width_m) else None


def _gradient(tracer: Tracer, device: Device, lesion_m: float) -> float | None:
    try:
        return gradient_for_t_m(tracer, device, lesion_m)
    except InputError:
        return None


def library_answer(what: str) -> LibraryAnswer:
    """The rows of a library: "tracers", "devices" or "models"."""
    if what not in _LIBRARIES:
        raise InputError(f'library "{what}": expected {", ".join(_LIBRARIES)}')
    return _LIBRARIES[what]()


def _tracer_rows() -> list[TracerRow]:
    return [
        {
            "name": name,
            "core_nm": [m.core_diameter_m * 1e9 for m in t.populations],
            "saturation_ka_m": t.saturation_magnetization_a_m * 1e-3,
            "omega_tau_354_khz": omega_tau(t, 354e3),
            "slp_13_mt_354_khz_w_per_g_fe": slp_point(t, amplitude_t=13e-3, frequency_hz=354e3).slp_w_kg * 1e-3,
            "model": t.model,
            "validity": validity(t),
            **_imaging(t),
            "fit": t.effective,
            "source": t.source,
        }
        for name, t in library_tracers().items()
    ]


def _imaging(tracer: Tracer) -> RelaxometryColumns:
    """Relaxometry of a tracer; None where it was not measured."""
    found = tracer.imaging or Relaxometry()
    return {
        "fwhm_mt": None if found.fwhm_t is None else found.fwhm_t * 1e3,
        "sensitivity": found.sensitivity,
        "sensitivity_unit": found.sensitivity_unit,
        "magnetic_nm": [d * 1e9 for d in found.magnetic_diameters_m],
        "diameter_nm": None if found.diameter_m is None else found.diameter_m * 1e9,
        "diameter_source": found.diameter_source,
        "instrument": found.instrument,
        "reference": found.reference,
        "imaging": str(found),
    }


def _model_rows() -> list[ModelRow]:
    return [{"name": name, "what": NAMES[name], "validity": VALIDITY[name]} for name in NAMES]


def _device_rows() -> list[DeviceRow]:
    return [
        {
            "name": name,
            "kind": d.kind,
            "gradient_t_m": d.gradient_t_m,
            "gradient_range_t_m": _ends(d.gradient_range_t_m),
            "amplitude_mt": d.amplitude_t * 1e3,
            "amplitude_range_mt": _ends(d.amplitude_range_t, 1e3),
            "frequency_khz": d.frequency_hz * 1e-3,
            "frequency_range_khz": _ends(d.frequency_range_hz, 1e-3),
            "drive_axis": d.drive_axis.tolist(),
            "line_axis": None if d.line_axis is None else d.line_axis.tolist(),
            "strong_axis": None if d.strong_axis is None else d.strong_axis.tolist(),
            "rotating": d.rotating,
            "position_range_mm": [_ends(axis, 1e3) for axis in d.position_range_m.tolist()],
            "slew_mm_s": _finite(d.slew_m_s * 1e3),
            "settle_s": d.settle_s,
            "min_dwell_s": d.min_dwell_s,
            "max_duty": d.max_duty,
            "moves_stage": d.moves_stage,
            "bore_radius_mm": None if d.bore_radius_m is None else d.bore_radius_m * 1e3,
            "source": d.source,
            "notes": dict(d.notes),
        }
        for name, d in library_devices().items()
    ]


def _ends(pair: Sequence[float], scale: float = 1.0) -> Ends:
    """Low and high end of a range; None where it has none."""
    return [_finite(value * scale) for value in pair]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_LIBRARIES: dict[str, Callable[[], LibraryAnswer]] = {
    "tracers": lambda: {"library": "tracers", "rows": _tracer_rows()},
    "devices": lambda: {"library": "devices", "rows": _device_rows()},
    "models": lambda: {"library": "models", "rows": _model_rows()},
}
