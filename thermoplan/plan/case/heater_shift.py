"""Shift of the animal between imager and heater: what a machine that does not know of it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...protocol import Protocol
from ...trajectory import Trajectory


def shift_trajectory(trajectory: Trajectory, protocol: Protocol) -> Trajectory:
    """The stops where they fall in the animal: behind by the shift, unless the machine follows it."""
    if protocol.heater_shift_noticed:
        return trajectory
    return replace(trajectory, center_m=trajectory.center_m - np.array(protocol.heater_shift_m), windows=())


def shift_notes(protocol: Protocol) -> list[str]:
    """Note that the animal lies elsewhere in the heater than in the imager."""
    if not any(protocol.heater_shift_m):
        return []
    place = " ".join(f"{1e3 * v:g}" for v in protocol.heater_shift_m)
    how = (
        "every stop follows it"
        if protocol.heater_shift_noticed
        else "the machine is not told, so every field-free region is off by it"
    )
    return [f"device.heater_shift: the animal lies {place} mm (RAS) further on in the heater than it was imaged; {how}"]
