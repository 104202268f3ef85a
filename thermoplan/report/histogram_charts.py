"""Cumulative temperature-volume and dose-volume histograms, of one plan or of several over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from markupsafe import Markup

from . import charts
from .charts import Level, Line
from .formats import at, usable
from .svg import Axis

if TYPE_CHECKING:
    from ..files.run.plan_record import HistogramRecord, PlanRecord

SHARE = Axis(0.0, 100.0, "volume above, %")


@dataclass(frozen=True, slots=True)
class HistogramKind:
    """Kind of cumulative histogram: its entries in ``plan.json``, its words, and the value that is marked."""

    figure: str
    title: str
    label: str
    edges: Literal["temperature_c", "cem43_min"]
    shares: Literal["volume_fraction", "dose_fraction"]
    mark: Level
    log: bool


KINDS = (
    HistogramKind(
        "tvh",
        "Cumulative temperature-volume histogram",
        "temperature at the end of heating, °C",
        "temperature_c",
        "volume_fraction",
        Level(43.0, "43 °C", True),
        log=False,
    ),
    HistogramKind(
        "dvh",
        "Cumulative dose-volume histogram",
        "CEM43, min",
        "cem43_min",
        "dose_fraction",
        Level(2.0, "2 min", True),
        log=True,
    ),
)


def draw_histograms(plan: PlanRecord, colours: Mapping[str, str]) -> list[Markup]:
    """Histograms of every region, the target's in a heavier line."""
    target = at(plan, "summary.tumour")
    drawn = []
    for kind in KINDS:
        curves = [
            curve
            for name, histogram in at(plan, "histograms", {}).items()
            if (curve := cumulative_curve(histogram, kind, name, colours[name], width=2.4 if name == target else 1.5))
        ]
        words = "Share of each region's volume above a value: " + ", ".join(c.name for c in curves) + "."
        if curves:
            drawn.append(histogram_figure(kind, curves, kind.title, words))
    return drawn


def cumulative_curve(
    histogram: HistogramRecord, kind: HistogramKind, name: str, colour: str, *, width: float, dash: str = ""
) -> Line | None:
    """Curve of one region; None where fewer than two points are known."""
    pairs = [
        (edge, 100.0 * share)
        for edge, share in zip(histogram.get(kind.edges, []), histogram.get(kind.shares, []), strict=False)
        if usable(edge) and usable(share) and (edge > 0 or not kind.log)
    ]
    return Line([p[0] for p in pairs], [p[1] for p in pairs], name, colour, dash, width) if len(pairs) > 1 else None


def histogram_figure(kind: HistogramKind, curves: Sequence[Line], title: str, words: str) -> Markup:
    """Figure of several curves over the part of the scale where something happens."""
    axis = _dose_axis(curves, kind.label) if kind.log else _temperature_axis(curves, kind.label)
    return charts.build_figure(
        kind.figure,
        title,
        words,
        lambda frame: charts.draw_lines(frame, curves, axis, SHARE, levels=[kind.mark]),
        sizes=charts.frame_pair(533, 330, top=26),
    )


def _dose_axis(curves: Sequence[Line], label: str) -> Axis:
    return Axis(0.01, max(100.0, *(curve.x[-1] for curve in curves)), label, log=True)


def _temperature_axis(curves: Sequence[Line], label: str) -> Axis:
    pairs = [pair for curve in curves for pair in zip(curve.x, curve.y, strict=True)]
    partial = [x for x, y in pairs if y is not None and 0.01 < y < 99.99] or [36.0, 44.0]
    return Axis(min(partial) - 0.5, max(partial) + 0.5, label)
