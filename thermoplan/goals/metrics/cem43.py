"""Thermal dose of courses that are linear between times: CEM43, its rate, and its slope by each temperature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array

LN2 = float(np.log(2.0))
LN4 = float(np.log(4.0))
"""Slopes of the logarithm of the rate, 1/K, from 43 degrees C on and below [SaparetoDewey1984]."""
FLAT_K = 1e-4
"""A smaller change over a time step is none: the mean rate is then that of both ends, because a quotient of two small
differences loses digits. The error is the square of this in parts; twice as much would do as well."""
_BLOCK = 64000
"""Temperatures taken at once, so that what is computed of them stays in the cache. Results do not depend on it; twice
as many are no faster, and ten times as many leave the cache of most machines."""


def cem43_rate(temperature_c: ArrayLike) -> Array:
    """Equivalent minutes at 43 degrees C per minute: R^(43 - T), R 0.5 from 43 on, 0.25 below
    [SaparetoDewey1984]."""
    x = np.asarray(temperature_c, float) - 43.0
    rate: Array = np.exp2(x + np.minimum(x, 0.0))
    return rate


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
    above /= LN2
    below /= LN4
    above += below
    return rate, above


def log_rate(temperature_c: Array) -> Array:
    """Natural logarithm of CEM43 minutes per minute: two straight branches [SaparetoDewey1984]."""
    above = np.asarray(temperature_c, float) - 43.0
    result: Array = above * np.where(above >= 0.0, LN2, LN4)
    return result


def log_rate_slope(temperature_c: Array) -> Array:
    """Derivative of `log_rate` in 1/K; at 43 degrees C that from above."""
    return np.where(np.asarray(temperature_c) >= 43.0, LN2, LN4)


def dose_min(times_s: Array, temperature_c: Array) -> Array:
    """CEM43 over the first axis, exact for temperatures linear between times, as `dose.cem43_min`.

    ``times_s (t,)`` rise, ``temperature_c`` is ``(t, ...)`` in degrees C; the result is ``(...)`` in minutes.
    """
    found = np.zeros(temperature_c.shape[1:])
    for part in _parts(temperature_c):
        found = found + _integral(times_s[part], _intervals(temperature_c[part])[1])
    return np.asarray(found)


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
        dose = dose + _integral(at_s, mean)
    return np.asarray(dose), slope


def _parts(temperature_c: Array) -> Iterator[slice]:
    """Slices of times, the last of one the first of the next, so long that the cache holds a few of their arrays."""
    rows = max(1, _BLOCK * len(temperature_c) // max(1, temperature_c.size))
    return (slice(i, i + rows + 1) for i in range(0, max(1, len(temperature_c) - 1), rows))


def _integral(times_s: Array, mean: Array) -> Array:
    result: Array = np.tensordot(np.diff(times_s) / 60.0, mean, 1)
    return result


def _intervals(temperature_c: Array) -> tuple[Array, Array, Array, Array]:
    """Rate at each time; mean of it over each interval; 0 where temperature hardly changes over that, else 1; and the
    change, 1 where it is hardly any. As in the rate itself, sums cost less than a choice for each."""
    rate, primitive = rate_and_primitive(temperature_c)
    change = np.diff(temperature_c, axis=0)
    steep = (np.abs(change) >= FLAT_K).astype(float)
    flat = 1.0 - steep
    change *= steep
    change += flat
    mean = np.diff(primitive, axis=0)
    mean *= steep
    flat *= 0.5
    mean += flat * (rate[1:] + rate[:-1])
    mean /= change
    return rate, mean, steep, change
