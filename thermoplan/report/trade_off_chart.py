"""The trade-off of a plan: a chart of the front and its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from . import charts, svg
from . import formats as f
from .charts import Level, Line
from .formats import at, usable
from .palette import BLUE, VERMILION
from .svg import Axis, Frame

Plan = Mapping[str, Any]


def chart(plan: Plan) -> Markup | None:
    """The most of the goal over what the limit allows; the plan stands beside the front."""
    points = _points(plan)
    if len(points) < 2:
        return None
    front = plan["pareto"]
    limits, goals = ([point[key] for point in points] for key in ("limit_value", "goal_value"))
    mine = at(front, "plan.limit_value"), at(front, "plan.goal_value")
    bound = front.get("limit_bound")
    x = _axis([*limits, mine[0], bound], front, "limit")
    y = _axis([*goals, mine[1]], front, "goal")
    levels = [Level(bound, "limit", upright=True)] if usable(bound) else []

    def draw(frame: Frame) -> str:
        body = charts.lines(frame, [Line(limits, goals, "", BLUE, width=2.0)], x, y, levels=levels)
        body += "".join(_disc(frame, x, y, place, BLUE, 3.0) for place in zip(limits, goals, strict=True))
        if usable(mine[0]) and usable(mine[1]):
            body += _disc(frame, x, y, mine, VERMILION, 5.0)
            body += svg.text(
                frame.x(x, mine[0]) + 9, frame.y(y, mine[1]) + 4, "this plan", css="name halo", fill=VERMILION
            )
        return body

    words = (
        f"From {_value(front, 'goal', goals[0])} at {_value(front, 'limit', limits[0])} to "
        f"{_value(front, 'goal', goals[-1])} at {_value(front, 'limit', limits[-1])}."
    )
    return charts.figure(
        "front", f"{front.get('goal')} for {front.get('limit')}", words, draw, sizes=charts.frames(520, 320, top=24)
    )


def _points(plan: Plan) -> list[Mapping[str, Any]]:
    given = [p for p in at(plan, "pareto.points", []) if isinstance(p, Mapping)]
    return [p for p in given if usable(p.get("limit_value")) and usable(p.get("goal_value"))]


def _axis(values: list[Any], front: Plan, what: str) -> Axis:
    """A dose on a logarithmic scale, a temperature on a straight one."""
    label = f"{front.get(what, '')}, {f.unit_text(front.get(f'{what}_unit'))}"
    if front.get(f"{what}_unit") != "min":
        return svg.spanning(values, label)
    positive = [v for v in values if usable(v) and v > 0.0]
    return Axis(min(positive, default=0.1) / 1.15, max(positive, default=1.0) * 1.15, label, log=True)


def _disc(frame: Frame, x: Axis, y: Axis, place: tuple[float, float], colour: str, radius: float) -> str:
    return f'<circle cx="{frame.x(x, place[0]):.1f}" cy="{frame.y(y, place[1]):.1f}" r="{radius:.1f}" fill="{colour}"/>'


def _value(front: Plan, what: str, value: Any) -> str:
    return f.metric(value, front.get(f"{what}_unit"))


def table(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """A row per point of the front."""
    front = at(plan, "pareto", {})
    header = [
        str(front.get("limit", "")),
        str(front.get("goal", "")),
        "T90 hold",
        "CEM43 T90",
        "core °C",
        "duty",
        "Also at their bound",
    ]
    body = [
        [
            _value(front, "limit", p.get("limit_value")),
            _value(front, "goal", p.get("goal_value")),
            f.temperature(p.get("t90_c"), ""),
            f.dose(p.get("cem43t90_min")),
            f.temperature(p.get("core_c"), ""),
            f.percent(p.get("duty")),
            ", ".join(map(str, p.get("others_at_bound") or [])) or f.NONE,
        ]
        for p in _points(plan)
    ]
    return header, body
