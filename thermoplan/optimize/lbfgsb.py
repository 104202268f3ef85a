"""L-BFGS-B on rounded penalties: a second method that shares only the gradients, to check the linear programs with."""

from __future__ import annotations

import time
from dataclasses import replace

from scipy.optimize import minimize

from ..base.arrays import Array
from ..goals import Resolved
from .merit_function import MeritFunction
from .program.modal_heat import ModalHeat, Model
from .program.penalty import softplus
from .program.search_terms import Iterate
from .settings import Settings, Shares
from .starting_points import even_start

METHOD = "L-BFGS-B on rounded penalties"
_ROUNDINGS_K = (0.5, 0.15, 0.05, 0.02)
"""Widths over which the corners of the penalties are rounded, one after the other: the first for a way to go, the last
for a plan within a fiftieth of a kelvin. With the last alone merits end up to a third higher."""
_MEMORY = 30
"""Steps from which the Hessian is made; with ten or sixty plans are as good."""
_DUTY_COST = 1000.0
"""Price of a share beyond the duty: as dear as a limit. At a tenth of it plans exceed the duty, and lose merit when
they are scaled down at the end; at twice as much they are as good."""
_DUTY_ROUNDING_K = 0.02
"""Width of the duty's corner for each kelvin of the others', as a share heats by some tens of kelvins; twice as much
makes plans of the same merit."""
_NO_SLOPE = 1e-12
"""A penalty with less slope is flat, and its gradient is not computed."""


def lbfgsb_shares(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    settings: Settings | None = None,
    start: Array | None = None,
    evaluations: int = 300,
) -> Shares:
    """Shares found by L-BFGS-B on the penalties of the search, their corners rounded less and less.

    Slower than `optimize_shares` and no better where that works; where it finds a lower objective, the linear
    programs stopped at a local optimum. Duty is a penalty too, and made exact at the end.
    """
    began, settings = time.perf_counter(), settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    merit = MeritFunction(heat, resolved, settings)
    first = even_start(merit).shares if start is None else heat.checked(start)
    now, best, iterations = first.ravel(), merit.fitted(first), 0
    for rounding_k in _ROUNDINGS_K:

        def smooth(a: Array, rounding_k: float = rounding_k) -> tuple[float, Array]:
            return _rounded_merit(merit, a.reshape(first.shape), rounding_k)

        result = minimize(
            smooth,
            now,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, settings.max_duty)] * len(now),
            options={"maxfun": evaluations // len(_ROUNDINGS_K), "maxcor": _MEMORY},
        )
        now = result.x
        best = min(best, merit.fitted(now.reshape(first.shape)), key=merit)
        iterations += int(result.nfev)
    found = merit.evaluate(best, status="converged", method=METHOD)
    return replace(found, iterations=iterations, seconds=time.perf_counter() - began)


def _rounded_merit(merit: MeritFunction, shares: Array, rounding_k: float) -> tuple[float, Array]:
    """Merit with its corners, and that of the duty, rounded; and its slope ``(w * c,)``."""
    iterate, over = Iterate(merit.heat, shares), shares.sum(axis=1) - merit.settings.max_duty
    total = float((merit.share_cost * shares).sum())
    slope = merit.share_cost.copy()
    for term in merit.terms.all:
        value_k, by_share = term.share_slope(iterate)
        penalty, steepness = term.bound.rounded_penalty(value_k, rounding_k)
        total += penalty
        if steepness > _NO_SLOPE:
            slope += (-steepness if term.bound.at_least else steepness) * by_share
    penalties, steep = softplus(over, _DUTY_ROUNDING_K * rounding_k)
    return total + _DUTY_COST * float(penalties.sum()), (slope + _DUTY_COST * steep[:, None]).ravel()
