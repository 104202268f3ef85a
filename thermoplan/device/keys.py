"""A device from the keys of its TOML file, quantities already in SI."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..base.errors import InputError
from ..base.plain_data import construct
from .device import Device
from .fields.selection import SelectionField
from .kinds import DEVICE_KINDS

AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
_SI_KEYS = {
    "name": "name",
    "kind": "kind",
    "gradient": "gradient_t_m",
    "amplitude": "amplitude_t",
    "frequency": "frequency_hz",
    "drive_axis": "drive_axis",
    "line_axis": "line_axis",
    "strong_axis": "strong_axis",
    "to_device": "to_device",
    "position_range": "position_range_m",
    "gradient_range": "gradient_range_t_m",
    "amplitude_range": "amplitude_range_t",
    "frequency_range": "frequency_range_hz",
    "settle": "settle_s",
    "min_dwell": "min_dwell_s",
    "slew": "slew_m_s",
    "max_duty": "max_duty",
    "eddy_currents": "eddy_currents",
    "bore_radius": "bore_radius_m",
    "moves_stage": "moves_stage",
    "rotating": "rotating",
    "turn_axis": "turn_axis",
    "gradient_tensor": "tensor",
    "selection": "selection",
    "drive": "drive",
    "source": "source",
    "notes": "notes",
}


def device_from_dict(values: Mapping[str, object], where: str) -> Device:
    """A device from the keys of its TOML file, quantities already in SI; an axis may be a letter of RAS."""
    needed = ["name", "kind", "amplitude", "frequency"]
    kind = DEVICE_KINDS.get(str(values.get("kind", "")))
    needed += ["gradient"] if kind is not None and kind.ideal and "gradient_tensor" not in values else []
    faults = [f"{where}: {key}: missing" for key in needed if key not in values]
    settings = {_SI_KEYS[k]: v for k, v in values.items() if k in _SI_KEYS}
    if "gradient_t_m" not in settings and not faults:
        settings["gradient_t_m"] = _strength_t_m(settings)
    settings.setdefault("drive_axis", "S")
    for key in ("drive_axis", "line_axis", "strong_axis", "turn_axis"):
        letter = settings.get(key)
        if isinstance(letter, str):
            faults += _axis_fault(letter, f"{where}: {key}")
            settings[key] = AXES.get(letter)
    if faults:
        raise InputError(faults)
    try:
        return construct(Device, settings)
    except InputError as error:
        raise InputError([f"{where}: {c}" for c in error.complaints]) from error


def _strength_t_m(settings: Mapping[str, object]) -> float:
    """Steepest slope of a field that is given as such."""
    field, tensor = settings.get("selection"), settings.get("tensor")
    if isinstance(field, SelectionField):
        return float(field.strength_t_m)
    if tensor is not None:
        return float(np.abs(np.linalg.eigvalsh(np.array(tensor, float))).max())
    return 0.0


def _axis_fault(letter: str, where: str) -> list[str]:
    return [] if letter in AXES else [f'{where} = "{letter}": expected one of {" ".join(AXES)}']
