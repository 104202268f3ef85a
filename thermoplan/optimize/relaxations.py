"""Relaxations that would help a missed goal: a limit that gives way, or a longer session, all else kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..goals import GoalRow, Resolved
from .limit_prices import LEAST_GAIN, LimitCost
from .priorities import weighted_shares
from .program.modal_heat import Model
from .settings import Settings, Shares
from .stretch_goal import promote

_YIELDING_WEIGHT = 0.02
"""Weight of a limit that may give way, in that of the goal: a kelvin of the goal buys fifty of it, yet none is given
that no goal needs."""
_LEAST_HELP_K = 0.01
"""Kelvins and doublings of goals that a change must bring to be told."""
_MOST_RELAXED = 4
"""Limits that are tried without; each is a search, and the dearest come first."""
_LONGER = 1.5
"""Length of the session that is tried, in sessions."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Change that is tried, all else kept: how far a limit gives way, or the session is longer, and what goals then
    reach."""

    label: str
    from_bound: float
    to_value: float
    goals_met: bool
    goal_values: tuple[float, ...]
    sentence: str


class Relaxations:
    """Searches for what would help the goals of a plan, of which number ``asked`` is the most important that is missed.

    Goals before it, which are met, are limits there.
    """

    def __init__(self, model: Model, resolved: Resolved, asked: int, shares: Shares, settings: Settings) -> None:
        self.model, self.resolved, self.shares, self.settings = model, resolved, shares, settings
        self.wanted = promote(resolved, asked)
        self.goals = [i for i, row in enumerate(resolved.rows) if row.goal.kind == "goal"]

    def helpful(self, limits: Sequence[LimitCost], duty_gain: float) -> tuple[Relaxation, ...]:
        """Changes by which goals come nearer, the most helpful first."""
        dear = [cost.number for cost in limits if cost.gain > LEAST_GAIN][:_MOST_RELAXED]
        tried = [(at, self._limit(at)) for at in dear] + [(None, found) for found in self._session(duty_gain)]
        ranked = sorted(tried, key=lambda pair: (not pair[1].goals_met, self._steps_short(*pair)))
        return tuple(found for at, found in ranked if found.goals_met or self._helps(at, found))

    def _helps(self, relaxed: int | None, found: Relaxation) -> bool:
        """True where goals of the first priority for which it makes a difference come nearer."""
        before = self._short_k(relaxed, tuple(self.shares.values[i] for i in self.goals))
        after = self._short_k(relaxed, found.goal_values)
        gains = [a - b for a, b in zip(before, after, strict=True)]
        return next((gain > 0.0 for gain in gains if abs(gain) > _LEAST_HELP_K), False)

    def _steps_short(self, relaxed: int | None, found: Relaxation) -> tuple[int, ...]:
        """Shortfall of the goals in steps of the least that is told, priority by priority."""
        return tuple(round(k / _LEAST_HELP_K) for k in self._short_k(relaxed, found.goal_values))

    def _short_k(self, relaxed: int | None, values: Sequence[float]) -> list[float]:
        """Kelvins and doublings by which goals are missed, summed by weight in each priority; a goal that gives way
        itself does not count."""
        rows = {i: self.resolved.rows[i].goal for i in self.goals}
        heaviest = {
            p: max(g.weight for g in rows.values() if g.priority == p) for p in {g.priority for g in rows.values()}
        }
        short = dict.fromkeys(sorted(heaviest), 0.0)
        for i, value in zip(self.goals, values, strict=True):
            if i != relaxed:
                goal = rows[i]
                short[goal.priority] += goal.weight / heaviest[goal.priority] * max(0.0, goal.short_k(value))
        return list(short.values())

    def _limit(self, at: int) -> Relaxation:
        """One limit gives way to the goals, but no more than they need."""
        row = self.resolved.requirements[at]
        found = weighted_shares(
            self.model,
            self.wanted.yielding(at, _YIELDING_WEIGHT),
            window_edges_s=self.shares.window_edges_s,
            settings=self.settings,
            start=self.shares.shares,
        )
        value = found.values[at]
        what = f"{row.name} {row.said(value)} instead of {row.said(row.bound)}"
        return self._relaxation(at, found, row.label, (row.bound, value), what)

    def _session(self, duty_gain: float) -> Iterator[Relaxation]:
        """The session is half as long again, where time is what lacks."""
        if duty_gain <= LEAST_GAIN:
            return
        edges = _LONGER * self.shares.window_edges_s
        minutes = (float(self.shares.window_edges_s[-1]) / 60.0, float(edges[-1]) / 60.0)
        found = weighted_shares(
            self.model, self.wanted, window_edges_s=edges, settings=self.settings, start=self.shares.shares
        )
        what = f"a session of {minutes[1]:.3g} min instead of {minutes[0]:.3g} min"
        yield self._relaxation(None, found, "session", minutes, what)

    def _relaxation(
        self, relaxed: int | None, found: Shares, label: str, change: tuple[float, float], what: str
    ) -> Relaxation:
        others = [i for i in self.goals if i != relaxed]
        met = all(self.resolved.rows[i].goal.met(found.values[i]) for i in others)
        all_of_them = "all other goals are met" if relaxed in self.goals else "all goals are met"
        end = all_of_them if met else "; ".join(_reach_words(self.resolved.rows[i], found.values[i]) for i in others)
        return Relaxation(label, *change, met, tuple(found.values[i] for i in self.goals), f"{what}: {end}")


def _reach_words(row: GoalRow, value: float) -> str:
    return f"{row.name} reaches {row.said(value)}"
