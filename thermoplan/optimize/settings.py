"""What a search may use, what it tells while it runs, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..base.arrays import Array, frozen, put
from ..goals import Goal


@dataclass(frozen=True, slots=True)
class Settings:
    """What the search may use and what it aims at.

    Parameters
    ----------
    max_duty
        Largest sum of shares in any window.
    cool_down_s, step_s
        Time looked at after heating, whose dose counts; longest time between looks.
    limit_margin_k, dose_margin
        The search stays this far inside limits and beyond goals where that costs no goal, so that the
        verified plan keeps them: K, and doublings of dose. A third of it is kept even against a goal.
    heat_cost, peak_cost
        Price of 1 K of mean temperature outside the targets, and of the targets' highest temperature, against
            100 for 1 K of a goal of priority 1.
    min_share
        Shares below this are given up, as far as a few rounds go: a machine has a shortest dwell.
    limit_cost
        Price of 1 K, or a doubling of a dose, beyond a limit; where goals are worth more than that it is raised.
    starts
        Starting points tried while a goal is missed: percentiles and doses make local optima.
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
    time_limit_s: float = 60.0
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


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """The plan found by the search.

    ``shares (n_windows, n_columns)``; ``values`` of the goals' rows as predicted (degrees C or minutes);
    ``status`` "optimal" (bound reached), "converged", "iteration limit" or "interrupted"; ``bound`` is a
    lower bound of the objective where the problem is convex; ``broken`` names the rows that are not met;
    ``starts`` are the objectives at which the search ended from each of its starting points.
    """

    shares: Array
    window_edges_s: Array
    values: tuple[float, ...]
    broken: tuple[str, ...]
    status: str
    objective: float
    bound: float | None
    iterations: int
    seconds: float
    method: str
    starts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        put(self, shares=frozen(self.shares), window_edges_s=frozen(self.window_edges_s))

    @property
    def gap(self) -> float | None:
        """How far, at most, the objective is above the least possible; ``None`` where that is not known."""
        return None if self.bound is None else max(0.0, self.objective - self.bound)


Watcher = Callable[[Progress], None]
