"""Point-spread function: what a point of iron looks like in an x-space image.

The magnetization of a tracer follows the field as ``L(xi) B/|B|`` with ``xi = k |B|``, ``k = m/kT``; a scan that
moves the field-free region reads its derivative, a tensor [GoodwillConolly2010, GoodwillConolly2011]::

    h = ENV_T P + ENV_N (I - P),   ENV_T = L'(xi),  ENV_N = L(xi)/xi,  P = B B^T/|B|^2,  B = G x

An image here is the part of ``h`` along one direction that both drives and receives (collinear), or the sum of
several such images, one a channel; with three channels at right angles that is the trace of ``h``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.signal import fftconvolve

from .arrays import Array, finite, frozen, put, unit
from .device import Device
from .errors import InputError
from .image import Image
from .magnetization import langevin_ratio, langevin_slope
from .tracer import Tracer

REACH_FWHM = 2.0
"""A point is followed this many full widths from its centre, in every direction; see `TensorPsf`."""

_PER_FWHM, _FINEST = 4.0, 8
_FARTHEST_M = 1.0


class Psf(Protocol):
    """What blurs an image: its value at offsets from the point, 1 at the point, 0 beyond ``reach_m``."""

    @property
    def reach_m(self) -> Array:
        """``(3,)`` half edges of the box along R, A, S that holds it."""

    def at(self, offset_m: Array) -> Array:
        """Values ``(...)`` at offsets ``(..., 3)``."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianPsf:
    """A Gaussian of full widths ``fwhm_m`` along R, A, S; one number stands for all three."""

    fwhm_m: Array

    def __post_init__(self) -> None:
        width = np.broadcast_to(finite(self.fwhm_m, "psf: fwhm"), 3)
        if (width <= 0.0).any():
            raise InputError(f"psf: fwhm = {width.tolist()} m: expected more than zero")
        put(self, fwhm_m=frozen(width.copy()))

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
    reach_axes_m: Array = None  # (3, 3), rows: directions of ``gradient_t_m`` times two full widths; set here

    def __post_init__(self) -> None:
        gradient = finite(self.gradient_t_m, "psf: gradient")
        channels = np.array([unit(c, "psf: channel") for c in np.atleast_2d(self.channels)])
        put(self, xi_per_t=frozen(np.atleast_1d(self.xi_per_t)), gradient_t_m=gradient, channels=frozen(channels),
            weight=frozen(np.atleast_1d(self.weight) / np.sum(self.weight)))
        size, axes = np.linalg.svd(gradient)[1:]
        if size.min() <= 1e-6 * size.max():
            raise InputError(
                "psf: the selection field does not change along one direction (a line that stands still): its image "
                "is a projection; turn the line, or give a width (fwhm)")
        put(self, reach_axes_m=frozen(np.full((3, 3), np.nan)))  # no end while its widths are measured
        widths = np.array([fwhm_m(self, axis) for axis in axes])
        put(self, reach_axes_m=frozen(REACH_FWHM * widths[:, None] * axes))

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
        return np.square(offset @ self.reach_axes_m.T / squared).sum(axis=-1) <= 1.0


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
        return self.psf.reach_m + _lags()[-1] * self.lag_m * np.abs(self.axis)

    def at(self, offset_m: Array) -> Array:
        offset, steps = np.asarray(offset_m, float), self.lag_m * _lags()
        signs = (1.0, -1.0) if self.both_ways else (1.0,)
        parts = [self.psf.at(offset - sign * step * self.axis) for step in steps for sign in signs]
        return sum(parts) / len(parts)


@cache
def _lags(count: int = 48) -> Array:
    """Equally likely delays of ``exp(-u)``; their mean is 1."""
    edge = 1.0 - np.arange(count + 1) / count
    primitive = np.where(edge > 0.0, edge - edge * np.log(np.where(edge > 0.0, edge, 1.0)), 0.0)
    return frozen(-count * np.diff(primitive))


@cache
def tangential_width() -> float:
    """Full width of ``L'(xi)`` at half its maximum, in xi: 4.16105."""
    return 2.0 * brentq(lambda xi: float(langevin_slope(xi)) - 1.0 / 6.0, 0.1, 20.0, xtol=1e-12)


@cache
def normal_width() -> float:
    """Full width of ``L(xi)/xi`` at half its maximum, in xi: 9.46664."""
    return 2.0 * brentq(lambda xi: float(langevin_ratio(xi * xi)) - 1.0 / 6.0, 0.1, 20.0, xtol=1e-12)


def fwhm_m(psf: Psf, direction: ArrayLike) -> float:
    """Full width at half maximum along a line through the point."""
    axis = unit(direction)
    crest, top = _crest(psf, axis)
    return sum(_half_width(lambda r, sign=sign: psf.at((crest + sign * np.asarray(r))[..., None] * axis) - 0.5 * top)
               for sign in (1.0, -1.0))


