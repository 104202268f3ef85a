"""What no plan can do, found before anything is meshed or solved."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
from scipy.spatial import cKDTree

from ..arrays import Array
from ..dose import cem43_rate
from ..errors import InputError
from ..goals import Goal, contradictions, default_limits
from ..protocol import Protocol
from ..tracer import slp_w_kg
from .candidates import LEVELS
from .inputs import Inputs

NEAR_M = 3e-3
"""Tracer this close to a region, or within the image's blur, may heat it."""
LEAST_HEAT_J_M3_K = 2e6
"""Fat holds 2.1 MJ/m3/K, other soft tissue more [ITIS5]: nothing warms faster than this lets it."""
BOILING_C = 100.0
EDDY_K_MIN = 0.2
"""Eddy currents at 13 mT and 354 kHz warm the edge of a mouse, 6.3 W/kg, by 0.11 K a minute if no heat leaves it."""


def refuse_impossible_goals(inputs: Inputs) -> None:
    """Raise with everything that no plan of this protocol can do."""
    where = inputs.protocol.path.name
    complaints = [f"{where}: {text}" for text in impossible(inputs)]
    if complaints:
        raise InputError(complaints)


def impossible(inputs: Inputs) -> Iterator[str]:
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
    if protocol.steering.directions and (device.kind != "ffl" or device.rotating):
        yield ('steering.directions: are those that a line may be mounted in; expected a device of kind "ffl" that '
               "does not turn by itself")
    low, high = device.amplitude_range_t
    if high <= 0.0:
        yield ("device.amplitude_range ends at 0 mT: no drive field, so nothing can be heated; expected a range "
               'such as ["0 mT", "13 mT"]')
        return
    levels = protocol.steering.amplitudes_t or tuple(device.amplitude_t * level for level in LEVELS)
    if not any(low * (1 - 1e-9) <= level <= high * (1 + 1e-9) for level in levels):
        yield from device.violations(amplitude_t=levels)


def _out_of_reach(inputs: Inputs) -> Iterator[str]:
    """Targets that the field-free region cannot be put on."""
    device = inputs.protocol.device
    for name in inputs.targets:
        if name in inputs.tissues and not device.reachable(centre := inputs.centroid_m(name))[0]:
            yield f"goals: region {name}: {device.violations(centers_m=centre)[0]}"


def _without_tracer(inputs: Inputs) -> Iterator[str]:
    """Regions that must get warm, and cannot even if no heat left them and no field quenched their tracer."""
    protocol = inputs.protocol
    wishes = [(goal, name) for goal in protocol.goals if goal.kind == "goal" and goal.sense == "at_least"
              for name in goal.region if name in inputs.tissues]
    minutes = protocol.session.duration_s / 60.0
    device = protocol.device
    slp = float(slp_w_kg(protocol.tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz))
    eddy_k = EDDY_K_MIN * minutes if device.eddy_currents else 0.0
    for goal, name in wishes:
        iron_kg_m3, mass_kg = _tracer_near(inputs, name)
        rise_k = slp * iron_kg_m3 * 60.0 * minutes / LEAST_HEAT_J_M3_K + eddy_k
        highest = min(protocol.physiology.arterial_c + rise_k, BOILING_C)
        wish = goal.searched
        reached = minutes * float(cem43_rate(highest)) if wish.parts.is_dose else highest
        if reached < wish.bound:
            yield (f"goals: region {name}: holds {1e6 * mass_kg:.2g} mg of iron, {iron_kg_m3:.2g} mg/mL at most: "
                   f"{goal.metric} {goal.said(goal.bound)} is out of reach in {minutes:.3g} min; check the iron image, "
                   "its registration and its unit")


def _tracer_near(inputs: Inputs, name: str) -> tuple[float, float]:
    """Highest concentration (kg/m3) and mass (kg) of the tracer in and near a region."""
    image = inputs.iron.image
    index = np.argwhere(image.data > 0)
    if not len(index):
        return 0.0, 0.0
    values = np.asarray(image.data[tuple(index.T)], float)
    reach = max(NEAR_M, inputs.iron.fwhm_m or 0.0) + 0.5 * float(np.linalg.norm(image.spacing_m))
    distance = cKDTree(_points_m(inputs, name)).query(image.positions_m(index), distance_upper_bound=reach)[0]
    near = values[np.isfinite(distance)]
    mass = float(near.sum()) * image.voxel_volume_m3
    return max(float(near.max(initial=0.0)), mass / (1e-9 * inputs.volumes_mm3()[name])), mass


def _points_m(inputs: Inputs, name: str) -> Array:
    if inputs.mesh is not None:
        return inputs.mesh.points_m[np.unique(inputs.mesh.tets[inputs.mesh.cells(name)])]
    labels = [k for k, v in inputs.table.items() if v[0] == name]
    return inputs.labels.positions_m(np.argwhere(np.isin(inputs.labels.data, labels)))


def _contradictory(inputs: Inputs) -> Iterator[str]:
    protocol = inputs.protocol
    if not protocol.goals:
        return
    body = SimpleNamespace(region_names=tuple(inputs.tissues), tissue_names=tuple(inputs.tissues.values()))
    defaults = default_limits(protocol.goals, body, core=protocol.physiology.core == "pool")
    everything: tuple[Goal, ...] = (*protocol.goals, *defaults)
    for text in contradictions(everything, protocol.session.duration_s, protocol.physiology.arterial_c):
        yield f"goals: {text}"
