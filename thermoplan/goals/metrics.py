"""Values and slopes of goals and limits: one definition for the search and for the verified run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..base.arrays import Array, IntArray
from . import Goal, GoalRow, Hottest, Resolved
from .dose import (
    HOTTEST_M3,
    Dose,
    cem43_min,
    exceeded_by,
    fraction_above,
    hottest_mean,
    mean_over,
    rate_and_primitive,
)
from .metric_names import Statistic

LN2, LN4 = float(np.log(2.0)), float(np.log(4.0))
_FLAT_K = 1e-4
_PART = 0.6
_BLOCK = 64000


def statistic(values: Array, weights: Array, which: Statistic) -> Array:
    """Spatial statistic over the last axis: "min", "mean", "max", a percentage that exceeds it, or the mean of the
    hottest part, where ``weights`` are m3."""
    if which == "min":
        return values.min(axis=-1)
    if which == "max":
        return values.max(axis=-1)
    if which == "mean":
        return values @ weights / weights.sum()
    if isinstance(which, Hottest):
        return (values * hottest_parts(values, weights, which.m3)).sum(axis=-1)
    nodes, mix = between(values, weights, 1.0 - float(which) / 100.0)
    return (np.take_along_axis(values, nodes, -1) * mix).sum(axis=-1)


def hottest_parts(values: Array, weights_m3: Array, amount_m3: float) -> Array:
    """Coefficients, in the shape of the values, of the mean over the hottest ``amount_m3`` (all, where there is
    less) along the last axis."""
    order = np.argsort(values, axis=-1)[..., ::-1]
    upto = np.minimum(np.cumsum(weights_m3[order], axis=-1), amount_m3)
    part = np.diff(upto, prepend=0.0, axis=-1) / upto[..., -1:]
    found = np.empty_like(part)
    np.put_along_axis(found, order, part, -1)
    return found


def volume_above(values: Array, weights: Array, edge: float) -> Array:
    """Per cent of the weight at or above an edge, along the last axis: the inverse of the percentage in `statistic`.

    The share at each value is known in the middle of its own weight; between two values it is linear in them.
    """
    flat = np.reshape(values, (-1, values.shape[-1]))
    found = np.array([100.0 * float(fraction_above(row, weights, np.array([edge]))[0]) for row in flat])
    return found.reshape(values.shape[:-1])


def between(values: Array, weights: Array, share: float) -> tuple[IntArray, Array]:
    """The two nodes ``(..., 2)``, and their mixture, that make the value at ``share`` of the weight from
    below; the definition of `dose.exceeded_by`."""
    order = _lowest(values, weights, share)
    w = weights[order]
    middle = (np.cumsum(w, axis=-1) - 0.5 * w) / weights.sum()
    last = len(weights) - 1
    upper = np.clip((middle < share).sum(axis=-1, keepdims=True), min(1, last), last)
    lower = np.maximum(upper - 1, 0)
    m0, m1 = np.take_along_axis(middle, lower, -1), np.take_along_axis(middle, upper, -1)
    late = np.clip((share - m0) / np.where(m1 > m0, m1 - m0, 1.0), 0.0, 1.0)
    nodes = np.concatenate([np.take_along_axis(order, i, -1) for i in (lower, upper)], axis=-1)
    return nodes, np.concatenate([1.0 - late, late], axis=-1)


def _lowest(values: Array, weights: Array, share: float) -> IntArray:
    """Nodes in rising order along the last axis, as many as surely make up the share, were they the lightest."""
    n = len(weights)
    enough = int(np.searchsorted(np.cumsum(np.sort(weights)), share * weights.sum())) + 3
    if enough > _PART * n:
        return np.argsort(values, axis=-1)
    rows = values.reshape(-1, n)
    found = _smallest(rows, enough)
    found = np.take_along_axis(found, np.argsort(np.take_along_axis(rows, found, -1), axis=-1), -1)
    return found.reshape(*values.shape[:-1], enough)


def _smallest(rows: Array, count: int) -> IntArray:
    """Numbers ``(t, count)`` of the smallest values of each row. Rounding keeps their order, and single precision is
    parted three times as fast; rows where it makes a tie are parted as they are."""
    with np.errstate(over="ignore"):
        single, found = rows.astype(np.float32), np.empty((len(rows), count), np.int64)
    low = single <= np.partition(single, count - 1, axis=-1)[:, count - 1, None]
    tied = np.count_nonzero(low, axis=-1) != count
    low[tied] = False
    found[~tied] = np.flatnonzero(low).reshape(-1, count) % rows.shape[1]
    found[tied] = np.argpartition(rows[tied], count - 1, axis=-1)[:, :count]
    return found


def log_rate(temperature_c: Array) -> Array:
    """Natural logarithm of CEM43 minutes per minute: two straight branches [SaparetoDewey1984]."""
    above = np.asarray(temperature_c, float) - 43.0
    return above * np.where(above >= 0.0, LN2, LN4)


def log_rate_slope(temperature_c: Array) -> Array:
    """Derivative of `log_rate` in 1/K; at 43 degrees C that from above."""
    return np.where(np.asarray(temperature_c) >= 43.0, LN2, LN4)


def dose_min(times_s: Array, temperature_c: Array) -> Array:
    """CEM43 over the first axis, exact for temperatures linear between times, as `dose.cem43_min`."""
    found = np.zeros(temperature_c.shape[1:])
    for part in _parts(temperature_c):
        found = found + _summed(times_s[part], _intervals(temperature_c[part])[1])
    return found[()]


def dose_slope(times_s: Array, temperature_c: Array) -> tuple[Array, Array]:
    """CEM43 ``(...)`` and its derivative ``(t, ...)`` with respect to each temperature, minutes per K."""
    dose, slope = np.zeros(temperature_c.shape[1:]), np.zeros(temperature_c.shape)
    for part in _parts(temperature_c):
        t, at_s, found = temperature_c[part], times_s[part], slope[part]
        rate, mean, steep, change = _intervals(t)
        minutes = (np.diff(at_s) / 60.0).reshape(-1, *[1] * (t.ndim - 1))
        bent = 0.5 * rate * (LN2 + (LN4 - LN2) * (t < 43.0))
        for end, sign in ((slice(None, -1), 1.0), (slice(1, None), -1.0)):
            side = (mean - rate[end]) * steep
            side += sign * (1.0 - steep) * bent[end]
            side *= sign * minutes
            side /= change
            found[end] += side
        dose = dose + _summed(at_s, mean)
    return dose[()], slope


def _parts(temperature_c: Array) -> Iterator[slice]:
    """Times, the last of one the first of the next, of as many temperatures as the cache holds a few times."""
    rows = max(1, _BLOCK * len(temperature_c) // max(1, temperature_c.size))
    return (slice(i, i + rows + 1) for i in range(0, max(1, len(temperature_c) - 1), rows))


def _summed(times_s: Array, mean: Array) -> Array:
    return np.tensordot(np.diff(times_s) / 60.0, mean, 1)


def _intervals(temperature_c: Array) -> tuple[Array, Array, Array, Array]:
    """Rate at each time; its mean over each interval; 0 where temperature hardly changes over that, else 1; and the
    change, 1 where it is hardly any. As in the rate itself, sums cost less than a choice for each."""
    rate, primitive = rate_and_primitive(temperature_c)
    change = np.diff(temperature_c, axis=0)
    steep = (np.abs(change) >= _FLAT_K).astype(float)
    flat = 1.0 - steep
    change *= steep
    change += flat
    mean = np.diff(primitive, axis=0)
    mean *= steep
    flat *= 0.5
    mean += flat * (rate[1:] + rate[:-1])
    mean /= change
    return rate, mean, steep, change


def dose_statistic(dose: Array, weights_m3: Array, which: Statistic) -> float:
    """Statistic of a dose map; "max" is the mean of the hottest 1 mm3."""
    if which == "max":
        return hottest_mean(dose, weights_m3)
    if isinstance(which, Hottest):
        return hottest_mean(dose, weights_m3, which.m3)
    if isinstance(which, float):
        return float(exceeded_by(dose, weights_m3, which))
    return float(statistic(dose, weights_m3, which))


def dose_mixture(dose: Array, weights_m3: Array, which: Statistic) -> tuple[IntArray, Array]:
    """Nodes ``(m,)`` and their coefficients in `dose_statistic`, at this dose map."""
    if which == "mean":
        return np.arange(len(dose)), weights_m3 / weights_m3.sum()
    if which == "max" or isinstance(which, Hottest):
        part = hottest_parts(dose, weights_m3, which.m3 if isinstance(which, Hottest) else HOTTEST_M3)
        return np.flatnonzero(part), part[part > 0.0]
    return between(dose, weights_m3, 0.0 if which == "min" else 1.0 - float(which) / 100.0)


def judged_s(goal: Goal, heating_s: float) -> tuple[float, float]:
    """Times over which a temperature is judged: the goal's window, else its sense's default."""
    if goal.window is not None:
        return goal.window
    return (2.0 / 3.0 * heating_s, heating_s) if goal.sense == "at_least" else (0.0, np.inf)


def judged_times(goal: Goal, times_s: Array, heating_s: float) -> IntArray:
    start, end = judged_s(goal, heating_s)
    return np.flatnonzero((times_s >= start - 1e-9) & (times_s <= end + 1e-9))


def over_time(goal: Goal, times_s: Array, series_c: Array, heating_s: float) -> float:
    """A limit's largest, a goal's mean value of a series within the judged times."""
    if goal.sense == "at_most":
        return float(series_c[judged_times(goal, times_s, heating_s)].max())
    start, end = judged_s(goal, heating_s)
    return mean_over(times_s, series_c, start, min(end, float(times_s[-1])))


def hold_weights(times_s: Array, start_s: float, end_s: float) -> Array:
    """Weights of the samples in `dose.mean_over`; sum 1."""
    if end_s <= start_s:
        return np.array([np.interp(end_s, times_s, row) for row in np.eye(len(times_s))])
    a, b = np.maximum(times_s[:-1], start_s), np.minimum(times_s[1:], end_s)
    length = np.maximum(b - a, 0.0)
    late = (0.5 * (a + b) - times_s[:-1]) / np.diff(times_s)
    weights = np.concatenate([length * (1.0 - late), [0.0]]) + np.concatenate([[0.0], length * late])
    result: Array = weights / (end_s - start_s)
    return result


def value(row: GoalRow, times_s: Array, temperature_c: Array, heating_s: float) -> float:
    """The metric of a row, in its unit; ``temperature_c (t, k)`` has a column a node of the row."""
    metric = row.goal.parts
    if metric.family in _OF_DOSE_MAP:
        return of_dose_map(row, dose_min(times_s, temperature_c))
    series = of_temperatures(row, temperature_c)
    if metric.family == "CEM43T":
        return float(dose_min(times_s, series))
    return over_time(row.goal, times_s, series, heating_s)


_OF_DOSE_MAP = ("CEM43D", "VD")


def of_dose_map(row: GoalRow, dose: Array) -> float:
    """A statistic of the row's dose map ``(k,)``, minutes, or the per cent of its volume at or above a dose."""
    metric = row.goal.parts
    if metric.family == "VD":
        return float(volume_above(dose, row.weights_m3, metric.statistic))
    return dose_statistic(dose, row.weights_m3, metric.statistic)


