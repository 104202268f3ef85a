"""Order of priorities: what a goal has reached is never traded for one that comes after it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Unpack

import numpy as np

from ..base.arrays import Array
from ..goals import GoalRow, Resolved
from .cancellation import stop_on_interrupt
from .merit_function import MeritFunction
from .program.linearize import TOLERANCE_K
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import Iterate
from .sequential_lp import METHOD, SequentialLP
from .settings import ControlOptions, SearchControl, SearchStatus, Settings, Shares

HELD_K = 0.02
"""Loss that a goal which is missed may have of what it reached, to one of lower priority, K or doublings of a dose: the
tolerance of the rows ten times. With twice as much what is lost could be read in a plan's numbers."""
_BROKEN_K = 0.02
"""A limit that is broken by less is kept: rows are exact to a tenth of it."""
_DEARER_ROUNDS = 2
"""Rounds with limits ten times as dear: the last is as dear as the numbers of a linear program allow."""
_DEARER = 10.0
_LAST_PRIORITY = 9
"""Priority of goals whose turn has not come: all but nothing."""


def optimize_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    **control: Unpack[ControlOptions],
) -> Shares:
    """Best shares of a reduced model's columns in each window.

    ``start`` is a plan to improve, ``(n_windows, n_columns)``; without it the search makes its own. Once
    ``should_stop`` is true, or without it at Control-C, the search returns the best plan so far with status
    "interrupted".

    Goals of a lower priority count a tenth at first. Where they are of several priorities and not all can be met, the
    search goes on priority by priority: what those before it reached is held, but for `HELD_K` where they are missed.
    """
    with stop_on_interrupt(control.get("should_stop")) as stop:
        watched = SearchControl(control.get("progress"), stop)
        merit = _merit(model, resolved, window_edges_s, settings)
        found = search_by_weight(merit, start, watched)
        goals = [row for row in resolved.rows if row.kind == "goal"]
        missed = any(row.label in found.broken for row in goals)
        if not missed or len({row.goal.priority for row in goals}) < 2 or found.interrupted:
            return found
        return _PriorityOrder(merit, found, anew=start is None).search(watched)


def weighted_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    **control: Unpack[ControlOptions],
) -> Shares:
    """The same, each goal a tenth as dear as those one priority before it."""
    with stop_on_interrupt(control.get("should_stop")) as stop:
        merit = _merit(model, resolved, window_edges_s, settings)
        return search_by_weight(merit, start, SearchControl(control.get("progress"), stop))


def _merit(model: Model, resolved: Resolved, window_edges_s: Array, settings: Settings | None) -> MeritFunction:
    settings = settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    return MeritFunction(heat, resolved, settings)


def search_by_weight(merit: MeritFunction, start: Array | None, control: SearchControl) -> Shares:
    """The plan that keeps what limits the unheated body keeps: where its goals were worth more, at dearer limits."""
    found = SequentialLP(merit, control).run(start)
    for _ in range(_DEARER_ROUNDS):
        if found.interrupted or not _breaks_a_limit(merit, found):
            break
        dearer = replace(merit.settings, limit_cost=_DEARER * merit.settings.limit_cost)
        merit = MeritFunction(merit.heat, merit.resolved, dearer)
        found = SequentialLP(merit, control).run(found.shares)
    return found


def _breaks_a_limit(merit: MeritFunction, found: Shares) -> bool:
    """True where heating breaks a limit that the unheated body keeps."""
    cold = Iterate(merit.heat, np.zeros_like(found.shares))
    terms = ((term, term.requirement, value) for term, value in zip(merit.terms.required, found.values, strict=True))
    return any(
        asked.kind == "limit" and asked.short_k(value) > _BROKEN_K and asked.met(term.value_stated(cold))
        for term, asked, value in terms
    )


