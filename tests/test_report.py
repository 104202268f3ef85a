"""The report is a function of plan.json and figures/ alone, and shows text without running it."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from report_sample import write_sample

from thermoplan.base.errors import InputError
from thermoplan.report import formats as f
from thermoplan.report import methods, page_rows, page_tables, svg, write_report
from thermoplan.report.page import read_plan
from thermoplan.tracer.magnetization import NAMES, VALIDITY

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "run")


class Page(HTMLParser):
    """What the tests ask of a page: its tags, their attributes, and its visible words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words, self._hidden = "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._hidden else data + " "

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def plan_of(run: Path) -> dict:
    return json.loads((run / "plan.json").read_text(encoding="utf-8"))


def rewrite(run: Path, plan: dict) -> Page:
    (run / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return Page(write_report(run))


def test_the_report_needs_nothing_but_the_plan_and_the_figures(run: Path) -> None:
    (run / "trajectory.csv").unlink()
    page = Page(write_report(run))
    for words in (
        "mouse-flank",
        "CEM43T90",
        "T90 of tumour",
        "Readings to expect",
        "no gradient",
        "250\u202fW/g Fe",
        "7.03\u202fmm",
        "10.4\u202fmm",
        "mL/min/kg",
        "medical device",
        "published in reach",
        "SHA-256",
    ):
        assert words in page.words, words


def test_a_region_named_script_is_shown_and_not_run(run: Path) -> None:
    plan = json.loads(json.dumps(plan_of(run)).replace('"liver"', '"<script>alert(1)</script>"'))
    page = rewrite(run, plan)
    assert page.named("script") == []
    assert "<script>alert(1)</script>" in page.words


KEYWORDS = {"kind", "sense", "unit", "engine", "elements", "method", "quantity", "scale", "inputs", "help", "per"}
"""Keys whose texts are one of a few, or a digest: a plan with another is refused."""


def test_every_text_of_the_plan_is_escaped(run: Path) -> None:
    hostile = '"><img src=x onerror=alert(1)>'

    def poisoned(value: object) -> object:
        if isinstance(value, dict):
            return {k: v if k in KEYWORDS else poisoned(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(v) for v in value]
        return hostile + value if isinstance(value, str) else value

    plan = plan_of(run)
    kept = {"schema": 1, "figures": {}, "status": "ok"}
    page = rewrite(run, poisoned(plan) | kept)  # type: ignore[operator]
    assert page.named("img") == []
    assert not any("onerror" in attrs for _, attrs in page.tags)


def test_the_page_asks_no_address_for_anything(run: Path) -> None:
    page = Page(write_report(run))
    for _, attrs in page.tags:
        for key in ("src", "href", "xlink:href", "data"):
            assert (attrs.get(key) or "#").startswith(("#", "data:"))
    policy = next(a["content"] for a in page.named("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'") and "http" not in policy


def test_every_chart_and_picture_has_words_for_those_who_do_not_see_it(run: Path) -> None:
    plan = plan_of(run)
    (run / "figures" / "slices.png").write_bytes(PIXEL)
    page = rewrite(run, plan)
    assert len(page.named("img")) == 1
    assert all(len(a["alt"] or "") > 20 for a in page.named("img"))
    charts = page.named("svg")
    assert len(charts) >= 16 and len(page.named("title")) == len(charts) + 1 and len(page.named("desc")) == len(charts)
    identifiers = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(identifiers) == len(set(identifiers))


def test_a_figure_outside_the_run_folder_is_not_read(run: Path) -> None:
    (run.parent / "secret.png").write_bytes(PIXEL)
    page = rewrite(run, plan_of(run) | {"figures": {"slices": "../secret.png"}})
    assert page.named("img") == []


def test_the_scene_stands_in_a_frame_without_the_rights_of_the_page(run: Path) -> None:
    (run / "figures" / "scene.html").write_text('<p title="a">scene & all</p>', encoding="utf-8")
    (frame,) = Page(write_report(run)).named("iframe")
    assert frame["srcdoc"] == '<p title="a">scene & all</p>'
    assert frame["sandbox"] == "allow-scripts"


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema_is_refused_with_the_remedy(run: Path, schema: object) -> None:
    (run / "plan.json").write_text(json.dumps(plan_of(run) | {"schema": schema}), encoding="utf-8")
    with pytest.raises(InputError, match=r"schema = .*expected 1.*thermoplan plan .*protocol\.toml"):
        write_report(run)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_broken_plan_names_its_file(run: Path, text: str) -> None:
    (run / "plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"plan\.json"):
        read_plan(run)


def test_a_missing_plan_names_the_folder_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found: give the folder"):
        write_report(tmp_path)


def shown_or_refused(run: Path, plan: dict, key: str) -> bool:
    """True where the page is shown; else the complaint names the file and the key."""
    try:
        assert rewrite(run, plan).words, key
    except InputError as error:
        assert re.search(rf"plan\.json: {key}\b", str(error)), (key, str(error))
        return False
    return True


def test_a_top_level_entry_that_is_missing_or_null_is_done_without_or_named(run: Path) -> None:
    plan = plan_of(run)
    keys = [k for k in plan if k != "schema"]
    missing = [k for k in keys if shown_or_refused(run, {j: v for j, v in plan.items() if j != k}, k)]
    null = [k for k in keys if shown_or_refused(run, plan | {k: None}, k)]
    assert {"test_shot", "accuracy"} & set(plan) <= set(missing)
    assert {"core", "comparison", "explanation", "pareto"} & set(plan) <= set(null)
    with pytest.raises(InputError, match="is no record of a run"):
        rewrite(run, {"schema": 1})


def test_a_second_level_entry_that_is_null_is_done_without_or_named(run: Path) -> None:
    plan = plan_of(run)
    shown = [
        (key, inner)
        for key, value in plan.items()
        if isinstance(value, dict)
        for inner in value
        if shown_or_refused(run, plan | {key: value | {inner: None}}, key)
    ]
    assert {("safety", "eddy_w"), ("summary", "tumour")} <= set(shown)


def test_a_limit_is_listed_where_it_costs_something_or_is_at_its_bound(run: Path) -> None:
    _, body = page_tables.limit_costs_table(plan_of(run))
    assert [row[0] for row in body] == ["liver CEM43max", "core Tmax"]
    assert [row[4:] for row in body] == [["doubling", "+0.46", "−2.3"], ["K", "nothing", "nothing"]]
    unverified = plan_of(run)
    del (
        unverified["explanation"]["limits"][0]["gain_wider_k"],
        unverified["explanation"]["limits"][0]["gain_narrower_k"],
    )
    assert page_tables.limit_costs_table(unverified)[1][0][5:] == ["≈\u202f+0.70", "≈\u202f−0.70"]
    words = Page(write_report(run)).words
    assert "could reach 31 min" in words and "The gradient buys 3.9 K." in words and "T90 at equal limits" in words


def test_the_trade_off_is_drawn_and_listed_where_there_is_one(run: Path) -> None:
    page = Page(write_report(run))
    assert "Trade-off" in page.words and "tumour CEM43T90 for liver CEM43max" in page.words
    assert "From 3.0\u202fmin at 0.10\u202fmin to 30\u202fmin at 1.0\u202fmin." in page.words
    assert "points are missing" not in page.words
    plan = plan_of(run)
    assert "points are missing" in rewrite(run, plan | {"pareto": plan["pareto"] | {"complete": False}}).words
    assert "Trade-off" not in rewrite(run, plan | {"pareto": None}).words


def test_a_plan_that_is_not_valid_says_so_first(run: Path) -> None:
    plan = plan_of(run) | {"status": "not-valid"}
    plan["checks"]["energy_balance_rel"] = 2e-3
    page = rewrite(run, plan)
    assert "Do not use this plan" in page.words
    assert "FAIL" in page.words
    assert page.words.index("Do not use this plan") < page.words.index("CEM43T90")


def test_a_check_fails_just_above_its_bound_and_passes_at_it() -> None:
    def states(value: float) -> list[bool | None]:
        return [row["passed"] for row in page_rows.check_rows({"checks": {"power_rel": value, "prediction_k": 0.1}})]

    assert states(1e-3) == [None, True, None, True]
    assert states(1.001e-3) == [None, False, None, True]


def test_the_first_screen_says_what_no_gradient_would_have_done(run: Path) -> None:
    plan = read_plan(run)
    words = page_tables.no_gradient_words(plan)
    assert "liver CEM43max 17 min > 2 min; core Tmax 41.5 °C > 39.5 °C" in words
    assert "Within the limits T90 would reach 40.2" in words
    page = Page(write_report(run))
    assert 0 < page.words.index("Without a gradient") < page.words.index("Organs")
    plan["alternatives"][-1]["limits_broken"] = []
    assert page_tables.no_gradient_words(plan).endswith("no limit would be broken.")
    plan["alternatives"].pop()
    assert page_tables.no_gradient_words(plan) == ""


def test_missed_goals_come_before_met_ones_and_say_by_how_much() -> None:
    common = {"metric": "Tmax", "unit": "degC", "kind": "limit", "sense": "at_most", "bound": 42.0}
    plan = {
        "goals": [
            {**common, "region": "liver", "value": 41.0, "met": True},
            {**common, "region": "skin", "value": 43.5, "met": False},
            {
                "metric": "T90",
                "unit": "degC",
                "kind": "goal",
                "sense": "at_least",
                "bound": 43.0,
                "region": "tumour",
                "value": 43.4,
                "met": True,
            },
        ]
    }
    cards = page_rows.goal_cards(plan)
    assert [c["region"] for c in cards] == ["tumour", "skin", "liver"]
    assert [c["margin"] for c in cards] == ["0.4\u202fK in hand", "1.5\u202fK over", "1.0\u202fK in hand"]


def test_the_test_shot_is_told_with_its_readings() -> None:
    row = {"minute": 2.0, "centre_c": 39.04, "centre_low_c": 38.26, "centre_high_c": 39.82}
    shot = {
        "position_mm": [0.0, -1.0, 8.0],
        "amplitude_mt": 6.5,
        "gradient_t_m": 2.35,
        "duration_s": 120.0,
        "hottest_c": 40.2,
        "rows": [row],
    }
    assert page_tables.shot_table({"test_shot": shot}) == (["Minute", "centre °C"], [["2", "39.0 (38.3 to 39.8)"]])
    words = page_tables.shot_words({"test_shot": shot})
    assert "0.0, −1.0, 8.0 mm" in words and "6.50 mT" in words and "120 s" in words and "40.2" in words
    assert page_tables.shot_table({}) == (["Minute"], []) and page_tables.shot_words({}) == ""


def test_the_interval_of_the_dose_is_that_of_the_two_slp_lines() -> None:
    # 30 min held at 42 °C are 30 * 0.25 = 7.5 min; held at 44 °C they are 30 * 2 = 60 min.
    plan = {
        "summary": {"tumour": "tumour"},
        "history": {"time_s": [0.0, 1800.0], "t90_slp_07_c": [42.0, 42.0], "t90_slp_13_c": [44.0, 44.0]},
        "goals": [
            {
                "region": "tumour",
                "metric": "CEM43T90",
                "kind": "goal",
                "bound": 10.0,
                "value": 30.0,
                "unit": "min",
                "met": True,
                "sense": "at_least",
            }
        ],
    }
    assert page_rows.goal_cards(plan)[0]["interval"] == "7.5 to 60\u202fmin at SLP × 0.7 to 1.3"
    # What the SLP leaves open comes first: 30 min at 43 °C are 30 min, at 45 °C 120 min.
    plan["history"] |= {"t90_slp_low_c": [43.0, 43.0], "t90_slp_high_c": [45.0, 45.0]}
    plan["summary"]["slp_interval"] = {"shown_factors": [0.428, 1.43]}
    assert page_rows.goal_cards(plan)[0]["interval"] == "30 to 120\u202fmin at SLP × 0.43 to 1.4"
    # What the SLP leaves open comes first: 30 min at 43 °C are 30 min, at 45 °C 120 min.
    plan["history"] |= {"t90_slp_low_c": [43.0, 43.0], "t90_slp_high_c": [45.0, 45.0]}
    plan["summary"]["slp_interval"] = {"shown_factors": [0.428, 1.43]}
    assert page_rows.goal_cards(plan)[0]["interval"] == "30 to 120\u202fmin at SLP × 0.43 to 1.4"


def test_volume_over_a_threshold_is_read_between_the_edges() -> None:
    plan = {"histograms": {"liver": {"temperature_c": [42.0, 44.0], "volume_fraction": [0.8, 0.4]}}}
    assert page_tables.share_above(plan, "liver", 43.0) == pytest.approx(0.6)
    assert page_tables.share_above(plan, "liver", 41.0) == 1.0
    assert page_tables.share_above(plan, "liver", 45.0) == 0.0
    assert page_tables.share_above(plan, "spleen", 43.0) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "<0.01"),
        (0.004, "<0.01"),
        (0.094, "0.094"),
        (1.44, "1.4"),
        (9.96, "10"),
        (17.3, "17"),
        (446.8, "450"),
        (1.23e7, "1.2\u00a0×\u00a010⁷"),
        (None, "–"),
        (float("nan"), "–"),
        (True, "–"),
    ],
)
def test_a_dose_has_two_digits(value: object, words: str) -> None:
    assert f.dose(value) == words


@pytest.mark.parametrize(
    ("unit", "words"),
    [("W/m^3/K", "W/m³/K"), ("degC", "°C"), ("s^-1", "s⁻¹"), ("cm2", "cm²"), (None, ""), ("min", "min")],
)
def test_units_are_printed_with_raised_powers(unit: str | None, words: str) -> None:
    assert f.unit_text(unit) == words


def test_a_predicted_dose_has_two_digits_and_a_temperature_three() -> None:
    rows_ = [
        {"goal": "liver CEM43max <= 2 min", "searched": 0.0714, "played": 1.234},
        {"goal": "liver Tmax <= 42 degC", "searched": 39.12, "played": 39.16},
    ]
    _, body = page_tables.prediction_table({"optimizer": {"predicted": rows_}})
    assert body == [["liver CEM43max <= 2 min", "0.071", "1.2"], ["liver Tmax <= 42 °C", "39.1", "39.2"]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (146000.0, "146\u202f000"),
        (20000, "20\u202f000"),
        (-0.3722, "−0.3722"),
        (1090.4, "1090"),
        (None, "–"),
        ([1, 2.5], "1, 2.5"),
        ({"a": True}, "a yes"),
        (2.5e8, "2.5e+08"),
    ],
)
def test_a_parameter_is_written_plainly(value: object, words: str) -> None:
    assert f.plain(value) == words


