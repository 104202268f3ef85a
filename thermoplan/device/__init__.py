"""Machines: selection field, drive field, frames and limits.

keys of a TOML file (keys) -> Device (model) -> tensors of ideal fields (tensors), what it cannot do (limits)
"""

from __future__ import annotations

from .device import Device, split
from .keys import AXES, device_from_dict
from .machine_limits import KINDS, unknown_field
from .tensors import traceless

__all__ = ["AXES", "KINDS", "Device", "device_from_dict", "split", "traceless", "unknown_field"]
