"""Charts of a plan from the parts of ``plan.json``; nothing is drawn from what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from . import charts, page_rows
from . import formats as f
from .charts import NARROW, Bar, Dot, Level, Line
from .formats import at, usable
from .palette import INK, MUTED, PROBE, SKY, VERMILION, region_colours
from .svg import Axis, Frame, axis_over

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

MINUTES = "time, min"
CELSIUS = "temperature, °C"
WIDTH = 1096
PROBES = (PROBE, "#7a5200", "#5d3f9e", MUTED)


def plan_colours(plan: PlanRecord) -> dict[str, str]:
    """A colour for every region that any part of the plan names."""
    parts = (
        "regions",
        "history.regions",
        "histograms",
        "iron.regions_raw",
        "iron.regions_confined",
        "safety.iron_w",
    )
    return region_colours([*(n for part in parts for n in at(plan, part, {})), "core", "everywhere-else"])


def draw_target_t90(plan: PlanRecord) -> Markup | None:
    """T90 of the first goal's region, with the same plan at the lowest and highest SLP that is shown."""
    target = at(plan, "summary.tumour")
    minutes = _history_minutes(plan)
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
    axis = axis_over([43.0, *(v for c in curves for v in c.y)], CELSIUS)
    levels = [Level(43.0, "43 °C"), *_end_of_heating_level(plan)]
    time = Axis(0.0, minutes[-1], MINUTES)
    reached = at(plan, "regions", {}).get(target, {}).get("t90_c")
    words = f"T90 of {target} is {f.temperature(reached)} when heating ends." + (
        f" A band shows the same plan with the {page_rows.heat_words(plan)}." if low and high else ""
    )
    return charts.build_figure(
        "t90",
        f"T90 of {target} over time",
        words,
        lambda frame: charts.draw_lines(frame, curves, time, axis, levels=levels, name_at=_naming_time(plan)),
        sizes=charts.frame_pair(620, 300, top=24),
    )


def draw_maxima(plan: PlanRecord) -> Markup | None:
    """Highest temperature of every limited region against its bound."""
    limited = page_rows.limited_regions(plan)
    if not limited:
        return None
    colour = plan_colours(plan)
    data = [
        Dot(r.name, r.peak_c, r.bound_c, *page_rows.limit_words(r), r.met, colour.get(r.name, MUTED)) for r in limited
    ]
    axis = axis_over([v for d in data for v in (d.value, d.bound)], "highest temperature, °C (upright: limit)")
    words = "; ".join(f"{d.name} {d.words}{d.more}" for d in data)
    wide = Frame(448, 56 + 26 * len(data), left=108, right=196, top=8)
    narrow = Frame(NARROW, wide.height, left=108, right=98, top=8)
    return charts.build_figure(
        "maxima", "Maxima against limits", words, lambda fr: charts.draw_dots(fr, data, axis), sizes=(wide, narrow)
    )


def draw_iron(plan: PlanRecord) -> Markup | None:
    """Iron per region as planned on; the raw image's amount is a tick."""
    confined, raw = at(plan, "iron.regions_confined", {}), at(plan, "iron.regions_raw", {})
    masses = confined or raw
    colour = plan_colours(plan)
    shown = [
        Bar(n, m, f.significant(m, 2, "mg"), colour.get(n, MUTED), raw.get(n) if confined else None)
        for n, m in masses.items()
        if usable(m) and m > 1e-3 * max(masses.values())
    ]
    return _draw_region_bars(
        "iron", "Iron per region", shown, "iron, mg" + (" (tick: raw image)" if confined and raw else "")
    )


