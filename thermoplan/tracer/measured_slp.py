"""Measured heating of a tracer: values with their intervals, SLPs as they were stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..base.errors import InputError

CONFIDENCE = 0.95
"""Probability of every interval that is stated."""
IMMOBILISED_FACTOR = 1.0
"""Factor to tissue of a sample whose particles cannot turn: it is taken as it stands."""
TISSUE_FACTOR = 0.7
"""Factor of SLP from water to tissue, where particles are partly held: the project's definition. It scales all heat."""
TISSUE_RANGE = (0.3, 1.0)
"""Factors from water to tissue that are possible; the lower end costs a plan 2 K of T90."""
USUAL_SPAN = (0.7, 1.3)
"""Factors on an SLP that was measured once, with no error stated: one is rarely known better."""
USUAL_ERROR = 0.05
"""Standard error of a measured SLP where none is stated, relative; that of a careful calorimeter."""
SAME_DRIVE = 0.02
"""Relative difference of two drives that are one: a coil's amplitude is known no better, and SLP moves by 4 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its two-sided 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def scaled(self, factor: float) -> Estimate:
        """The same quantity in another unit, or times an exact factor above zero."""
        return Estimate(*(factor * v for v in (self.value, self.low, self.high)))

    def record(self) -> dict[str, float]:
        """Entry of a record."""
        return {"value": self.value, "low": self.low, "high": self.high}


def interval(value: float, deviation: float, freedom: float) -> Estimate:
    """The 95 % interval of Student's t about a value with this standard error."""
    reach = float(stats.t.ppf(0.5 + 0.5 * CONFIDENCE, freedom)) * deviation
    return Estimate(value, value - reach, value + reach)


@dataclass(frozen=True, slots=True)
class MeasuredSlp:
    """A measured SLP, W per kg of ``basis`` ("iron" or "oxide"), in ``medium``.

    From "water" to tissue ``tissue_factor`` is due; "immobilised" and "tissue" are taken as they stand.
    ``along_t`` and ``across_t`` are a static field during the measurement, ``relative_error`` the standard
    error of the value where one is stated. ``tracer`` names the tracer that was measured, "" where nobody said;
    ``extrapolate`` lets the model carry the value to another drive.
    """

    value_w_kg: float
    basis: str
    medium: str
    amplitude_t: float
    frequency_hz: float
    tissue_factor: float = TISSUE_FACTOR
    source: str = "protocol"
    along_t: float = 0.0
    across_t: float = 0.0
    relative_error: float | None = None
    tracer: str = ""
    extrapolate: bool = False

    def __post_init__(self) -> None:
        error = self.relative_error
        faults = [
            f"tracer.measured_slp.{key} = {value!r}: expected {hint}"
            for key, value, good, hint in (
                ("value", self.value_w_kg, self.value_w_kg > 0, 'power per mass, such as "250 W/g"'),
                ("basis", self.basis, self.basis in ("iron", "oxide"), '"iron" or "oxide"'),
                (
                    "medium",
                    self.medium,
                    self.medium in ("water", "immobilised", "tissue"),
                    '"water", "immobilised" or "tissue"',
                ),
                ("amplitude", self.amplitude_t, self.amplitude_t > 0, 'a peak field, such as "13 mT"'),
                ("frequency", self.frequency_hz, self.frequency_hz > 0, 'a frequency, such as "354 kHz"'),
                ("tissue_factor", self.tissue_factor, 0 < self.tissue_factor <= 1.5, "a number near 0.7"),
                ("relative_error", error, error is None or 0 < error < 1, "a share of the value, such as 0.05"),
                (
                    "along, across",
                    (self.along_t, self.across_t),
                    np.isfinite([self.along_t, self.across_t]).all(),
                    'static fields, such as "5 mT"',
                ),
            )
            if not good
        ]
        if faults:
            raise InputError(faults)

    @property
    def factor(self) -> float:
        """Factor of SLP from the medium of the measurement to tissue."""
        return {"water": self.tissue_factor, "immobilised": IMMOBILISED_FACTOR, "tissue": 1.0}[self.medium]

    def in_tissue_w_kg(self, iron_fraction: float) -> float:
        """W per kg of iron in tissue."""
        per_iron = self.value_w_kg / (iron_fraction if self.basis == "oxide" else 1.0)
        return per_iron * self.factor


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a tracer's heating efficiency.

    ``low`` and ``high`` are factors on the SLP that the measurements leave open, of 95 %; ``misfit_rel`` is the rms
    distance of the model's course over the fields from them.
    """

    measured: tuple[MeasuredSlp, ...]
    low: float
    high: float
    basis: str
    misfit_rel: float = 0.0

    @property
    def factor(self) -> float:
        """Factor from the medium of the measurements to tissue; their mean where they differ."""
        return float(np.exp(np.mean([np.log(m.factor) for m in self.measured])))

    def __str__(self) -> str:
        return describe_measured_slp(self.measured)


def at_drive(measured: Sequence[MeasuredSlp], amplitude_t: float, frequency_hz: float) -> bool:
    """True where a drive lies within those of the measurements, so that the model need not carry them beyond."""
    drives = [(m.amplitude_t, m.frequency_hz) for m in measured]
    return all(
        min(known) * (1.0 - SAME_DRIVE) <= asked <= max(known) * (1.0 + SAME_DRIVE)
        for known, asked in zip(zip(*drives, strict=True), (amplitude_t, frequency_hz), strict=True)
    )


def describe_drives(measured: Sequence[MeasuredSlp]) -> str:
    """Range of the measurements' drives in words."""
    fields = _span([m.amplitude_t * 1e3 for m in measured], "mT")
    return f"{fields}, {_span([m.frequency_hz / 1e3 for m in measured], 'kHz')}"


