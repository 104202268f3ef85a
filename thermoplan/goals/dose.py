"""Thermal dose: CEM43 and Arrhenius damage of a streamed history, and volume-weighted statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array, IntArray, frozen, put
from ..base.errors import InputError

History = Iterable[tuple[float, Array]]
Regions = Mapping[str, tuple[IntArray, Array]]
"""Name -> nodes ``(k,)`` and the volume ``(k,)`` that each stands for, m3."""

HOTTEST_M3 = 1e-9
"""``CEM43max`` is the mean dose of the hottest 1 mm3: one node of a fine mesh is no tissue."""

FLOOR_C = 39.0
"""The variant with a floor counts nothing below this temperature."""

STATISTICS = ("t_min_c", "t_mean_c", "t_max_c", "t90_c", "t50_c", "t10_c")
_LN2, _LN4 = np.log(2.0), np.log(4.0)
_FLOOR_PRIMITIVE = 4.0 ** (FLOOR_C - 43.0) / _LN4


def cem43_rate(temperature_c: ArrayLike) -> Array:
    """Equivalent minutes at 43 degrees C per minute: R^(43 - T), R 0.5 from 43 on, 0.25 below
    [SaparetoDewey1984]."""
    x = np.asarray(temperature_c, float) - 43.0
    return np.exp2(x + np.minimum(x, 0.0))


def cem43_min(history: History) -> Array:
    """Cumulative equivalent minutes at 43 degrees C [SaparetoDewey1984].

    Parameters
    ----------
    history
        ``(time_s, temperature_c)`` in time that does not fall; the arrays share one shape. It is read
        once, so a solver may stream it. The same time twice is a jump.

    Returns
    -------
    Minutes, in the shape of one temperature array. Exact where temperature is linear between times.
    """
    dose = Dose()
    for time_s, temperature_c in history:
        dose.add(time_s, temperature_c)
    return dose.cem43_min


@dataclass(frozen=True, slots=True, eq=False)
class DoseMap:
    """What each node went through: ``(n,)`` doses in minutes and highest temperature, and where and when
    the highest of all was."""

    cem43_min: Array
    cem43_floor39_min: Array
    peak_c: Array
    hottest_node: int
    hottest_time_s: float

    def __post_init__(self) -> None:
        put(
            self,
            cem43_min=frozen(self.cem43_min),
            cem43_floor39_min=frozen(self.cem43_floor39_min),
            peak_c=frozen(self.peak_c),
        )


class Dose:
    """Consumer of a history that keeps dose and peak of every node, and nothing else of the past."""

    KEPT = ("_last", "_hottest", "_dose", "_floored", "_peak")

    def __init__(self) -> None:
        self._last: tuple[float, Array, Array, Array] | None = None
        self._hottest = (-np.inf, 0, 0.0)

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at one time, later than or at the one before."""
        t = np.array(temperature_c, float)
        rate, primitive = rate_and_primitive(t)
        if self._last is None:
            self._dose, self._floored, self._peak = np.zeros_like(t), np.zeros_like(t), t.copy()
        else:
            self._add_interval(time_s, t, rate, primitive)
        if t.size and t.max() > self._hottest[0]:
            self._hottest = (float(t.max()), int(t.argmax()), float(time_s))
        self._last = (float(time_s), t, rate, primitive)

    @property
    def cem43_min(self) -> Array:
        """Dose so far."""
        if self._last is None:
            raise InputError("dose: the history is empty")
        return self._dose

    def map(self) -> DoseMap:
        """Dose and peak so far."""
        return DoseMap(self.cem43_min, self._floored, self._peak, *self._hottest[1:])

    def _add_interval(self, time_s: float, t: Array, rate: Array, primitive: Array) -> None:
        before_s, before, before_rate, before_primitive = self._last
        minutes = (time_s - before_s) / 60.0
        if minutes < 0.0:
            raise InputError(f"history: time falls from {before_s:g} to {time_s:g} s")
        if minutes > 0.0:
            change = t - before
            flat = np.abs(change) < 1e-4
            change = np.where(flat, 1.0, change)
            mean = np.where(flat, 0.5 * (rate + before_rate), (primitive - before_primitive) / change)
            floored = (
                np.maximum(primitive, _FLOOR_PRIMITIVE) - np.maximum(before_primitive, _FLOOR_PRIMITIVE)
            ) / change
            floored = np.where(flat, np.where(t >= FLOOR_C, mean, 0.0), floored)
            self._dose = self._dose + minutes * mean
            self._floored = self._floored + minutes * floored
        self._peak = np.maximum(self._peak, t)


