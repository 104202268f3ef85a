"""The machine in the 3D scene: its frame, its bore, its drive and its line lie where the pose puts them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from report_sample import sample_anatomy, sample_fields, write_sample, write_sample_fields

from thermoplan import scene

TURN = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the anatomy's A is the machine's z
SHIFT_MM = np.array([2.0, 3.0, -5.0])


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Bounds ``(3, 2)`` of every actor, in RAS millimetres, for a line in a machine that the anatomy lies across."""
    run = write_sample(tmp_path_factory.mktemp("machine") / "run")
    anatomy = sample_anatomy()
    write_sample_fields(run, anatomy, sample_fields(anatomy))
    plan = json.loads((run / "plan.json").read_text())
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TURN, 1e-3 * SHIFT_MM
    plan["device"] |= {
        "kind": "ffl",
        "line_axis": [1, 0, 0],
        "rotating": True,
        "drive_axis": [0, 1, 0],
        "to_device": matrix.tolist(),
        "bore_radius_mm": 40.0,
    }
    (run / "plan.json").write_text(json.dumps(plan))
    plotter = scene.scene(Path(run))
    found = {
        name: np.reshape(actor.bounds, (3, 2))
        for name, actor in plotter.actors.items()
        if np.size(getattr(actor, "bounds", ())) == 6
    }
    plotter.close()
    return found | {"focus": np.array(plan["trajectory"]["path_mm"][int(np.argmax(plan["trajectory"]["share"]))])}


def test_the_axes_stand_at_the_machines_origin(actors):
    # where machine = TURN r + SHIFT is zero: r = -TURN^T SHIFT
    origin = -TURN.T @ SHIFT_MM
    for letter, axis in zip("xyz", TURN, strict=True):
        low, high = actors[f"machine {letter}"].T
        along = np.abs(axis) > 0.5
        ends = np.sort([origin[along][0], (origin + 6.0 * axis)[along][0]])
        assert (low[along][0], high[along][0]) == pytest.approx(tuple(ends), abs=0.05)


def test_the_bore_is_a_tube_about_the_machines_z(actors):
    bounds, origin = actors["bore"], -TURN.T @ SHIFT_MM
    for k in (0, 2):  # R and S are across the bore
        assert bounds[k] == pytest.approx([origin[k] - 40.0, origin[k] + 40.0], abs=0.1)
    assert bounds[1, 1] - bounds[1, 0] == pytest.approx(np.ptp(actors["body"][1]), rel=0.25)  # as long as the body


def test_drive_and_line_go_through_the_focus(actors):
    for name, axis in (("drive axis", 1), ("field-free line", 0)):
        middle, size = actors[name].mean(axis=1), np.ptp(actors[name], axis=1)
        assert middle == pytest.approx(actors["focus"], abs=0.5)
        assert int(np.argmax(size)) == axis and size[axis] > 3 * np.sort(size)[1]
    assert np.ptp(actors["field-free line"][0]) == pytest.approx(80.0, rel=0.01)  # from wall to wall


def test_a_plan_that_says_nothing_of_a_pose_has_no_machine(tmp_path):
    run = write_sample(tmp_path / "run")
    anatomy = sample_anatomy(3e-3)
    write_sample_fields(run, anatomy, sample_fields(anatomy))
    plan = json.loads((run / "plan.json").read_text())
    del plan["device"]["to_device"]
    (run / "plan.json").write_text(json.dumps(plan))
    plotter = scene.scene(run)
    assert not {"bore", "drive axis", "machine z"} & set(plotter.actors)
    plotter.close()
