"""What depends on temperature or time: perfusion laws, radiation from the skin, air that warms up.

Each is a power in W on every dof that comes on top of the linear system, and its slope against the dof's own
temperature; the matrices stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..base.arrays import Array, IntArray
from ..base.errors import SolverError
from .problem import BioheatProblem, TemperatureCourse
from .radiation import Radiation, linear_w_m2_k
from .skin import skin_conditions
from .system import ThermalSystem, solved

STEADY_TOLERANCE_K = 1e-9
STEADY_ROUNDS = 60


class Feedback(Protocol):
    """Power on top of the linear system."""

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``."""

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``, derivative against the dof's own temperature, zero or less."""


@dataclass(frozen=True, slots=True, eq=False)
class PerfusionFeedback:
    """Perfusion ``W(T)`` in the nodes of some regions, where the linear system has a constant.

    Parameters
    ----------
    nodes, volumes_m3
        ``(k,)`` nodes and the volume of the regions that each carries.
    law
        Temperatures in degC to W/m3/K.
    constant_w_m3_k
        ``(k,)`` perfusion that the linear system has there.
    arterial_c
        Temperature of the blood where it is not a state, or its course.
    """

    nodes: IntArray
    volumes_m3: Array
    law: Callable[[Array], Array]
    constant_w_m3_k: Array
    arterial_c: float | TemperatureCourse
    n_nodes: int

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        here, blood = temperature_c[self.nodes], self._blood(time_s, temperature_c)
        flow = self.volumes_m3 * (self.law(here) - self.constant_w_m3_k) * (blood - here)
        power = np.zeros(len(temperature_c))
        power[self.nodes] = flow
        power[self.n_nodes :] = -flow.sum()
        return power

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        here, step = temperature_c[self.nodes], 1e-4
        rising = (self.law(here + step) - self.law(here - step)) / (2.0 * step)
        more = self.law(here) - self.constant_w_m3_k
        slope = np.zeros(len(temperature_c))
        slope[self.nodes] = np.minimum(
            self.volumes_m3 * (rising * (self._blood(time_s, temperature_c) - here) - more), 0.0
        )
        return slope

    def _blood(self, time_s: float, temperature_c: Array) -> float:
        if len(temperature_c) > self.n_nodes:
            return float(temperature_c[-1])
        return self.arterial_c if isinstance(self.arterial_c, float | int) else float(self.arterial_c.at(time_s))


@dataclass(frozen=True, slots=True, eq=False)
class CourseFeedback:
    """Surroundings of a given course, ``exchange_w_k * (T(t) - T(0))``: air that coils warm, or measured blood.

    Parameters
    ----------
    exchange_w_k
        ``(n_dof,)`` heat transfer times area of each node; for blood, ``system.perfused_w_k`` with a fixed core.
    given
        The course; the linear system has its value at time 0.
    """

    exchange_w_k: Array
    given: TemperatureCourse

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        return self.exchange_w_k * (self.given.at(time_s) - self.given.at(0.0))

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        return np.zeros(len(temperature_c))


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Several feedbacks as one."""

    parts: tuple[Feedback, ...]

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        return sum((p.power_w(time_s, temperature_c) for p in self.parts), np.zeros(len(temperature_c)))

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        return sum((p.slope_w_k(time_s, temperature_c) for p in self.parts), np.zeros(len(temperature_c)))


def feedback_of(problem: BioheatProblem, system: ThermalSystem) -> Together | None:
    """Whatever of a problem the linear system cannot hold: laws, courses, radiation; None where it holds all."""
    from ..fem import linear

    anatomy, skin = problem.anatomy, skin_conditions(problem)
    parts = list(perfusion_laws(problem, problem.laws).parts)
    if problem.core_course is not None:
        parts.append(CourseFeedback(system.perfused_w_k, problem.core_course))
    for number, boundary in enumerate(problem.boundaries):
        if boundary.course is None and not boundary.emissivity:
            continue
        areas = linear.lumped_surface(anatomy, anatomy.outer, (skin.owner == number).astype(float))
        areas = np.append(areas, np.zeros(system.n_dof - system.n_nodes))
        if boundary.course is not None:
            parts.append(CourseFeedback(boundary.heat_transfer_w_m2_k * areas, boundary.course))
        if boundary.emissivity:
            around = boundary.temperature_c if boundary.surroundings_c is None else boundary.surroundings_c
            linear = linear_w_m2_k(boundary.emissivity, around, problem.arterial_c)
            parts.append(Radiation(areas, boundary.emissivity, around, linear))
    return Together(tuple(parts)) if parts else None


def perfusion_laws(problem: BioheatProblem, laws: Mapping[str, Callable[[Array], Array]]) -> Together:
    """One law for each named region of the problem."""
    anatomy, parts = problem.anatomy, []
    blood = problem.arterial_c if problem.core_course is None else problem.core_course
    for name, law in laws.items():
        volume = anatomy.node_weights_m3(anatomy.cells(name))
        nodes = np.flatnonzero(volume)
        constant = problem.perfusion_w_m3_k[anatomy.region_names.index(name)]
        parts.append(
            PerfusionFeedback(nodes, volume[nodes], law, np.full(len(nodes), constant), blood, len(anatomy.points_m))
        )
    return Together(tuple(parts))


def settled(system: ThermalSystem, feedback: Feedback) -> ThermalSystem:
    """The same system with the steady state before heating that the feedback leads to.

    The blood stays at its temperature; thermoregulation makes up for what it then loses.
    """
    n, start = system.n_nodes, system.base_c
    tissue, state = csr_array(system.stiffness[:n][:, :n]), system.base_c.copy()
    for _ in range(STEADY_ROUNDS):
        power = feedback.power_w(0.0, state)
        missing = power[:n] - tissue @ (state - start)[:n]
        slope = feedback.slope_w_k(0.0, state)[:n]
        missing[system.held], slope[system.held] = 0.0, 0.0
        if not missing.any():
            break
        step = solved(csr_array(tissue - diags_array(slope)), missing, rtol=1e-8)
        state[:n] += step
        if np.abs(step).max() < STEADY_TOLERANCE_K:
            break
    else:
        raise SolverError(
            f"steady state with feedback: still moving by {np.abs(step).max():.1e} K after {STEADY_ROUNDS} rounds"
        )
    drawn = float(feedback.power_w(0.0, state)[n:].sum() + system.perfused_w_k[:n] @ (state - start)[:n])
    return replace(system, base_c=state, thermoregulation_w=system.thermoregulation_w - drawn * system.has_blood)
