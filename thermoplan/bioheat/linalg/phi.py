"""What a mode at each rate does in each time: decay, and what constant or growing power leaves in it [Saad1992]."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array


def decay(rates_1_s: Array, times_s: Array) -> Array:
    """``exp(-t r)`` as ``(k, m)``."""
    return np.exp(-np.outer(times_s, rates_1_s))


def phi1(rates_1_s: Array, times_s: Array) -> Array:
    """``t phi1(-t r) = (1 - exp(-t r)) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    return np.asarray(times_s)[:, None] * np.where(x > 1e-12, -np.expm1(-x) / np.maximum(x, 1e-300), 1.0)


def phi2(rates_1_s: Array, times_s: Array) -> Array:
    """``t^2 phi2(-t r) = (t - (1 - exp(-t r)) / r) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    small = x < 1e-2
    series = 0.5 - x / 6.0 + x**2 / 24.0 - x**3 / 120.0 + x**4 / 720.0
    safe = np.where(small, 1.0, x)
    return np.asarray(times_s)[:, None] ** 2 * np.where(small, series, (safe + np.expm1(-safe)) / safe**2)


def phi3(rates_1_s: Array, times_s: Array) -> Array:
    """``t^3 phi3(-t r) = (t^2 / 2 - t^2 phi2(-t r)) / r`` as ``(k, m)``."""
    x = np.outer(times_s, rates_1_s)
    small = x < 1e-2
    series = 1.0 / 6.0 - x / 24.0 + x**2 / 120.0 - x**3 / 720.0
    safe = np.where(small, 1.0, x)
    return np.asarray(times_s)[:, None] ** 3 * np.where(
        small, series, (0.5 * safe**2 - safe - np.expm1(-safe)) / safe**3
    )
