"""A plan from a protocol to a run folder, on a block that any test can afford."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest
from small_case import PROTOCOL, write_case
from test_plan_record import closed

import thermoplan
from thermoplan.files.run.plan_schema import plan_schema
from thermoplan.plan import make_plan, simulate
from thermoplan.plan.case.heating_model import power_rel
from thermoplan.plan.record.verdict import CHECK_BOUNDS, run_status

FILES = {
    "protocol.toml",
    "plan.json",
    "report.html",
    "trajectory.csv",
    "machine.csv",
    "expected.csv",
    "dose.csv",
    "tvh.csv",
    "probes.csv",
    "fields.vtu",
    "fields.vtkhdf",
    "maps",
    "figures",
    "run.log",
}


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    return write_case(tmp_path_factory.mktemp("block"))


@pytest.fixture(scope="module")
def plan(case):
    return make_plan(case)


@pytest.fixture(scope="module")
def run(plan, tmp_path_factory):
    return plan.write(tmp_path_factory.mktemp("runs") / "block")


def test_the_plan_meets_its_goal_and_keeps_every_limit(plan):
    assert plan.record["status"] == "ok"
    assert all(row["met"] for row in plan.record["goals"])
    assert any(row["default"] and row["region"] == "core" for row in plan.record["goals"])


def test_every_check_is_there_and_within_its_bound(plan):
    checks = plan.record["checks"]
    assert set(checks) == set(CHECK_BOUNDS)
    assert all(checks[name] <= bound for name, bound in CHECK_BOUNDS.items())


@pytest.mark.parametrize("name", sorted(CHECK_BOUNDS))
def test_a_check_beyond_its_bound_makes_a_plan_not_valid(plan, name):
    assert run_status({**plan.record["checks"], name: 1.01 * CHECK_BOUNDS[name]}, []) == "not-valid"
    assert run_status({**plan.record["checks"], name: float("nan")}, []) == "not-valid"


def test_the_power_check_sees_a_basis_that_is_two_per_mille_too_strong(plan):
    """power_rel compares with the tracer's own model, not with the table that the basis came from."""
    basis, shares = plan.products.outcome.basis, plan.products.outcome.shares
    strong = type(basis)(basis.columns, 1.002 * basis.load_w, basis.iron_w, basis.eddy_w, basis.node_volumes_m3)
    assert power_rel(plan.products.heating_model, basis, shares) < 1e-4
    assert power_rel(plan.products.heating_model, strong, shares) > 1e-3


def test_plan_json_fits_its_schema(run):
    schema = json.loads(files("thermoplan.data").joinpath("schemas", "plan.schema.json").read_text())
    jsonschema.validate(json.loads((run.folder / "plan.json").read_text()), schema)


def test_plan_json_has_no_key_that_its_types_do_not_know(run):
    jsonschema.validate(json.loads((run.folder / "plan.json").read_text()), closed(plan_schema()))


def test_the_history_on_disk_is_that_of_the_plan(run, plan):
    """Its frame at the end of heating is the field that the maps have, and its last dose the whole dose."""
    from thermoplan.files.meshes.vtkhdf import read_steps

    steps, outcome = read_steps(run.folder / "fields.vtkhdf"), plan.products.outcome
    at_end = int(np.argmin(np.abs(steps.time_s - outcome.heating_end_s)))
    assert steps.time_s[[0, at_end, -1]] == pytest.approx([0.0, outcome.heating_end_s, outcome.end_s])
    assert steps.fields["temperature_c"][at_end] == pytest.approx(outcome.end_c, abs=2.1e-3)
    assert steps.fields["cem43_min"][-1] == pytest.approx(outcome.dose.cem43_min, rel=1e-4, abs=1e-9)


def test_the_run_folder_has_everything_and_the_protocol_verbatim(run, case):
    assert {path.name for path in run.folder.iterdir()} >= FILES
    assert (run.folder / "protocol.toml").read_bytes() == case.read_bytes()


def test_the_maps_lie_where_the_anatomy_does(run, plan):
    image = nibabel.load(run.folder / "maps" / "iron.nii.gz")
    data = np.asarray(image.dataobj)
    mass = data.sum() * abs(np.linalg.det(image.affine[:3, :3])) * 1e-3  # mg/mL times mm3
    assert mass == pytest.approx(plan.record["iron"]["mesh_mg"], rel=0.02)
    tumour = nibabel.affines.apply_affine(np.linalg.inv(image.affine), [0.0, 0.0, 8.0]).round().astype(int)
    liver = nibabel.affines.apply_affine(np.linalg.inv(image.affine), [0.0, 0.0, -10.0]).round().astype(int)
    assert data[tuple(tumour)] == pytest.approx(6.0, rel=0.15)
    assert data[tuple(liver)] == pytest.approx(3.0, rel=0.15)


