"""Point-spread function: what a point of iron looks like in an x-space image.

The magnetization of a tracer follows the field as ``L(xi) B/|B|`` with ``xi = k |B|``, ``k = m/kT``; a scan that
moves the field-free region reads its derivative, a tensor [GoodwillConolly2010, GoodwillConolly2011]::

    h = ENV_T P + ENV_N (I - P),   ENV_T = L'(xi),  ENV_N = L(xi)/xi,  P = B B^T/|B|^2,  B = G x

An image here is the part of ``h`` along one direction that both drives and receives (collinear), or the sum of
several such images, one a channel; with three channels at right angles that is the trace of ``h``.
"""

from .blur import blur_image, kernel_on
from .core_fit import CoreFit, fit_core
from .kinds import REACH_FWHM, GaussianPsf, LaggingPsf, TensorPsf
from .tracer_psf import device_psf, implied_fwhm_m, seen_gradient_t_m, signal_sizes, tracer_psf
from .widths import Psf, fwhm_m, normal_width, tangential_width

__all__ = [
    "REACH_FWHM",
    "CoreFit",
    "GaussianPsf",
    "LaggingPsf",
    "Psf",
    "TensorPsf",
    "blur_image",
    "device_psf",
    "fit_core",
    "fwhm_m",
    "implied_fwhm_m",
    "kernel_on",
    "normal_width",
    "seen_gradient_t_m",
    "signal_sizes",
    "tangential_width",
    "tracer_psf",
]
