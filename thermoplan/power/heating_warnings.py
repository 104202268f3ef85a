"""Warnings about a tracer's heating: its model out of range, its SLP not measured, its focus not certain."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..device import Device
from ..tracer.magnetization import FIXED_AXIS, energy_kt, outside_validity
from ..tracer.measured_slp import at_drive, describe_drives
from ..tracer.tracer import Tracer, particles, volume_m3
from .ffr import ffr_widths_m
from .slp_uncertainty import slp_interval, width_spread_m

BROWNIAN_LAG = 5.0
"""Omega tau above which a bias across the drive hardly quenches a rotating dipole."""
SCATTER = 0.25
"""Scatter of measured SLPs about the model, relative, beyond which they speak against it."""
_SECONDS_A_SIZE = 8.0
"""Time that the exact model takes for one size at one amplitude: 65 points of a tenth of a second. It is only told."""


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


def focus_warnings(tracer: Tracer, device: Device) -> list[str]:
    """Warnings of a plan about its tracer on its machine: source of the SLP, range of the model, width of the focus."""
    found = [
        *_slp_warnings(tracer, device),
        *slow_warnings(tracer),
        *model_warnings(tracer, amplitude_t=device.amplitude_t, frequency_hz=device.frequency_hz),
    ]
    widths = width_spread_m(tracer, device) if device.focuses else {}
    if device.focuses and np.isfinite(both := ffr_widths_m(tracer, device)).all():
        found += focus_remarks(device, widths_m=both)
    if widths:
        spread = (f"{1e3 * a:.1f} by {1e3 * b:.1f} mm if omega tau is {lag:g}" for lag, (a, b) in widths.items())
        found.append(
            f"SLP under bias was not measured: along and across the drive the focus would be {', '.join(spread)}"
        )
    return found


def focus_remarks(device: Device, *, widths_m: Iterable[float] = (), gradient_t_m: float | None = None) -> list[str]:
    """Remarks on numbers of a focus that no machine or body has: a region wider than the bore, or a gradient that the
    machine does not reach."""
    found = []
    bore_m = np.inf if device.bore_radius_m is None else 2.0 * device.bore_radius_m
    if (widest := max(widths_m, default=0.0)) > bore_m:
        found.append(
            f"{_length(widest)} is wider than the bore of {1e3 * bore_m:g} mm: in that direction there is no focus"
        )
    most = device.gradient_range_t_m[1]
    if gradient_t_m is not None and gradient_t_m > most:
        found.append(f"{gradient_t_m:.3g} T/m is beyond the {most:g} T/m of {device.name}: it cannot be had there")
    return found


def _length(metres: float) -> str:
    return f"{metres:.3g} m" if metres >= 1.0 else f"{1e3 * metres:.3g} mm"


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
    """Warnings about an SLP that was not measured, or whose measurements disagree with the model."""
    if tracer.calibration is not None and tracer.calibration.misfit_rel > SCATTER:
        known = tracer.calibration
        return [
            f"{len(known.measured)} measured SLPs are {known.misfit_rel:.0%} off the model's course over the "
            "fields: fit size and anisotropy with thermoplan fit-tracer, or look for a wrong basis"
        ]
    if tracer.calibration is not None:
        measured = tracer.calibration.measured
        if at_drive(measured, device.amplitude_t, device.frequency_hz):
            return []
        return [
            f"SLP was measured at {describe_drives(measured)}, and the drive is {device.amplitude_t * 1e3:g} mT, "
            f"{device.frequency_hz * 1e-3:g} kHz: the model carries it there, and the interval of the measurement does "
            "not cover that"
        ]
    if tracer.table is not None:
        return []
    return [
        "no measured SLP: the heating is a priori from the tracer's model and uncertain by a factor of several; "
        f"its own spread is {slp_interval(tracer, device)}; give [tracer] measured_slp"
    ]
