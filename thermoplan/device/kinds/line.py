"""Field-free line of ideal coils, which stands, turns about an axis, or is mounted anew for a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, unit
from ...base.errors import InputError
from ..fields.tensors import ALIGNED_SINE, axis_text, line_tensor
from .machine import FreeRegion, Machine


@dataclass(frozen=True, slots=True)
class FieldFreeLine:
    """Line: 0 along ``line_axis``, 1 and -1 across it. An image takes it to turn through every angle."""

    region: FreeRegion = FreeRegion.LINE
    own_keys: frozenset[str] = frozenset({"rotating"})
    ideal: bool = True
    mdf_topology: str = "FFL"
    imaging_note: str = "its line is taken to turn through every angle"
    limitation: str = ""

    def faults(self, machine: Machine) -> list[str]:
        line = machine.line_axis
        if line is None:
            return ['line_axis: missing: an ffl needs the direction of its line, such as "A"']
        if machine.rotating and abs(line @ machine.turns_about) > ALIGNED_SINE:
            return [
                "turn_axis: a line turns about an axis at right angles to itself: expected one across line_axis, "
                f"{axis_text(line)}; turn_axis is {axis_text(machine.turns_about)}"
            ]
        return []

    def tensor(self, machine: Machine, direction: ArrayLike | None = None) -> Array:
        strong = machine.drive_axis if machine.strong_axis is None else machine.strong_axis
        line = machine.line_axis if direction is None else unit(direction)
        if line is None:
            raise InputError(self.faults(machine))
        return line_tensor(line, strong)

    def imaging_tensor(self, machine: Machine) -> Array:
        """Full gradient along each direction: tomography turns the line through every angle."""
        return np.eye(3)
