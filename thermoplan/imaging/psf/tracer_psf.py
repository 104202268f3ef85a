"""The point-spread function of a tracer in a machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...base.errors import InputError
from ...device import Device
from ...tracer.tracer import Tracer
from .kinds import TensorPsf
from .widths import fwhm_m


def signal_sizes(tracer: Tracer) -> tuple[Array, Array]:
    """``m/kT`` of a tracer's sizes and their parts of the signal: iron times ``m/kT``, so that large cores lead."""
    diameter, share, _ = tracer.sizes()
    k = tracer.xi_per_tesla(diameter)
    return k, share * k / (share @ k)


def tracer_psf(tracer: Tracer, gradient_t_m: ArrayLike, channels: Sequence[ArrayLike]) -> TensorPsf:
    """The tensor of a tracer in a selection field ``(3, 3)``, read by channels ``(c, 3)``."""
    return TensorPsf(
        *signal_sizes(tracer),
        np.asarray(gradient_t_m, float),
        np.array([np.asarray(channel, float) for channel in channels]),
    )


def device_psf(tracer: Tracer, device: Device, channels: Sequence[ArrayLike] | None = None) -> TensorPsf:
    """The tensor of a tracer in a machine, read along its drive axis unless channels are given.

    A field-free line is taken to turn through every angle, as tomography needs it: each direction is then seen with
    the line's full gradient. A machine without a selection field has no image.
    """
    if device.gradient_t_m == 0.0:
        raise InputError(
            f"device {device.name}: has no gradient, so it makes no image: name an imager, such as "
            '"momentum", or give a gradient, such as "5.7 T/m"'
        )
    gradient = device.gradient_t_m * device.imaging_tensor()
    return tracer_psf(tracer, gradient, [device.drive_axis] if channels is None else channels)


def seen_gradient_t_m(gradient_t_m: ArrayLike) -> float:
    """One number for a selection field ``(3, 3)``: of a point's three directions the geometric mean, of a line's the
    two across it."""
    size = np.linalg.svd(np.asarray(gradient_t_m, float), compute_uv=False)
    seen = size[size > 1e-6 * size.max()] if size.max() > 0.0 else size
    if not len(seen) or seen.min() <= 0.0:
        raise InputError("psf: a gradient of zero implies no width")
    return float(np.exp(np.log(seen).mean()))


def implied_fwhm_m(tracer: Tracer, gradient_t_m: ArrayLike) -> float:
    """The width that a tracer and a selection field ``(3, 3)`` imply for an image, relaxation left out.

    Along each direction ``4.16105 kT/(m G)``, the tangential width [Rahmer2009]; see `seen_gradient_t_m` for G.
    """
    even = seen_gradient_t_m(gradient_t_m) * np.eye(3)
    return fwhm_m(tracer_psf(tracer, even, [(1.0, 0.0, 0.0)]), (1.0, 0.0, 0.0))
