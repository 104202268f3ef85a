"""Fit of a tracer to measured SLPs: heating efficiency alone, or size and anisotropy with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from ..base.arrays import Array
from ..base.errors import InputError, SolverError
from ..base.stated import first_of
from .measured_slp import USUAL_ERROR, Calibration, Estimate, MeasuredSlp, interval, open_factors
from .tracer import Tracer, slp_bound_w_kg, slp_w_kg

_SCAN = np.log([0.75, 0.87, 1.0, 1.15, 1.33])
"""First guesses of each parameter but the efficiency, which follows: a Neel time makes many valleys. Twice as many
cost four times the solves for two parameters."""
_STARTS = 2
"""Best guesses that are searched from: one alone may lie in a side valley; each more costs a search."""
_BELIEF = {"core_diameter": np.log(1.5), "anisotropy": np.log(2.0), "relaxation_time": np.log(2.0)}
"""Prior standard error of a parameter about the tracer's own, in logarithms: a parameter that measurements do not
fix stays there, instead of wandering along a valley; a relaxation much faster than the drive shows only its
product with the efficiency. At twice as much, such a fit wanders."""
_STEP = 1e-2
"""Step of differences in logarithms: the loss is solved to 5e-5, so a tenth of the step has slopes with 3 % of noise;
twice the step has four times the error of curvature."""
_TOLERANCE = 1e-4
"""Relative gain at which a search ends: nothing measurable is left, and a smaller gain is noise of the loss."""
_WIDEST = 3.0
"""Bound of a parameter in logarithms, twenty times either way: beyond it the tracer is another one."""
_WIDEST_CORE = 1.0
"""Bound of a core diameter in logarithms, e times either way: its moment then changes 20-fold; at twice, 400-fold."""
_OPEN = 50.0
"""Logarithm of a factor at which an interval counts as open; ``exp`` of it is still a number, of 700 none."""
_EVALUATIONS = 100
"""Most evaluations of a search; one that needs more does not converge, which is an error and not a longer search."""


@dataclass(frozen=True, slots=True)
class TracerFit:
    """A tracer fitted to measurements, with intervals by parameter.

    ``fitted_w_kg`` is the model's value for each measurement, in its basis and medium; ``misfit_rel`` is their rms
    difference.
    """

    tracer: Tracer
    estimates: dict[str, Estimate]
    fitted_w_kg: tuple[float, ...]
    misfit_rel: float


def calibrate_efficiency(tracer: Tracer, measured: Sequence[MeasuredSlp], *, model: str | None = None) -> Tracer:
    """A copy whose heating efficiency makes the model agree with measured SLPs, in tissue.

    Several give their mean in logarithms, weighted by their errors.
    """
    ideal = replace(tracer, heating_efficiency=1.0, calibration=None)
    predicted = _predict(ideal, measured, model)
    target = np.array([m.in_tissue_w_kg(tracer.iron_fraction) for m in measured])
    faults = list(_refuse_measurements(tracer, measured, predicted, target))
    if faults:
        raise InputError(faults)
    logs = np.log(target / predicted)
    weight = _errors(measured) ** -2.0
    centre = float(weight @ logs / weight.sum())
    misfit = float(np.sqrt(np.mean((logs - centre) ** 2)))
    known = Calibration(tuple(measured), *open_factors(measured, logs), misfit)
    return replace(tracer, heating_efficiency=float(np.exp(centre)), calibration=known)


def _errors(measured: Sequence[MeasuredSlp]) -> Array:
    """Relative standard errors, as stated or the usual one."""
    return np.array([USUAL_ERROR if m.relative_error is None else m.relative_error for m in measured])


def _refuse_measurements(
    tracer: Tracer, measured: Sequence[MeasuredSlp], predicted: Array, target: Array
) -> Iterator[str]:
    """Faults of measurements that no efficiency explains: a model without loss, an SLP above the bound."""
    for number, (m, model, wanted) in enumerate(zip(measured, predicted, target, strict=True)):
        key = "tracer.measured_slp" + (f"[{number}]" if len(measured) > 1 else "")
        bound = slp_bound_w_kg(tracer, amplitude_t=m.amplitude_t, frequency_hz=m.frequency_hz)
        if model == 0.0:
            yield (
                f"tracer {tracer.name}: {key}: the model has no loss at {m.amplitude_t * 1e3:g} mT, "
                f"{m.frequency_hz / 1e3:g} kHz, so a measured SLP cannot scale it: check model, size and relaxation"
            )
        elif wanted > bound:
            yield (
                f"{key}.value = {m.value_w_kg / 1e3:g} W/g: {wanted / 1e3:.0f} W/g of iron is more than a square "
                f"loop of this saturation magnetization gives ({bound / 1e3:.0f} W/g): check basis, amplitude "
                "and frequency"
            )


def _scale_cores(tracer: Tracer, factor: float) -> Tracer:
    """All modes with cores ``factor`` times as large."""
    modes = tuple(replace(m, core_diameter_m=m.core_diameter_m * factor) for m in tracer.populations)
    return replace(tracer, populations=modes)


def _scale_anisotropy(tracer: Tracer, factor: float) -> Tracer:
    own = tracer.anisotropy_j_m3
    return tracer if own is None else replace(tracer, anisotropy_j_m3=own * factor)


def _scale_relaxation(tracer: Tracer, factor: float) -> Tracer:
    own = tracer.relaxation_time_s
    return tracer if own is None else replace(tracer, relaxation_time_s=own * factor)


def _scale_efficiency(tracer: Tracer, factor: float) -> Tracer:
    return replace(tracer, heating_efficiency=tracer.heating_efficiency * factor)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter of a fit: the tracer with a factor on it, and its present value in SI, None where it has none."""

    scale: Callable[[Tracer, float], Tracer]
    value: Callable[[Tracer], float | None]


