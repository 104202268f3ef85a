"""A straight line through points whose noise is known, whose scatter beyond it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from ..base.arrays import Array

_SMALLEST = 1e-9
"""Relative scatter at the lower end of the search: none."""
_LARGEST = 1e3
"""Relative scatter at the upper end: points that lie on no line."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedLine:
    """``y = intercept + slope * x``.

    Parameters
    ----------
    covariance
        ``(2, 2)`` of intercept and slope, NaN where nothing tells.
    scatter_rel
        How far points lie off the line beyond their noise, relative to the line, one standard deviation.
    freedom
        Degrees of freedom of the scatter; infinite where the noise is known and explains all of it.
    chance
        Probability that noise alone scatters the points so, NaN where the noise is not known.
    """

    slope: float
    intercept: float
    covariance: Array
    scatter_rel: float
    freedom: float
    chance: float

    @classmethod
    def fitted(cls, x: Array, y: Array, noise: Array, *, intercept: bool) -> WeightedLine:
        """Least squares through points ``(n,)`` of positive ``x``; ``noise`` is each one's standard deviation, or NaN.

        Weights count the scatter too [PauleMandel1982], which is chosen so that the weighted squares are what chance
        exceeds as often as not: with their mean instead, few points would hide their scatter more often than not.
        """
        columns = np.stack([np.ones_like(x), x], axis=1)[:, 0 if intercept else 1 :]
        spare = len(x) - columns.shape[1]
        own, known = np.nan_to_num(noise), not np.isnan(noise).any()
        expected = x * y.sum() / x.sum()

        def misfit(scatter: float) -> float:
            variance = own**2 + (scatter * expected) ** 2
            return float(((y - columns @ _solve(columns, y, variance)[0]) ** 2 / variance).sum())

        chi2, scatter = misfit(_SMALLEST), scatter_of(misfit, spare)
        solution, covariance = _solve(columns, y, own**2 + (max(scatter, _SMALLEST) * expected) ** 2)
        if spare == 0 and not known:
            covariance = np.full_like(covariance, np.nan)
        both, full = np.zeros(2), np.zeros((2, 2))
        both[-len(solution) :], full[-len(solution) :, -len(solution) :] = solution, covariance
        chance = float(stats.chi2.sf(chi2, spare)) if known and own.any() and spare > 0 else np.nan
        freedom = float(spare) if scatter > 0.0 or not known else np.inf
        return cls(float(both[1]), float(both[0]), full, scatter, freedom, chance)


def scatter_of(misfit: Callable[[float], float], freedom: int) -> float:
    """The relative scatter that makes the weighted squares what they usually are; 0 where noise alone does."""
    usual = float(stats.chi2.median(freedom)) if freedom > 0 else np.inf
    if not misfit(_SMALLEST) > usual > misfit(_LARGEST):
        return 0.0
    return float(optimize.brentq(lambda s: misfit(s) - usual, _SMALLEST, _LARGEST, xtol=1e-12))


def _solve(columns: Array, y: Array, variance: Array) -> tuple[Array, Array]:
    weighted = columns / variance[:, None]
    scale = np.abs(columns).max(axis=0)
    inverse = np.linalg.inv((weighted / scale).T @ (columns / scale)) / np.outer(scale, scale)
    return inverse @ (weighted.T @ y), inverse
