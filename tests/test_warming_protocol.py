"""Warming of a protocol: words of `check`, sides by the pose, refusals by key, and its course in a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from box_case import write_body

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.plan import simulate
from thermoplan.protocol import read_protocol

MOUSE = Path(__file__).parents[1] / "protocols" / "mouse-flank.toml"
PHANTOM = MOUSE.with_name("phantoms-3mm.toml")
PAD = {"kind": "regulated-pad"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (PAD | {"set_point": "38 degC"}, r"warming\.set_point = 38 degC, but physiology\.arterial = 36\.5 degC"),
        (PAD | {"max_power": "-1 W"}, r"warming\.max_power = \"-1 W\": expected a power"),
        (PAD | {"max_power": "1 MW"}, r"warming\.max_power = \"1 MW\": expected a power.* from 1 mW to 2 kW"),
        (PAD | {"normal": "A", "surface": "bed"}, r"warming\.normal: has no place beside surface"),
        (PAD | {"temperature": "38 degC"}, r'warming\.temperature: has no place with kind = "regulated-pad"'),
        ({"kind": "none", "band": "1 K"}, r'warming\.band: has no place with kind = "none"'),
        ({"kind": "constant", "normal": "A"}, r'warming\.normal: has no place with kind = "constant"'),
        ({"kind": "water-blanket"}, r"warming\.temperature: missing: expected that of the water"),
        ({"kind": "stove"}, r'warming\.kind = "stove"'),
    ],
)
def test_what_contradicts_itself_is_refused_by_key(given, says):
    with pytest.raises(InputError, match=says):
        read_protocol(MOUSE, {"physiology.core": "pool", "warming": given})


def test_a_set_point_colder_than_the_room_is_refused_by_key(tmp_path):
    with pytest.raises(InputError, match=r"warming\.set_point = 20 degC: the room is at 25 degC"):
        read_protocol(write_body(tmp_path), {"warming": PAD | {"set_point": "20 degC"}})


def test_a_phantom_is_not_kept_warm():
    with pytest.raises(InputError, match=r'warming\.kind = "none": a phantom has no core'):
        read_protocol(PHANTOM, {"warming": {"kind": "none"}})


def test_a_core_that_is_given_leaves_nothing_to_warm():
    with pytest.raises(InputError, match=r'physiology\.core = "fixed" says what the core is'):
        read_protocol(MOUSE, {"physiology.core": "fixed", "warming": PAD})
    assert read_protocol(MOUSE, {"warming": {"kind": "held"}}).physiology.core == "fixed"


@pytest.mark.parametrize(
    ("pose", "kind", "words"),
    [
        ("prone, head first", "regulated-pad", "a regulated pad under the belly holds the core at 36.5 degC"),
        ("supine", "regulated-pad", "a regulated pad under the back holds the core at 36.5 degC"),
        ("supine", "lamp", "a regulated lamp over the belly holds the core at 36.5 degC"),
        ("left side down", "lamp", "a regulated lamp over the right side holds the core at 36.5 degC"),
    ],
)
def test_heat_enters_where_the_pose_puts_it(pose, kind, words):
    rows = dict(check_protocol(read_protocol(MOUSE, {"device.pose": pose, "warming": {"kind": kind}}))["understood"])
    assert rows["warming"].startswith(words)


def test_check_refuses_a_probe_or_a_surface_that_the_body_lacks(tmp_path):
    path = write_body(tmp_path)
    for given, says in (
        ({"probe": "rectum"}, r'warming\.probe = "rectum": expected core or a region: body, tumour'),
        ({"surface": "belly"}, r'warming\.surface = "belly": not a named surface of the mesh; it has bed'),
    ):
        with pytest.raises(InputError, match=says):
            check_protocol(read_protocol(path, {"warming": PAD | given}))


def test_a_run_tells_the_power_that_its_pad_gave(tmp_path):
    """It begins with what holds the set point and gives less while the tumour heats; with its work energy closes."""
    path = write_body(tmp_path)
    record = simulate(read_protocol(path, {"warming": PAD | {"surface": "bed"}})).record
    found = record["warming"]
    power, times = np.array(found["power_w"]), np.array(found["time_s"])
    assert found["before_w"] == power[0] > 0.0 and found["max_power_w"] == pytest.approx(2.0 * power[0])
    assert found["core_before_c"] == pytest.approx(found["set_point_c"])
    assert found["area_cm2"] == pytest.approx(20e-1 * 24e-1, rel=1e-6)
    assert power.min() >= 0.0 and power.max() <= found["max_power_w"]
    assert found["end_w"] == pytest.approx(float(np.interp(300.0, times, power))) and found["end_w"] < 0.9 * power[0]
    law = found["before_w"] - found["max_power_w"] / 0.2 * (np.array(record["core"]["temperature_c"]) - 36.5)
    assert power == pytest.approx(np.clip(law, 0.0, found["max_power_w"]), abs=1e-9)
    assert record["checks"]["energy_balance_rel"] < 1e-6
    assert found["words"].startswith('a regulated pad under the surface "bed"')


def test_an_animal_that_is_no_longer_warmed_cools_and_no_other_slp_scales_that(tmp_path):
    """With hardly any tracer's heat the tumour only cools: with three tenths more heat it is no cooler."""
    path = write_body(tmp_path)
    faint = {"basis": "iron", "medium": "tissue", "amplitude": "13 mT", "frequency": "354 kHz", "value": "1 W/g"}
    goal = {"region": "tumour", "metric": "Tmax", "at_least": "30 degC"}
    set_up = {"tracer.measured_slp": faint, "goals": [goal]}
    record, kept = (
        simulate(read_protocol(path, set_up | {"warming": {"kind": kind}})).record for kind in ("none", "constant")
    )
    core, warm = (np.array(run["core"]["temperature_c"]) for run in (record, kept))
    assert core[0] == pytest.approx(36.5) and core[-1] < warm[-1] - 1.0
    assert record["warming"]["before_w"] == pytest.approx(kept["warming"]["mean_w"])
    assert record["warming"]["end_w"] == 0.0
    history = record["history"]
    more, less = (np.array(history[key]) for key in ("t90_slp_13_c", "t90_slp_07_c"))
    middle = np.array(history["regions"]["tumour"]["t90_c"])
    assert middle[-1] < middle[0] - 0.5
    assert (more >= middle - 1e-6).all() and (less <= middle + 1e-6).all()
