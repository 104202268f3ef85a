"""Best time shares of every column and window: goals met, limits kept, the rest left cold; and why no better.

Whoever brings an optimizer of their own finds the objects that it needs in docs/bring-your-own-optimizer.md.
"""

from ..search.heat import CorrectedModel
from .beyond import asking_beyond, first_goal
from .certificate import highest_percentile_c
from .explain import Explanation, LimitCost, Relaxation, explain
from .interior import interior_opinion
from .loop import Search
from .order import HELD_K, optimize_shares, weighted_shares
from .pareto import Front, pareto_front
from .second import second_opinion
from .settings import Progress, Settings, Shares

__all__ = [
    "HELD_K", "CorrectedModel", "Explanation", "Front", "LimitCost", "Progress", "Relaxation", "Search", "Settings",
    "Shares", "asking_beyond", "explain", "first_goal", "highest_percentile_c", "interior_opinion", "optimize_shares",
    "pareto_front", "second_opinion", "weighted_shares",
]
