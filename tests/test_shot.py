"""A test shot: what the plan says a probe reads, and what a reading says of the tracer in the animal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_case import PROTOCOL, write_case
from typer.testing import CliRunner

from thermoplan.base.errors import InputError
from thermoplan.cli import app
from thermoplan.commands.test_shot import shot_answer
from thermoplan.plan import make_plan
from thermoplan.protocol import read_protocol

SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "2 min"\ncool_down = "0 min"')
WEAKER = SHORT.replace('value = "250 W/g"', 'value = "150 W/g"')


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return make_plan(write_case(tmp_path_factory.mktemp("shot"), protocol=SHORT))


@pytest.fixture(scope="module")
def run(plan, tmp_path_factory) -> Path:
    """As much of a run folder as a test shot needs."""
    from thermoplan.files.run.result_tables import write_tables

    folder = tmp_path_factory.mktemp("runs") / "block"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan.record))
    write_tables(folder, plan.record)
    return folder


@pytest.fixture(scope="module")
def weaker(tmp_path_factory):
    """The same animal with a tracer that heats 0.6 times as much: the truth that a shot should find."""
    return make_plan(write_case(tmp_path_factory.mktemp("weaker"), protocol=WEAKER))


def said(*words: str) -> dict:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_shot_is_at_half_the_amplitude_and_warms_the_probe_by_kelvins(plan):
    shot = plan.record["test_shot"]
    assert shot["amplitude_mt"] == pytest.approx(0.5 * max(plan.record["summary"]["amplitude_mt"]))
    centre = shot["probes"]["centre"]
    assert shot["time_s"][0] == 0.0 and shot["time_s"][-1] == 120.0
    assert centre["iron_rise_k"][0] == pytest.approx(0.0, abs=1e-6)
    assert (np.diff(centre["iron_rise_k"]) > 0).all() and 1.0 < centre["iron_rise_k"][-1] < 15.0
    assert centre["temperature_c"][0] == pytest.approx(plan.record["probes"]["centre"]["temperature_c"][0], abs=1e-3)
    assert shot["hottest_c"] >= centre["temperature_c"][-1]
    assert 0.01 < centre["tip_error_rel"] < 0.5


def test_half_the_iron_power_is_half_the_iron_rise(plan, weaker):
    """The SLP scales the load and nothing else: 0.6 of the rise by iron, the same rise by eddy currents."""
    ours, theirs = (p.record["test_shot"]["probes"]["centre"] for p in (plan, weaker))
    if plan.record["test_shot"]["position_mm"] == weaker.record["test_shot"]["position_mm"]:
        assert theirs["iron_rise_k"][-1] == pytest.approx(0.6 * ours["iron_rise_k"][-1], rel=0.02)
    assert theirs["other_rise_k"][-1] == pytest.approx(ours["other_rise_k"][-1], rel=0.02)
    assert ours["other_rise_k"][-1] > 0.0


def readings(plan, factor: float, offset_k: float = 0.0) -> list[str]:
    """What a probe reads at one and two minutes if the tracer heats ``factor`` as the plan has it."""
    shot = plan.record["test_shot"]
    probe = shot["probes"]["centre"]
    found = []
    for at in (60.0, 120.0):
        iron, other = (float(np.interp(at, shot["time_s"], probe[k])) for k in ("iron_rise_k", "other_rise_k"))
        found += ["--at", f"{at:g} s", "--reads", f"{probe['start_c'] + offset_k + other + factor * iron:.4f} degC"]
    return found


def test_a_reading_gives_the_factor_and_the_line_that_makes_the_plan_right(plan, run, tmp_path):
    found = said("test-shot", str(run), "--probe", "centre", *readings(plan, 0.6))
    assert found["factor"]["value"] == pytest.approx(0.6, abs=1e-3)
    assert found["factor"]["low"] < 0.6 < found["factor"]["high"] < 1.0
    assert not found["stands"]
    text = (
        SHORT[: SHORT.index("measured_slp")]
        + f"measured_slp = {found['measured_slp']}\n"
        + SHORT[SHORT.index("\n[device]") :]
    )
    tracer = read_protocol(write_case(tmp_path / "again", protocol=text)).tracer
    assert tracer.heating_efficiency == pytest.approx(
        0.6 * read_protocol(write_case(tmp_path / "before", protocol=SHORT)).tracer.heating_efficiency, rel=1e-3
    )
    # 95 % of the interval that the protocol carries on is the shot's own.
    assert tracer.calibration.high == pytest.approx(found["factor"]["high"] / found["factor"]["value"], rel=0.05)


def test_an_offset_of_the_thermometer_is_taken_out_by_the_reading_before(plan, run):
    start = plan.record["test_shot"]["probes"]["centre"]["start_c"]
    blind = said("test-shot", str(run), "--probe", "centre", *readings(plan, 1.0, 0.5))
    seen = said(
        "test-shot", str(run), "--probe", "centre", *readings(plan, 1.0, 0.5), "--before", f"{start + 0.5} degC"
    )
    assert seen["factor"]["value"] == pytest.approx(1.0, abs=1e-3) and seen["stands"]
    assert blind["factor"]["value"] > 1.01
    assert any("no reading before" in text for text in blind["warnings"]) and seen["warnings"] == []


def test_the_interval_follows_thermometer_and_tip(plan, run):
    def width(*more: str) -> float:
        factor = said("test-shot", str(run), "--probe", "centre", *readings(plan, 1.0), *more)["factor"]
        return factor["high"] - factor["value"]

    shot = plan.record["test_shot"]["probes"]["centre"]
    iron = np.interp([60.0, 120.0], plan.record["test_shot"]["time_s"], shot["iron_rise_k"])
    known = width("--tip", "0 %", "--thermometer", "0.1 K")
    assert known == pytest.approx(1.96 * 0.1 / np.linalg.norm(iron), rel=1e-3)
    assert width("--thermometer", "0.001 K") == pytest.approx(1.96 * shot["tip_error_rel"], rel=1e-2)


def test_readings_that_tell_nothing_or_too_much_are_said(plan, run):
    start = plan.record["test_shot"]["probes"]["centre"]["start_c"]
    with pytest.raises(InputError, match="zero is within the interval"):
        shot_answer(run, "centre", [("2 min", f"{start + 0.1} degC")])
    far = said("test-shot", str(run), "--probe", "centre", *readings(plan, 2.5), "--before", f"{start - 2} degC")
    assert any("outside of what the plan held possible (0.7 to 1.3)" in text for text in far["warnings"])
    assert any("not in the state that was planned" in text for text in far["warnings"])
    with pytest.raises(InputError, match='--probe = "center": not a probe of this run; did you mean "centre"'):
        shot_answer(run, "center", [("2 min", "38 degC")])
    with pytest.raises(InputError, match="lasts from 0 to 120 s"):
        shot_answer(run, "centre", [("5 min", "38 degC")])
    with pytest.raises(InputError, match='--reads = "38": expected a temperature'):
        shot_answer(run, "centre", [("2 min", "38")])
    unpaired = CliRunner().invoke(
        app, ["test-shot", str(run), "--probe", "centre", "--at", "1 min", "--at", "2 min", "--reads", "38 degC"]
    )
    assert isinstance(unpaired.exception, InputError) and "expected one for each" in str(unpaired.exception)


def test_the_sheet_for_the_bench_says_what_to_play_and_what_to_read(run, plan):
    lines = (run / "test-shot.csv").read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert any("amplitude, peak: 6.5 mT" in line for line in comments) and any("park at:" in line for line in comments)
    header, *rows = (line for line in lines if not line.startswith("#"))
    assert header == "minute,centre_c,centre_low_c,centre_high_c"
    assert [row.split(",")[0] for row in rows] == ["0.5", "1", "1.5", "2"]
    last = dict(zip(header.split(","), map(float, rows[-1].split(",")), strict=True))
    probe = plan.record["test_shot"]["probes"]["centre"]
    assert last["centre_high_c"] - last["centre_low_c"] == pytest.approx(0.6 * probe["iron_rise_k"][-1], rel=1e-4)


def test_a_person_is_told_whether_the_plan_stands(plan, run):
    told = CliRunner().invoke(app, ["test-shot", str(run), "--probe", "centre", *readings(plan, 0.5)])
    assert told.exit_code == 0 and "plan again before full power" in told.stdout
    assert "SLP x 0.5" in told.stdout and "measured_slp = {" in told.stdout
    fine = CliRunner().invoke(app, ["test-shot", str(run), "--probe", "centre", *readings(plan, 1.0)])
    assert "the plan is within what the shot says" in fine.stdout


def test_a_protocol_may_say_how_to_shoot_and_a_faint_one_is_warned_of(tmp_path):
    text = SHORT + '\n[test_shot]\namplitude = "2 mT"\nduration = "20 s"\n'
    record = make_plan(write_case(tmp_path / "faint", protocol=text)).record
    assert record["test_shot"]["amplitude_mt"] == pytest.approx(2.0) and record["test_shot"]["duration_s"] == 20.0
    assert any("too little to tell an SLP" in text for text in record["warnings"])
    high = SHORT + '\n[test_shot]\namplitude = "20 mT"\n'
    with pytest.raises(InputError, match=r"test_shot\.amplitude: .*13 mT"):
        make_plan(write_case(tmp_path / "high", protocol=high))


def test_without_a_probe_there_is_no_shot(tmp_path):
    text = SHORT[: SHORT.index("[[probes]]")]
    record = make_plan(write_case(tmp_path / "bare", protocol=text)).record
    assert record["test_shot"] is None
    (tmp_path / "plan.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="has no test shot: it needs"):
        shot_answer(tmp_path, "centre", [("2 min", "38 degC")])
