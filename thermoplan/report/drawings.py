"""Which chart is drawn from which part of ``plan.json``; nothing is drawn from what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from . import charts, page_rows
from . import formats as f
from .charts import NARROW, Bar, Dot, Level, Line
from .formats import at, usable
from .palette import INK, MUTED, PROBE, SKY, VERMILION, region_colours
from .svg import Axis, Frame, spanning

Plan = Mapping[str, Any]
MINUTES = "time, min"
CELSIUS = "temperature, °C"
WIDTH = 1096
PROBES = (PROBE, "#7a5200", "#5d3f9e", MUTED)


def colours(plan: Plan) -> dict[str, str]:
    """One colour for every region that any part of the plan names."""
    parts = (
        "regions",
        "history.regions",
        "histograms",
        "iron.regions_raw",
        "iron.regions_confined",
        "safety.iron_w",
    )
    return region_colours([*(n for part in parts for n in at(plan, part, {})), "core", "everywhere-else"])


def tumour_t90(plan: Plan) -> Markup | None:
    """T90 of the first goal's region, with the same plan at the lowest and highest SLP that is shown."""
    target = at(plan, "summary.tumour")
    minutes = _minutes(plan)
    course = at(plan, "history.regions", {}).get(target, {}).get("t90_c")
    if not minutes or not course:
        return None
    (low, high), (least, most) = page_rows.slp_courses(plan), page_rows.heat_factors(plan)
    curves, name = [Line(minutes, course, "T90", VERMILION, width=2.4)], page_rows.heat_name(plan)
    if low and high:
        curves.insert(0, Line(minutes, high, f"{name} × {most:.2g}", VERMILION, "5 3", 1.1, floor=low))
        curves.append(Line(minutes, low, f"{name} × {least:.2g}", VERMILION, "5 3", 1.1))
    core = at(plan, "core.temperature_c", [])
    if core:
        curves.append(Line(_in_minutes(at(plan, "core.time_s", [])), core, "core", INK, width=1.2))
    axis = spanning([43.0, *(v for c in curves for v in c.y)], CELSIUS)
    levels = [Level(43.0, "43 °C"), *_end_of_heating(plan)]
    time = Axis(0.0, minutes[-1], MINUTES)
    reached = at(plan, "regions", {}).get(target, {}).get("t90_c")
    words = f"T90 of {target} is {f.temperature(reached)} when heating ends." + (
        f" A band shows the same plan with the {page_rows.heat_words(plan)}." if low and high else ""
    )
    return charts.figure(
        "t90",
        f"T90 of {target} over time",
        words,
        lambda frame: charts.lines(frame, curves, time, axis, levels=levels, name_at=_named_at(plan)),
        sizes=charts.frames(620, 300, top=24),
    )


def maxima(plan: Plan) -> Markup | None:
    """Highest temperature of every limited region against its bound."""
    limited = page_rows.limited(plan)
    if not limited:
        return None
    colour = colours(plan)
    data = [
        Dot(r["name"], r["peak"], r["bound"], *page_rows.limit_words(r), r["met"], colour.get(r["name"], MUTED))
        for r in limited
    ]
    axis = spanning([v for d in data for v in (d.value, d.bound)], "highest temperature, °C (upright: limit)")
    words = "; ".join(f"{d.name} {d.words}{d.more}" for d in data)
    wide = Frame(448, 56 + 26 * len(data), left=108, right=196, top=8)
    narrow = Frame(NARROW, wide.height, left=108, right=98, top=8)
    return charts.figure(
        "maxima", "Maxima against limits", words, lambda fr: charts.dots(fr, data, axis), sizes=(wide, narrow)
    )


def iron(plan: Plan) -> Markup | None:
    """Iron per region as planned on; the raw image's amount is a tick."""
    confined, raw = at(plan, "iron.regions_confined", {}), at(plan, "iron.regions_raw", {})
    masses = confined or raw
    colour = colours(plan)
    shown = [
        Bar(n, m, f.significant(m, 2, "mg"), colour.get(n, MUTED), raw.get(n) if confined else None)
        for n, m in masses.items()
        if usable(m) and m > 1e-3 * max(masses.values())
    ]
    return _bars("iron", "Iron per region", shown, "iron, mg" + (" (tick: raw image)" if confined and raw else ""))


def power(plan: Plan) -> Markup | None:
    """Watts into each region's iron and into tissue by eddy currents, against the metabolic rate."""
    colour = colours(plan)
    parts = {n: w for n, w in at(plan, "safety.iron_w", {}).items() if usable(w)}
    most = max([*parts.values(), 1e-12])
    shown = [Bar(n, w, f.watts(w), colour.get(n, MUTED)) for n, w in parts.items() if w > 0.01 * most]
    if usable(eddy := at(plan, "safety.eddy_w")):
        shown.append(Bar("eddy currents", eddy, f.watts(eddy), SKY))
    rate = at(plan, "safety.metabolic_w")
    mark = Level(rate, f"metabolic rate {f.watts(rate)}") if usable(rate) and rate > 0.0 else None
    return _bars("power", "Mean power while heating", shown, "power, W", mark)