def _crest(psf: Psf, axis: Array) -> tuple[float, float]:
    """Where along a line the function is highest, and how high; only a lag moves it from the point."""
    if not isinstance(psf, LaggingPsf):
        return 0.0, float(psf.at(np.zeros(3)))
    reach = float(psf.reach_m @ np.abs(axis))
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


def signal_sizes(tracer: Tracer) -> tuple[Array, Array]:
    """``m/kT`` of a tracer's sizes and their parts of the signal: iron times ``m/kT``, so that large cores lead."""
    diameter, share, _ = tracer.sizes()
    k = tracer.xi_per_tesla(diameter)
    return k, share * k / (share @ k)


def tracer_psf(tracer: Tracer, gradient_t_m: ArrayLike, channels: Sequence[ArrayLike]) -> TensorPsf:
    """The tensor of a tracer in a selection field ``(3, 3)``, read by channels ``(c, 3)``."""
    return TensorPsf(*signal_sizes(tracer), np.asarray(gradient_t_m, float), np.atleast_2d(channels))


def device_psf(tracer: Tracer, device: Device, channels: Sequence[ArrayLike] | None = None) -> TensorPsf:
    """The tensor of a tracer in a machine, read along its drive axis unless channels are given.

    A field-free line is taken to turn through every angle, as tomography needs it: each direction is then seen with
    the line's full gradient. A machine without a selection field has no image.
    """
    if device.gradient_t_m == 0.0:
        raise InputError(f"device {device.name}: has no gradient, so it makes no image: name an imager, such as "
                         '"momentum", or give a gradient, such as "5.7 T/m"')
    turning = device.kind == "ffl"
    tensor = np.eye(3) if turning else device.gradient_tensor()
    return tracer_psf(tracer, device.gradient_t_m * tensor, [device.drive_axis] if channels is None else channels)


def implied_fwhm_m(tracer: Tracer, gradient_t_m: ArrayLike) -> float:
    """The width that a tracer and a selection field ``(3, 3)`` imply for an image, relaxation left out.

    Along each direction ``4.16105 kT/(m G)``, the tangential width [Rahmer2009]; of a point's three directions the
    geometric mean, of a line's the two across it.
    """
    size = np.linalg.svd(np.asarray(gradient_t_m, float), compute_uv=False)
    seen = size[size > 1e-6 * size.max()] if size.max() > 0.0 else size
    if not len(seen) or seen.min() <= 0.0:
        raise InputError("psf: a gradient of zero implies no width")
    gradient = float(np.exp(np.log(seen).mean()))
    return fwhm_m(tracer_psf(tracer, gradient * np.eye(3), [(1.0, 0.0, 0.0)]), (1.0, 0.0, 0.0))


def kernel_on(psf: Psf, axes_m: Array) -> Array:
    """The function on voxels with edges ``axes_m`` (columns), an odd number each way, sum 1.

    Where it is narrow against a voxel it is averaged over the voxel.
    """
    half = np.ceil(np.abs(np.linalg.inv(axes_m)) @ psf.reach_m - 1e-9).astype(int)
    index = np.moveaxis(np.indices(2 * half + 1), 0, -1) - half
    edges = np.linalg.norm(axes_m, axis=0)
    finest = np.array([fwhm_m(psf, axis) for axis in axes_m.T / edges[:, None]]) / _PER_FWHM
    count = np.clip(np.ceil(edges / finest - 1e-9).astype(int), 1, _FINEST)
    parts = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in count], indexing="ij"), -1).reshape(-1, 3)
    values = sum(psf.at((index + part) @ axes_m.T) for part in parts)
    if values.sum() <= 0.0:
        values = (index == 0).all(axis=-1).astype(float)
    return values / values.sum()


def blurred(image: Image, psf: Psf, *, border: str = "grow") -> Image:
    """The image seen through ``psf``.

    ``border="grow"`` adds voxels so that nothing is carried over the edge: the integral is kept. ``"cut"`` keeps the
    voxels as they are: what the blur carries over the edge is lost, as at the end of a field of view.
    """
    if border not in ("grow", "cut"):
        raise InputError(f'blur: border = "{border}": expected "grow" or "cut"')
    kernel = kernel_on(psf, image.affine_m[:3, :3])
    data = fftconvolve(np.asarray(image.data, float), kernel, mode="full" if border == "grow" else "same")
    if image.data.min() >= 0:
        data = np.maximum(data, 0.0)
    if border == "cut":
        return image.with_data(data)
    affine = image.affine_m.copy()
    affine[:3, 3] -= affine[:3, :3] @ (np.array(kernel.shape) // 2)
    return Image(data, affine)
