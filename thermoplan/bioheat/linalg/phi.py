"""Functions of a decay rate and a time: decay, and the response to constant, growing and bending power [Saad1992]."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...base.arrays import Array

Times = Array | Sequence[float]

SMALL = 1e-2
"""Rate times time below which series are used: they are then good to 1e-11, and the closed forms lose up to five
digits. At twice as much the series would be good to 2e-10."""
SMALL_FOURTH = 0.1
"""The same for the fourth function, whose closed form loses two digits more and whose series has seven terms; at twice
as much the series would be good to 2e-11."""
LINEAR = 1e-12
"""Rate times time below which the response to constant power is the time itself, to the last digit."""


def decay(rates_1_s: Array, times_s: Times) -> Array:
    """``exp(-t r)`` as ``(k, m)``."""
    return np.exp(-np.outer(times_s, rates_1_s))


def phi1(rates_1_s: Array, times_s: Times) -> Array:
    """``t phi1(-t r) = (1 - exp(-t r)) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    return _column(times_s) * np.where(x > LINEAR, -np.expm1(-x) / np.maximum(x, 1e-300), 1.0)


def phi2(rates_1_s: Array, times_s: Times) -> Array:
    """``t^2 phi2(-t r) = (t - (1 - exp(-t r)) / r) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    small = x < SMALL
    series = 0.5 - x / 6.0 + x**2 / 24.0 - x**3 / 120.0 + x**4 / 720.0
    safe = np.where(small, 1.0, x)
    return _column(times_s) ** 2 * np.where(small, series, (safe + np.expm1(-safe)) / safe**2)


def phi3(rates_1_s: Array, times_s: Times) -> Array:
    """``t^3 phi3(-t r) = (t^2 / 2 - t^2 phi2(-t r)) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    small = x < SMALL
    series = 1.0 / 6.0 - x / 24.0 + x**2 / 120.0 - x**3 / 720.0
    safe = np.where(small, 1.0, x)
    return _column(times_s) ** 3 * np.where(small, series, (0.5 * safe**2 - safe - np.expm1(-safe)) / safe**3)


def phi4(rates_1_s: Array, times_s: Times) -> Array:
    """``t^4 phi4(-t r) = (t^3 / 6 - t^3 phi3(-t r)) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    small = x < SMALL_FOURTH
    series = sum((-x) ** k / math.factorial(k + 4) for k in range(7))
    safe = np.where(small, 1.0, x)
    closed = (safe**3 / 6.0 - 0.5 * safe**2 + safe + np.expm1(-safe)) / safe**4
    return _column(times_s) ** 4 * np.where(small, series, closed)


def _column(times_s: Times) -> Array:
    return np.asarray(times_s, float)[:, None]
