"""Heat that a grey surface radiates to its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.arrays import Array

STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
"""Exact in the SI since 2019, to the digits shown [CODATA2018]."""

ZERO_C_K = 273.15


def linear_w_m2_k(emissivity: float, surroundings_c: float, arterial_c: float) -> float:
    """Heat transfer that stands for radiation half way between core and surroundings: ``4 eps sigma T^3``."""
    kelvin = 0.5 * (surroundings_c + arterial_c) + ZERO_C_K
    return 4.0 * emissivity * STEFAN_BOLTZMANN_W_M2_K4 * kelvin**3


@dataclass(frozen=True, slots=True, eq=False)
class Radiation:
    """Grey surface to surroundings: ``- eps sigma (T^4 - T_inf^4)`` with kelvin inside.

    Parameters
    ----------
    areas_m2
        ``(n_dof,)`` area that each node stands for, zero off the surface and for the blood.
    linear_w_m2_k
        Heat transfer to the surroundings that the linear system has for it already.
    """

    areas_m2: Array
    emissivity: float
    surroundings_c: float
    linear_w_m2_k: float = 0.0

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        kelvin, around = temperature_c + ZERO_C_K, self.surroundings_c + ZERO_C_K
        radiated = self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * (kelvin**4 - around**4)
        return self.areas_m2 * (self.linear_w_m2_k * (kelvin - around) - radiated)

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        kelvin = temperature_c + ZERO_C_K
        slope = self.linear_w_m2_k - 4.0 * self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * kelvin**3
        result: Array = self.areas_m2 * slope.clip(max=0.0)
        return result
