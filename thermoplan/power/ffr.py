"""One point of a tracer's response, and the size of its field-free region on a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from ..base.errors import InputError
from ..device import Device
from ..tracer.magnetization import FIXED_AXIS, VALIDITY, energy_kt, outside_validity
from ..tracer.tracer import Tracer, omega_tau, particles, slp_bound_w_kg, slp_w_kg, volume_m3
from .heating_basis import directions, displaced_slp_w_kg, ffr_widths_m
from .slp_uncertainty import slp_interval, width_spread_m

BROWNIAN_LAG = 5.0  # omega tau above which a bias across the drive hardly quenches a rotating dipole
IMAGING = {"amplitude_t": 20e-3, "frequency_hz": 20e3}
SCATTER = 0.25
"""Scatter of measured SLPs about the model, relative, beyond which they speak against it."""
_STEPS = 12
_SECONDS_A_SIZE = 8.0


@dataclass(frozen=True, slots=True)
class SlpPoint:
    """SLP at one field: W per kg of iron, kT per cycle and particle (by number), and how far to trust it."""

    slp_w_kg: float
    energy_kt: float
    omega_tau: float
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.warnings


def slp_point(
    tracer: Tracer,
    *,
    amplitude_t: float,
    frequency_hz: float,
    along_t: float = 0.0,
    across_t: float = 0.0,
    model: str | None = None,
) -> SlpPoint:
    """Solve one point directly, never from a table."""
    model = model or tracer.model
    fields = {"amplitude_t": amplitude_t, "along_t": along_t, "across_t": across_t}
    slp = float(slp_w_kg(tracer, frequency_hz=frequency_hz, model=model, **fields))
    diameter, share, _, _ = particles(tracer, frequency_hz, model)
    count = share / volume_m3(diameter)
    per_particle = tracer.iron_fraction * tracer.density_kg_m3 / (tracer.heating_efficiency * count.sum())
    energy = slp * per_particle / (tracer.thermal_j * frequency_hz)
    return SlpPoint(
        slp,
        energy,
        omega_tau(tracer, frequency_hz),
        tuple(model_warnings(tracer, frequency_hz=frequency_hz, model=model, **fields)),
    )


def validity(tracer: Tracer, model: str | None = None) -> str:
    """Range of validity of a model, in words; of a measured table, its range."""
    model = model or tracer.model
    reach = "" if model != "table" or tracer.table is None else f"{tracer.table.reach}; "
    return f"{reach}{VALIDITY[model]}"


def model_warnings(
    tracer: Tracer,
    *,
    amplitude_t: float,
    frequency_hz: float,
    along_t: float = 0.0,
    across_t: float = 0.0,
    model: str | None = None,
) -> list[str]:
    """Warnings against the model, for the size that holds most of what the tracer heats."""
    model = model or tracer.model
    if model == "table":
        return []
    diameter, share, lag, barrier = particles(tracer, frequency_hz, model)
    xi = tracer.xi_per_tesla(diameter)
    heat = share / volume_m3(diameter) * energy_kt(xi * amplitude_t, lag, model=model, barrier=barrier)
    at = int(np.argmax(heat if heat.any() else share))
    bias = float(np.hypot(along_t, across_t))
    found = outside_validity(
        model, xi[at] * amplitude_t, lag[at], xi[at] * bias, None if barrier is None else float(barrier[at])
    )
    if model not in FIXED_AXIS and lag[at] > BROWNIAN_LAG:
        found.append(
            f"omega tau = {lag[at]:.3g} at {frequency_hz / 1e3:g} kHz: a bias across the drive does not "
            "quench a rotating particle this slow; one bound to tissue does not rotate at all"
        )
    return [f"tracer {tracer.name}, {diameter[at] * 1e9:.3g} nm: {text}" for text in found]


@dataclass(frozen=True, slots=True, eq=False)
class FfrProfile:
    """SLP against displacement along the drive axis and across it, W per kg of iron at ``position_m``."""

    position_m: Array
    along_w_kg: Array
    across_w_kg: Array
    fwhm_along_m: float
    fwhm_across_m: float

    def off_target(self, radius_m: float) -> tuple[float, float]:
        """Share of each profile's integral that lies farther than ``radius_m`` from the centre."""
        away = np.abs(self.position_m) > radius_m
        along, across = (float(v[away].sum() / v.sum()) for v in (self.along_w_kg, self.across_w_kg))
        return along, across


