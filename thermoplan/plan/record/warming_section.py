"""Warming of the animal: its record, its power, and warnings where no animal or pad gives that much."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array
from ...bioheat import split_warming
from ...bioheat.skin import warming_facets
from ...fem import linear
from ...files.run.plan_record import WarmingRecord
from ..case.case import Case
from ..case.heating_model import HeatingModel
from ..case.warming_words import warming_words
from ..verification.outcome import Outcome

PAD_W_M2 = 1000.0
"""Greatest power of a warming pad or lamp over the skin that it faces, 0.1 W/cm^2: our choice, no maker's figure was
read. A setup that needs more is warned of."""
SCALD_C = 43.0
"""Skin that a source must not make hotter: our choice, the temperature that thermal dose counts from."""
OFF_W = 1e-9
"""Power that counts as none."""


def warming_section(heating_model: HeatingModel, outcome: Outcome) -> WarmingRecord | None:
    """Record of what kept the animal warm; None for a body without blood."""
    case, given = heating_model.case, heating_model.case.protocol.warming
    if not case.species.is_alive:
        return None
    warming, _ = split_warming(heating_model.feedback)
    power = _course_w(heating_model, outcome)
    heating = outcome.time_s <= outcome.heating_end_s + 1e-6
    regulated = warming is not None and warming.is_regulated
    return {
        "kind": given.kind,
        "words": warming_words(case.protocol),
        "assumed": not given.is_given,
        "set_point_c": warming.set_point_c if warming is not None and regulated else None,
        "probe": given.probe if regulated else None,
        "area_cm2": 1e4 * _area_m2(case) if regulated else None,
        "max_power_w": warming.limits_w[1] if warming is not None and regulated else None,
        "before_w": None if power is None else float(power[0]),
        "mean_w": None if power is None else _mean(outcome.time_s[heating], power[heating]),
        "end_w": None if power is None else float(np.interp(outcome.heating_end_s, outcome.time_s, power)),
        "off_share": None if power is None else _mean(outcome.time_s[heating], (power[heating] <= OFF_W).astype(float)),
        "metabolic_w": case.species.metabolic_w(case.mass_kg),
        "core_before_c": float(heating_model.system.base_c[-1])
        if heating_model.system.has_blood
        else case.protocol.physiology.arterial_c,
        "skin_c": _skin_c(case, outcome) if regulated else None,
        "time_s": outcome.time_s.tolist(),
        "power_w": [] if power is None else power.tolist(),
    }


def _course_w(heating_model: HeatingModel, outcome: Outcome) -> Array | None:
    """Power over time; that of a source in the blood where nothing changes it, None where the blood is held."""
    if outcome.warming_w is not None:
        return outcome.warming_w
    if not heating_model.system.has_blood:
        return None
    return np.full(len(outcome.time_s), heating_model.system.thermoregulation_w)


def _mean(times_s: Array, values: Array) -> float:
    return float(np.trapezoid(values, times_s) / (times_s[-1] - times_s[0]))


def _area_m2(case: Case) -> float:
    """Skin that the heat enters through."""
    facets = warming_facets(case.anatomy, case.problem().warming)
    return float(linear.area_vectors_m2(case.anatomy, case.anatomy.outer)[1][facets].sum())


def _skin_c(case: Case, outcome: Outcome) -> float:
    """Highest temperature of the skin under a pad or lamp, at any time."""
    nodes = np.unique(case.anatomy.outer[warming_facets(case.anatomy, case.problem().warming)])
    return float(outcome.dose.peak_c[nodes].max())


def warming_warnings(record: WarmingRecord | None) -> list[str]:
    """Warnings where the power is more than an animal or a pad can give, and where the two truths differ."""
    if record is None:
        return []
    found, before, metabolic = [], record["before_w"], record["metabolic_w"]
    if record["kind"] == "constant" and not record["assumed"] and before is not None:
        found.append(
            f"warming: a source of {1e3 * before:.0f} mW in the blood that never changes keeps this animal warm, "
            f"beside {1e3 * metabolic:.0f} mW of metabolism: no laboratory has it; goals look easier and the core "
            'hotter than under a regulated pad (warming.kind = "regulated-pad")'
        )
    area, most = record["area_cm2"], record["max_power_w"]
    if area is not None and most is not None and before is not None:
        if before > PAD_W_M2 * 1e-4 * area:
            found.append(
                f"warming: {1e3 * before:.0f} mW through {area:.1f} cm2 are needed before treatment, more than the "
                f"{1e3 * PAD_W_M2 * 1e-4 * area:.0f} mW that a pad of that size gives: the animal starts cooler"
            )
        if most > 0.0 and before >= most * (1.0 - 1e-9):
            found.append(
                f"warming.max_power = {1e3 * most:.0f} mW: holds the core at {record['core_before_c']:.2f} degC only, "
                f"not at {record['set_point_c']:g} degC: expected more, or a warmer room"
            )
        if before <= OFF_W:
            found.append(f"warming: the animal is at {record['core_before_c']:.2f} degC without any: the pad stays off")
    if record["skin_c"] is not None and record["skin_c"] > SCALD_C:
        found.append(f"warming: skin under the source reaches {record['skin_c']:.1f} degC, above {SCALD_C:g} degC")
    return found
