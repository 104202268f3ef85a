"""Charts of two plans over each other: A solid, B dashed, a colour a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from . import charts
from .charts import Level, Line
from .formats import at
from .histogram_charts import KINDS, cumulative_curve, histogram_figure
from .page_rows import limited_regions
from .palette import VERMILION, region_colours
from .plan_charts import CELSIUS, MINUTES
from .svg import Axis, axis_over

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

DASH = "5 3"
# Regions whose curves are drawn: fourteen lines, solid and dashed; those of more cannot be told apart.
MOST_REGIONS = 7


def shown_regions(a: PlanRecord, b: PlanRecord) -> list[str]:
    """Regions to draw: the target, those with limits, then the hottest, as many as can be told apart."""
    regions = at(a, "regions", {})
    both = [name for name in regions if name in at(b, "regions", {})]
    first = [at(a, "summary.tumour"), *(row.name for row in limited_regions(a))]
    rest = sorted(both, key=lambda name: -(regions[name].get("t_peak_c") or 0.0))
    return [name for name in dict.fromkeys([*first, *rest]) if name in both][:MOST_REGIONS]


def paired_colours(a: PlanRecord, b: PlanRecord) -> dict[str, str]:
    """A colour for every region of either."""
    return region_colours([*at(a, "regions", {}), *at(b, "regions", {}), "core", "everywhere-else"])


def draw_paired_t90(a: PlanRecord, b: PlanRecord) -> Markup | None:
    """T90 of the target over time."""
    curves = []
    for letter, plan, dash in (("A", a, ""), ("B", b, DASH)):
        course = at(plan, "history.regions", {}).get(at(plan, "summary.tumour"), {}).get("t90_c")
        minutes = [s / 60.0 for s in at(plan, "history.time_s", [])]
        if course and minutes:
            curves.append(Line(minutes, course, letter, VERMILION, dash, 2.2))
    if len(curves) < 2:
        return None
    axis = axis_over([43.0, *(v for c in curves for v in c.y)], CELSIUS)
    time = Axis(0.0, max(c.x[-1] for c in curves), MINUTES)
    return charts.build_figure(
        "t90",
        "T90 of the target over time",
        "Solid: A. Dashed: B.",
        lambda frame: charts.draw_lines(
            frame, curves, time, axis, levels=[Level(43.0, "43 °C")], name_at=0.9 * min(c.x[-1] for c in curves)
        ),
        sizes=charts.frame_pair(1096, 300, top=24),
    )


def draw_paired_histograms(a: PlanRecord, b: PlanRecord) -> list[Markup]:
    """Cumulative histograms of temperature and dose, both plans over each other."""
    names, colour = shown_regions(a, b), paired_colours(a, b)
    words, drawn = f"Solid: A. Dashed: B. Regions: {', '.join(names)}.", []
    for kind in KINDS:
        curves = [
            curve
            for plan, dash in ((a, ""), (b, DASH))
            for name in names
            if (histogram := at(plan, "histograms", {}).get(name))
            and (curve := cumulative_curve(histogram, kind, name, colour[name], width=1.7, dash=dash))
        ]
        if curves:
            drawn.append(histogram_figure(kind, curves, f"{kind.title}s", words))
    return drawn
