"""Upper bound on the temperature of a region, reckoned before anything is meshed or solved.

Blood warms by all the power that the body takes up until the core's limit stops it; metabolism, tracer and eddy
currents warm tissue above its blood until perfusion holds them, or as fast as its heat capacity lets them. Heat that
leaves through the skin or into colder neighbours is left out, and of the cool-down three minutes count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ...anatomy.tissue import Tissue, canonical_tissue, scaled_metabolism
from ...base.arrays import Array, IntArray
from ...goals import CORE, Goal, default_limits
from ...goals.metrics.cem43 import cem43_rate
from ...protocol import PerfusionCourse
from ...tracer.tracer import slp_w_kg
from ..case.case import case_tissues
from ..case.inputs import Inputs

NEAR_M = 3e-3
"""Tracer and tissue this close to a region, or within the image's blur, may heat it."""
LEAST_HEAT_J_M3_K = 2e6
"""Fat holds 2.1 MJ/m3/K, other soft tissue more [ITIS5]: no tracer warms it faster than this lets it."""
BOILING_C = 100.0
"""Highest temperature of a bound: water boils."""
COOL_DOWN_S = 180.0
"""Time after heating that a dose is bounded over; longer, and the bound lets goals pass that no plan meets."""
EDDY_E = 2.0
"""Induced field, in parts of that of one round cylinder as wide as the body, where it grows from the middle to the rim:
in 99 % of every tissue of the shipped mouse it is 1.8 of that at the rim at most (bone)."""
_STEPS = 61
"""Times that a course is bounded at, evenly over the heating."""


@dataclass(frozen=True, slots=True)
class Near:
    """Surroundings of a region: highest concentration (kg/m3) and mass (kg) of tracer, the tissues, and how far
    from the body's middle line it reaches, in radii of the body."""

    iron_kg_m3: float
    iron_kg: float
    tissues: tuple[str, ...]
    radii: float


