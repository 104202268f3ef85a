"""A plan as plain data: everything that plan.json holds, and nothing that it does not."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...base.memory import peak_memory_mb
from ...base.mpi_launch import CREW
from ...base.progress import Stages
from ...goals import Resolved
from ...goals.region_series import region_table, volume_histograms
from ...power.ffr import validity
from ...power.heating_basis import ffr_widths_m
from ...power.safety import safety_report
from ...power.slp_uncertainty import TWO_SIDED_95, slp_interval, width_spread_m
from ...tracer.magnetization import NAMES
from ...tracer.tracer import omega_tau
from ..case.case import Case
from ..case.heating_model import HeatingModel
from ..case.parameters import parameter_rows
from ..case.safety_limits import exposure
from ..case.vessel_notes import vessel_section
from ..verification.outcome import SLP_FACTORS, Outcome

PROBE_K = 0.5
"""Error of a fibre-optic reading that no one should stop for; a planner's choice."""
EXPECTED_MIN = (2, 5, 10, 20, 30)
BOUNDS = {"iron_mass_rel": 1e-3, "power_rel": 1e-3, "energy_balance_rel": 1e-3, "prediction_k": 0.1}
"""A check beyond its bound stamps the plan not-valid."""


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: no arrays, no infinities (None stands for those)."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v) for v in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def goal_rows(resolved: Resolved | None, outcome: Outcome) -> list[dict[str, Any]]:
    """A row per region of each goal and limit, with the verified value."""
    rows = []
    for row, value in zip(resolved.rows if resolved else (), outcome.values, strict=True):
        goal = row.goal
        margin = value - goal.bound if goal.sense == "at_least" else goal.bound - value
        rows.append(
            {
                "kind": goal.kind,
                "region": row.region,
                "metric": goal.metric,
                "bound": goal.bound,
                "value": value,
                "met": goal.met(value),
                "sense": goal.sense,
                "margin": margin,
                "unit": goal.unit,
                "default": goal.default,
                "source": goal.source,
            }
        )
    return rows


