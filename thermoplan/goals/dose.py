"""Thermal dose of a streamed history: CEM43 and highest temperature of every node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, freeze, put
from ..base.errors import InputError
from .metrics.cem43 import FLAT_K, LN4, rate_and_primitive

History = Iterable[tuple[float, Array]]

FLOOR_C = 39.0
"""The variant with a floor counts nothing below this temperature."""

_FLOOR_PRIMITIVE = 4.0 ** (FLOOR_C - 43.0) / LN4


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
    """Dose ``(n,)`` in minutes and highest temperature of each node, and node and time of the highest of all."""

    cem43_min: Array
    cem43_floor39_min: Array
    peak_c: Array
    hottest_node: int
    hottest_time_s: float

    def __post_init__(self) -> None:
        put(
            self,
            cem43_min=freeze(self.cem43_min),
            cem43_floor39_min=freeze(self.cem43_floor39_min),
            peak_c=freeze(self.peak_c),
        )


class Dose:
    """Consumer of a history that keeps dose and peak of every node, and nothing else of the past."""

    KEPT = ("_last", "_hottest", "_dose", "_floored", "_peak")

    def __init__(self) -> None:
        self._last: tuple[float, Array, Array, Array] | None = None
        self._hottest = (-np.inf, 0, 0.0)

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at a time that is not before the last."""
        t = np.array(temperature_c, float)
        rate, primitive = rate_and_primitive(t)
        if self._last is None:
            self._dose, self._floored, self._peak = np.zeros_like(t), np.zeros_like(t), t.copy()
        else:
            self._add_interval(self._last, time_s, t, rate, primitive)
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

    def _add_interval(
        self, last: tuple[float, Array, Array, Array], time_s: float, t: Array, rate: Array, primitive: Array
    ) -> None:
        before_s, before, before_rate, before_primitive = last
        minutes = (time_s - before_s) / 60.0
        if minutes < 0.0:
            raise InputError(f"history: time falls from {before_s:g} to {time_s:g} s")
        if minutes > 0.0:
            change = t - before
            flat = np.abs(change) < FLAT_K
            change = np.where(flat, 1.0, change)
            mean = np.where(flat, 0.5 * (rate + before_rate), (primitive - before_primitive) / change)
            floored = (
                np.maximum(primitive, _FLOOR_PRIMITIVE) - np.maximum(before_primitive, _FLOOR_PRIMITIVE)
            ) / change
            floored = np.where(flat, np.where(t >= FLOOR_C, mean, 0.0), floored)
            self._dose = self._dose + minutes * mean
            self._floored = self._floored + minutes * floored
        self._peak = np.maximum(self._peak, t)