def rate_and_primitive(temperature_c: Array) -> tuple[Array, Array]:
    """`cem43_rate` and its integral over T, zero at minus infinity: what a linear course adds up.

    Of the two branches one is 1 wherever the other is not: no choice for each node, which would cost more than both.
    """
    above, below, rate = (np.empty(np.shape(temperature_c)) for _ in range(3))
    np.subtract(temperature_c, 43.0, out=above)
    np.minimum(above, 0.0, out=below)
    above -= below
    below += below
    for branch in (above, below):
        np.exp2(branch, out=branch)
    np.multiply(above, below, out=rate)
    above -= 1.0
    above /= _LN2
    below /= _LN4
    above += below
    return rate, above


def exceeded_by(values: Array, weights: Array, percent: ArrayLike) -> Array:
    """Value that ``percent`` of the weight exceeds: T90 is ``exceeded_by(temperature, volume, 90)``.

    Each value stands at the middle of its own weight in the sorted sum, linear in between. With nodes of a
    region that is coldest all over its surface, T90 comes out low by up to the change over half an element.
    """
    order = np.argsort(values)
    return _at_fractions(values[order], weights[order], 1.0 - np.asarray(percent, float) / 100.0)


def _at_fractions(values: Array, weights: Array, fractions: ArrayLike) -> Array:
    upto = np.cumsum(weights)
    result: Array = np.interp(np.asarray(fractions) * upto[-1], upto - 0.5 * weights, values)
    return result


def hottest_mean(values: Array, weights: Array, amount: float = HOTTEST_M3) -> float:
    """Mean over the highest values that make up ``amount`` of the weight (all, where there is less)."""
    order = np.argsort(values)[::-1]
    upto = np.minimum(np.cumsum(weights[order]), amount)
    return float(np.diff(upto, prepend=0.0) @ values[order] / upto[-1])


def fraction_above(values: Array, weights: Array, edges: ArrayLike) -> Array:
    """Share of the weight above each edge: a cumulative volume histogram; equal values share a step."""
    distinct, which = np.unique(values, return_inverse=True)
    w = np.bincount(which, weights)
    upto = np.cumsum(w)
    return 1.0 - np.interp(edges, distinct, (upto - 0.5 * w) / upto[-1], left=0.0, right=1.0)


def mean_over(time_s: Array, course: Array, start_s: float, stop_s: float) -> float:
    """Time mean of a piecewise linear course between two times."""
    inside = (time_s > start_s) & (time_s < stop_s)
    ends = np.interp([start_s, stop_s], time_s, course)
    if stop_s <= start_s:
        return float(ends[0])
    t = np.concatenate([[start_s], time_s[inside], [stop_s]])
    return float(np.trapezoid(np.concatenate([ends[:1], course[inside], ends[1:]]), t) / (stop_s - start_s))


