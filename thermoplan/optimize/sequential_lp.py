"""The search for the best time shares.

Sequential linear programs. Temperature is affine in the shares, so temperature limits are cutting planes and
a temperature plan is a convex program whose lower bound is reported; doses and percentiles are replaced by
what is exact at the iterate (`search.linearize`, `search.knots`). An exact penalty decides: limits, then goals
by priority and weight, then a margin for what verification adds, then heat outside the targets and the
targets' own peak.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array
from ..base.errors import SolverError
from ..goals import Resolved
from .objective import merit_terms, outside_heat, worth_of
from .program.linear_program import Optimum, Program
from .program.linearize import DoseCuttingPlanes
from .program.modal_heat import ModalHeat
from .program.percentile_rows import PercentileRows
from .program.row_builders import RowBuilder, build_rows
from .program.search_terms import Iterate
from .settings import Progress, Settings, Shares, Watcher

METHOD = "sequential linear programs with cutting planes (HiGHS)"
_INNER, _BOUND_ROUNDS = 10, 100
_BANDS_K, _ALL_MET = (0.1, 0.02, 0.0), 2.0
_RADII, _FREED_RADII = (1.0, 1e-3), (0.3, 0.05)
_PERCENTILES = (PercentileRows, DoseCuttingPlanes)
_STALLED = 2
_KEPT, _NARROWER, _CUT_OFF = 0.75, (0.05, 0.7), 0.25
_SUFFICIENT = 0.5
_MANY_WINDOWS, _COARSER, _PARTS = 16, 3, 3
_FIRST_COLUMNS, _FEW_COLUMNS, _RANDOM_COLUMNS, _PRUNINGS = 12, 4, 8, 12
_FIRST_SCALES = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 14)])


@dataclass(frozen=True, slots=True)
class _Move:
    """What one linear program promised, what came of it, and how far its trial lay; ``bound`` is a lower bound of the
    objective where the problem is convex."""

    gain: float
    promised: float
    step: float
    bound: float | None

    def next_radius(self, radius: float, most: float) -> float:
        """Wider where the promise was kept. Narrower where it was not: to where gain would be largest if it fell
        behind its promise as the square of the step; and where rows that are no bounds cut off the iterate itself."""
        if self.promised < 0.0:
            return _CUT_OFF * radius
        if self.gain >= _KEPT * self.promised:
            return min(most, 2.0 * radius) if self.step > 0.99 * radius else radius
        best = self.promised / (2.0 * (self.promised - self.gain))
        return min(radius, self.step) * float(np.clip(best, *_NARROWER))


class SequentialLP:
    """One search; `run` it once."""

    def __init__(self, heat: ModalHeat, resolved: Resolved, settings: Settings, progress: Watcher | None) -> None:
        self.heat, self.settings, self._watch, self.resolved = heat, settings, progress, resolved
        self._began = time.perf_counter()
        self.merit_terms = merit_terms(resolved, heat, settings)
        self.terms = self.merit_terms.all
        self.required = self.merit_terms.required
        self.forms: list[RowBuilder] = [build_rows(term) for term in self.terms]
        self.share_cost = settings.heat_cost * outside_heat(resolved, heat)
        self.look = Iterate(heat, np.zeros((heat.n_windows, heat.n_columns)))
        self.merit = self.merit_of(self.look)
        self.best = self.look, self.merit
        self._allowed = np.ones(self.look.shares.shape, bool)
        self.iterations = 0
        self.ends: list[float] = []
        self._anchor: Array | None = None

    def run(self, start: Array | None = None) -> Shares:
        status, bound = "interrupted", None
        try:
            if self.settings.max_duty > 0.0 and self.required:
                given = None if start is None else self.fitted(self.heat.checked(start))
                if given is not None and self.settings.reach is not None:
                    self._anchor = given.shares
                for first in self.starts(given):
                    self._accept(first)
                    status, bound = self._iterate(bound)
                    self.ends.append(self.merit)
                    if self.best[1] < _ALL_MET or status == "optimal" or self._late() or self._anchor is not None:
                        break
                status, bound = self._freed(status, bound)
                status, bound = self._pruned(status, bound) if self._anchor is None else (status, None)
                if status != "optimal":
                    bound = max(filter(None, (bound, self._relaxed())), default=None)
                if bound is not None and self.best[1] - bound <= self.settings.tolerance * (1.0 + abs(bound)):
                    status = "optimal"
            else:
                status = "optimal"
        except KeyboardInterrupt:
            status = "interrupted"
        return self.result(status, bound)

    def _pruned(self, status: str, bound: float | None) -> tuple[str, float | None]:
        """Search on without the shares that are too small to be played, soon only with those there are."""
        for i in range(_PRUNINGS):
            shares = self.best[0].shares
            small = (shares > 0.0) & (shares < self.settings.min_share)
            if not small.any():
                break
            self._allowed &= ~small & ((i < 1) | (shares > 0.0))
            self.best = Iterate(self.heat, np.zeros_like(shares)), np.inf
            self._accept(Iterate(self.heat, np.where(small, 0.0, shares)))
            status, _ = self._iterate(None)
        return status, bound

    def starts(self, given: Iterate | None) -> Iterator[Iterate]:
        """The given plan or equal shares of what heats the targets best; then the best place alone, then
        random places."""
        worth = worth_of(self.merit_terms.rows, self.heat)
        yield given or (self._coarse() if self.heat.n_windows > _MANY_WINDOWS else self.even())
        rng = np.random.default_rng(0)
        for i in range(1, self.settings.starts if self.heat.n_columns > _FEW_COLUMNS else 1):
            alone = worth >= worth.max(initial=0.0)
            yield self._scaled(alone if i == 1 else _few(rng, worth))
        if self.heat.n_windows <= _MANY_WINDOWS and (given is None or self.settings.starts > 1):
            yield from self._bursts()

    def even(self) -> Iterate:
        """Equal shares of what heats the targets best, throughout."""
        worth = worth_of(self.merit_terms.rows, self.heat)
        return self._scaled(worth >= 0.5 * worth.max(initial=0.0))

    def _bursts(self) -> Iterator[Iterate]:
        """The best plan's columns in an early, a middle and a late part of the session alone. A dose is convex in the
        temperature, so that a short hot plan and a long mild one can be optima each of its own."""
        edges, middles = self.heat.window_edges_s, 0.5 * (self.heat.window_edges_s[1:] + self.heat.window_edges_s[:-1])
        if self.heat.n_windows < 2 or not any(
            t.at_least and t.metric.scale.is_logarithmic for t in self.merit_terms.rows
        ):
            return
        third = np.minimum((_PARTS * middles / edges[-1]).astype(int), _PARTS - 1)
        for part in np.unique(third):
            yield self._scaled(np.diff(edges) @ self.best[0].shares, third == part)

    def _coarse(self) -> Iterate:
        """The plan of a search in a third as many windows: most of the way for a tenth of the time."""
        edges = self.heat.window_edges_s
        kept = np.unique(np.append(np.arange(0, len(edges), _COARSER), len(edges) - 1))
        heat = ModalHeat(self.heat.model, edges[kept], self.settings.cool_down_s, self.settings.step_s)
        found = SequentialLP(heat, self.resolved, replace(self.settings, starts=1, min_share=0.0), self._watch).run()
        self._accept(Iterate(self.heat, np.repeat(found.shares, np.diff(kept), axis=0)))
        if found.status == "interrupted":
            raise KeyboardInterrupt
        return self.look

    def _scaled(self, pattern: Array, windows: Array | None = None) -> Iterate:
        """The same shares in every window, or in some, at the best common scale."""
        full = np.tile(pattern / max(float(pattern.sum()), 1e-30) * self.settings.max_duty, (self.heat.n_windows, 1))
        full[np.zeros(len(full), bool) if windows is None else ~windows] = 0.0
        return min((self.fitted(full * scale) for scale in _FIRST_SCALES), key=self.merit_of)

    def merit_of(self, look: Iterate) -> float:
        penalties = sum(term.bound.penalty(term.value_k(look)) for term in self.terms)
        return float(penalties + (self.share_cost * look.shares).sum())

    def fitted(self, shares: Array) -> Iterate:
        """A look at shares, scaled down in windows where they exceed the duty."""
        sums = shares.sum(axis=1, keepdims=True)
        return Iterate(self.heat, shares * np.minimum(1.0, self.settings.max_duty / np.maximum(sums, 1e-30)))

    def _accept(self, look: Iterate, merit: float | None = None) -> None:
        self.look, self.merit = look, self.merit_of(look) if merit is None else merit
        if self.merit < self.best[1]:
            self.best = self.look, self.merit

    def _iterate(self, bound: float | None, radii: tuple[float, float] = _RADII) -> tuple[str, float | None]:
        """Linearise and solve within a radius that follows what came of it, until nothing more is promised or it falls
        below the second of the ``radii``; parts of the duty."""
        settings, duty, small = self.settings, self.settings.max_duty, 0
        radius, least = (part * duty for part in radii)
        self._active, first = _largest(self.look.shares), self.iterations
        convex = self._anchor is None and not self._banded and all(term.is_convex for term in self.terms)
        for self.iterations in range(first + 1, first + settings.max_iterations + 1):
            move = self._advance(radius)
            if convex and radius >= duty and move.bound is not None:
                bound = move.bound if bound is None else max(bound, move.bound)
            self._tell()
            scale = settings.tolerance * (1.0 + abs(self.merit))
            if bound is not None and self.merit - bound <= scale:
                return "optimal", bound
            if self._late():
                return "iteration limit", bound
            small = small + 1 if 0.0 < move.gain <= scale else 0
            radius = move.next_radius(radius, duty)
            if 0.0 <= move.promised <= scale or small >= _STALLED or radius < least:
                return "converged", bound
        return "iteration limit", bound

    def _freed(self, status: str, bound: float | None) -> tuple[str, float | None]:
        """From the best plan on with freer percentiles, which may trade one node for another."""
        if self.best[1] < _ALL_MET or status != "converged":
            return status, bound
        self._accept(*self.best)
        for band_k in _BANDS_K if self._loosen(_BANDS_K[0]) else ():
            self._loosen(band_k)
            status, bound = self._iterate(bound, _FREED_RADII)
        return status, bound

    def _late(self) -> bool:
        return time.perf_counter() - self._began > self.settings.time_limit_s

    @property
    def _banded(self) -> bool:
        return any(isinstance(form, _PERCENTILES) and form.band_k > 0.0 for form in self.forms)

    def _relaxed(self) -> float | None:
        """What no plan falls below where every goal is convex: the optimum without the terms that are not, which can
        but add to it. None where it would take too many columns."""
        convex = [term.is_convex for term in self.terms]
        goals = [known for known, term in zip(convex, self.terms, strict=True) if term.requirement.kind == "goal"]
        if not all(goals):
            return None
        self._loosen(0.0)
        forms = [form for form, known in zip(self.forms, convex, strict=True) if known]
        nothing, look = np.zeros(self.look.shares.shape), self.best[0]
        program = Program(
            self.heat,
            self.share_cost,
            lower=nothing,
            upper=nothing + np.inf,
            max_duty=self.settings.max_duty,
            active=_largest(look.shares),
        )
        for form in forms:
            form.begin(program, look)
        optimum = self._cut(program, forms, _BOUND_ROUNDS)
        return optimum.objective if optimum.complete else None

    def _cut(self, program: Program, forms: list[RowBuilder], rounds: int = 3 * _INNER) -> Optimum:
        """A program's optimum with every row that it needs, as far as some rounds go."""
        for _ in range(rounds):
            optimum = program.solve()
            trial = Iterate(self.heat, optimum.shares)
            if not sum(form.cut(program, trial, optimum.variables) for form in forms):
                break
        return optimum

    def _loosen(self, band_k: float) -> bool:
        """Give percentiles a band; false where there is none to give."""
        percentiles = [form for form in self.forms if isinstance(form, _PERCENTILES)]
        for form in percentiles:
            form.band_k = band_k
        return bool(percentiles)

    def _advance(self, radius: float) -> _Move:
        """One linearisation, accepted where it is better."""
        program = self._program(self._active, radius)
        trial, merit, optimum = self._step(program)
        self._active = optimum.shares > 0.0
        move = _Move(
            self.merit - merit,
            self.merit - optimum.objective,
            float(np.abs(trial.shares - self.look.shares).max()),
            optimum.objective if optimum.complete else None,
        )
        if move.gain > 0.0:
            self._accept(trial, merit)
        return move

    def _program(self, active: Array, radius: float) -> Program:
        now, duty = self.look.shares, self.settings.max_duty
        upper = np.where(self._allowed, np.where(now + radius < duty, now + radius, np.inf), 0.0)
        lower = np.maximum(0.0, now - radius)
        if self._anchor is not None:
            upper = np.minimum(upper, self._anchor + self.settings.reach)
            lower = np.maximum(lower, self._anchor - self.settings.reach)
        program = Program(self.heat, self.share_cost, lower=lower, upper=upper, max_duty=duty, active=active)
        for form in self.forms:
            form.begin(program, self.look)
        return program

    def priced(self, shares: Array) -> tuple[Program, Optimum]:
        """The linear program at a plan, with every row that it needs: its multipliers are the plan's prices."""
        self._accept(Iterate(self.heat, self.heat.checked(shares)))
        program = self._program(self.look.shares > 0.0, self.settings.max_duty)
        return program, self._cut(program, self.forms)

    def _step(self, program: Program) -> tuple[Iterate, float, Optimum]:
        """Best trial of one linearisation, its merit, and what the program had last."""
        best: tuple[Iterate, float] | None = None
        for _ in range(_INNER):
            optimum: Optimum = program.solve()
            trial = Iterate(self.heat, optimum.shares)
            merit = self.merit_of(trial)
            if best is None or merit < best[1]:
                best = trial, merit
            missing = sum(form.cut(program, trial, optimum.variables) for form in self.forms)
            promised = self.merit - optimum.objective
            if not missing or self.merit - merit > _SUFFICIENT * promised > self.settings.tolerance * self.merit:
                break
        if best is None:
            raise SolverError("optimizer: no trial was made")
        return *best, optimum

    def _tell(self) -> None:
        if self._watch is None:
            return
        look, merit = self.best
        limits = [
            (term.bound.excess_k(term.value_k(look)) - term.bound.margin_k, term.label)
            for term in self.required
            if term.requirement.kind == "limit"
        ]
        worst = max(limits, default=(-np.inf, ""))
        self._watch(Progress(self.iterations, merit, *worst, time.perf_counter() - self._began))

    def result(self, status: str, bound: float | None, method: str = METHOD) -> Shares:
        look, merit = self.best
        values = tuple(term.value_stated(look) for term in self.required)
        rows = zip((term.requirement for term in self.required), values, strict=True)
        broken = tuple(row.label for row, value in rows if not row.met(value))
        return Shares(
            look.shares,
            self.heat.window_edges_s,
            values,
            broken,
            status,
            merit,
            bound,
            self.iterations,
            time.perf_counter() - self._began,
            method,
            tuple(self.ends),
        )


def _largest(shares: Array) -> Array:
    """Which columns a first program begins with: the largest of each window; others enter when they are worth it."""
    found = np.zeros(shares.shape, bool)
    np.put_along_axis(found, np.argsort(shares, axis=1)[:, -_FIRST_COLUMNS:], True, axis=1)
    return found & (shares > 0.0)


def _few(rng: np.random.Generator, worth: Array) -> Array:
    """Random shares of a few columns, likelier the more they heat the targets."""
    chance = worth / max(float(worth.sum()), 1e-30)
    drawn = rng.choice(len(worth), min(_RANDOM_COLUMNS, int((worth > 0.0).sum())), replace=False, p=chance)
    pattern = np.zeros(len(worth))
    pattern[drawn] = 0.2 + rng.random(len(drawn))
    return pattern
