"""Background of an image: its level, its noise, and how noise adds up over a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage, stats

from ..base.arrays import AnyArray, BoolArray
from ..base.errors import InputError
from ..base.image import Image

_CLIP = 3.0
"""Standard deviations from which a value counts as signal; at two, one voxel of noise in twenty would be lost."""
_MAD = 1.4826  # standard deviation over median absolute deviation of normal noise
_KEPT_WITHIN_CLIP = 0.98658
"""Standard deviation of a normal variable cut off at three of its own; the constants of normal noise."""

_CUT_OFF = 0.2
"""Share of voxels that are exactly the lowest, from which an image counts as cut off at zero."""
_ALONE = 0.01
"""Share of voxels that stand alone among the lowest, from which such an image has noise to measure."""

_REACH = 3
"""Voxels over which noise is taken to be correlated at most; every shift within them costs a pass over the image."""
_FEWEST = 8
"""Voxels that can tell noise, at the least: its standard deviation is then known to a quarter."""
_FARTHEST = 30
"""Voxels that signal is followed beyond a region, at most."""
_SAMPLE = 20_000
"""Voxels that tell the correlation, which they do to a hundredth."""
_FOOT = 1.5
_FALSE_ALARM = 0.01
_ROUNDING = 1e-6  # of single precision

Mask = BoolArray
Shift = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Signal without tracer, in the image's own unit.

    Parameters
    ----------
    level, sigma
        Mean and standard deviation of one voxel.
    where
        The voxels that told.
    correlation
        Of the noise at shifts by whole voxels; a shift and its opposite count once, none means white noise.
    among, highest
        Voxels of the image, among which a peak has to stand out, and the highest of them.
    """

    level: float
    sigma: float
    where: Mask
    correlation: Mapping[Shift, float]
    among: int
    highest: float

    @property
    def inflation(self) -> float:
        """By what correlated noise over a large region exceeds the variance of independent voxels."""
        return 1.0 + 2.0 * sum(self.correlation.values())

    def sum_sd(self, mask: Mask) -> float:
        """Standard deviation of the sum over ``mask`` less ``level`` in every voxel.

        The level's own error is in, as far as it was not told by the same voxels.
        """
        count, told = int(mask.sum()), max(self.voxels, 1)
        pairs = sum(rho * _pairs(mask, shift) for shift, rho in self.correlation.items())
        level = (count**2 - 2.0 * count * int((mask & self.where).sum())) * self.inflation / told
        return self.sigma * float(np.sqrt(max(0.0, count + 2.0 * pairs + level)))

    @property
    def voxels(self) -> int:
        """Number of voxels that the estimate rests on."""
        return int(self.where.sum())

    @property
    def peak_limit(self) -> float:
        """Threshold of signal: noise alone passes it in one image of a hundred."""
        sigmas = float(stats.norm.isf(_FALSE_ALARM / max(self.among, 1)))
        return max(self.level + sigmas * self.sigma, self.rounding)

    @property
    def rounding(self) -> float:
        """Above the level by no more than arithmetic is off."""
        return self.level + _ROUNDING * (self.highest - self.level)


def background_of(image: Image, where: Mask | None = None) -> Background:
    """Background of an image.

    Parameters
    ----------
    where
        Voxels without tracer. Left out, they are found, away from whatever stands out; tracer must not fill
        half of the image then.
    """
    check_finite(image)
    if where is not None:
        if where.sum() < _FEWEST:
            raise InputError(f"background: {int(where.sum())} voxels cannot tell the noise: expected {_FEWEST} or more")
        return _background_from(image, where, float(image.data[where].std()))
    cut = _is_cut_off(image.data)
    quiet, sigma = _cut_off(image.data) if cut else _clip_outliers(image.data)
    first = _background_from(image, quiet, sigma)
    far = quiet & ~reach(image.data, image.data > first.peak_limit, first)[1]
    if far.sum() < _FEWEST:
        return first
    return _background_from(image, far, sigma if cut else _spread(image.data[far]))


def _background_from(image: Image, where: Mask, sigma: float) -> Background:
    level = float(image.data[where].mean(dtype=float))
    correlation = _correlation(image.data, where, level) if sigma > 0.0 else {}
    return Background(level, sigma, where, correlation, image.data.size, float(image.data.max()))


