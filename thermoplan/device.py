"""Device: selection field, drive field, frames and limits of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, finite, frozen, put, unit
from .errors import InputError
from .selection import SelectionField

AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
_EVERYWHERE = ((-np.inf, np.inf),) * 3


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A machine that makes a field-free region and a drive field.

    Parameters
    ----------
    kind
        "ffp": field-free point; "ffl": field-free line; "uniform": no selection field; "measured": a point
        whose field is ``selection``, in the machine's frame, scaled to the gradient that is asked for.
    gradient_t_m
        Along the strong axis of a point, across the line of a line; of a measured field its steepest.
        ``amplitude_t`` is peak.
    drive_axis, line_axis, strong_axis
        ``(3,)`` in the anatomy's frame. The strong axis of a point is the drive axis unless given; that
        of a line is the drive axis less its part along the line.
    to_device
        ``(4, 4)``, anatomy to machine, metres; ranges of position are in the machine's frame.
    drive
        Where the drive field is not uniform: its field in the machine's frame, at any current. ``amplitude_t``
        is then that at the machine's origin.
    notes
        Where each number comes from, ``key -> source``.
    """

    name: str
    kind: str
    gradient_t_m: float
    amplitude_t: float
    frequency_hz: float
    drive_axis: Array
    line_axis: Array | None = None
    strong_axis: Array | None = None
    to_device: Array = field(default_factory=lambda: np.eye(4))
    position_range_m: Array = field(default_factory=lambda: np.array(_EVERYWHERE))
    gradient_range_t_m: tuple[float, float] = (0.0, np.inf)
    amplitude_range_t: tuple[float, float] = (0.0, np.inf)
    frequency_range_hz: tuple[float, float] = (0.0, np.inf)
    settle_s: float = 0.0
    min_dwell_s: float = 0.0
    slew_m_s: float = np.inf
    max_duty: float = 1.0
    eddy_currents: bool = True
    bore_radius_m: float | None = None
    moves_stage: bool = False
    selection: SelectionField | None = None
    drive: SelectionField | None = None
    source: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put(self, drive_axis=unit(self.drive_axis, "device.drive_axis"),
            to_device=finite(self.to_device, "device.to_device"),
            position_range_m=frozen(self.position_range_m), notes=dict(self.notes))
        for name in ("line_axis", "strong_axis"):
            if getattr(self, name) is not None:
                put(self, **{name: unit(getattr(self, name), f"device.{name}")})
        faults = [f"device {self.name}: {fault}" for fault in _faults(self)]
        if faults:
            raise InputError(faults)
        if self.selection is not None:
            put(self, selection=self.selection.normalized())
        if self.drive is not None:
            put(self, drive=self.drive.scaled(1.0 / float(np.linalg.norm(self.drive.field_t(np.zeros(3))))))

    def __repr__(self) -> str:
        return (f"Device({self.name}: {self.kind}, {self.gradient_t_m:g} T/m, "
                f"{self.amplitude_t * 1e3:g} mT, {self.frequency_hz / 1e3:g} kHz)")

    def gradient_tensor(self, direction: ArrayLike | None = None) -> Array:
        """``(3, 3)`` per unit of gradient in the anatomy's frame; symmetric, without trace.

        ``direction`` turns a field-free line, or the strong axis of a point. Ideal coils: a point has
        1, -1/2, -1/2 and a line 1, -1, 0. Of a measured field, that at its own field-free point.
        """
        return _TENSORS[self.kind](self, direction)

    def selection_t(self, points_m: ArrayLike, direction: ArrayLike | None = None) -> Array:
        """Selection field ``(n, 3)`` per unit of gradient, but for a uniform part; the anatomy's frame."""
        points = np.atleast_2d(points_m)
        if self.selection is not None:
            return self.selection.field_t(self.machine_m(points)) @ self.to_device[:3, :3]
        return points @ self.gradient_tensor(direction)

    def bias_t(
        self, points_m: Array, center_m: ArrayLike, gradient_t_m: float | None = None,
        direction: ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """Selection field along and across the drive axis, tesla, ``(n,)`` each; along has a sign."""
        gradient = self.gradient_t_m if gradient_t_m is None else gradient_t_m
        here = self.selection_t(center_m, direction)
        return split(gradient * (self.selection_t(points_m, direction) - here), self.drive_at(points_m)[1])

    def drive_at(self, points_m: ArrayLike) -> tuple[Array, Array]:
        """Drive amplitude relative to ``amplitude_t``, ``(n,)``, and unit vectors along it, ``(n, 3)``."""
        points = np.atleast_2d(points_m)
        if self.drive is None:
            return np.ones(len(points)), np.broadcast_to(self.drive_axis, points.shape)
        field = self.drive.field_t(self.machine_m(points)) @ self.to_device[:3, :3]
        size = np.linalg.norm(field, axis=1)
        return size, field / np.maximum(size, 1e-12)[:, None]

    def machine_m(self, points_m: ArrayLike) -> Array:
        """Points of the anatomy's frame in the machine's."""
        return np.asarray(points_m) @ self.to_device[:3, :3].T + self.to_device[:3, 3]

    def shift_field_t(
        self, center_m: ArrayLike, gradient_t_m: float | None = None, direction: ArrayLike | None = None
    ) -> Array:
        """Uniform field that puts the field-free region on ``center_m``, in the machine's frame, tesla.

        ``-G x`` for ideal coils, with x from the machine's origin; in general what cancels the selection
        field there. ``(3,)`` for one centre, ``(n, 3)`` for several.
        """
        gradient = self.gradient_t_m if gradient_t_m is None else gradient_t_m
        origin = np.linalg.inv(self.to_device)[:3, 3]
        field = self.selection_t(center_m, direction)
        if self.selection is None:
            field = field - self.selection_t(origin, direction)
        shift = -gradient * field @ self.to_device[:3, :3].T
        return shift[0] if np.ndim(center_m) == 1 else shift

    def reachable(self, points_m: ArrayLike) -> Array:
        """Which points the field-free region can be put on, ``(n,)``."""
        if self.kind == "uniform":
            return np.ones(len(np.atleast_2d(points_m)), bool)
        low, high = self.position_range_m.T
        machine = self.machine_m(np.atleast_2d(points_m))
        slack = 1e-9
        inside = ((machine >= low - slack) & (machine <= high + slack)).all(axis=1)
        if self.selection is not None:
            away = np.linalg.norm(machine - self.selection.center_m, axis=1)
            inside &= away <= self.selection.radius_m
        return inside

    def violations(
        self, *, centers_m: ArrayLike | None = None, amplitude_t: ArrayLike = (),
        gradient_t_m: ArrayLike = (), frequency_hz: ArrayLike = (),
    ) -> list[str]:
        """What of a request is outside the machine's ranges, each sentence naming the limit."""
        found = []
        if centers_m is not None:
            centers = np.atleast_2d(centers_m)
            out = np.flatnonzero(~self.reachable(centers))
            if len(out):
                found.append(_position_text(self, centers[out], len(out)))
        checks = (("gradient", gradient_t_m, self.gradient_range_t_m, 1.0, "T/m"),
                  ("amplitude", amplitude_t, self.amplitude_range_t, 1e3, "mT"),
                  ("frequency", frequency_hz, self.frequency_range_hz, 1e-3, "kHz"))
        for key, values, (low, high), scale, name in checks:
            for value in np.unique(np.atleast_1d(values)):
                if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                    found.append(f"device {self.name}: {key} = {value * scale:g} {name}: outside "
                                 f"{key}_range, {low * scale:g} to {high * scale:g} {name}")
        return found


def split(field_t: Array, axis: Array) -> tuple[Array, Array]:
    """A field ``(n, 3)`` along unit vectors, with sign, and across them."""
    along = np.einsum("ni,ni->n", field_t, axis)
    rest = field_t - along[:, None] * axis
    return along, np.sqrt(np.einsum("ni,ni->n", rest, rest))


def _position_text(device: Device, centers: Array, count: int) -> str:
    machine = device.machine_m(centers[0]) * 1e3
    low, high = device.position_range_m.T * 1e3
    axes = [f"{axis} {p:.1f} mm is outside {a:g} to {b:g} mm"
            for axis, p, a, b in zip("xyz", machine, low, high, strict=True) if not a <= p <= b]
    return (f"device {device.name}: {count} position(s) out of reach (position_range, machine frame), "
            f"first: {', '.join(axes)}")


def _across(vector: Array, axis: Array) -> Array | None:
    rest = vector - (vector @ axis) * axis
    size = np.linalg.norm(rest)
    return rest / size if size > 1e-9 else None


def _point(device: Device, direction: ArrayLike | None) -> Array:
    strong = device.strong_axis if device.strong_axis is not None else device.drive_axis
    axis = unit(direction) if direction is not None else strong
    return 1.5 * np.outer(axis, axis) - 0.5 * np.eye(3)


def _line(device: Device, direction: ArrayLike | None) -> Array:
    line = unit(direction) if direction is not None else device.line_axis
    preferred = device.strong_axis if device.strong_axis is not None else device.drive_axis
    strong = _across(preferred, line)
    if strong is None:
        strong = _across(np.eye(3)[np.argmin(np.abs(line))], line)
    weak = np.cross(line, strong)
    return np.outer(strong, strong) - np.outer(weak, weak)


def _measured(device: Device, direction: ArrayLike | None) -> Array:
    turn = device.to_device[:3, :3]
    return turn.T @ device.selection.tensor_t_m(device.selection.field_free_point_m()) @ turn


_TENSORS = {
    "ffp": _point, "ffl": _line, "uniform": lambda device, direction: np.zeros((3, 3)), "measured": _measured,
}
KINDS = tuple(_TENSORS)


def _faults(device: Device) -> list[str]:
    if device.kind not in KINDS:
        return [f'kind = "{device.kind}": expected one of {", ".join(KINDS)}']
    faults = []
    if device.kind == "ffl" and device.line_axis is None:
        faults.append('line_axis: missing: an ffl needs the direction of its line, such as "A"')
    if (device.kind == "measured") != (device.selection is not None):
        faults.append('selection: a device of kind "measured", and only that, has one: expected a file of points and '
                      "fields")
    turn = device.to_device[:3, :3] if device.to_device.shape == (4, 4) else np.zeros((3, 3))
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) or np.linalg.det(turn) < 0:
        faults.append("to_device: expected a 4 x 4 of a rotation and a shift, no scale, no mirror")
    if device.position_range_m.shape != (3, 2) or (np.diff(device.position_range_m, axis=1) < 0).any():
        faults.append("position_range: expected a low and a high for x, y, z of the machine")
    rules = (("gradient", device.gradient_t_m, True, '"2.35 T/m"'),
             ("amplitude", device.amplitude_t, False, '"13 mT"'),
             ("frequency", device.frequency_hz, False, '"354 kHz"'),
             ("slew", device.slew_m_s, False, '"0.1 m/s"'),
             ("settle", device.settle_s, True, '"0.1 s"'), ("min_dwell", device.min_dwell_s, True, '"0.5 s"'))
    for key, value, zero, hint in rules:
        if not (value > 0.0 or (zero and value == 0.0)):
            faults.append(f"{key} = {value:g}: expected a positive quantity, such as {hint}")
    if device.drive is not None:
        faults += _drive_faults(device)
    if not 0.0 < device.max_duty <= 1.0:
        faults.append(f"max_duty = {device.max_duty:g}: expected a share of time, such as 0.9")
    return faults


