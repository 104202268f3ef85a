"""Names of metrics, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ..base.errors import InputError

METRICS = (
    "Tmin",
    "Tmean",
    "Tmax",
    "T90",
    "T50",
    "T10",
    "Thot5mm3",
    "CEM43max",
    "CEM43mean",
    "CEM43min",
    "CEM43T90",
    "CEM43T50",
    "CEM43T10",
    "CEM43Tmin",
    "CEM43Tmean",
    "CEM43Tmax",
    "CEM43D90",
    "CEM43D50",
    "CEM43D10",
    "CEM43hot5mm3",
    "V43C",
    "V60CEM43",
)
"""One of each kind: any per cent, volume, temperature and dose may stand in the place of those here."""
_NUMBER = r"\d+(?:\.\d+)?"
_STATISTIC = re.compile(rf"(T|CEM43T|CEM43D|CEM43)(min|mean|max|hot({_NUMBER})mm3|[1-9]\d?(?:\.\d+)?)")
_VOLUME = re.compile(rf"V({_NUMBER})(C|CEM43)")


@dataclass(frozen=True, slots=True)
class Hottest:
    """The mean over the hottest part of a region, so large."""

    mm3: float

    @property
    def m3(self) -> float:
        return 1e-9 * self.mm3


Statistic = str | float | Hottest
"""Over a region: "min", "mean", "max", the per cent of the volume that exceeds it, or the hottest part."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name, taken apart.

    ``family`` is "T" (temperature), "CEM43T" (dose of a temperature statistic), "CEM43D" (statistic of the dose
    map), "V" (per cent of the volume at or above a temperature) or "VD" (at or above a dose); of the last two
    ``statistic`` is that temperature or dose.
    """

    family: str
    statistic: Statistic

    @classmethod
    @cache
    def named(cls, name: str) -> Metric:
        if volume := _VOLUME.fullmatch(name):
            return cls("V" if volume[2] == "C" else "VD", float(volume[1]))
        match = _STATISTIC.fullmatch(name)
        if match is None or (match[1] == "CEM43" and match[2][0].isdigit()) or (match[3] and float(match[3]) == 0.0):
            raise InputError(f'metric = "{name}": expected one of {", ".join(METRICS)}')
        family = "CEM43D" if match[1] == "CEM43" else match[1]
        if match[3]:
            return cls(family, Hottest(float(match[3])))
        return cls(family, float(match[2]) if match[2][0].isdigit() else match[2])

    @property
    def is_dose(self) -> bool:
        """Whether its value is a dose."""
        return self.family in ("CEM43T", "CEM43D")

    @property
    def is_volume(self) -> bool:
        """Whether its value is a part of the volume."""
        return self.family in ("V", "VD")

    @property
    def unit(self) -> str:
        return "%" if self.is_volume else "min" if self.is_dose else "degC"
