"""A magnetic size that would image as wide as was measured: a fit, and labelled as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.errors import InputError
from ...tracer.tracer import Population, Tracer
from .tracer_psf import tracer_psf
from .widths import fwhm_m

RELAXOMETRY_C = 25.0  # a sample in air
_SMALLEST_M = 1e-9
"""Smallest magnetic core that a fit may give; one that ends there is refused."""
_LARGEST_M = 200e-9
"""Largest magnetic core that a fit may give; the same."""


@dataclass(frozen=True, slots=True)
class CoreFit:
    """An effective magnetic core: median by number, the spread that was assumed, the width that was measured."""

    core_diameter_m: float
    core_sigma: float
    fwhm_t: float

    def __str__(self) -> str:
        spread = f" with an assumed spread of {self.core_sigma:g}" if self.core_sigma else ""
        return f"fit: size from FWHM {self.fwhm_t * 1e3:g} mT{spread}, without relaxation"


def fit_core(
    fwhm_t: float,
    *,
    core_sigma: float = 0.0,
    saturation_magnetization_a_m: float = 446e3,
    temperature_c: float = RELAXOMETRY_C,
) -> CoreFit:
    """The core whose point-spread function, along the drive and without relaxation, has this full width in tesla.

    For one size that is ``4.16105 kT/m`` [Rahmer2009]; over a lognormal, large cores lead the signal, so that the
    median is smaller. The width falls as the cube of the median at any spread, so one width gives all. Relaxation
    widens a real signal: the size is a low estimate, and an effective one.
    """
    if not fwhm_t > 0.0:
        raise InputError(f"fwhm = {fwhm_t * 1e3:g} mT: expected a positive field, such as 9.6 mT")
    start, axis = 20e-9, (1.0, 0.0, 0.0)
    probe = Tracer(
        "probe",
        (Population(1.0, start, core_sigma),),
        saturation_magnetization_a_m,
        5180.0,
        0.7236,
        temperature_c,
        relaxation_time_s=1e-6,
    )
    width_t = fwhm_m(tracer_psf(probe, np.eye(3), [axis]), axis)  # at 1 T/m a metre is a tesla
    diameter = start * float(np.cbrt(width_t / fwhm_t))
    if not _SMALLEST_M < diameter < _LARGEST_M:
        raise InputError(
            f"fwhm = {fwhm_t * 1e3:g} mT: a core of {diameter * 1e9:.3g} nm would image so: expected a "
            "width such as 9.6 mT"
        )
    return CoreFit(diameter, core_sigma, fwhm_t)