def _drive_faults(device: Device) -> list[str]:
    middle = device.drive.field_t(np.zeros(3))[0]
    axis = middle @ device.to_device[:3, :3]
    size = float(np.linalg.norm(axis))
    if size == 0.0 or abs(axis @ device.drive_axis) < 0.94 * size:
        return ["drive: the measured drive field is not along drive_axis at the machine's origin (20 degrees apart "
                f"or more): it points along {np.round(axis / max(size, 1e-300), 2).tolist()}"]
    return []


def traceless(tensor: ArrayLike, *, tolerance: float = 1e-6) -> Array:
    """A ``(3, 3)`` gradient tensor, refused unless symmetric and free of trace, as Maxwell has it."""
    g = finite(tensor, "gradient tensor")
    size = np.abs(g).max()
    if g.shape != (3, 3) or size == 0.0:
        raise InputError("gradient tensor: expected 3 x 3 numbers, not all zero")
    if abs(np.trace(g)) > tolerance * size:
        raise InputError(f"gradient tensor: its trace is {np.trace(g):g} T/m, not 0: a static field without "
                         "sources has none; check the three diagonal entries")
    if np.abs(g - g.T).max() > tolerance * size:
        raise InputError("gradient tensor: not symmetric: a static field without currents is")
    return g


_SI_KEYS = {
    "name": "name", "kind": "kind", "gradient": "gradient_t_m", "amplitude": "amplitude_t",
    "frequency": "frequency_hz", "drive_axis": "drive_axis", "line_axis": "line_axis",
    "strong_axis": "strong_axis", "to_device": "to_device", "position_range": "position_range_m",
    "gradient_range": "gradient_range_t_m", "amplitude_range": "amplitude_range_t",
    "frequency_range": "frequency_range_hz", "settle": "settle_s", "min_dwell": "min_dwell_s",
    "slew": "slew_m_s", "max_duty": "max_duty", "eddy_currents": "eddy_currents",
    "bore_radius": "bore_radius_m", "moves_stage": "moves_stage",
    "selection": "selection", "drive": "drive", "source": "source", "notes": "notes",
}


def device_from_dict(values: Mapping[str, Any], where: str) -> Device:
    """A device from the keys of its TOML file, quantities already in SI; an axis may be a letter of RAS."""
    needed = ["name", "kind", "amplitude", "frequency"]
    needed += ["gradient"] if values.get("kind") not in ("uniform", "measured") else []
    faults = [f"{where}: {key}: missing" for key in needed if key not in values]
    settings = {_SI_KEYS[k]: v for k, v in values.items() if k in _SI_KEYS}
    selection = settings.get("selection")
    settings.setdefault("gradient_t_m", 0.0 if selection is None else selection.strength_t_m)
    settings.setdefault("drive_axis", "S")
    for key in ("drive_axis", "line_axis", "strong_axis"):
        if isinstance(settings.get(key), str):
            faults += _axis_fault(settings[key], f"{where}: {key}")
            settings[key] = AXES.get(settings[key])
    if faults:
        raise InputError(faults)
    try:
        return Device(**settings)
    except InputError as error:
        raise InputError([f"{where}: {c}" for c in error.complaints]) from error


def _axis_fault(letter: str, where: str) -> list[str]:
    return [] if letter in AXES else [f'{where} = "{letter}": expected one of {" ".join(AXES)}']
