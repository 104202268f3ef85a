"""A second method with nothing in common but the gradients: to check what the linear programs found."""

from __future__ import annotations

from scipy.optimize import minimize

from ..base.arrays import Array
from ..goals import Resolved
from .program.modal_heat import ModalHeat, Model
from .program.penalty import softplus
from .program.search_terms import Iterate
from .sequential_lp import SequentialLP
from .settings import Settings, Shares

_ROUNDINGS_K = (0.5, 0.15, 0.05, 0.02)
_DUTY_COST = 1000.0
_DUTY_ROUNDING = 0.02
_NO_SLOPE = 1e-12


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
        value_k, by_share = term.share_slope(look)
        penalty, steepness = term.bound.rounded_penalty(value_k, rounding_k)
        total += penalty
        if steepness > _NO_SLOPE:
            slope += (-steepness if term.bound.at_least else steepness) * by_share
    penalties, steep = softplus(over, _DUTY_ROUNDING * rounding_k)
    return total + _DUTY_COST * float(penalties.sum()), (slope + _DUTY_COST * steep[:, None]).ravel()
