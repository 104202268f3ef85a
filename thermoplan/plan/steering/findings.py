"""Findings of a search: method, alternatives made by hand, explanation, cost of a position error."""

from __future__ import annotations

from ...base.progress import Stages
from ...files.run.search_record import SearchRecord
from .alternatives import compare_alternatives, comparison_sentence, t90_bound_c
from .position_error import position_errors
from .reasons import explain_plan
from .rounds import SettledPlan
from .steer import optimizer_record


def describe_search(settled: SettledPlan, stages: Stages) -> SearchRecord:
    """The search as a record, without a trade-off."""
    steering = settled.steering
    with stages.stage("compare with planning by hand"):
        others, errors = compare_alternatives(steering), position_errors(steering)
        bound_c = t90_bound_c(steering)
    with stages.stage("explain"):
        reasons = explain_plan(steering, settled.outcome)
    return {
        "optimizer": optimizer_record(steering, settled.rounds),
        "alternatives": others,
        "comparison": comparison_sentence(others, bound_c),
        "explanation": reasons,
        "pareto": None,
        "placement": errors,
    }
