"""A second method with nothing in common but the gradients: to check what the linear programs found."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from ..base.arrays import Array
from ..goals import Resolved
from .program.linearize import gradient
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import Iterate, SearchTerm
from .sequential_lp import SequentialLP
from .settings import Settings, Shares

_ROUNDINGS_K = (0.5, 0.15, 0.05, 0.02)
_DUTY_COST = 1000.0


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
    settings = settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    search = SequentialLP(heat, resolved, settings, None)
    shape = (heat.n_windows, heat.n_columns)
    if start is None:
        start = search.even().shares
    now = heat.checked(start).ravel()
    found = search.fitted(now.reshape(shape))
    for rounding_k in _ROUNDINGS_K:

        def smooth(a: Array, rounding_k: float = rounding_k) -> tuple[float, Array]:
            return _smooth(search, a.reshape(shape), rounding_k)

        result = minimize(
            smooth,
            now,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, settings.max_duty)] * len(now),
            options={"maxfun": evaluations // len(_ROUNDINGS_K), "maxcor": 30},
        )
        now = result.x
        found = min(found, search.fitted(now.reshape(shape)), key=search.merit_of)
        search.iterations += int(result.nfev)
    search.best = found, search.merit_of(found)
    return search.result("converged", None, "L-BFGS-B on rounded penalties")


def _smooth(search: SequentialLP, shares: Array, rounding_k: float) -> tuple[float, Array]:
    look, over = Iterate(search.heat, shares), shares.sum(axis=1) - search.settings.max_duty
    total = float((search.share_cost * shares).sum())
    slope = search.share_cost.copy()
    for term in search.terms:
        value_slopes, value_k = gradient(term, look)
        penalty, steepness = _rounded(term, term.excess_k(value_k), rounding_k)
        total += penalty
        if steepness > 1e-12:
            sign = -1.0 if term.at_least else 1.0
            slope += sign * steepness * search.heat.gradient(search.heat.adjoint(value_slopes))
    penalty, steepness = _softplus(over, 0.02 * rounding_k)
    return total + _DUTY_COST * float(penalty.sum()), (slope + _DUTY_COST * steepness[:, None]).ravel()


def _rounded(term: SearchTerm, excess_k: float, rounding_k: float) -> tuple[float, float]:
    """`Term.penalty` with its corners rounded, and its slope."""
    first, slope = _softplus(np.array(excess_k), rounding_k)
    second, more = _softplus(np.array(excess_k - term.soft_k), rounding_k)
    rest = term.cost - term.soft_cost
    return float(term.soft_cost * first + rest * second), float(term.soft_cost * slope + rest * more)


def _softplus(x: Array, width: float) -> tuple[Array, Array]:
    return width * np.logaddexp(0.0, x / width), 0.5 * (1.0 + np.tanh(0.5 * x / width))
