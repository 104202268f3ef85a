"""Protocols that can be simulated and not planned, with the reasons."""

from __future__ import annotations

from ...base.errors import InputError
from ...goals import target_regions
from ...protocol import Protocol


def planning_faults(protocol: Protocol) -> list[str]:
    """Reasons for which no plan can be made of a protocol, by key; empty where one can."""
    found = []
    if protocol.mesh.order == 2:
        found.append(
            "mesh.order = 2: only simulate has quadratic elements, as a plan plays thousands of "
            "dwells again and again: plan with order = 1, then simulate its trajectory.csv with --set mesh.order=2"
        )
    if not protocol.heater_shift_noticed:
        found.append(
            "device.heater_shift_noticed = false: a plan follows the shift; "
            "simulate a trajectory to see what it costs when nobody notices"
        )
    if not target_regions(protocol.goals):
        found.append(
            "goals: missing: a plan needs at least one, such as "
            'region = "tumour", metric = "CEM43T90", at_least = "10 min"'
        )
    return found


def refuse_unplannable(protocol: Protocol) -> None:
    """Raise where a protocol can only be simulated."""
    if faults := planning_faults(protocol):
        raise InputError([f"{protocol.path.name}: {text}" for text in faults])
