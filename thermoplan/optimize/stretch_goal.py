"""Stretched goals, which ask for more than can be had: what is then found is the best there is."""

from __future__ import annotations

from dataclasses import replace

from ..goals import Resolved


def stretch(resolved: Resolved, goal: int) -> Resolved:
    """A copy whose row number ``goal`` asks for 20 K or ten doublings more; of a volume above a temperature or dose,
    the percentile."""
    rows = list(resolved.rows)
    rows[goal] = rows[goal].searched
    wanted = rows[goal].goal
    rows[goal] = replace(rows[goal], goal=wanted.shifted(wanted.measure.scale.stretch_k))
    return replace(resolved, rows=tuple(rows))


def first_goal(resolved: Resolved) -> int | None:
    """Number of the goal that comes first: by priority, then in the order of the protocol; None without a goal."""
    goals = [(row.goal.priority, i) for i, row in enumerate(resolved.rows) if row.goal.kind == "goal"]
    return min(goals)[1] if goals else None
