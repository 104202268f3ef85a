"""SVG elements of the page's charts; every text is escaped here.

Written by hand, since neither plotting library fits a page that is one small file without a network: measured on the
shipped mouse, its eleven charts, each for a wide and a narrow page, take 0.1 s and 0.2 MB here, 5 s and 1.9 MB by
matplotlib (whose colours are fixed in the file, while these follow the style sheet on screen and paper), and plotly's
script alone is 4.8 MB and must run before anything is seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale: values from ``low`` to ``high``, linear unless ``log``, with a label that carries the unit."""

    low: float
    high: float
    label: str
    log: bool = False

    def share(self, value: float) -> float:
        """Position of ``value``, 0 at the low end and 1 at the high end, held inside."""
        if self.log:
            value, low, high = (math.log10(max(v, 1e-12)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self, wanted: int = 6) -> list[float]:
        """Round values inside the scale, about ``wanted`` of them."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if last - first >= 2:
                return [10.0**k for k in range(first, last + 1)]
            steps = (m * 10.0**k for k in range(first - 1, last + 1) for m in (1.0, 2.0, 5.0))
            return [v for v in steps if self.low <= v <= self.high]
        raw = (self.high - self.low) / max(wanted, 1)
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(s * power for s in _STEPS if s * power >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 10) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """A drawing area in pixels, with room left for labels on each side."""

    width: float
    height: float
    left: float = 52
    right: float = 14
    top: float = 12
    bottom: float = 38

    def x(self, axis: Axis, value: float) -> float:
        return self.left + axis.share(value) * (self.width - self.left - self.right)

    def y(self, axis: Axis, value: float) -> float:
        return self.height - self.bottom - axis.share(value) * (self.height - self.top - self.bottom)


def axis_over(values: Iterable[float | None], label: str, *, pad: float = 0.05, log: bool = False) -> Axis:
    """Axis that just holds the finite ones of ``values``."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = pad * (high - low) if high != low else 0.5
    return Axis(low, high, label, log) if log else Axis(low - room, high + room, label)


def text_element(x: float, y: float, words: str, *, anchor: str = "start", css: str = "", fill: str = "") -> str:
    style = f' class="{css}"' if css else ""
    style += f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def line_element(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def rect_element(x: float, y: float, width: float, height: float, *, fill: str, css: str = "") -> str:
    size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{fill}" class="{css}"/>'


def polyline(points: Sequence[tuple[float, float]], *, stroke: str, width: float = 1.6, dash: str = "") -> str:
    if not points:
        return ""
    d = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width}"{dashed}/>'


def disc(x: float, y: float, radius: float, *, fill: str = "", css: str = "") -> str:
    style = f' fill="{fill}"' if fill else ""
    style += f' class="{css}"' if css else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"{style}/>'


def turned_text(x: float, y: float, words: str) -> str:
    """A label that reads upwards, about its middle."""
    turned = text_element(0, 0, words, anchor="middle", css="label")
    return f'<g transform="translate({x:.0f} {y:.1f}) rotate(-90)">{turned}</g>'


def filled_area(points: Sequence[tuple[float, float]], *, fill: str, opacity: float = 0.14) -> str:
    if not points:
        return ""
    d = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + "Z"
    return f'<path d="{d}" fill="{fill}" fill-opacity="{opacity}" stroke="none"/>'


def draw_grid(frame: Frame, x: Axis, y: Axis) -> str:
    """Ticks, hairlines and labels of both axes."""
    bottom, right = frame.height - frame.bottom, frame.width - frame.right
    parts = []
    for value in y.ticks(max(3, int((bottom - frame.top) / 42))):
        at = frame.y(y, value)
        parts += [
            line_element(frame.left, at, right, at, "hair"),
            text_element(frame.left - 7, at + 4, tick_text(value), anchor="end"),
        ]
    for value in x.ticks(max(3, int((right - frame.left) / 80))):
        at = frame.x(x, value)
        parts += [
            line_element(at, bottom, at, bottom + 4, "axis"),
            text_element(at, bottom + 17, tick_text(value), anchor="middle"),
        ]
    parts.append(line_element(frame.left, bottom, right, bottom, "axis"))
    parts.append(text_element((frame.left + right) / 2, frame.height - 4, x.label, anchor="middle", css="label"))
    middle = (frame.top + bottom) / 2
    parts.append(turned_text(11, middle, y.label))
    return "".join(parts)


def tick_text(value: float) -> str:
    """Text of a tick: no trailing zeros, powers of ten below 0.01 and above 10 000."""
    if value and not 1e-2 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)))
        digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"10{digits}" if abs(value) == 10.0**power else f"{value:.3g}"
    return f"{value:g}".replace("-", "−")


def svg_document(frame: Frame, body: str, *, key: str, title: str, description: str) -> str:
    """Whole drawing, with the words that a screen reader reads; ``key`` is unique in the page."""
    return (
        f'<svg viewBox="0 0 {frame.width:.0f} {frame.height:.0f}" width="{frame.width:.0f}"'
        f' style="max-width:{1.2 * frame.width:.0f}px" role="img"'
        f' aria-labelledby="{key}t {key}d" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{key}t">{escape(title)}</title><desc id="{key}d">{escape(description)}</desc>'
        f"{body}</svg>"
    )


def spread_apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """``places`` moved as little as needed to stand ``gap`` apart between ``low`` and ``high``."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    ceiling = high
    for k in reversed(order):
        moved[k] = max(min(moved[k], ceiling), low)
        ceiling = moved[k] - gap
    return moved
