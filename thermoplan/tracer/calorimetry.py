"""SLP from calorimetry: the corrected slope of a heating curve, and the factor of a short shot in the animal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array, finite, freeze
from ..base.errors import InputError
from .measured_slp import Estimate, interval

_NORMAL_95 = 1.96
"""Standard errors on either side of a 95 % interval of the normal distribution."""
_READINGS_A_WINDOW = 3
"""Fewest readings that a window's slope is taken from: two have no scatter, twice as many refuse short curves."""


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedSlope:
    """Corrected slope of a heating curve: W per kg of iron, and the loss to the room, W/K.

    ``slope_k_s`` and ``rise_k`` are the windows' ``(windows,)``, through which the line was laid.
    """

    slp_w_kg: Estimate
    loss_w_k: float
    start_c: float
    slope_k_s: Array
    rise_k: Array


def corrected_slope(
    time_s: ArrayLike,
    temperature_c: ArrayLike,
    *,
    iron_kg: float,
    heat_capacity_j_k: float,
    start_c: float | None = None,
    windows: int = 8,
) -> CorrectedSlope:
    """SLP from a heating curve with linear heat loss, ``C dT/dt = P - L (T - T_start)`` [Wildeboer2014].

    Parameters
    ----------
    time_s, temperature_c
        The heated part of the record alone, ``(n,)``.
    heat_capacity_j_k
        Of the sample with its vessel.
    start_c
        Temperature at which nothing is lost; the first reading unless given.

    Returns
    -------
    Each window gives a slope and the temperature that goes with it (weighted as a line fit weights slopes, so
    that the windows' length makes no error); a line through them gives P and L, and its standard error the
    interval. Errors of iron mass and heat capacity are not in it.
    """
    t, temperature = finite(time_s, "calorimetry, time"), finite(temperature_c, "calorimetry, temperature")
    _check_curve(t, temperature, windows, iron_kg, heat_capacity_j_k)
    rest = float(temperature[0]) if start_c is None else start_c
    parts = np.array_split(np.arange(len(t)), windows)
    slope, rise = np.array([_fit_window(t[i], temperature[i] - rest) for i in parts]).T
    design = np.stack([np.ones(windows), -rise], axis=1)
    solution, residual, _, _ = np.linalg.lstsq(design, slope, rcond=None)
    variance = float(residual[0]) / (windows - 2) if len(residual) else 0.0
    deviation = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]))
    found = interval(float(solution[0]), deviation, windows - 2).scaled(heat_capacity_j_k / iron_kg)
    if found.value <= 0.0:
        raise InputError("calorimetry: the sample does not warm: give the heated part of the record")
    return CorrectedSlope(found, float(solution[1]) * heat_capacity_j_k, rest, freeze(slope), freeze(rise))


def _check_curve(t: Array, temperature: Array, windows: int, iron_kg: float, capacity_j_k: float) -> None:
    """Refuse a curve that has too few readings or times that do not rise, and a sample without mass."""
    if t.ndim != 1 or t.shape != temperature.shape or len(t) < _READINGS_A_WINDOW * windows:
        raise InputError(
            f"calorimetry: expected at least {_READINGS_A_WINDOW * windows} times and as many temperatures"
        )
    if (np.diff(t) <= 0.0).any():
        raise InputError("calorimetry: times must rise")
    if iron_kg <= 0.0 or capacity_j_k <= 0.0:
        raise InputError("calorimetry: iron and heat capacity must be positive")


def _fit_window(t: Array, rise: Array) -> tuple[float, float]:
    """Slope of the line through a window, and the rise weighted as that slope weights the derivative."""
    away = t - t.mean()
    gaps = np.diff(t)
    weight = -np.cumsum(away)[:-1] * gaps
    middle = 0.5 * (rise[1:] + rise[:-1])
    return float(away @ rise / (away @ away)), float(weight @ middle / weight.sum())


def shot_factor(
    measured_rise_k: ArrayLike,
    iron_rise_k: ArrayLike,
    *,
    other_rise_k: ArrayLike = 0.0,
    probe_error_k: float = 0.2,
    position_error_rel: float = 0.1,
) -> Estimate:
    """Factor of the SLP in the animal on that of the plan, from a short low-power shot and one probe.

    Parameters
    ----------
    measured_rise_k
        Readings less the one before the shot.
    iron_rise_k, other_rise_k
        The plan's prediction there and then from the tracer, and from all else (eddy currents). Heat is
        linear in power, so the factor on the first is all there is to fit.
    probe_error_k, position_error_rel
        Standard errors of a reading, and of the prediction since the tip is not known better: a
        probe 1 mm off at the edge of a tumour sees about a tenth less.
    """
    measured, iron = np.atleast_1d(finite(measured_rise_k, "shot")), np.atleast_1d(finite(iron_rise_k, "shot"))
    other = np.asarray(other_rise_k, float)
    if measured.shape != iron.shape or not (iron > 0.0).any():
        raise InputError("shot: expected a predicted rise above zero for every reading")
    power = float(iron @ iron)
    factor = float(iron @ (measured - other)) / power
    reach = _NORMAL_95 * float(np.hypot(probe_error_k / np.sqrt(power), position_error_rel * factor))
    return Estimate(factor, factor - reach, factor + reach)
