"""From measured SLPs to a tracer: heating efficiency alone, or size and anisotropy with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from .arrays import Array
from .errors import InputError, SolverError
from .measured import USUAL_ERROR, Calibration, Estimate, MeasuredSlp, interval, open_factors
from .tracer import Tracer, slp_bound_w_kg, slp_w_kg

_SCAN = np.log([0.75, 0.87, 1.0, 1.15, 1.33])
"""First guesses of each parameter but the efficiency, which follows: a Neel time makes many valleys."""
_STARTS = 3


@dataclass(frozen=True, slots=True)
class TracerFit:
    """A tracer fitted to measurements, with intervals by parameter.

    ``fitted_w_kg`` stands beside each measurement, as stated there; ``misfit_rel`` is their rms difference.
    """

    tracer: Tracer
    estimates: dict[str, Estimate]
    fitted_w_kg: tuple[float, ...]
    misfit_rel: float


def calibrated(tracer: Tracer, measured: Sequence[MeasuredSlp], *, model: str | None = None) -> Tracer:
    """A copy whose heating efficiency makes the model agree with measured SLPs, in tissue.

    Several give their mean in logarithms, weighted by their errors.
    """
    ideal = replace(tracer, heating_efficiency=1.0, calibration=None)
    predicted = _predicted(ideal, measured, model)
    target = np.array([m.in_tissue_w_kg(tracer.iron_fraction) for m in measured])
    faults = list(_impossible(tracer, measured, predicted, target))
    if faults:
        raise InputError(faults)
    logs = np.log(target / predicted)
    weight = _errors(measured) ** -2.0
    centre = float(weight @ logs / weight.sum())
    misfit = float(np.sqrt(np.mean((logs - centre) ** 2)))
    known = Calibration(tuple(measured), *open_factors(measured, logs), misfit)
    return replace(tracer, heating_efficiency=float(np.exp(centre)), calibration=known)


def _errors(measured: Sequence[MeasuredSlp]) -> Array:
    return np.array([USUAL_ERROR if m.relative_error is None else m.relative_error for m in measured])


def _impossible(tracer: Tracer, measured: Sequence[MeasuredSlp], predicted: Array, target: Array):
    for number, (m, model, wanted) in enumerate(zip(measured, predicted, target, strict=True)):
        key = "tracer.measured_slp" + (f"[{number}]" if len(measured) > 1 else "")
        bound = slp_bound_w_kg(tracer, amplitude_t=m.amplitude_t, frequency_hz=m.frequency_hz)
        if model == 0.0:
            yield (f"tracer {tracer.name}: {key}: the model has no loss at {m.amplitude_t * 1e3:g} mT, "
                   f"{m.frequency_hz / 1e3:g} kHz, so a measured SLP cannot scale it: check model, size and relaxation")
        elif wanted > bound:
            yield (f"{key}.value = {m.value_w_kg / 1e3:g} W/g: {wanted / 1e3:.0f} W/g of iron is more than a square "
                   f"loop of this saturation magnetization gives ({bound / 1e3:.0f} W/g): check basis, amplitude "
                   "and frequency")


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
PARAMETERS = tuple(_PARAMETERS)


def fitted(
    tracer: Tracer, measured: Sequence[MeasuredSlp], free: Sequence[str], *, model: str | None = None
) -> TracerFit:
    """Fit named parameters to SLPs over amplitude, frequency or bias, by weighted least squares in logarithms.

    ``free`` is of `PARAMETERS`; core_diameter moves all modes by one factor. The search starts from the best of a
    coarse scan. Intervals are of the linearized fit, wider where the misfit is beyond the stated errors. Where
    the efficiency is free, the fitted tracer carries the measurements as its calibration.
    """
    _check_fit(tracer, measured, free)
    start = replace(tracer, calibration=None)
    spread = _errors(measured)
    target = np.log([m.in_tissue_w_kg(tracer.iron_fraction) for m in measured])

    def misses(logs: Array) -> Array:
        return (np.log(_predicted(_scaled(start, free, np.exp(logs)), measured, model)) - target) / spread

    bounds = _bounds(start, free)
    found = [optimize.least_squares(misses, guess, bounds=bounds, diff_step=1e-3, x_scale=0.1)
             for guess in _guesses(misses, free, bounds, spread)]
    result = min(found, key=lambda r: r.cost)
    if not result.success:
        raise SolverError(f"tracer fit: not converged after {result.nfev} evaluations")
    estimates = _estimates(start, free, result, len(measured) - len(free))
    text = f"fit of {', '.join(free)} to {len(measured)} measured SLPs"
    best = replace(_scaled(start, free, np.exp(result.x)), effective=text)
    misfit = float(np.sqrt(np.mean((result.fun * spread) ** 2)))
    beside = tuple(float(m.value_w_kg * np.exp(miss * error))
                   for m, miss, error in zip(measured, result.fun, spread, strict=True))
    if "heating_efficiency" in free:
        best = calibrated(best, measured, model=model)
    return TracerFit(best, estimates, beside, misfit)


def _bounds(tracer: Tracer, free: Sequence[str]) -> tuple[Array, Array]:
    """Twenty times either way; a core stays inside its shell."""
    low, high = np.full(len(free), -3.0), np.full(len(free), 3.0)
    if "core_diameter" in free:
        room = [(m.hydrodynamic_diameter_m or tracer.hydrodynamic_diameter_m or np.inf) / m.core_diameter_m
                for m in tracer.populations]
        at = list(free).index("core_diameter")
        low[at], high[at] = -1.0, min(1.0, np.log(min(room)) if tracer.viscosity_pa_s is not None else 1.0)
    return low, high + 1e-9


def _guesses(misses: Callable[[Array], Array], free: Sequence[str], bounds: tuple[Array, Array],
             spread: Array) -> list[Array]:
    """The best of a scan over all parameters but the efficiency, which is put where it fits best."""
    scans = [np.zeros(1) if name == "heating_efficiency" else _SCAN for name in free]
    ranked = []
    for point in itertools.product(*scans):
        logs = np.clip(point, bounds[0] + 1e-6, bounds[1] - 1e-6)
        miss = misses(logs)
        if "heating_efficiency" in free:
            shift = float((miss / spread).sum() / (spread**-2.0).sum())
            logs[list(free).index("heating_efficiency")] -= np.clip(shift, -2.9, 2.9)
            miss = miss - shift / spread
        ranked.append((float(miss @ miss), logs))
    ranked.sort(key=lambda pair: pair[0])
    return [np.clip(logs, bounds[0] + 1e-6, bounds[1] - 1e-6) for _, logs in ranked[:_STARTS]]


def _estimates(tracer: Tracer, free: Sequence[str], result: optimize.OptimizeResult,
               freedom: int) -> dict[str, Estimate]:
    excess = max(1.0, 2.0 * result.cost / freedom)
    deviation = np.sqrt(np.diag(np.linalg.pinv(result.jac.T @ result.jac)) * excess)
    found = {}
    for name, value, error in zip(free, result.x, deviation, strict=True):
        logs, now = interval(value, error, freedom), _PARAMETERS[name][1](tracer)
        found[name] = Estimate(*(now * float(np.exp(np.clip(v, -50.0, 50.0)))
                                 for v in (logs.value, logs.low, logs.high)))
    return found


def _scaled(tracer: Tracer, free: Sequence[str], factors: Array) -> Tracer:
    for name, factor in zip(free, factors, strict=True):
        tracer = _PARAMETERS[name][0](tracer, float(factor))
    return tracer


def _predicted(tracer: Tracer, measured: Sequence[MeasuredSlp], model: str | None) -> Array:
    """W per kg of iron at each measurement's fields; one solve a frequency."""
    values = np.empty(len(measured))
    for frequency in {m.frequency_hz for m in measured}:
        rows = [i for i, m in enumerate(measured) if m.frequency_hz == frequency]
        fields = [[getattr(measured[i], name) for i in rows] for name in ("amplitude_t", "along_t", "across_t")]
        values[rows] = slp_w_kg(tracer, amplitude_t=fields[0], frequency_hz=frequency, along_t=fields[1],
                                across_t=fields[2], model=model)
    return values


def _check_fit(tracer: Tracer, measured: Sequence[MeasuredSlp], free: Sequence[str]) -> None:
    faults = [f"tracer fit: {name}: expected one of {', '.join(_PARAMETERS)}" for name in free
              if name not in _PARAMETERS]
    faults += [f"tracer fit: {name}: the tracer has none to start from" for name in free
               if name in _PARAMETERS and _PARAMETERS[name][1](tracer) is None]
    if len(measured) <= len(free):
        faults.append(f"tracer fit: {len(measured)} measurements cannot fix {len(free)} parameters with an interval: "
                      f"expected {len(free) + 1} or more")
    if faults:
        raise InputError(faults)


def after_shot(tracer: Tracer, factor: Estimate) -> Tracer:
    """The tracer as it heats in this animal; refused where the shot did not tell zero from something."""
    if factor.low <= 0.0:
        raise InputError(f"shot: factor {factor}: zero is within the interval: heat longer, or place the probe better")
    return replace(tracer, heating_efficiency=tracer.heating_efficiency * factor.value)