def region_rows(case: Case, outcome: Outcome, iron_w: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Temperatures, doses, iron and power of every reported region."""
    table = region_table(outcome.series, outcome.dose, outcome.heating_end_s)
    iron = case.iron.region_kg(case.anatomy)
    tissue = dict(zip(case.anatomy.region_names, case.anatomy.tissue_names, strict=True))
    sd = {name: kg for name, kg in case.iron_sd_kg.items() if kg > 0.0}
    return {
        name: {
            "tissue": tissue.get(name, ""),
            "iron_mg": iron[name] * 1e6 if name in iron else None,
            "iron_sd_mg": sd[name] * 1e6 if name in sd else None,
            **row,
            "power_w": iron_w.get(name),
        }
        for name, row in table.items()
    }


def mean_iron_w(engine: HeatingModel, outcome: Outcome) -> dict[str, float]:
    """Iron power in each region, averaged over the heating."""
    columns = outcome.basis.columns
    return {name: float(outcome.shares @ watts) for name, watts in engine.region_iron_w(columns).items()}


def iron_section(case: Case) -> dict[str, Any]:
    iron, milli = case.iron, 1e6
    return {
        "image_mg": iron.image_kg * milli,
        "mesh_mg": float(iron.node_mass_kg.sum()) * milli,
        "outside_mg": iron.outside_kg * milli,
        "moved_mg": iron.moved_kg * milli,
        "confined": iron.moved_kg > 0.0,
        "fwhm_mm": None if case.fwhm_m is None else case.fwhm_m * 1e3,
        "regions_raw": {k: v * milli for k, v in iron.raw_kg.items()},
        "regions_confined": {k: v * milli for k, v in iron.region_kg(case.anatomy).items()},
        "regions_interval": iron_intervals(case),
        "calibrated_by": _calibrated_by(case),
        "relative_uncertainty": case.iron_uncertainty,
        "registration": case.placing,
        "deblur_noise_gain": case.protocol.iron.deblur,
    }


def iron_intervals(case: Case) -> dict[str, list[float]] | None:
    """Two-sided 95 % interval of each region's iron in mg; None where no uncertainty is known."""
    if not any(case.iron_sd_kg.values()):
        return None
    held, reach = case.iron.region_kg(case.anatomy), {k: TWO_SIDED_95 * sd for k, sd in case.iron_sd_kg.items()}
    return {name: [max(0.0, mass - reach[name]) * 1e6, (mass + reach[name]) * 1e6] for name, mass in held.items()}


def _calibrated_by(case: Case) -> dict[str, str] | None:
    source = case.protocol.iron
    return None if source.calibration is None else {"file": source.calibration.name, "roi": source.roi}


def machine_section(case: Case) -> dict[str, Any]:
    """Tracer, device and the size of the field-free region, as they enter the physics."""
    tracer, device = case.protocol.tracer, case.protocol.device
    along, across = ffr_widths_m(tracer, device)
    sizes, shares, _ = tracer.sizes()
    return {
        "tracer": {
            "name": tracer.name,
            "model": tracer.model,
            "model_name": NAMES[tracer.model],
            "model_validity": validity(tracer),
            "effective": tracer.effective,
            "source": tracer.source,
            "core_diameter_nm": float(shares @ sizes) * 1e9,
            "saturation_magnetization_ka_m": tracer.saturation_magnetization_a_m * 1e-3,
            "omega_tau": omega_tau(tracer, device.frequency_hz),
            "heating_efficiency": tracer.heating_efficiency,
            "slp_source": tracer.slp_source,
        },
        "device": {
            "name": device.name,
            "kind": device.kind,
            "gradient_t_m": device.gradient_t_m,
            "amplitude_mt": device.amplitude_t * 1e3,
            "frequency_khz": device.frequency_hz * 1e-3,
            "drive_axis": device.drive_axis,
            "line_axis": device.line_axis,
            "strong_axis": device.strong_axis,
            "rotating": device.rotating,
            "drive_profile": device.drive is not None,
            "pose": case.protocol.pose,
            "to_device": device.to_device,
            "heater_shift_mm": 1e3 * np.array(case.protocol.heater_shift_m),
            "heater_shift_noticed": case.protocol.heater_shift_noticed,
            "bore_radius_mm": None if device.bore_radius_m is None else device.bore_radius_m * 1e3,
            "position_range_mm": device.position_range_m * 1e3,
            "settle_s": device.settle_s,
            "min_dwell_s": device.min_dwell_s,
            "slew_mm_s": device.slew_m_s * 1e3,
            "max_duty": device.max_duty,
            "source": device.source,
        },
        "ffr": {
            "fwhm_along_mm": along * 1e3,
            "fwhm_across_mm": across * 1e3,
            "if_omega_tau": {
                f"{lag:g}": {"fwhm_along_mm": a * 1e3, "fwhm_across_mm": b * 1e3}
                for lag, (a, b) in width_spread_m(tracer, device).items()
            },
        },
    }


def safety_section(engine: HeatingModel, outcome: Outcome, iron_w: Mapping[str, float]) -> dict[str, Any]:
    """Field products and absorbed power beside their limits; means are over the heating."""
    case = engine.case
    amplitudes = np.array([c.amplitude_t for c in outcome.basis.columns])
    highest = float(amplitudes.max())
    duty = float(outcome.shares @ (amplitudes / highest) ** 2)
    drive = exposure(case, highest, min(1.0, duty))
    return safety_report(
        drive,
        engine.eddy,
        iron_w=iron_w,
        metabolic_w=case.species.metabolic_w(case.mass_kg),
        thermoregulation_w=engine.system.thermoregulation_w,
        hard=case.protocol.safety,
    )


def history_section(case: Case, outcome: Outcome) -> dict[str, Any]:
    keep = ("t90_c", "t50_c", "t10_c", "t_max_c")
    regions = {
        name: {k: v for k, v in outcome.series.course(name).items() if k in keep} for name in outcome.series.regions
    }
    if not outcome.focus_c:
        return {"time_s": outcome.time_s, "regions": regions}
    scaled = {f"t90_slp_{round(factor * 10):02d}_c": outcome.focus_c[factor] for factor in SLP_FACTORS}
    low, high = (outcome.focus_c[factor] for factor in case.heat_factors)
    return {"time_s": outcome.time_s, "regions": regions, **scaled, "t90_slp_low_c": low, "t90_slp_high_c": high}


def hottest_section(case: Case, outcome: Outcome) -> dict[str, Any]:
    node = outcome.dose.hottest_node
    cell = int(np.flatnonzero((case.anatomy.tets == node).any(axis=1))[0])
    return {
        "position_mm": case.anatomy.points_m[node] * 1e3,
        "region": case.anatomy.region_names[case.anatomy.region[cell]],
        "temperature_c": outcome.dose.peak_c[node],
        "time_s": outcome.dose.hottest_time_s,
    }


def probe_sections(case: Case, outcome: Outcome, limit_c: float | None) -> tuple[dict, list[dict]]:
    """Courses of the probes, and what they should read, with the readings at which to stop.

    A probe's bounds are what it would read if the tracer heated 0.7 or 1.3 times as much; stopping allows
    ``PROBE_K`` more for the thermometer itself.
    """
    probes = {}
    for probe in case.protocol.probes:
        cell, _ = case.anatomy.located(np.array([probe.position_m]))
        region = case.anatomy.region_names[case.anatomy.region[cell[0]]]
        probes[probe.name] = {
            "position_mm": np.array(probe.position_m) * 1e3,
            "region": region,
            "time_s": outcome.time_s,
            "temperature_c": outcome.probes_c[probe.name],
        }
    rows = []
    for minute in EXPECTED_MIN:
        if minute * 60.0 > outcome.heating_end_s + 1e-9:
            continue

        def read(course: Any, at: float = minute * 60.0) -> float:
            return float(np.interp(at, outcome.time_s, course))

        row: dict[str, Any] = {"minute": minute}
        if outcome.core_c is not None:
            row |= {"core_c": read(outcome.core_c), "core_stop_above_c": limit_c}
        for name, course in outcome.probes_c.items():
            rise = read(course) - course[0]
            row |= {
                f"{name}_c": read(course),
                f"{name}_low_c": course[0] + 0.7 * rise,
                f"{name}_stop_above_c": course[0] + 1.3 * rise + PROBE_K,
            }
        rows.append(row)
    return probes, rows


def mesh_section(case: Case) -> dict[str, Any]:
    anatomy, report = case.anatomy, case.mesh
    corner = anatomy.points_m[anatomy.outer]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2
    found = {
        "nodes": len(anatomy.points_m),
        "tetrahedra": len(anatomy.tets),
        "skin_area_cm2": area * 1e4,
        "quality_min": None,
        "quality_histogram": [],
    }
    if report is not None:
        found |= {
            "quality_min": report.quality_min,
            "quality_histogram": report.quality_histogram,
            "label_volume_mm3": report.label_volume_mm3,
        }
    return found


def summary_section(
    case: Case, outcome: Outcome, goals: list[dict[str, Any]], safety: list[dict[str, Any]]
) -> dict[str, Any]:
    tracer, device = case.protocol.tracer, case.protocol.device
    amplitudes = [c.amplitude_t * 1e3 for c in outcome.basis.columns]
    slp = slp_interval(tracer, device)
    return {
        "verdict": verdict(goals, safety),
        "tumour": case.targets[0] if case.targets else None,
        "duty": float(outcome.shares.sum()),
        "amplitude_mt": [min(amplitudes), max(amplitudes)],
        "slp_w_per_g_fe": slp.value_w_kg * 1e-3,
        "slp_basis": tracer.slp_source,
        "slp_interval": slp.record(),
        "tissue_factor": tracer.calibration.factor if tracer.calibration else None,
        "heat_factors": list(case.heat_factors),
        "cem43t90_interval_min": [outcome.focus_dose_min(f) for f in case.heat_factors] if outcome.focus_c else None,
        "t90_interval_c": [outcome.focus_end_c(f) for f in case.heat_factors] if outcome.focus_c else None,
    }


def broken_rows(safety: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table of safety that the protocol wants kept and the plan exceeds."""
    return [row for row in safety if row["hard"] and row["exceeded"]]


def verdict(goals: list[dict[str, Any]], safety: list[dict[str, Any]] = ()) -> str:
    """One sentence on goals and limits, those of safety that the protocol wants kept included."""
    unsafe = ", ".join(row["name"] for row in broken_rows(safety))
    sentence = _goals_sentence(goals)
    return f"Safety limit broken: {unsafe}. {sentence}" if unsafe else sentence


def _goals_sentence(goals: list[dict[str, Any]]) -> str:
    missed = [r for r in goals if not r["met"]]
    wanted = [r for r in goals if r["kind"] == "goal"]
    if not goals:
        return "Simulated; no goal was set."
    if not missed:
        return "Every goal is met and every limit is kept." if wanted else "Every limit is kept."

    def said(row: Mapping[str, Any]) -> str:
        return f"{row['region']} {row['metric']}"

    goals_missed = ", ".join(said(r) for r in missed if r["kind"] == "goal")
    broken = ", ".join(said(r) for r in missed if r["kind"] == "limit")
    parts = ([f"missed: {goals_missed}"] if goals_missed else []) + ([f"limit broken: {broken}"] if broken else [])
    return "; ".join(parts)[0].upper() + "; ".join(parts)[1:] + "."


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder in the order of their names."""
    found = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        found.update(file.read_bytes())
    return found.hexdigest()


def provenance(case: Case, stages: Stages) -> dict[str, Any]:
    from ...base.installation import versions

    home, crew = case.protocol.path.parent, CREW.get()
    inputs = {os.path.relpath(path, home): _digest(path) for path in case.protocol.files}
    return {
        "thermoplan": __version__,
        "platform": platform.platform(),
        "versions": versions(),
        "inputs": inputs,
        "stages": [{"name": name, "seconds": seconds} for name, seconds in stages.seconds.items()],
        "peak_memory_mb": peak_memory_mb(),
        **({"rank_memory_mb": crew.peak_memory_mb()} if crew else {}),
    }


def status_of(
    checks: Mapping[str, float | None], goals: list[dict[str, Any]], safety: list[dict[str, Any]] = ()
) -> str:
    """``not-valid`` when a check fails, else whether everything that was asked for holds."""
    if any(value is not None and not value <= BOUNDS[name] for name, value in checks.items()):
        return "not-valid"
    return "ok" if all(row["met"] for row in goals) and not broken_rows(safety) else "goals-missed"


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a record is about: ``kind`` "plan" or "simulate", on a coarse mesh if ``quick``."""

    engine: HeatingModel
    outcome: Outcome
    resolved: Resolved | None
    stages: Stages
    kind: str
    quick: bool


SECTIONS = (
    "checks",
    "trajectory",
    "optimizer",
    "alternatives",
    "comparison",
    "explanation",
    "pareto",
    "test_shot",
    "warnings",
)


def full_record(subject: Subject, sections: Mapping[str, Any]) -> dict[str, Any]:
    """plan.json, but for the figures and the time it took to draw them; ``sections`` are those of `SECTIONS`."""
    engine, outcome, case = subject.engine, subject.outcome, subject.engine.case
    iron_w = mean_iron_w(engine, outcome)
    goals, safety = goal_rows(subject.resolved, outcome), safety_section(engine, outcome, iron_w)
    core_limit = next((r["bound"] for r in goals if r["region"] == "core" and r["metric"] == "Tmax"), None)
    probes, expected = probe_sections(case, outcome, core_limit)
    core = None if outcome.core_c is None else {"time_s": outcome.time_s, "temperature_c": outcome.core_c}
    weights = outcome.series.regions
    result: dict[str, Any] = plain(
        {
            "schema": 1,
            "kind": subject.kind,
            "name": case.protocol.name,
            "status": status_of(sections["checks"], goals, safety["limits"]),
            "quick": subject.quick,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "summary": summary_section(case, outcome, goals, safety["limits"]),
            "timing": {"heating_end_s": outcome.heating_end_s, "end_s": outcome.end_s},
            "regions": region_rows(case, outcome, iron_w),
            "core": core,
            "history": history_section(case, outcome),
            "histograms": volume_histograms(weights, outcome.end_c, outcome.dose.cem43_min),
            "goals": goals,
            "probes": probes,
            "expected": expected,
            "vessels": vessel_section(case.protocol),
            "iron": iron_section(case),
            **machine_section(case),
            "safety": safety,
            "hottest": hottest_section(case, outcome),
            **{name: sections.get(name) for name in SECTIONS},
            "parameters": parameter_rows(case),
            "mesh": mesh_section(case),
            "solver": outcome.solver,
            "provenance": provenance(case, subject.stages),
            "figures": {},
        }
    )
    return result
