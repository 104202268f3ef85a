"""Safety of the drive field: exposure of a body beside published limits, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, unit
from ..base.errors import InputError

if TYPE_CHECKING:
    from .eddy import EddyPower

_MU0 = 4e-7 * np.pi

BREZOVICH_A_M_S = 4.85e8
"""H f that people tolerated for an hour in a loop of 30 cm [Brezovich1988]."""
BREZOVICH_RADIUS_M = 0.15
"""Radius of that loop."""
HERGT_DUTZ_A_M_S = 5e9
"""H f for a smaller part of the body and a shorter time [HergtDutz2007]."""
WHOLE_BODY_W_KG = 4.0
"""First-level controlled mode, whole body of man [IEC60601]."""
LOCAL_W_KG = 10.0
"""First-level controlled mode, head or trunk of man [IEC60601]."""
NERVE_T_M = 3.5e-3 * 0.15
"""Peak field times radius where nerves of a torso begin to fire above 25 kHz: 7 mT peak to peak
[Saritas2013]; thresholds rise again by 39 % to 88 kHz [Barksdale2025]."""

FIELD_QUANTITIES = ("h_f", "h_f_r", "nerve")
"""Quantities of the drive field alone; the others are powers, means over the heating."""
QUANTITIES = {
    "h_f": "H f",
    "h_f_r": "H f r",
    "nerve": "nerve stimulation",
    "eddy_whole_body": "eddy currents, whole body",
    "eddy_local": "eddy currents, hottest 10 mm3",
    "absorbed": "absorbed power",
}
"""Quantities that can be limited, in words."""
UNITS = {
    "h_f": "A/m/s",
    "h_f_r": "A/s",
    "nerve": "T m",
    "eddy_whole_body": "W/kg",
    "eddy_local": "W/kg",
    "absorbed": "W",
}
"""Unit of each quantity."""
_ROUNDING = 1e-9
"""Part of a limit by which a value may exceed it: a plan at a limit is off by rounding, some 1e-15."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Exposure of a body to the drive: peak field, frequency, radius of the largest loop across the drive.

    ``duty`` is the share of the heating time that the drive is on, weighted by field squared; ``relative`` the largest
    field in the body over ``amplitude_t``, where the drive is not uniform.
    """

    amplitude_t: float
    frequency_hz: float
    radius_m: float
    duty: float = 1.0
    relative: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.duty <= 1.0 + _ROUNDING:
            raise InputError(f"duty = {self.duty:g}: expected a share between 0 and 1")

    @property
    def highest_t(self) -> float:
        """Largest peak field in the body."""
        return self.amplitude_t * self.relative

    @property
    def h_f_a_m_s(self) -> float:
        """Peak field strength times frequency."""
        return self.highest_t / _MU0 * self.frequency_hz

    @property
    def h_f_r_a_s(self) -> float:
        """Peak field strength times frequency times radius, to which induced fields are in proportion at any size."""
        return self.h_f_a_m_s * self.radius_m


@dataclass(frozen=True, slots=True)
class Limit:
    """A value and its limit; a ``hard`` limit is set by a protocol, and a plan that exceeds it has failed. One
    ``of_man`` was found on people at their size, and says nothing of a smaller body."""

    name: str
    value: float
    limit: float
    unit: str
    source: str
    quantity: str
    hard: bool = False
    of_man: bool = False

    def applies(self, species: str, *, alive: bool) -> bool:
        """True where the limit is of this species, or wanted by the protocol; of a phantom no other is."""
        return self.hard or (alive and (species == "human" or not self.of_man))

    @property
    def exceeded(self) -> bool:
        """True where the value is above the limit, rounding aside."""
        return self.value > self.limit * (1.0 + _ROUNDING)

    @property
    def share(self) -> float:
        """Value over limit."""
        return self.value / self.limit


@dataclass(frozen=True, slots=True)
class HardLimit:
    """Hard limit of a protocol: a bound of its own, or (``at_most`` None) the published one of ``source``."""

    quantity: str
    source: str
    at_most: float | None = None


def mark_hard(limits: Sequence[Limit], hard: Iterable[HardLimit]) -> tuple[Limit, ...]:
    """The limits with those marked that are hard, and one more for each bound of the protocol's own."""
    found, complaints = list(limits), []
    for wish in hard:
        same = [i for i, limit in enumerate(found) if limit.quantity == wish.quantity]
        named = [i for i in same if found[i].source == wish.source and np.isfinite(found[i].limit)]
        if same and wish.at_most is not None:
            name = f"{QUANTITIES[wish.quantity]}, this protocol's limit"
            found.append(replace(found[same[0]], name=name, limit=wish.at_most, source=wish.source, hard=True))
        elif named:
            found[named[0]] = replace(found[named[0]], hard=True)
        else:
            complaints.append(
                f"safety.{wish.quantity}_at_most: {QUANTITIES[wish.quantity]} has no limit of "
                f"{wish.source} here: " + ("give a value" if same else "it is not computed")
            )
    if complaints:
        raise InputError(complaints)
    return tuple(limit for limit in found if np.isfinite(limit.limit))