def draw_power(plan: PlanRecord) -> Markup | None:
    """Watts into each region's iron and into tissue by eddy currents, against the metabolic rate."""
    colour = plan_colours(plan)
    parts = {n: w for n, w in at(plan, "safety.iron_w", {}).items() if usable(w)}
    most = max([*parts.values(), 1e-12])
    shown = [Bar(n, w, f.watts(w), colour.get(n, MUTED)) for n, w in parts.items() if w > 0.01 * most]
    if usable(eddy := at(plan, "safety.eddy_w")):
        shown.append(Bar("eddy currents", eddy, f.watts(eddy), SKY))
    rate = at(plan, "safety.metabolic_w")
    mark = Level(rate, f"metabolic rate {f.watts(rate)}") if usable(rate) and rate > 0.0 else None
    return _draw_region_bars("power", "Mean power while heating", shown, "power, W", mark)


def _draw_region_bars(key: str, title: str, shown: list[Bar], label: str, mark: Level | None = None) -> Markup | None:
    if not shown:
        return None
    words = "; ".join(f"{b.name} {b.words}" for b in shown) + (f"; {mark.name}" if mark else "")
    frame = Frame(NARROW, 60 + 24 * len(shown), left=108, right=62, top=22 if mark else 8)
    return charts.build_figure(
        key, title, words, lambda fr: charts.draw_bars(fr, shown, label=label, mark=mark), sizes=(frame, frame)
    )


def draw_temperatures(plan: PlanRecord) -> Markup | None:
    """Median temperature of every region, the target's maximum, core and probes."""
    curves, minutes = _temperature_courses(plan), _history_minutes(plan)
    if not (curves and minutes):
        return None
    axis = axis_over([v for c in curves for v in c.y], CELSIUS)
    time = Axis(0.0, minutes[-1], MINUTES)
    words = "Median (T50) of each region; dotted: maximum of the target; dashed: probes; black: core (blood)."
    return charts.build_figure(
        "temperatures",
        "Temperature of every region over time",
        words,
        lambda fr: charts.draw_lines(fr, curves, time, axis, levels=_end_of_heating_level(plan)),
        sizes=charts.frame_pair(WIDTH, 380, top=24),
    )


def temperature_legend(plan: PlanRecord) -> list[dict[str, str]]:
    """The names of the curves of ``temperatures``, hottest first, with their values when heating ends."""
    entries = [(_value_at_end(plan, curve), curve) for curve in _temperature_courses(plan)]
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


def _value_at_end(plan: PlanRecord, curve: Line) -> float:
    end = _naming_time(plan)
    known = [(abs(x - end), y) for x, y in zip(curve.x, curve.y, strict=False) if y is not None and usable(y)]
    return min(known)[1] if known else float("-inf")


def _temperature_courses(plan: PlanRecord) -> list[Line]:
    minutes, colour, target = _history_minutes(plan), plan_colours(plan), at(plan, "summary.tumour")
    if not minutes:
        return []
    curves = []
    for name, series in at(plan, "history.regions", {}).items():
        if series.get("t50_c"):
            curves.append(Line(minutes, series["t50_c"], name, colour[name], width=2.4 if name == target else 1.5))
        if name == target and series.get("t_max_c"):
            curves.append(Line(minutes, series["t_max_c"], f"{name}, maximum", colour[name], "2 2", 1.3))
    return curves + _core_and_probe_courses(plan)


def _core_and_probe_courses(plan: PlanRecord) -> list[Line]:
    curves = []
    if at(plan, "core.temperature_c"):
        curves.append(Line(_in_minutes(at(plan, "core.time_s", [])), at(plan, "core.temperature_c"), "core", INK))
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


def draw_session_schedule(plan: PlanRecord) -> Markup | None:
    """Share of time of each FFR position in each window, on the time axis of the chart above it."""
    windows = [w for w in at(plan, "trajectory.windows", []) if w.get("share")]
    minutes = _history_minutes(plan)
    most = max((s for w in windows for s in w["share"] if usable(s)), default=0.0)
    if not (windows and minutes and most > 0):
        return None
    time = Axis(0.0, minutes[-1], MINUTES)
    count = max(len(w["share"]) for w in windows)
    sizes = charts.frame_pair(WIDTH, min(70 + 9 * count, 260), top=24)
    words = f"{count} positions; yellow is the largest share of a window, {f.percent(most)} of its time."
    return charts.build_figure(
        "schedule",
        "FFR schedule, duty above each window",
        words,
        lambda fr: charts.draw_schedule(fr, time, windows, most),
        sizes=sizes,
    )


