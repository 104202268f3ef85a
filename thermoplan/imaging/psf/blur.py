"""Images seen through a point-spread function; no iron is made or lost."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.image import Image
from .widths import Psf, fwhm_m

_PER_FWHM = 4.0
"""Points across the width of the function at which a voxel is averaged; their number grows with the cube."""
_FINEST = 8
"""Points along an edge of a voxel at most: 512 a voxel."""


def kernel_on(psf: Psf, axes_m: Array) -> Array:
    """The function on voxels with edges ``axes_m`` (columns), an odd number each way, sum 1.

    Where it is narrow against a voxel it is averaged over the voxel.
    """
    half = np.ceil(np.abs(np.linalg.inv(axes_m)) @ psf.reach_m - 1e-9).astype(int)
    index = np.moveaxis(np.indices(tuple((2 * half + 1).tolist())), 0, -1) - half
    edges = np.linalg.norm(axes_m, axis=0)
    finest = np.array([fwhm_m(psf, axis) for axis in axes_m.T / edges[:, None]]) / _PER_FWHM
    count = np.clip(np.ceil(edges / finest - 1e-9).astype(int), 1, _FINEST)
    parts = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in count], indexing="ij"), -1).reshape(-1, 3)
    values = np.zeros(index.shape[:-1])
    for part in parts:
        values += psf.at((index + part) @ axes_m.T)
    if values.sum() <= 0.0:
        values = (index == 0).all(axis=-1).astype(float)
    normalized: Array = values / values.sum()
    return normalized


def blur_image(image: Image, psf: Psf, *, border: str = "grow") -> Image:
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
