"""--estimate-error: what the mesh costs in temperature, in plan.json, on the console and in the report."""

from __future__ import annotations

import json
from importlib.resources import files

import box_case
import jsonschema
import pytest
from heat_cases import box

from thermoplan.cli.show_planning import show_run
from thermoplan.plan import make_plan, simulate, simulate_and_write
from thermoplan.protocol import read_protocol

STEADY = {"physiology.core": "fixed", "session.duration": "40 min", "session.cool_down": "0 min"}


def estimated(folder, monkeypatch, n):
    monkeypatch.setattr(box_case, "box", lambda _, *more: box((n, n, n), *more))
    record = simulate(read_protocol(box_case.write_body(folder), STEADY), estimate_error=True).record
    return record["regions"]["tumour"]["t_max_c"], record["accuracy"]["regions"]["tumour"]["t_max_k"]


def test_two_meshes_agree_better_once_each_is_corrected_by_its_estimate(tmp_path, monkeypatch):
    # edges of 2 and of 1 mm: the error of linear elements falls to about a quarter
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    (coarse, error), (fine, left) = (estimated(tmp_path / name, monkeypatch, n) for name, n in (("a", 10), ("b", 20)))
    print("as they stand", coarse, fine, "estimates", error, left)
    assert abs(coarse - fine) > 0.1
    assert abs((coarse - error) - (fine - left)) < 0.3 * abs(coarse - fine)
    assert 2.0 < error / left < 6.0


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return box_case.write_body(tmp_path_factory.mktemp("box"))


def test_the_run_folder_the_console_and_the_report_say_it(body, tmp_path, capsys):
    run = simulate_and_write(body, output=tmp_path / "run", estimate_error=True)
    record = json.loads((run.folder / "plan.json").read_text())
    schema = json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    jsonschema.validate(record, schema)
    found = record["accuracy"]
    assert found["error_k"] == max(
        abs(row[key]) for row in found["regions"].values() for key in ("t90_k", "t50_k", "t10_k", "t_max_k")
    )
    show_run(record)
    assert f"largest of any region {found['error_k']:.2g} K" in capsys.readouterr().out
    assert "Largest estimated error of a region" in (run.folder / "report.html").read_text()


def test_a_plan_says_it_when_asked_and_only_then(body):
    path = body.with_name("planned.toml")
    path.write_text(body.read_text() + '[[goals]]\nregion = "tumour"\nmetric = "T90"\nat_least = "42 degC"\n')
    assert make_plan(path, estimate_error=True).record["accuracy"]["regions"]["tumour"]["t90_k"] != 0.0
    assert simulate(path).record["accuracy"] is None