def describe_measured_slp(measured: Sequence[MeasuredSlp]) -> str:
    """Description of a loss measurement, in a sentence for the report."""
    if len(measured) == 1:
        m = measured[0]
        return (
            f"measured: {m.value_w_kg / 1e3:g} W per g of {m.basis} in {m.medium} at "
            f"{m.amplitude_t * 1e3:g} mT, {m.frequency_hz / 1e3:g} kHz; factor to tissue {m.factor:g}"
        )
    media = " and ".join(dict.fromkeys(m.medium for m in measured))
    fields = _span([m.amplitude_t * 1e3 for m in measured], "mT")
    tones = _span([m.frequency_hz / 1e3 for m in measured], "kHz")
    factors = _span([m.factor for m in measured], "").strip()
    return f"measured: {len(measured)} SLPs in {media} at {fields}, {tones}; factor to tissue {factors}"


def _span(values: Sequence[float], unit: str) -> str:
    """Range of values in words."""
    low, high = min(values), max(values)
    return f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"


def open_factors(measured: Sequence[MeasuredSlp], logs: ArrayLike) -> tuple[float, float, str]:
    """Factors on the SLP that measurements leave open, and their basis in words.

    ``logs`` are the logarithms of measured over modelled SLP. Several are averaged with weights by their stated
    errors, or the usual one, and the interval is Student's t over their scatter, no narrower than the errors
    allow. One alone has its stated error, or the usual span. What water leaves open of the factor to tissue is
    added where it is wider.
    """
    errors = np.array([USUAL_ERROR if m.relative_error is None else m.relative_error for m in measured])
    if len(measured) > 1:
        weight, log = errors**-2.0, np.asarray(logs, float)
        centre = float(weight @ log / weight.sum())
        excess = max(1.0, float(weight @ (log - centre) ** 2) / (len(measured) - 1))
        found = interval(0.0, float(np.sqrt(excess / weight.sum())), len(measured) - 1)
        low, high, words = np.exp(found.low), np.exp(found.high), f"the scatter of {len(measured)} measurements, 95 %"
    elif measured[0].relative_error is not None:
        reach = float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE)) * measured[0].relative_error
        low, high, words = np.exp(-reach), np.exp(reach), "the stated error of the measurement, 95 %"
    else:
        (low, high), words = USUAL_SPAN, "one measurement without a stated error"
    factors = [m.factor for m in measured if m.medium == "water"]
    if factors and (TISSUE_RANGE[0] / max(factors) < low or TISSUE_RANGE[1] / min(factors) > high):
        low, high = min(low, TISSUE_RANGE[0] / max(factors)), max(high, TISSUE_RANGE[1] / min(factors))
        words = f"the factor from water to tissue, {TISSUE_RANGE[0]:g} to {TISSUE_RANGE[1]:g}"
    return float(low), float(high), words
