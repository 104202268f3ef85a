"""Interface of a device kind: everything about a machine that depends on its kind alone."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import ArrayLike

from ...base.arrays import Array
from .machine import FreeRegion, Machine


class DeviceKind(Protocol):
    """Kind of a machine: its selection field, the keys that define it, and the sentences that it adds to records."""

    @property
    def region(self) -> FreeRegion:
        """Field-free region of the selection field."""

    @property
    def own_keys(self) -> frozenset[str]:
        """Keys of a device file, among `OWNED_KEYS`, that this kind takes."""

    @property
    def ideal(self) -> bool:
        """True where a gradient and axes alone make the field: a device file must give it, a scan needs no machine."""

    @property
    def mdf_topology(self) -> str:
        """Scanner topology in an MDF file; empty where the format has no word for it."""

    @property
    def imaging_note(self) -> str:
        """Assumption about an image of this kind, for the record of a scan; may be empty."""

    @property
    def limitation(self) -> str:
        """Standing limit of a plan with this kind, for the report; may be empty."""

    def faults(self, machine: Machine) -> list[str]:
        """Faults of a definition, by key, each sentence with its remedy."""

    def tensor(self, machine: Machine, direction: ArrayLike | None = None) -> Array:
        """Gradient ``(3, 3)`` per unit of gradient, in the anatomy's frame."""

    def imaging_tensor(self, machine: Machine) -> Array:
        """Gradient ``(3, 3)`` per unit of gradient that an image is seen with."""
