"""Status and verdict of a run: checks within their bounds, goals met, hard limits of safety kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...files.run.plan_record import ChecksRecord, GoalRecord
from ...files.run.record_types import Status
from ...files.run.source_record import SafetyLimitRecord
from ..case.heating_model import HeatingModel, power_rel
from ..verification.outcome import Outcome

CHECK_BOUNDS: Mapping[str, float] = {
    "iron_mass_rel": 1e-3,
    "power_rel": 1e-3,
    "energy_balance_rel": 1e-3,
    "prediction_k": 0.1,
}
"""Bound of each check of a record; a run beyond one is stamped not-valid."""


def check_residuals(heating_model: HeatingModel, outcome: Outcome, prediction_k: float | None) -> ChecksRecord:
    """Residuals of mass, power, energy and prediction (None where nothing was predicted)."""
    return {
        "iron_mass_rel": heating_model.case.iron.mass_rel,
        "power_rel": power_rel(heating_model, outcome.basis, outcome.shares),
        "energy_balance_rel": outcome.energy_balance_rel,
        "prediction_k": prediction_k,
    }


def run_status(checks: ChecksRecord, goals: Sequence[GoalRecord], safety: Sequence[SafetyLimitRecord] = ()) -> Status:
    """``not-valid`` when a check fails, else ``ok`` or ``goals-missed`` by all that was asked for."""
    values = {name: value for name, value in checks.items() if isinstance(value, float)}
    if any(not value <= CHECK_BOUNDS[name] for name, value in values.items()):
        return "not-valid"
    return "ok" if all(row["met"] for row in goals) and not broken_limits(safety) else "goals-missed"


def broken_limits(safety: Sequence[SafetyLimitRecord]) -> list[SafetyLimitRecord]:
    """Rows of the table of safety that the protocol wants kept and the plan exceeds."""
    return [row for row in safety if row.get("hard") and row["exceeded"]]


def verdict(goals: Sequence[GoalRecord], safety: Sequence[SafetyLimitRecord] = (), reserved: Sequence[str] = ()) -> str:
    """One sentence on goals and limits, those of safety that the protocol wants kept included; ``reserved`` are the few
    words of each reservation, without which none says that all is well."""
    unsafe = ", ".join(row["name"] for row in broken_limits(safety))
    sentence = _goals_sentence(goals)
    if reserved:
        sentence = f"{sentence.removesuffix('.')}, with reservations: {'; '.join(reserved)}."
    return f"Safety limit broken: {unsafe}. {sentence}" if unsafe else sentence


def _goals_sentence(goals: Sequence[GoalRecord]) -> str:
    if not goals:
        return "Simulated; no goal was set."
    missed = {
        kind: _names(row for row in goals if row["kind"] == kind and not row["met"]) for kind in ("goal", "limit")
    }
    parts = [
        f"{words}: {missed[kind]}" for kind, words in (("goal", "missed"), ("limit", "limit broken")) if missed[kind]
    ]
    if parts:
        sentence = "; ".join(parts)
        return sentence[0].upper() + sentence[1:] + "."
    wanted = any(row["kind"] == "goal" for row in goals)
    return "Every goal is met and every limit is kept." if wanted else "Every limit is kept."


def _names(rows: Iterable[GoalRecord]) -> str:
    return ", ".join(f"{row['region']} {row['metric']}" for row in rows)
