"""Courses of temperature statistics of regions, and tables and histograms of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..base.arrays import Array, IntArray
from .dose import DoseMap, cem43_min
from .metrics.statistics import at_fractions, exceedance, fraction_above, hottest_mean, mean_over

Regions = Mapping[str, tuple[IntArray, Array]]
"""Name -> nodes ``(k,)`` and the volume ``(k,)`` that each stands for, m3."""

_SORTED_TO = 512
"""Fewer values than this are sorted as they are: bins cost as much; results do not depend on it."""
_BINS = 1024
"""Bins of which three around a percentile are sorted; twice as many are counted for longer and sorted no faster."""
_EDGES = 101
"""Edges of a histogram: one a per cent, which a page shows as a smooth curve."""
_LEAST_DOSE_MIN = 1e-3
"""First edge of a histogram of doses above zero: a thousandth of a minute is no dose."""

STATISTICS = ("t_min_c", "t_mean_c", "t_max_c", "t90_c", "t50_c", "t10_c")


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
    """In the order of ``STATISTICS``."""
    t90, t50, t10 = _quantiles(values, weights, (0.1, 0.5, 0.9))
    return values.min(), float(values @ weights / weights.sum()), values.max(), t90, t50, t10


def _quantiles(values: Array, weights: Array, fractions: tuple[float, ...]) -> list[float]:
    """Values at fractions of the weight, as by sorting all; only the bins around each fraction are sorted."""
    low, span = values.min(), np.ptp(values)
    if len(values) < _SORTED_TO or span == 0.0:
        order = np.argsort(values)
        return list(at_fractions(values[order], weights[order], fractions))
    bin_of = ((values - low) * ((_BINS - 1.0) / span)).astype(np.int16)
    weight = np.bincount(bin_of, weights, _BINS)
    upto = np.cumsum(weight)
    full = np.flatnonzero(weight)
    found = []
    for target in np.asarray(fractions) * upto[-1]:
        i = int(np.searchsorted(upto[full], target))
        first, last = full[max(i - 1, 0)], full[min(i + 1, len(full) - 1)]
        near = np.flatnonzero((bin_of >= first) & (bin_of <= last))
        near = near[np.argsort(values[near])]
        below, part = upto[first] - weight[first], weights[near]
        found.append(float(np.interp(target, below + np.cumsum(part) - 0.5 * part, values[near])))
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
    row["cem43_peak_min"] = float(dose.cem43_min[nodes].max())
    row["cem43_floor39_max_min"] = hottest_mean(dose.cem43_floor39_min[nodes], weights)
    for percent in (90, 50, 10):
        row[f"cem43t{percent}_min"] = float(cem43_min(zip(time_s, course[f"t{percent}_c"], strict=True)))
    row["cem43_d90_min"] = float(exceedance(dose.cem43_min[nodes], weights, 90.0))
    return row


def volume_histograms(regions: Regions, temperature_c: Array, cem43: Array) -> dict[str, dict[str, list[float]]]:
    """Cumulative histograms of each region: share of the volume above each temperature and dose.

    ``temperature_c`` and ``cem43`` (minutes) are ``(n,)`` over the nodes; shares are from 0 to 1.
    """
    return {name: _histogram(temperature_c[nodes], cem43[nodes], weights) for name, (nodes, weights) in regions.items()}


def _histogram(temperature_c: Array, cem43: Array, weights: Array) -> dict[str, list[float]]:
    low, high = np.floor(temperature_c.min() * 5.0) / 5.0, np.ceil(temperature_c.max() * 5.0 + 1e-9) / 5.0
    edges = np.linspace(low, max(high, low + 0.2), _EDGES)
    highest_dose = max(10.0, 1.01 * float(cem43.max()))
    doses = np.concatenate([[0.0], np.geomspace(_LEAST_DOSE_MIN, highest_dose, _EDGES - 1)])
    return {
        "temperature_c": edges.tolist(),
        "volume_fraction": fraction_above(temperature_c, weights, edges).tolist(),
        "cem43_min": doses.tolist(),
        "dose_fraction": fraction_above(cem43, weights, doses).tolist(),
    }
