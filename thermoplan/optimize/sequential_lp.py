"""Sequential linear program for the best time shares.

Temperature is affine in the shares, so temperature limits are cutting planes, and a temperature plan is a convex
program whose lower bound is reported; doses and percentiles are replaced by rows that are exact at the iterate
(`program.linearize`, `program.percentile_rows`). The exact penalties of the merit function decide: limits, then goals
by priority and weight, then a margin for what verification adds, then heat outside the targets and the targets' own
peak. A trust region follows what came of each step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..base.arrays import Array, BoolArray
from ..base.errors import SolverError
from .merit_function import MeritFunction
from .program.linear_program import Optimum, Program
from .program.linearize import DoseCuttingPlanes
from .program.modal_heat import ModalHeat
from .program.percentile_rows import PercentileRows
from .program.row_builders import RowBuilder, build_rows
from .program.search_terms import Iterate
from .settings import Progress, SearchControl, SearchStatus, Shares
from .starting_points import burst_starts, even_start, other_starts
from .trust_region import Move, TrustRegion

METHOD = "sequential linear programs with cutting planes (HiGHS)"
_ROUNDS_A_STEP = 10
"""Rounds of cutting planes within one step. Twice as many change nothing; with half as many a search takes a tenth more
steps."""
_SUFFICIENT_GAIN = 0.5
"""A trial with this part of the promised gain ends its step, though rows are missing: the next program has them. With
half or twice as much steps are fewer, and merits within some per cent, either way."""
_PRICING_ROUNDS = 30
"""Rounds of cutting planes for the multipliers of a plan, which are right only with every row."""
_BOUND_ROUNDS = 100
"""Rounds of cutting planes for the lower bound, which starts from no plan; fewer only lower it."""
_RADIUS = 1.0
"""First radius of the trust region, in parts of the duty: all plans. With half as much plans are as good."""
_LEAST_RADIUS = 1e-3
"""Radius that ends a descent: a thousandth of the duty heats by millikelvins. With ten times as much one of ten plans
of a phantom ends 2 % higher."""
_FREED_RADIUS = 0.3
"""The same for a plan that is good, and whose percentiles are freed; twice as much makes the same plans."""
_LEAST_FREED_RADIUS = 0.05
"""Radius that ends the descent of a freed plan; with twice as much plans are the same."""
_BANDS_K = (0.1, 0.02, 0.0)
"""Widths of the band around a percentile whose nodes are freed to change places, from wide to none. Twice as wide makes
the same plans; without bands merits end up to 0.3 % higher."""
_NEGLIGIBLE_MERIT = 2.0
"""Merit of a plan whose goals are all met; what is left is the price of heat and of margins. A fiftieth of a kelvin of
a goal costs as much."""
_STALLED = 2
"""Steps in a row without a gain to speak of that end a descent: after one the radius may still be wrong. With one or
four plans are the same."""
_MANY_WINDOWS = 16
"""From more windows on the search begins with a plan in fewer, most of the way for a tenth of the time."""
_COARSER = 3
"""Windows that are one window of that plan; with twice as many it says less about when to heat."""
_PRUNINGS = 12
"""Rounds in which shares that are too small to be played are given up; plans need two or three."""
_FIRST_COLUMNS = 12
"""Columns of each window with which the first program begins; others enter when they are worth it. Half or twice as
many make plans of the same merit."""
_BANDED = (PercentileRows, DoseCuttingPlanes)


class SequentialLP:
    """Trust-region sequential linear program of one search; `run` it once.

    ``value`` is the merit of the ``iterate``; ``best`` are the best iterate so far and its merit; ``ends`` are the
    merits at which descents ended, ``end_values_k`` the values of the requirements there.
    """

    def __init__(self, merit: MeritFunction, control: SearchControl | None = None) -> None:
        self.merit, self.settings, self.heat = merit, merit.settings, merit.heat
        self.control = control or SearchControl()
        self.builders: list[RowBuilder] = [build_rows(term) for term in merit.terms.all]
        self.iterate = Iterate(self.heat, np.zeros((self.heat.n_windows, self.heat.n_columns)))
        self.value = merit(self.iterate)
        self.best = self.iterate, self.value
        self.iterations = 0
        self.ends: list[float] = []
        self.end_values_k: list[tuple[float, ...]] = []
        self._began = time.perf_counter()  # told in the record; nothing depends on it
        self._allowed = np.ones(self.iterate.shares.shape, bool)
        self._active = np.zeros(self.iterate.shares.shape, bool)
        self._anchor: Array | None = None

    def run(self, start: Array | None = None) -> Shares:
        """The best plan, from a given one or from starting points of its own."""
        if self.settings.max_duty <= 0.0 or not self.merit.terms.required:
            return self._result("optimal", None)
        given = None if start is None else self.merit.fitted(self.heat.checked(start))
        if given is not None and self.settings.reach is not None:
            self._anchor = given.shares
        status, bound = self._descend_from(self._starts(given))
        status, bound = self._free_percentiles(status, bound)
        if self._anchor is None:
            status = self._prune(status)
        else:
            bound = None  # of the plans within reach alone
        if status == "interrupted":
            return self._result(status, bound)
        if status != "optimal":
            bound = max((b for b in (bound, self._lower_bound()) if b), default=None)
        if bound is not None and self.best[1] - bound <= self.settings.tolerance * (1.0 + abs(bound)):
            status = "optimal"
        return self._result(status, bound)

    def multipliers(self, shares: Array) -> tuple[Program, Optimum]:
        """The linear program at a plan, with every row that it needs: its multipliers are the plan's prices."""
        self._accept(self.merit.iterate(shares))
        program = self._program(self.iterate.shares > 0.0, self.settings.max_duty)
        return program, self._solve_with_cuts(program, self.builders, _PRICING_ROUNDS)

    def _starts(self, given: Iterate | None) -> Iterator[Iterate]:
        """The given plan or equal shares of what heats the targets best; then the best place alone, random places, and
        parts of the session."""
        many = self.heat.n_windows > _MANY_WINDOWS
        yield given or (self.coarse_start() if many else even_start(self.merit))
        yield from other_starts(self.merit)
        if not many and (given is None or self.settings.starts > 1):
            yield from burst_starts(self.merit, lambda: self.best[0].shares)

    def coarse_start(self) -> Iterate:
        """The plan of a search in a third as many windows."""
        edges = self.heat.window_edges_s
        kept = np.unique(np.append(np.arange(0, len(edges), _COARSER), len(edges) - 1))
        heat = ModalHeat(self.heat.model, edges[kept], self.settings.cool_down_s, self.settings.step_s)
        settings = replace(self.settings, starts=1, min_share=0.0)
        found = SequentialLP(MeritFunction(heat, self.merit.resolved, settings), self.control).run()
        return Iterate(self.heat, np.repeat(found.shares, np.diff(kept), axis=0))

    def _descend_from(self, starts: Iterator[Iterate]) -> tuple[SearchStatus, float | None]:
        """Descend from one start after the other, until a plan meets all goals or is known to be the best."""
        status: SearchStatus = "converged"
        bound: float | None = None
        for first in starts:
            self._accept(first)
            status, bound = self._descend(bound, _RADIUS, _LEAST_RADIUS)
            if status == "interrupted":
                break
            self.ends.append(self.value)
            self.end_values_k.append(self.merit.values_k(self.iterate))
            done = self.best[1] < _NEGLIGIBLE_MERIT or status == "optimal" or self._is_spent
            if done or self._anchor is not None:
                break
        return status, bound

    def _free_percentiles(self, status: SearchStatus, bound: float | None) -> tuple[SearchStatus, float | None]:
        """Descend from the best plan on with freer percentiles, which may trade one node for another."""
        if self.best[1] < _NEGLIGIBLE_MERIT or status != "converged" or not self._set_band(_BANDS_K[0]):
            return status, bound
        self._accept(*self.best)
        for band_k in _BANDS_K:
            self._set_band(band_k)
            status, bound = self._descend(bound, _FREED_RADIUS, _LEAST_FREED_RADIUS)
            if status == "interrupted":
                break
        return status, bound

    def _prune(self, status: SearchStatus) -> SearchStatus:
        """Descend without the shares that are too small to be played, soon only with those there are."""
        for i in range(_PRUNINGS):
            shares = self.best[0].shares
            small = (shares > 0.0) & (shares < self.settings.min_share)
            if status == "interrupted" or not small.any():
                break
            self._allowed &= ~small & ((i < 1) | (shares > 0.0))
            self.best = Iterate(self.heat, np.zeros_like(shares)), np.inf
            self._accept(Iterate(self.heat, np.where(small, 0.0, shares)))
            status, _ = self._descend(None, _RADIUS, _LEAST_RADIUS)
        return status

    def _descend(self, bound: float | None, radius: float, least: float) -> tuple[SearchStatus, float | None]:
        """Linearize and solve within a trust region, until nothing more is promised or the region is spent; radii are
        parts of the duty."""
        settings, duty, stalled = self.settings, self.settings.max_duty, 0
        if self.control.should_stop():
            return "interrupted", bound
        region = TrustRegion(radius * duty, duty, least * duty)
        self._active, first = _largest_shares(self.iterate.shares), self.iterations
        convex = self._anchor is None and not self._has_band and all(term.is_convex for term in self.merit.terms.all)
        for self.iterations in range(first + 1, first + settings.max_iterations + 1):
            move = self._advance(region.radius)
            if convex and region.radius >= duty and move.bound is not None:
                bound = move.bound if bound is None else max(bound, move.bound)
            self._tell()
            if self.control.should_stop():
                return "interrupted", bound
            negligible = settings.tolerance * (1.0 + abs(self.value))
            if bound is not None and self.value - bound <= negligible:
                return "optimal", bound
            if self._is_spent:
                return "iteration limit", bound
            stalled = stalled + 1 if 0.0 < move.gain <= negligible else 0
            region = region.after(move)
            if 0.0 <= move.promised <= negligible or stalled >= _STALLED or region.is_spent:
                return "converged", bound
        return "iteration limit", bound

    def _advance(self, radius: float) -> Move:
        """One step, accepted where it is better."""
        program = self._program(self._active, radius)
        trial, value, optimum = self._step(program)
        self._active = optimum.shares > 0.0
        move = Move(
            self.value - value,
            self.value - optimum.objective,
            float(np.abs(trial.shares - self.iterate.shares).max()),
            optimum.objective if optimum.complete else None,
        )
        if move.gain > 0.0:
            self._accept(trial, value)
        return move

    def _step(self, program: Program) -> tuple[Iterate, float, Optimum]:
        """Best trial of one linearization, its merit, and the last optimum of the program."""
        best: tuple[Iterate, float] | None = None
        for _ in range(_ROUNDS_A_STEP):
            optimum = program.solve()
            trial = Iterate(self.heat, optimum.shares)
            value = self.merit(trial)
            if best is None or value < best[1]:
                best = trial, value
            missing = sum(rows.cut(program, trial, optimum.variables) for rows in self.builders)
            promised = self.value - optimum.objective
            enough = self.value - value > _SUFFICIENT_GAIN * promised > self.settings.tolerance * self.value
            if not missing or enough or self.control.should_stop():
                break
        if best is None:
            raise SolverError("optimizer: no trial was made")
        return *best, optimum

    def _program(self, active: BoolArray, radius: float) -> Program:
        """The linear program at the iterate, within a radius and within reach."""
        now, duty = self.iterate.shares, self.settings.max_duty
        upper = np.where(self._allowed, np.where(now + radius < duty, now + radius, np.inf), 0.0)
        lower = np.maximum(0.0, now - radius)
        if self._anchor is not None and self.settings.reach is not None:
            upper = np.minimum(upper, self._anchor + self.settings.reach)
            lower = np.maximum(lower, self._anchor - self.settings.reach)
        return self._begin_program(self.builders, self.iterate, active, lower, upper)

    def _begin_program(
        self, builders: list[RowBuilder], iterate: Iterate, active: BoolArray, lower: Array, upper: Array
    ) -> Program:
        duty = self.settings.max_duty
        program = Program(self.heat, self.merit.share_cost, lower=lower, upper=upper, max_duty=duty, active=active)
        for rows in builders:
            rows.begin(program, iterate)
        return program

    def _solve_with_cuts(self, program: Program, builders: list[RowBuilder], rounds: int) -> Optimum:
        """A program's optimum with every row that it needs, as far as some rounds go."""
        optimum = program.solve()
        for _ in range(rounds - 1):
            trial = Iterate(self.heat, optimum.shares)
            missing = sum(rows.cut(program, trial, optimum.variables) for rows in builders)
            if not missing or self.control.should_stop():
                break
            optimum = program.solve()
        return optimum

    def _lower_bound(self) -> float | None:
        """Lower bound of the merit where every goal is convex: the optimum without the terms that are not, which can
        but add to it. None where it would take too many columns."""
        terms = self.merit.terms.all
        if not all(term.is_convex for term in terms if term.requirement.kind == "goal"):
            return None
        self._set_band(0.0)
        builders = [rows for rows, term in zip(self.builders, terms, strict=True) if term.is_convex]
        nothing, iterate = np.zeros(self.iterate.shares.shape), self.best[0]
        program = self._begin_program(builders, iterate, _largest_shares(iterate.shares), nothing, nothing + np.inf)
        optimum = self._solve_with_cuts(program, builders, _BOUND_ROUNDS)
        return optimum.objective if optimum.complete else None

    @property
    def _is_spent(self) -> bool:
        return self.iterations >= self.settings.iteration_budget

    @property
    def _has_band(self) -> bool:
        return any(isinstance(rows, _BANDED) and rows.band_k > 0.0 for rows in self.builders)

    def _set_band(self, band_k: float) -> bool:
        """Give percentiles a band; false where there is none to give."""
        percentiles = [rows for rows in self.builders if isinstance(rows, _BANDED)]
        for rows in percentiles:
            rows.band_k = band_k
        return bool(percentiles)

    def _accept(self, iterate: Iterate, value: float | None = None) -> None:
        self.iterate, self.value = iterate, self.merit(iterate) if value is None else value
        if self.value < self.best[1]:
            self.best = self.iterate, self.value

    def _tell(self) -> None:
        if self.control.progress is None:
            return
        iterate, value = self.best
        limits = [
            (term.bound.excess_k(term.value_k(iterate)) - term.bound.margin_k, term.label)
            for term in self.merit.terms.required
            if term.requirement.kind == "limit"
        ]
        worst = max(limits, default=(-np.inf, ""))
        self.control.progress(Progress(self.iterations, value, *worst, time.perf_counter() - self._began))

    def _result(self, status: SearchStatus, bound: float | None) -> Shares:
        return replace(
            self.merit.evaluate(self.best[0], status=status, method=METHOD),
            bound=bound,
            iterations=self.iterations,
            seconds=time.perf_counter() - self._began,
            starts=tuple(self.ends),
            start_values_k=tuple(self.end_values_k),
        )


def _largest_shares(shares: Array) -> BoolArray:
    """Columns with which a first program begins: the largest shares of each window."""
    found = np.zeros(shares.shape, bool)
    np.put_along_axis(found, np.argsort(shares, axis=1)[:, -_FIRST_COLUMNS:], True, axis=1)
    return found & (shares > 0.0)
