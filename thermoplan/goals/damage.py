"""Arrhenius damage of a streamed history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array
from ..base.errors import InputError
from .dose import History


@dataclass(frozen=True, slots=True)
class Damage:
    """A first-order process: frequency factor, activation energy, highest temperature it was fitted at."""

    frequency_1_s: float
    activation_j_mol: float
    highest_c: float
    source: str

    def rate_1_s(self, temperature_c: ArrayLike) -> Array:
        kelvin = np.asarray(temperature_c, float) + 273.15
        return self.frequency_1_s * np.exp(-self.activation_j_mol / (8.314462618 * kelvin))


DAMAGE: Mapping[str, Damage] = MappingProxyType(
    {
        "skin": Damage(1.3e95, 6.04e5, 53.0, "Diller"),
        "skin-weaver": Damage(2.19e124, 7.82e5, 50.0, "WeaverStoll"),
        "cells": Damage(2.84e99, 6.18e5, 55.0, "Pearce2015"),
        "liver": Damage(7.39e39, 2.577e5, 100.0, "COMSOLBioheat"),
        "fat": Damage(4.43e16, 1.3e5, 100.0, "COMSOLBioheat"),
        "prostate": Damage(1e91, 5.6e5, 100.0, "COMSOLBioheat"),
    }
)
"""Coagulation fits (liver, prostate) overstate damage at 43 to 55 degrees C [Pearce2015]."""


def arrhenius_omega(history: History, process: str) -> Array:
    """Damage integral: int A exp(-Ea / R T) dt; survival is exp(-omega).

    Between times the rate is taken as exponential in time, which near one temperature it is.

    ``history`` yields times in s and temperatures ``(n,)`` in degrees C, ``process`` is a key of `DAMAGE`, another
    one is refused; the result is ``(n,)``, without unit.
    """
    if process not in DAMAGE:
        raise InputError(f'process "{process}": expected one of {", ".join(DAMAGE)}')
    omega, last = None, None
    for time_s, temperature_c in history:
        rate = DAMAGE[process].rate_1_s(temperature_c)
        step = np.zeros_like(rate) if last is None else (time_s - last[0]) * _logarithmic_mean(last[1], rate)
        omega = step if omega is None else omega + step
        last = (time_s, rate)
    if omega is None:
        raise InputError("dose: the history is empty")
    return omega


def _logarithmic_mean(a: Array, b: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(b / a)
        return np.where(np.abs(ratio) < 1e-6, 0.5 * (a + b), (b - a) / ratio)
