"""Interface of a point-spread function, and its widths."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ...base.arrays import Array, unit
from ...base.errors import InputError
from ...tracer.magnetization import langevin_ratio, langevin_slope

_FARTHEST_M = 1.0


class Psf(Protocol):
    """Point-spread function: its value at offsets from the point, 1 at the point, 0 beyond ``reach_m``."""

    @property
    def reach_m(self) -> Array:
        """``(3,)`` half edges of the box along R, A, S that holds it."""

    def at(self, offset_m: Array) -> Array:
        """Values ``(...)`` at offsets ``(..., 3)``."""


@cache
def tangential_width() -> float:
    """Full width of ``L'(xi)`` at half its maximum, in xi: 4.16105."""
    return float(2.0 * brentq(lambda xi: float(langevin_slope(xi)) - 1.0 / 6.0, 0.1, 20.0, xtol=1e-12))


@cache
def normal_width() -> float:
    """Full width of ``L(xi)/xi`` at half its maximum, in xi: 9.46664."""
    return float(2.0 * brentq(lambda xi: float(langevin_ratio(xi * xi)) - 1.0 / 6.0, 0.1, 20.0, xtol=1e-12))


def fwhm_m(psf: Psf, direction: ArrayLike) -> float:
    """Full width at half maximum along a line through the point.

    ``direction (3,)`` is of any length, in the frame of the point-spread function; a width that nothing bounds is
    refused.
    """
    axis = unit(direction)
    crest, top = _crest(psf, axis)

    def above_half(sign: float) -> Callable[[ArrayLike], Array]:
        return lambda r: psf.at((crest + sign * np.asarray(r))[..., None] * axis) - 0.5 * top

    return _half_width(above_half(1.0)) + _half_width(above_half(-1.0))


def _crest(psf: Psf, axis: Array) -> tuple[float, float]:
    """Position of the function's maximum along a line, and its value; only a lag moves it from the point."""
    reach = float(psf.reach_m @ np.abs(axis))
    if not np.isfinite(reach):
        return 0.0, float(psf.at(np.zeros(3)))
    place = np.linspace(-reach, reach, 4001)
    value = psf.at(place[:, None] * axis)
    return float(place[value.argmax()]), float(value.max())


def _half_width(above: Callable[[ArrayLike], Array]) -> float:
    steps = np.geomspace(1e-6, _FARTHEST_M, 601)
    below = above(steps) < 0.0
    if not below.any():
        raise InputError(f"psf: still above half its maximum {_FARTHEST_M:g} m away: check gradient and tracer")
    first = int(below.argmax())
    return float(brentq(lambda r: float(above(r)), steps[first - 1] if first else 0.0, steps[first], xtol=1e-12))
