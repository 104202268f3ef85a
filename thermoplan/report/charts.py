"""Kinds of charts: values and words in, a figure out, drawn for a wide and for a narrow page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from markupsafe import Markup

from . import svg
from .palette import INK, MUTED, VERMILION, cividis
from .svg import Axis, Frame

if TYPE_CHECKING:
    from ..files.run.plan_record import WindowRecord

# Width of the narrow drawing in pixels: that of a telephone less the page's margins. A wider one is scaled down there,
# its text with it.
NARROW = 348
# Most points of a curve: more than the pixels of a narrow chart; twice as many make the page larger and look the same.
_MOST_POINTS = 240
# Width of a letter of the page's font at its size in charts, in pixels.
_LETTER_PX = 6.2
Values = Sequence[float | None]
Draw = Callable[[Frame], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, its name, and where ``floor`` is given the values down to which it is filled."""

    x: Sequence[float]
    y: Values
    name: str
    colour: str
    dash: str = ""
    width: float = 1.6
    floor: Values | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A bound: a dashed horizontal line with its name, or a vertical one when ``upright``."""

    value: float
    name: str
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A named amount, a fainter second amount beside it, and the words at the end."""

    name: str
    value: float
    words: str
    colour: str
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Dot:
    """A region's value against its bound; ``more`` is said where there is room."""

    name: str
    value: float
    bound: float | None
    words: str
    more: str
    met: bool
    colour: str


def build_figure(key: str, title: str, description: str, draw: Draw, *, sizes: tuple[Frame, Frame]) -> Markup:
    """The drawing at both widths; the style sheet shows one of them."""
    drawn = (
        svg.svg_document(frame, draw(frame), key=f"{key}-{css}", title=title, description=description)
        for frame, css in zip(sizes, ("wide", "narrow"), strict=True)
    )
    return Markup('<div class="chart wide">{}</div><div class="chart narrow">{}</div>').format(*map(Markup, drawn))


def frame_pair(width: float, height: float, **room: float) -> tuple[Frame, Frame]:
    """A wide frame, and the one that fits a telephone."""
    return Frame(width, height, **room), Frame(NARROW, min(height, 300), **room)


def draw_lines(
    frame: Frame,
    curves: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    levels: Sequence[Level] = (),
    name_at: float | None = None,
) -> str:
    """Curves over one grid, named above themselves at ``name_at``, filled down to their ``floor``."""
    parts = [svg.draw_grid(frame, x, y)]
    for curve in curves:
        if curve.floor is not None:
            low = _pixel_points(frame, replace(curve, y=curve.floor), x, y)
            parts.append(svg.filled_area(_pixel_points(frame, curve, x, y) + low[::-1], fill=curve.colour))
    parts += [_draw_level(frame, level, x, y) for level in levels]
    for curve in curves:
        parts.append(
            svg.polyline(_pixel_points(frame, curve, x, y), stroke=curve.colour, width=curve.width, dash=curve.dash)
        )
    if name_at is not None:
        parts.append(_draw_names(frame, curves, frame.x(x, name_at), x, y))
    return "".join(parts)


