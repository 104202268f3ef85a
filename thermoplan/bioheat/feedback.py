"""Feedback on the heat equation: power that follows temperature or time, on top of the linear system.

Perfusion laws, radiation from the skin, and temperatures that are given over time. Each is a power in W on every dof,
and its slope against the dof's own temperature; the matrices stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..base.arrays import Array
from .problem import TemperatureCourse

if TYPE_CHECKING:
    from ..fem.sample_points import SamplePoints  # loads DOLFINx

SLOPE_STEP_K = 1e-4
"""Half the step of the difference quotient of a perfusion law: rounding of the law by 1e-16 is 1e-12 of it per kelvin.
A step twice as long has four times the error of curvature, which is as far below what a solver needs."""


class Feedback(Protocol):
    """Power on top of the linear system."""

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``."""

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        """``(n_dof,)``, derivative against the dof's own temperature, zero or less."""


@dataclass(frozen=True, slots=True, eq=False)
class PerfusionFeedback:
    """Perfusion ``W(T)`` of a region, where the linear system has a constant.

    Parameters
    ----------
    points
        Sample points of the region, whose sizes are volumes.
    law
        Temperatures in degC to W/m3/K.
    constant_w_m3_k
        Perfusion that the linear system has there.
    arterial_c
        Temperature of the blood where it is not a state, or its course.
    """

    points: SamplePoints
    law: Callable[[Array], Array]
    constant_w_m3_k: float
    arterial_c: float | TemperatureCourse

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        n, here = self.points.n, self._temperature(temperature_c)
        excess = self.law(here) - self.constant_w_m3_k
        flow = self.points.sizes * excess * (self._blood(time_s, temperature_c) - here)
        power = np.zeros(len(temperature_c))
        power[:n] = self.points.spread(flow)
        power[n:] = -flow.sum()
        return power

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        here, step = self._temperature(temperature_c), SLOPE_STEP_K
        rising = (self.law(here + step) - self.law(here - step)) / (2.0 * step)
        excess = self.law(here) - self.constant_w_m3_k
        slope = self.points.sizes * (rising * (self._blood(time_s, temperature_c) - here) - excess)
        found = np.zeros(len(temperature_c))
        found[: self.points.n] = self.points.spread_slope(np.minimum(slope, 0.0))
        return found

    def _temperature(self, temperature_c: Array) -> Array:
        return self.points.values(temperature_c[: self.points.n])

    def _blood(self, time_s: float, temperature_c: Array) -> float:
        if len(temperature_c) > self.points.n:
            return float(temperature_c[-1])
        return self.arterial_c.at(time_s) if isinstance(self.arterial_c, TemperatureCourse) else self.arterial_c


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
class FeedbackSum:
    """Sum of several feedbacks."""

    parts: tuple[Feedback, ...]

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        return sum((p.power_w(time_s, temperature_c) for p in self.parts), np.zeros(len(temperature_c)))

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        return sum((p.slope_w_k(time_s, temperature_c) for p in self.parts), np.zeros(len(temperature_c)))
