"""Goals, limits, metrics, and the tissue each is measured in."""

from .contradictions import contradictions
from .defaults import default_limits
from .goal import CORE, EVERYWHERE_ELSE, SKIN, Goal, GoalRow, Requirement, Resolved, target_regions
from .meter import Meter, row_value
from .metrics import METRICS, Hottest, Metric, SearchMetric, find_metric
from .regions import place_complaints, resolve, tighten
from .safety_budget import SafetyBudget, Widening
from .templates import TEMPLATES, template

__all__ = [
    "CORE",
    "EVERYWHERE_ELSE",
    "METRICS",
    "SKIN",
    "TEMPLATES",
    "Goal",
    "GoalRow",
    "Hottest",
    "Meter",
    "Metric",
    "Requirement",
    "Resolved",
    "SafetyBudget",
    "SearchMetric",
    "Widening",
    "contradictions",
    "default_limits",
    "find_metric",
    "place_complaints",
    "resolve",
    "row_value",
    "target_regions",
    "template",
    "tighten",
]
