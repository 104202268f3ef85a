"""Sections of a record on the outcome: goals, regions, courses, probes, safety, the hottest place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from ...anatomy.tissue import Species
from ...base.arrays import Array
from ...files.run.plan_record import (
    CourseRecord,
    GoalRecord,
    HistogramRecord,
    HistoryRecord,
    HottestRecord,
    ProbeRecord,
    RegionHistoryRecord,
    RegionRecord,
)
from ...files.run.record_types import Reading
from ...files.run.source_record import SafetyLimitRecord, SafetyRecord
from ...goals import Resolved
from ...goals.region_series import region_table, volume_histograms
from ...power.safety import Limit, SafetyReport, safety_report
from ..case.case import Case
from ..case.heating_model import HeatingModel
from ..case.safety_limits import exposure
from ..verification.outcome import SLP_FACTORS, Outcome

PROBE_K = 0.5
"""Error of a fibre-optic reading, which a reading may lie above its bound without a stop; twice as much would let an
animal warm by a kelvin unseen."""
EXPECTED_MIN = (2, 5, 10, 20, 30)
"""Minutes of the bedside table: close together while the animal warms up."""


def goal_rows(resolved: Resolved | None, outcome: Outcome) -> list[GoalRecord]:
    """A row per region of each goal and limit, with the verified value."""
    rows: list[GoalRecord] = []
    for row, value in zip(resolved.rows if resolved else (), outcome.values, strict=True):
        goal = row.goal
        rows.append(
            {
                "kind": goal.kind,
                "region": row.region,
                "metric": goal.metric,
                "bound": goal.bound,
                "value": value,
                "met": goal.met(value),
                "sense": goal.sense,
                "margin": value - goal.bound if goal.sense == "at_least" else goal.bound - value,
                "unit": goal.unit,
                "default": goal.default,
                "source": goal.source,
            }
        )
    return rows


def mean_iron_w(heating_model: HeatingModel, outcome: Outcome) -> dict[str, float]:
    """Iron power in each region, averaged over the heating."""
    columns = outcome.basis.columns
    return {name: float(outcome.shares @ watts) for name, watts in heating_model.region_iron_w(columns).items()}


def region_rows(case: Case, outcome: Outcome, iron_w: Mapping[str, float]) -> dict[str, RegionRecord]:
    """Temperatures, doses, iron and power of every reported region."""
    table = region_table(outcome.series, outcome.dose, outcome.heating_end_s)
    iron = case.iron.region_kg(case.anatomy)
    tissue = dict(zip(case.anatomy.region_names, case.anatomy.tissue_names, strict=True))
    sd = {name: kg for name, kg in case.iron_sd_kg.items() if kg > 0.0}
    found: dict[str, object] = {
        name: {
            "tissue": tissue.get(name, ""),
            "iron_mg": iron[name] * 1e6 if name in iron else None,
            "iron_sd_mg": sd[name] * 1e6 if name in sd else None,
            **row,
            "power_w": iron_w.get(name),
        }
        for name, row in table.items()
    }
    return cast(dict[str, RegionRecord], found)  # the table's keys are made from names of statistics


def core_course(outcome: Outcome) -> CourseRecord | None:
    """Core temperature over time; None for a fixed core."""
    if outcome.core_c is None:
        return None
    return {"time_s": outcome.time_s.tolist(), "temperature_c": outcome.core_c.tolist()}


def history_section(case: Case, outcome: Outcome) -> HistoryRecord:
    """Temperatures of the regions over time, and T90 of the first target with the SLP scaled."""
    section: HistoryRecord = {
        "time_s": outcome.time_s.tolist(),
        "regions": {name: _region_history(outcome.series.course(name)) for name in outcome.series.regions},
    }
    if outcome.focus_c:
        less, more = (outcome.focus_c[factor].tolist() for factor in SLP_FACTORS)
        low, high = (outcome.focus_c[factor].tolist() for factor in case.heat_factors)
        section |= {"t90_slp_07_c": less, "t90_slp_13_c": more, "t90_slp_low_c": low, "t90_slp_high_c": high}
    return section


def _region_history(course: Mapping[str, Array]) -> RegionHistoryRecord:
    return {
        "t90_c": course["t90_c"].tolist(),
        "t50_c": course["t50_c"].tolist(),
        "t10_c": course["t10_c"].tolist(),
        "t_max_c": course["t_max_c"].tolist(),
    }


def histogram_section(outcome: Outcome) -> dict[str, HistogramRecord]:
    """Cumulative volume histograms of temperature at the end of heating, and of dose."""
    found = volume_histograms(outcome.series.regions, outcome.end_c, outcome.dose.cem43_min)
    return {
        name: {
            "temperature_c": row["temperature_c"],
            "volume_fraction": row["volume_fraction"],
            "cem43_min": list(row["cem43_min"]),
            "dose_fraction": row["dose_fraction"],
        }
        for name, row in found.items()
    }


def safety_section(heating_model: HeatingModel, outcome: Outcome, iron_w: Mapping[str, float]) -> SafetyRecord:
    """Field products and absorbed power beside their limits; means are over the heating."""
    case = heating_model.case
    amplitudes = np.array([c.amplitude_t for c in outcome.basis.columns])
    highest = float(amplitudes.max())
    duty = float(outcome.shares @ (amplitudes / highest) ** 2)
    report = safety_report(
        exposure(case, highest, min(1.0, duty)),
        heating_model.eddy,
        iron_w=iron_w,
        metabolic_w=case.species.metabolic_w(case.mass_kg),
        thermoregulation_w=heating_model.system.thermoregulation_w,
        hard=case.protocol.safety,
    )
    return _safety_record(report, case.species)


def _safety_record(report: SafetyReport, species: Species) -> SafetyRecord:
    return {
        "h_f_a_m_s": report.exposure.h_f_a_m_s,
        "h_f_r_a_s": report.exposure.h_f_r_a_s,
        "radius_mm": report.exposure.radius_m * 1e3,
        "limits": [_limit_record(limit, species) for limit in report.limits],
        "eddy_w": report.eddy_w,
        "eddy_mean_w_kg": report.eddy_mean_w_kg,
        "eddy_local_w_kg": report.eddy_local_w_kg,
        "iron_w": dict(report.iron_w),
        "absorbed_w": report.absorbed_w,
        "metabolic_w": report.metabolic_w,
        "thermoregulation_w": report.thermoregulation_w,
    }


def _limit_record(limit: Limit, species: Species) -> SafetyLimitRecord:
    return {
        "quantity": limit.quantity,
        "name": limit.name,
        "value": limit.value,
        "limit": limit.limit,
        "unit": limit.unit,
        "share": limit.share,
        "source": limit.source,
        "exceeded": limit.exceeded,
        "hard": limit.hard,
        "applies": limit.applies(species.name, alive=species.is_alive),
    }


def hottest_section(case: Case, outcome: Outcome) -> HottestRecord:
    """Place, region, temperature and time of the highest temperature."""
    node = outcome.dose.hottest_node
    cell = int(np.flatnonzero((case.anatomy.tets == node).any(axis=1))[0])
    return {
        "position_mm": (case.anatomy.points_m[node] * 1e3).tolist(),
        "region": case.anatomy.region_names[case.anatomy.region[cell]],
        "temperature_c": float(outcome.dose.peak_c[node]),
        "time_s": outcome.dose.hottest_time_s,
    }


def probe_section(case: Case, outcome: Outcome) -> dict[str, ProbeRecord]:
    """Place and course of every probe."""
    found: dict[str, ProbeRecord] = {}
    for probe in case.protocol.probes:
        cell, _ = case.anatomy.located(np.array([probe.position_m]))
        found[probe.name] = {
            "position_mm": (np.array(probe.position_m) * 1e3).tolist(),
            "region": case.anatomy.region_names[case.anatomy.region[cell[0]]],
            "time_s": outcome.time_s.tolist(),
            "temperature_c": outcome.probes_c[probe.name].tolist(),
        }
    return found


def expected_readings(outcome: Outcome, core_limit_c: float | None) -> list[Reading]:
    """Readings of the core and of every probe at some minutes, and those at which to stop.

    A probe's bounds are what it would read if the tracer heated 0.7 or 1.3 times as much; stopping allows
    ``PROBE_K`` more for the thermometer itself.
    """
    return [
        _reading_at(outcome, minute, core_limit_c)
        for minute in EXPECTED_MIN
        if minute * 60.0 <= outcome.heating_end_s + 1e-9
    ]


def _reading_at(outcome: Outcome, minute: int, core_limit_c: float | None) -> Reading:
    row: Reading = {"minute": minute}
    if outcome.core_c is not None:
        row |= {"core_c": _value_at(outcome, minute, outcome.core_c), "core_stop_above_c": core_limit_c}
    less, more = SLP_FACTORS
    for name, course in outcome.probes_c.items():
        start, read = float(course[0]), _value_at(outcome, minute, course)
        row |= {
            f"{name}_c": read,
            f"{name}_low_c": start + less * (read - start),
            f"{name}_stop_above_c": start + more * (read - start) + PROBE_K,
        }
    return row


def _value_at(outcome: Outcome, minute: int, course: Array) -> float:
    return float(np.interp(minute * 60.0, outcome.time_s, course))
