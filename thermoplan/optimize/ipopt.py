"""Interior-point method beside the linear programs: Ipopt on the same goals, limits and exact gradients."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeGuard

import numpy as np

from ..base.arrays import Array, IntArray
from ..base.errors import MissingPart
from ..goals import Resolved
from .merit_function import MeritFunction
from .program.linearize import node_plane
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import GoalTerm, Iterate, Term
from .settings import SearchStatus, Settings, Shares
from .starting_points import even_start

METHOD = "Ipopt with cutting planes"
_WORST = 12
"""Hottest nodes that get a row at once; neighbours are as hot, so more rows are denser work for the same plan."""
_NEAR_K = 0.7
"""Nodes this near to the bound get a row before a trial breaks it."""
_TOLERANCE_K = 2e-3
"""Violation of a row that adds no further one."""
_NO_ROOM = 1e-9
"""Upper bound of a slack whose margin is zero: Ipopt needs an interior."""
_MOST_SLACK_K = 1e3
"""Upper bound of a slack, far beyond any temperature."""
_NO_BOUND = -2e19
"""Lower bound that Ipopt takes for none."""
_OPTIONS: dict[str, str | int | float] = {
    "hessian_approximation": "limited-memory",
    "limited_memory_max_history": 30,  # penalties have corners; with the default of 6 plans are as good
    "mu_strategy": "adaptive",  # the monotone one takes twice the evaluations
    "bound_push": 1e-4,  # most shares of a plan are at their bounds; at the default of 1e-2 a fifth more evaluations
    "bound_frac": 1e-4,
    "slack_bound_push": 1e-4,
    "tol": 1e-5,  # of penalties, a millionth of what a missed goal costs
    "acceptable_tol": 1e-3,
    "acceptable_iter": 8,
    "acceptable_obj_change_tol": 1e-5,
    "print_level": 0,
    "sb": "yes",
}


def ipopt_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    evaluations: int = 300,
) -> Shares:
    """Shares found by Ipopt (``pip install 'thermoplan[ipopt]'``), every evaluation of the goals counted.

    The problem is that of `optimize_shares`, not rounded: each goal or limit may give way by two bounded variables at
    the price of its penalty. A largest temperature is linear rows at the nodes that trials make hottest, added until
    none is missing; any other is one row, whose value and gradient are exact at each trial. The Hessian is that of
    limited-memory BFGS, steps are Ipopt's own.
    """
    problem_type = _load_ipopt()
    began, settings = time.perf_counter(), settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    merit = MeritFunction(heat, resolved, settings)
    first = even_start(merit) if start is None else merit.fitted(heat.checked(start))
    problem = _InteriorProblem(merit, first)
    status: SearchStatus = "iteration limit"
    while problem.evaluations < evaluations:
        problem.solve(problem_type, evaluations - problem.evaluations)
        if not problem.cut():
            status = "converged"
            break
    found = merit.evaluate(problem.best[0], status=status, method=METHOD)
    return replace(found, iterations=problem.evaluations, seconds=time.perf_counter() - began)


def _load_ipopt() -> Callable[..., _IpoptProblem]:
    """The class of problems of the package that wraps Ipopt, which has no types."""
    try:
        from ipyopt import Problem
    except ImportError:
        raise MissingPart("the interior-point method needs Ipopt: pip install 'thermoplan[ipopt]'") from None
    found: Callable[..., _IpoptProblem] = Problem
    return found


class _IpoptProblem(Protocol):
    """Problem of the package that wraps Ipopt, which has no types."""

    def solve(self, x: Array) -> object: ...


class _InteriorProblem:
    """Problem as Ipopt sees it: variables are the shares ``(w * c,)`` and two slacks a term; rows are duty, then terms
    but those of the hottest node, then cuts of those."""

    def __init__(self, merit: MeritFunction, first: Iterate) -> None:
        self.merit, self.heat, self.evaluations = merit, merit.heat, 0
        self.terms = terms = merit.terms.all
        self.hottest = {i: term for i, term in enumerate(terms) if _is_hottest(term)}
        self.smooth = [i for i in range(len(terms)) if i not in self.hottest]
        self.n, self.windows = first.shares.size, len(first.shares)
        self.cost = np.concatenate([merit.share_cost.ravel(), *([t.bound.soft_cost, t.bound.cost] for t in terms)])
        self.cuts: list[tuple[int, Array, float]] = []
        self._written: set[tuple[int, int, int]] = set()
        self.iterate, self.best = first, (first, merit(first))
        for i, term in self.hottest.items():
            self._cut(i, first, term.bound.aim_k - _NEAR_K)

    def solve(self, problem_type: Callable[..., _IpoptProblem], evaluations: int) -> None:
        """Solve from the best plan so far."""
        n_rows, terms = self.windows + len(self.smooth) + len(self.cuts), self.terms
        soft = [t.bound.soft_k if t.bound.soft_k > 0.0 else _NO_ROOM for t in terms]
        upper = np.concatenate([np.ones(self.n), *([s, _MOST_SLACK_K] for s in soft)])
        first = self.best[0]
        excess = [t.bound.excess_k(t.value_k(first)) for t in terms]
        gives = np.concatenate([[min(max(e, 0.0), s), max(e - s, 0.0)] for e, s in zip(excess, soft, strict=True)])
        limits = np.concatenate([np.full(self.windows, self.merit.settings.max_duty), np.zeros(n_rows - self.windows)])
        rows, columns = self._pattern()
        problem = problem_type(
            self.n + 2 * len(terms),
            np.zeros(len(upper)),
            upper,
            n_rows,
            np.full(n_rows, _NO_BOUND),
            limits,
            (rows, columns),
            (np.zeros(0, int), np.zeros(0, int)),
            self._objective,
            self._gradient,
            self._values,
            self._jacobian,
            ipopt_options=_OPTIONS | {"max_iter": evaluations},
        )
        start = np.concatenate([first.shares.ravel(), gives])
        problem.solve(np.clip(start, 0.0, upper))

    def cut(self) -> int:
        """Add rows for the hottest nodes that Ipopt's last plan, and the best, did not know of; how many."""
        return sum(
            self._cut(i, iterate, term.bound.aim_k + _TOLERANCE_K)
            for i, term in self.hottest.items()
            for iterate in (self.iterate, self.best[0])
        )

    def _cut(self, i: int, iterate: Iterate, above_c: float) -> int:
        term = self.hottest[i]
        kept, temperature = iterate.at(term.region_nodes)
        when, peak = temperature.argmax(axis=0), temperature.max(axis=0)
        before = len(self.cuts)
        for k in np.argsort(peak)[::-1][:_WORST]:
            key = (i, int(kept[k]), int(when[k]))
            if peak[k] > above_c and key not in self._written:
                self._written.add(key)
                adjoint, constant = node_plane(iterate, term, *key[1:])
                self.cuts.append((i, self.heat.gradient(adjoint).ravel(), constant - term.bound.aim_k))
        return len(self.cuts) - before

    def _pattern(self) -> tuple[IntArray, IntArray]:
        """Rows and columns of the Jacobian's entries."""
        duty = (np.repeat(np.arange(self.windows), self.n // self.windows), np.arange(self.n))
        rows, columns = [duty[0]], [duty[1]]
        for row, i in enumerate([*self.smooth, *(i for i, _, _ in self.cuts)], start=self.windows):
            rows.append(np.full(self.n + 2, row))
            columns.append(np.concatenate([np.arange(self.n), self.n + 2 * i + np.arange(2)]))
        return np.concatenate(rows), np.concatenate(columns)

    def _iterate(self, x: Array) -> Iterate:
        """The iterate at Ipopt's variables, evaluated once."""
        shares = np.clip(x[: self.n], 0.0, None).reshape(self.iterate.shares.shape)
        if not np.array_equal(shares, self.iterate.shares):
            self.iterate = Iterate(self.heat, shares)
            self.evaluations += 1
        return self.iterate

    def _objective(self, x: Array) -> float:
        return float(self.cost @ x)

    def _gradient(self, x: Array, out: Array) -> Array:
        out[:] = self.cost
        iterate = self._iterate(x)
        fits = iterate.shares.sum(axis=1).max() <= self.merit.settings.max_duty
        fitting = iterate if fits else self.merit.fitted(iterate.shares)
        value = self.merit(fitting)
        if value < self.best[1]:
            self.best = fitting, value
        return out

    def _values(self, x: Array, out: Array) -> Array:
        iterate, terms = self._iterate(x), self.terms
        given = x[self.n :].reshape(-1, 2).sum(axis=1)
        out[: self.windows] = iterate.shares.sum(axis=1)
        at = self.windows
        for i in self.smooth:
            out[at] = terms[i].bound.excess_k(terms[i].value_k(iterate)) - given[i]
            at += 1
        for i, slope, constant in self.cuts:
            out[at] = slope @ x[: self.n] + constant - given[i]
            at += 1
        return out

    def _jacobian(self, x: Array, out: Array) -> Array:
        iterate = self._iterate(x)
        out[: self.n] = 1.0
        blocks = out[self.n :].reshape(-1, self.n + 2)
        blocks[:, self.n :] = -1.0
        for row, i in enumerate(self.smooth):
            term = self.terms[i]
            by_share = term.share_slope(iterate)[1].ravel()
            blocks[row, : self.n] = -by_share if term.bound.at_least else by_share
        for row, (_, slope, _) in enumerate(self.cuts, start=len(self.smooth)):
            blocks[row, : self.n] = slope
        return out


def _is_hottest(term: Term) -> TypeGuard[GoalTerm]:
    return (
        isinstance(term, GoalTerm)
        and not term.at_least
        and term.metric.caps_temperature
        and term.row.goal.window is None
    )
