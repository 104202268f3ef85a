"""Pareto front: the best of a goal for each bound of a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

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


class FrontOptions(TypedDict, total=False):
    """Listener of a front, told the points that are done and all of them, and the request to stop."""

    progress: Callable[[int, int], None] | None
    should_stop: StopRequest | None


@dataclass(frozen=True, slots=True)
class TradedLimit:
    """Limit that the first goal is traded for: its row's number, and the bounds that it is given."""

    number: int
    bounds: Sequence[float]


def pareto_front(
    model: Model,
    resolved: Resolved,
    *,
    window_edges_s: Array,
    traded: TradedLimit,
    settings: Settings | None = None,
    **control: Unpack[FrontOptions],
) -> ParetoFront:
    """Best of the first goal for each bound of one limit, all other limits kept.

    Each point starts from the one before it, whose limit was narrower, so the front never falls. ``should_stop``, or
    without it Control-C, ends it: the points found so far are returned.
    """
    rows, goal, limit, bounds = resolved.rows, first_goal(resolved), traded.number, traded.bounds
    if goal is None or rows[limit].goal.kind != "limit" or len(bounds) == 0:
        raise InputError("pareto: expected a goal, a limit to trade it for, and bounds of that limit")
    plans: list[Shares] = []
    with stop_on_interrupt(control.get("should_stop")) as stop:
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
            if (progress := control.get("progress")) is not None:
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