def _bars(key: str, title: str, shown: list[Bar], label: str, mark: Level | None = None) -> Markup | None:
    if not shown:
        return None
    words = "; ".join(f"{b.name} {b.words}" for b in shown) + (f"; {mark.name}" if mark else "")
    frame = Frame(NARROW, 60 + 24 * len(shown), left=108, right=62, top=22 if mark else 8)
    return charts.figure(
        key, title, words, lambda fr: charts.bars(fr, shown, label=label, mark=mark), sizes=(frame, frame)
    )


def temperatures(plan: Plan) -> Markup | None:
    """Median temperature of every region, the target's maximum, core and probes."""
    curves, minutes = _courses(plan), _minutes(plan)
    if not (curves and minutes):
        return None
    axis = spanning([v for c in curves for v in c.y], CELSIUS)
    time = Axis(0.0, minutes[-1], MINUTES)
    words = "Median (T50) of each region; dotted: maximum of the target; dashed: probes; black: core (blood)."
    return charts.figure(
        "temperatures",
        "Temperature of every region over time",
        words,
        lambda fr: charts.lines(fr, curves, time, axis, levels=_end_of_heating(plan)),
        sizes=charts.frames(WIDTH, 380, top=24),
    )


def key(plan: Plan) -> list[dict[str, str]]:
    """The names of the curves of ``temperatures``, hottest first, with their values when heating ends."""
    entries = [(_at_end(plan, curve), curve) for curve in _courses(plan)]
    styles = {"": "solid", "2 2": "dotted"}
    return [
        {
            "name": curve.name,
            "colour": curve.colour,
            "dash": styles.get(curve.dash, "dashed"),
            "value": f.temperature(value),
        }
        for value, curve in sorted(entries, key=lambda entry: -entry[0])
    ]


def _at_end(plan: Plan, curve: Line) -> float:
    end = _named_at(plan)
    known = [(abs(x - end), y) for x, y in zip(curve.x, curve.y, strict=False) if usable(y)]
    return min(known)[1] if known else float("-inf")


def _courses(plan: Plan) -> list[Line]:
    minutes, colour, target = _minutes(plan), colours(plan), at(plan, "summary.tumour")
    if not minutes:
        return []
    curves = []
    for name, series in at(plan, "history.regions", {}).items():
        if series.get("t50_c"):
            curves.append(Line(minutes, series["t50_c"], name, colour[name], width=2.4 if name == target else 1.5))
        if name == target and series.get("t_max_c"):
            curves.append(Line(minutes, series["t_max_c"], f"{name}, maximum", colour[name], "2 2", 1.3))
    return curves + _single_courses(plan)


def _single_courses(plan: Plan) -> list[Line]:
    curves = []
    if at(plan, "core.temperature_c"):
        curves.append(Line(_in_minutes(at(plan, "core.time_s", [])), plan["core"]["temperature_c"], "core", INK))
    for k, (name, probe) in enumerate(at(plan, "probes", {}).items()):
        if probe.get("temperature_c"):
            curves.append(
                Line(
                    _in_minutes(probe.get("time_s") or []),
                    probe["temperature_c"],
                    f"{name}, probe",
                    PROBES[k % len(PROBES)],
                    "6 3",
                    1.3,
                )
            )
    return curves


def schedule(plan: Plan) -> Markup | None:
    """Share of time of each FFR position in each window, on the time axis of the chart above it."""
    windows = [w for w in at(plan, "trajectory.windows", []) if w.get("share")]
    minutes = _minutes(plan)
    most = max((s for w in windows for s in w["share"] if usable(s)), default=0.0)
    if not (windows and minutes and most > 0):
        return None
    time = Axis(0.0, minutes[-1], MINUTES)
    count = max(len(w["share"]) for w in windows)
    sizes = charts.frames(WIDTH, min(70 + 9 * count, 260), top=24)
    words = f"{count} positions; yellow is the largest share of a window, {f.percent(most)} of its time."
    return charts.figure(
        "schedule",
        "FFR schedule, duty above each window",
        words,
        lambda fr: charts.raster(fr, time, windows, most),
        sizes=sizes,
    )


