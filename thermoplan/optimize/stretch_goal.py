"""Goal that a plan is asked about: promoted to come first, or stretched to ask for more than can be had, so that what
is then found is the best there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..goals import GoalRow, Resolved


def stretch(resolved: Resolved, goal: int) -> Resolved:
    """A copy whose row number ``goal`` asks for 20 K or ten doublings more; of a volume above a temperature or dose,
    the percentile."""
    rows = list(resolved.rows)
    rows[goal] = rows[goal].searched
    wanted = rows[goal].goal
    rows[goal] = replace(rows[goal], goal=wanted.shifted(wanted.measure.scale.stretch_k))
    return replace(resolved, rows=tuple(rows))


def promote(resolved: Resolved, goal: int) -> Resolved:
    """A copy in which no goal comes before row number ``goal``: those that do, by priority and weight, are limits.
    Weights of its own priority are in parts of its own."""
    asked = resolved.rows[goal].goal

    def promote(i: int, row: GoalRow) -> GoalRow:
        other = row.goal
        if other.kind != "goal" or other.priority > asked.priority:
            return row
        if _importance(resolved, i) < _importance(resolved, goal):
            return replace(row, goal=replace(other, kind="limit"))
        return replace(row, goal=replace(other, weight=other.weight / asked.weight))

    return replace(resolved, rows=tuple(promote(i, row) for i, row in enumerate(resolved.rows)))


def first_goal(resolved: Resolved) -> int | None:
    """Number of the goal that comes first: by priority, then in the order of the protocol; None without a goal."""
    goals = [(row.goal.priority, i) for i, row in enumerate(resolved.rows) if row.goal.kind == "goal"]
    return min(goals)[1] if goals else None


def missed_goals(resolved: Resolved, values: Sequence[float]) -> list[int]:
    """Numbers of the goals that values of the rows miss, the most important first."""
    rows = enumerate(resolved.rows)
    found = [i for i, row in rows if row.goal.kind == "goal" and not row.goal.met(values[i])]
    return sorted(found, key=lambda i: _importance(resolved, i))


def _importance(resolved: Resolved, i: int) -> tuple[int, float, int]:
    """Key by which goals are sorted, the most important first."""
    goal = resolved.rows[i].goal
    return goal.priority, -goal.weight, i


def asked_goal(resolved: Resolved, values: Sequence[float]) -> int | None:
    """Number of the goal that a plan of these values is asked about: the first that is missed, else the first of all;
    None without a goal."""
    missed = missed_goals(resolved, values)
    return missed[0] if missed else first_goal(resolved)