def reach(data: AnyArray, seeds: Mask, background: Background) -> tuple[int, Mask]:
    """Number of voxels that signal spreads beyond ``seeds``, and the mask of where it does.

    Shell by shell around them, up to the first whose mean is no higher than chance allows; half as far again and one
    voxel more, since the foot of a tail is lost in noise.
    """
    if not seeds.any() or background.sigma == 0.0:
        return 0, seeds
    rim = 2 * _FARTHEST
    box = tuple(slice(max(0, int(i.min()) - rim), int(i.max()) + rim + 1) for i in np.nonzero(seeds))
    distance, values, found = ndimage.distance_transform_edt(~seeds[box]), data[box], np.zeros_like(seeds)
    for step in range(1, _FARTHEST + 1):
        shell = (distance > step - 1) & (distance <= step)
        count = int(shell.sum())
        chance = 3.0 * background.sigma * np.sqrt(background.inflation / max(count, 1))
        if count == 0 or float(values[shell].mean(dtype=float)) - background.level <= chance:
            break
    far = int(np.ceil(_FOOT * (step - 1))) + 1
    found[box] = distance <= far
    return far, found


def check_finite(image: Image, name: str = "image") -> None:
    """Refuse an image with holes in it, and one that is the same everywhere."""
    bad = ~np.isfinite(image.data)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"{name}: {int(bad.sum())} voxels are not finite, first {first}: mask them before")
    if image.data.min() == image.data.max():
        raise InputError(f"{name}: every voxel is {float(image.data.flat[0]):g}: no signal above the detection limit")


def _is_cut_off(data: AnyArray) -> bool:
    """True if many voxels are exactly the lowest, as a non-negative reconstruction leaves them."""
    return float((data == data.min()).mean()) >= _CUT_OFF


def _cut_off(data: AnyArray) -> tuple[Mask, float]:
    """Quiet voxels and noise where all below zero was cut off: noise is what stands alone among zeros."""
    above = data > data.min()
    cross = ndimage.generate_binary_structure(3, 1)
    neighbours = ndimage.correlate(above.astype(np.int8), cross.astype(np.int8), mode="constant") - above
    room = 2 * sum(n > 1 for n in data.shape)
    alone = data[above & (neighbours * 3 <= room)].astype(float) - float(data.min())
    if len(alone) < _ALONE * (~above).sum():
        return ~above, 0.0
    sigma = _MAD * float(np.median(alone))
    return data <= data.min() + _CLIP * sigma, sigma


def _clip_outliers(data: AnyArray) -> tuple[Mask, float]:
    """Quiet voxels and noise from median and spread, taken again and again from what lies within three of it."""
    kept = data.astype(float).ravel()
    for _ in range(200):
        centre = float(np.median(kept))
        spread = _MAD * float(np.median(np.abs(kept - centre)))
        near = kept[np.abs(kept - centre) <= _CLIP * spread]
        if len(near) == len(kept) or len(near) < _FEWEST:
            break
        kept = near
    return (data >= kept.min()) & (data <= kept.max()), _spread(kept)


def _spread(clipped: AnyArray) -> float:
    """Standard deviation of normal noise of which nothing beyond three of it is left."""
    return float(clipped.std(dtype=float)) / _KEPT_WITHIN_CLIP


def _correlation(data: AnyArray, chosen: Mask, level: float) -> dict[Shift, float]:
    """Correlation of neighbours, where it is beyond three of its own standard errors; negative ones are left out."""
    held, noise = np.pad(chosen, _REACH), np.pad(np.where(chosen, data - level, 0.0), _REACH)
    stride = np.array(noise.strides) // noise.itemsize
    held, noise = held.ravel(), noise.ravel()
    place = np.flatnonzero(held)
    place = place[:: max(1, len(place) // _SAMPLE)]
    here = noise[place]
    power, found = float((here**2).mean()), {}
    for shift in _shifts(data.shape):
        there = place + int(stride @ shift)
        pairs = int(held[there].sum())
        rho = float((here * noise[there]).sum()) / max(pairs, 1) / power
        if pairs >= _FEWEST and rho > 3.0 / np.sqrt(pairs):
            found[shift] = min(rho, 1.0)
    return found


def _shifts(shape: tuple[int, ...]) -> list[Shift]:
    """Half of the shifts within reach; the other half are their opposites."""
    reach = [min(_REACH, n - 1) for n in shape]
    x, y, z = (range(-r, r + 1) for r in reach)
    every = product(x, y, z)
    return [shift for shift in every if shift > (0, 0, 0)]


def _pairs(mask: Mask, shift: Shift) -> int:
    """Pairs of voxels of ``mask`` that lie ``shift`` apart."""
    if not mask.any():
        return 0
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
    part = mask[box]
    if any(abs(s) >= n for s, n in zip(shift, part.shape, strict=True)):
        return 0
    here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(shift, part.shape, strict=True))
    there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(shift, part.shape, strict=True))
    return int((part[here] & part[there]).sum())


def voxel_sum(image: Image, mask: Mask, background: Background) -> float:
    """Signal in ``mask`` above the background, a plain sum over voxels."""
    values = image.data[mask].astype(float)
    return float(values.sum()) - background.level * len(values)
