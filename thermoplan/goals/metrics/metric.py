"""Protocol of a metric: one quantity of a region that goals and limits bound, and all that is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from ...base.arrays import Array, IntArray
from .statistics import Statistic, mean_over

PercentileFinder = Callable[[Array, Array, float], tuple[IntArray, Array]]
"""Two nodes ``(t, 2)`` of each row of values ``(t, k)`` with weights ``(k,)``, and their mixture, that make the value
at a share of the weight: `statistics.between`, or a compiled one."""

SAME_TIME_S = 1e-9
"""Times closer than this are one: far above the rounding of an hour in seconds, far below the shortest time step."""
_LEAST_DOSE_MIN = 1e-300
"""Stands for a dose of nothing, whose logarithm is taken: the smallest power of ten that is a normal number."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Unit of a metric's value, and the scale on which a search measures it: kelvins, doublings or tenths.

    Parameters
    ----------
    unit
        Of values and bounds: "degC", "min" or "%".
    step
        Name of one unit of the search's scale. Numbers on that scale are named ``_k``, whichever the metric.
    quantity, example, si_per_unit
        Dimension of a bound in a protocol file, "" where it is a part of the volume; an example of one; and how many
        SI units one of ``unit`` is.
    is_temperature
        True where a value is an absolute temperature, a difference of two of which is in K.
    is_logarithmic
        True where the search measures the binary logarithm.
    unit_per_k
        How many of ``unit`` are one step, on a scale that is linear.
    stretch_k
        By how many steps a bound is moved to ask for more than can be had.
    lowest, highest
        Bounds outside of these mean nothing.
    """

    unit: str
    step: str
    quantity: str
    example: str
    si_per_unit: float = 1.0
    is_temperature: bool = False
    is_logarithmic: bool = False
    unit_per_k: float = 1.0
    stretch_k: float = 20.0
    lowest: float = -np.inf
    highest: float = np.inf

    def in_k(self, value: float) -> float:
        """A value on the search's scale."""
        return float(np.log2(max(value, _LEAST_DOSE_MIN))) if self.is_logarithmic else value / self.unit_per_k

    def from_k(self, k: float) -> float:
        """The value at a place on the search's scale."""
        return float(2.0**k) if self.is_logarithmic else k * self.unit_per_k

    def shifted(self, bound: float, by_k: float) -> float:
        """A bound that is higher by so many steps, as far as it means something."""
        if self.is_logarithmic:
            return float(bound * 2.0**by_k)
        return float(np.clip(bound + self.unit_per_k * by_k, self.lowest, self.highest))

    def complaints(self, bound: float) -> Iterator[str]:
        """Reasons why a bound means nothing."""
        if not np.isfinite(bound) or (self.is_logarithmic and bound <= 0.0):
            yield f"expected a finite, positive {self.unit}"
        if np.isfinite(self.highest) and not self.lowest <= bound <= self.highest:
            yield f"expected a part of the volume, from {self.lowest:g} % to {self.highest:g} %"

    def digits(self, value: float, more: int = 0) -> str:
        """A value without its unit: a dose with two digits, because a third would be pretence; else one decimal; and
        ``more`` than that."""
        return f"{float(f'{value:.{2 + more}g}'):g}" if self.is_logarithmic else f"{value:.{1 + more}f}"


KELVINS = Scale("degC", "K", quantity="temperature", example="42 degC", is_temperature=True)
DOUBLINGS = Scale(
    "min", "doubling", quantity="time", example="10 min", si_per_unit=60.0, is_logarithmic=True, stretch_k=10.0
)
TENTHS = Scale("%", "tenth", quantity="", example="90 %", unit_per_k=10.0, lowest=0.0, highest=100.0)


class Linearization(Enum):
    """Way in which a search writes a bound on a metric as rows of a linear program; a row builder exists for each."""

    CUTTING_PLANES = "planes through the hottest nodes, valid everywhere"
    TANGENTS = "the metric to first order at the iterate"
    PERCENTILE_KNOTS = "a variable below the wanted nodes at some times"
    DOSE_CUTTING_PLANES = "tangents of the doses of the wanted nodes"