def test_the_table_of_doses_says_what_plan_json_says(run, plan):
    with (run.folder / "dose.csv").open() as stream:
        rows = {row["region"]: row for row in csv.DictReader(stream)}
    assert float(rows["tumour"]["cem43t90_min"]) == pytest.approx(
        plan.record["regions"]["tumour"]["cem43t90_min"], rel=1e-5
    )


def test_playing_the_written_trajectory_gives_the_plan_s_own_temperatures(run, case, plan):
    again = simulate(case, run.folder / "trajectory.csv").record
    assert again["checks"]["prediction_k"] is None
    for name, row in plan.record["regions"].items():
        for key in ("t90_c", "t50_c", "t_max_c"):
            assert again["regions"][name][key] == pytest.approx(row[key], abs=2e-3)
        assert again["regions"][name]["t_peak_c"] == pytest.approx(row["t_peak_c"], abs=0.05)  # within a ripple
    assert again["timing"] == plan.record["timing"]


def test_heating_ends_exactly_and_the_cool_down_ends_below_39_degrees(plan):
    timing, history = plan.record["timing"], plan.record["history"]
    assert timing["heating_end_s"] == 600.0
    assert 600.0 in history["time_s"]
    assert history["time_s"][-1] == timing["end_s"]
    assert max(region["t_max_c"][-1] for region in history["regions"].values()) < 39.0


def test_the_sequence_stays_inside_the_machine(plan):
    from thermoplan.trajectory import limit_violations

    assert limit_violations(plan.products.trajectory, plan.products.heating_model.case.protocol.device) == []


def test_every_parameter_has_a_unit_and_a_source(plan):
    assert all(row["unit"] and row["source"] for row in plan.record["parameters"])
    assert next(r for r in plan.record["parameters"] if r["name"] == "tumour: perfusion")["source"] == "protocol"


def test_a_hotter_tracer_is_shown_hotter(plan):
    low, plain, high = (
        plan.record["history"][k] if k.startswith("t90") else plan.record["history"]["regions"]["tumour"]["t90_c"]
        for k in ("t90_slp_07_c", "plain", "t90_slp_13_c")
    )
    at = plan.record["history"]["time_s"].index(600.0)
    assert low[at] < plain[at] < high[at]
    rise = plain[at] - plain[0]
    assert high[at] - plain[at] == pytest.approx(0.3 * rise, rel=0.15)


def test_bound_particles_without_a_measured_slp_are_planned_with_the_models_own_spread(tmp_path):
    start = PROTOCOL.index("measured_slp")
    text = (
        PROTOCOL[:start]
        + 'relaxation_time = "1 us"\nanisotropy = "11 kJ/m^3"\nmodel = "neel"\n'
        + PROTOCOL[PROTOCOL.index("[device]") :]
    )
    text = text.replace('duration = "10 min"', 'duration = "2 min"\ncool_down = "0 min"')
    record = make_plan(write_case(tmp_path / "bound", protocol=text)).record
    assert record["tracer"]["model"] == "neel" and record["checks"]["power_rel"] < CHECK_BOUNDS["power_rel"]
    spread, summary = record["summary"]["slp_interval"], record["summary"]
    assert {c["name"] for c in spread["cases"]} >= {"omega tau 1", "omega tau 3", "cores one standard deviation larger"}
    assert spread["low_w_per_g_fe"] < summary["slp_w_per_g_fe"] < spread["high_w_per_g_fe"]
    low, high = summary["t90_interval_c"]
    assert low < record["regions"]["tumour"]["t90_c"] < high
    assert record["history"]["t90_slp_low_c"][-1] == pytest.approx(low)
    assert any(text.startswith("no measured SLP") and "its own spread" in text for text in record["warnings"])


def test_a_forgotten_gradient_shows_in_the_comparison(plan):
    rows = {row["name"]: row for row in plan.record["alternatives"]}
    assert rows["no gradient"]["core_c"] > rows["this plan"]["core_c"] + 0.5


def test_the_public_door_opens_lazily():
    assert thermoplan.make_plan is make_plan
    with pytest.raises(AttributeError, match="thermoplan has no make_pan; it has"):
        _ = thermoplan.make_pan


def test_a_fixed_core_has_no_core_limit_and_warns(case, tmp_path):
    text = PROTOCOL.replace('arterial = "36.5 degC"', 'arterial = "36.5 degC"\ncore = "fixed"')
    text = text.replace('duration = "10 min"', 'duration = "3 min"\ncool_down = "0 min"')
    record = make_plan(write_case(tmp_path / "fixed", protocol=text)).record
    assert record["core"] is None
    assert not any(row["region"] == "core" for row in record["goals"])
    assert any("infinite heat sink" in text for text in record["warnings"])
    assert record["timing"] == {"heating_end_s": 180.0, "end_s": 180.0}
