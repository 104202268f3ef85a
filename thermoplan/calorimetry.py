"""From measurements to a tracer: a calorimeter's curve, several SLPs, a short shot in the animal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from .arrays import Array, finite
from .errors import InputError, SolverError
from .tracer import BOLTZMANN_J_K, Tracer, slp_w_kg

CONFIDENCE = 0.95
FWHM_XI = 4.161049  # full width of L'(xi) at half of its 1/3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its two-sided 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def scaled(self, factor: float) -> Estimate:
        return Estimate(*(factor * v for v in (self.value, self.low, self.high)))


def _interval(value: float, deviation: float, freedom: float) -> Estimate:
    reach = float(stats.t.ppf(0.5 + 0.5 * CONFIDENCE, freedom)) * deviation
    return Estimate(value, value - reach, value + reach)


def corrected_slope_slp_w_kg(
    time_s: ArrayLike, temperature_c: ArrayLike, *, iron_kg: float, heat_capacity_j_k: float,
    start_c: float | None = None, windows: int = 8,
) -> Estimate:
    """SLP from a heating curve with linear heat loss, ``C dT/dt = P - L (T - T_start)`` [Wildeboer2014].

    Parameters
    ----------
    time_s, temperature_c
        The heated part of the record alone, ``(n,)``.
    heat_capacity_j_k
        Of the sample with its vessel.

    Returns
    -------
    W per kg of iron. Each window gives a slope and the temperature that goes with it (weighted as a line
    fit weights slopes, so that the windows' length makes no error); a line through them gives P and L, and
    its standard error the interval.
    """
    t, temperature = finite(time_s, "calorimetry, time"), finite(temperature_c, "calorimetry, temperature")
    _check_curve(t, temperature, windows, iron_kg, heat_capacity_j_k)
    rest = float(temperature[0]) if start_c is None else start_c
    parts = np.array_split(np.arange(len(t)), windows)
    slope, rise = np.array([_slope(t[i], temperature[i] - rest) for i in parts]).T
    design = np.stack([np.ones(windows), -rise], axis=1)
    solution, residual, _, _ = np.linalg.lstsq(design, slope, rcond=None)
    variance = float(residual[0]) / (windows - 2) if len(residual) else 0.0
    deviation = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]))
    found = _interval(float(solution[0]), deviation, windows - 2).scaled(heat_capacity_j_k / iron_kg)
    if found.value <= 0.0:
        raise InputError("calorimetry: the sample does not warm: give the heated part of the record")
    return found


def _check_curve(t: Array, temperature: Array, windows: int, iron_kg: float, capacity_j_k: float) -> None:
    if t.ndim != 1 or t.shape != temperature.shape or len(t) < 3 * windows:
        raise InputError(f"calorimetry: expected at least {3 * windows} times and as many temperatures")
    if (np.diff(t) <= 0.0).any():
        raise InputError("calorimetry: times must rise")
    if iron_kg <= 0.0 or capacity_j_k <= 0.0:
        raise InputError("calorimetry: iron and heat capacity must be positive")


def _slope(t: Array, rise: Array) -> tuple[float, float]:
    """Slope of the line through a window, and the rise weighted as that slope weights the derivative."""
    away = t - t.mean()
    gaps = np.diff(t)
    weight = -np.cumsum(away)[:-1] * gaps
    middle = 0.5 * (rise[1:] + rise[:-1])
    return float(away @ rise / (away @ away)), float(weight @ middle / weight.sum())


@dataclass(frozen=True, slots=True)
class SlpReading:
    """One measured SLP, W per kg of iron, in the medium that the tracer is meant for."""

    slp_w_kg: float
    amplitude_t: float
    frequency_hz: float
    along_t: float = 0.0
    across_t: float = 0.0
    relative_error: float = 0.05


@dataclass(frozen=True, slots=True)
class TracerFit:
    """A tracer fitted to readings; intervals by parameter, rms relative misfit of the readings."""

    tracer: Tracer
    estimates: dict[str, Estimate]
    misfit_rel: float


def _with_diameter(tracer: Tracer, factor: float) -> Tracer:
    modes = tuple(replace(m, core_diameter_m=m.core_diameter_m * factor) for m in tracer.populations)
    return replace(tracer, populations=modes)


# How each parameter is scaled, and its present value in SI.
_PARAMETERS: dict[str, tuple[Callable[[Tracer, float], Tracer], Callable[[Tracer], float | None]]] = {
    "heating_efficiency": (
        lambda t, f: replace(t, heating_efficiency=t.heating_efficiency * f), lambda t: t.heating_efficiency),
    "core_diameter": (_with_diameter, lambda t: t.populations[0].core_diameter_m),
    "anisotropy": (lambda t, f: replace(t, anisotropy_j_m3=t.anisotropy_j_m3 * f), lambda t: t.anisotropy_j_m3),
    "relaxation_time": (
        lambda t, f: replace(t, relaxation_time_s=t.relaxation_time_s * f), lambda t: t.relaxation_time_s),
}


def fitted(
    tracer: Tracer, readings: Sequence[SlpReading], free: Sequence[str], *, model: str | None = None
) -> TracerFit:
    """Fit named parameters to readings over amplitude, frequency or bias, by weighted least squares in logs.

    ``free`` is of heating_efficiency, core_diameter (all modes by one factor), anisotropy,
    relaxation_time. Intervals are of the linearized fit, wider where the misfit is beyond the stated errors.
    """
    _check_fit(tracer, readings, free)
    spread = np.array([r.relative_error for r in readings])
    target = np.log([r.slp_w_kg for r in readings])

    def misses(logs: Array) -> Array:
        return (np.log(_predicted(_scaled(tracer, free, np.exp(logs)), readings, model)) - target) / spread

    bounds = (np.full(len(free), -3.0), np.full(len(free), 3.0))
    result = optimize.least_squares(misses, np.zeros(len(free)), bounds=bounds, diff_step=1e-3, x_scale=0.1)
    if not result.success:
        raise SolverError(f"tracer fit: not converged after {result.nfev} evaluations")
    freedom = len(readings) - len(free)
    excess = max(1.0, 2.0 * result.cost / freedom)
    deviation = np.sqrt(np.diag(np.linalg.pinv(result.jac.T @ result.jac)) * excess)
    now = {name: _PARAMETERS[name][1](tracer) for name in free}
    estimates = {
        name: Estimate(*(now[name] * float(np.exp(v)) for v in (logs.value, logs.low, logs.high)))
        for name, logs in zip(free, map(_interval, result.x, deviation, [freedom] * len(free)), strict=True)}
    best = replace(_scaled(tracer, free, np.exp(result.x)), effective=(
        f"fit of {', '.join(free)} to {len(readings)} measured SLPs"))
    return TracerFit(best, estimates, float(np.sqrt(np.mean((result.fun * spread) ** 2))))


def _scaled(tracer: Tracer, free: Sequence[str], factors: Array) -> Tracer:
    for name, factor in zip(free, factors, strict=True):
        tracer = _PARAMETERS[name][0](tracer, float(factor))
    return tracer


def _predicted(tracer: Tracer, readings: Sequence[SlpReading], model: str | None) -> Array:
    values = np.empty(len(readings))
    for frequency in {r.frequency_hz for r in readings}:
        rows = [i for i, r in enumerate(readings) if r.frequency_hz == frequency]
        fields = [[getattr(readings[i], name) for i in rows] for name in ("amplitude_t", "along_t", "across_t")]
        values[rows] = slp_w_kg(tracer, amplitude_t=fields[0], frequency_hz=frequency, along_t=fields[1],
                                across_t=fields[2], model=model)
    return values


def _check_fit(tracer: Tracer, readings: Sequence[SlpReading], free: Sequence[str]) -> None:
    faults = [f"tracer fit: {name}: expected one of {', '.join(_PARAMETERS)}" for name in free
              if name not in _PARAMETERS]
    faults += [f"tracer fit: {name}: the tracer has none to start from" for name in free
               if name in _PARAMETERS and _PARAMETERS[name][1](tracer) is None]
    if len(readings) <= len(free):
        faults.append(f"tracer fit: {len(readings)} readings cannot fix {len(free)} parameters with an interval: "
                      f"expected {len(free) + 1} or more")
    faults += [f"tracer fit: reading {i + 1}: SLP, amplitude, frequency and error must be positive"
               for i, r in enumerate(readings)
               if min(r.slp_w_kg, r.amplitude_t, r.frequency_hz, r.relative_error) <= 0.0]
    if faults:
        raise InputError(faults)


def shot_factor(
    measured_rise_k: ArrayLike, iron_rise_k: ArrayLike, *, other_rise_k: ArrayLike = 0.0, probe_error_k: float = 0.2,
    position_error_rel: float = 0.1,
) -> Estimate:
    """By what the SLP in the animal differs from the plan's, from a short low-power shot and one probe.

    Parameters
    ----------
    measured_rise_k
        Readings less the one before the shot.
    iron_rise_k, other_rise_k
        What the plan predicts there and then from the tracer, and from all else (eddy currents). Heat is
        linear in power, so the factor on the first is all there is to fit.
    probe_error_k, position_error_rel
        Standard errors of a reading, and of the prediction since the tip is not known better: a
        probe 1 mm off at the edge of a tumour sees about a tenth less.
    """
    measured, iron = np.atleast_1d(finite(measured_rise_k, "shot")), np.atleast_1d(finite(iron_rise_k, "shot"))
    if measured.shape != iron.shape or not (iron > 0.0).any():
        raise InputError("shot: expected a predicted rise above zero for every reading")
    power = float(iron @ iron)
    factor = float(iron @ (measured - other_rise_k)) / power
    reach = 1.96 * float(np.hypot(probe_error_k / np.sqrt(power), position_error_rel * factor))
    return Estimate(factor, factor - reach, factor + reach)


def after_shot(tracer: Tracer, factor: Estimate) -> Tracer:
    """The tracer as it heats in this animal; refused where the shot did not tell zero from something."""
    if factor.low <= 0.0:
        raise InputError(f"shot: factor {factor}: zero is within the interval: heat longer, or place the probe better")
    return replace(tracer, heating_efficiency=tracer.heating_efficiency * factor.value)


def core_diameter_from_fwhm_m(
    fwhm_t: float, *, saturation_magnetization_a_m: float = 446e3, temperature_c: float = 25.0
) -> float:
    """Effective magnetic core size whose MPI point-spread function has this width, in tesla.

    ``FWHM = 4.16105 kT / m`` along the field [GoodwillConolly2010]; relaxation widens a real one, so the
    size is a low estimate.
    """
    if not fwhm_t > 0.0:
        raise InputError(f"fwhm = {fwhm_t * 1e3:g} mT: expected a positive field, such as 9.6 mT")
    moment = FWHM_XI * BOLTZMANN_J_K * (temperature_c + 273.15) / fwhm_t
    return float(np.cbrt(6.0 / np.pi * moment / saturation_magnetization_a_m))
