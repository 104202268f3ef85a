"""Tracer response against exact and published values, and the width of a field-free region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict, Unpack

import numpy as np
from scipy.optimize import brentq

from ..device import Device
from ..tracer.magnetization import energy_kt
from ..tracer.tracer import Population, Tracer, slp_bound_w_kg, slp_w_kg
from .validation_row import ValidationRow


class Drive(TypedDict):
    """Drive field of a row."""

    amplitude_t: float
    frequency_hz: float


class _Relaxation(TypedDict, total=False):
    """Relaxation of a tracer, by its parts or as one time."""

    anisotropy_j_m3: float
    hydrodynamic_diameter_m: float
    viscosity_pa_s: float
    relaxation_time_s: float


BERKELEY: Drive = {"amplitude_t": 13e-3, "frequency_hz": 354e3}
_MRSH = "MartsenyukRaikherShliomis1974"
_EXACT = "CoffeyKalmykov2017"
# xi_a, omega tau, bias along, bias across -> exact Fokker-Planck, MRSh: energy per cycle over kT
_TABLE = (
    (2, 1, 0, 0, 1.8787, 1.8964),
    (2, 1, 5, 0, 0.14728, 0.14302),
    (2, 1, 0, 5, 0.64491, 0.63563),
    (10, 1, 0, 0, 15.336, 15.458),
    (10, 1, 10, 0, 2.5040, 2.4371),
    (10, 1, 0, 10, 3.9286, 3.9069),
    (10, 3, 0, 0, 23.517, 24.012),
    (10, 3, 10, 0, 2.6566, 2.6504),
    (10, 3, 0, 10, 9.7561, 9.7275),
    (10, 30, 0, 0, 3.4839, 3.4827),
    (10, 30, 10, 0, 0.88754, 0.88938),
    (10, 30, 0, 10, 4.5973, 4.6070),
)
# bias in kT along or across, omega tau -> small-amplitude loss over that without bias, from susceptibilities
# 3 L' and 3 L / xi and times tau xi L' / L and 2 tau L / (xi - L)
_BIASED = (("along", 1e-3, 0.02972), ("across", 1e-3, 0.18290), ("along", 1e3, 0.48005), ("across", 1e3, 1.25997))
# anisotropy, core -> W per g of oxide, with the chord susceptibility
_ROSENSWEIG = ((11e3, 16e-9, 159.14), (11e3, 18e-9, 437.21), (23e3, 12e-9, 51.08), (23e3, 14e-9, 323.33))
_GUESSED_T_M = 0.7
"""Gradient of two opposed solenoids of which only the contrast was published [Tasci2009]: the row cannot test it."""


def rows() -> Iterator[ValidationRow]:
    """Loss per cycle, linear response, the bound of a square loop, and focal width."""
    for xi, lag, along, across, exact, mrsh in _TABLE:
        case = f"xi {xi}, omega tau {lag}, bias {along} along, {across} across, kT"
        yield ValidationRow(f"MRSh: {case}", mrsh, float(energy_kt(xi, lag, along, across)), 5e-3, _MRSH)
        ours = float(energy_kt(xi, lag, along, across, model="fokker-planck"))
        yield ValidationRow(f"Fokker-Planck: {case}", exact, ours, 2e-3, _EXACT)
    for way, lag_biased, ratio in _BIASED:
        bias = (5.0, 0.0) if way == "along" else (0.0, 5.0)
        ours = float(energy_kt(1e-2, lag_biased, *bias) / energy_kt(1e-2, lag_biased))
        yield ValidationRow(
            f"MRSh: small drive, omega tau {lag_biased:g}, bias 5 {way}, over no bias",
            ratio,
            ours,
            2e-3,
            "RaikherShliomis1994",
        )
    for anisotropy, core_m, slp in _ROSENSWEIG:
        tracer = _magnetite(
            core_m, anisotropy_j_m3=anisotropy, hydrodynamic_diameter_m=core_m + 4e-9, viscosity_pa_s=1e-3
        )
        ours = float(slp_w_kg(tracer, model="linear", **BERKELEY)) * tracer.iron_fraction / 1e3
        yield ValidationRow(
            f"linear response, {core_m * 1e9:g} nm, {anisotropy / 1e3:g} kJ/m3, W/g oxide",
            slp,
            ours,
            1e-4,
            "Rosensweig2002",
        )
    effective = _magnetite(20e-9, relaxation_time_s=3.0 / (2.0 * np.pi * 354e3))
    yield ValidationRow(
        "bound 4 B Ms f / rho at 13 mT, 354 kHz, W/g Fe",
        2190.0,
        slp_bound_w_kg(effective, **BERKELEY) / 1e3,
        2e-3,
        "closed form",
    )
    yield ValidationRow("width at 2.35 T/m, 20 nm, omega tau 3, mm", 7.03, width_m(effective, 2.35) * 1e3, 0.01, _MRSH)
    yield ValidationRow(
        "width at 7 T/m over width at 2.35 T/m",
        2.35 / 7.0,
        width_m(effective, 7.0) / width_m(effective, 2.35),
        1e-6,
        "closed form",
    )
    yield ValidationRow(
        "calibration: width at 2.35 T/m of the effective tracer, mm",
        7.0,
        width_m(effective, 2.35) * 1e3,
        0.2,
        "Tay2018",
        counts=False,
    )
    yield ValidationRow(
        "calibration: 11.1 mg Fe/mL at 150 W/g warms water, K/s",
        0.4,
        11.1 * 150e3 / (998.0 * 4182.0),
        0.1,
        "Hensley2017",
        counts=False,
    )
    yield ValidationRow(
        f"contrast: SLP at the centre over that 2 cm off, {_GUESSED_T_M:g} T/m guessed for a coil that nobody "
        "published",
        4.5,
        contrast(effective, _GUESSED_T_M, 0.02),
        0.3,
        "Tasci2009",
        counts=False,
    )


def contrast(tracer: Tracer, gradient_t_m: float, off_m: float) -> float:
    """SLP at the centre over that at a distance along the drive."""
    middle, off = (float(slp_w_kg(tracer, along_t=gradient_t_m * z, **BERKELEY)) for z in (0.0, off_m))
    return middle / off


def width_m(tracer: Tracer, gradient_t_m: float) -> float:
    """Full width at half maximum along the drive of a field-free point's heating."""
    device = Device("ideal", "ffp", gradient_t_m, drive_axis=np.array([0.0, 0.0, 1.0]), **BERKELEY)
    middle = float(slp_w_kg(tracer, **BERKELEY))

    def above_half(z_m: float) -> float:
        along, across = device.bias_t(np.array([[0.0, 0.0, z_m]]), np.zeros(3))
        return float(slp_w_kg(tracer, along_t=along, across_t=across, **BERKELEY)[0]) / middle - 0.5

    return 2.0 * float(brentq(above_half, 0.0, 50e-3 / gradient_t_m, xtol=1e-14, rtol=1e-12))


def _magnetite(core_m: float, **relaxation: Unpack[_Relaxation]) -> Tracer:
    return Tracer("magnetite", (Population(1.0, core_m),), 446e3, 5180.0, 0.7236, **relaxation)
