"""Prices of limits: multipliers of a plan, and for the dearest limits a new search each way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from ..base.arrays import Array
from ..goals import GoalRow, Requirement, Resolved, Widening, row_value
from .merit_function import MeritFunction
from .priorities import weighted_shares
from .program.modal_heat import ModalHeat, Model
from .program.search_terms import GoalTerm, Iterate
from .sequential_lp import SequentialLP
from .settings import Settings, Shares

_ACTIVE_K = 0.25
"""A limit with less room is called active: the margins of search and verification together."""
LEAST_GAIN = 1e-2
"""Gain per kelvin or doubling from which on a limit counts as standing against a goal; less is rounding of prices."""
_TOLD_K = 0.02
"""Gain that is worth a sentence; twice as much would leave out what shows in a plan's numbers."""
_SHOWN_K = 5e-3
"""Change of a goal by a search of which nothing is said: searches stop within a thousandth of their merit."""
_MOST_VERIFIED = 3
"""Limits whose price is verified, the dearest first; each takes two searches."""
_STEP_K = 0.02
"""Step of the difference that tells how a dose follows its temperature."""
_FARTHEST_K = 40.0
"""Rise or fall of a whole tissue within which the temperature behind a dose is sought: from that of blood to the
highest that tissue is planned for."""
_STEPS = {
    "K": ("1 K wider", "1 K narrower"),
    "doubling": ("twice as wide", "half as wide"),
    "tenth": ("a tenth wider", "a tenth narrower"),
}
"""Words for a limit that is one step of its scale wider, and narrower."""


@dataclass(frozen=True, slots=True)
class WidenedLimit:
    """Outcome of a new search with one limit a step wider or narrower: the goal's value, and what it gains in kelvins
    of its temperature (negative where it loses)."""

    goal_value: float
    gain_k: float


@dataclass(frozen=True, slots=True)
class LimitCost:
    """Cost of one limit, or of another goal, for the goal that is asked about.

    ``gain`` is what that goal gains (K, or doublings of its dose) per unit by which the limit is widened (K, or
    doublings of its dose), to first order: where several limits bind, a wider one gains less and a narrower one costs
    more. ``gain_k`` is the same in kelvins of the temperature behind a dose. ``wider`` and ``narrower`` are found by a
    new search each, for the dearest limits; ``number`` is that of the requirement.
    """

    number: int
    label: str
    value: float
    bound: float
    active: bool
    gain: float
    gain_k: float
    sentence: str
    wider: WidenedLimit | None = None
    narrower: WidenedLimit | None = None


def most_of_goal(model: Model, resolved: Resolved, shares: Shares, settings: Settings) -> Shares:
    """Plan that has the most of a goal that cannot be met, searched from a given one; no share is too small for it."""
    return weighted_shares(
        model,
        resolved,
        window_edges_s=shares.window_edges_s,
        start=shares.shares,
        settings=replace(settings, starts=1, min_share=0.0, reach=None),
    )


class LimitPrices:
    """Multipliers of a plan's rows, per unit of one goal."""

    def __init__(self, model: Model, resolved: Resolved, shares: Shares, settings: Settings, asked: int) -> None:
        heat = ModalHeat(model, shares.window_edges_s, settings.cool_down_s, settings.step_s)
        merit = MeritFunction(heat, resolved, settings)
        search = SequentialLP(merit)
        program, optimum = search.multipliers(shares.shares)
        raw = [program.price(optimum, term.bound.slack[1]) for term in merit.terms.required]
        unit = raw[asked] if raw[asked] > 0.0 else np.inf
        self.model, self.resolved, self.asked, self.of = model, resolved, asked, [price / unit for price in raw]
        self.duty_gain = 0.1 * float(optimum.duty.sum()) / unit
        self.temperature = _GoalTemperature(merit.terms.rows[asked], search.iterate)
        self.doublings_per_k = self.temperature.doublings_per_k()

    def counts(self, i: int, resolved: Resolved) -> bool:
        """True for limits, and for other goals that stand against this one."""
        limit = resolved.requirements[i].kind == "limit"
        return limit or (i != self.asked and self.of[i] > LEAST_GAIN)

    def cost(self, i: int, resolved: Resolved, shares: Shares) -> LimitCost:
        row, value, gain = resolved.requirements[i], shares.values[i], float(self.of[i])
        room = -row.short_k(value)
        gain_k = gain / self.doublings_per_k
        sentence = "" if gain_k < _TOLD_K else _gain_text(resolved.rows[self.asked], row, gain, gain_k)
        return LimitCost(i, row.label, value, row.bound, bool(room < _ACTIVE_K), gain, gain_k, sentence)


