"""From signal to iron: a standard curve through samples of known iron, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from ..base.arrays import Array
from ..base.errors import InputError
from .weighted_fit import WeightedLine, scatter_of

CONFIDENCE = 0.95
DETECTABLE_SD = 3.0
"""A signal counts as detected from three standard deviations of the background on."""

_SCATTER_WORTH_A_WARNING = 0.1
_KG_TO_UG = 1e9


@dataclass(frozen=True, slots=True)
class Reading:
    """Signal of a sample, summed over volume (image unit times m3), its standard deviation, and its iron."""

    name: str
    iron_kg: float
    signal: float
    sd: float

    @property
    def detected(self) -> bool:
        return not self.signal <= DETECTABLE_SD * (0.0 if np.isnan(self.sd) else self.sd)


@dataclass(frozen=True, slots=True)
class Mass:
    """Iron with its standard uncertainty and the degrees of freedom behind that; NaN where nothing tells."""

    kg: float
    sd_kg: float
    freedom: float = np.inf

    @property
    def relative(self) -> float:
        return self.sd_kg / self.kg if self.kg > 0.0 else np.inf

    @property
    def interval_kg(self) -> tuple[float, float]:
        """Two-sided 95 % interval, cut off at no iron."""
        reach = float(stats.t.ppf(0.5 + 0.5 * CONFIDENCE, self.freedom)) * self.sd_kg
        return max(0.0, self.kg - reach), max(0.0, self.kg + reach)


@dataclass(frozen=True, slots=True, eq=False)
class StandardCurve:
    """``signal = intercept + slope * iron``; the intercept is zero unless the samples say otherwise.

    Parameters
    ----------
    slope
        Signal per kg/m3 (mg/mL) of iron in a voxel, which is volume-summed signal per kg of iron.
    intercept
        Signal times m3 of a sample without iron; zero where the line goes through zero.
    covariance
        ``(2, 2)`` of intercept and slope.
    scatter_rel
        How far a sample lies off the line beyond its noise, relative, one standard deviation (lack of fit): it
        counts in every mass.
    freedom
        Degrees of freedom of the scatter; infinite where the noise is known and explains all of it.
    intercept_test
        Intercept and its standard error when it is fitted, whether it is used or not; NaN where it cannot be.
    blank_sd
        Standard deviation of the signal of a sample without iron, NaN where not known.
    """

    slope: float
    intercept: float
    covariance: Array
    scatter_rel: float
    freedom: float
    r2: float
    intercept_test: tuple[float, float]
    blank_sd: float
    readings: tuple[Reading, ...]
    used: tuple[bool, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def slope_sd(self) -> float:
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def relative_uncertainty(self) -> float:
        """Relative standard uncertainty of any mass read off the line through zero, noise left out."""
        return float(np.hypot(self.slope_sd / self.slope, self.scatter_rel))

    @property
    def detection_limit_kg(self) -> float:
        """Iron of a sample whose signal is three standard deviations of a blank's."""
        return DETECTABLE_SD * self.blank_sd / self.slope

    def iron(self, signal: float, sd: float = 0.0, *, parts: int = 1) -> Mass:
        """Iron of a region from its signal (image unit times m3), or of ``parts`` regions from their sum."""
        mass = (signal - parts * self.intercept) / self.slope
        row = np.array([parts, mass])
        known = float(row @ self.covariance @ row) / self.slope**2 + (self.scatter_rel * mass) ** 2
        noise = (sd / self.slope) ** 2
        total = known + noise
        freedom = self.freedom * (total / known) ** 2 if known > 0.0 else np.inf
        return Mass(float(mass), float(np.sqrt(total)), float(freedom))

    def checked_against(self, readings: Sequence[Reading]) -> StandardCurve:
        """The same line, held against samples of known iron that did not make it.

        How far they read off beyond their noise joins the uncertainty; a bias that all share counts in full.
        """
        new = [r for r in readings if r.iron_kg > 0.0 and r not in self.readings]
        if not new:
            raise InputError("calibration: no other sample of known iron to hold the line against")
        ratio = np.array([self.iron(r.signal).kg / r.iron_kg for r in new])
        noise = np.array([0.0 if np.isnan(r.sd) else r.sd / self.slope / r.iron_kg for r in new])
        scatter = scatter_of(lambda s: float(((ratio - 1.0) ** 2 / (noise**2 + s**2)).sum()), len(new))
        low, high = int(ratio.argmin()), int(ratio.argmax())
        words = (
            f"{len(new)} other samples read {ratio[low]:.2f} ({new[low].name}) to {ratio[high]:.2f} "
            f"({new[high].name}) of their iron, {ratio.mean():.2f} on average: {scatter:.0%} joins every "
            "uncertainty"
        )
        return replace(
            self,
            scatter_rel=max(self.scatter_rel, scatter),
            freedom=min(self.freedom, float(len(new))),
            warnings=(*self.warnings, words),
        )