@dataclass(frozen=True, slots=True, eq=False)
class JudgedTimes:
    """Times of a history, and those over which a temperature is judged: its mean for at least, its largest for at
    most."""

    times_s: Array
    start_s: float
    end_s: float
    at_least: bool

    @property
    def last_s(self) -> float:
        """End of the judged times, or of the history where that is earlier."""
        return min(self.end_s, float(self.times_s[-1]))

    @property
    def inside(self) -> IntArray:
        """Numbers of the judged times."""
        late_enough = self.times_s >= self.start_s - SAME_TIME_S
        return np.flatnonzero(late_enough & (self.times_s <= self.end_s + SAME_TIME_S))

    @property
    def hold_weights(self) -> Array:
        """Weights of the times in the mean over the judged ones; sum 1."""
        return hold_weights(self.times_s, self.start_s, self.last_s)

    def of_course(self, course: Array) -> float:
        """Mean, or largest, of a course ``(t,)`` that is linear between times."""
        if self.at_least:
            return mean_over(self.times_s, course, self.start_s, self.last_s)
        return float(course[self.inside].max())

    def slope(self, course: Array) -> tuple[float, Array]:
        """The same, and its derivative ``(t,)`` by the course."""
        if self.at_least:
            weights = self.hold_weights
            return float(weights @ course), weights
        worst = self.inside[course[self.inside].argmax()]
        return float(course[worst]), np.eye(len(course))[worst]


def hold_weights(times_s: Array, start_s: float, end_s: float) -> Array:
    """Weights of samples in `statistics.mean_over`; sum 1."""
    if end_s <= start_s:
        return np.array([np.interp(end_s, times_s, row) for row in np.eye(len(times_s))])
    a, b = np.maximum(times_s[:-1], start_s), np.minimum(times_s[1:], end_s)
    length = np.maximum(b - a, 0.0)
    late = (0.5 * (a + b) - times_s[:-1]) / np.diff(times_s)
    weights = np.concatenate([length * (1.0 - late), [0.0]]) + np.concatenate([[0.0], length * late])
    result: Array = weights / (end_s - start_s)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class MetricSlope:
    """Derivative of a metric, on its search's scale, by temperatures: ``in_time[t] * mix[t, j]`` of ``nodes[t, j]``.

    ``nodes`` is ``(m,)`` where they are the same at all times, else ``(t, m)``; ``mix (t, m)``; ``in_time (t,)`` is
    None where the mixture holds it.
    """

    nodes: IntArray
    mix: Array
    in_time: Array | None = None


class Metric(Protocol):
    """A quantity of a region's temperatures over a treatment.

    Two reductions make it: over the region, by volume, and over time. A metric with ``dose_first`` takes the dose of
    each node and then a statistic of those; the others take a statistic at each time and then reduce its course.
    """

    @property
    def scale(self) -> Scale: ...

    @property
    def dose_first(self) -> bool: ...

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        """Reduce values ``(..., k)`` of nodes that stand for volumes ``(k,)``."""
        ...

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        """Reduce a course ``(t, ...)``."""
        ...

    def searched(self, bound: float) -> tuple[SearchMetric, float]:
        """Metric and bound that a search works with, which ask for the same: itself, or a percentile for a volume."""
        ...


class SearchMetric(Metric, Protocol):
    """A metric with slopes, on a scale of kelvins or doublings."""

    @property
    def name(self) -> str: ...

    @property
    def statistic(self) -> Statistic: ...

    @property
    def temperature_name(self) -> str:
        """The temperature that it is, or that is behind its dose."""
        ...

    @property
    def caps_temperature(self) -> bool:
        """True where a bound on it, at most, is one on every node at every judged time."""
        ...

    def slope(
        self, temperature_c: Array, weights_m3: Array, judged: JudgedTimes, find_percentile: PercentileFinder
    ) -> tuple[float, MetricSlope]:
        """Value and slope, on the search's scale, at temperatures ``(t, k)``."""
        ...

    def is_convex(self, *, at_least: bool, below_43_c: bool = False) -> bool:
        """Convexity, in the temperatures, of what is on the wrong side of a bound; ``below_43_c`` where none is above,
        so that doses have no kink."""
        ...

    def linearization(self, *, at_least: bool) -> Linearization: ...

    def harmless_below_c(self, bound: float, treatment_min: float) -> float | None:
        """Temperature below which, in a treatment so long, a node cannot come near a bound at most; None where every
        node counts."""
        ...


def metric_value(metric: Metric, temperature_c: Array, weights_m3: Array, judged: JudgedTimes) -> float:
    """Value, in the metric's unit, of temperatures ``(t, k)`` of nodes that stand for volumes ``(k,)``."""
    if metric.dose_first:
        return float(metric.over_region(metric.over_time(judged, temperature_c), weights_m3))
    return float(metric.over_time(judged, metric.over_region(temperature_c, weights_m3)))


@dataclass(frozen=True, slots=True)
class MetricKind:
    """One line of the table of metrics: ``parse`` makes a metric of a name, None where that is of another kind;
    ``examples`` are names, one of each statistic."""

    parse: Callable[[str], Metric | None]
    examples: tuple[str, ...]
