"""Settings of a search, the progress that it tells, and the shares that it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypedDict

from ..base.arrays import Array, freeze, put
from ..goals import Goal

GOAL_COST = 100.0
"""Price of 1 K, or a doubling of a dose, short of a goal of weight 1 and the first priority; `Settings` has the others.
It only sets the unit: all prices twice as high, and twice the tolerance, make the same plan."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Means and aims of a search.

    Parameters
    ----------
    max_duty
        Largest sum of shares in any window.
    cool_down_s, step_s
        Time after heating whose dose counts; longest time between samples of the course.
    limit_margin_k, dose_margin
        The search stays this far inside limits and beyond goals where that costs no goal, so that the
        verified plan keeps them: K, and doublings of dose. A third of it is kept even against a goal.
    heat_cost, peak_cost
        Price of 1 K of mean temperature outside the targets, and of the targets' highest temperature, against
            100 for 1 K of a goal of the first priority.
    limit_cost
        Price of 1 K, or a doubling of a dose, beyond a limit; where goals are worth more than that it is raised.
    starts
        Starting points tried while a goal is missed: percentiles and doses make local optima.
    min_share
        Shares below this are given up, as far as a few rounds go: a machine has a shortest dwell.
    max_iterations
        Linear programs from one starting point; a descent takes 3 to 15 of them.
    iteration_budget
        Linear programs of the whole search, all starting points together. The hardest known takes 30.
    tolerance
        Part of the merit, or of 1 where that is less, that is no gain.
    reach
        Largest change of any share from the start that is given, which is then the only one; None for any.
    """

    max_duty: float = 1.0
    cool_down_s: float = 0.0
    step_s: float = 10.0
    limit_margin_k: float = 0.1
    dose_margin: float = 0.14
    heat_cost: float = 0.05
    peak_cost: float = 0.05
    limit_cost: float = 1000.0
    starts: int = 3
    min_share: float = 0.0
    max_iterations: int = 30
    iteration_budget: int = 200
    tolerance: float = 1e-3
    reach: float | None = None

    def margin_k(self, goal: Goal) -> float:
        """Margin of a goal on the scale on which it is searched."""
        return self.dose_margin if goal.searched.measure.scale.is_logarithmic else self.limit_margin_k


@dataclass(frozen=True, slots=True)
class Progress:
    """The best plan so far; ``worst_limit_k`` is positive where a limit is broken (K or doublings)."""

    iteration: int
    objective: float
    worst_limit_k: float
    worst_limit: str
    seconds: float


Watcher = Callable[[Progress], None]
SearchStatus = Literal["optimal", "converged", "iteration limit", "interrupted"]
StopRequest = Callable[[], bool]
"""True once a search is to stop."""


def never() -> bool:
    """A request to stop that never comes."""
    return False


class ControlOptions(TypedDict, total=False):
    """Listener of a search, and the request to stop; without one Control-C is the request."""

    progress: Watcher | None
    should_stop: StopRequest | None


@dataclass(frozen=True, slots=True)
class SearchControl:
    """Listener of a search: where it tells its progress, and the request to stop that it asks for after each iteration.

    A search that was asked to stop returns its best plan so far with status "interrupted".
    """

    progress: Watcher | None = None
    should_stop: StopRequest = never


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """The plan found by the search.

    ``shares (n_windows, n_columns)``; ``values`` as predicted of the goals' rows (degrees C, minutes or per cent), then
    of the budgets (per cent); ``broken`` names those that are not met. ``status`` is "optimal" (bound reached),
    "converged", "iteration limit" or "interrupted"; ``bound`` is a lower bound of the objective where the problem is
    convex; ``starts`` are the objectives at which the search ended from each of its starting points, ``start_values_k``
    the values of the requirements there, in K or doublings.
    """

    shares: Array
    window_edges_s: Array
    values: tuple[float, ...]
    broken: tuple[str, ...]
    status: SearchStatus
    objective: float
    bound: float | None = None
    iterations: int = 0
    seconds: float = 0.0
    method: str = ""
    starts: tuple[float, ...] = ()
    start_values_k: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        put(self, shares=freeze(self.shares), window_edges_s=freeze(self.window_edges_s))

    @property
    def interrupted(self) -> bool:
        """True where the search was asked to stop."""
        return self.status == "interrupted"

    @property
    def gap(self) -> float | None:
        """Most by which the objective is above the least possible; None where that is not known."""
        return None if self.bound is None else max(0.0, self.objective - self.bound)
