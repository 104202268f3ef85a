"""Page of a report: one HTML file from ``plan.json`` and ``figures/``, without mesh, solver or network."""

from __future__ import annotations

import base64
import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..base.errors import InputError
from ..base.parsed_text import parse_json
from ..files.run.plan_schema import check_plan
from ..files.text.text_files import read_text
from . import formats as f
from . import methods, page_rows, page_tables, plan_charts, trade_off_chart
from .histogram_charts import draw_histograms
from .palette import ISOTHERMS_C

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from ..files.run.plan_record import PlanRecord

SCHEMA = 1
_RESTORE = "plan again, or restore the file"
# Share of the absorbed power from which a region has a line of its own: twice as much takes no line from a shipped
# plan, a third of it would give one to body and skin, which get a few thousandths.
_LEAST_WATTS = 0.005
PICTURES = (
    (
        "slices",
        "Slices through the hottest point",
        "Three orthogonal planes through the hottest point: highest temperature reached, isolines at 41, 42, "
        "43 and 45 °C, organ outlines, iron contour and FFR centres.",
    ),
    ("dose", "Thermal dose through the hottest point", "CEM43 on the same three planes."),
)


def write_report(run: Path) -> Path:
    """Render ``report.html`` in the run folder; returns its path."""
    run = Path(run)
    page = render_page(read_plan(run), run)
    target, draft = run / "report.html", run / ".report.html.part"
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, target)
    return target


def read_plan(run: Path) -> PlanRecord:
    """``plan.json`` of a run folder; refuses what this version cannot show, and says what to do."""
    path = Path(run) / "plan.json"
    if not os.path.isfile(path):
        raise InputError(f"{path}: not found: give the folder that `thermoplan plan` or `simulate` wrote")
    plan = parse_json(read_text(path), str(path), _RESTORE)
    found = plan.get("schema") if isinstance(plan, dict) else None
    if found != SCHEMA:
        raise InputError(
            f"{path}: schema = {json.dumps(found)}: expected {SCHEMA}: another version of thermoplan wrote "
            f"this run; run `thermoplan plan {Path(run) / 'protocol.toml'}` again, or use the version "
            "that its provenance names"
        )
    return cast("PlanRecord", _drop_nulls(check_plan(plan, str(path))))


def _drop_nulls(value: object) -> object:
    """``value`` without its null entries, which are what was not computed."""
    if isinstance(value, dict):
        return {k: _drop_nulls(v) for k, v in value.items() if v is not None}
    return [_drop_nulls(v) for v in value] if isinstance(value, list) else value


def render_page(plan: PlanRecord, run: Path) -> str:
    """The page as text. Everything from the plan is escaped; only the charts made here are markup."""
    return str(load_template().render(**page_context(plan, run)))


@functools.cache
def load_template(name: str = "report.html") -> Template:
    """A page of this folder, with the style sheet; whatever is put into it is escaped."""
    import jinja2
    from markupsafe import Markup

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    environment.globals.update(f=f, at=f.at, usable=f.usable, style=Markup(style))
    return environment.get_template(name)


def page_context(plan: PlanRecord, run: Path) -> dict[str, object]:
    """Variables of the page's template: rows, charts and pictures."""
    return {
        "plan": plan,
        "verdict": page_rows.verdict_row(plan),
        "safety_limits": page_rows.safety_rows(plan),
        "cards": page_rows.goal_cards(plan),
        "iron_share": page_rows.iron_outside(plan),
        "focus": page_rows.known_facts(_heat_facts(plan)),
        "heat_words": page_rows.heat_words(plan),
        "iron_known": methods.iron_uncertainty_words(plan),
        "organs": page_tables.organ_table(plan),
        "expected": page_tables.expected_table(plan),
        "shot": page_tables.shot_table(plan),
        "shot_words": page_tables.shot_words(plan),
        "alternatives": page_tables.alternatives_table(plan),
        "without_gradient": page_tables.no_gradient_words(plan),
        "reasons": [str(s).replace("degC", "°C") for s in f.at(plan, "explanation.sentences", [])],
        "limit_costs": page_tables.limit_costs_table(plan),
        "front": {"chart": trade_off_chart.draw_front(plan), "table": trade_off_chart.front_table(plan)},
        "placement": page_tables.position_error_table(plan),
        "checks": page_rows.check_rows(plan),
        "goals": page_tables.goals_table(plan),
        "predicted": page_tables.prediction_table(plan),
        "optimizer": page_tables.optimizer_facts(plan),
        "solver": page_tables.solver_facts(plan),
        "mesh_facts": page_tables.mesh_facts(plan),
        "charts": _draw_charts(plan),
        "colours": plan_charts.plan_colours(plan),
        "key": plan_charts.temperature_legend(plan),
        "isotherms": ISOTHERMS_C,
        "pictures": [p for p in (_picture_entry(plan, run, *row) for row in PICTURES) if p],
        "volume": _read_volume(plan, run),
        "scene": _read_scene(plan, run),
        "scene_picture": embed_png(plan, run, "scene_png"),
        "methods": methods.methods_paragraph(plan),
        "validity": methods.validity_limits(plan),
        "safety": page_rows.known_facts(_safety_facts(plan)),
        "trajectory": page_rows.known_facts(_trajectory_facts(plan)),
    }


def _draw_charts(plan: PlanRecord) -> dict[str, Markup | list[Markup] | None]:
    """Charts by their names in the template."""
    return {
        "tumour_t90": plan_charts.draw_target_t90(plan),
        "maxima": plan_charts.draw_maxima(plan),
        "iron": plan_charts.draw_iron(plan),
        "power": plan_charts.draw_power(plan),
        "temperatures": plan_charts.draw_temperatures(plan),
        "schedule": plan_charts.draw_session_schedule(plan),
        "quality": plan_charts.draw_quality(plan),
        "histograms": draw_histograms(plan, plan_charts.plan_colours(plan)),
        "path": plan_charts.draw_path(plan),
    }


