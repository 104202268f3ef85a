"""The heat problem as data [Pennes1948]: coefficients per region, boundaries, blood. No finite elements here.

rho c dT/dt = div(k grad T) - W (T - T_b) + q_met + q,    W = w rho_b c_b
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray, finite, freeze, put, unit
from ..base.errors import InputError
from .vessels import Vessel

BOUNDARY_KINDS = ("robin", "dirichlet", "insulated")
CORE_KINDS = ("pool", "fixed")
WARMING_KINDS = ("constant", "regulated", "passive", "off")
FACING_COSINE = float(np.cos(np.pi / 4.0))
"""Cosine of the angle within which a facet faces a direction: of a round body, a quarter of its girth lies on a bed."""


@dataclass(frozen=True, slots=True, eq=False)
class TemperatureCourse:
    """A temperature that is given over time ``(k,)``: linear between its points, constant outside them."""

    times_s: Array
    temperature_c: Array

    def __post_init__(self) -> None:
        times, values = finite(self.times_s, "course: times"), finite(self.temperature_c, "course: temperatures")
        if times.ndim != 1 or times.shape != values.shape or len(times) < 2 or not (np.diff(times) > 0.0).all():
            raise InputError("course: expected two or more times that rise, each with a temperature")
        put(self, times_s=times, temperature_c=values)

    @overload
    def at(self, time_s: float) -> float: ...

    @overload
    def at(self, time_s: Array) -> Array: ...

    def at(self, time_s: float | Array) -> float | Array:
        """Temperature at a time, or at each of several."""
        return np.interp(time_s, self.times_s, self.temperature_c)


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """Boundary condition of the skin, or of a part of it. Of two boundaries on one facet the later holds.

    Parameters
    ----------
    kind
        ``robin`` (heat transfer to surroundings at ``temperature_c``), ``dirichlet`` (held at it) or ``insulated``.
    triangles
        ``(k, 3)`` node numbers on the outer surface; None is all of it.
    normal
        Only facets whose outward normal is within 45 degrees of this direction, such as those on a bed.
    course
        Surroundings that are at ``temperature_c`` at the start and then change, such as air that coils warm; ``robin``
        only.
    emissivity
        Of a grey surface that radiates to ``surroundings_c``, at ``temperature_c`` if None; ``robin`` only.
    name
        Its name in complaints.
    """

    kind: str
    heat_transfer_w_m2_k: float = 0.0
    temperature_c: float = 0.0
    triangles: IntArray | None = None
    normal: Array | None = None
    course: TemperatureCourse | None = None
    emissivity: float = 0.0
    surroundings_c: float | None = None
    name: str = "boundary"

    def __post_init__(self) -> None:
        wrong = []
        if self.kind not in BOUNDARY_KINDS:
            wrong.append(f'{self.name}: kind = "{self.kind}": expected one of {", ".join(BOUNDARY_KINDS)}')
        if not 0.0 <= self.heat_transfer_w_m2_k < np.inf:
            wrong.append(f"{self.name}: heat transfer = {self.heat_transfer_w_m2_k} W/m^2/K: expected 0 or more")
        if not np.isfinite(self.temperature_c):
            wrong.append(f"{self.name}: temperature = {self.temperature_c} degC: expected a finite number")
        if not 0.0 <= self.emissivity <= 1.0:
            wrong.append(f"{self.name}: emissivity = {self.emissivity}: expected 0 to 1, such as 0.98 for skin")
        if self.kind != "robin" and (self.emissivity or self.course is not None):
            wrong.append(f'{self.name}: kind = "{self.kind}": expected "robin" where it radiates or follows a course')
        if self.course is not None and not np.isclose(self.course.at(0.0), self.temperature_c, rtol=0.0, atol=1e-9):
            wrong.append(
                f"{self.name}: temperature = {self.temperature_c} degC: expected that of its course at the "
                f"start, {self.course.at(0.0):g} degC"
            )
        if wrong:
            raise InputError(wrong)
        if self.triangles is not None:
            put(self, triangles=freeze(self.triangles, np.int64))
        if self.normal is not None:
            put(self, normal=unit(self.normal, "boundary normal"))

    @property
    def walls_c(self) -> float:
        """Temperature that the surface radiates to."""
        return self.temperature_c if self.surroundings_c is None else self.surroundings_c


@dataclass(frozen=True, slots=True, eq=False)
class Warming:
    """Heat that keeps the animal warm, on top of its metabolism.

    Parameters
    ----------
    kind
        ``constant`` (a source in the blood that holds the core before heating and never changes), ``off`` (the same
        source until heating begins, and nothing from then on), ``passive`` (none: the core before heating is what
        metabolism and surroundings give), or ``regulated``: a pad or lamp on a surface, of power
        ``P_0 - max_power / band (reading - set point)``, no less than zero and no more than the maximum, where ``P_0``
        holds the set point before heating.
    set_point_c
        Reading that is held, None is the core's temperature before heating.
    band_k
        Proportional band: change of the reading over which power goes from its maximum to zero.
    max_power_w
        Greatest power; None is `HEADROOM` times what holds the set point before heating.
    triangles, normal
        Surface that the heat enters through, as of a `Boundary`; evenly over its area.
    region
        Region whose mean temperature is read; None is the blood, the core's temperature.
    name
        Its name in complaints.
    """

    kind: str = "constant"
    set_point_c: float | None = None
    band_k: float = 0.2
    max_power_w: float | None = None
    triangles: IntArray | None = None
    normal: Array | None = None
    region: str | None = None
    name: str = "warming"

    def __post_init__(self) -> None:
        wrong = []
        if self.kind not in WARMING_KINDS:
            wrong.append(f'{self.name}: kind = "{self.kind}": expected one of {", ".join(WARMING_KINDS)}')
        if self.set_point_c is not None and not np.isfinite(self.set_point_c):
            wrong.append(f"{self.name}: set point = {self.set_point_c} degC: expected a finite temperature")
        if not 0.0 < self.band_k < np.inf:
            wrong.append(f"{self.name}: band = {self.band_k} K: expected more than zero, such as 0.2 K")
        if self.max_power_w is not None and not 0.0 <= self.max_power_w < np.inf:
            wrong.append(f"{self.name}: max power = {self.max_power_w} W: expected zero or more")
        if wrong:
            raise InputError(wrong)
        if self.triangles is not None:
            put(self, triangles=freeze(self.triangles, np.int64))
        if self.normal is not None:
            put(self, normal=unit(self.normal, f"{self.name} normal"))


@dataclass(frozen=True, slots=True, eq=False)
class BioheatProblem:
    """One entry a region in each coefficient, in the order of ``anatomy.region_names``.

    Parameters
    ----------
    perfusion_w_m3_k
        ``w rho_b c_b``: heat that blood one kelvin cooler carries off.
    arterial_c
        Core temperature before heating.
    core
        ``pool``: blood is well mixed, of capacity ``blood_j_k``, and a state; ``fixed``: at ``arterial_c``.
    core_course
        Temperature of a ``fixed`` core over time, from ``arterial_c`` on: a rectal thermometer's readings.
    laws
        Region -> perfusion in W/m3/K at temperatures in degC, where it depends on them; ``perfusion_w_m3_k`` is then
        what the linear system has.
    vessels
        Lines that exchange heat with the tissue about them; their blood is at the core's temperature.
    warming
        Heat that keeps the animal warm; with a ``fixed`` core there is none beside what fixes it.
    """

    anatomy: Anatomy
    density_kg_m3: Array
    heat_capacity_j_kg_k: Array
    conductivity_w_m_k: Array
    perfusion_w_m3_k: Array
    metabolic_w_m3: Array
    boundaries: tuple[Boundary, ...]
    arterial_c: float
    core: str = "pool"
    blood_j_k: float = 0.0
    core_course: TemperatureCourse | None = None
    laws: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    vessels: tuple[Vessel, ...] = ()
    warming: Warming = field(default_factory=Warming)

    def __post_init__(self) -> None:
        wrong: list[str] = []
        for name, words in _COEFFICIENTS.items():
            values = finite(getattr(self, name), name)
            put(self, **{name: values})
            wrong += _bad_entries(self.anatomy.region_names, values, *words)
        if self.core not in CORE_KINDS:
            wrong.append(f'core = "{self.core}": expected one of {", ".join(CORE_KINDS)}')
        if self.core == "pool" and not 0.0 < self.blood_j_k < np.inf:
            wrong.append(f"blood capacity = {self.blood_j_k} J/K: expected more than zero, such as 4.5")
        if not np.isfinite(self.arterial_c):
            wrong.append(f"arterial = {self.arterial_c} degC: expected a finite temperature, such as 36.5")
        wrong += [*_bad_course(self), *_bad_warming(self)]
        wrong += [
            f'perfusion law of "{name}": not a region; expected one of {", ".join(self.anatomy.region_names)}'
            for name in self.laws
            if name not in self.anatomy.region_names
        ]
        if wrong:
            raise InputError(wrong)
        put(self, boundaries=tuple(self.boundaries))

    @property
    def capacity_j_m3_k(self) -> Array:
        """``rho c`` of each region."""
        return self.density_kg_m3 * self.heat_capacity_j_kg_k


_COEFFICIENTS = {
    "density_kg_m3": ("density", "kg/m^3", True),
    "heat_capacity_j_kg_k": ("heat capacity", "J/kg/K", True),
    "conductivity_w_m_k": ("conductivity", "W/m/K", True),
    "perfusion_w_m3_k": ("perfusion", "W/m^3/K", False),
    "metabolic_w_m3": ("metabolic heat", "W/m^3", False),
}


def _bad_course(problem: BioheatProblem) -> list[str]:
    course = problem.core_course
    if course is None:
        return []
    if problem.core != "fixed":
        return [f'core = "{problem.core}": expected "fixed" where the core follows a given course']
    if not np.isclose(course.at(0.0), problem.arterial_c, rtol=0.0, atol=1e-9):
        return [
            f"arterial = {problem.arterial_c} degC: expected that of the core's course at the start, "
            f"{course.at(0.0):g} degC"
        ]
    return []


def _bad_warming(problem: BioheatProblem) -> list[str]:
    warming, regions = problem.warming, problem.anatomy.region_names
    if warming.kind != "constant" and problem.core != "pool":
        return [f'{warming.name}: kind = "{warming.kind}": expected core = "pool", as a fixed core needs no warming']
    if warming.region is not None and warming.region not in regions:
        return [f'{warming.name}: probe = "{warming.region}": not a region; expected one of {", ".join(regions)}']
    return []


def _bad_entries(regions: tuple[str, ...], values: Array, what: str, unit_name: str, positive: bool) -> list[str]:
    if values.shape != (len(regions),):
        return [f"{what}: expected one value for each of {len(regions)} regions, got shape {values.shape}"]
    least = "more than zero" if positive else "zero or more"
    bad = values <= 0.0 if positive else values < 0.0
    return [f"{regions[i]}: {what} = {values[i]:g} {unit_name}: expected {least}" for i in np.flatnonzero(bad)]
