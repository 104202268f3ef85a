"""Record of a run: ``plan.json`` but for its figures, from the full model's outcome."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ... import __version__
from ...base.installation import versions
from ...base.memory import peak_memory_mb
from ...base.plain_data import plain
from ...base.progress import Stages
from ...files.run.plan_record import (
    AccuracyRecord,
    GoalRecord,
    PlanRecord,
    ProvenanceRecord,
    SlpIntervalRecord,
    SummaryRecord,
    TestShotRecord,
)
from ...files.run.search_record import PositionErrorRecord, SearchRecord
from ...files.run.source_record import SafetyLimitRecord
from ...goals import CORE
from ...power.slp_uncertainty import SlpInterval, slp_interval
from ..case.case import Case
from ..case.parameters import parameter_rows
from ..verification.verified_run import VerifiedRun
from . import results, sources
from .reservations import reservations
from .trajectory_section import trajectory_section
from .verdict import check_residuals, run_status, verdict
from .warming_section import warming_section, warming_warnings

if TYPE_CHECKING:
    from ...bioheat.ranks.crew import Crew  # loads MPI

NO_SEARCH: SearchRecord = {
    "optimizer": None,
    "alternatives": [],
    "comparison": None,
    "explanation": None,
    "pareto": None,
}
"""Search of a simulation, whose trajectory was given."""


@dataclass(frozen=True, slots=True)
class Appendix:
    """Warnings of a run, the forecast of its test shot, and the estimated error of its mesh."""

    warnings: Sequence[str]
    test_shot: TestShotRecord | None = None
    accuracy: AccuracyRecord | None = None


def plan_record(run: VerifiedRun, stages: Stages, search: SearchRecord, appendix: Appendix) -> PlanRecord:
    """The record of a run, its ``figures`` empty."""
    heating_model, outcome, case = run.heating_model, run.outcome, run.heating_model.case
    protocol, iron_w = case.protocol, results.mean_iron_w(heating_model, outcome)
    goals, safety = results.goal_rows(run.resolved, outcome), results.safety_section(heating_model, outcome, iron_w)
    checks = check_residuals(heating_model, outcome, run.prediction_k)
    record: PlanRecord = {
        "schema": 1,
        "kind": run.kind,
        "name": protocol.name,
        "status": "interrupted" if run.interrupted else run_status(checks, goals, safety["limits"]),
        "quick": run.quick,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": _summary(run, goals, safety["limits"], search.get("placement", [])),
        "timing": {"heating_end_s": outcome.heating_end_s, "end_s": outcome.end_s},
        "regions": results.region_rows(case, outcome, iron_w),
        "core": results.core_course(outcome),
        "history": results.history_section(case, outcome),
        "histograms": results.histogram_section(outcome),
        "goals": goals,
        "probes": results.probe_section(case, outcome),
        "expected": results.expected_readings(outcome, _core_limit_c(goals)),
        "vessels": sources.vessel_section(protocol),
        "iron": sources.iron_section(case),
        "tracer": sources.tracer_section(protocol),
        "device": sources.device_section(protocol),
        "ffr": sources.ffr_section(protocol.tracer, protocol.device),
        "safety": safety,
        "warming": (warming := warming_section(heating_model, outcome)),
        "hottest": results.hottest_section(case, outcome),
        "checks": checks,
        "trajectory": trajectory_section(run.trajectory, outcome),
        **search,
        "test_shot": appendix.test_shot,
        "warnings": [*appendix.warnings, *warming_warnings(warming)],
        "parameters": parameter_rows(case),
        "mesh": sources.mesh_section(case),
        "solver": outcome.solver,
        "provenance": provenance(case, stages, run.crew),
        "figures": {},
        "accuracy": appendix.accuracy,
    }
    return plain(record)


def _core_limit_c(goals: Sequence[GoalRecord]) -> float | None:
    return next((row["bound"] for row in goals if row["region"] == CORE and row["metric"] == "Tmax"), None)


def _summary(
    run: VerifiedRun,
    goals: Sequence[GoalRecord],
    safety: Sequence[SafetyLimitRecord],
    placement: Sequence[PositionErrorRecord],
) -> SummaryRecord:
    case, outcome = run.heating_model.case, run.outcome
    tracer, reserved = case.protocol.tracer, reservations(case, outcome, run.resolved, safety, placement)
    amplitudes = [c.amplitude_t * 1e3 for c in outcome.basis.columns]
    slp = slp_interval(tracer, case.protocol.device)
    scaled = case.heat_factors if outcome.focus_c else None
    return {
        "verdict": verdict(goals, safety, [r.words for r in reserved]),
        "reservations": [r.sentence for r in reserved],
        "tumour": case.targets[0] if case.targets else None,
        "duty": float(outcome.shares.sum()),
        "amplitude_mt": [min(amplitudes), max(amplitudes)],
        "slp_w_per_g_fe": slp.value_w_kg * 1e-3,
        "slp_basis": tracer.slp_source,
        "slp_interval": _slp_interval(slp),
        "tissue_factor": tracer.calibration.factor if tracer.calibration else None,
        "heat_factors": list(case.heat_factors),
        "cem43t90_interval_min": None if scaled is None else [outcome.focus_dose_min(f) for f in scaled],
        "t90_interval_c": None if scaled is None else [outcome.focus_end_c(f) for f in scaled],
    }


def _slp_interval(slp: SlpInterval) -> SlpIntervalRecord:
    return {
        "low_w_per_g_fe": slp.low_w_kg * 1e-3,
        "high_w_per_g_fe": slp.high_w_kg * 1e-3,
        "factors": list(slp.factors),
        "shown_factors": list(slp.shown_factors),
        "basis": slp.basis,
        "cases": [{"name": name, "slp_w_per_g_fe": value * 1e-3} for name, value in slp.cases.items()],
    }


def provenance(case: Case, stages: Stages, crew: Crew | None) -> ProvenanceRecord:
    """Versions, digests of the inputs, and the time and memory that stages took so far."""
    home = case.protocol.path.parent
    record: ProvenanceRecord = {
        "thermoplan": __version__,
        "platform": platform.platform(),
        "versions": dict(versions()),
        "inputs": {os.path.relpath(path, home): _digest(path) for path in case.protocol.files},
        "stages": [{"name": name, "seconds": seconds} for name, seconds in stages.seconds.items()],
        "peak_memory_mb": peak_memory_mb(),
    }
    if crew is not None:
        record["rank_memory_mb"] = crew.peak_memory_mb()
    return record


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder in the order of their names."""
    found = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        found.update(file.read_bytes())
    return found.hexdigest()
