"""What the drive field does to a body, against the limits that people quote, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .anatomy import Anatomy
from .arrays import Array, unit
from .eddy import EddyPower
from .errors import InputError

_MU0 = 4e-7 * np.pi

BREZOVICH_A_M_S = 4.85e8
"""H f that people bore for an hour in a loop of 30 cm [Brezovich1988]."""

BREZOVICH_RADIUS_M = 0.15
HERGT_DUTZ_A_M_S = 5e9
"""H f for a smaller part of the body and a shorter time [HergtDutz2007]."""

WHOLE_BODY_W_KG, LOCAL_W_KG = 4.0, 10.0
"""First-level controlled mode, whole body and head or trunk, of man [IEC60601]."""

NERVE_T_M = 3.5e-3 * 0.15
"""Peak field times radius where nerves of a torso begin to fire above 25 kHz: 7 mT peak to peak
[Saritas2013]; thresholds rise again by 39 % to 88 kHz [Barksdale2025]."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The drive as a body meets it: peak field, frequency, radius of the largest loop across the drive,
    and the share of the heating time, weighted by field squared, that the drive is on."""

    amplitude_t: float
    frequency_hz: float
    radius_m: float
    duty: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.duty <= 1.0 + 1e-9:
            raise InputError(f"duty = {self.duty:g}: expected a share between 0 and 1")

    @property
    def h_f_a_m_s(self) -> float:
        """Peak field strength times frequency."""
        return self.amplitude_t / _MU0 * self.frequency_hz

    @property
    def h_f_r_a_s(self) -> float:
        """The same times radius: what induced fields go with, in a mouse as in a man."""
        return self.h_f_a_m_s * self.radius_m


@dataclass(frozen=True, slots=True)
class Limit:
    """One value beside its limit."""

    name: str
    value: float
    limit: float
    unit: str
    source: str

    @property
    def exceeded(self) -> bool:
        return self.value > self.limit

    def row(self) -> dict[str, object]:
        return {"name": self.name, "value": self.value, "limit": self.limit, "unit": self.unit,
                "source": self.source, "exceeded": self.exceeded}


def loop_radius_m(anatomy: Anatomy, drive_axis: Array, *, slab_m: float = 3e-3) -> float:
    """Radius of the circle as large as the largest cross-section of the body across the drive axis.

    Cross-sections are means over slabs of about ``slab_m``.
    """
    along = anatomy.centroids_m @ unit(drive_axis, "drive axis")
    reach = anatomy.points_m @ unit(drive_axis, "drive axis")
    low, high = float(reach.min()), float(reach.max())
    slabs = max(1, round((high - low) / slab_m))
    volume = np.histogram(along, slabs, (low, high), weights=anatomy.volumes_m3)[0]
    return float(np.sqrt(volume.max() * slabs / (high - low) / np.pi))


def field_limits(exposure: Exposure) -> tuple[Limit, ...]:
    """Limits on the field alone."""
    hf = exposure.h_f_a_m_s
    return (
        Limit("H f, as tolerated by people in a 30 cm loop", hf, BREZOVICH_A_M_S, "A/m/s", "Brezovich1988"),
        Limit("H f, small region of the body", hf, HERGT_DUTZ_A_M_S, "A/m/s", "HergtDutz2007"),
        Limit("H f r, the first limit at any body size", exposure.h_f_r_a_s,
              BREZOVICH_A_M_S * BREZOVICH_RADIUS_M, "A/s", "Brezovich1988"),
        Limit("nerve stimulation, peak field times radius", exposure.amplitude_t * exposure.radius_m,
              NERVE_T_M, "T m", "Saritas2013"),
    )


def eddy_limits(eddy: EddyPower, duty: float = 1.0) -> tuple[Limit, ...]:
    """Limits on induced heat, as a mean over the time of heating."""
    return (
        Limit("eddy currents, whole body, limit of man", duty * eddy.mean_w_kg, WHOLE_BODY_W_KG, "W/kg",
              "IEC60601"),
        Limit("eddy currents, hottest 10 mm3, limit of man", duty * eddy.local_w_kg, LOCAL_W_KG, "W/kg",
              "IEC60601"),
    )


def safety_report(
    exposure: Exposure, eddy: EddyPower | None, *, iron_w: Mapping[str, float], metabolic_w: float,
    thermoregulation_w: float,
) -> dict[str, object]:
    """The safety part of a plan: field products, induced and absorbed power, and every limit beside them.

    ``eddy`` is at the exposure's amplitude with the drive on; powers come back as means over the heating,
    as ``iron_w`` (W by region) already is.
    """
    at_drive = None if eddy is None else eddy.scaled(exposure.amplitude_t)
    eddy_w = 0.0 if at_drive is None else exposure.duty * at_drive.power_w
    absorbed_w = eddy_w + sum(iron_w.values())
    limits = [*field_limits(exposure), *(() if at_drive is None else eddy_limits(at_drive, exposure.duty))]
    if metabolic_w > 0.0:
        limits.append(Limit("absorbed power, against the resting metabolic rate", absorbed_w, metabolic_w, "W",
                            "Kleiber1947"))
    return {
        "h_f_a_m_s": exposure.h_f_a_m_s, "h_f_r_a_s": exposure.h_f_r_a_s,
        "limits": [limit.row() for limit in limits], "eddy_w": eddy_w,
        "eddy_mean_w_kg": 0.0 if at_drive is None else exposure.duty * at_drive.mean_w_kg,
        "eddy_local_w_kg": 0.0 if at_drive is None else exposure.duty * at_drive.local_w_kg,
        "iron_w": dict(iron_w), "absorbed_w": absorbed_w, "metabolic_w": metabolic_w,
        "thermoregulation_w": thermoregulation_w,
    }
