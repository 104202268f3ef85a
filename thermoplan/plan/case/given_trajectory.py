"""Trajectory that a protocol or a command gives to be played."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import InputError
from ...files.run.trajectories import read_trajectory
from ...protocol import Protocol
from ...trajectory import Trajectory, limit_violations
from .heater_shift import shift_trajectory


def given_trajectory(protocol: Protocol, path: Path, notes: list[str], where: str = "") -> Trajectory:
    """The trajectory of a file, where it falls in the animal; what the machine cannot play at all is refused, what is
    beyond its limits noted. ``where`` opens each complaint, such as the key that names the file."""
    device, duration = protocol.device, protocol.session.duration_s
    try:
        played = shift_trajectory(read_trajectory(path, device, duration, notes=notes), protocol)
        if out := device.violations(centers_m=played.center_m):
            raise InputError([f"{path.name}: {text}" for text in out])
    except InputError as error:
        raise InputError([f"{where}{text}" for text in error.complaints]) from error
    notes += limit_violations(played, device)
    return played