class _PriorityOrder:
    """For each priority a search from the plan of the last, and one ``anew``; ``merit`` judges them all alike."""

    def __init__(self, merit: MeritFunction, first: Shares, *, anew: bool) -> None:
        self.merit, self.first, self.anew = merit, first, anew
        self.rows = merit.terms.rows
        self.held: dict[int, float] = {}
        self.iterations = first.iterations
        self._began = time.perf_counter()

    def search(self, control: SearchControl) -> Shares:
        """The best plan that holds what each priority reached."""
        status: SearchStatus = self.first.status
        iterate, asked = self.merit.fitted(self.first.shares), self.first
        goals = {i: term.row.goal for i, term in enumerate(self.rows) if term.row.kind == "goal"}
        for priority in sorted({goal.priority for goal in goals.values()}):
            found = self._search_priority(priority, iterate.shares, control)
            trial = self.merit.fitted(found.shares)
            if self._keeps_what_is_held(trial):
                iterate, status = trial, found.status
            if asked is self.first and self._misses(iterate, priority):
                asked = found
            if found.interrupted:
                status = "interrupted"
                break
            self.held |= {i: self._reached_k(i, iterate) for i, goal in goals.items() if goal.priority == priority}
        return replace(
            self.merit.evaluate(iterate, status="converged" if status == "optimal" else status, method=METHOD),
            iterations=self.iterations,
            seconds=time.perf_counter() - self._began,
            starts=asked.starts,
            start_values_k=asked.start_values_k,
        )

    def _misses(self, iterate: Iterate, priority: int) -> bool:
        """True where a goal of this priority is not met."""
        wanted = (term for term in self.rows if term.row.kind == "goal" and term.row.goal.priority == priority)
        return any(not term.requirement.met(term.value_stated(iterate)) for term in wanted)

    def _search_priority(self, priority: int, start: Array, control: SearchControl) -> Shares:
        merit = MeritFunction(self.merit.heat, self._asking(priority), self.merit.settings)
        tried: list[Shares] = []
        for first in (start, None) if self.anew else (start,):
            tried.append(search_by_weight(merit, first, control))
            self.iterations += tried[-1].iterations
            if tried[-1].interrupted:
                break
        best = min(tried, key=lambda shares: shares.objective)
        return replace(
            best,
            status=tried[-1].status,
            starts=tuple(end for shares in tried for end in shares.starts),
            start_values_k=tuple(values for shares in tried for values in shares.start_values_k),
        )

    def _reached_k(self, i: int, iterate: Iterate) -> float:
        """Value that is held of a goal, K or doublings: no more than it asks for."""
        term = self.rows[i]
        value, slack = term.value_k(iterate), 0.5 * HELD_K
        if term.bound.excess_k(value) <= term.bound.margin_k + TOLERANCE_K:
            return term.bound.bound_k
        return value - slack if term.at_least else value + slack

    def _keeps_what_is_held(self, iterate: Iterate) -> bool:
        """True where what was held still is, to the other half of what may be lost."""
        return all(
            (held - self.rows[i].value_k(iterate)) * (1.0 if self.rows[i].at_least else -1.0) < 0.5 * HELD_K
            for i, held in self.held.items()
        )

    def _asking(self, priority: int) -> Resolved:
        """Goals before this priority as limits, those after it for almost nothing."""
        rows = tuple(self._row(i, term.row, priority) for i, term in enumerate(self.rows))
        return replace(self.merit.resolved, rows=rows)

    def _row(self, i: int, row: GoalRow, priority: int) -> GoalRow:
        goal = row.goal
        if goal.kind != "goal":
            return row
        if i not in self.held:
            return replace(row, goal=replace(goal, priority=1 if goal.priority == priority else _LAST_PRIORITY))
        held = self.held[i]
        if held != goal.bound_k:  # of its margin a limit keeps a third
            margin = self.merit.settings.margin_k(goal) / 3.0
            held -= margin if goal.sense == "at_least" else -margin
        return replace(row, goal=replace(goal, kind="limit", bound=goal.measure.scale.from_k(held)))
