"""Table of metrics. A new one is a file beside these, that satisfies `Metric`, and a line in the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ...base.errors import InputError
from . import dose_map, dose_of_course, temperature, volume
from .metric import (
    DOUBLINGS,
    KELVINS,
    TENTHS,
    JudgedTimes,
    Linearization,
    Metric,
    MetricKind,
    MetricSlope,
    Scale,
    SearchMetric,
    metric_value,
)
from .statistics import Hottest

__all__ = [
    "DOUBLINGS",
    "KELVINS",
    "METRICS",
    "METRIC_KINDS",
    "TENTHS",
    "Hottest",
    "JudgedTimes",
    "Linearization",
    "Metric",
    "MetricKind",
    "MetricSlope",
    "Scale",
    "SearchMetric",
    "find_metric",
    "metric_value",
]

METRIC_KINDS: Mapping[str, MetricKind] = MappingProxyType(
    {
        "temperature": temperature.KIND,
        "dose map": dose_map.KIND,
        "dose of a course": dose_of_course.KIND,
        "volume above a temperature": volume.HOT,
        "volume above a dose": volume.DOSED,
    }
)

METRICS = tuple(name for kind in METRIC_KINDS.values() for name in kind.examples)
"""One of each: any per cent, volume, temperature and dose may stand in the place of those here."""


@cache
def find_metric(name: str) -> Metric:
    """The metric that a name means."""
    for kind in METRIC_KINDS.values():
        metric = kind.parse(name)
        if metric is not None:
            return metric
    raise InputError(f'metric = "{name}": expected one of {", ".join(METRICS)}')
