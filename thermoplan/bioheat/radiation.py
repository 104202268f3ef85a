"""Heat that a grey surface radiates to its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array

if TYPE_CHECKING:
    from ..fem.sample_points import SamplePoints  # loads DOLFINx

STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
"""Exact in the SI since 2019, to the digits shown [CODATA2018]."""

ZERO_C_K = 273.15


def linear_w_m2_k(emissivity: float, surroundings_c: float, arterial_c: float) -> float:
    """Heat transfer that stands for radiation half way between core and surroundings: ``4 eps sigma T^3``."""
    kelvin = 0.5 * (surroundings_c + arterial_c) + ZERO_C_K
    return 4.0 * emissivity * STEFAN_BOLTZMANN_W_M2_K4 * kelvin**3


@dataclass(frozen=True, slots=True, eq=False)
class RadiationFeedback:
    """Grey surface to surroundings: ``- eps sigma (T^4 - T_inf^4)`` with kelvin inside.

    Parameters
    ----------
    points
        Sample points of the surface, whose sizes are areas.
    linear_w_m2_k
        Heat transfer to the surroundings that the linear system has for it already.
    """

    points: SamplePoints
    emissivity: float
    surroundings_c: float
    linear_w_m2_k: float = 0.0

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        kelvin, around = self._kelvin(temperature_c), self.surroundings_c + ZERO_C_K
        radiated = self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * (kelvin**4 - around**4)
        power = np.zeros(len(temperature_c))
        power[: self.points.n] = self.points.spread(
            self.points.sizes * (self.linear_w_m2_k * (kelvin - around) - radiated)
        )
        return power

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        slope = self.linear_w_m2_k - 4.0 * self.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * self._kelvin(temperature_c) ** 3
        found = np.zeros(len(temperature_c))
        found[: self.points.n] = self.points.spread_slope(self.points.sizes * slope.clip(max=0.0))
        return found

    def _kelvin(self, temperature_c: Array) -> Array:
        return self.points.values(temperature_c[: self.points.n]) + ZERO_C_K