def _slp_span(plan: PlanRecord) -> str:
    low, high = (f.at(plan, f"summary.slp_interval.{end}_w_per_g_fe") for end in ("low", "high"))
    if not (f.usable(low) and f.usable(high)):
        return ""
    words = f.at(plan, "summary.slp_interval.basis", "")
    return f"{f.significant(low, 3)} to {f.significant(high, 3, 'W/g Fe')}: {words}"


def _heat_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    amplitude = f.at(plan, "summary.amplitude_mt", [])
    ends = [f.significant(a, 3) for a in (amplitude if isinstance(amplitude, list) else [amplitude])]
    factor = f.at(plan, "summary.tissue_factor")
    return [
        ("SLP used", f.significant(f.at(plan, "summary.slp_w_per_g_fe"), 3, "W/g Fe")),
        ("Basis, medium", str(f.at(plan, "summary.slp_basis", ""))),
        ("SLP may be", _slp_span(plan)),
        ("Factor to tissue", f"{factor:g}" if f.usable(factor) else ""),
        ("Duty", f.percent(f.at(plan, "summary.duty"))),
        ("Amplitude, peak", " to ".join(dict.fromkeys(ends)) + "\u202fmT" if ends else ""),
        ("Frequency", f.significant(f.at(plan, "device.frequency_khz"), 3, "kHz")),
        ("Gradient", f.significant(f.at(plan, "device.gradient_t_m"), 3, "T/m")),
        ("FFR width along the drive", f.significant(f.at(plan, "ffr.fwhm_along_mm"), 3, "mm")),
        ("FFR width across", f.significant(f.at(plan, "ffr.fwhm_across_mm"), 3, "mm")),
        (
            "Device",
            ", ".join(str(f.at(plan, f"device.{k}")) for k in ("name", "kind") if f.at(plan, f"device.{k}")),
        ),
        ("Tracer", str(f.at(plan, "tracer.name", "")) + (", effective" if f.at(plan, "tracer.effective") else "")),
        ("ωτ", f.significant(f.at(plan, "tracer.omega_tau"), 2)),
    ]


def _safety_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    return [
        ("H · f", f.significant(f.at(plan, "safety.h_f_a_m_s"), 3, "A/m/s")),
        ("H · f · r", f.significant(f.at(plan, "safety.h_f_r_a_s"), 3, "A/s")),
        *((f"Into {name}", f.watts(power)) for name, power in _watts_by_region(plan)),
        ("Eddy currents, whole body", f.watts(f.at(plan, "safety.eddy_w"))),
        ("Eddy currents, mean", f.significant(f.at(plan, "safety.eddy_mean_w_kg"), 2, "W/kg")),
        ("Eddy currents, local maximum", f.significant(f.at(plan, "safety.eddy_local_w_kg"), 2, "W/kg")),
        ("Absorbed power, mean", f.watts(f.at(plan, "safety.absorbed_w"))),
        ("Metabolic rate", f.watts(f.at(plan, "safety.metabolic_w"))),
        ("Thermoregulation before treatment", f.watts(f.at(plan, "safety.thermoregulation_w"))),
    ]


def _watts_by_region(plan: PlanRecord) -> list[tuple[str, float]]:
    """Power of the iron in each region that gets a share worth a line, the largest first."""
    found = {name: watts for name, watts in f.at(plan, "safety.iron_w", {}).items() if f.usable(watts)}
    least = _LEAST_WATTS * max(f.at(plan, "safety.absorbed_w", 0.0), 1e-12)
    return sorted(((name, watts) for name, watts in found.items() if watts >= least), key=lambda pair: -pair[1])


def _trajectory_facts(plan: PlanRecord) -> list[tuple[str, str]]:
    stops, positions = f.at(plan, "trajectory.stops"), f.at(plan, "trajectory.positions")
    return [
        ("Stops", f"{stops:,}" if f.usable(stops) else ""),
        ("Distinct positions", f"{positions:,}" if f.usable(positions) else ""),
        ("Cycle", f.significant(f.at(plan, "trajectory.cycle_s"), 3, "s")),
        ("Duty", f.percent(f.at(plan, "trajectory.duty"))),
        ("Heating", f.duration(f.at(plan, "timing.heating_end_s"))),
        ("With the cool-down", f.duration(f.at(plan, "timing.end_s"))),
    ]


def _figure_path(plan: PlanRecord, run: Path, key: str) -> Path | None:
    """The file that the plan names, if it lies in the run folder."""
    name = f.at(plan, f"figures.{key}")
    if not isinstance(name, str):
        return None
    root, path = Path(run).resolve(), (Path(run) / name).resolve()
    return path if path.is_relative_to(root) and os.path.isfile(path) else None


def embed_png(plan: PlanRecord, run: Path, key: str) -> str | None:
    """A PNG of the run folder as a data address."""
    path = _figure_path(plan, run, key)
    if path is None or path.suffix.lower() != ".png":
        return None
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _picture_entry(plan: PlanRecord, run: Path, key: str, title: str, words: str) -> dict[str, str] | None:
    data = embed_png(plan, run, key)
    return {"data": data, "title": title, "words": words} if data else None


def _read_volume(plan: PlanRecord, run: Path) -> object:
    path = _figure_path(plan, run, "volume")
    return parse_json(read_text(path), str(path), "delete it, or plan again") if path else None


def _read_scene(plan: PlanRecord, run: Path) -> str | None:
    path = _figure_path(plan, run, "scene_html")
    return path.read_text(encoding="utf-8") if path else None
