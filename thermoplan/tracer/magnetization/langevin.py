"""Langevin function, its ratio and its slope, accurate through zero."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array

_SERIES = (1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555)
"""Coefficients of ``L(x) / x`` in powers of ``x**2``."""
_SMALL = 0.04
"""``x**2`` below which the series is used: its first term left out is 2e-13 there, and coth x - 1/x cancels below.
At twice as much the series is off by 32 times that."""


def langevin_ratio(r: Array) -> Array:
    """``L(x) / x`` at ``r = x**2``, with L(x) = coth x - 1/x; 1/3 at zero."""
    r = np.asarray(r, float)
    x = np.sqrt(np.maximum(r, _SMALL))
    decay = np.exp(-2.0 * x)
    far = ((1.0 + decay) / (1.0 - decay) - 1.0 / x) / x
    a, b, c, d, e = _SERIES
    return np.where(r < _SMALL, a + r * (b + r * (c + r * (d + r * e))), far)


def langevin(x: Array) -> Array:
    """``coth x - 1/x``, odd, accurate through zero.

    ``x`` is ``m B / kT`` of any shape, without unit; the result has its shape and lies within (-1, 1)
    [Rosensweig2002].
    """
    x = np.asarray(x, float)
    return x * langevin_ratio(x * x)


def langevin_slope(x: Array) -> Array:
    """``dL/dx = 1/x**2 - 1/sinh(x)**2`` by its Riccati equation ``1 - 2 L/x - L**2``."""
    r = np.square(np.asarray(x, float))
    ratio = langevin_ratio(r)
    return 1.0 - 2.0 * ratio - r * ratio**2