def test_ticks_are_round_and_inside() -> None:
    assert svg.Axis(36.2, 46.7, "").ticks(5) == [37.5, 40.0, 42.5, 45.0]
    assert svg.Axis(0.01, 100.0, "", log=True).ticks() == [0.01, 0.1, 1.0, 10.0, 100.0]


def test_names_at_line_ends_stand_apart_and_stay_in_order() -> None:
    moved = svg.spread_apart([50.0, 51.0, 49.0, 200.0], 13, 0, 205)
    assert sorted(range(4), key=lambda k: moved[k]) == [2, 0, 1, 3]
    gaps = sorted(moved)
    assert all(b - a >= 13 for a, b in pairwise(gaps)) and max(moved) <= 205


def test_rendering_twice_gives_the_same_page(run: Path) -> None:
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_the_displacement_that_a_registration_assumed_stands_by_the_iron_and_in_the_methods(run: Path) -> None:
    page = Page(write_report(run))
    assert page.words.count("the centroid of tumour was displaced by 4.2 mm (2.0 -1.0 3.5 mm, RAS)") == 2
    plan = plan_of(run)
    plan["iron"]["registration"] = None
    assert "centroid of tumour" not in rewrite(run, plan).words


def test_raw_and_confined_iron_stand_side_by_side(run: Path) -> None:
    plan = read_plan(run)
    header, body = page_tables.organ_table(plan)
    tumour = dict(zip(header, next(row for row in body if row[0] == "tumour"), strict=True))
    planned, raw = (float(tumour[name]) for name in ("Iron mg", "in the image"))
    assert raw == pytest.approx(0.63 * planned, rel=0.05)  # two digits
    as_it_is = {**plan, "iron": {**plan["iron"], "confined": False}}
    assert "in the image" not in page_tables.organ_table(as_it_is)[0]


