"""A set of coils and magnets as a selection field: magpylib computes it, solid harmonics carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, finite, put, unit
from ...base.errors import InputError, MissingPart
from .selection import SelectionField, selection_field

_FREE = 0.5

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


@dataclass(frozen=True, slots=True)
class Loop:
    """A thin circular coil: centre and axis in the machine's frame, ampere-turns right-handed about the axis."""

    center_m: tuple[float, float, float]
    axis: tuple[float, float, float]
    radius_m: float
    ampere_turns: float

    def __post_init__(self) -> None:
        put(
            self,
            center_m=tuple(finite(self.center_m, "coil centre").tolist()),
            axis=tuple(unit(self.axis, "coil axis").tolist()),
        )
        if not self.radius_m > 0.0:
            raise InputError(f"coil: radius = {self.radius_m:g} m: expected a positive length")


@dataclass(frozen=True, slots=True)
class Magnet:
    """A cylindrical permanent magnet, magnetized along its axis with ``remanence_t``."""

    center_m: tuple[float, float, float]
    axis: tuple[float, float, float]
    radius_m: float
    height_m: float
    remanence_t: float

    def __post_init__(self) -> None:
        put(
            self,
            center_m=tuple(finite(self.center_m, "magnet centre").tolist()),
            axis=tuple(unit(self.axis, "magnet axis").tolist()),
        )
        if not (self.radius_m > 0.0 and self.height_m > 0.0):
            raise InputError("magnet: radius and height must be positive lengths")


def coil_field_t(parts: Sequence[Loop | Magnet], points_m: ArrayLike) -> Array:
    """Field ``(n, 3)`` of coils and magnets at points ``(n, 3)`` outside of them, by magpylib [Ortner2020]."""
    magpy = _magpylib()
    points = np.atleast_2d(np.asarray(points_m, float))
    return sum((_source(magpy, part).getB(points).reshape(points.shape) for part in parts), np.zeros(points.shape))


def _source(magpy: ModuleType, part: Loop | Magnet) -> Any:
    placed = {"position": part.center_m, "orientation": _turn(np.asarray(part.axis))}
    if isinstance(part, Loop):
        return magpy.current.Circle(current=part.ampere_turns, diameter=2.0 * part.radius_m, **placed)
    size = (2.0 * part.radius_m, part.height_m)
    return magpy.magnet.Cylinder(polarization=(0.0, 0.0, part.remanence_t), dimension=size, **placed)


def _turn(axis: Array) -> Rotation:
    """Rotation that takes z to ``axis``."""
    from scipy.spatial.transform import Rotation

    if axis[2] < -1.0 + 1e-12:
        return Rotation.from_rotvec([np.pi, 0.0, 0.0])
    across = np.cross([0.0, 0.0, 1.0], axis)
    size = np.linalg.norm(across)
    return Rotation.from_rotvec(across / max(size, 1e-300) * np.arctan2(size, axis[2]))


def free_ball_m(parts: Sequence[Loop | Magnet], center_m: ArrayLike = (0.0, 0.0, 0.0)) -> float:
    """Half of the way to the nearest conductor or magnet: there harmonics of degree 10 are off by a thousandth."""
    return _FREE * min(_reach(part, np.asarray(center_m, float)) for part in parts)


def coil_selection(
    parts: Sequence[Loop | Magnet], *, ball_m: float, center_m: ArrayLike = (0.0, 0.0, 0.0), degree: int = 10
) -> SelectionField:
    """Selection field of a set, as solid harmonics inside a ball that no conductor or magnet enters.

    ``center_m`` is ``(3,)``, in the machine's frame; a ball that a part enters is refused.
    """
    center = np.asarray(center_m, float)
    for part in parts:
        if not _reach(part, center) >= ball_m > 0.0:
            what = "magnet" if isinstance(part, Magnet) else "coil"
            raise InputError(
                f"coil set: a {what} reaches into the ball of {ball_m * 1e3:g} mm about the machine's "
                "origin in which its field is used: move it, or give a smaller ball"
            )
    points = center + ball_m * _sphere(4 * degree**2)
    return selection_field(points, coil_field_t(parts, points), center_m=center, degree=degree)


def _reach(part: Loop | Magnet, center: Array) -> float:
    """Radius of the largest ball about ``center`` that no conductor enters, and surely no magnet."""
    if isinstance(part, Loop):
        return _nearest(part, center)
    extent = float(np.hypot(part.radius_m, 0.5 * part.height_m))
    return float(np.linalg.norm(np.asarray(part.center_m) - center)) - extent


def _nearest(loop: Loop, point: Array) -> float:
    away = point - np.asarray(loop.center_m)
    height = float(away @ np.asarray(loop.axis))
    radial = float(np.sqrt(max(away @ away - height**2, 0.0)))
    return float(np.hypot(radial - loop.radius_m, height))


def _sphere(count: int) -> Array:
    """Points spread evenly over the unit sphere, along a spiral of the golden angle."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    angle = np.pi * (1.0 + np.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


def _magpylib() -> ModuleType:
    try:
        import magpylib
    except ImportError:
        raise MissingPart("a coil set needs magpylib: pip install 'thermoplan[coils]'") from None
    return magpylib
