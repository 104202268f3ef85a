"""A digital scanner: a known distribution of iron in, the MPI image of it out."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import fftconvolve

from ..base.arrays import Array
from ..base.errors import InputError
from ..base.image import Image
from .psf import Psf, fwhm_m, kernel_on

_PER_FWHM = 4.0
"""Cells across the width of the blur, on which it is worked out; their number grows with the cube."""
_PARTS = 4
"""Cells along an edge of a voxel at most."""

_MOST_CELLS = 1e8


def simulate_scan(
    iron: Image,
    psf: Psf,
    *,
    voxel_m: ArrayLike,
    noise_kg_m3: float = 0.0,
    rng: np.random.Generator | None = None,
    sensitivity: float = 1.0,
) -> Image:
    """The signal image of iron (kg/m3): blurred, averaged over voxels, with white noise.

    The voxels lie along R, A, S with edges at whole multiples of ``voxel_m`` (one number or three), and reach as far
    as the blur does, so that nothing is cut off: without noise the integral is ``sensitivity`` times the mass of iron.

    Parameters
    ----------
    noise_kg_m3
        Standard deviation of a voxel, as the iron that would give that signal; values may fall below zero.
    rng
        Where the noise comes from; needed where there is noise. The same seed gives the same image.
    sensitivity
        Signal of a voxel per kg/m3 of iron.
    """
    voxel = np.broadcast_to(np.asarray(voxel_m, float), 3)
    _refuse(iron, voxel, noise_kg_m3, sensitivity)
    if noise_kg_m3 > 0.0 and rng is None:
        raise InputError("scanner: noise without a generator of random numbers: give a seed")
    width = np.array([fwhm_m(psf, axis) for axis in np.eye(3)])
    parts = np.clip(np.ceil(_PER_FWHM * voxel / width - 1e-9).astype(int), 1, _PARTS)
    low, shape = _frame(iron, psf.reach_m, voxel)
    if float(np.prod(shape * parts, dtype=float)) > _MOST_CELLS:
        raise InputError(
            f"scanner: voxel = {(1e3 * voxel).tolist()} mm: a picture of {shape.tolist()} voxels would "
            "not fit in memory: take larger ones"
        )
    step = voxel / parts
    fine = _lay_iron(iron, low + 0.5 * step, step, tuple(shape * parts))
    fine = np.maximum(fftconvolve(fine, kernel_on(psf, np.diag(step)), mode="same"), 0.0)
    data = fine.reshape([n for pair in zip(shape, parts, strict=True) for n in pair]).mean(axis=(1, 3, 5))
    if noise_kg_m3 > 0.0 and rng is not None:
        data = data + noise_kg_m3 * rng.standard_normal(data.shape)
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = low + 0.5 * voxel
    return Image(sensitivity * data, affine)


def _refuse(iron: Image, voxel: Array, noise: float, sensitivity: float) -> None:
    complaints = []
    if not (voxel > 0.0).all():
        complaints.append(f"scanner: voxel = {(1e3 * voxel).tolist()} mm: expected more than zero")
    if not 0.0 <= noise < np.inf:
        complaints.append(f"scanner: noise = {noise:g} mg/mL: expected zero or more")
    if not 0.0 < sensitivity < np.inf:
        complaints.append(f"scanner: sensitivity = {sensitivity:g}: expected more than zero")
    data = iron.data
    if not np.isfinite(data).all() or (data < 0).any() or not (data > 0).any():
        complaints.append("scanner: the iron has to be finite, nowhere negative and not all zero")
    if complaints:
        raise InputError(complaints)


def _frame(iron: Image, reach_m: Array, voxel: Array) -> tuple[Array, Array]:
    """Low corner and voxels of the picture: what holds iron, and the reach of the blur around it."""
    index = np.argwhere(iron.data > 0)
    corner = np.array(list(product((-0.5, 0.5), repeat=3)))
    ends = np.array([index.min(axis=0), index.max(axis=0)])
    box = iron.positions_m(
        np.array([ends[[i, j, k], [0, 1, 2]] for i, j, k in product((0, 1), repeat=3)])[:, None] + corner
    ).reshape(-1, 3)
    low = np.floor((box.min(axis=0) - reach_m) / voxel - 1e-9) - 1.0
    high = np.ceil((box.max(axis=0) + reach_m) / voxel + 1e-9) + 1.0
    return low * voxel, (high - low).astype(int)


def _lay_iron(iron: Image, origin_m: Array, step_m: Array, shape: tuple[int, ...]) -> Array:
    """Iron laid on cells, mass and centre of mass kept: sub-voxels no larger than a cell, shared by its neighbours."""
    index = np.argwhere(iron.data > 0)
    extent = np.abs(iron.affine_m[:3, :3]) / step_m[:, None]
    count = np.clip(np.ceil(extent.max(axis=0) - 1e-9).astype(int), 1, 16)
    share = iron.data[tuple(index.T)].astype(float) * iron.voxel_volume_m3 / step_m.prod() / count.prod()
    cells = np.zeros(shape)
    for part in product(*(((np.arange(n) + 0.5) / n - 0.5) for n in count)):
        place = (iron.positions_m(index + np.array(part)) - origin_m) / step_m
        base = np.floor(place).astype(int)
        rest = place - base
        for corner in product((0, 1), repeat=3):
            weight = np.where(corner, rest, 1.0 - rest).prod(axis=1) * share
            cells += _sum_weights(base + corner, weight, shape)
    return cells


def _sum_weights(index: Array, weight: Array, shape: tuple[int, ...]) -> Array:
    flat = np.ravel_multi_index(tuple(index.T), shape)
    return np.bincount(flat, weight, int(np.prod(shape))).reshape(shape)
