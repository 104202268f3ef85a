"""Uniform drive field without a selection field: all iron in the coil heats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from .machine import FreeRegion, Machine


@dataclass(frozen=True, slots=True)
class UniformCoil:
    """Coil without a gradient: no place is better than another."""

    region: FreeRegion = FreeRegion.EVERYWHERE
    own_keys: frozenset[str] = frozenset()
    ideal: bool = False
    mdf_topology: str = ""
    imaging_note: str = ""
    limitation: str = "The coil has no gradient: every region with tracer heats."

    def faults(self, machine: Machine) -> list[str]:
        return []

    def tensor(self, machine: Machine, direction: ArrayLike | None = None) -> Array:
        return np.zeros((3, 3))

    def imaging_tensor(self, machine: Machine) -> Array:
        return np.zeros((3, 3))
