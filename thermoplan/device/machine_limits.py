"""Limits of a machine: faults of its definition and requests out of range; each sentence names key and limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array
from ..base.errors import InputError
from .tensors import traceless

KINDS = ("ffp", "ffl", "uniform", "measured", "coils")
_ASKEW = np.sin(np.radians(1.0))
_RANGES = (
    ("gradient", "gradient_range_t_m", 1.0, "T/m"),
    ("amplitude", "amplitude_range_t", 1e3, "mT"),
    ("frequency", "frequency_range_hz", 1e-3, "kHz"),
)


def violations(
    device: Any, centers_m: ArrayLike | None, asked: Mapping[str, ArrayLike], directions: Array
) -> list[str]:
    """Violations of the machine's ranges by places, quantities and directions of lines ``(n, 3)``."""
    found = []
    if centers_m is not None:
        centers = np.atleast_2d(centers_m)
        out = np.flatnonzero(~device.reachable(centers))
        if len(out):
            found.append(_position_text(device, centers[out], len(out)))
    for key, attribute, scale, name in _RANGES:
        low, high = getattr(device, attribute)
        for value in np.unique(np.atleast_1d(asked[key])):
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                found.append(
                    f"device {device.name}: {key} = {value * scale:g} {name}: outside "
                    f"{key}_range, {low * scale:g} to {high * scale:g} {name}"
                )
    return found + _askew(device, directions)


def _position_text(device: Any, centers: Array, count: int) -> str:
    machine = device.machine_m(centers[0])
    low, high = device.position_range_m.T * 1e3
    first = [
        f"{axis} {p:.1f} mm is outside {a:g} to {b:g} mm"
        for axis, p, a, b in zip("xyz", machine * 1e3, low, high, strict=True)
        if not a <= p <= b
    ]
    if not first:
        place = " ".join(f"{v:.1f}" for v in machine * 1e3)
        first = [f"{place} mm is outside the ball of {device.selection.radius_m * 1e3:.3g} mm where its field is known"]
    return (
        f"device {device.name}: {count} position(s) out of reach (position_range, machine frame), "
        f"first: {', '.join(first)}"
    )


def _askew(device: Any, directions: Array) -> list[str]:
    """Directions that the machine's line cannot take."""
    asked = directions[np.isfinite(directions).all(axis=1)]
    if not len(asked):
        return []
    asked = asked / np.linalg.norm(asked, axis=1)[:, None]
    if device.kind != "ffl":
        own = device.gradient_tensor()
        off = [d for d in asked if not np.allclose(device.gradient_tensor(d), own, atol=_ASKEW)]
        words = "its field does not turn"
    elif device.rotating:
        off = [d for d in asked if abs(d @ device.turns_about) > _ASKEW]
        words = f"its line turns about turn_axis, {_axis(device.turns_about)}, and stays at right angles to it"
    else:
        off = [d for d in asked if np.linalg.norm(np.cross(d, device.line_axis)) > _ASKEW]
        words = f"its line stays along line_axis, {_axis(device.line_axis)}; only rotating = true turns it"
    if not off:
        return []
    return [f"device {device.name}: direction = {_axis(off[0])}, {len(off)} stop(s): {words}"]


def unknown_field(device: Any, points_m: Array) -> list[str]:
    """Extrapolation note: points ``(n, 3)`` of the body outside the ball of a measured or computed field."""
    found = []
    machine = device.machine_m(points_m)
    for what, field in (("selection field", device.selection), ("drive field", device.drive)):
        if field is None:
            continue
        share = float((np.linalg.norm(machine - field.center_m, axis=1) > field.radius_m).mean())
        if share > 0.0:
            found.append(
                f"device {device.name}: {share:.0%} of the mesh's nodes lie outside the ball of "
                f"{field.radius_m * 1e3:.3g} mm in which the {what} is known; it is carried on from its edge"
            )
    return found


