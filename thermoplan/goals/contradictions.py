"""Goals and limits that no plan can meet together."""

from __future__ import annotations

from collections.abc import Sequence

from .goal import EVERYWHERE_ELSE, SKIN, Goal
from .metrics import TENTHS
from .metrics.cem43 import cem43_rate
from .metrics.statistics import percent_above

_COOL_DOWN_MIN = 3.0
"""Dose that may come in after heating, as minutes at the highest temperature: cooling by 1 K a minute from 43 degrees C
on leaves 0.7 of them, by 0.25 K a minute 2.9. With twice as many some goals that no plan meets would be searched."""


def contradictions(goals: Sequence[Goal], heating_s: float, arterial_c: float) -> tuple[str, ...]:
    """Goals and limits that no plan can meet together, found without solving anything."""
    found = [
        f"{place}: {goal.metric} at most {goal.bound:g} degC is below the body's own {arterial_c:g} degC; "
        "expected a limit above it"
        for goal in goals
        for place in goal.places[:1]
        if goal.sense == "at_most"
        and goal.measure.scale.is_temperature
        and goal.bound < arterial_c
        and place not in (SKIN, EVERYWHERE_ELSE)
    ]
    for low in (goal for goal in goals if goal.sense == "at_least"):
        for high in (goal for goal in goals if goal.sense == "at_most"):
            if low.kind == high.kind == "goal" and low.priority != high.priority:
                continue  # their order says which of them yields
            shared = [name for name in low.places if name in high.places]
            if shared and _exclude(low, high, heating_s):
                by = f" (a default limit: one on {shared[0]} of your own replaces it)" if high.default else ""
                found.append(
                    f"{shared[0]}: {low.metric} at least {low.bound:g} {low.unit} cannot be had with "
                    f"{high.metric} at most {high.bound:g} {high.unit}{by}"
                )
    return tuple(found)


def _exclude(low: Goal, high: Goal, heating_s: float) -> bool:
    """True where the least that a goal needs is more than a limit allows."""
    (wanted, least), (capped, most) = (goal.measure.searched(goal.bound) for goal in (low, high))
    alike = wanted.statistic == capped.statistic
    if not alike and percent_above(capped.statistic, at_most=True) > percent_above(wanted.statistic, at_most=False):
        return False
    if wanted.scale is capped.scale:
        volumes = low.measure.scale is high.measure.scale is TENTHS
        return least > most or (volumes and least == most and low.bound > high.bound)
    if wanted.scale.is_logarithmic:
        return least > (heating_s / 60.0 + _COOL_DOWN_MIN) * float(cem43_rate(most))
    return low.window is None and heating_s / 180.0 * float(cem43_rate(least)) > most
