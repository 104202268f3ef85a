"""Size of a field-free region: half-power widths, profiles of SLP through it, and the gradient of a given size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..base.arrays import Array
from ..base.errors import InputError
from ..device import Device
from ..tracer.tracer import Tracer, slp_w_kg

_STEPS = 12
"""Steps to a gradient where the drive has a profile: each leaves a small part of the one before."""
_GUESSES = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Places about a guess of a half width, relative to it: the guess is a few per cent off. Each costs a slow solve."""
_FIRST = 1e-4
"""Smallest bias of the search for a half width, relative to its limit: 0.2 mT of 2 T is below any tracer's."""
_PLACES = 96
"""Places of the first round of that search, a tenth apart in the logarithm; a dip between two would be missed."""
_REFINED = 24
"""Places of each further round: the interval falls to a twenty-third."""
_ROUNDS = 6
"""Rounds of that search; six leave 1e-8 of the half width."""
_NO_SLOPE_T_M = 1e-12
"""Slope of the field below which nothing confines: rounding of a tensor of 1 T/m is a thousandth of it."""


def half_width_t(
    tracer: Tracer,
    *,
    amplitude_t: float,
    frequency_hz: float,
    cosine: float,
    model: str | None = None,
    limit_t: float = 2.0,
) -> float:
    """Bias (tesla) at which SLP has fallen to half of its value on the field-free region.

    ``cosine`` is that of the angle between bias and drive: 1 along, 0 across. Infinite where the loss
    does not fall to a half below ``limit_t``; a bias across a slow tracer first raises it.
    """

    def slp(bias: Array) -> Array:
        return slp_w_kg(
            tracer,
            amplitude_t=amplitude_t,
            frequency_hz=frequency_hz,
            along_t=cosine * bias,
            across_t=np.sqrt(max(0.0, 1.0 - cosine**2)) * bias,
            model=model,
        )

    peak = float(slp(np.zeros(1))[0])

    def ratio(bias: Array) -> Array:
        return slp(bias) / peak

    if (model or tracer.model) != "fokker-planck":
        return _search_half(ratio, limit_t)
    closed = half_width_t(
        tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz, cosine=cosine, model="mrsh", limit_t=limit_t
    )
    return _interpolate_half(ratio, closed) if np.isfinite(closed) else closed


def _interpolate_half(ratio: Callable[[Array], Array], guess: float) -> float:
    """Half-value crossing of a ratio that is slow to evaluate, near a guess that is a few per cent off."""
    places = guess * np.array(_GUESSES)
    values = ratio(places)
    if not values[0] > 0.5 > values[-1] or (np.diff(values) >= 0.0).any():
        return _search_half(ratio, 2.0 * guess)
    return float(PchipInterpolator(-values, places)(-0.5))


def _search_half(ratio: Callable[[Array], Array], limit: float) -> float:
    """First half-value crossing of a ratio that begins at 1; infinite where there is none before ``limit``."""
    low, high = 0.0, limit
    grid = np.concatenate([[0.0], np.geomspace(_FIRST * limit, limit, _PLACES)])
    for _ in range(_ROUNDS):
        below = np.flatnonzero(ratio(grid) < 0.5)
        if not len(below):
            return np.inf
        low, high = grid[below[0] - 1], grid[below[0]]
        grid = np.linspace(low, high, _REFINED)
    return 0.5 * (low + high)


def ffr_widths_m(
    tracer: Tracer,
    device: Device,
    *,
    amplitude_t: float | None = None,
    gradient_t_m: float | None = None,
    model: str | None = None,
) -> tuple[float, float]:
    """Full widths at half maximum of SLP, along the drive axis and across it, in metres.

    Across is the narrowest direction perpendicular to the drive; infinite where nothing confines, as
    along a field-free line or in a uniform field. Directly solved. Where the drive has a profile, it and the
    selection field are followed from the machine's origin.
    """
    gradient = device.gradient_t_m if gradient_t_m is None else gradient_t_m
    amplitude = device.amplitude_t if amplitude_t is None else amplitude_t
    (drive, steepest), tensor = directions(device), device.gradient_tensor()

    def slp_along(direction: Array) -> Callable[[Array], Array]:
        """SLP against signed displacement."""
        return lambda x: displaced_slp_w_kg(
            tracer, device, x[:, None] * direction, amplitude_t=amplitude, gradient_t_m=gradient, model=model
        )

    if device.drive is not None:
        return _trace_width_m(slp_along(drive)), _trace_width_m(slp_along(steepest))

    def width(direction: Array) -> float:
        slope = tensor @ direction
        size = float(np.linalg.norm(slope))
        if size * gradient < _NO_SLOPE_T_M:
            return np.inf
        cosine = min(1.0, abs(float(slope @ drive)) / size)
        half = half_width_t(tracer, amplitude_t=amplitude, frequency_hz=device.frequency_hz, cosine=cosine, model=model)
        return 2.0 * half / (size * gradient)

    return width(drive), width(steepest)


def directions(device: Device) -> tuple[Array, Array]:
    """Unit vectors along the drive, and across it where the selection field is steepest.

    Each is ``(3,)``, in the anatomy's frame.
    """
    drive, tensor = device.drive_axis, device.gradient_tensor()
    plane = np.linalg.svd(drive[None, :])[2][1:]
    steep = np.linalg.eigh(plane @ tensor @ tensor @ plane.T)[1][:, -1]
    return drive, steep @ plane


def displaced_slp_w_kg(
    tracer: Tracer,
    device: Device,
    away_m: Array,
    *,
    amplitude_t: float | None = None,
    gradient_t_m: float | None = None,
    model: str | None = None,
) -> Array:
    """SLP ``(n,)`` at places ``away_m (n, 3)`` from the machine's origin with the field-free region there."""
    points = device.origin_m + away_m
    along, across = device.bias_t(points, device.origin_m, gradient_t_m)
    amplitude = device.drive_at(points)[0] * (device.amplitude_t if amplitude_t is None else amplitude_t)
    return slp_w_kg(
        tracer, amplitude_t=amplitude, frequency_hz=device.frequency_hz, along_t=along, across_t=across, model=model
    )


def _trace_width_m(slp: Callable[[Array], Array], limit_m: float = 1.0) -> float:
    """Full width at half maximum of a profile of signed displacement."""
    peak = float(slp(np.zeros(1))[0])
    ahead = _search_half(lambda x: slp(x) / peak, limit_m)
    behind = _search_half(lambda x: slp(-x) / peak, limit_m)
    return ahead + behind


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
