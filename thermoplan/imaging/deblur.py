"""Sharpening of an image that was blurred: non-negative, its mass kept, the growth of its noise bounded.

The iron x that is sought minimizes ``|A x - y|^2 + s |D x|^2`` over all x >= 0 with the image's sum, A the blur and D
differences between neighbours; s follows from the noise that one is ready to accept. What the blur has removed
cannot come back: structures finer than the width that remains are invented. FISTA with restart [BeckTeboulle2009].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.optimize import brentq

from ..base.arrays import Array, freeze, put
from ..base.errors import InputError, SolverError
from ..base.image import Image
from .psf import Psf, kernel_on

_WEAKEST = -30.0
"""Natural logarithm of the weakest regularisation that is tried: below it only rounding is amplified."""
_STRONGEST = 10.0
"""The same of the strongest that is tried."""

_STEPS = 5000
"""Steps of the iteration at most; without convergence the image is refused."""
_TOLERANCE = 1e-5
"""Change of a voxel in one step, relative to the brightest, below which the iteration has converged."""


@dataclass(frozen=True, slots=True, eq=False)
class Deblurred:
    """A sharpened image and what it cost.

    Parameters
    ----------
    noise_gain
        Standard deviation of a voxel over that before, white noise, where the iron stands well above its noise;
        lower where there is little, because values cannot fall below zero.
    fwhm_m
        ``(3,)`` along the voxel axes: full width of what is left of the blur.
    moved
        Part of the iron that lies in other voxels than before.
    """

    image: Image
    noise_gain: float
    fwhm_m: Array
    moved: float
    iterations: int

    def __post_init__(self) -> None:
        put(self, fwhm_m=freeze(self.fwhm_m))


@dataclass(frozen=True, slots=True, eq=False)
class _Blur:
    """The blur and the roughness as factors of a Fourier transform, on a grid wide enough to fold nothing back."""

    shape: tuple[int, ...]
    transfer: Array
    rough: Array

    def gain(self, weight: float) -> float:
        """Growth of white noise without the bound at zero: the length of the inverse filter."""
        return float(np.linalg.norm(irfftn(self.filter(weight), self.shape)))

    def filter(self, weight: float) -> Array:
        return self.transfer / (np.square(self.transfer) + weight * self.rough)

    def applied(self, factor: Array, data: Array) -> Array:
        result: Array = irfftn(rfftn(data, self.shape) * factor, self.shape)
        return result


def deblur_image(image: Image, psf: Psf, *, noise_gain: float = 3.0) -> Deblurred:
    """Sharpen an image of iron or of signal; ``psf`` has to be even (no lag one way).

    The image is taken to hold everything: beyond its border there is none. Iron closer to the border than the blur
    reaches is judged as if its blur had stopped there.

    Parameters
    ----------
    noise_gain
        How many times white noise may grow. The regularisation is the weakest that keeps to it; a blur so narrow
        that even none would not reach it is undone wholly.
    """
    if not noise_gain > 0.0:
        raise InputError(f"deblur: noise gain = {noise_gain:g}: expected more than zero, such as 3")
    data = np.asarray(image.data, float)
    total = float(data.sum())
    if not np.isfinite(total) or total <= 0.0:
        raise InputError("deblur: the image has no positive sum, so there is nothing to sharpen")
    blur = _blur(image, psf)
    weight = _weight(blur, noise_gain)
    found, steps = _solve(blur, weight, data)
    moved = 0.5 * float(np.abs(found - data).sum()) / total
    left = _remaining_m(blur, weight, image.spacing_m)
    return Deblurred(image.with_data(found), blur.gain(weight), left, moved, steps)


def _blur(image: Image, psf: Psf) -> _Blur:
    kernel = kernel_on(psf, image.affine_m[:3, :3])
    half = np.array(kernel.shape) // 2
    padded = [next_fast_len(n + int(h), real=True) for n, h in zip(image.shape, half, strict=True)]
    nx, ny, nz = (max(n, k) for n, k in zip(padded, kernel.shape, strict=True))
    wide = np.zeros((nx, ny, nz))
    wide[tuple(slice(0, n) for n in kernel.shape)] = kernel
    transfer = rfftn(np.roll(wide, -half, axis=(0, 1, 2)))
    if np.abs(transfer.imag).max() > 1e-6:
        raise InputError("deblur: the point-spread function is not even: a lag one way cannot be undone like this")
    turns = np.meshgrid(np.fft.fftfreq(nx), np.fft.fftfreq(ny), np.fft.rfftfreq(nz), indexing="ij")
    smallest = image.spacing_m.min()
    rough = sum(
        (2.0 - 2.0 * np.cos(2.0 * np.pi * f)) * (smallest / h) ** 2 for f, h in zip(turns, image.spacing_m, strict=True)
    )
    return _Blur((nx, ny, nz), transfer.real, rough)


def _weight(blur: _Blur, noise_gain: float) -> float:
    def excess(log_weight: float) -> float:
        return float(np.log(blur.gain(np.exp(log_weight)) / noise_gain))

    if excess(_WEAKEST) <= 0.0:
        return float(np.exp(_WEAKEST))
    if excess(_STRONGEST) >= 0.0:
        raise InputError(f"deblur: noise gain = {noise_gain:g}: no smoothing is strong enough; expected 1 or more")
    return float(np.exp(brentq(excess, _WEAKEST, _STRONGEST, xtol=1e-6)))


def _solve(blur: _Blur, weight: float, data: Array) -> tuple[Array, int]:
    """The minimum over non-negative arrays with the sum of ``data``, and the steps it took."""
    normal = np.square(blur.transfer) + weight * blur.rough
    window = tuple(slice(0, n) for n in data.shape)
    aim = blur.applied(blur.transfer, data)[window]
    step, total = 1.0 / float(normal.max()), float(data.sum())
    now = ahead = _onto_simplex(data, total)
    pace = 1.0
    for count in range(1, _STEPS + 1):
        slope = blur.applied(normal, ahead)[window] - aim
        after = _onto_simplex(ahead - step * slope, total)
        if np.vdot(ahead - after, after - now) > 0.0:
            pace = 1.0
        quicker = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * pace**2))
        ahead = after + (pace - 1.0) / quicker * (after - now)
        change = float(np.abs(after - now).max())
        now, pace = after, quicker
        if change <= _TOLERANCE * float(now.max()):
            return now, count
    raise SolverError(
        f"deblur: no minimum after {_STEPS} steps, the last changed a voxel by {change:.2g}: allow less noise gain"
    )


def _onto_simplex(values: Array, total: float) -> Array:
    """The nearest array that is nowhere negative and has this sum."""
    flat = values.ravel()
    kept = flat
    level = (kept.sum() - total) / kept.size
    while True:
        kept = kept[kept > level]
        after = (kept.sum() - total) / kept.size
        if abs(after - level) <= 1e-15 * max(abs(after), total / flat.size):
            break
        level = after
    found = np.maximum(values - after, 0.0)
    result: Array = found * (total / found.sum())
    return result


def _remaining_m(blur: _Blur, weight: float, spacing_m: Array) -> Array:
    """Full widths of blur and sharpening together along the voxel axes, between voxels by its trigonometric sum."""
    both = irfftn(blur.transfer * blur.filter(weight), blur.shape)
    lines = both[:, 0, 0], both[0, :, 0], both[0, 0, :]
    return np.array([_width(line) * h for line, h in zip(lines, spacing_m, strict=True)])


def _width(line: Array) -> float:
    """Full width, in samples, of an even periodic function about its first sample."""
    waves = np.fft.rfft(line).real
    waves[1:] *= 2.0
    if len(line) % 2 == 0:
        waves[-1] *= 0.5
    place = np.arange(0.0, len(line) / 2, 0.005)
    value = np.cos(2.0 * np.pi * np.outer(place, np.arange(len(waves))) / len(line)) @ waves
    return 2.0 * float(place[np.argmax(value < 0.5 * value[0])])