def loop_radius_m(anatomy: Anatomy, drive_axis: Array, *, slab_m: float = 3e-3) -> float:
    """Radius of the circle as large as the largest cross-section of the body across the drive axis.

    Cross-sections are means over slabs of about ``slab_m``.

    ``drive_axis`` is ``(3,)``, in the anatomy's frame.
    """
    along = anatomy.centroids_m @ unit(drive_axis, "drive axis")
    reach = anatomy.points_m @ unit(drive_axis, "drive axis")
    low, high = float(reach.min()), float(reach.max())
    slabs = max(1, round((high - low) / slab_m))
    volume = np.histogram(along, slabs, (low, high), weights=anatomy.volumes_m3)[0]
    return float(np.sqrt(volume.max() * slabs / (high - low) / np.pi))


def field_limits(exposure: Exposure) -> tuple[Limit, ...]:
    """Limits on the field alone."""
    hf, hfr, nerve = exposure.h_f_a_m_s, exposure.h_f_r_a_s, exposure.highest_t * exposure.radius_m
    return (
        Limit(
            "H f, as tolerated by people in a 30 cm loop",
            hf,
            BREZOVICH_A_M_S,
            "A/m/s",
            "Brezovich1988",
            "h_f",
            of_man=True,
        ),
        Limit("H f, small region of the body", hf, HERGT_DUTZ_A_M_S, "A/m/s", "HergtDutz2007", "h_f", of_man=True),
        Limit(
            "H f r, the first limit at any body size",
            hfr,
            BREZOVICH_A_M_S * BREZOVICH_RADIUS_M,
            "A/s",
            "Brezovich1988",
            "h_f_r",
        ),
        Limit("nerve stimulation, peak field times radius", nerve, NERVE_T_M, "T m", "Saritas2013", "nerve"),
    )


def eddy_limits(eddy: EddyPower, duty: float = 1.0) -> tuple[Limit, ...]:
    """Limits on induced heat, as a mean over the time of heating."""
    return (
        Limit(
            "eddy currents, whole body, limit of man",
            duty * eddy.mean_w_kg,
            WHOLE_BODY_W_KG,
            "W/kg",
            "IEC60601",
            "eddy_whole_body",
            of_man=True,
        ),
        Limit(
            "eddy currents, hottest 10 mm3, limit of man",
            duty * eddy.local_w_kg,
            LOCAL_W_KG,
            "W/kg",
            "IEC60601",
            "eddy_local",
            of_man=True,
        ),
    )


def absorbed_limit(absorbed_w: float, metabolic_w: float) -> Limit:
    """Limit on the power of iron and eddies: the metabolic heat at rest; a phantom has none, and no limit."""
    return Limit(
        "absorbed power, against the resting metabolic rate",
        absorbed_w,
        metabolic_w if metabolic_w > 0.0 else np.inf,
        "W",
        "Kleiber1947",
        "absorbed",
    )


def highest_amplitude_t(exposure: Exposure, hard: Iterable[HardLimit]) -> tuple[float, Limit | None]:
    """Highest amplitude within the hard limits on the field, and the limit that binds; infinite without any."""
    asked = [wish for wish in hard if wish.quantity in FIELD_QUANTITIES]
    kept = [limit for limit in mark_hard(field_limits(exposure), asked) if limit.hard]
    if not kept:
        return np.inf, None
    binding = min(kept, key=lambda limit: limit.limit / limit.value)
    return exposure.amplitude_t * binding.limit / binding.value, binding


@dataclass(frozen=True, slots=True, eq=False)
class SafetyReport:
    """Field products, induced and absorbed power of a run, and every limit; powers are means over the heating,
    ``iron_w`` by region."""

    exposure: Exposure
    limits: tuple[Limit, ...]
    eddy_w: float
    eddy_mean_w_kg: float
    eddy_local_w_kg: float
    iron_w: Mapping[str, float]
    absorbed_w: float
    metabolic_w: float
    thermoregulation_w: float


def safety_report(
    exposure: Exposure,
    eddy: EddyPower | None,
    *,
    iron_w: Mapping[str, float],
    metabolic_w: float,
    thermoregulation_w: float,
    hard: Iterable[HardLimit] = (),
) -> SafetyReport:
    """Compare a run with every limit.

    ``eddy`` is at the exposure's amplitude with the drive on; powers come back as means over the heating,
    as ``iron_w`` (W by region) already is. ``hard`` are the limits that the protocol sets.
    """
    at_drive = None if eddy is None else eddy.scaled(exposure.amplitude_t)
    eddy_w = 0.0 if at_drive is None else exposure.duty * at_drive.power_w
    absorbed_w = eddy_w + sum(iron_w.values())
    limits = mark_hard(
        [
            *field_limits(exposure),
            *(() if at_drive is None else eddy_limits(at_drive, exposure.duty)),
            absorbed_limit(absorbed_w, metabolic_w),
        ],
        hard,
    )
    return SafetyReport(
        exposure,
        limits,
        eddy_w,
        0.0 if at_drive is None else exposure.duty * at_drive.mean_w_kg,
        0.0 if at_drive is None else exposure.duty * at_drive.local_w_kg,
        iron_w,
        absorbed_w,
        metabolic_w,
        thermoregulation_w,
    )