def test_the_methods_name_the_model_that_the_plan_used_and_where_it_holds(run: Path) -> None:
    plan = plan_of(run)
    plan["tracer"] = {
        "name": "own",
        "model": "blocked",
        "model_name": NAMES["blocked"],
        "model_validity": VALIDITY["blocked"],
    }
    text = methods.methods_paragraph(plan)
    assert "followed quasi-static hysteresis of blocked grains" in text and "Martsenyuk" not in text
    assert "which holds for particles that cannot turn, barriers K V above some 25 kT" in text
    plan["tracer"] = {"name": "own", "model": "linear"}  # a plan of an older version
    assert 'followed the model "linear".' in methods.methods_paragraph(plan)


def test_a_sharpened_image_is_named_in_the_methods(run: Path) -> None:
    plan = read_plan(run)
    assert "sharpened" not in methods.methods_paragraph(plan)
    plan = {**plan, "iron": {**plan["iron"], "deblur_noise_gain": 3.0}}
    assert "at most 3.0 times; sharpening can invent iron" in methods.methods_paragraph(plan)


def test_every_cell_of_the_organ_table_stands_under_its_own_heading() -> None:
    """Each number of the row is another, so that two that change places are seen."""
    row = {"tissue": "muscle", "volume_mm3": 101.0, "iron_mg": 2.1, "iron_sd_mg": 0.3, "power_w": 0.0456}
    temperatures = {"t90_c": 41.1, "t50_c": 42.2, "t10_c": 43.3, "t_max_c": 44.4, "t_peak_c": 45.5, "t90_hold_c": 40.6}
    doses = {
        "cem43t90_min": 1.1,
        "cem43t50_min": 2.2,
        "cem43t10_min": 3.3,
        "cem43_max_min": 4.4,
        "cem43_peak_min": 5.5,
        "cem43_d90_min": 6.6,
        "cem43_floor39_max_min": 7.7,
    }
    histogram = {"temperature_c": [42.0, 44.0], "volume_fraction": [0.8, 0.4]}
    plan = {
        "regions": {"flank": row | temperatures | doses},
        "iron": {"confined": True, "regions_raw": {"flank": 1.5}},
        "histograms": {"flank": histogram},
    }
    header, (body,) = page_tables.organ_table(plan)
    assert list(zip(header, body, strict=True)) == [
        ("Region", "flank"),
        ("Tissue", "muscle"),
        ("Volume mm³", "101"),
        ("Iron mg", "2.1 ± 0.3"),
        ("in the image", "1.5"),
        ("T90", "41.1"),
        ("T50", "42.2"),
        ("T10", "43.3"),
        ("Tmax", "44.4"),
        ("Peak", "45.5"),
        ("T90 hold", "40.6"),
        ("CEM43 T90", "1.1"),
        ("T50", "2.2"),
        ("T10", "3.3"),
        ("hottest 1 mm³", "4.4"),
        ("peak", "5.5"),
        ("D90", "6.6"),
        ("hottest 1 mm³, floor 39", "7.7"),
        ("> 43 °C", "60\u202f%"),
        ("Power", "46\u202fmW"),
    ]


def test_the_bedside_table_says_what_to_read_and_above_which_reading_to_stop() -> None:
    row = {
        "minute": 5.0,
        "core_c": 37.3,
        "core_stop_above_c": 39.5,
        "edge_c": 42.9,
        "edge_low_c": 40.9,
        "edge_stop_above_c": 45.4,
    }
    header, (body,) = page_tables.expected_table({"expected": [row]})
    assert header == ["Minute", "core °C", "stop above", "edge °C", "stop above"]
    assert body == ["5", "37.3", "39.5", "42.9 (40.9 to 45.4)", "45.4"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0123, "12 mW"), (0.00123, "1.2 mW"), (0.229, "229 mW"), (2.345, "2.35 W"), (2e-5, "<0.1 mW"), (None, "–")],
)
def test_a_power_is_shown_in_milliwatts_below_a_watt(value: float | None, words: str) -> None:
    assert f.watts(value).replace("\u202f", " ") == words