class _GoalTemperature:
    """Temperature behind a goal's value at an iterate: how much hotter its tissue would have to be for another."""

    def __init__(self, term: GoalTerm, iterate: Iterate) -> None:
        kept, self._temperature = iterate.at(term.region_nodes)
        self._row = GoalRow(term.row.goal, term.row.region, term.row.nodes[kept], term.row.weights_m3[kept])
        self._times_s, self._heating_s = iterate.heat.times_s, iterate.heat.heating_s
        self._is_dose = term.metric.scale.is_logarithmic

    def _value(self, hotter_k: float) -> float:
        temperature: Array = self._temperature + hotter_k
        return row_value(self._row, self._times_s, temperature, self._heating_s)

    def doublings_per_k(self) -> float:
        """Doublings of a dose if all of its tissue were 1 K hotter throughout; 1 for a temperature."""
        if not self._is_dose:
            return 1.0
        return float(np.log2(self._value(_STEP_K) / self._value(-_STEP_K)) / (2.0 * _STEP_K))

    def change_k(self, start: float, end: float) -> float:
        """Kelvins by which the tissue is hotter at one value of the goal than at another."""
        if not self._is_dose:
            return end - start
        at, to = (self._hotter_k(value) for value in (start, end))
        return to - at

    def _hotter_k(self, value: float) -> float:
        wanted = self._row.in_k(value)
        return float(brentq(lambda k: self._row.in_k(self._value(k)) - wanted, -_FARTHEST_K, _FARTHEST_K))


def verify_dearest(prices: LimitPrices, limits: list[LimitCost], best: Shares, settings: Settings) -> list[LimitCost]:
    """The limits, the dearest of them with what a new search finds when they are a step wider and a step narrower.

    All start from the best plan at the limits as they are, ``best``, once it has been searched on by itself.
    """
    dear = {cost.number for cost in [cost for cost in limits if cost.gain_k >= _TOLD_K][:_MOST_VERIFIED]}
    if not dear:
        return limits
    base = most_of_goal(prices.model, prices.resolved, best, settings)
    return [_verify(prices, cost, base, settings) if cost.number in dear else cost for cost in limits]


def _verify(prices: LimitPrices, cost: LimitCost, base: Shares, settings: Settings) -> LimitCost:
    asked, start = prices.asked, base.values[prices.asked]
    goal, sides = prices.resolved.rows[asked], []
    for steps in (1.0, -1.0):
        found = most_of_goal(prices.model, prices.resolved.widened(cost.number, steps), base, settings)
        change_k = prices.temperature.change_k(start, found.values[asked])
        sides.append(WidenedLimit(found.values[asked], change_k if goal.goal.sense == "at_least" else -change_k))
    text = _verified_text(goal, prices.resolved.requirements[cost.number].widening, start, sides)
    return replace(cost, sentence=text, wider=sides[0], narrower=sides[1])


def _gain_text(goal: GoalRow, limit: Requirement, gain: float, gain_k: float) -> str:
    widening = limit.widening
    dose = f" ({goal.goal.searched.metric} x {2.0 ** (widening.amount_k * gain):.2f})" if _is_dose(goal) else ""
    return f"{widening.amount_k * gain_k:.2g} K of {_temperature_name(goal)}{dose} {widening.words}"


def _verified_text(goal: GoalRow, widening: Widening, start: float, sides: Sequence[WidenedLimit]) -> str:
    """Gain by a wider limit and cost of a narrower one, as "core Tmax 1 K wider: 0.46 K more of tumour T90; ..."."""
    (wider, narrower), step = sides, _STEPS[widening.step]
    return (
        f"{widening.of} {step[0]}: {_change_text(goal, start, wider)} of {_temperature_name(goal)}; "
        f"{step[1]}: {_change_text(goal, start, narrower)} (searched anew)"
    )


def _change_text(goal: GoalRow, start: float, side: WidenedLimit) -> str:
    gain_k = side.gain_k
    words = "nothing" if abs(gain_k) < _SHOWN_K else f"{abs(gain_k):.2g} K {'more' if gain_k > 0.0 else 'less'}"
    return words + (f" ({goal.goal.searched.metric} x {side.goal_value / start:.2g})" if _is_dose(goal) else "")


def _is_dose(goal: GoalRow) -> bool:
    return goal.goal.searched.measure.scale.is_logarithmic


def _temperature_name(goal: GoalRow) -> str:
    metric, _ = goal.goal.measure.searched(goal.goal.bound)
    return f"{goal.region} {metric.temperature_name}"
