"""Limits of a machine: faults of its definition and requests out of range; each sentence names key and limit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array
from .fields.selection import SelectionField
from .fields.tensors import ALIGNED_SINE, axis_text
from .kinds import DEVICE_KINDS, FreeRegion, Machine

_EDGE = 1e-9
"""Part of a range by which its ends are open: text in other units comes back off by rounding, some 1e-15. Ten times as
much would still be below what any machine can be set to."""
_DRIVE_COSINE = 0.94
"""Cosine of the angle, 20 degrees, by which a measured drive field may stand off ``drive_axis``. A larger angle would
let an axis pass whose letter is wrong in a coil that is tilted."""


def violations(
    device: Machine, centers_m: ArrayLike | None, asked: Mapping[str, ArrayLike], directions: Array
) -> list[str]:
    """Violations of the machine's ranges by places, quantities and directions of lines ``(n, 3)``."""
    found = []
    if centers_m is not None:
        centers = np.atleast_2d(centers_m)
        out = np.flatnonzero(~device.reachable(centers))
        if len(out):
            found.append(_position_text(device, centers[out], len(out)))
    for key, (low, high), scale, name in (
        ("gradient", device.gradient_range_t_m, 1.0, "T/m"),
        ("amplitude", device.amplitude_range_t, 1e3, "mT"),
        ("frequency", device.frequency_range_hz, 1e-3, "kHz"),
    ):
        for value in np.unique(np.atleast_1d(asked[key])):
            if not low * (1 - _EDGE) <= value <= high * (1 + _EDGE):
                found.append(
                    f"device {device.name}: {key} = {value * scale:g} {name}: outside "
                    f"{key}_range, {low * scale:g} to {high * scale:g} {name}"
                )
    return found + _refused_directions(device, directions)


def _position_text(device: Machine, centers: Array, count: int) -> str:
    machine = device.machine_m(centers[0])
    low, high = device.position_range_m.T * 1e3
    first = [
        f"{axis} {p:.1f} mm is outside {a:g} to {b:g} mm"
        for axis, p, a, b in zip("xyz", machine * 1e3, low, high, strict=True)
        if not a <= p <= b
    ]
    if not first and device.selection is not None:
        place = " ".join(f"{v:.1f}" for v in machine * 1e3)
        first = [f"{place} mm is outside the ball of {device.selection.radius_m * 1e3:.3g} mm where its field is known"]
    return (
        f"device {device.name}: {count} position(s) out of reach (position_range, machine frame), "
        f"first: {', '.join(first)}"
    )


def _refused_directions(device: Machine, directions: Array) -> list[str]:
    """Directions that the machine's field cannot take."""
    asked = directions[np.isfinite(directions).all(axis=1)]
    asked = asked / np.linalg.norm(asked, axis=1)[:, None]
    line, about = device.line_axis, device.turns_about
    if device.region is not FreeRegion.LINE or line is None:
        own = device.gradient_tensor()
        off = [d for d in asked if not np.allclose(device.gradient_tensor(d), own, atol=ALIGNED_SINE)]
        words = "its field does not turn"
    elif device.rotating:
        off = [d for d in asked if abs(d @ about) > ALIGNED_SINE]
        words = f"its line turns about turn_axis, {axis_text(about)}, and stays at right angles to it"
    else:
        off = [d for d in asked if np.linalg.norm(np.cross(d, line)) > ALIGNED_SINE]
        words = f"its line stays along line_axis, {axis_text(line)}; only rotating = true turns it"
    if not off:
        return []
    return [f"device {device.name}: direction = {axis_text(off[0])}, {len(off)} stop(s): {words}"]


def unknown_field(device: Machine, points_m: Array) -> list[str]:
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


def faults(device: Machine) -> list[str]:
    """Faults of a device definition, by key."""
    if device.kind not in DEVICE_KINDS:
        return [f'kind = "{device.kind}": expected one of {", ".join(DEVICE_KINDS)}']
    found = _kind_faults(device)
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
        found += _drive_faults(device, device.drive)
    if not 0.0 < device.max_duty <= 1.0:
        found.append(f"max_duty = {device.max_duty:g}: expected a share of time, such as 0.9")
    return found


def _kind_faults(device: Machine) -> list[str]:
    """Faults of what the device's kind alone needs, and keys that belong to other kinds."""
    kind = DEVICE_KINDS[device.kind]
    refused = f'a device of kind "{device.kind}" has none'
    found = []
    for key, given, words in (
        ("rotating", device.rotating, "rotating = true: only a line turns"),
        ("gradient_tensor", device.tensor is not None, f"gradient_tensor: {refused}"),
        ("selection", device.selection is not None, f"selection: {refused}"),
    ):
        if given and key not in kind.own_keys:
            owner = next(name for name, other in DEVICE_KINDS.items() if key in other.own_keys)
            found.append(f'{words}: expected kind = "{owner}"')
    return [*found, *kind.faults(device)]


def _drive_faults(device: Machine, drive: SelectionField) -> list[str]:
    """Faults of a measured drive field against the amplitude and the axis that are stated."""
    if np.linalg.norm(drive.center_m) > drive.radius_m:
        return [
            "drive: the machine's origin, where the amplitude is stated, lies outside the ball of "
            f"{drive.radius_m * 1e3:g} mm that was measured"
        ]
    middle = drive.field_t(np.zeros(3))[0]
    axis = middle @ device.to_device[:3, :3]
    size = float(np.linalg.norm(axis))
    if size == 0.0 or abs(axis @ device.drive_axis) < _DRIVE_COSINE * size:
        return [
            "drive: the measured drive field is not along drive_axis at the machine's origin (20 degrees apart "
            f"or more): it points along {np.round(axis / max(size, 1e-300), 2).tolist()}"
        ]
    return []