def draw_path(plan: PlanRecord) -> list[Markup]:
    """Positions of the FFR seen from the front and from the left side."""
    points, share = at(plan, "trajectory.path_mm", []), at(plan, "trajectory.share", [])
    if not points or len(points) != len(share):
        return []
    outline = _half_power_axes(plan)
    best = points[max(range(len(points)), key=lambda k: share[k] or 0.0)]
    middle = [(max(p[k] for p in points) + min(p[k] for p in points)) / 2 for k in range(3)]
    reach = max(abs(p[k] - middle[k]) for p in points for k in range(3))
    reach = 1.12 * max(reach, 1.0, *(abs(best[k] - middle[k]) + (outline or (0, 0, 0))[k] for k in range(3)))
    sizes = (Frame(NARROW, 338), Frame(NARROW, 338))

    def draw_view(right: int, up: int) -> Markup:
        x, y = (Axis(middle[k] - reach, middle[k] + reach, f"{'RAS'[k]}, mm") for k in (right, up))
        flat, oval = [(p[right], p[up]) for p in points], (outline[right], outline[up]) if outline else None
        return charts.build_figure(
            f"path-{right}",
            f"FFR positions in the {'RAS'[right]}-S plane",
            "Discs: positions, area by share of time." + (" Dashed: half-power outline of the FFR." if oval else ""),
            lambda frame: charts.draw_spots(frame, flat, share, x, y, outline=oval),
            sizes=sizes,
        )

    return [draw_view(0, 2), draw_view(1, 2)]


def _half_power_axes(plan: PlanRecord) -> tuple[float, float, float] | None:
    """Half-power half-axes along R, A, S in mm, where the drive axis is one of them."""
    along, across = at(plan, "ffr.fwhm_along_mm"), at(plan, "ffr.fwhm_across_mm")
    axis = at(plan, "device.drive_axis")
    if not (usable(along) and usable(across) and isinstance(axis, list) and len(axis) == 3):
        return None
    if max(abs(v) for v in axis) < 0.99 * sum(v * v for v in axis) ** 0.5:
        return None
    main = max(range(3), key=lambda k: abs(axis[k]))
    first, second, third = ((along if k == main else across) / 2.0 for k in range(3))
    return first, second, third


def draw_quality(plan: PlanRecord) -> Markup | None:
    counts = [c for c in at(plan, "mesh.quality_histogram", []) if usable(c)]
    if not counts:
        return None
    return charts.build_figure(
        "quality",
        "Quality of the elements",
        f"Worst element {f.plain(at(plan, 'mesh.quality_min'))}.",
        lambda fr: charts.draw_columns(fr, counts, Axis(0.0, 1.0, "quality, 1 is regular")),
        sizes=charts.frame_pair(533, 220, left=62),
    )


def _naming_time(plan: PlanRecord) -> float:
    """Time at which the curves are named: when heating ends, else at the end."""
    minutes = _history_minutes(plan)
    return float(min(at(plan, "timing.heating_end_s", 60.0 * minutes[-1]) / 60.0, minutes[-1]))


def _history_minutes(plan: PlanRecord) -> list[float]:
    return _in_minutes(at(plan, "history.time_s", []))


def _in_minutes(seconds: list[float]) -> list[float]:
    return [s / 60.0 for s in seconds]


def _end_of_heating_level(plan: PlanRecord) -> list[Level]:
    end = at(plan, "timing.heating_end_s")
    inside = usable(end) and end < (at(plan, "history.time_s", [0.0])[-1])
    return [Level(end / 60.0, "heating ends", True)] if inside else []
