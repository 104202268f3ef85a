"""Statistics of the dose map: CEM43max (of the hottest 1 mm3), CEM43peak (of one node), CEM43mean, CEM43D90."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...base.arrays import Array, IntArray
from .cem43 import LN2, LN4, dose_min, dose_slope
from .metric import DOUBLINGS, JudgedTimes, Linearization, MetricKind, MetricSlope, PercentileFinder, Scale
from .statistics import (
    HOTTEST_M3,
    Hottest,
    Statistic,
    between,
    exceedance,
    hottest_mean,
    hottest_parts,
    parse_statistic,
    statistic,
    statistic_name,
)

_HOTTEST = Hottest(1e9 * HOTTEST_M3)


@dataclass(frozen=True, slots=True)
class DoseMapMetric:
    """A statistic of the CEM43 of each node: "max" is the mean of the hottest 1 mm3, "peak" the highest of any node."""

    statistic: Statistic
    scale: ClassVar[Scale] = DOUBLINGS
    dose_first: ClassVar[bool] = True
    caps_temperature: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"CEM43{'' if isinstance(self.statistic, str | Hottest) else 'D'}{statistic_name(self.statistic)}"

    @property
    def temperature_name(self) -> str:
        return f"temperature behind {self.name}"

    @property
    def _of_doses(self) -> Statistic:
        return _HOTTEST if self.statistic == "max" else self.statistic

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        which = self._of_doses
        if isinstance(which, Hottest):
            return np.asarray(hottest_mean(values, weights_m3, which.m3))
        if isinstance(which, float):
            return exceedance(values, weights_m3, which)
        return statistic(values, weights_m3, which)

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        return dose_min(judged.times_s, course)

    def searched(self, bound: float) -> tuple[DoseMapMetric, float]:
        return self, bound

    def slope(
        self, temperature_c: Array, weights_m3: Array, judged: JudgedTimes, find_percentile: PercentileFinder
    ) -> tuple[float, MetricSlope]:
        n = len(weights_m3)
        doses = np.zeros(n) if self.statistic == "mean" else dose_min(judged.times_s, temperature_c)
        nodes, mix = self._mixture(doses, weights_m3)
        dose, by_node = dose_slope(judged.times_s, temperature_c if len(nodes) == n else temperature_c[:, nodes])
        value = float(mix @ dose)
        return float(np.log2(value)), MetricSlope(nodes, by_node * (mix / (value * LN2)))

    def _mixture(self, doses: Array, weights_m3: Array) -> tuple[IntArray, Array]:
        """Nodes and coefficients ``(m,)`` that make the statistic of these doses."""
        which = self._of_doses
        if which == "mean":  # whatever the doses are
            return np.arange(len(doses)), weights_m3 / weights_m3.sum()
        if which == "peak":
            return np.array([int(doses.argmax())]), np.ones(1)
        if isinstance(which, Hottest):
            part = hottest_parts(doses, weights_m3, which.m3)
            return np.flatnonzero(part), part[part > 0.0]
        return between(doses, weights_m3, 0.0 if isinstance(which, str) else 1.0 - which / 100.0)

    def is_convex(self, *, at_least: bool, below_43_c: bool = False) -> bool:
        """The logarithm of the greatest dose is convex but for the kink of the dose's rate at 43 degrees C."""
        return below_43_c and not at_least and self.statistic in ("max", "peak")

    def linearization(self, *, at_least: bool) -> Linearization:
        if not at_least or self.statistic in ("mean", "max", "peak") or isinstance(self.statistic, Hottest):
            return Linearization.TANGENTS
        return Linearization.DOSE_CUTTING_PLANES

    def harmless_below_c(self, bound: float, treatment_min: float) -> float | None:
        if self.statistic not in ("max", "peak"):
            return None
        log_rate = float(np.log(bound / treatment_min))
        return 43.0 + log_rate / (LN2 if log_rate > 0.0 else LN4)


def _parse(name: str) -> DoseMapMetric | None:
    if not name.startswith("CEM43"):
        return None
    text = name.removeprefix("CEM43")
    if text == "peak":
        return DoseMapMetric("peak")
    which = parse_statistic(text.removeprefix("D"))
    named_percentile = not isinstance(which, float) or text.startswith("D")  # CEM4390 would be a number
    return DoseMapMetric(which) if which is not None and named_percentile else None


KIND = MetricKind(
    _parse, ("CEM43max", "CEM43peak", "CEM43mean", "CEM43min", "CEM43D90", "CEM43D50", "CEM43D10", "CEM43hot5mm3")
)