def of_temperatures(row: GoalRow, temperature_c: Array) -> Array:
    """The row's statistic ``(...)`` of temperatures ``(..., k)``, or the per cent of its volume above one."""
    metric = row.goal.parts
    if metric.family == "V":
        return volume_above(temperature_c, row.weights_m3, metric.statistic)
    return statistic(temperature_c, row.weights_m3, metric.statistic)


class Meter:
    """Consumes a streamed history and then tells the value of every row.

    ``for time_s, temperature_c in history: meter.add(time_s, temperature_c)``, then `values`. Where a `Dose`
    of all nodes is fed elsewhere, pass it, and it is not kept twice.
    """

    KEPT = ("_times", "_series")

    def __init__(self, resolved: Resolved | Sequence[GoalRow], heating_s: float, dose: Dose | None = None) -> None:
        self.rows = resolved.rows if isinstance(resolved, Resolved) else tuple(resolved)
        self._heating_s = heating_s
        self._times: list[float] = []
        self._series: list[list[float]] = [[] for _ in self.rows]
        self._own = dose is None and any(row.goal.parts.family in _OF_DOSE_MAP for row in self.rows)
        self._dose = Dose() if dose is None else dose

    def add(self, time_s: float, temperature_c: Array) -> None:
        for row, series in zip(self.rows, self._series, strict=True):
            if row.goal.parts.family not in _OF_DOSE_MAP:
                series.append(float(of_temperatures(row, temperature_c[row.nodes])))
        if self._own:
            self._dose.add(time_s, temperature_c)
        self._times.append(time_s)

    def consume(self, history: Iterable[tuple[float, Array]]) -> tuple[float, ...]:
        for time_s, temperature_c in history:
            self.add(time_s, temperature_c)
        return self.values()

    def values(self) -> tuple[float, ...]:
        """In the order of the rows, each in its unit."""
        return tuple(self._value(row, series) for row, series in zip(self.rows, self._series, strict=True))

    def _value(self, row: GoalRow, series: Sequence[float]) -> float:
        metric, times = row.goal.parts, np.array(self._times)
        if metric.family in _OF_DOSE_MAP:
            return of_dose_map(row, self._dose.cem43_min[row.nodes])
        if metric.family == "CEM43T":
            return float(cem43_min(zip(times, series, strict=True)))
        return over_time(row.goal, times, np.array(series), self._heating_s)
