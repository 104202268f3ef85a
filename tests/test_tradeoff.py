"""A front says what the goal could have for more or less of one limit, all other limits kept."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from itertools import pairwise

import jsonschema
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.plan import make_plan

SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "10 min"\ncool_down = "0 min"')


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("front"), protocol=SHORT)


@pytest.fixture(scope="module")
def run(case, tmp_path_factory):
    return make_plan(case, pareto="liver").write(tmp_path_factory.mktemp("runs") / "front")


@pytest.fixture(scope="module")
def front(run):
    return run.record["pareto"]


def test_ten_points_or_more_rise_with_the_bound_that_each_keeps(front):
    points = front["points"]
    assert len(points) >= 10 and front["complete"]
    goals = [point["goal_value"] for point in points]
    assert all(b >= a * (1.0 - 1e-5) for a, b in pairwise(goals)) and goals[-1] > 5.0 * goals[0]
    assert all(point["limit_value"] <= point["bound"] * 1.01 for point in points)
    assert (front["limit"], front["goal"]) == ("liver CEM43max", "tumour CEM43T90")


def test_the_narrow_end_is_held_by_the_limit_and_the_wide_end_by_another(front):
    first, last = front["points"][0], front["points"][-1]
    assert first["limit_value"] == pytest.approx(first["bound"], rel=0.02)
    assert last["others_at_bound"] or last["duty"] > 0.89


def test_the_plan_lies_on_the_front_or_below(front):
    plan = front["plan"]
    above = next(point for point in front["points"] if point["bound"] >= plan["limit_value"])
    assert 0.0 < plan["goal_value"] <= above["goal_value"] * 1.05


def test_the_table_says_what_plan_json_says_and_the_report_draws_it(run, front):
    with (run.folder / "pareto.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["tumour_CEM43T90_min"]) for row in rows] == pytest.approx(
        [point["goal_value"] for point in front["points"]], rel=1e-6
    )
    assert "Trade-off" in (run.folder / "report.html").read_text()
    schema = json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    jsonschema.validate({"pareto": front}, {**schema, "required": []})


def test_a_limit_that_is_none_is_refused_with_those_there_are_before_the_search(case):
    with pytest.raises(InputError, match=r'--against "brain": .*liver CEM43max'):
        make_plan(case, pareto="brain")
