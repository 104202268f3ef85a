"""Parts of a region's volume at or above a temperature or a dose: V43C, V60CEM43."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from .cem43 import dose_min
from .dose_map import DoseMapMetric
from .metric import TENTHS, JudgedTimes, MetricKind, Scale, SearchMetric
from .statistics import percentile_or_extreme, volume_above
from .temperature import TemperatureMetric

_HOT = re.compile(r"V(\d+(?:\.\d+)?)C")
_DOSED = re.compile(r"V(\d+(?:\.\d+)?)CEM43")


@dataclass(frozen=True, slots=True)
class HotVolumeMetric:
    """Per cent of the volume at or above a temperature: its largest in time, or its mean, as that of a temperature.

    A search asks for the percentile that must lie there. For a limit the two are the same; a wanted volume is the mean
    over the hold of one or the other, which differ to second order in how much it changes.
    """

    edge_c: float
    scale: ClassVar[Scale] = TENTHS
    dose_first: ClassVar[bool] = False

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        return volume_above(values, weights_m3, self.edge_c)

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        return np.asarray(judged.of_course(course))

    def searched(self, bound: float) -> tuple[SearchMetric, float]:
        return TemperatureMetric(percentile_or_extreme(bound)), self.edge_c


@dataclass(frozen=True, slots=True)
class DosedVolumeMetric:
    """Per cent of the volume with a dose or more; a search asks for the percentile of the dose map."""

    edge_min: float
    scale: ClassVar[Scale] = TENTHS
    dose_first: ClassVar[bool] = True

    def over_region(self, values: Array, weights_m3: Array) -> Array:
        return volume_above(values, weights_m3, self.edge_min)

    def over_time(self, judged: JudgedTimes, course: Array) -> Array:
        return dose_min(judged.times_s, course)

    def searched(self, bound: float) -> tuple[SearchMetric, float]:
        return DoseMapMetric(percentile_or_extreme(bound)), self.edge_min


def _parse_hot(name: str) -> HotVolumeMetric | None:
    match = _HOT.fullmatch(name)
    return None if match is None else HotVolumeMetric(float(match[1]))


def _parse_dosed(name: str) -> DosedVolumeMetric | None:
    match = _DOSED.fullmatch(name)
    if match is None:
        return None
    if float(match[1]) == 0.0:
        raise InputError(f"metric = {name}: expected a dose above zero")
    return DosedVolumeMetric(float(match[1]))


HOT = MetricKind(_parse_hot, ("V43C",))
DOSED = MetricKind(_parse_dosed, ("V60CEM43",))
