"""Trade-off of a plan: a chart of the front and its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from . import charts, svg
from . import formats as f
from .charts import Level, Line
from .formats import at, usable
from .palette import BLUE, VERMILION
from .svg import Axis, Frame

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord
    from ..files.run.search_record import TradeOffPointRecord, TradeOffRecord


def draw_front(plan: PlanRecord) -> Markup | None:
    """Front of the goal against the limit, and the plan beside it."""
    points, front = _front_points(plan), plan.get("pareto")
    if front is None or len(points) < 2:
        return None
    limits, goals = [point["limit_value"] for point in points], [point["goal_value"] for point in points]
    mine = at(front, "plan.limit_value"), at(front, "plan.goal_value")
    bound = front.get("limit_bound")
    x = _front_axis([*limits, mine[0], bound], front, "limit")
    y = _front_axis([*goals, mine[1]], front, "goal")
    levels = [Level(bound, "limit", upright=True)] if usable(bound) else []

    def draw(frame: Frame) -> str:
        body = charts.draw_lines(frame, [Line(limits, goals, "", BLUE, width=2.0)], x, y, levels=levels)
        body += "".join(_front_disc(frame, x, y, place, BLUE, 3.0) for place in zip(limits, goals, strict=True))
        if usable(mine[0]) and usable(mine[1]):
            body += _front_disc(frame, x, y, mine, VERMILION, 5.0)
            body += svg.text_element(
                frame.x(x, mine[0]) + 9, frame.y(y, mine[1]) + 4, "this plan", css="name halo", fill=VERMILION
            )
        return body

    words = (
        f"From {_front_value(front, 'goal', goals[0])} at {_front_value(front, 'limit', limits[0])} to "
        f"{_front_value(front, 'goal', goals[-1])} at {_front_value(front, 'limit', limits[-1])}."
    )
    return charts.build_figure(
        "front", f"{front.get('goal')} for {front.get('limit')}", words, draw, sizes=charts.frame_pair(520, 320, top=24)
    )


def _front_points(plan: PlanRecord) -> list[TradeOffPointRecord]:
    given = at(plan, "pareto.points", [])
    return [point for point in given if usable(at(point, "limit_value")) and usable(at(point, "goal_value"))]


def _front_axis(values: Sequence[float | None], front: TradeOffRecord, side: Literal["goal", "limit"]) -> Axis:
    """A dose on a logarithmic scale, a temperature on a straight one."""
    unit = _front_unit(front, side)
    label = f"{front.get(side, '')}, {f.unit_text(unit)}"
    if unit != "min":
        return svg.axis_over(values, label)
    positive = [v for v in values if v is not None and usable(v) and v > 0.0]
    return Axis(min(positive, default=0.1) / 1.15, max(positive, default=1.0) * 1.15, label, log=True)


def _front_unit(front: TradeOffRecord, side: Literal["goal", "limit"]) -> str | None:
    return front.get("goal_unit") if side == "goal" else front.get("limit_unit")


def _front_disc(frame: Frame, x: Axis, y: Axis, place: tuple[float, float], colour: str, radius: float) -> str:
    return svg.disc(frame.x(x, place[0]), frame.y(y, place[1]), radius, fill=colour)


def _front_value(front: TradeOffRecord, side: Literal["goal", "limit"], value: object) -> str:
    return f.metric(value, _front_unit(front, side))


def front_table(plan: PlanRecord) -> tuple[list[str], list[list[str]]]:
    """Table with a row for each point of the front."""
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
            _front_value(front, "limit", p.get("limit_value")),
            _front_value(front, "goal", p.get("goal_value")),
            f.temperature(p.get("t90_c"), ""),
            f.dose(p.get("cem43t90_min")),
            f.temperature(p.get("core_c"), ""),
            f.percent(p.get("duty")),
            ", ".join(map(str, p.get("others_at_bound") or [])) or f.NONE,
        ]
        for p in _front_points(plan)
    ]
    return header, body