class TemperatureBound:
    """Bounds on the temperature of any region of one protocol's body."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs, self.protocol = inputs, inputs.protocol
        names = list(inputs.tissues)
        volumes = np.array([inputs.volumes_mm3()[name] for name in names]) * 1e-9
        tissues = case_tissues(self.protocol, tuple(inputs.tissues.values()))
        self._places = {name: inputs.body.points_m(name) for name in names}
        drive_t = self.protocol.device.amplitude_t * self._strongest_drive()
        device = self.protocol.device
        slp = float(slp_w_kg(self.protocol.tracer, amplitude_t=drive_t, frequency_hz=device.frequency_hz))
        self._girth = _Girth(list(self._places.values()), volumes, device.drive_axis)
        field_v_m = np.pi * device.frequency_hz * drive_t * self._girth.radius_m if device.eddy_currents else 0.0
        sigma = np.array([t.electrical_conductivity_s_m for t in tissues])
        self.slp_w_kg = slp
        self._eddy_w_m3 = dict(zip(names, 0.5 * sigma * (EDDY_E * field_v_m) ** 2, strict=True))
        metabolic = scaled_metabolism(tissues, volumes, self.protocol.anatomy.species)
        self._metabolic_w_m3 = dict(zip(names, metabolic, strict=True))
        self._tissues = dict(zip(names, tissues, strict=True))
        power = slp * inputs.iron.mass_kg + float(0.5 * field_v_m**2 * sigma @ volumes)
        self._blood_k_s, self._ahead_s = self._blood(tissues, volumes, power)

    def most(self, goal: Goal, near: Near) -> float:
        """A value of the goal's metric, degrees C or minutes, that no plan exceeds in a region with this near it."""
        times = np.linspace(0.0, self.protocol.session.duration_s, _STEPS)
        course = np.minimum(self.course_c(times, near), BOILING_C)
        if not goal.searched.measure.scale.is_logarithmic:
            return float(course[-1])
        rate = cem43_rate(course)
        return float(np.trapezoid(rate, times / 60.0) + COOL_DOWN_S / 60.0 * rate[-1])

    def course_c(self, times_s: Array, near: Near) -> Array:
        """Temperature ``(t,)`` that tissue with this near it stays below."""
        return self._blood_c(times_s) + self._local_k(times_s, near)

    def near(self, name: str) -> Near:
        """The tracer and tissues that may heat a region."""
        radii, tissues = self._girth.radii(self._places[name]), tuple(self.inputs.body.neighbours(name, NEAR_M))
        image = self.inputs.iron.image
        index = np.argwhere(image.data > 0)
        if not len(index):
            return Near(0.0, 0.0, tissues, radii)
        values = np.asarray(image.data[tuple(index.T)], float)
        reach = max(NEAR_M, self.inputs.iron.fwhm_m or 0.0) + 0.5 * float(np.linalg.norm(image.spacing_m))
        tree = cKDTree(self._places[name])
        near = values[np.isfinite(tree.query(image.positions_m(index), distance_upper_bound=reach)[0])]
        mass = float(near.sum()) * image.voxel_volume_m3
        highest = max(float(near.max(initial=0.0)), mass / (1e-9 * self.inputs.volumes_mm3()[name]))
        return Near(highest, mass, tissues, radii)

    def _blood(self, tissues: Sequence[Tissue], volumes_m3: Array, power_w: float) -> tuple[float, float]:
        """Rate of the blood if all heat stays in perfused tissue (K/s), and the time by which it is ahead of that."""
        flow = np.array([self._flow_w_m3_k(t) for t in tissues])
        capacity = np.array([t.density_kg_m3 * t.heat_capacity_j_kg_k for t in tissues]) * volumes_m3
        capacity, flow_w_k = capacity[flow > 0.0], (flow * volumes_m3)[flow > 0.0]
        whole = float(capacity.sum())
        if whole == 0.0:
            return 0.0, 0.0
        return power_w / whole, float((capacity**2 / flow_w_k).sum() / whole)

    def _blood_c(self, times_s: Array) -> Array:
        """Bound on blood and surroundings: all heat stays in the body, until the core's limit."""
        physiology, surroundings = self.protocol.physiology, self._surroundings_c()
        if physiology.core == "fixed":
            course = physiology.core_course
            blood = physiology.arterial_c if course is None else float(np.max(course.at(times_s)))
            return np.full(len(times_s), max(blood, surroundings))
        limits = [
            goal.bound
            for goal in (*self.protocol.goals, *self._defaults())
            if CORE in goal.region and goal.kind == "limit" and goal.metric == "Tmax"
        ]
        warmed = physiology.arterial_c + self._blood_k_s * (times_s + self._ahead_s)
        result: Array = np.maximum(np.minimum(warmed, min(limits, default=BOILING_C)), surroundings)
        return result

    def _defaults(self) -> Sequence[Goal]:
        return default_limits(self.protocol.goals, {})

    def _surroundings_c(self) -> float:
        found = [self.protocol.physiology.arterial_c]
        for surface in (self.protocol.skin, self.protocol.bed):
            if surface is not None and surface.kind != "insulated":
                course = [] if surface.course is None else list(surface.course.temperature_c)
                found += [surface.temperature_c, *course, *filter(None, [surface.surroundings_c])]
        return max(found)

    def _local_k(self, times_s: Array, near: Near) -> Array:
        """Rise above the blood ``(t,)`` of metabolism, eddy currents and tracer among the tissues near."""
        steady, fastest, at_rest = 0.0, 0.0, 0.0
        for name in near.tissues:
            tissue, flow = self._tissues[name], self._flow_w_m3_k(self._tissues[name])
            eddy, rest = near.radii**2 * self._eddy_w_m3[name], self._metabolic_w_m3[name]
            iron = self.slp_w_kg * near.iron_kg_m3
            steady = max(steady, _steady_rise_k(iron + eddy + rest, flow))
            at_rest = max(at_rest, _steady_rise_k(rest, tissue.perfusion_w_m3_k))
            capacity = tissue.density_kg_m3 * tissue.heat_capacity_j_kg_k
            fastest = max(fastest, iron / LEAST_HEAT_J_M3_K + (eddy + (rest if flow == 0.0 else 0.0)) / capacity)
        return np.minimum(at_rest + fastest * times_s, steady)

    def _flow_w_m3_k(self, tissue: Tissue) -> float:
        """Perfusion that is sure to be there: none where heat may shut it down."""
        given = {canonical_tissue(name): part.perfusion for name, part in self.protocol.tissues.items()}
        return 0.0 if isinstance(given.get(tissue.name), PerfusionCourse) else tissue.perfusion_w_m3_k

    def _strongest_drive(self) -> float:
        device = self.protocol.device
        if device.drive is None:
            return 1.0
        return max(float(device.drive_at(points)[0].max(initial=0.0)) for points in self._places.values())


class _Girth:
    """The body in slabs across an axis: the middle of each, and the radius of the circle as large as the largest."""

    def __init__(self, places: Sequence[Array], volumes_m3: Array, axis: Array) -> None:
        self.axis, points = axis, np.concatenate(places)
        weights = np.concatenate([np.full(len(p), v / max(len(p), 1)) for p, v in zip(places, volumes_m3, strict=True)])
        reach = points @ axis
        self.low, length = float(reach.min()), max(float(np.ptp(reach)), NEAR_M)
        self.slabs = max(1, round(length / NEAR_M))
        self.slab_m = length / self.slabs
        slab, across = self._slab(points), points - np.outer(reach, axis)
        volume = np.bincount(slab, weights, self.slabs)
        sums = np.array([np.bincount(slab, weights * x, self.slabs) for x in across.T])
        self.middle_m = (sums / np.maximum(volume, 1e-30)).T
        self.radius_m = float(np.sqrt(volume.max() / self.slab_m / np.pi))

    def _slab(self, points_m: Array) -> IntArray:
        result: IntArray = np.clip(((points_m @ self.axis - self.low) / self.slab_m).astype(int), 0, self.slabs - 1)
        return result

    def radii(self, points_m: Array) -> float:
        """Distance of points, and of what is near them, from the middle line, in radii; 1 at most."""
        across = points_m - np.outer(points_m @ self.axis, self.axis) - self.middle_m[self._slab(points_m)]
        return min(1.0, (float(np.linalg.norm(across, axis=1).max()) + NEAR_M) / self.radius_m)


def _steady_rise_k(power_w_m3: float, flow_w_m3_k: float) -> float:
    """Rise at which perfusion carries off a power; infinite without any."""
    if power_w_m3 == 0.0:
        return 0.0
    return power_w_m3 / flow_w_m3_k if flow_w_m3_k > 0.0 else np.inf
