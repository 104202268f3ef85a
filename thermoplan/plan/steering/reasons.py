"""Explanation of a plan: reach of its goal, prices of the limits, conflicts, and the changes that would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...base.arrays import IntArray
from ...files.run.search_record import ExplanationRecord, LimitCostRecord, MachineRecord
from ...goals import GoalRow, SafetyBudget
from ...optimize import (
    Explanation,
    LimitCost,
    asked_goal,
    cheapest_goal_cost,
    explain,
    missed_goals,
    most_of_goal,
    promote,
    stretch,
)
from ...optimize.program.modal_heat import restrict
from ..verification.outcome import Outcome
from .candidates import search_settings
from .steer import Steering, apart_k

_LOST_K = 0.05
"""Loss or gain in kelvins of a goal that is worth a sentence: half of what a temperature is shown to."""
_TINY_K = 1e-3
"""Least gap that is stated: what lies below it is rounding of the search."""


def explain_plan(steering: Steering, outcome: Outcome) -> ExplanationRecord | None:
    """Limits of this plan, by the reduced model, among the positions that the machine plays.

    Values are the verified ones, prices those of the search. None where the search was interrupted.
    """
    if steering.interrupted:
        return None
    sought = steering.attempt.sought
    model, asked = restrict(steering.model, sought.used), steering.asked.restricted(sought.used)
    found = explain(model, asked, sought.found, settings=sought.settings)
    if found is None:
        return None
    rows = {row.label: row for row in asked.requirements}
    verified = {row.label: value for row, value in zip(asked.rows, outcome.values, strict=True)}
    limits = [_limit_cost(cost, rows[cost.label], verified.get(cost.label, cost.value)) for cost in found.limits]
    reach_all = _reach_of_all(steering, found)
    return {
        "goal": found.goal.label,
        "reach": found.reach,
        "positions": _count_positions(steering, sought.used),
        "positions_all": _count_positions(steering, np.arange(steering.candidates)),
        "reach_all": reach_all,
        "unit": found.goal.goal.unit,
        "missed": list(found.missed),
        "limits": limits,
        "duty_gain_k": found.duty_gain_k,
        "conflicts": list(found.conflicts),
        "relaxations": [
            {"label": r.label, "from": r.from_bound, "to": r.to_value, "goals_met": r.goals_met, "sentence": r.sentence}
            for r in found.relaxations
        ],
        "sentences": [
            *_goal_sentences(found, found.goal, _positions_words(steering, found.goal, reach_all)),
            *_machine_losses(steering),
            *_choices(steering),
            *_search_quality(steering),
        ],
    }


def _limit_cost(cost: LimitCost, asked: GoalRow | SafetyBudget, value: float) -> LimitCostRecord:
    if isinstance(asked, SafetyBudget):
        region, metric, unit, per = asked.label, "", "%", "tenth"
    else:
        goal = asked.goal
        region, metric, unit, per = asked.region, goal.metric, goal.unit, goal.searched.measure.scale.step
    return {
        "kind": asked.kind,
        "region": region,
        "metric": metric,
        "bound": asked.bound,
        "value": value,
        "unit": unit,
        "active": cost.active,
        "gain_k": asked.widening.amount_k * cost.gain_k,
        "sentence": cost.sentence,
        "per": per,
        "gain_wider_k": None if cost.wider is None else cost.wider.gain_k,
        "gain_narrower_k": None if cost.narrower is None else cost.narrower.gain_k,
    }


def _count_positions(steering: Steering, columns: IntArray) -> int:
    """Places of the field-free region among some columns, which may have several amplitudes each."""
    return len({steering.setup.columns[i].center_m for i in columns})


def _reach_of_all(steering: Steering, found: Explanation) -> float | None:
    """The most that can be had of the explained goal with every position of the search; None where all are played."""
    sought, every = steering.attempt.sought, np.arange(steering.candidates)
    if len(sought.used) == len(every):
        return None
    model, asked = restrict(steering.model, every), steering.asked.restricted(every)
    wanted = promote(asked, found.number)
    if not missed_goals(asked, sought.found.values):
        wanted = stretch(wanted, found.number)
    start = replace(sought.found, shares=sought.shares)
    reached = most_of_goal(model, wanted, start, search_settings(steering.setup.heating_model.case))
    return reached.values[found.number]


def _positions_words(steering: Steering, goal: GoalRow, reach_all: float | None) -> str:
    """Words on which positions a reach is of: all that were searched, or those that the machine plays."""
    used, every = (
        _count_positions(steering, columns)
        for columns in (steering.attempt.sought.used, np.arange(steering.candidates))
    )
    if reach_all is None:
        return f" with all {every} positions"
    free = f"{goal.goal.said(reach_all)} with all, were moving free"
    return f" with the {used} of {every} positions that are played ({free})"


def _goal_sentences(found: Explanation, goal: GoalRow, positions: str) -> list[str]:
    """Sentences from most to least important: goals missed, the goal's reach, prices of the limits, the best change."""
    what = f"{goal.region} {goal.goal.metric}"
    dear = [cost.sentence for cost in found.limits if cost.sentence]
    if found.missed:
        words = [
            *found.conflicts,
            f"The best that can be had within the limits: {what} {goal.goal.said(found.reach)}{positions}.",
        ]
    else:
        stop = ", ".join(cost.label for cost in found.limits if cost.sentence) or "the time and heating available"
        words = [
            f"Within the limits {what} could reach {goal.goal.said(found.reach)}{positions}; then {stop} "
            f"{'stop' if len(dear) > 1 or not dear else 'stops'} it."
        ]
    words += [f"There: {sentence}." for sentence in dear]
    if found.duty_gain_k > _LOST_K:
        words.append(
            f"There: {found.duty_gain_k:.2g} K of {goal.region} temperature for each tenth of the session "
            "that could be heated besides."
        )
    if found.relaxations:
        words.append(f"What would help most: {found.relaxations[0].sentence}.")
    return [text[0].upper() + text[1:] for text in words]


