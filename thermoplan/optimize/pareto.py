"""Pareto front: the best of a goal for each bound of a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, freeze, put
from ..base.errors import InputError
from ..goals import Resolved
from .cancellation import stop_on_interrupt
from .priorities import weighted_shares
from .program.modal_heat import Model
from .settings import Settings, Shares, StopRequest
from .stretch_goal import first_goal, stretch


@dataclass(frozen=True, slots=True, eq=False)
class ParetoFront:
    """Points from the narrowest limit to the widest.

    ``bounds (p,)`` of the limit, its ``limit_values (p,)`` and the ``goal_values (p,)`` had for them, in the
    units of their metrics; ``plans`` are the shares behind each.
    """

    goal: str
    limit: str
    bounds: Array
    limit_values: Array
    goal_values: Array
    plans: tuple[Shares, ...]

    def __post_init__(self) -> None:
        put(
            self,
            bounds=freeze(self.bounds),
            limit_values=freeze(self.limit_values),
            goal_values=freeze(self.goal_values),
        )


def pareto_front(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    limit: int,
    bounds: Sequence[float],
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
    should_stop: StopRequest | None = None,
) -> ParetoFront:
    """Best of the first goal for each bound of row number ``limit``, all other limits kept.

    Each point starts from the one before it, whose limit was narrower, so the front never falls. ``should_stop``, or
    without it Control-C, ends it: the points found so far are returned.
    """
    rows, goal = resolved.rows, first_goal(resolved)
    if goal is None or rows[limit].goal.kind != "limit" or len(bounds) == 0:
        raise InputError("pareto: expected a goal, a limit to trade it for, and bounds of that limit")
    plans: list[Shares] = []
    with stop_on_interrupt(should_stop) as stop:
        for i, bound in enumerate(sorted(bounds)):
            plan = weighted_shares(
                model,
                _asking(resolved, goal, limit, bound),
                window_edges_s=window_edges_s,
                settings=settings,
                start=plans[-1].shares if plans else None,
                should_stop=stop,
            )
            if plan.interrupted and plans:
                break
            plans.append(plan)
            if progress is not None:
                progress(i + 1, len(bounds))
    values = np.array([plan.values for plan in plans])
    return ParetoFront(
        rows[goal].label,
        rows[limit].label,
        np.sort(bounds)[: len(plans)],
        values[:, limit],
        values[:, goal],
        tuple(plans),
    )


def _asking(resolved: Resolved, goal: int, limit: int, bound: float) -> Resolved:
    """A copy with another bound, and with a goal that asks for more than can be had."""
    asked = stretch(resolved, goal)
    row = asked.rows[limit]
    wider = replace(row, goal=replace(row.goal, bound=float(bound)))
    return replace(asked, rows=(*asked.rows[:limit], wider, *asked.rows[limit + 1 :]))