def _pixel_points(frame: Frame, curve: Line, x: Axis, y: Axis, most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    pairs = [(a, b) for a, b in zip(curve.x, curve.y, strict=False) if b is not None]
    every = max(1, -(-len(pairs) // most))
    kept = pairs[::every] + ([pairs[-1]] if pairs and (len(pairs) - 1) % every else [])
    return [(frame.x(x, a), frame.y(y, b)) for a, b in kept]


def _draw_level(frame: Frame, level: Level, x: Axis, y: Axis) -> str:
    bottom, right = frame.height - frame.bottom, frame.width - frame.right
    if level.upright:
        at = frame.x(x, level.value)
        return svg.line_element(at, frame.top - 4, at, bottom, "level") + svg.text_element(
            at, frame.top - 8, level.name, anchor="middle", css="label"
        )
    at = frame.y(y, level.value)
    return svg.line_element(frame.left, at, right, at, "level") + svg.text_element(
        frame.left + 5, at - 4, level.name, css="label"
    )


def _draw_names(frame: Frame, curves: Sequence[Line], at: float, x: Axis, y: Axis) -> str:
    places = [min(_pixel_points(frame, c, x, y, 4000) or [(at, 0.0)], key=lambda p: abs(p[0] - at))[1] for c in curves]
    moved = svg.spread_apart([p - 6 for p in places], 14, frame.top + 8, frame.height - frame.bottom - 2)
    return "".join(
        svg.text_element(at - 6, place, curve.name, anchor="end", fill=curve.colour, css="name halo")
        for curve, place in zip(curves, moved, strict=True)
    )


def _shorten(words: str, room: float) -> str:
    fits = max(4, int(room / _LETTER_PX))
    return words if len(words) <= fits else words[: fits - 1] + "…"


def draw_bars(frame: Frame, rows: Sequence[Bar], *, label: str, mark: Level | None = None) -> str:
    """Horizontal bars from zero; the fainter bar under each is the amount before."""
    most = max([b.value for b in rows] + [b.before or 0.0 for b in rows] + ([mark.value] if mark else []) + [1e-12])
    axis = Axis(0.0, 1.02 * most, label)
    bottom = frame.height - frame.bottom
    step = (bottom - frame.top) / max(len(rows), 1)
    parts = [svg.line_element(frame.left, frame.top, frame.left, bottom, "axis"), *_draw_upright_hairs(frame, axis)]
    if mark:
        at = frame.x(axis, mark.value)
        parts += [
            svg.line_element(at, frame.top - 4, at, bottom, "level"),
            svg.text_element(at - 4, frame.top - 6, mark.name, anchor="end", css="label"),
        ]
    for k, bar in enumerate(rows):
        top, thick = frame.top + k * step, min(step * 0.62, 13)
        y = top + (step - thick) / 2
        reach = frame.x(axis, bar.value)
        parts.append(
            svg.text_element(frame.left - 7, y + thick / 2 + 4, _shorten(bar.name, frame.left - 8), anchor="end")
        )
        parts.append(svg.rect_element(frame.left, y, reach - frame.left, thick, fill=bar.colour))
        if bar.before is not None:
            at = frame.x(axis, bar.before)
            parts.append(svg.line_element(at, y - 3, at, y + thick + 3, "before"))
            reach = max(reach, at)
        parts.append(svg.text_element(reach + 6, y + thick / 2 + 4, bar.words, css="halo"))
    parts.append(_draw_label(frame, label))
    return "".join(parts)


def draw_dots(frame: Frame, rows: Sequence[Dot], axis: Axis) -> str:
    """A dot for what is reached, an upright tick for what is allowed."""
    bottom, right = frame.height - frame.bottom, frame.width - frame.right
    step = (bottom - frame.top) / max(len(rows), 1)
    parts = _draw_upright_hairs(frame, axis)
    for k, row in enumerate(rows):
        y = frame.top + (k + 0.5) * step
        x = frame.x(axis, row.value)
        parts.append(svg.text_element(frame.left - 8, y + 4, _shorten(row.name, frame.left - 8), anchor="end"))
        if row.bound is not None:
            at = frame.x(axis, row.bound)
            parts += [
                svg.polyline([(x, y), (at, y)], stroke=row.colour if row.met else VERMILION, width=1.0),
                svg.polyline([(at, y - 7), (at, y + 7)], stroke=INK, width=2.0),
            ]
        fill = row.colour if row.met else VERMILION
        parts.append(svg.disc(x, y, 4.6, fill=fill))
        parts.append(
            svg.text_element(
                right + 8, y + 4, row.words + (row.more if frame.width > NARROW else ""), css="" if row.met else "bad"
            )
        )
    parts.append(_draw_label(frame, axis.label))
    return "".join(parts)


def _draw_upright_hairs(frame: Frame, axis: Axis) -> list[str]:
    """Ticks of a horizontal axis with hairlines over the whole height."""
    bottom = frame.height - frame.bottom
    parts = []
    for value in axis.ticks(4):
        at = frame.x(axis, value)
        parts += [
            svg.line_element(at, frame.top, at, bottom, "hair"),
            svg.text_element(at, bottom + 15, svg.tick_text(value), anchor="middle"),
        ]
    return parts


def _draw_label(frame: Frame, words: str) -> str:
    """Label of the horizontal axis."""
    middle = (frame.left + frame.width - frame.right) / 2
    return svg.text_element(middle, frame.height - 4, words, anchor="middle", css="label")


def draw_schedule(frame: Frame, x: Axis, windows: Sequence[WindowRecord], most: float) -> str:
    """Schedule of the positions: a column a time window, a row a position, coloured by the share of time."""
    count = max((len(w["share"]) for w in windows), default=0)
    bottom = frame.height - frame.bottom
    step = (bottom - frame.top) / max(count, 1)
    parts = []
    for window in windows:
        left, right = (frame.x(x, time_s / 60.0) for time_s in (window["start_s"], window["end_s"]))
        for k, share in enumerate(window["share"]):
            if share > 1e-4:
                colour = cividis(share / most)
                parts.append(svg.rect_element(left, frame.top + k * step, right - left, step, fill=colour, css="cell"))
        duty = window.get("duty")
        if duty is not None and right - left > 32:
            parts.append(svg.text_element((left + right) / 2, frame.top - 5, f"{100 * duty:.0f} %", anchor="middle"))
    for value in x.ticks(max(3, int((frame.width - frame.left - frame.right) / 80))):
        at = frame.x(x, value)
        parts += [
            svg.line_element(at, bottom, at, bottom + 4, "axis"),
            svg.text_element(at, bottom + 17, svg.tick_text(value), anchor="middle"),
        ]
    parts.append(svg.line_element(frame.left, bottom, frame.width - frame.right, bottom, "axis"))
    every = max(1, -(-13 // max(int(step), 1)))
    for k in range(0, count, every):
        parts.append(svg.text_element(frame.left - 7, frame.top + (k + 0.5) * step + 4, str(k + 1), anchor="end"))
    parts.append(svg.turned_text(11, (frame.top + bottom) / 2, "position"))
    parts.append(_draw_label(frame, x.label))
    return "".join(parts)


def draw_spots(
    frame: Frame,
    points: Sequence[tuple[float, float]],
    shares: Values,
    x: Axis,
    y: Axis,
    *,
    outline: tuple[float, float] | None = None,
) -> str:
    """Positions as discs whose area is their share; ``outline`` (half-axes) is the FFR around the largest."""
    parts = [svg.draw_grid(frame, x, y)]
    most = max([s or 0.0 for s in shares] + [1e-12])
    best = max(range(len(points)), key=lambda k: shares[k] or 0.0)
    if outline:
        rx, ry = (
            frame.x(x, x.low + outline[0]) - frame.left,
            frame.y(y, y.low) - frame.y(y, y.low + outline[1]),
        )
        cx, cy = frame.x(x, points[best][0]), frame.y(y, points[best][1])
        place = f'cx="{cx:.1f}" cy="{cy:.1f}" rx="{rx:.1f}" ry="{ry:.1f}"'
        parts.append(f'<ellipse {place} fill="{VERMILION}" fill-opacity="0.08" stroke="{VERMILION}" class="dashed"/>')
    for (a, b), share in zip(points, shares, strict=False):
        radius = 2.0 + 7.0 * ((share or 0.0) / most) ** 0.5
        parts.append(svg.disc(frame.x(x, a), frame.y(y, b), radius, fill=INK, css="spot"))
    for k, (a, b) in enumerate(points) if len(points) <= 15 else ():
        parts.append(svg.text_element(frame.x(x, a) + 11, frame.y(y, b) + 4, str(k + 1), css="halo"))
    return "".join(parts)


def draw_columns(frame: Frame, heights: Values, x: Axis) -> str:
    """Histogram of counts over ``x``."""
    y = Axis(0.0, max([h or 0.0 for h in heights] + [1.0]), "elements")
    bottom = frame.height - frame.bottom
    width = (frame.width - frame.left - frame.right) / max(len(heights), 1)
    parts = [svg.draw_grid(frame, x, y)]
    for k, value in enumerate(heights):
        top = frame.y(y, value or 0.0)
        parts.append(svg.rect_element(frame.left + k * width + 0.5, top, width - 1, bottom - top, fill=MUTED))
    return "".join(parts)
