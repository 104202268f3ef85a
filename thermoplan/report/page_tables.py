"""Tables of the page, as a header and rows of words."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from . import formats as f
from .formats import at, usable
from .page_rows import known_facts

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

Table = tuple[list[str], list[list[str]]]


def organ_table(plan: PlanRecord) -> Table:
    """Header and rows of the organ table; iron as planned on, and as the image has it where some was moved."""
    raw = at(plan, "iron.regions_raw", {}) if at(plan, "iron.confined") else {}
    header = [
        "Region",
        "Tissue",
        "Volume mm³",
        "Iron mg",
        *(["in the image"] if raw else []),
        "T90",
        "T50",
        "T10",
        "Tmax",
        "Peak",
        "T90 hold",
        "CEM43 T90",
        "T50",
        "T10",
        "hottest 1 mm³",
        "peak",
        "D90",
        "hottest 1 mm³, floor 39",
        "> 43 °C",
        "Power",
    ]
    body = []
    for name, row in at(plan, "regions", {}).items():
        body.append(
            [
                name,
                row.get("tissue") or "",
                f.significant(row.get("volume_mm3")),
                _milligrams(row.get("iron_mg")) + _uncertainty(row.get("iron_mg"), row.get("iron_sd_mg")),
                *([_milligrams(raw.get(name))] if raw else []),
                *(
                    f.temperature(row.get(k), "")
                    for k in ("t90_c", "t50_c", "t10_c", "t_max_c", "t_peak_c", "t90_hold_c")
                ),
                *(
                    f.dose(row.get(k))
                    for k in (
                        "cem43t90_min",
                        "cem43t50_min",
                        "cem43t10_min",
                        "cem43_max_min",
                        "cem43_peak_min",
                        "cem43_d90_min",
                        "cem43_floor39_max_min",
                    )
                ),
                f.percent(share_above(plan, name, 43.0)),
                f.watts(row.get("power_w")),
            ]
        )
    return header, body


def _uncertainty(value: object, sd: object) -> str:
    """One standard uncertainty, where one is known and the amount is worth it."""
    return f" ± {f.significant(sd, 1)}" if usable(sd) and usable(value) and value >= 1e-3 else ""


def _milligrams(value: object) -> str:
    return "<0.001" if usable(value) and 0.0 < value < 1e-3 else f.significant(value, 2)


def share_above(plan: PlanRecord, region: str, threshold_c: float) -> float | None:
    """Share of a region's volume above a temperature at the end of heating, from its histogram."""
    histogram = at(plan, "histograms", {}).get(region) or {}
    edges, share = histogram.get("temperature_c") or [], histogram.get("volume_fraction") or []
    pairs = list(zip(edges, share, strict=False))
    for (t0, v0), (t1, v1) in pairwise(pairs):
        if t0 <= threshold_c <= t1:
            result: float | None = v0 + (v1 - v0) * (threshold_c - t0) / (t1 - t0 if t1 != t0 else 1.0)
            return result
    return (1.0 if threshold_c < edges[0] else 0.0) if edges else None


def expected_table(plan: PlanRecord) -> Table:
    """Readings to expect: a row a minute, two columns a thermometer: the reading, and when to stop."""
    given = [r for r in plan.get("expected") or [] if isinstance(r, Mapping)]
    keys = list(dict.fromkeys(k for r in given for k in r))
    names = [
        k.removesuffix("_c")
        for k in keys
        if k.endswith("_c") and not k.endswith(("_low_c", "_high_c", "_stop_above_c", "_stop_below_c"))
    ]
    used = {"minute", *(f"{n}{end}_c" for n in names for end in ("", "_low", "_stop_above"))}
    others = [k for k in keys if k not in used]
    header = ["Minute", *(h for n in names for h in (f"{n} °C", "stop above")), *(k.replace("_", " ") for k in others)]
    return header, [
        [
            f.plain(r.get("minute")),
            *(cell for n in names for cell in _reading_cells(r, n)),
            *(f.plain(r.get(k)) for k in others),
        ]
        for r in given
    ]


def shot_table(plan: PlanRecord) -> Table:
    """Table of expected probe readings during the test shot, and with the SLP x 0.7 and 1.3."""
    given = at(plan, "test_shot.rows", [])
    names = [
        key.removesuffix("_c")
        for key in (given[0] if given else ())
        if key.endswith("_c") and not key.endswith(("_low_c", "_high_c"))
    ]
    return ["Minute", *(f"{name} °C" for name in names)], [
        [
            f.plain(row.get("minute")),
            *(
                f"{f.temperature(row.get(f'{name}_c'), '')} ({f.temperature(row.get(f'{name}_low_c'), '')} to "
                f"{f.temperature(row.get(f'{name}_high_c'), '')})"
                for name in names
            ),
        ]
        for row in given
    ]


