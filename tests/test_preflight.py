"""`check` refuses what plan and simulate would stop at, reads all that they read, and runs without the solver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from small_case import write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.plan import make_plan, simulate
from thermoplan.plan.case import estimates, preflight
from thermoplan.protocol import read_protocol

BLIND = """
import importlib.abc, sys
class Blind(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in set("dolfinx_solver dolfinx ufl basix ffcx petsc4py mpi4py gmsh numba".split()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blind())
from thermoplan.cli import main
sys.argv = ["thermoplan", "check", *sys.argv[1:]]
main()
"""


def said(path: Path, changes: dict[str, object]) -> str:
    """The message of `check`, which plan and simulate give too, word for word."""
    protocol = read_protocol(path, changes)
    messages = set()
    for verb in (check_protocol, make_plan, lambda p: simulate(p, path.parent / "still.csv")):
        with pytest.raises(InputError) as caught:
            verb(protocol)
        messages.add(str(caught.value))
    assert len(messages) == 1
    return messages.pop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    columns = "start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n"
    (tmp_path / "still.csv").write_text(columns + "0,1,0,0,8,1\n")
    (tmp_path / "late.csv").write_text(columns + "0,1,0,0,8,1\n599,5,0,0,8,1\n")
    (tmp_path / "off.csv").write_text("x_mm,y_mm,z_mm\n90,0,-10\n90,0,10\n")
    return write_case(tmp_path)


OFF = [{"name": "aorta", "path": "off.csv", "diameter": "1 mm"}]
SPLIT = {"region": ["everywhere-else"], "metric": "Tmax", "at_most": "42 degC", "as_one": True}
WARM = {"region": "core", "metric": "Tmax", "at_most": "39 degC"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vessels": OFF}, "vessels[0].path: aorta runs from 90 0 -10 to 90 0 10 mm, through no part of the body"),
        (
            {"boundary.bed": {"surface": "belly", "temperature": "38 degC"}},
            'boundary.bed.surface = "belly": not a named surface of the mesh; it has none',
        ),
        ({"tissues.brain.perfusion": "1e4 W/m^3/K"}, "tissues.brain: no region of the anatomy is made of it"),
        ({"test_shot.amplitude": "900 mT"}, "test_shot.amplitude: "),
        ({"physiology.core": "fixed", "limits": [WARM]}, 'region "core": the blood temperature is fixed'),
        ({"limits": [SPLIT]}, 'region "everywhere-else": has no shell and joins no other'),
        (
            {"anatomy.species": "phantom", "safety": {"absorbed_at_most": "Kleiber1947"}, "limits": []},
            "safety.absorbed_at_most: ",
        ),
        (
            {"mesh.size": "0.02 mm", "mesh.target_size": "0.02 mm"},
            'mesh.size = "0.02 mm" and mesh.target_size = "0.02 mm": asks for about',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_check_plan_and_simulate_refuse_the_same_with_the_same_words(path, changes, words):
    found = said(path, changes)
    assert f"protocol.toml: {words}" in found


def test_organs_without_a_body_are_refused_by_check_with_the_name_of_the_file(path):
    image = nibabel.load(path.parent / "labels.nii.gz")
    data = np.asarray(image.dataobj)
    nibabel.save(
        nibabel.Nifti1Image(np.where(data == 1, 0, data), image.affine, image.header), path.parent / "labels.nii.gz"
    )
    (path.parent / "labels.csv").write_text("label,region,tissue\n3,liver,liver\n7,tumour,tumour\n")
    assert "protocol.toml: anatomy.labels: labels.nii.gz: labels: 2 separate pieces and no body" in said(path, {})


def test_the_trajectory_that_a_protocol_names_is_read_by_check_and_plan(path):
    protocol = read_protocol(path, {"session.trajectory": "late.csv"})
    for verb in (check_protocol, make_plan, simulate):
        with pytest.raises(InputError, match=r"^protocol.toml: session.trajectory: late.csv: row 2, .* = 604: after"):
            verb(protocol)
    rows = dict(check_protocol(read_protocol(path, {"session.trajectory": "still.csv"}))["understood"])
    assert rows["simulate"] == "still.csv, 1 stops"


def test_a_trajectory_of_the_command_line_stands_for_that_of_the_protocol(path):
    protocol = read_protocol(path, {"session.trajectory": "late.csv", "session.duration": "10 min"})
    with pytest.raises(InputError, match=r"^off.csv: has no column"):
        simulate(protocol, path.parent / "off.csv")


def test_a_tracer_that_its_model_cannot_solve_is_a_mistake_of_the_input_by_key(path):
    changes = {"tracer.core_diameter": "50 nm", "tracer.measured_slp": None, "device.amplitude": "1 T"}
    wide = {"device.frequency": "1 kHz"}
    with pytest.raises(InputError) as caught:
        check_protocol(read_protocol(path, changes | wide))
    assert caught.value.exit_code == 2
    assert 'protocol.toml: tracer synomag-d: model = "mrsh": has no solution for cores of 50 nm at 1e+03 mT' in str(
        caught.value
    )
    assert "check tracer.core_diameter" in str(caught.value)


def test_a_memory_that_the_machine_has_not_is_refused_by_the_keys_that_ask_for_it(path, monkeypatch):
    rows = dict(check_protocol(path)["understood"])
    assert rows["plan"].endswith("GB and 28 s of one processor") or " nodes, " in rows["plan"]
    monkeypatch.setattr(estimates, "machine_memory_bytes", lambda: 0.5e9)
    with pytest.raises(InputError, match=r'target_size = "1.2 mm": asks for about .* and this machine has 0.5 GB'):
        check_protocol(path)


def test_every_check_of_the_list_is_made_by_all_three_verbs(path, monkeypatch):
    monkeypatch.setattr(preflight, "CHECKS", (*preflight.CHECKS, lambda inputs: iter(["a new reason"])))
    assert said(path, {}) == "protocol.toml: a new reason"


def test_check_runs_without_the_solver_also_for_a_protocol_that_is_not_there(path):
    for arguments, code in (([str(path), "--set", "mesh.order=2"], 0), (["no.toml"], 2)):
        done = subprocess.run([sys.executable, "-c", BLIND, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr and ("no.toml: no such file" in done.stderr) == (code == 2)
        assert ("mesh.order = 2: only simulate has quadratic" in " ".join(done.stdout.split())) == (
            "--set" in arguments
        )


def test_check_says_shell_window_priority_and_margin(path):
    goals = [
        {"region": "tumour", "metric": "T50", "at_least": "42 degC", "window": "2 min to 9 min", "priority": 2},
        {"region": "tumour", "metric": "CEM43T90", "at_least": "2 min", "weight": 3.0},
    ]
    limits = [
        {"region": "tumour", "metric": "Tmax", "at_most": "45 degC", "shell": "1 mm to 4 mm"},
        {"region": "everywhere-else", "metric": "Tmax", "at_most": "43 degC", "margin": "5 mm"},
    ]
    rows = [tuple(row) for row in check_protocol(read_protocol(path, {"goals": goals, "limits": limits}))["understood"]]
    assert ("goal", "tumour: T50 >= 42 degC, judged from 2 to 9 min, priority 2") in rows
    assert ("goal", "tumour: CEM43T90 >= 2 min, priority 1, weight 3") in rows
    assert ("limit", "tumour, shell of 1 to 4 mm: Tmax <= 45 degC") in rows
    assert ("limit", "everywhere-else: Tmax <= 43 degC, farther than 5 mm from a target") in rows
