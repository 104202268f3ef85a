"""Search for the best time shares of every column and window, and its explanation.

Whoever brings an optimizer of their own finds the objects that it needs in docs/bring-your-own-optimizer.md.
"""

from .certificate import highest_percentile_c
from .explain import Explanation, LimitCost, Relaxation, explain
from .ipopt import ipopt_shares
from .lbfgsb import lbfgsb_shares
from .merit_function import MeritFunction
from .pareto import ParetoFront, pareto_front
from .priorities import HELD_K, optimize_shares, weighted_shares
from .program.modal_heat import CorrectedModel, SearchModel
from .sequential_lp import SequentialLP
from .settings import GOAL_COST, Progress, SearchControl, Settings, Shares
from .stretch_goal import first_goal, stretch

__all__ = [
    "GOAL_COST",
    "HELD_K",
    "CorrectedModel",
    "Explanation",
    "LimitCost",
    "MeritFunction",
    "ParetoFront",
    "Progress",
    "Relaxation",
    "SearchControl",
    "SearchModel",
    "SequentialLP",
    "Settings",
    "Shares",
    "explain",
    "first_goal",
    "highest_percentile_c",
    "ipopt_shares",
    "lbfgsb_shares",
    "optimize_shares",
    "pareto_front",
    "stretch",
    "weighted_shares",
]
