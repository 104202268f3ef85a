"""The kinds of point-spread function: a Gaussian, the x-space tensor, either with a lag."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from ...base.arrays import Array, finite, freeze, put, unit
from ...base.errors import InputError
from ...tracer.magnetization import langevin_ratio, langevin_slope
from .widths import Psf, fwhm_m

REACH_FWHM = 2.0
"""A point is followed this many full widths from its centre, in every direction; see `TensorPsf`."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianPsf:
    """A Gaussian of full widths ``fwhm_m`` along R, A, S; one number stands for all three."""

    fwhm_m: Array

    def __post_init__(self) -> None:
        width = np.broadcast_to(finite(self.fwhm_m, "psf: fwhm"), 3)
        if (width <= 0.0).any():
            raise InputError(f"psf: fwhm = {width.tolist()} m: expected more than zero")
        put(self, fwhm_m=freeze(width.copy()))

    @property
    def reach_m(self) -> Array:
        return REACH_FWHM * self.fwhm_m

    def at(self, offset_m: Array) -> Array:
        squared = np.square(np.asarray(offset_m) / self.fwhm_m).sum(axis=-1)
        return np.where(squared <= REACH_FWHM**2, np.exp2(-4.0 * squared), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class TensorPsf:
    """The x-space tensor, read by one or more channels.

    Its tails fall as 1/r**2 along the field and 1/r across it and have no finite integral, so that a kernel has to
    end: on the ellipsoid of two full widths. What an image shows farther out counts as filtered away.

    Parameters
    ----------
    xi_per_t, weight
        ``(n,)``: ``m/kT`` of the sizes and their parts of the signal.
    gradient_t_m
        ``(3, 3)``, of the selection field, none of its singular values zero.
    channels
        ``(c, 3)``: directions that drive and receive, one after the other.
    """

    xi_per_t: Array
    weight: Array
    gradient_t_m: Array
    channels: Array
    reach_axes_m: Array = field(init=False)  # (3, 3), rows: directions of ``gradient_t_m`` times two full widths

    def __post_init__(self) -> None:
        gradient = finite(self.gradient_t_m, "psf: gradient")
        channels = np.array([unit(c, "psf: channel") for c in np.atleast_2d(self.channels)])
        put(
            self,
            xi_per_t=freeze(np.atleast_1d(self.xi_per_t)),
            gradient_t_m=gradient,
            channels=freeze(channels),
            weight=freeze(np.atleast_1d(self.weight) / np.sum(self.weight)),
        )
        size, axes = np.linalg.svd(gradient)[1:]
        if size.min() <= 1e-6 * size.max():
            raise InputError(
                "psf: the selection field does not change along one direction (a line that stands still): its image "
                "is a projection; turn the line, or give a width (fwhm)"
            )
        put(self, reach_axes_m=freeze(np.full((3, 3), np.nan)))  # no end while its widths are measured
        widths = np.array([fwhm_m(self, axis) for axis in axes])
        put(self, reach_axes_m=freeze(REACH_FWHM * widths[:, None] * axes))

    @property
    def reach_m(self) -> Array:
        return np.sqrt(np.square(self.reach_axes_m).sum(axis=0))

    def envelopes(self, field_t: Array) -> tuple[Array, Array]:
        """Tangential and normal envelope at field strengths, each 1 at zero; larger sizes weigh more."""
        tangential, normal = np.zeros(np.shape(field_t)), np.zeros(np.shape(field_t))
        for k, weight in zip(self.xi_per_t, self.weight, strict=True):
            xi = k * np.asarray(field_t)
            tangential += 3.0 * weight * langevin_slope(xi)
            normal += 3.0 * weight * langevin_ratio(xi * xi)
        return tangential, normal

    def at(self, offset_m: Array) -> Array:
        offset = np.asarray(offset_m, float)
        field = offset @ self.gradient_t_m.T
        strength = np.linalg.norm(field, axis=-1)
        along = np.square(field @ self.channels.T / np.maximum(strength, 1e-300)[..., None]).mean(axis=-1)
        tangential, normal = self.envelopes(strength)
        return np.where(self._within(offset), normal + along * (tangential - normal), 0.0)

    def _within(self, offset: Array) -> Array:
        if not np.isfinite(self.reach_axes_m).all():
            return np.ones(offset.shape[:-1], bool)
        squared = np.square(self.reach_axes_m).sum(axis=1)
        result: Array = np.square(offset @ self.reach_axes_m.T / squared).sum(axis=-1) <= 1.0
        return result


@dataclass(frozen=True, slots=True, eq=False)
class LaggingPsf:
    """Another point-spread function seen through relaxation.

    The signal follows the field with a lag ``exp(-t/tau)/tau``: at scan speed v a point is smeared over
    ``lag_m = v tau`` behind the motion [Croft2012]. ``both_ways`` is the mean of a scan forth and one back:
    broader, not shifted; one way also shifts it by ``lag_m``.
    """

    psf: Psf
    axis: Array
    lag_m: float
    both_ways: bool = True

    def __post_init__(self) -> None:
        put(self, axis=unit(self.axis, "psf: axis"))
        if not 0.0 < self.lag_m < np.inf:
            raise InputError(f"psf: lag = {self.lag_m:g} m: expected more than zero")

    @property
    def reach_m(self) -> Array:
        result: Array = self.psf.reach_m + _lags()[-1] * self.lag_m * np.abs(self.axis)
        return result

    def at(self, offset_m: Array) -> Array:
        offset, steps = np.asarray(offset_m, float), self.lag_m * _lags()
        signs = (1.0, -1.0) if self.both_ways else (1.0,)
        parts = [self.psf.at(offset - sign * step * self.axis) for step in steps for sign in signs]
        mean: Array = sum(parts[1:], parts[0]) / len(parts)
        return mean


@cache
def _lags(count: int = 48) -> Array:
    """Equally likely delays of ``exp(-u)``; their mean is 1."""
    edge = 1.0 - np.arange(count + 1) / count
    primitive = np.where(edge > 0.0, edge - edge * np.log(np.where(edge > 0.0, edge, 1.0)), 0.0)
    return freeze(-count * np.diff(primitive))
