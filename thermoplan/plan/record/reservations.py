"""Reservations on a verdict: what stands against a plan though its goals are met and its limits kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...files.run.search_record import PositionErrorRecord
from ...files.run.source_record import SafetyLimitRecord
from ...goals import GoalRow, Resolved
from ..case.case import Case
from ..verification.outcome import Outcome

_WIDE = 4.0
"""Factor between the doses at both ends of the tracer's uncertainty from which on the band is told though both ends
meet the goal: two doublings, a kelvin or two."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One reservation: a few ``words`` for the verdict, and the ``sentence`` with its numbers."""

    words: str
    sentence: str


def reservations(
    case: Case,
    outcome: Outcome,
    resolved: Resolved | None,
    safety: Sequence[SafetyLimitRecord],
    placement: Sequence[PositionErrorRecord] = (),
) -> list[Reservation]:
    """Reservations of a run, those on safety first."""
    return [
        *_safety_reservations(safety),
        *([] if resolved is None else _margin_reservations(outcome, resolved.spared)),
        *_placement_reservations(placement),
        *([] if resolved is None else _band_reservations(case, outcome, resolved)),
    ]


def _safety_reservations(safety: Sequence[SafetyLimitRecord]) -> Iterator[Reservation]:
    """Rows of the table of safety that apply and are exceeded; those that must hold are in the verdict itself."""
    for row in safety:
        if row.get("applies") and row["exceeded"] and not row.get("hard"):
            share = row.get("share") or 0.0
            sentence = (
                f"{row['name']}: {share:.0%} of its limit ({row['value']:.3g} of {row['limit']:.3g} {row['unit']})"
            )
            yield Reservation(f"{row['name'].split(',')[0]} above its limit", sentence)


def _margin_reservations(outcome: Outcome, spared: Sequence[GoalRow]) -> Iterator[Reservation]:
    """Tissue near a target, which the limits of everywhere else leave out, where it would break them."""
    found: dict[str, list[str]] = {}
    for row in spared:
        value = _spared_value(outcome, row)
        if value is not None and not row.goal.met(value):
            found.setdefault(row.region, []).append(
                f"{row.goal.metric} {row.goal.said(value)} ({row.goal.said(row.bound)} elsewhere)"
            )
    for region, words in found.items():
        yield Reservation(
            f"{region} is above the limits of everywhere else", f"{region}, which no limit covers: {', '.join(words)}"
        )


def _spared_value(outcome: Outcome, row: GoalRow) -> float | None:
    """Value of a limit on peaks or doses over other tissue; None for other metrics, whose courses were not kept."""
    metric, dose = row.goal.measure, outcome.dose
    if metric.dose_first:
        return float(metric.over_region(dose.cem43_min[row.nodes], row.weights_m3))
    if row.goal.metric == "Tmax" and row.goal.window is None:
        return float(dose.peak_c[row.nodes].max())
    return None


def _placement_reservations(placement: Sequence[PositionErrorRecord]) -> Iterator[Reservation]:
    """Shifts of the animal that nobody notices and that miss a goal or break a limit."""
    for words, key in (("misses a goal", "goals_missed"), ("breaks a limit", "limits_broken")):
        rows: list[tuple[PositionErrorRecord, list[str]]] = [
            (row, row.get("goals_missed", []) if key == "goals_missed" else row["limits_broken"]) for row in placement
        ]
        broken = [f"{row['axis']}: {'; '.join(texts)}" for row, texts in rows if texts]
        if broken:
            shift = f"a shift of {placement[0]['off_mm']:g} mm that nobody notices"
            yield Reservation(f"{shift} {words}", f"{shift} {words}, {'; '.join(broken)}")


def _band_reservations(case: Case, outcome: Outcome, resolved: Resolved) -> Iterator[Reservation]:
    """Goals of the first target that are missed at the low end of what the tracer may heat, and a wide band of dose."""
    if not outcome.focus_c or not case.targets:
        return
    low, high = (_at_factor(outcome, factor) for factor in case.heat_factors)
    factors = f"if the tracer heats {case.heat_factors[0]:.2g} to {case.heat_factors[1]:.2g} times as much"
    dose = f"CEM43T90 of {case.targets[0]} is {_two_digits(low['CEM43T90'])} to {_two_digits(high['CEM43T90'])} min"
    wanted = [
        row.goal
        for row in resolved.rows
        if row.kind == "goal" and row.region == case.targets[0] and row.goal.metric in low and row.goal.window is None
    ]
    missed = [goal for goal in wanted if not (goal.met(low[goal.metric]) and goal.met(high[goal.metric]))]
    if missed:
        names = ", ".join(f"{goal.metric} of {goal.said(goal.bound)}" for goal in missed)
        yield Reservation("what the tracer may heat spans the goal", f"{factors}, {dose}: {names} is not sure")
    elif high["CEM43T90"] > _WIDE * low["CEM43T90"]:
        yield Reservation("what the tracer may heat is wide open", f"{factors}, {dose}")


def _at_factor(outcome: Outcome, factor: float) -> Mapping[str, float]:
    """Metrics of the first target that its course of T90 tells, with the tracer's heat scaled."""
    return {"CEM43T90": outcome.focus_dose_min(factor), "T90": outcome.focus_hold_c(factor)}


def _two_digits(dose_min: float) -> str:
    return f"{dose_min:.2g}"
