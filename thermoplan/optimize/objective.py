"""What a search aims at: a term for every goal and limit, and the price of heat where it is not wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..base.arrays import Array
from ..goals import Goal, GoalRow, Resolved
from .program.modal_heat import ModalHeat
from .program.search_terms import RegionNodes, SearchTerm
from .settings import Settings

GOAL_COST = 100.0
"""Of 1 K, or a doubling of a dose, short of a goal; beyond a limit it is `Settings.limit_cost`."""
MOST_WEIGHT = 1.0
"""Where a goal weighs more, all of its priority are scaled down: none is worth a limit."""


def terms_of(resolved: Resolved, heat: ModalHeat, settings: Settings) -> list[SearchTerm]:
    """A term for every row, and one that keeps the targets from being hotter than they need."""
    rows = [*(row.searched for row in resolved.rows), *_peaks(resolved, heat)]
    minutes = (heat.heating_s + settings.cool_down_s) / 60.0
    by_region: dict[tuple[str, int], list[GoalRow]] = {}
    for row in rows:
        by_region.setdefault((row.region, len(row.nodes)), []).append(row)
    tissues = {key: RegionNodes.of(members, heat, minutes) for key, members in by_region.items()}
    terms, scales = [], _scales(resolved)
    for i, row in enumerate(rows):
        tissue = tissues[row.region, len(row.nodes)]
        if i >= len(resolved.rows):
            terms.append(SearchTerm(row, tissue, settings.peak_cost, 0.0, 0.0, 0.0))
            continue
        margin = settings.margin_k(row.goal)
        limit = row.goal.kind == "limit"
        cost = settings.limit_cost if limit else GOAL_COST * row.goal.weight * scales[row.goal.priority]
        soft = margin * (2.0 / 3.0 if limit else 1.0)
        stated = None if row.goal == resolved.rows[i].goal else resolved.rows[i]
        terms.append(SearchTerm(row, tissue, cost, min(1.0, 0.1 * cost), margin, soft, stated))
    return terms


def _scales(resolved: Resolved) -> dict[int, float]:
    """By priority, what weights are multiplied with."""
    largest: dict[int, float] = {}
    for goal in (row.goal for row in resolved.rows if row.goal.kind == "goal"):
        largest[goal.priority] = max(goal.weight, largest.get(goal.priority, MOST_WEIGHT))
    return {priority: MOST_WEIGHT / weight / 10.0 ** (priority - 1) for priority, weight in largest.items()}


def _peaks(resolved: Resolved, heat: ModalHeat) -> list[GoalRow]:
    found = []
    for row in resolved.focus:
        coldest = float(np.asarray(heat.model.base_c)[row.nodes].min())
        found.append(replace(row, goal=Goal("goal", (row.region,), "Tmax", coldest, "at_most")))
    return found


def outside_heat(resolved: Resolved, heat: ModalHeat) -> Array:
    """Mean rise outside the targets while heating, K per share ``(w, c)``."""
    volume = resolved.outside_m3
    modes = np.asarray(heat.model.modes)[: len(volume)]
    mean = (volume / max(volume.sum(), 1e-30)) @ modes
    heating = heat.times_s <= heat.heating_s + 1e-9
    weights = np.zeros(len(heat.times_s))
    weights[heating] = np.gradient(heat.times_s[heating]) / heat.heating_s
    return heat.gradient(heat.adjoint(weights[:, None] * mean))


def worth_of(terms: list[SearchTerm], heat: ModalHeat) -> Array:
    """Mean steady rise ``(c,)`` of the regions of the goals, per share of each column."""
    worth = np.zeros(heat.n_columns)
    rates = np.maximum(np.asarray(heat.model.rates_1_s), 1e-9)
    for term in terms:
        if term.at_least:
            mean = term.tissue.weights_m3 / term.tissue.weights_m3.sum() @ term.tissue.modes
            worth += np.asarray(heat.model.inputs) @ (mean / rates)
    return np.maximum(worth, 0.0)
