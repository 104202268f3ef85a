"""Field-free point of ideal coils, or of a gradient tensor that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from ...base.arrays import Array, unit
from ...base.errors import InputError
from ..fields.tensors import point_tensor, to_anatomy, traceless
from .machine import FreeRegion, Machine


@dataclass(frozen=True, slots=True)
class FieldFreePoint:
    """Point: 1, -1/2, -1/2 about the strong axis, unless ``gradient_tensor`` gives another shape."""

    region: FreeRegion = FreeRegion.POINT
    own_keys: frozenset[str] = frozenset({"gradient_tensor"})
    ideal: bool = True
    mdf_topology: str = "FFP"
    imaging_note: str = ""
    limitation: str = ""

    def faults(self, machine: Machine) -> list[str]:
        if machine.tensor is None:
            return []
        try:
            traceless(machine.tensor)
        except InputError as error:
            return [f"gradient_tensor: {text}" for text in error.complaints]
        return []

    def tensor(self, machine: Machine, direction: ArrayLike | None = None) -> Array:
        if machine.tensor is not None:
            return to_anatomy(machine.tensor, machine.to_device)
        strong = machine.drive_axis if machine.strong_axis is None else machine.strong_axis
        return point_tensor(strong if direction is None else unit(direction))

    def imaging_tensor(self, machine: Machine) -> Array:
        return self.tensor(machine)
