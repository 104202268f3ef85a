"""The head of a run claims no more than holds: what stands against a verdict stands beside it, on console and page."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from report_sample import sample_anatomy, sample_fields, sample_plan, write_sample
from rich.console import Console
from small_heat import phantom
from test_report import Page, plan_of, rewrite

from thermoplan.cli import show_planning
from thermoplan.goals import EVERYWHERE_ELSE, Goal, resolve
from thermoplan.plan.record.reservations import reservations
from thermoplan.plan.record.verdict import verdict
from thermoplan.power.safety import Exposure, HardLimit, absorbed_limit, field_limits, mark_hard

GOAL = Goal("goal", ("tumour",), "CEM43T90", 10.0, "at_least")
MET = {"kind": "goal", "region": "tumour", "metric": "CEM43T90", "met": True}
CASE = SimpleNamespace(heat_factors=(0.7, 1.3), targets=("tumour",))


def outcome(peak_c=37.0, dose_min=0.01, doses=(11.0, 30.0), t90_c=(43.0, 45.0), n=2000) -> SimpleNamespace:
    at = dict(zip(CASE.heat_factors, zip(doses, t90_c, strict=True), strict=True))
    return SimpleNamespace(
        dose=SimpleNamespace(peak_c=np.full(n, peak_c), cem43_min=np.full(n, dose_min)),
        focus_c=at,
        focus_dose_min=lambda factor: at[factor][0],
        focus_hold_c=lambda factor: at[factor][1],
    )


def resolved(*more: Goal):
    return resolve([GOAL, *more], phantom((10, 8, 8), 1.5e-3))


def told(found=None, bound=None, safety=(), placement=()) -> tuple[str, list[str]]:
    rows = reservations(CASE, found or outcome(), bound or resolved(), safety, placement)
    return verdict([MET], safety, [r.words for r in rows]), [r.sentence for r in rows]


def test_a_plan_against_which_nothing_stands_is_met_without_a_word_more():
    assert told() == ("Every goal is met and every limit is kept.", [])


def safety_row(**more) -> dict:
    return {
        "name": "absorbed power, against the resting metabolic rate",
        "value": 0.229,
        "limit": 0.209,
        "unit": "W",
        "share": 0.229 / 0.209,
        "exceeded": True,
        "hard": False,
        "applies": True,
    } | more


def test_an_exceeded_limit_of_safety_that_applies_stands_in_the_head_and_one_of_another_body_does_not():
    said, sentences = told(safety=[safety_row()])
    assert said == ("Every goal is met and every limit is kept, with reservations: absorbed power above its limit.")
    assert sentences == ["absorbed power, against the resting metabolic rate: 110% of its limit (0.229 of 0.209 W)"]
    assert told(safety=[safety_row(applies=False)])[1] == told(safety=[safety_row(exceeded=False)])[1] == []
    assert told(safety=[safety_row(hard=True)])[0].startswith("Safety limit broken: absorbed power")


@pytest.mark.parametrize(
    ("species", "alive", "applying"),
    [
        ("mouse", True, {"h_f_r", "nerve", "absorbed"}),
        ("human", True, {"h_f", "h_f_r", "nerve", "absorbed"}),
        ("phantom", False, set()),
    ],
)
def test_limits_found_on_people_say_nothing_of_a_mouse_and_none_of_a_phantom(species, alive, applying):
    limits = (*field_limits(Exposure(13e-3, 354e3, 12.5e-3)), absorbed_limit(0.2, 0.1))
    assert {limit.quantity for limit in limits if limit.applies(species, alive=alive)} == applying
    wanted = mark_hard(limits, [HardLimit("h_f", "Brezovich1988")])
    assert [limit.applies(species, alive=alive) for limit in wanted if limit.hard] == [True], (
        "the protocol's own choice"
    )


def test_tissue_within_the_margin_is_told_where_it_would_break_the_limits_of_everywhere_else():
    rows = resolved()
    (tissue,) = {row.region for row in rows.spared}
    assert tissue == "tissue within 3 mm of a target"
    said, sentences = told(outcome(peak_c=43.44, dose_min=26.0))
    assert said.endswith(f"with reservations: {tissue} is above the limits of everywhere else.")
    assert sentences == [
        f"{tissue}, which no limit covers: Tmax 43.4 degC (42.0 degC elsewhere), CEM43max 26 min (9 min elsewhere)"
    ]
    assert told(outcome(peak_c=41.9, dose_min=8.9))[1] == []


def test_every_element_is_of_a_target_or_limited_or_everywhere_else_or_within_the_margin():
    anatomy = phantom((10, 8, 8), 1.5e-3)
    rows = resolve([GOAL], anatomy)
    (elsewhere,) = [r for r in rows.rows if r.region == EVERYWHERE_ELSE and r.goal.metric == "Tmax"]
    spared = next(row for row in rows.spared if row.goal.metric == "Tmax")
    named = {r.region for r in rows.rows} - {EVERYWHERE_ELSE, "core"}
    volume = sum(row.weights_m3.sum() for row in (elsewhere, spared))
    volume += anatomy.volumes_m3[anatomy.cells(*named)].sum()
    assert volume == pytest.approx(anatomy.volumes_m3.sum(), rel=1e-9)
    inside = np.unique(anatomy.tets[anatomy.cells("tumour")])
    gap = np.linalg.norm(anatomy.points_m[spared.nodes][:, None] - anatomy.points_m[inside][None], axis=2).min(axis=1)
    assert gap.min() == 0.0 and gap.max() < 3e-3 + 2.7e-3, "an element that reaches into the margin is within it"
    assert resolve([Goal("goal", ("tumour",), "T90", 43.0, "at_least")], anatomy).spared


def test_a_shift_that_misses_a_goal_or_breaks_a_limit_is_told_with_its_axis():
    row = {
        "axis": "along the bore",
        "off_mm": 2.0,
        "limits_broken": [],
        "goals_missed": ["tumour CEM43T90 3.3 < 10 min"],
    }
    kept = {"axis": "x of the machine", "off_mm": 2.0, "limits_broken": [], "goals_missed": []}
    said, sentences = told(placement=[kept, row])
    assert said.endswith("with reservations: a shift of 2 mm that nobody notices misses a goal.")
    assert sentences == [
        "a shift of 2 mm that nobody notices misses a goal, along the bore: tumour CEM43T90 3.3 < 10 min"
    ]
    broken = row | {"limits_broken": ["liver Tmax 42.3 > 42.0 degC"], "goals_missed": []}
    assert "breaks a limit, along the bore: liver Tmax 42.3 > 42.0 degC" in told(placement=[broken])[1][0]
    assert told(placement=[kept])[1] == []


def test_a_band_of_heating_that_spans_the_goal_is_told_and_a_wide_one_that_does_not():
    said, sentences = told(outcome(doses=(0.8, 63.0)))
    assert said.endswith("with reservations: what the tracer may heat spans the goal.")
    band = "if the tracer heats 0.7 to 1.3 times as much, CEM43T90 of tumour is 0.8 to 63 min"
    assert sentences == [f"{band}: CEM43T90 of 10 min is not sure"]
    warm = resolve([Goal("goal", ("tumour",), "T90", 42.0, "at_least")], phantom((10, 8, 8), 1.5e-3))
    assert told(outcome(t90_c=(41.5, 44.0)), warm)[1][0].endswith("T90 of 42.0 degC is not sure")
    wide = told(outcome(doses=(11.0, 90.0)))
    assert wide[0].endswith("what the tracer may heat is wide open.") and wide[1][0].endswith("is 11 to 90 min")


def head(record: dict) -> str:
    """What the console prints first."""
    shown = Console(file=io.StringIO(), width=200)
    original, show_planning.stdout = show_planning.stdout, lambda: shown
    try:
        show_planning.show_run(record)
    finally:
        show_planning.stdout = original
    return shown.file.getvalue()


def test_console_and_page_show_the_same_reservations_before_anything_else(tmp_path):
    run = write_sample(tmp_path / "run")
    plan = plan_of(run)
    plan["summary"] |= {
        "verdict": "Every goal is met, with reservations: x.",
        "reservations": ["first 43 degC", "second"],
    }
    page = rewrite(run, plan | {"status": "ok"})
    words = page.words
    assert words.index("Goals met, with reservations") < words.index("first 43 °C") < words.index("CEM43T90")
    assert [a.get("class") for a in page.named("p") if "status" in (a.get("class") or "")] == ["status reserved"]
    clean = rewrite(run, plan | {"status": "ok", "summary": plan["summary"] | {"reservations": []}})
    assert "status ok" in [a.get("class") for a in clean.named("p")]
    printed = head(console_record())
    assert printed.index("reservation first") < printed.index("Regions:") and "reservation second" in printed


def console_record() -> dict:
    anatomy = sample_anatomy()
    record = sample_plan(anatomy, sample_fields(anatomy))
    record["summary"]["reservations"] = ["first", "second"]
    rows = [
        safety_row(quantity="h_f", name="H f of man", source="Brezovich1988", applies=False),
        safety_row(quantity="absorbed", name="absorbed", source="Kleiber1947"),
        safety_row(quantity="nerve", name="nerve", source="x", exceeded=False),
    ]
    record["safety"]["limits"] = rows
    solver = {"engine": "exact", "spectral_radius_1_s": 4.3, "matrix_products": 1500}
    return record | {"alternatives": [], "placement": [], "pareto": None, "optimizer": None, "solver": solver}


def test_a_limit_of_another_body_is_red_nowhere(tmp_path):
    run = write_sample(tmp_path / "run")
    plan = plan_of(run)
    plan["safety"]["limits"] = console_record()["safety"]["limits"]
    page = rewrite(run, plan)
    assert "above, not of this body" in page.words
    html = (run / "report.html").read_text()
    assert '<td class="">above, not of this body</td>' in html and '<td class="bad">exceeded</td>' in html
    states = [show_planning._limit_state(row) for row in plan["safety"]["limits"]]
    assert states == [("above, not of this body", "dim"), ("exceeded", "bold red"), ("within", "green")]
    assert isinstance(page, Page)