_PARAMETERS = {
    "heating_efficiency": _Parameter(_scale_efficiency, lambda t: t.heating_efficiency),
    "core_diameter": _Parameter(_scale_cores, lambda t: t.populations[0].core_diameter_m),
    "anisotropy": _Parameter(_scale_anisotropy, lambda t: t.anisotropy_j_m3),
    "relaxation_time": _Parameter(_scale_relaxation, lambda t: t.relaxation_time_s),
}
PARAMETERS = tuple(_PARAMETERS)


def fit_tracer(
    tracer: Tracer, measured: Sequence[MeasuredSlp], free: Sequence[str], *, model: str | None = None
) -> TracerFit:
    """Fit named parameters to SLPs over amplitude, frequency or bias, by weighted least squares in logarithms.

    ``free`` is of `PARAMETERS`; core_diameter moves all modes by one factor. A free efficiency is not searched: it
    is put where it fits best for every trial of the others, which start from the best of a coarse scan and are held
    loosely to the tracer's own. Intervals are of the linearized fit, wider where the misfit is beyond the stated
    errors. Where the efficiency is free, the fitted tracer carries the measurements as its calibration.
    """
    _check_fit(tracer, measured, free)
    problem = _Problem(replace(tracer, calibration=None), tuple(measured), tuple(free), model)
    logs, miss = problem.solve()
    freedom = len(measured) - len(free)
    estimates = _estimate_parameters(problem, logs, max(1.0, float(miss @ miss) / freedom), freedom)
    best = replace(problem.at(logs), effective=f"fit of {', '.join(free)} to {len(measured)} measured SLPs")
    beside = tuple(float(m.value_w_kg * np.exp(d * e)) for m, d, e in zip(measured, miss, problem.errors, strict=True))
    if "heating_efficiency" in free:
        best = calibrate_efficiency(best, measured, model=model)
    return TracerFit(best, estimates, beside, float(np.sqrt(np.mean((miss * problem.errors) ** 2))))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Least-squares problem in the logarithms of the factors on free parameters; residuals are in standard errors."""

    tracer: Tracer
    measured: tuple[MeasuredSlp, ...]
    free: tuple[str, ...]
    model: str | None

    @property
    def errors(self) -> Array:
        """Relative standard errors of the measurements."""
        return _errors(self.measured)

    @property
    def shape(self) -> list[int]:
        """Places of all parameters but the efficiency."""
        return [i for i, name in enumerate(self.free) if name != "heating_efficiency"]

    def at(self, logs: Array) -> Tracer:
        """The tracer with factors ``exp(logs)`` on its free parameters."""
        tracer = self.tracer
        for name, factor in zip(self.free, np.exp(logs), strict=True):
            tracer = _PARAMETERS[name].scale(tracer, float(factor))
        return tracer

    def residuals(self, logs: Array) -> Array:
        """Logarithms of modelled over measured SLP, in standard errors."""
        target = [m.in_tissue_w_kg(self.tracer.iron_fraction) for m in self.measured]
        return np.log(_predict(self.at(logs), self.measured, self.model) / target) / self.errors

    def project(self, part: Array) -> tuple[Array, Array]:
        """All logarithms and the residuals for given ones of the shape, the efficiency where it fits best."""
        logs = np.zeros(len(self.free))
        logs[self.shape] = part
        miss = self.residuals(logs)
        if "heating_efficiency" in self.free:
            weight = self.errors**-2.0
            shift = float((miss / self.errors).sum() / weight.sum())
            logs[self.free.index("heating_efficiency")] = -shift
            miss = miss - shift / self.errors
        return logs, miss

    @property
    def belief(self) -> Array:
        """Standard errors of the free parameters before anything is measured; the efficiency has none."""
        return np.array([_BELIEF.get(name, np.inf) for name in self.free])

    def objective(self, part: Array) -> Array:
        """Residuals of the measurements and of the prior, for logarithms of the shape."""
        return np.concatenate([self.project(part)[1], part / self.belief[self.shape]])

    def solve(self) -> tuple[Array, Array]:
        """Best logarithms and their residuals."""
        if not self.shape:
            return self.project(np.zeros(0))
        low, high = self._bounds()
        tried = [np.clip(point, low, high) for point in itertools.product(_SCAN, repeat=len(self.shape))]
        tried.sort(key=lambda part: float(np.square(self.objective(part)).sum()))
        found = [
            optimize.least_squares(
                self.objective,
                part,
                bounds=(low, high),
                ftol=_TOLERANCE,
                xtol=_TOLERANCE,
                diff_step=_STEP,
                x_scale=0.1,
                max_nfev=_EVALUATIONS,
            )
            for part in tried[:_STARTS]
        ]
        best = min(found, key=lambda r: r.cost)
        if not best.success:
            raise SolverError(f"tracer fit: not converged after {best.nfev} evaluations")
        return self.project(best.x)

    def _bounds(self) -> tuple[Array, Array]:
        """Twenty times either way, sizes e times; a core stays inside its shell."""
        reach = np.array([_WIDEST_CORE if self.free[i] == "core_diameter" else _WIDEST for i in self.shape])
        high = reach.copy()
        if "core_diameter" in self.free and self.tracer.viscosity_pa_s is not None:
            shells = [
                (np.inf if outer is None else outer) / m.core_diameter_m
                for m in self.tracer.populations
                for outer in [first_of(m.hydrodynamic_diameter_m, self.tracer.hydrodynamic_diameter_m)]
            ]
            at = self.shape.index(self.free.index("core_diameter"))
            high[at] = min(high[at], max(1e-6, np.log(min(shells)) - 1e-9))
        return -reach, high


def _estimate_parameters(problem: _Problem, logs: Array, excess: float, freedom: int) -> dict[str, Estimate]:
    """Parameters with the intervals of the linearized fit, prior included."""
    sides = [problem.residuals(logs + s * e) for e in _STEP * np.eye(len(logs)) for s in (1.0, -1.0)]
    slope = np.array([(ahead - behind) / (2.0 * _STEP) for ahead, behind in itertools.batched(sides, 2)]).T
    known = slope.T @ slope / excess + np.diag(problem.belief**-2.0)
    deviation = np.sqrt(np.diag(np.linalg.pinv(known)))
    found = {}
    for name, value, error in zip(problem.free, logs, deviation, strict=True):
        own, span = _PARAMETERS[name].value(problem.tracer), interval(value, error, freedom)
        if own is not None:  # `_check_fit` refuses a parameter that the tracer does not have
            ends = np.exp(np.clip([span.value, span.low, span.high], -_OPEN, _OPEN))
            found[name] = Estimate(*(own * float(factor) for factor in ends))
    return found


def _predict(tracer: Tracer, measured: Sequence[MeasuredSlp], model: str | None) -> Array:
    """W per kg of iron at each measurement's fields; one solve a frequency."""
    values = np.empty(len(measured))
    for frequency in {m.frequency_hz for m in measured}:
        rows = [i for i, m in enumerate(measured) if m.frequency_hz == frequency]
        fields = [[getattr(measured[i], name) for i in rows] for name in ("amplitude_t", "along_t", "across_t")]
        values[rows] = slp_w_kg(
            tracer, amplitude_t=fields[0], frequency_hz=frequency, along_t=fields[1], across_t=fields[2], model=model
        )
    return values


def _check_fit(tracer: Tracer, measured: Sequence[MeasuredSlp], free: Sequence[str]) -> None:
    """Refuse parameters that are unknown or not set, and fewer measurements than an interval takes."""
    faults = [
        f"tracer fit: {name}: expected one of {', '.join(_PARAMETERS)}" for name in free if name not in _PARAMETERS
    ]
    faults += [
        f"tracer fit: {name}: the tracer has none to start from"
        for name in free
        if name in _PARAMETERS and _PARAMETERS[name].value(tracer) is None
    ]
    if len(measured) <= len(free):
        faults.append(
            f"tracer fit: {len(measured)} measurements cannot fix {len(free)} parameters with an interval: "
            f"expected {len(free) + 1} or more"
        )
    if faults:
        raise InputError(faults)


def after_shot(tracer: Tracer, factor: Estimate) -> Tracer:
    """The tracer with the heating that a shot measured; refused where zero is within the shot's interval."""
    if factor.low <= 0.0:
        raise InputError(f"shot: factor {factor}: zero is within the interval: heat longer, or place the probe better")
    return replace(tracer, heating_efficiency=tracer.heating_efficiency * factor.value)
