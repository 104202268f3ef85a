"""Uncertainty of a tracer's heating: SLP and focal width over the plausible particles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from ..base.stated import first_of
from ..device import Device
from ..tracer.magnetization import FIXED_AXIS
from ..tracer.measured_slp import USUAL_SPAN
from ..tracer.tracer import Tracer, particles, slp_w_kg
from .ffr import ffr_widths_m

EFFECTIVE_LAGS = (1.0, 3.0)
"""Omega tau of a tracer whose relaxation is not known: loss is largest at 1, and published fits reach 3."""
ASSUMED_SIGMA = 0.1
"""Spread of a core size that is stated without one: the width of a narrow batch."""
HIGHEST_SHOWN = 3.0
"""Largest factor on planned heat that temperatures are shown for: beyond it no animal lives, so more tells nothing."""
TWO_SIDED_95 = 1.959964
"""Standard deviations on either side of a 95 % interval of a normal variable."""
_LONGEST_ATTEMPT_S = 1e-6
_SHORTEST_ATTEMPT_S = 1e-300
"""Bounds of an attempt time that stands for a given omega tau: only its product with ``exp(KV/kT)`` counts."""


@dataclass(frozen=True, slots=True)
class SlpInterval:
    """SLP at a drive without bias, W per kg of iron: as planned, and the ends of its interval.

    ``cases`` are the SLPs of plausible tracers, by what was changed; empty where it was measured.
    """

    value_w_kg: float
    low_w_kg: float
    high_w_kg: float
    basis: str
    cases: Mapping[str, float] = field(default_factory=dict)

    @property
    def factors(self) -> tuple[float, float]:
        """Low and high over the planned SLP."""
        return self.low_w_kg / self.value_w_kg, self.high_w_kg / self.value_w_kg

    @property
    def shown_factors(self) -> tuple[float, float]:
        """The factors that temperatures are shown for, up to `HIGHEST_SHOWN`."""
        low, high = self.factors
        return low, min(high, HIGHEST_SHOWN)

    def with_iron(self, relative_sd: float) -> tuple[float, float]:
        """The shown factors of heat with the standard error of the iron: 95 %, both spreads in quadrature."""
        low, high = self.shown_factors
        iron = TWO_SIDED_95 * relative_sd
        return max(0.0, 1.0 - float(np.hypot(1.0 - low, iron))), min(
            1.0 + float(np.hypot(high - 1.0, iron)), HIGHEST_SHOWN
        )

    def __str__(self) -> str:
        low, high = self.factors
        return (
            f"{self.low_w_kg * 1e-3:.4g} to {self.high_w_kg * 1e-3:.4g} W per g of iron, x {low:.2g} to "
            f"{high:.2g}, from {self.basis}"
        )


def slp_interval(tracer: Tracer, device: Device) -> SlpInterval:
    """Interval that a measurement leaves; without one, the model's own spread over `plausible_tracers`."""
    return _slp_interval(tracer, device.amplitude_t, device.frequency_hz)


@lru_cache(maxsize=32)
def _slp_interval(tracer: Tracer, amplitude_t: float, frequency_hz: float) -> SlpInterval:
    """Interval at one drive; a plan asks for it several times."""

    def slp(particles: Tracer) -> float:
        return float(slp_w_kg(particles, amplitude_t=amplitude_t, frequency_hz=frequency_hz))

    value = slp(tracer)
    if tracer.calibration is not None:
        known = tracer.calibration
        return SlpInterval(value, known.low * value, known.high * value, known.basis)
    if tracer.table is not None:
        low, high = USUAL_SPAN
        return SlpInterval(value, low * value, high * value, "a measured table without stated errors")
    cases = {words: slp(other) for words, other in plausible_tracers(tracer, frequency_hz)}
    return SlpInterval(
        value,
        min(value, *cases.values()),
        max(value, *cases.values()),
        "the model over sizes, relaxation and binding that the tracer may have",
        cases,
    )


def plausible_tracers(tracer: Tracer, frequency_hz: float) -> Iterator[tuple[str, Tracer]]:
    """Plausible tracers that the stated one may stand for, and their changes in words.

    Relaxation with omega tau 1 and 3; cores one standard deviation smaller and larger; where the anisotropy is
    known, bound to tissue.
    """
    for lag in EFFECTIVE_LAGS:
        other = with_lag(tracer, lag, frequency_hz)
        if other is not None:
            yield f"omega tau {lag:g}", other
    for sign, words in ((-1.0, "smaller"), (1.0, "larger")):
        yield f"cores one standard deviation {words}", _resize_cores(tracer, sign)
    if tracer.model not in FIXED_AXIS and tracer.anisotropy_j_m3 is not None:
        yield "bound to tissue (Neel along fixed axes)", replace(tracer, model="neel")


def with_lag(tracer: Tracer, lag: float, frequency_hz: float) -> Tracer | None:
    """The tracer with this omega tau: one relaxation time for all, or where particles cannot turn a Neel time scaled.

    None where the loss rests on no relaxation time.
    """
    if tracer.table is not None or tracer.model == "blocked":
        return None
    if tracer.model in FIXED_AXIS:
        _, share, now, _ = particles(tracer, frequency_hz, tracer.model)
        return _set_attempt_time(tracer, tracer.tau0_s * lag / float(np.exp(share @ np.log(now))))
    time = lag / (2.0 * np.pi * frequency_hz)
    modes = tuple(replace(mode, relaxation_time_s=None) for mode in tracer.populations)
    return replace(tracer, populations=modes, relaxation_time_s=time)


def _set_attempt_time(tracer: Tracer, tau0_s: float) -> Tracer:
    """The tracer with another attempt time; it may lie beyond any real one, since only its product counts."""
    return replace(tracer, tau0_s=float(np.clip(tau0_s, _SHORTEST_ATTEMPT_S, _LONGEST_ATTEMPT_S)))


def _resize_cores(tracer: Tracer, sign: float) -> Tracer:
    """Cores moved by their own spread, or `ASSUMED_SIGMA`; the shell keeps its thickness."""
    modes = []
    for mode in tracer.populations:
        core = mode.core_diameter_m * float(np.exp(sign * (mode.sigma if mode.sigma > 0.0 else ASSUMED_SIGMA)))
        shell = first_of(mode.hydrodynamic_diameter_m, tracer.hydrodynamic_diameter_m)
        outer = None if shell is None else shell + core - mode.core_diameter_m
        modes.append(replace(mode, core_diameter_m=core, hydrodynamic_diameter_m=outer))
    return replace(tracer, populations=tuple(modes))


def width_spread_m(tracer: Tracer, device: Device) -> dict[float, tuple[float, float]]:
    """Widths with omega tau 1 and 3, as the true one is not known; ``omega tau -> (along, across)`` in metres.

    Sizes as they are. Empty where the loss rests on a measured table or on no relaxation time.
    """
    found = {lag: with_lag(tracer, lag, device.frequency_hz) for lag in EFFECTIVE_LAGS}
    return {lag: ffr_widths_m(other, device) for lag, other in found.items() if other is not None}
