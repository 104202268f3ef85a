"""Feasibility of the goals: refusals of what no plan can do, before anything is meshed or solved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...base.errors import InputError
from ...device import FreeRegion
from ...goals import Goal, contradictions, default_limits
from ...protocol import Protocol
from ..case.inputs import Inputs
from .candidates import LEVELS
from .temperature_bound import TemperatureBound


def refuse_impossible_goals(inputs: Inputs) -> None:
    """Raise with everything that no plan of this protocol can do."""
    where = inputs.protocol.path.name
    complaints = [f"{where}: {text}" for text in _impossible(inputs)]
    if complaints:
        raise InputError(complaints)


def _impossible(inputs: Inputs) -> Iterator[str]:
    """A machine without a drive, targets out of its reach or without tracer, goals against limits."""
    protocol = inputs.protocol
    if protocol.goals:
        yield from _no_drive(protocol)
    yield from _out_of_reach(inputs)
    yield from _without_tracer(inputs)
    yield from _contradictory(inputs)


def _no_drive(protocol: Protocol) -> Iterator[str]:
    device = protocol.device
    yield from device.violations(gradient_t_m=protocol.steering.gradients_t_m or ())
    if protocol.steering.directions and (device.region is not FreeRegion.LINE or device.rotating):
        yield (
            'steering.directions: are those that a line may be mounted in; expected a device of kind "ffl" that '
            "does not turn by itself"
        )
    low, high = device.amplitude_range_t
    if high <= 0.0:
        yield (
            "device.amplitude_range ends at 0 mT: no drive field, so nothing can be heated; expected a range "
            'such as ["0 mT", "13 mT"]'
        )
        return
    levels = protocol.steering.amplitudes_t or tuple(device.amplitude_t * level for level in LEVELS)
    if not any(low * (1 - 1e-9) <= level <= high * (1 + 1e-9) for level in levels):
        yield from device.violations(amplitude_t=protocol.steering.amplitudes_t or device.amplitude_t)


def _out_of_reach(inputs: Inputs) -> Iterator[str]:
    """Targets that the field-free region cannot be put on."""
    device = inputs.protocol.device
    for name in inputs.targets:
        if name in inputs.tissues and not device.reachable(centre := inputs.body.centroid_m(name))[0]:
            yield f"goals: region {name}: {device.violations(centers_m=centre)[0]}"


def _without_tracer(inputs: Inputs) -> Iterator[str]:
    """Places that must get warm, and cannot whatever is played: of regions taken as one, none of them."""
    minutes = inputs.protocol.session.duration_s / 60.0
    wishes = [
        goal
        for goal in inputs.protocol.goals
        if goal.kind == "goal" and goal.sense == "at_least" and (goal.shell_m is None or goal.shell_m[1] <= 0.0)
    ]  # tissue around a region may be near other tracer
    if not wishes:
        return
    bound = TemperatureBound(inputs)
    for goal in wishes:
        for place, names in zip(goal.places, _parts(goal), strict=True):
            near = [bound.near(name) for name in names if name in inputs.tissues]
            most = max((bound.most(goal, part) for part in near), default=np.inf)
            if most < goal.searched.bound:
                iron_kg, highest = sum(part.iron_kg for part in near), max(part.iron_kg_m3 for part in near)
                yield (
                    f"goals: region {place}: holds {1e6 * iron_kg:.2g} mg of iron, {highest:.2g} mg/mL at most: "
                    f"{goal.metric} {goal.said(goal.bound)} is out of reach in {minutes:.3g} min, with warm blood "
                    f"and eddy currents no more than {goal.searched.said(most)}; check the iron image, its "
                    "registration and its unit"
                )


def _parts(goal: Goal) -> Sequence[Sequence[str]]:
    """The regions of each place."""
    return [goal.region] if len(goal.places) < len(goal.region) or goal.shell_m else [[name] for name in goal.region]


def _contradictory(inputs: Inputs) -> Iterator[str]:
    protocol = inputs.protocol
    if not protocol.goals:
        return
    defaults = default_limits(protocol.goals, inputs.tissues, core=protocol.physiology.core == "pool")
    everything: tuple[Goal, ...] = (*protocol.goals, *defaults)
    for text in contradictions(everything, protocol.session.duration_s, protocol.physiology.arterial_c):
        yield f"goals: {text}"
