"""Best time shares of every column and window: goals met, limits kept, the rest left cold; and why no better.

Whoever brings an optimizer of their own needs two things of this package, both plain arrays. `HeatingBasis.load_w`
is the power of every column at every node. `search.heat.Heat` turns time shares ``a (windows, columns)`` into
temperatures, exactly and affinely, and gradients of temperatures back into gradients of shares::

    heat = Heat(reduced_model, window_edges_s, cool_down_s)
    temperature_c = base_c + heat.states(a) @ modes.T            # (times, nodes)
    slope = heat.gradient(heat.adjoint(weights @ modes))         # of sum(weights * temperature_c), as a

`metrics.Meter` then says what any history is worth in the protocol's goals.
"""

from ..search.heat import CorrectedModel
from .beyond import asking_beyond, first_goal
from .certificate import highest_percentile_c
from .explain import Explanation, LimitCost, Relaxation, explain
from .loop import Progress, Search, Settings, Shares, optimize_shares
from .pareto import Front, pareto_front
from .second import second_opinion

__all__ = [
    "CorrectedModel", "Explanation", "Front", "LimitCost", "Progress", "Relaxation", "Search", "Settings", "Shares",
    "asking_beyond", "explain", "first_goal", "highest_percentile_c", "optimize_shares", "pareto_front",
    "second_opinion",
]
