"""Charts of two plans over each other: A solid, B dashed, a colour a region."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from markupsafe import Markup

from . import charts, drawings
from . import page_rows as plan_rows
from .charts import Level, Line
from .drawings import CELSIUS, MINUTES, Plan
from .formats import at, usable
from .palette import VERMILION, region_colours
from .svg import Axis, spanning

DASH = "5 3"
MOST_REGIONS = 7


def shown_regions(a: Plan, b: Plan) -> list[str]:
    """The target, then what is limited, then what else is hottest: as many as can be told apart."""
    regions = at(a, "regions", {})
    both = [name for name in regions if name in at(b, "regions", {})]
    first = [at(a, "summary.tumour"), *(row["name"] for row in plan_rows.limited(a))]
    rest = sorted(both, key=lambda name: -(regions[name].get("t_peak_c") or 0.0))
    return [name for name in dict.fromkeys([*first, *rest]) if name in both][:MOST_REGIONS]


def colours(a: Plan, b: Plan) -> dict[str, str]:
    """One colour for every region of either."""
    return region_colours([*at(a, "regions", {}), *at(b, "regions", {}), "core", "everywhere-else"])


def tumour_t90(a: Plan, b: Plan) -> Markup | None:
    """T90 of the target over time."""
    curves = []
    for letter, plan, dash in (("A", a, ""), ("B", b, DASH)):
        course = at(plan, "history.regions", {}).get(at(plan, "summary.tumour"), {}).get("t90_c")
        minutes = [s / 60.0 for s in at(plan, "history.time_s", [])]
        if course and minutes:
            curves.append(Line(minutes, course, letter, VERMILION, dash, 2.2))
    if len(curves) < 2:
        return None
    axis = spanning([43.0, *(v for c in curves for v in c.y)], CELSIUS)
    time = Axis(0.0, max(c.x[-1] for c in curves), MINUTES)
    return charts.figure(
        "t90",
        "T90 of the target over time",
        "Solid: A. Dashed: B.",
        lambda frame: charts.lines(
            frame, curves, time, axis, levels=[Level(43.0, "43 °C")], name_at=0.9 * min(c.x[-1] for c in curves)
        ),
        sizes=charts.frames(1096, 300, top=24),
    )


def histograms(a: Plan, b: Plan) -> list[Markup]:
    """Cumulative histograms of temperature and dose, both plans over each other."""
    names, colour = shown_regions(a, b), colours(a, b)
    share, drawn = Axis(0.0, 100.0, "volume above, %"), []
    for key, fraction, log in (("temperature_c", "volume_fraction", False), ("cem43_min", "dose_fraction", True)):
        curves = [
            replace(curve, dash=dash)
            for plan, dash in ((a, ""), (b, DASH))
            for name in names
            if (curve := _curve(plan, name, key, fraction, colour[name])) is not None
        ]
        if not curves:
            continue
        label = "CEM43, min" if log else "temperature at the end of heating, °C"
        axis = (
            Axis(0.01, max(100.0, *(c.x[-1] for c in curves)), label, True)
            if log
            else drawings.narrow_axis(curves, label)
        )
        bound = Level(2.0, "2 min", True) if log else Level(43.0, "43 °C", True)
        title = "Cumulative dose-volume histograms" if log else "Cumulative temperature-volume histograms"
        drawn.append(
            charts.figure(
                "dvh" if log else "tvh",
                title,
                f"Solid: A. Dashed: B. Regions: {', '.join(names)}.",
                lambda fr, c=curves, x=axis, y=bound: charts.lines(fr, c, x, share, levels=[y]),
                sizes=charts.frames(533, 330, top=26),
            )
        )
    return drawn


def _curve(plan: Plan, name: str, key: str, fraction: str, colour: str) -> Line | None:
    histogram: Any = at(plan, "histograms", {}).get(name) or {}
    pairs = [
        (edge, 100.0 * part)
        for edge, part in zip(histogram.get(key, []), histogram.get(fraction, []), strict=False)
        if usable(edge) and usable(part) and (key == "temperature_c" or edge > 0)
    ]
    return Line([p[0] for p in pairs], [p[1] for p in pairs], name, colour, width=1.7) if len(pairs) > 1 else None
