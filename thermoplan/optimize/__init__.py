"""Search for the best time shares of every column and window, and its explanation.

Whoever brings an optimizer of their own finds the objects that it needs in docs/bring-your-own-optimizer.md.
"""

from .certificate import highest_percentile_c
from .explain import Explanation, explain
from .ipopt import ipopt_shares
from .lbfgsb import lbfgsb_shares
from .limit_prices import LimitCost, WidenedLimit, most_of_goal
from .merit_function import MeritFunction, cheapest_goal_cost
from .pareto import ParetoFront, TradedLimit, pareto_front
from .priorities import HELD_K, optimize_shares, weighted_shares
from .program.modal_heat import CorrectedModel, SearchModel
from .relaxations import Relaxation
from .sequential_lp import SequentialLP
from .settings import GOAL_COST, Progress, SearchControl, Settings, Shares
from .stretch_goal import asked_goal, first_goal, missed_goals, promote, stretch

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
    "TradedLimit",
    "WidenedLimit",
    "asked_goal",
    "cheapest_goal_cost",
    "explain",
    "first_goal",
    "highest_percentile_c",
    "ipopt_shares",
    "lbfgsb_shares",
    "missed_goals",
    "most_of_goal",
    "optimize_shares",
    "pareto_front",
    "promote",
    "stretch",
    "weighted_shares",
]
