"""Dose of a temperature's course: CEM43T90 is the dose of what T90 was at each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...base.arrays import Array
from .cem43 import LN2, dose_min, dose_slope
from .metric import DOUBLINGS, JudgedTimes, Linearization, MetricKind, MetricSlope, PercentileFinder, Scale
from .statistics import Statistic, parse_statistic, statistic, statistic_name
from .temperature import course_of, linearization_of_wish, statistic_mixture

_PREFIX = "CEM43T"


@dataclass(frozen=True, slots=True)
class CourseDoseMetric:
    """CEM43 of the course of a statistic of temperature, cool-down included."""

    statistic: Statistic
    scale: ClassVar[Scale] = DOUBLINGS
    dose_first: ClassVar[bool] = False
    caps_temperature: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"{_PREFIX}{statistic_name(self.statistic)}"

    @property
    def temperature_name(self) -> str:
        return f"T{statistic_name(self.statistic)}"

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        return statistic(values, weights_m3, self.statistic)

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        return dose_min(judged.times_s, course)

    def searched(self, bound: float) -> tuple[CourseDoseMetric, float]:
        return self, bound

    def slope(
        self, temperature_c: Array, weights_m3: Array, judged: JudgedTimes, find_percentile: PercentileFinder
    ) -> tuple[float, MetricSlope]:
        nodes, mix = statistic_mixture(temperature_c, weights_m3, self.statistic, find_percentile)
        dose, by_course = dose_slope(judged.times_s, course_of(temperature_c, nodes, mix))
        return float(np.log2(dose)), MetricSlope(nodes, mix, by_course / (dose * LN2))

    def is_convex(self, *, at_least: bool, below_43_c: bool = False) -> bool:
        return False

    def linearization(self, *, at_least: bool) -> Linearization:
        return linearization_of_wish(self.statistic) if at_least else Linearization.TANGENTS

    def harmless_below_c(self, bound: float, treatment_min: float) -> float | None:
        return None


def _parse(name: str) -> CourseDoseMetric | None:
    which = parse_statistic(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None
    return None if which is None else CourseDoseMetric(which)


KIND = MetricKind(_parse, ("CEM43T90", "CEM43T50", "CEM43T10", "CEM43Tmin", "CEM43Tmean", "CEM43Tmax"))