def _machine_losses(steering: Steering) -> list[str]:
    """Losses of the goals by moving, settling and shortest dwells."""
    rows = list(zip(steering.asked.rows, steering.attempt.sought.promised, steering.attempt.played, strict=False))
    found = []
    for row, promised, played in rows:
        if row.goal.kind != "goal" or row.goal.sense != "at_least":
            continue
        lost = row.goal.in_k(promised) - row.goal.in_k(played)
        if lost > 2.0 * _LOST_K and not row.goal.met(played):
            found.append(
                f"The machine's moves, settling and shortest dwell take {row.region} {row.goal.metric} from "
                f"{row.goal.said(promised)} to {row.goal.said(played)}."
            )
    return found


def _choices(steering: Steering) -> list[str]:
    """Gradient, direction of the line and length of session that the plan chose, and of what."""
    found, chosen = [], steering.setup.chosen
    if machines := chosen.get("machines"):
        best = next(row for row in machines if row["chosen"])
        listed = ", ".join(f"{_machine_name(row)} ({_goal_words(steering, row)})" for row in machines)
        why = "" if any(row["missed"] for row in machines) else ", which heats least besides its goals"
        found.append(f"Of {len(machines)} machines, {listed}, the plan takes {_machine_name(best)}{why}.")
    if sessions := chosen.get("sessions"):
        met = [row["duration_s"] for row in sessions if row["met"]]
        short = [row["duration_s"] for row in sessions if not row["met"]]
        words = f"The shortest session that meets the goals lasts {min(met, default=0.0) / 60.0:.4g} min"
        words += f"; in {max(short) / 60.0:.4g} min they are missed." if short else "."
        found.append(words if met else "No session of the length allowed meets the goals: the longest is taken.")
    return found


def _goal_words(steering: Steering, row: MachineRecord) -> str:
    """Values of the goals with one of the machines."""
    goals = {f"{r.region} {r.goal.metric}": r.goal for r in steering.resolved.rows if r.goal.kind == "goal"}
    return ", ".join(f"{name} {goals[name].said(value)}" for name, value in row["goals"].items())


def _search_quality(steering: Steering) -> list[str]:
    """Quality of the search: its duality gap where the goals are convex, and the spread of its starts."""
    shares, apart = steering.shares, apart_k(steering.shares, steering.asked)
    asked = asked_goal(steering.asked, shares.values)
    found = (
        []
        if shares.gap is None
        else [
            "However these positions were used, a search could not do better than this one by more than "
            f"{max(shares.gap / cheapest_goal_cost(steering.asked), _TINY_K):.1g} K of a goal (duality gap)."
        ]
    )
    if apart is not None and asked is not None:
        row = steering.asked.rows[asked]
        unit = "doublings" if row.goal.searched.measure.scale.is_logarithmic else "K"
        found.append(
            f"Searches from {len(shares.starts)} places ended at most {max(apart, _TINY_K):.1g} {unit} of {row.region} "
            f"{row.goal.searched.metric} apart; the best is the plan."
        )
    return found


def _machine_name(row: MachineRecord) -> str:
    """Gradient of a machine, and the direction of its line."""
    gradient, line = f"{row['gradient_t_m']:g} T/m", row["line_axis"]
    return gradient if line is None else f"{gradient} with the line along {' '.join(f'{v + 0.0:.3g}' for v in line)}"
