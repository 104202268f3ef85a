"""Values of goals and limits: one definition for the search and for the verified run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..base.arrays import Array
from .dose import Dose
from .goal import GoalRow, Resolved
from .metrics import metric_value


def row_value(row: GoalRow, times_s: Array, temperature_c: Array, heating_s: float) -> float:
    """Value of a row's metric, in its unit; ``temperature_c (t, k)`` has a column a node of the row."""
    return metric_value(row.goal.measure, temperature_c, row.weights_m3, row.goal.judged(times_s, heating_s))


class Meter:
    """Consumer of a streamed history that then knows the value of every row.

    ``for time_s, temperature_c in history: meter.add(time_s, temperature_c)``, then `values`. Where a `Dose`
    of all nodes is fed elsewhere, pass it, and it is not kept twice.
    """

    KEPT = ("_times", "_series")

    def __init__(self, resolved: Resolved | Sequence[GoalRow], heating_s: float, dose: Dose | None = None) -> None:
        self.rows = resolved.rows if isinstance(resolved, Resolved) else tuple(resolved)
        self._heating_s = heating_s
        self._times: list[float] = []
        self._series: list[list[float]] = [[] for _ in self.rows]
        self._own = dose is None and any(row.goal.measure.dose_first for row in self.rows)
        self._dose = Dose() if dose is None else dose

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at one time."""
        for row, series in zip(self.rows, self._series, strict=True):
            if not row.goal.measure.dose_first:
                series.append(float(row.goal.measure.over_region(temperature_c[row.nodes], row.weights_m3)))
        if self._own:
            self._dose.add(time_s, temperature_c)
        self._times.append(time_s)

    def consume(self, history: Iterable[tuple[float, Array]]) -> tuple[float, ...]:
        """Values after a whole history."""
        for time_s, temperature_c in history:
            self.add(time_s, temperature_c)
        return self.values()

    def values(self) -> tuple[float, ...]:
        """In the order of the rows, each in its unit."""
        return tuple(self._value(row, series) for row, series in zip(self.rows, self._series, strict=True))

    def _value(self, row: GoalRow, series: Sequence[float]) -> float:
        metric = row.goal.measure
        if metric.dose_first:
            return float(metric.over_region(self._dose.cem43_min[row.nodes], row.weights_m3))
        return float(metric.over_time(row.goal.judged(np.array(self._times), self._heating_s), np.array(series)))
