"""What better means: goals, limits, and the tissue each is measured in."""

from .contradictions import contradictions
from .defaults import default_limits
from .goal import BUDGET, CORE, EVERYWHERE_ELSE, SKIN, Goal, GoalRow, Resolved, target_regions
from .metric_names import METRICS, Hottest, Metric
from .regions import resolve, tightened
from .templates import TEMPLATES, template

__all__ = [
    "BUDGET",
    "CORE",
    "EVERYWHERE_ELSE",
    "METRICS",
    "SKIN",
    "TEMPLATES",
    "Goal",
    "GoalRow",
    "Hottest",
    "Metric",
    "Resolved",
    "contradictions",
    "default_limits",
    "resolve",
    "target_regions",
    "template",
    "tightened",
]