def ffr_profile(
    tracer: Tracer, device: Device, *, reach_m: float = 0.04, count: int = 321, model: str | None = None
) -> FfrProfile:
    """Directly solved profiles through the field-free region, and their full widths at half maximum."""
    position = np.linspace(-reach_m, reach_m, count)
    along, across = (
        displaced_slp_w_kg(tracer, device, position[:, None] * direction, model=model)
        for direction in directions(device)
    )
    fwhm_along_m, fwhm_across_m = ffr_widths_m(tracer, device, model=model)
    return FfrProfile(position, along, across, fwhm_along_m, fwhm_across_m)


def gradient_for_t_m(tracer: Tracer, device: Device, diameter_m: float, *, model: str | None = None) -> float:
    """Gradient at which the wider of the two full widths is ``diameter_m``: widths fall as 1/G.

    Where the drive has a profile of its own they fall only nearly so: found step by step.
    """
    gradient = 1.0
    for _ in range(1 if device.drive is None else _STEPS):
        widest = max(ffr_widths_m(tracer, device, gradient_t_m=gradient, model=model))
        if not np.isfinite(widest):
            raise InputError(f"device {device.name}: no gradient confines a {device.kind} field in every direction")
        gradient *= widest / diameter_m
    return gradient


def focus_warnings(tracer: Tracer, device: Device) -> list[str]:
    """Warnings of a plan about its tracer on its machine: how its SLP is known, the model's range, and how sharp the
    focus may be."""
    found = [
        *_slp_warnings(tracer, device),
        *slow_warnings(tracer),
        *model_warnings(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz),
    ]
    widths = width_spread_m(tracer, device) if device.focuses else {}
    if widths:
        spread = (f"{1e3 * a:.1f} by {1e3 * b:.1f} mm if omega tau is {lag:g}" for lag, (a, b) in widths.items())
        found.append(
            f"SLP under bias was not measured: along and across the drive the focus would be {', '.join(spread)}"
        )
    return found


def slow_warnings(tracer: Tracer) -> list[str]:
    """Cost note of the exact model in a plan: 65 points for one size and 2,300 for 56, a tenth of a second each."""
    if tracer.model != "fokker-planck":
        return []
    sizes = len(tracer.sizes()[0])
    seconds = _SECONDS_A_SIZE * (1.0 if sizes == 1 else 0.5 * sizes)
    return [
        f'model "fokker-planck" solves its table point by point: some {seconds:.0f} s an amplitude for {sizes} '
        'size(s), once, then it is kept; "mrsh" takes seconds and is within 7 % of it'
    ]


def _slp_warnings(tracer: Tracer, device: Device) -> list[str]:
    if tracer.calibration is not None and tracer.calibration.misfit_rel > SCATTER:
        known = tracer.calibration
        return [
            f"{len(known.measured)} measured SLPs are {known.misfit_rel:.0%} off the model's course over the "
            "fields: fit size and anisotropy with thermoplan fit-tracer, or look for a wrong basis"
        ]
    if tracer.calibration is not None or tracer.table is not None:
        return []
    return [
        "no measured SLP: the heating is a priori from the tracer's model and uncertain by a factor of several; "
        f"its own spread is {slp_interval(tracer, device)}; give [tracer] measured_slp"
    ]


def slp_fields(tracer: Tracer, device: Device) -> dict[str, float | None]:
    """SLP at the device's drive, its bound, and at the imaging drive of 20 mT, 20 kHz; W per kg of iron.

    Imaging is None where a measured table does not reach it.
    """
    amplitude_t, frequency_hz = device.amplitude_t, device.frequency_hz
    imaging: float | None
    try:
        imaging = float(slp_w_kg(tracer, amplitude_t=IMAGING["amplitude_t"], frequency_hz=IMAGING["frequency_hz"]))
    except InputError:
        imaging = None
    heating = float(slp_w_kg(tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz))
    bound = slp_bound_w_kg(tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz)
    return {"heating": heating, "bound": bound, "imaging": imaging}