def _axis(vector: Array) -> str:
    return " ".join(f"{v:.3g}" for v in vector)


def faults(device: Any) -> list[str]:
    """Faults of a device definition, by key."""
    if device.kind not in KINDS:
        return [f'kind = "{device.kind}": expected one of {", ".join(KINDS)}']
    found = [*_line_faults(device), *_tensor_faults(device), *_selection_faults(device)]
    turn = device.to_device[:3, :3] if device.to_device.shape == (4, 4) else np.zeros((3, 3))
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) or np.linalg.det(turn) < 0:
        found.append("to_device: expected a 4 x 4 of a rotation and a shift, no scale, no mirror")
    if device.position_range_m.shape != (3, 2) or (np.diff(device.position_range_m, axis=1) < 0).any():
        found.append("position_range: expected a low and a high for x, y, z of the machine")
    rules = (
        ("gradient", device.gradient_t_m, True, '"2.35 T/m"'),
        ("amplitude", device.amplitude_t, False, '"13 mT"'),
        ("frequency", device.frequency_hz, False, '"354 kHz"'),
        ("slew", device.slew_m_s, False, '"0.1 m/s"'),
        ("settle", device.settle_s, True, '"0.1 s"'),
        ("min_dwell", device.min_dwell_s, True, '"0.5 s"'),
    )
    for key, value, zero, hint in rules:
        if not (value > 0.0 or (zero and value == 0.0)):
            found.append(f"{key} = {value:g}: expected a positive quantity, such as {hint}")
    if device.drive is not None:
        found += _drive_faults(device)
    if not 0.0 < device.max_duty <= 1.0:
        found.append(f"max_duty = {device.max_duty:g}: expected a share of time, such as 0.9")
    return found


def _selection_faults(device: Any) -> list[str]:
    if device.kind == "measured" and device.selection is None:
        return ['selection: missing: a device of kind "measured" needs it: expected a file of points and fields']
    if device.kind == "coils" and device.selection is None:
        return ['coils: missing: a device of kind "coils" needs tables [[coils]] or [[magnets]]']
    if device.kind not in ("measured", "coils") and device.selection is not None:
        return [f'selection: a device of kind "{device.kind}" has none: expected kind = "measured"']
    return []


def _line_faults(device: Any) -> list[str]:
    if device.kind != "ffl":
        return ['rotating = true: only a line turns: expected kind = "ffl"'] if device.rotating else []
    if device.line_axis is None:
        return ['line_axis: missing: an ffl needs the direction of its line, such as "A"']
    if device.rotating and abs(device.line_axis @ device.turns_about) > _ASKEW:
        return [
            "turn_axis: a line turns about an axis at right angles to itself: expected one across line_axis, "
            f"{_axis(device.line_axis)}; turn_axis is {_axis(device.turns_about)}"
        ]
    return []


def _tensor_faults(device: Any) -> list[str]:
    if device.tensor is None:
        return []
    if device.kind != "ffp":
        return [f'gradient_tensor: a device of kind "{device.kind}" has none: expected kind = "ffp"']
    try:
        traceless(device.tensor)
    except InputError as error:
        return [f"gradient_tensor: {text}" for text in error.complaints]
    return []


def _drive_faults(device: Any) -> list[str]:
    if np.linalg.norm(device.drive.center_m) > device.drive.radius_m:
        return [
            "drive: the machine's origin, where the amplitude is stated, lies outside the ball of "
            f"{device.drive.radius_m * 1e3:g} mm that was measured"
        ]
    middle = device.drive.field_t(np.zeros(3))[0]
    axis = middle @ device.to_device[:3, :3]
    size = float(np.linalg.norm(axis))
    if size == 0.0 or abs(axis @ device.drive_axis) < 0.94 * size:
        return [
            "drive: the measured drive field is not along drive_axis at the machine's origin (20 degrees apart "
            f"or more): it points along {np.round(axis / max(size, 1e-300), 2).tolist()}"
        ]
    return []
