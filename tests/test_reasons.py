"""A plan says what limits it, what would help, and what planning by hand would have done at equal limits."""

from __future__ import annotations

import json
import signal
from functools import partial
from importlib.resources import files

import jsonschema
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.plan import make_plan
from thermoplan.plan.steering import candidates

SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "10 min"\ncool_down = "0 min"')
PEAK = '[[limits]]\nregion = "tumour"\nmetric = "Tmax"\nat_most = "46 degC"\n\n[[probes]]'
T90 = SHORT.replace('"CEM43T90"', '"T90"').replace('at_least = "2 min"', 'at_least = "45 degC"')


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    """Even iron in the tumour, hardly any in the liver: a coil would do."""
    return make_plan(write_case(tmp_path_factory.mktemp("met"), protocol=SHORT, liver_mg_ml=0.05)).record


@pytest.fixture(scope="module")
def missed(tmp_path_factory):
    """Iron five times as dense at one pole as at the other, and a peak that must stay below 46 degrees C."""
    protocol = T90.replace("[[probes]]", PEAK)
    return make_plan(write_case(tmp_path_factory.mktemp("missed"), protocol=protocol, uneven=5.0)).record


def test_a_plan_that_meets_its_goal_says_how_much_more_could_be_had(met):
    why = met["explanation"]
    assert met["status"] == "ok" and why["missed"] == why["conflicts"] == why["relaxations"] == []
    assert why["reach"] > next(row["value"] for row in met["goals"] if row["kind"] == "goal")
    said, words = f"{float(f'{why["reach"]:.2g}'):g} min", why["sentences"][0]
    assert words.startswith(f"Within the limits tumour CEM43T90 could reach {said} with ")
    places = (
        f"the {why['positions']} of {why['positions_all']} positions that are played (" if why["reach_all"] else "all "
    )
    assert f" with {places}" in words and why["positions"] <= why["positions_all"]
    assert why["reach_all"] is None or why["reach_all"] > 0.98 * why["reach"]
    assert {row["region"] for row in why["limits"]} == {r["region"] for r in met["goals"] if r["kind"] == "limit"}


def test_a_missed_goal_names_what_stands_against_it_and_what_would_help_most(missed):
    why = missed["explanation"]
    assert missed["status"] == "goals-missed" and why["missed"] == ["tumour T90 >= 45 degC"]
    assert "tumour Tmax <= 46 degC" in why["conflicts"][0] and "core" not in why["conflicts"][0]
    dearest = why["limits"][0]
    assert dearest["region"] == "tumour" and dearest["active"] and dearest["gain_k"] > 0.3
    assert dearest["gain_wider_k"] > 0.3 and dearest["gain_narrower_k"] < -0.3
    wider, narrower = dearest["gain_wider_k"], -dearest["gain_narrower_k"]
    assert dearest["sentence"] == (
        f"tumour Tmax 1 K wider: {wider:.2g} K more of tumour T90; 1 K narrower: {narrower:.2g} K less (searched anew)"
    )
    assert f"There: {dearest['sentence']}." in why["sentences"]
    assert why["relaxations"][0]["to"] > 46.0
    assert any(text.startswith("What would help most: ") for text in why["sentences"])


def test_the_limit_that_stops_the_plan_is_kept_as_verified_and_not_only_as_searched(missed):
    peak = next(row for row in missed["goals"] if (row["region"], row["metric"]) == ("tumour", "Tmax"))
    assert 45.7 < peak["value"] <= 46.0
    assert [row for row in missed["goals"] if row["kind"] == "limit" and not row["met"]] == []


def test_a_missed_goal_was_searched_from_several_places_and_says_how_far_apart_they_ended(missed, met):
    optimizer = missed["optimizer"]
    assert len(optimizer["starts"]) == 3 and 0.0 <= optimizer["starts_apart_k"] < 1.0
    assert met["optimizer"]["starts_apart_k"] is None
    told = [text for text in missed["explanation"]["sentences"] if text.startswith("Searches from 3 places ended")]
    assert len(told) == 1 and f"{max(optimizer['starts_apart_k'], 1e-3):.1g} K of tumour T90 apart" in told[0]
    assert not any(text.startswith("Searches from") for text in met["explanation"]["sentences"])


