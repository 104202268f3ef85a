"""Field-free point of a field that was measured, or computed from coils and magnets."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...base.errors import InputError
from ..fields.tensors import to_anatomy
from .machine import FreeRegion, Machine


@dataclass(frozen=True, slots=True)
class GivenField:
    """Point of a `SelectionField` in the machine's frame; ``without`` is the fault of a device that has none."""

    without: str
    region: FreeRegion = FreeRegion.POINT
    own_keys: frozenset[str] = frozenset({"selection"})
    ideal: bool = False
    mdf_topology: str = ""
    imaging_note: str = ""
    limitation: str = ""

    def faults(self, machine: Machine) -> list[str]:
        return [self.without] if machine.selection is None else []

    def tensor(self, machine: Machine, direction: ArrayLike | None = None) -> Array:
        """Gradient at the field's own field-free point."""
        field = machine.selection
        if field is None:
            raise InputError(self.without)
        return to_anatomy(field.tensor_t_m(field.field_free_point_m()), machine.to_device)

    def imaging_tensor(self, machine: Machine) -> Array:
        return self.tensor(machine)
