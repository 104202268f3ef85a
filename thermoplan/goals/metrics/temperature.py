"""Statistics of temperature: Tmin, T90, Tmean, Thot5mm3, Tmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...base.arrays import Array, IntArray
from .metric import KELVINS, JudgedTimes, Linearization, MetricKind, MetricSlope, PercentileFinder, Scale
from .statistics import Hottest, Statistic, hottest_parts, parse_statistic, statistic, statistic_name


@dataclass(frozen=True, slots=True)
class TemperatureMetric:
    """A statistic of temperature: its largest in time for at most, its mean over the judged times for at least."""

    statistic: Statistic
    scale: ClassVar[Scale] = KELVINS
    dose_first: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"T{statistic_name(self.statistic)}"

    @property
    def temperature_name(self) -> str:
        return self.name

    @property
    def caps_temperature(self) -> bool:
        return self.statistic == "max"

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        return statistic(values, weights_m3, self.statistic)

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        return np.asarray(judged.of_course(course))

    def searched(self, bound: float) -> tuple[TemperatureMetric, float]:
        return self, bound

    def slope(
        self, temperature_c: Array, weights_m3: Array, judged: JudgedTimes, find_percentile: PercentileFinder
    ) -> tuple[float, MetricSlope]:
        nodes, mix = statistic_mixture(temperature_c, weights_m3, self.statistic, find_percentile)
        value_c, in_time = judged.slope(course_of(temperature_c, nodes, mix))
        return value_c, MetricSlope(nodes, mix, in_time)

    def is_convex(self, *, at_least: bool, below_43_c: bool = False) -> bool:
        """A largest temperature, and a mean over the hottest part, are convex; a least one is concave; a mean both."""
        if isinstance(self.statistic, Hottest):
            return not at_least
        return self.statistic == "mean" or self.statistic == ("min" if at_least else "max")

    def linearization(self, *, at_least: bool) -> Linearization:
        if at_least:
            return linearization_of_wish(self.statistic)
        return Linearization.CUTTING_PLANES if self.caps_temperature else Linearization.TANGENTS

    def harmless_below_c(self, bound: float, treatment_min: float) -> float | None:
        return bound if self.caps_temperature else None


def linearization_of_wish(which: Statistic) -> Linearization:
    """Rows of a wanted statistic of temperature, or of the dose of one: nodes change places in a percentile, and safe
    rows for that exist only from below."""
    if which in ("mean", "max") or isinstance(which, Hottest):
        return Linearization.TANGENTS
    return Linearization.PERCENTILE_KNOTS


def course_of(temperature_c: Array, nodes: IntArray, mix: Array) -> Array:
    """Course ``(t,)`` of a mixture of nodes."""
    result: Array = (np.take_along_axis(temperature_c, nodes, 1) * mix).sum(axis=1)
    return result


def statistic_mixture(
    temperature_c: Array, weights: Array, which: Statistic, find_percentile: PercentileFinder
) -> tuple[IntArray, Array]:
    """Nodes and coefficients ``(t, m)`` that make a statistic at each time."""
    times, n = temperature_c.shape
    if isinstance(which, Hottest):
        return np.tile(np.arange(n), (times, 1)), hottest_parts(temperature_c, weights, which.m3)
    if which == "mean":
        return np.tile(np.arange(n), (times, 1)), np.tile(weights / weights.sum(), (times, 1))
    if isinstance(which, str):
        found = temperature_c.argmin(axis=1) if which == "min" else temperature_c.argmax(axis=1)
        return found[:, None], np.ones((times, 1))
    return find_percentile(temperature_c, weights, 1.0 - which / 100.0)


def _parse(name: str) -> TemperatureMetric | None:
    which = parse_statistic(name.removeprefix("T")) if name.startswith("T") else None
    return None if which is None else TemperatureMetric(which)


KIND = MetricKind(_parse, ("Tmin", "Tmean", "Tmax", "T90", "T50", "T10", "Thot5mm3"))
