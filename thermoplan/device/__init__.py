"""Machines: selection field, drive field, frames and limits.

keys of a TOML file (keys) -> Device, whose kind (kinds) has its field (fields) -> what it cannot do (machine_limits)
"""

from __future__ import annotations

from .device import Device, split
from .fields.tensors import traceless
from .keys import AXES, device_from_dict
from .kinds import DEVICE_KINDS, FreeRegion
from .machine_limits import unknown_field

__all__ = ["AXES", "DEVICE_KINDS", "Device", "FreeRegion", "device_from_dict", "split", "traceless", "unknown_field"]
