"""Conclusion of a run: test shot, error of the mesh, warnings and the record."""

from __future__ import annotations

from ..base.progress import Stages
from ..files.run.search_record import SearchRecord
from .record.run_record import NO_SEARCH, Appendix, plan_record
from .record.run_writer import Products
from .record.warnings import run_warnings
from .result import Plan
from .verification.full_model import boiling_notes
from .verification.mesh_error import estimate_mesh_error
from .verification.shot_forecast import forecast_shot, shot_notes
from .verification.verified_run import VerifiedRun


def conclude(run: VerifiedRun, stages: Stages, search: SearchRecord = NO_SEARCH, *, estimate_error: bool) -> Plan:
    """A run with its record, as a plan in memory."""
    heating_model, outcome = run.heating_model, run.outcome
    shot = forecast_shot(heating_model, outcome, stages)
    warnings = run_warnings(heating_model.case, run.notes, boiling_notes(outcome), shot_notes(shot), quick=run.quick)
    if run.interrupted:
        warnings.insert(0, "the search was interrupted: this is the best plan it had found")
    accuracy = estimate_mesh_error(heating_model, outcome, stages) if estimate_error else None
    record = plan_record(run, stages, search, Appendix(warnings, shot, accuracy))
    return Plan(record, Products(record, heating_model, outcome, run.trajectory, run.crew), stages)
