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

from ..arrays import Array, IntArray
from ..errors import InputError, SolverError
from .problem import BioheatProblem
from .system import ThermalSystem, solved

STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
"""Exact in the SI since 2019, to the digits shown [CODATA2018]."""

ZERO_C_K = 273.15
STEADY_TOLERANCE_K = 1e-9
STEADY_ROUNDS = 60


class Feedback(Protocol):
    """Power on top of the linear system."""

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``."""

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``, derivative against the dof's own temperature, zero or less."""


@dataclass(frozen=True, slots=True, eq=False)
class PerfusionLaw:
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
        Temperature of the blood where it is not a state.
    """

    nodes: IntArray
    volumes_m3: Array
    law: Callable[[Array], Array]
    constant_w_m3_k: Array
    arterial_c: float
    n_nodes: int

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        here, blood = temperature_c[self.nodes], self._blood(temperature_c)
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
            self.volumes_m3 * (rising * (self._blood(temperature_c) - here) - more), 0.0)
        return slope

    def _blood(self, temperature_c: Array) -> float:
        return float(temperature_c[-1]) if len(temperature_c) > self.n_nodes else self.arterial_c


@dataclass(frozen=True, slots=True, eq=False)
class Radiation:
    """Grey surface to surroundings: ``- eps sigma (T^4 - T_inf^4)`` with kelvin inside.

    Parameters
    ----------
    areas_m2
        ``(n_dof,)`` area that each node stands for, zero off the surface and for the blood.
    """

    areas_m2: Array
    emissivity: float
    surroundings_c: float

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        kelvin, around = temperature_c + ZERO_C_K, self.surroundings_c + ZERO_C_K
        return -self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * self.areas_m2 * (kelvin**4 - around**4)

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        kelvin = temperature_c + ZERO_C_K
        return -4.0 * self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * self.areas_m2 * kelvin**3


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Surroundings of a given course, ``exchange_w_k * (T(t) - T(0))``: air that coils warm, or measured blood.

    Parameters
    ----------
    exchange_w_k
        ``(n_dof,)`` heat transfer times area of each node; for blood, ``system.perfused_w_k`` with a fixed core.
    times_s, temperature_c
        ``(k,)`` course, linear between its points and constant outside them.
    """

    exchange_w_k: Array
    times_s: Array
    temperature_c: Array

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        change = np.interp(time_s, self.times_s, self.temperature_c) - self.temperature_c[0]
        return self.exchange_w_k * change

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


def perfusion_laws(problem: BioheatProblem, laws: Mapping[str, Callable[[Array], Array]]) -> Together:
    """One law for each named region of the problem."""
    anatomy, parts = problem.anatomy, []
    for name, law in laws.items():
        volume = anatomy.node_weights_m3(anatomy.cells(name))
        nodes = np.flatnonzero(volume)
        constant = problem.perfusion_w_m3_k[anatomy.region_names.index(name)]
        parts.append(PerfusionLaw(nodes, volume[nodes], law, np.full(len(nodes), constant),
                                  problem.arterial_c, len(anatomy.points_m)))
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
        raise SolverError(f"steady state with feedback: still moving by {np.abs(step).max():.1e} K "
                          f"after {STEADY_ROUNDS} rounds")
    drawn = float(feedback.power_w(0.0, state)[n:].sum() + system.perfused_w_k[:n] @ (state - start)[:n])
    return replace(system, base_c=state, thermoregulation_w=system.thermoregulation_w - drawn * system.has_blood)


def known_laws(names: Mapping[str, str], laws: Mapping[str, Callable[[Array], Array]]) -> dict:
    """Region to law from region to name; all unknown names in one complaint."""
    known = ", ".join(laws)
    wrong = [f'{region}: perfusion law "{name}": expected one of {known}'
             for region, name in names.items() if name not in laws]
    if wrong:
        raise InputError(wrong)
    return {region: laws[name] for region, name in names.items()}
