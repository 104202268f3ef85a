"""Device: selection field, drive field, frames and ranges of one machine, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array, BoolArray, finite, freeze, put, unit
from ..base.display import card
from ..base.errors import InputError
from .fields.selection import SelectionField
from .fields.tensors import turned_lines
from .kinds import DEVICE_KINDS, FreeRegion
from .machine_limits import faults, violations

LINES = 6
"""Directions tried of a line that turns, 30 degrees apart: twice as many cost twice the columns of the search."""
_BORE = np.array([0.0, 0.0, 1.0])
_EVERYWHERE = ((-np.inf, np.inf),) * 3


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A machine that makes a field-free region and a drive field.

    Parameters
    ----------
    kind
        A key of `DEVICE_KINDS`. "ffp": field-free point; "ffl": field-free line; "uniform": no selection field;
        "measured" and "coils": a point whose field is ``selection``, in the machine's frame, scaled to the gradient
        that is asked for.
    gradient_t_m
        Along the strong axis of a point, across the line of a line; of a measured field its steepest.
        ``amplitude_t`` is peak.
    drive_axis, line_axis, strong_axis
        ``(3,)`` in the anatomy's frame. The strong axis of a point is the drive axis unless given; that
        of a line is the drive axis less its part along the line.
    tensor
        ``(3, 3)`` of a point that is not 1, -1/2, -1/2, in the machine's frame; only its shape counts.
    rotating, turn_axis
        Whether the line turns, and about what (the machine's bore, its z, unless given), in the anatomy's frame.
    to_device
        ``(4, 4)``, anatomy to machine, metres; ranges of position are in the machine's frame.
    drive
        Where the drive field is not uniform: its field in the machine's frame, at any current. ``amplitude_t``
        is then that at the machine's origin. Outside the ball that was measured it is that of the ball's edge.
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
    rotating: bool = False
    turn_axis: Array | None = None
    tensor: Array | None = None
    selection: SelectionField | None = None
    drive: SelectionField | None = None
    source: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put(
            self,
            drive_axis=unit(self.drive_axis, "device.drive_axis"),
            to_device=finite(self.to_device, "device.to_device"),
            position_range_m=freeze(self.position_range_m),
            notes=dict(self.notes),
        )
        for name in ("line_axis", "strong_axis", "turn_axis"):
            if getattr(self, name) is not None:
                put(self, **{name: unit(getattr(self, name), f"device.{name}")})
        found = [f"device {self.name}: {fault}" for fault in faults(self)]
        if found:
            raise InputError(found)
        if self.tensor is not None:
            put(self, tensor=freeze(self.tensor / np.abs(np.linalg.eigvalsh(self.tensor)).max()))
        if self.selection is not None:
            put(self, selection=self.selection.normalized())
        if self.drive is not None:
            put(self, drive=self.drive.scaled(1.0 / float(np.linalg.norm(self.drive.field_t(np.zeros(3))))))

    def _repr_html_(self) -> str:
        def span(values: tuple[float, float], scale: float, unit_name: str) -> str:
            return f"{values[0] * scale:g} to {values[1] * scale:g} {unit_name}"

        return card(
            f"{self.name} ({self.kind})",
            [
                ("gradient", f"{self.gradient_t_m:g} T/m, range {span(self.gradient_range_t_m, 1.0, 'T/m')}"),
                ("drive, peak", f"{self.amplitude_t * 1e3:g} mT, range {span(self.amplitude_range_t, 1e3, 'mT')}"),
                ("frequency", f"{self.frequency_hz * 1e-3:g} kHz"),
                ("drive axis", " ".join(f"{v:.3g}" for v in self.drive_axis) + " (RAS)"),
                ("settle, shortest dwell", f"{self.settle_s:g} s, {self.min_dwell_s:g} s"),
                ("duty, at most", f"{self.max_duty:g}"),
            ],
            [self.source],
        )

    def __repr__(self) -> str:
        return (
            f"Device({self.name}: {self.kind}, {self.gradient_t_m:g} T/m, "
            f"{self.amplitude_t * 1e3:g} mT, {self.frequency_hz / 1e3:g} kHz)"
        )

    def gradient_tensor(self, direction: ArrayLike | None = None) -> Array:
        """``(3, 3)`` per unit of gradient in the anatomy's frame; symmetric, without trace.

        ``direction`` turns a field-free line, or the strong axis of a point. Ideal coils: a point has
        1, -1/2, -1/2 and a line 1, -1, 0. Of a measured field, that at its own field-free point.
        """
        return DEVICE_KINDS[self.kind].tensor(self, direction)

    def imaging_tensor(self) -> Array:
        """``(3, 3)`` per unit of gradient that an image is seen with, in the anatomy's frame."""
        return DEVICE_KINDS[self.kind].imaging_tensor(self)

    @property
    def region(self) -> FreeRegion:
        """Field-free region: a point, a line, or everywhere."""
        return DEVICE_KINDS[self.kind].region

    @property
    def focuses(self) -> bool:
        """True where the field-free region can be moved onto a place."""
        return self.region is not FreeRegion.EVERYWHERE

    def selection_t(self, points_m: ArrayLike, direction: ArrayLike | None = None) -> Array:
        """Selection field ``(n, 3)`` per unit of gradient, but for a uniform part; the anatomy's frame."""
        points = np.atleast_2d(points_m)
        if self.selection is not None:
            return self.selection.field_t(self.machine_m(points)) @ self.to_device[:3, :3]
        return points @ self.gradient_tensor(direction)

    def bias_t(
        self,
        points_m: Array,
        center_m: ArrayLike,
        gradient_t_m: float | None = None,
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
        field = self.drive_field(points)
        size = np.linalg.norm(field, axis=1)
        return size, field / np.maximum(size, 1e-12)[:, None]

    def drive_field(self, points_m: ArrayLike) -> Array:
        """Drive field relative to ``amplitude_t``, ``(n, 3)`` in the anatomy's frame."""
        points = np.atleast_2d(points_m)
        if self.drive is None:
            return np.array(np.broadcast_to(self.drive_axis, points.shape))
        return self.drive.field_t(self.drive.nearest_inside(self.machine_m(points))) @ self.to_device[:3, :3]

    @property
    def origin_m(self) -> Array:
        """The machine's origin in the anatomy's frame."""
        return -self.to_device[:3, :3].T @ self.to_device[:3, 3]

    def displaced(self, shift_m: ArrayLike) -> Device:
        """The same machine for an animal that lies ``shift_m`` further on, along the anatomy's own axes."""
        matrix = self.to_device.copy()
        matrix[:3, 3] += matrix[:3, :3] @ finite(shift_m, "displacement")
        return replace(self, to_device=matrix)

    def turned(self, direction: ArrayLike | None) -> Device:
        """The same machine with its line along ``direction``."""
        return self if direction is None else replace(self, line_axis=unit(direction))

    @property
    def turns_about(self) -> Array:
        """The axis that a turning line turns about."""
        return self.to_device[:3, :3].T @ _BORE if self.turn_axis is None else self.turn_axis

    def line_directions(self, count: int = LINES) -> tuple[tuple[float, float, float] | None, ...]:
        """Directions that a line can take; None alone where nothing turns."""
        if self.line_axis is None or not self.rotating:
            return (None,)
        x, y, z = turned_lines(self.line_axis, self.turns_about, count).T.tolist()
        return tuple(zip(x, y, z, strict=True))

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
        field = self.selection_t(center_m, direction)
        if self.selection is None:
            field = field - self.selection_t(self.origin_m, direction)
        shift = -gradient * field @ self.to_device[:3, :3].T
        return shift[0] if np.ndim(center_m) == 1 else shift

    def reachable(self, points_m: ArrayLike) -> BoolArray:
        """Which points the field-free region can be put on, ``(n,)``."""
        if not self.focuses:
            return np.ones(len(np.atleast_2d(points_m)), bool)
        low, high = self.position_range_m.T
        machine = self.machine_m(np.atleast_2d(points_m))
        slack = 1e-9
        inside = ((machine >= low - slack) & (machine <= high + slack)).all(axis=1)
        if self.selection is not None:
            away = np.linalg.norm(machine - self.selection.center_m, axis=1)
            inside &= away <= self.selection.radius_m
        result: BoolArray = inside
        return result

    def violations(
        self,
        *,
        centers_m: ArrayLike | None = None,
        amplitude_t: ArrayLike = (),
        gradient_t_m: ArrayLike = (),
        frequency_hz: ArrayLike = (),
        directions: ArrayLike = (),
    ) -> list[str]:
        """Violations of the machine's ranges by a request, each sentence naming the limit.

        ``directions (n, 3)`` are of lines, NaN where none is asked for.
        """
        asked = {"gradient": gradient_t_m, "amplitude": amplitude_t, "frequency": frequency_hz}
        return violations(self, centers_m, asked, np.reshape(np.asarray(directions, float), (-1, 3)))


def split(field_t: Array, axis: Array) -> tuple[Array, Array]:
    """A field ``(n, 3)`` along unit vectors, with sign, and across them."""
    along = np.einsum("ni,ni->n", field_t, axis)
    rest = field_t - along[:, None] * axis
    return along, np.sqrt(np.einsum("ni,ni->n", rest, rest))
