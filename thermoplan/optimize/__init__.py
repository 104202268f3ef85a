"""Best time shares of every column and window: goals met, limits kept, the rest left cold; and why no better."""

from ..search.heat import CorrectedModel
from .explain import Explanation, LimitCost, Relaxation, explain
from .loop import Progress, Search, Settings, Shares, optimize_shares
from .pareto import Front, pareto_front
from .second import second_opinion

__all__ = [
    "CorrectedModel", "Explanation", "Front", "LimitCost", "Progress", "Relaxation", "Search", "Settings", "Shares",
    "explain", "optimize_shares", "pareto_front", "second_opinion",
]
