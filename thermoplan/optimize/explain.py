"""Explanation of a plan: costs of its limits, conflicts of goals, and the change that would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..goals import GoalRow, Resolved
from .limit_prices import LEAST_GAIN, LimitCost, LimitPrices, most_of_goal, verify_dearest
from .program.modal_heat import Model
from .relaxations import Relaxation, Relaxations
from .settings import Settings, Shares
from .stretch_goal import asked_goal, missed_goals, promote, stretch

_ITERATIONS = 60
"""Linear programs to find out what another limit would buy: a third of a search's own, since a plan is known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a goal: the first that is missed, else the first of all, a volume as its percentile.

    ``goal`` is row ``number`` of the plan, ``reach`` the most that can be had of it within the limits. ``limits`` with
    their costs there, dearest first; ``duty_gain`` and ``duty_gain_k`` are its gain per 0.1 of duty in all windows.
    Only where a goal is missed: ``missed`` and ``conflicts`` in words, and the ``relaxations`` that help, most helpful
    first.
    """

    number: int
    goal: GoalRow
    reach: float
    missed: tuple[str, ...]
    limits: tuple[LimitCost, ...]
    duty_gain: float
    duty_gain_k: float
    conflicts: tuple[str, ...]
    relaxations: tuple[Relaxation, ...]


def explain(
    model: Model, resolved: Resolved, shares: Shares, *, settings: Settings | None = None, relax: bool = True
) -> Explanation | None:
    """Explain a plan of `optimize_shares`; None where there is no goal.

    A plan that meets its goals is asked for more of the first one until a limit or the time stops it: that is
    its reach, and the costs are those there. With ``relax`` the dearest are searched anew each way, and where a goal is
    missed every limit that costs is tried without it.
    """
    settings = settings or Settings()
    asked = asked_goal(resolved, shares.values)
    if asked is None:
        return None
    missed, at = missed_goals(resolved, shares.values), promote(resolved, asked)
    sought = replace(settings, starts=1, reach=None, iteration_budget=min(_ITERATIONS, settings.iteration_budget))
    best = shares
    if not missed:
        at = stretch(at, asked)
        best = most_of_goal(model, at, shares, settings)
    prices = LimitPrices(model, at, best, settings, asked)
    limits = sorted(
        (prices.cost(i, resolved, shares) for i in range(len(resolved.requirements)) if prices.counts(i, resolved)),
        key=lambda cost: -cost.gain,
    )
    if relax:
        limits = verify_dearest(prices, limits, best, sought)
    labels = tuple(resolved.rows[i].label for i in missed)
    helpful: tuple[Relaxation, ...] = ()
    if relax and missed:
        helpful = Relaxations(model, resolved, asked, shares, sought).helpful(limits, prices.duty_gain)
    told = resolved.rows[asked]
    if not missed and told.goal.searched != told.goal:
        told = at.rows[asked]
    return Explanation(
        asked,
        told,
        best.values[asked],
        labels,
        tuple(limits),
        prices.duty_gain,
        prices.duty_gain / prices.doublings_per_k,
        tuple(_conflicts(labels, limits, prices.duty_gain)),
        helpful,
    )


def _conflicts(missed: tuple[str, ...], limits: list[LimitCost], duty_gain: float) -> Iterator[str]:
    against = [cost.label for cost in limits if cost.gain > LEAST_GAIN]
    if duty_gain > LEAST_GAIN:
        against.append("the time there is (more duty, amplitude or a longer session would help)")
    for label in missed[:1]:
        yield f"{label} is out of reach: against it stand {', '.join(against) or 'no limit, only the heating there is'}"
    yield from (f"{label} is missed too, and comes after it" for label in missed[1:])
