"""Table of device kinds. A new one is a file beside these, that satisfies `DeviceKind`, and a line in the table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .device_kind import DeviceKind
from .given_field import GivenField
from .line import FieldFreeLine
from .machine import FreeRegion, Machine
from .point import FieldFreePoint
from .uniform import UniformCoil

__all__ = ["DEVICE_KINDS", "OWNED_KEYS", "DeviceKind", "FreeRegion", "Machine", "free_region", "limitation"]

DEVICE_KINDS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "ffp": FieldFreePoint(),
        "ffl": FieldFreeLine(),
        "uniform": UniformCoil(),
        "measured": GivenField(
            'selection: missing: a device of kind "measured" needs it: expected a file of points and fields',
        ),
        "coils": GivenField(
            'coils: missing: a device of kind "coils" needs tables [[coils]] or [[magnets]]',
        ),
    }
)

OWNED_KEYS = tuple(sorted(frozenset().union(*(kind.own_keys for kind in DEVICE_KINDS.values()))))
"""Keys of a device file that belong to some kinds alone."""


def free_region(name: object) -> FreeRegion:
    """Field-free region of a kind that a record names; a point where it names none."""
    kind = DEVICE_KINDS.get(str(name))
    return FreeRegion.POINT if kind is None else kind.region


def limitation(name: object) -> str:
    """Standing limit of a plan with a kind that a record names; empty where it has none."""
    kind = DEVICE_KINDS.get(str(name))
    return "" if kind is None else kind.limitation