def test_where_iron_is_uneven_the_plan_beats_parking_and_raster_at_equal_limits(missed, capsys):
    reached = {row["name"]: row["t90_within_limits_c"] for row in missed["alternatives"]}
    with capsys.disabled():
        print("\n" + missed["comparison"])
    assert reached["this plan"] > reached["parked at the centre"] + 0.3
    assert reached["this plan"] > reached["uniform raster"] + 0.3
    played = next(row["value"] for row in missed["goals"] if row["kind"] == "goal")
    assert played > max(reached["parked at the centre"], reached["uniform raster"]) + 0.2, "played and verified"
    assert "moving its field-free region by plan buys 0." in missed["comparison"]


def test_where_steering_buys_nothing_the_plan_says_so(met):
    reached = {row["name"]: row["t90_within_limits_c"] for row in met["alternatives"]}
    assert reached["this plan"] > max(reached["parked at the centre"], reached["uniform raster"]) - 0.05
    assert reached["no gradient"] > reached["this plan"] - 0.05
    assert "The gradient buys nothing: a coil without one does as well" in met["comparison"]


def test_control_c_during_the_search_gives_the_best_plan_so_far_verified_and_marked(tmp_path):
    """Out of reach, so that the search goes on for long; stopped as it tells of its third iteration."""
    told = []

    def stop(stage: str, fraction: float | None, text: str) -> None:
        told.append(text)
        if text.startswith("iteration 3:"):
            signal.raise_signal(signal.SIGINT)

    path = write_case(tmp_path / "case", protocol=PROTOCOL.replace('at_least = "2 min"', 'at_least = "500 min"'))
    record = make_plan(path, quick=True, listener=stop).record
    assert record["status"] == "interrupted" and "interrupted" in record["warnings"][0]
    assert record["goals"][0]["value"] > 0.1 and record["checks"]["prediction_k"] < 0.1
    assert record["optimizer"]["iterations"] == 3
    line = next(text for text in told if text.startswith("iteration 3:"))
    assert "objective" in line and "worst limit" in line


def test_a_search_that_stopped_at_its_limit_is_a_warning_of_the_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(candidates, "Settings", partial(candidates.Settings, iteration_budget=2))
    path = write_case(tmp_path / "case", protocol=PROTOCOL.replace('at_least = "2 min"', 'at_least = "500 min"'))
    record = make_plan(path, quick=True).record
    assert record["optimizer"]["status"] == "iteration limit" and record["optimizer"]["iterations"] == 2
    assert any("stopped at its limit after 2 iterations" in text for text in record["warnings"])


def test_the_reasons_fit_the_schema_of_plan_json(met, missed):
    schema = json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    for record in (met, missed):
        jsonschema.validate(
            {"explanation": record["explanation"], "comparison": record["comparison"]}, {**schema, "required": []}
        )


def test_a_broken_limit_shows_a_dose_with_two_digits(missed):
    broken = [text for row in missed["alternatives"] for text in row["limits_broken"] if "CEM43" in text]
    assert broken
    for text in broken:
        shown = text.split()[2]
        assert len(shown.replace(".", "").lstrip("0").rstrip("0")) <= 2, text


def test_a_plan_by_template_shows_volumes_in_per_cent_and_its_shell_as_a_region(tmp_path):
    """Salloum's criterion: 90 % of the tumour and less than 10 % of the tissue next to it above 43 degrees C."""
    wish = SHORT[SHORT.index("[[goals]]") : SHORT.index("[[probes]]")]
    text = SHORT.replace(wish, '[[goals]]\nregion = "tumour"\ntemplate = "salloum"\nspared = "liver"\n\n')
    record = make_plan(write_case(tmp_path / "case", protocol=text)).record
    rows = {(row["region"], row["metric"]): row for row in record["goals"]}
    shell, tumour = rows["tumour, shell of 0 to 3 mm", "V43C"], rows["tumour", "V43C"]
    assert shell["unit"] == "%" and shell["source"].startswith("template salloum")
    assert tumour["value"] > 50.0 > shell["value"] and rows["liver", "V43C"]["met"]
    histogram = record["histograms"]["tumour, shell of 0 to 3 mm"]
    assert histogram["volume_fraction"][0] == pytest.approx(1.0, abs=0.05)
    assert record["explanation"]["unit"] in ("degC", "%")
    schema = json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    jsonschema.validate({"goals": record["goals"]}, {**schema, "required": []})