def standard_curve(
    readings: Sequence[Reading], *, through_zero: bool = False, blank_sd: float = np.nan
) -> StandardCurve:
    """Weighted least squares through the samples that are detected.

    A sample's variance is that of its noise, and of a scatter in proportion to its iron that is as large as the
    residuals ask for. The line goes through zero unless an intercept is significant at 95 %.

    Parameters
    ----------
    through_zero
        Do not test for an intercept; a single sample is then enough, and a warning says what is not known.
    blank_sd
        Standard deviation of a blank's signal; without it the spread of the blanks among the readings, if any.
    """
    used = tuple(r.iron_kg > 0.0 and r.detected for r in readings)
    _refuse(readings, used, through_zero)
    points = [r for r, use in zip(readings, used, strict=True) if use]
    iron, signal = np.array([r.iron_kg for r in points]), np.array([r.signal for r in points])
    noise = np.array([r.sd for r in points])
    line = WeightedLine.fitted(iron, signal, noise, intercept=False)
    free = WeightedLine.fitted(iron, signal, noise, intercept=True) if len(set(iron)) > 1 else None
    test, significant, best = (np.nan, np.nan), False, line
    if free is not None and free.freedom > 0 and not np.isnan(free.covariance).any():
        test = (free.intercept, float(np.sqrt(free.covariance[0, 0])))
        quantile = float(stats.t.ppf(0.5 + 0.5 * CONFIDENCE, free.freedom))
        significant = abs(test[0]) > quantile * test[1] > 0.0
        best = free if significant and not through_zero else line
    if np.isnan(blank_sd):
        blanks = [r for r in readings if r.iron_kg == 0.0]
        blank_sd = float(np.std([b.signal for b in blanks], ddof=1)) if len(blanks) > 1 else np.nan
    weight = np.abs(np.corrcoef(iron, signal)[0, 1]) ** 2 if len(set(iron)) > 1 else np.nan
    curve = StandardCurve(
        best.slope,
        best.intercept,
        best.covariance,
        best.scatter_rel,
        best.freedom,
        float(weight),
        test,
        blank_sd,
        tuple(readings),
        used,
    )
    return replace(curve, warnings=tuple(_warnings(curve, best, significant)))


def _refuse(readings: Sequence[Reading], used: Sequence[bool], through_zero: bool) -> None:
    known = [r for r in readings if r.iron_kg > 0.0]
    levels = {r.iron_kg for r, use in zip(readings, used, strict=True) if use}
    if not known:
        raise InputError("calibration: no sample with iron in it")
    if not levels:
        raise InputError(
            "calibration: no sample has a signal above the detection limit, three standard deviations of "
            "the background: check positions, radii and image"
        )
    if len(levels) == 1 and not through_zero:
        faint = len({r.iron_kg for r in known} - levels)
        beside = f" ({faint} more lie below the detection limit)" if faint else ""
        raise InputError(
            f"calibration: a single point, {max(levels) * _KG_TO_UG:.4g} ug of iron{beside}, makes no curve: nothing "
            "shows that signal is proportional to iron; expected two amounts or more, or ask for a line through zero"
        )


def _warnings(curve: StandardCurve, line: WeightedLine, significant: bool) -> list[str]:
    points = [r for r, use in zip(curve.readings, curve.used, strict=True) if use]
    faint = [r.name for r, use in zip(curve.readings, curve.used, strict=True) if r.iron_kg > 0.0 and not use]
    found = [f"fiducial {', '.join(faint)}: below the detection limit, left out of the curve"] if faint else []
    if len({r.iron_kg for r in points}) == 1:
        found.append(
            "ONE POINT: the line through zero rests on a single amount of iron; nothing tells whether signal "
            "is proportional to iron, and the uncertainty below leaves that out"
        )
    if np.isnan(curve.slope_sd):
        found.append("neither scatter nor noise of the samples is known: the uncertainty of the curve is not known")
    if significant:
        value, sd = (1e9 * v / curve.slope for v in curve.intercept_test)
        found.append(
            f"the line misses zero by {value:.3g} +- {sd:.2g} ug of iron, more than chance explains: signal "
            + ("is gained from elsewhere" if value > 0 else "is lost from weak samples")
            + ("" if curve.intercept else "; the line through zero is used, as was asked for")
        )
    ratio = np.array([curve.iron(r.signal).kg / r.iron_kg for r in points])
    if line.chance < 1.0 - CONFIDENCE or (np.isnan(line.chance) and curve.scatter_rel > _SCATTER_WORTH_A_WARNING):
        worst = int(np.abs(np.log(np.maximum(ratio, 1e-9))).argmax())
        found.append(
            f"lack of fit: samples lie {curve.scatter_rel:.0%} off the line beyond their noise, the farthest, "
            f"{points[worst].name}, reads {ratio[worst]:.2f} of its iron; this joins every uncertainty"
        )
    return found