def histograms(plan: Plan) -> list[Markup]:
    """Cumulative temperature-volume and dose-volume histograms."""
    colour, target = colours(plan), at(plan, "summary.tumour")
    share = Axis(0.0, 100.0, "volume above, %")
    drawn = []
    for key, fraction, log in (
        ("temperature_c", "volume_fraction", False),
        ("cem43_min", "dose_fraction", True),
    ):
        curves = [
            _cumulative(h, key, fraction, name, colour[name], 2.4 if name == target else 1.5)
            for name, h in at(plan, "histograms", {}).items()
            if h.get(key) and h.get(fraction)
        ]
        curves = [c for c in curves if len(c.x) > 1]
        if not curves:
            continue
        label = "CEM43, min" if log else "temperature at the end of heating, °C"
        axis = Axis(0.01, max(100.0, *(c.x[-1] for c in curves)), label, True) if log else narrow_axis(curves, label)
        title = "Cumulative dose-volume histogram" if log else "Cumulative temperature-volume histogram"
        words = "Share of each region's volume above a value: " + ", ".join(c.name for c in curves) + "."
        bound = Level(2.0, "2 min", True) if log else Level(43.0, "43 °C", True)
        drawn.append(
            charts.figure(
                "dvh" if log else "tvh",
                title,
                words,
                lambda fr, c=curves, a=axis, b=bound: charts.lines(fr, c, a, share, levels=[b]),
                sizes=charts.frames(533, 330, top=26),
            )
        )
    return drawn


def _cumulative(histogram: Plan, key: str, fraction: str, name: str, colour: str, width: float) -> Line:
    pairs = [
        (e, 100.0 * v)
        for e, v in zip(histogram[key], histogram[fraction], strict=False)
        if usable(e) and usable(v) and (key == "temperature_c" or e > 0)
    ]
    return Line([p[0] for p in pairs], [p[1] for p in pairs], name, colour, width=width)


def narrow_axis(curves: list[Line], label: str) -> Axis:
    """The part of the scale where something happens."""
    live = [x for c in curves for x, y in zip(c.x, c.y, strict=True) if 0.01 < y < 99.99] or [36.0, 44.0]
    return Axis(min(live) - 0.5, max(live) + 0.5, label)


def path(plan: Plan) -> list[Markup]:
    """Positions of the FFR seen from the front and from the left side."""
    points, share = at(plan, "trajectory.path_mm", []), at(plan, "trajectory.share", [])
    if not points or len(points) != len(share):
        return []
    outline = _half_axes(plan)
    best = points[max(range(len(points)), key=lambda k: share[k] or 0.0)]
    middle = [(max(p[k] for p in points) + min(p[k] for p in points)) / 2 for k in range(3)]
    reach = max(abs(p[k] - middle[k]) for p in points for k in range(3))
    reach = 1.12 * max(reach, 1.0, *(abs(best[k] - middle[k]) + (outline or (0, 0, 0))[k] for k in range(3)))
    drawn = []
    for a, b in ((0, 2), (1, 2)):
        x, y = (Axis(middle[k] - reach, middle[k] + reach, f"{'RAS'[k]}, mm") for k in (a, b))
        flat, oval = [(p[a], p[b]) for p in points], (outline[a], outline[b]) if outline else None
        drawn.append(
            charts.figure(
                f"path-{a}",
                f"FFR positions in the {'RAS'[a]}-S plane",
                "Discs: positions, area by share of time."
                + (" Dashed: half-power outline of the FFR." if oval else ""),
                lambda fr, p=flat, h=oval, x=x, y=y: charts.spots(fr, p, share, x, y, outline=h),
                sizes=(Frame(NARROW, 338), Frame(NARROW, 338)),
            )
        )
    return drawn


def _half_axes(plan: Plan) -> tuple[float, float, float] | None:
    """Half-power half-axes along R, A, S in mm, where the drive axis is one of them."""
    along, across = at(plan, "ffr.fwhm_along_mm"), at(plan, "ffr.fwhm_across_mm")
    axis = at(plan, "device.drive_axis")
    if not (usable(along) and usable(across) and isinstance(axis, list) and len(axis) == 3):
        return None
    if max(abs(v) for v in axis) < 0.99 * sum(v * v for v in axis) ** 0.5:
        return None
    main = max(range(3), key=lambda k: abs(axis[k]))
    right, anterior, superior = ((along if k == main else across) / 2.0 for k in range(3))
    return right, anterior, superior


def quality(plan: Plan) -> Markup | None:
    counts = [c for c in at(plan, "mesh.quality_histogram", []) if usable(c)]
    if not counts:
        return None
    return charts.figure(
        "quality",
        "Quality of the elements",
        f"Worst element {f.plain(at(plan, 'mesh.quality_min'))}.",
        lambda fr: charts.columns(fr, counts, Axis(0.0, 1.0, "quality, 1 is regular")),
        sizes=charts.frames(533, 220, left=62),
    )


def _named_at(plan: Plan) -> float:
    """Time at which curves carry their names: when heating ends, else at the end."""
    minutes = _minutes(plan)
    return float(min(at(plan, "timing.heating_end_s", 60.0 * minutes[-1]) / 60.0, minutes[-1]))


def _minutes(plan: Plan) -> list[float]:
    return _in_minutes(at(plan, "history.time_s", []))


def _in_minutes(seconds: list[float]) -> list[float]:
    return [s / 60.0 for s in seconds]


def _end_of_heating(plan: Plan) -> list[Level]:
    end = at(plan, "timing.heating_end_s")
    inside = usable(end) and end < (at(plan, "history.time_s", [0.0])[-1])
    return [Level(end / 60.0, "heating ends", True)] if inside else []
