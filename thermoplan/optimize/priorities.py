"""The order of priorities: what a goal has reached is never traded for one that comes after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..base.arrays import Array
from ..goals import GoalRow, Resolved
from .program.linearize import TOLERANCE_K
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import Iterate
from .sequential_lp import SequentialLP
from .settings import Settings, Shares, Watcher

HELD_K = 0.02
"""What a goal that is missed may lose of what it reached to one of lower priority, K or doublings of a dose."""
_BROKEN_K, _DEARER = 0.02, 2
_LATER = 9
"""Priority of goals whose turn has not come: all but nothing."""


def optimize_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    progress: Watcher | None = None,
) -> Shares:
    """Best shares of a reduced model's columns in each window.

    ``start`` is a plan to improve, ``(n_windows, n_columns)``; without it the search makes its own. Control-C
    ends the search and returns the best plan so far with status "interrupted".

    Goals of a lower priority count a tenth at first. Where they are of several priorities and not all can be met, the
    search goes on priority by priority: what those before it reached is held, but for `HELD_K` where they are missed.
    """
    settings = settings or Settings()
    found = weighted_shares(
        model, resolved, window_edges_s=window_edges_s, settings=settings, start=start, progress=progress
    )
    goals = [row for row in resolved.rows if row.goal.kind == "goal"]
    missed = any(row.label in found.broken for row in goals)
    if not missed or len({row.goal.priority for row in goals}) < 2 or found.status == "interrupted":
        return found
    judge = SequentialLP(
        ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s), resolved, settings, None
    )
    return _Order(judge, found, anew=start is None).searched(progress)


def weighted_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    progress: Watcher | None = None,
) -> Shares:
    """The same, each goal a tenth as dear as those one priority before it."""
    settings = settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    search = SequentialLP(heat, resolved, settings, progress)
    return _within_limits(search, search.run(start), progress)


def _within_limits(search: SequentialLP, found: Shares, progress: Watcher | None) -> Shares:
    """The plan that keeps what limits the unheated body keeps: where its goals were worth more, at dearer limits."""
    settings = search.settings
    for _ in range(_DEARER):
        if found.status == "interrupted" or not _sold(search, found):
            break
        settings = replace(settings, limit_cost=10.0 * settings.limit_cost)
        found = SequentialLP(search.heat, search.resolved, settings, progress).run(found.shares)
    return found


def _sold(search: SequentialLP, found: Shares) -> bool:
    """Whether a limit is broken that heating broke."""
    cold = Iterate(search.heat, np.zeros_like(found.shares))
    terms = ((term, term.requirement, value) for term, value in zip(search.required, found.values, strict=True))
    return any(
        asked.kind == "limit" and asked.short_k(value) > _BROKEN_K and asked.met(term.value_stated(cold))
        for term, asked, value in terms
    )


class _Order:
    """For each priority a search from the plan of the last, and one ``anew``."""

    def __init__(self, judge: SequentialLP, first: Shares, *, anew: bool) -> None:
        self.judge, self.first, self.anew = judge, first, anew
        self.rows = judge.merit_terms.rows
        self.held: dict[int, float] = {}

    def searched(self, progress: Watcher | None) -> Shares:
        judge, status, look = self.judge, self.first.status, self.judge.fitted(self.first.shares)
        judge.iterations = self.first.iterations
        for priority in sorted({term.row.goal.priority for term in self.rows if term.row.goal.kind == "goal"}):
            found = self._found(self._asking(priority), look.shares, progress)
            trial = judge.fitted(found.shares)
            look, status = (trial, found.status) if self._keeps(trial) else (look, status)
            if found.status == "interrupted":
                status = "interrupted"
                break
            self.held |= {
                i: self._reached(i, look)
                for i, term in enumerate(self.rows)
                if term.row.goal.kind == "goal" and term.row.goal.priority == priority
            }
        judge.best, judge.ends = (look, judge.merit_of(look)), list(self.first.starts)
        return judge.result("converged" if status == "optimal" else status, None)

    def _found(self, asked: Resolved, start: Array, progress: Watcher | None) -> Shares:
        tried = []
        for first in (start, None) if self.anew else (start,):
            search = SequentialLP(self.judge.heat, asked, self.judge.settings, progress)
            tried.append(_within_limits(search, search.run(first), progress))
            self.judge.iterations += tried[-1].iterations
            if tried[-1].status == "interrupted":
                break
        best = min(tried, key=lambda shares: shares.objective)
        return replace(best, status=tried[-1].status)

    def _reached(self, i: int, look: Iterate) -> float:
        """What is held of a goal, K or doublings: no more than it asks for."""
        term = self.rows[i]
        bound, value, slack = term.row.goal.bound_k, term.value_k(look), 0.5 * HELD_K
        if term.bound.excess_k(value) <= term.bound.margin_k + TOLERANCE_K:
            return bound
        return value - slack if term.at_least else value + slack

    def _keeps(self, look: Iterate) -> bool:
        """Whether what was held still is, to the other half of what may be lost."""
        return all(
            (held - self.rows[i].value_k(look)) * (1.0 if self.rows[i].at_least else -1.0) < 0.5 * HELD_K
            for i, held in self.held.items()
        )

    def _asking(self, priority: int) -> Resolved:
        """Goals before this priority as limits, those after it for almost nothing."""
        rows = tuple(self._row(i, term.row, priority) for i, term in enumerate(self.rows))
        return replace(self.judge.resolved, rows=rows)

    def _row(self, i: int, row: GoalRow, priority: int) -> GoalRow:
        goal, settings = row.goal, self.judge.settings
        if goal.kind != "goal":
            return row
        if i not in self.held:
            return replace(row, goal=replace(goal, priority=1 if goal.priority == priority else _LATER))
        held = self.held[i]
        if held != goal.bound_k:  # of its margin a limit keeps a third
            margin = settings.margin_k(goal) / 3.0
            held -= margin if goal.sense == "at_least" else -margin
        return replace(row, goal=replace(goal, kind="limit", bound=goal.measure.scale.from_k(held)))