def shot_words(plan: PlanRecord) -> str:
    """Instruction for the test shot, in a sentence."""
    found = at(plan, "test_shot", {})
    if not found:
        return ""
    place = ", ".join(f.fixed_point(round(v, 1) + 0.0, 1) for v in found["position_mm"])
    return (
        f"Park at {place} mm (RAS), {f.significant(found['amplitude_mt'], 3)} mT peak, "
        f"{f.significant(found['gradient_t_m'], 3)} T/m, for {f.significant(found['duration_s'], 3)} s; the hottest "
        f"tissue reaches {f.temperature(found['hottest_c'])}. Then run thermoplan test-shot on this run with a "
        "reading: it gives the SLP in this animal. In brackets, what a probe reads if the tracer heats 0.7 or "
        "1.3 times as much."
    )


def _reading_cells(row: Mapping[str, object], name: str) -> tuple[str, str]:
    low, high = row.get(f"{name}_low_c"), row.get(f"{name}_stop_above_c")
    reading = f.temperature(row.get(f"{name}_c"), "")
    return (
        f"{reading} ({f.temperature(low, '')} to {f.temperature(high, '')})" if usable(low) else reading,
        f.temperature(high, ""),
    )


def alternatives_table(plan: PlanRecord) -> Table:
    """Hand-made plans beside this one, with the limits that each breaks."""
    given = [r for r in plan.get("alternatives") or [] if isinstance(r, Mapping)]
    keys = [
        k
        for k in dict.fromkeys(k for r in given for k in r)
        if k not in ("name", "limits_broken") and any(usable(r.get(k)) for r in given)
    ]
    header = ["Plan", *(_alternative_heading(k) for k in keys), "Limits broken"]
    return header, [
        [
            str(r.get("name", "")),
            *(_alternative_cell(k, r.get(k)) for k in keys),
            _degree_signs("; ".join(map(str, r.get("limits_broken") or [])) or "none"),
        ]
        for r in given
    ]


def no_gradient_words(plan: PlanRecord) -> str:
    """Sentence on the result of the drive field alone for the same goal."""
    rows = [r for r in plan.get("alternatives") or [] if isinstance(r, Mapping)]
    row = next((r for r in rows if r.get("name") == "no gradient"), None)
    if row is None or not usable(row.get("t90_c")):
        return ""
    broken = _degree_signs("; ".join(map(str, row.get("limits_broken") or [])))
    core = f", the core {f.temperature(row['core_c'])}" if usable(row.get("core_c")) else ""
    within = row.get("t90_within_limits_c")
    most = f" Within the limits T90 would reach {f.temperature(within)}." if usable(within) and broken else ""
    return (
        f"for the same goals T90 would be {f.temperature(row['t90_c'])}{core}, and "
        f"{'these limits would be broken: ' + broken if broken else 'no limit would be broken'}.{most}"
    )


def position_error_table(plan: PlanRecord) -> Table:
    """Table of the cost of a position error, one row an axis of the machine."""
    rows = [r for r in plan.get("placement") or [] if isinstance(r, Mapping)]
    header = ["Off by", "T90 °C", "costs K", "CEM43 T90 min", "Missed or broken besides"]
    return header, [
        [
            f"{f.plain(r.get('off_mm'))} mm {r.get('axis', '')}",
            f.temperature(r.get("t90_c"), ""),
            f.fixed_point(round(r.get("cost_k", 0.0), 1) + 0.0, 1),
            f.dose(r.get("cem43t90_min")),
            _degree_signs(
                "; ".join(map(str, [*(r.get("goals_missed") or []), *(r.get("limits_broken") or [])])) or "none"
            ),
        ]
        for r in rows
    ]


def _degree_signs(words: object) -> str:
    return str(words).replace("degC", "°C")


def _alternative_heading(key: str) -> str:
    known = {
        "t90_within_limits_c": "T90 at equal limits",
        "t90_c": "T90 °C",
        "t_max_c": "Tmax °C",
        "core_c": "core °C",
        "cem43t90_min": "CEM43 T90 min",
    }
    return known.get(key, key.replace("_", " "))


def _alternative_cell(key: str, value: object) -> str:
    if key == "duty":
        return f.percent(value)
    if key.endswith("_c"):
        return f.temperature(value, "")
    if key.endswith("_min"):
        return f.dose(value)
    return f.fixed_point(1e3 * value, 0) if key.endswith("_w") and usable(value) else f.plain(value)