class RegionSeries:
    """Consumer of a history that keeps T90, T50, T10, least, mean and greatest of each region in time."""

    KEPT = ("_time", "_rows")

    def __init__(self, regions: Regions) -> None:
        self.regions = dict(regions)
        self._time: list[float] = []
        self._rows: list[Array] = []

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at one time."""
        self._time.append(float(time_s))
        self._rows.append(
            np.array([_statistics(temperature_c[nodes], weights) for nodes, weights in self.regions.values()])
        )

    @property
    def time_s(self) -> Array:
        return np.array(self._time)

    def course(self, name: str) -> Mapping[str, Array]:
        """Statistics of one region over time, by name (``STATISTICS``)."""
        at = list(self.regions).index(name)
        table = np.array([row[at] for row in self._rows])
        return dict(zip(STATISTICS, table.T, strict=True))


def _statistics(values: Array, weights: Array) -> tuple[float, ...]:
    v, w = values, weights
    t90, t50, t10 = _quantiles(v, w, (0.1, 0.5, 0.9))
    return v.min(), float(v @ w / w.sum()), v.max(), t90, t50, t10


def _quantiles(v: Array, w: Array, fractions: tuple[float, ...]) -> list[float]:
    """The same as sorting all of ``v``, but sorts only the bins around each fraction of the weight."""
    low, span = v.min(), np.ptp(v)
    if len(v) < 512 or span == 0.0:
        order = np.argsort(v)
        return list(_at_fractions(v[order], w[order], fractions))
    bin_of = ((v - low) * (1023.0 / span)).astype(np.int16)
    weight = np.bincount(bin_of, w, 1024)
    upto = np.cumsum(weight)
    full = np.flatnonzero(weight)
    found = []
    for target in np.asarray(fractions) * upto[-1]:
        i = int(np.searchsorted(upto[full], target))
        first, last = full[max(i - 1, 0)], full[min(i + 1, len(full) - 1)]
        near = np.flatnonzero((bin_of >= first) & (bin_of <= last))
        near = near[np.argsort(v[near])]
        below = upto[first] - weight[first]
        found.append(float(np.interp(target, below + np.cumsum(w[near]) - 0.5 * w[near], v[near])))
    return found


def region_table(series: RegionSeries, dose: DoseMap, heating_end_s: float) -> dict[str, dict[str, float]]:
    """Temperatures at the end of heating, over the hold (its last third) and at their peak, and doses.

    The dose of T90 is that of the course T90(t); ``cem43_d90_min`` is exceeded by 90 % of the volume.
    """
    return {name: _region_row(series, name, dose, heating_end_s) for name in series.regions}


def _region_row(series: RegionSeries, name: str, dose: DoseMap, heating_end_s: float) -> dict[str, float]:
    time_s, course = series.time_s, series.course(name)
    nodes, weights = series.regions[name]
    row = {"volume_mm3": float(weights.sum()) * 1e9}
    for key in STATISTICS:
        row[key] = float(np.interp(heating_end_s, time_s, course[key]))
        hold = mean_over(time_s, course[key], heating_end_s * 2.0 / 3.0, heating_end_s)
        row[key.replace("_c", "_hold_c")] = hold
    row["t_peak_c"] = float(course["t_max_c"].max())
    row["cem43_max_min"] = hottest_mean(dose.cem43_min[nodes], weights)
    row["cem43_floor39_max_min"] = hottest_mean(dose.cem43_floor39_min[nodes], weights)
    for percent in (90, 50, 10):
        row[f"cem43t{percent}_min"] = float(cem43_min(zip(time_s, course[f"t{percent}_c"], strict=True)))
    row["cem43_d90_min"] = float(exceeded_by(dose.cem43_min[nodes], weights, 90.0))
    return row


def volume_histograms(regions: Regions, temperature_c: Array, cem43: Array) -> dict[str, dict[str, list]]:
    """Cumulative histograms of each region: share of the volume above each temperature and dose."""
    return {name: _histogram(temperature_c[nodes], cem43[nodes], weights) for name, (nodes, weights) in regions.items()}


def _histogram(temperature_c: Array, cem43: Array, weights: Array) -> dict[str, list]:
    low, high = np.floor(temperature_c.min() * 5.0) / 5.0, np.ceil(temperature_c.max() * 5.0 + 1e-9) / 5.0
    edges = np.linspace(low, max(high, low + 0.2), 101)
    doses = np.concatenate([[0.0], np.geomspace(1e-3, max(10.0, 1.01 * float(cem43.max())), 100)])
    return {
        "temperature_c": edges.tolist(),
        "volume_fraction": fraction_above(temperature_c, weights, edges).tolist(),
        "cem43_min": doses.tolist(),
        "dose_fraction": fraction_above(cem43, weights, doses).tolist(),
    }


@dataclass(frozen=True, slots=True)
class Damage:
    """A first-order process: frequency factor, activation energy, highest temperature it was fitted at."""

    frequency_1_s: float
    activation_j_mol: float
    highest_c: float
    source: str

    def rate_1_s(self, temperature_c: ArrayLike) -> Array:
        kelvin = np.asarray(temperature_c, float) + 273.15
        return self.frequency_1_s * np.exp(-self.activation_j_mol / (8.314462618 * kelvin))


DAMAGE: Mapping[str, Damage] = MappingProxyType(
    {
        "skin": Damage(1.3e95, 6.04e5, 53.0, "Diller"),
        "skin-weaver": Damage(2.19e124, 7.82e5, 50.0, "WeaverStoll"),
        "cells": Damage(2.84e99, 6.18e5, 55.0, "Pearce2015"),
        "liver": Damage(7.39e39, 2.577e5, 100.0, "COMSOLBioheat"),
        "fat": Damage(4.43e16, 1.3e5, 100.0, "COMSOLBioheat"),
        "prostate": Damage(1e91, 5.6e5, 100.0, "COMSOLBioheat"),
    }
)
"""Coagulation fits (liver, prostate) overstate damage at 43 to 55 degrees C [Pearce2015]."""


def arrhenius_omega(history: History, process: str) -> Array:
    """Damage integral: int A exp(-Ea / R T) dt; survival is exp(-omega).

    Between times the rate is taken as exponential in time, which near one temperature it is.
    """
    if process not in DAMAGE:
        raise InputError(f'process "{process}": expected one of {", ".join(DAMAGE)}')
    omega, last = None, None
    for time_s, temperature_c in history:
        rate = DAMAGE[process].rate_1_s(temperature_c)
        step = np.zeros_like(rate) if last is None else (time_s - last[0]) * _logarithmic_mean(last[1], rate)
        omega = step if omega is None else omega + step
        last = (time_s, rate)
    if omega is None:
        raise InputError("dose: the history is empty")
    return omega


def _logarithmic_mean(a: Array, b: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(b / a)
        return np.where(np.abs(ratio) < 1e-6, 0.5 * (a + b), (b - a) / ratio)
