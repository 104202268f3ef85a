"""Goals and limits that no plan can meet together."""

from __future__ import annotations

from collections.abc import Sequence

from .goal import EVERYWHERE_ELSE, SKIN, Goal
from .metric_names import Metric

_COOL_DOWN_MIN = 3.0
"""Dose that may come in after heating, as minutes at the highest temperature: cooling by 1 K a minute from 43 degrees C
on leaves 0.7 of them, by 0.25 K a minute 2.9."""


def contradictions(goals: Sequence[Goal], heating_s: float, arterial_c: float) -> tuple[str, ...]:
    """Goals and limits that no plan can meet together, found without solving anything."""
    found = [
        f"{place}: {goal.metric} at most {goal.bound:g} degC is below the body's own {arterial_c:g} degC"
        for goal in goals
        for place in goal.places[:1]
        if goal.sense == "at_most"
        and goal.parts.family == "T"
        and goal.bound < arterial_c
        and place not in (SKIN, EVERYWHERE_ELSE)
    ]
    for low in (goal for goal in goals if goal.sense == "at_least"):
        for high in (goal for goal in goals if goal.sense == "at_most"):
            if low.kind == high.kind == "goal" and low.priority != high.priority:
                continue  # their order says which of them yields
            shared = [name for name in low.places if name in high.places]
            if shared and (_volumes_cross(low, high) or _cannot_both(low.searched, high.searched, heating_s)):
                by = f" (a default limit: one on {shared[0]} of your own replaces it)" if high.default else ""
                found.append(
                    f"{shared[0]}: {low.metric} at least {low.bound:g} {low.unit} cannot be had with "
                    f"{high.metric} at most {high.bound:g} {high.unit}{by}"
                )
    return tuple(found)


def _volumes_cross(low: Goal, high: Goal) -> bool:
    """Whether more of the volume is wanted above an edge than may be above it, or a lower one."""
    return (
        low.parts.is_volume
        and low.parts.family == high.parts.family
        and low.parts.statistic >= high.parts.statistic
        and low.bound > high.bound
    )


def _cannot_both(low: Goal, high: Goal, heating_s: float) -> bool:
    """Whether the least that a goal needs somewhere is more than a limit allows there."""
    alike = low.parts.statistic == high.parts.statistic
    if not alike and _above(high.parts, at_most=True) > _above(low.parts, at_most=False):
        return False
    if low.parts.is_dose == high.parts.is_dose:
        return low.bound > high.bound
    if low.parts.is_dose:
        return low.bound > (heating_s / 60.0 + _COOL_DOWN_MIN) * float(_rate(high.bound))
    return low.window is None and heating_s / 180.0 * float(_rate(low.bound)) > high.bound


def _above(metric: Metric, *, at_most: bool) -> float:
    """Per cent of the volume that is surely at least as hot as a metric says, or at most that cold; the mean of a
    volume or of its hottest part says so of some of it only."""
    if isinstance(metric.statistic, float):
        return metric.statistic
    if metric.statistic in ("min", "max"):
        return {"min": 100.0, "max": 0.0}[metric.statistic]
    return 100.0 if at_most else 0.0


def _rate(temperature_c: float) -> float:
    above = temperature_c - 43.0
    return float(2.0 ** (above + min(above, 0.0)))