def limit_costs_table(plan: PlanRecord) -> Table:
    """Table of the cost of each limit to the goal: those near their bound, and those that would stop the plan first.

    What a new search found stands as it is; a price to first order says so.
    """
    given = [r for r in at(plan, "explanation.limits", []) if isinstance(r, Mapping)]
    body = []
    for row in given:
        gain, unit = row.get("gain_k"), row.get("unit")
        if not row.get("active") and not (usable(gain) and gain >= 0.01):
            continue
        body.append(
            [
                f"{row.get('region', '')} {row.get('metric', '')}",
                f.metric(row.get("value"), unit),
                f.metric(row.get("bound"), unit),
                "at its bound" if row.get("active") else "free",
                str(row.get("per", "K")),
                _gain_words(row.get("gain_wider_k"), gain),
                _gain_words(row.get("gain_narrower_k"), -gain if usable(gain) else None),
            ]
        )
    return ["Limit", "Value", "Bound", "State", "By one", "Wider, K", "Narrower, K"], body


def _gain_words(found: object, first_order: object) -> str:
    """Kelvins that the goal gains; a value that no search verified is only to first order."""
    if usable(found):
        return f.signed_change(found)
    return f"≈ {f.signed_change(first_order)}" if usable(first_order) and abs(first_order) >= 0.01 else "nothing"


def mesh_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    """The mesh in numbers, and the region whose volume is farthest from its labels'."""
    worst = ""
    labelled = at(plan, "mesh.label_volume_mm3", {})
    if isinstance(labelled, Mapping):
        off = [
            (abs(at(plan, "regions", {}).get(n, {}).get("volume_mm3", v) / v - 1.0), n)
            for n, v in labelled.items()
            if usable(v) and v > 0
        ]
        worst = f"{f.percent(max(off)[0], 1)} ({max(off)[1]})" if off else ""
    nodes, tets = at(plan, "mesh.nodes"), at(plan, "mesh.tetrahedra")
    return known_facts(
        [
            ("Nodes", f"{nodes:,}" if usable(nodes) else ""),
            ("Tetrahedra", f"{tets:,}" if usable(tets) else ""),
            ("Skin area", f.significant(at(plan, "mesh.skin_area_cm2"), 3, "cm²")),
            ("Worst element's quality", f.significant(at(plan, "mesh.quality_min"), 2)),
            ("Largest difference of a region's volume from its labels", worst),
            *_mesh_error_facts(plan),
        ]
    )


def solver_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    """Facts of the time integration of the full model."""
    found = at(plan, "solver", {})
    engine = {"exact": "exact (Krylov spaces)", "implicit": "implicit (TR-BDF2)"}.get(str(found.get("engine")), "")
    return known_facts(
        [
            ("Engine in time", engine),
            ("Elements", str(found.get("elements", ""))),
            ("Unknowns", f.plain(found.get("unknowns"))),
            ("Spectral radius", f.significant(found.get("spectral_radius_1_s"), 3, "1/s")),
            ("Matrix products", f.plain(found.get("matrix_products"))),
        ]
    )


def _mesh_error_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    """Estimated error of the target's and of every region's temperatures, where that was asked for."""
    target, error = at(plan, "summary.tumour"), at(plan, "accuracy.error_k")
    if not usable(error):
        return []
    row = (at(plan, "accuracy.regions") or {}).get(target, {})
    return [
        (f"Estimated error of {target}'s T90 by the mesh", f.significant(row.get("t90_k"), 2, "K")),
        ("Largest estimated error of a region's T90, T50, T10 or Tmax", f.significant(error, 2, "K")),
        ("Estimated by", str(at(plan, "accuracy.method", ""))),
    ]


def goals_table(plan: PlanRecord) -> Table:
    """Every goal and limit with where its bound comes from."""
    body = []
    for goal in plan.get("goals") or []:
        unit, least = goal.get("unit"), goal.get("sense") == "at_least"
        body.append(
            [
                f"{goal.get('kind', '')}: {goal.get('region', '')}",
                str(goal.get("metric", "")),
                ("≥\u00a0" if least else "≤\u00a0") + f.metric(goal.get("bound"), unit),
                f.reached_value(goal),
                "met" if goal.get("met") else "missed",
                _degree_signs(goal.get("source") or f.NONE),
            ]
        )
    return ["Goal or limit", "Metric", "Bound", "Value", "State", "Source"], body


def prediction_table(plan: PlanRecord) -> Table:
    """Table of predicted against verified values of the sequence."""
    given = [r for r in at(plan, "optimizer.predicted", []) if isinstance(r, Mapping)]
    body = []
    for row in given:
        goal = _degree_signs(row.get("goal", ""))
        words = f.dose if goal.endswith(" min") else f.significant
        body.append([goal, words(row.get("searched")), words(row.get("played"))])
    return ["Goal or limit", "Searched", "Verified"], body


def optimizer_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    """Entries of the search that are single values."""
    found = at(plan, "optimizer", {})
    return known_facts(
        [(str(k).replace("_", " "), f.plain(v)) for k, v in found.items() if not isinstance(v, list | Mapping)]
    )
