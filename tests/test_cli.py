"""The command line as its user meets it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_case import PROTOCOL, write_case

SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "2 min"\ncool_down = "0 min"').replace(
    'at_least = "2 min"', 'at_least = "0.001 min"'
)


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thermoplan", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    return write_case(tmp_path_factory.mktemp("cli"), protocol=SHORT)


@pytest.fixture(scope="module")
def planned(case):
    return run("plan", case, "-o", case.parent / "run", "--json")


def test_plan_prints_its_json_alone_and_ends_with_zero(planned, case):
    assert planned.returncode == 0, planned.stderr
    record = json.loads(planned.stdout)
    assert record["status"] == "ok"
    assert record["run"] == str(case.parent / "run")
    assert record["figures"]["slices"] == "figures/slices.png"
    on_disk = json.loads((case.parent / "run" / "plan.json").read_text())
    assert on_disk["goals"] == record["goals"]


def test_progress_of_every_stage_is_told_on_standard_error(planned):
    for stage in ("mesh", "reduced model", "optimize", "verify with the full model", "figures"):
        assert f"\n{stage} " in f"\n{planned.stderr}"


def test_a_goal_out_of_reach_ends_with_three_and_keeps_the_run(case, tmp_path):
    wish = case.parent / "wish.toml"
    wish.write_text(SHORT.replace('at_least = "0.001 min"', 'at_least = "60 min"'))
    ended = run("plan", wish, "-o", tmp_path / "run", "--quick")
    assert ended.returncode == 3, ended.stderr
    assert "Missed: tumour CEM43T90" in ended.stdout
    assert (tmp_path / "run" / "report.html").is_file()


def test_bad_input_ends_with_two_says_why_and_leaves_nothing(case, tmp_path):
    wrong = case.parent / "wrong.toml"
    wrong.write_text(SHORT.replace('frequency = "354 kHz"\n\n[phys', 'frequency = "354 mT"\n\n[phys'))
    ended = run("plan", wrong, "-o", tmp_path / "run")
    assert ended.returncode == 2
    assert 'wrong.toml: device.frequency = "354 mT": expected a frequency, such as "354 kHz"' in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_refused_before_anything_is_computed(planned, case):
    begin = time.monotonic()
    ended = run("plan", case, "-o", case.parent / "run")
    assert ended.returncode == 2
    assert "not empty" in ended.stderr
    assert "mesh" not in ended.stderr.split()
    assert time.monotonic() - begin < 60.0


def _heeds_interrupts() -> None:
    """A test run in the background is started deaf to interrupts, and its children would be too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_plan_leaves_the_previous_run_untouched(planned, case):
    before = {p: p.stat().st_mtime_ns for p in sorted((case.parent / "run").rglob("*"))}
    command = [sys.executable, "-m", "thermoplan", "plan", str(case), "-o", str(case.parent / "run"), "--force"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_heeds_interrupts
    )
    for line in process.stderr:
        if line.startswith("mesh"):
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert {p: p.stat().st_mtime_ns for p in sorted((case.parent / "run").rglob("*"))} == before
    assert not [p for p in case.parent.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("problem", "code", "says"),
    [
        ("KeyboardInterrupt", 130, "interrupted: nothing was written\n"),
        ("OSError(28, 'No space left on device', 'x.vtu')", 2, "x.vtu: No space left on device; make room, or choose "),
    ],
)
def test_an_interrupt_and_a_full_disk_cost_a_line_and_no_traceback(problem, code, says):
    code_line = (
        "import sys, thermoplan.cli as cli, thermoplan.commands.check as check\n"
        f"def told(*_): raise {problem}\n"
        "check.check_protocol = told\nsys.argv = ['thermoplan', 'check', 'p.toml']\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code_line], capture_output=True, text=True, check=False)
    assert done.returncode == code and done.stderr.startswith(says) and len(done.stderr.splitlines()) == 1


def test_a_mesh_that_could_not_be_written_is_refused_before_it_is_made_and_folders_are_made(case, tmp_path):
    (tmp_path / "f").write_text("x")
    table = ("--table", case.parent / "labels.csv", "--size", "6 mm", "--target-size", "6 mm")
    done = run("mesh", case.parent / "labels.nii.gz", tmp_path / "f" / "m.vtu", *table)
    assert done.returncode == 2 and "m.vtu: cannot be written" in done.stderr and len(done.stderr.splitlines()) == 1
    done = run("mesh", case.parent / "labels.nii.gz", tmp_path / "new" / "m.vtu", *table)
    assert done.returncode == 0 and (tmp_path / "new" / "m.vtu").is_file()


def test_report_renders_again_from_plan_json_and_figures_alone(planned, case, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "plan.json").write_bytes((case.parent / "run" / "plan.json").read_bytes())
    (copy / "figures").mkdir()
    for picture in (case.parent / "run" / "figures").iterdir():
        (copy / "figures" / picture.name).write_bytes(picture.read_bytes())
    ended = run("report", copy, "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["files"] == [str(copy / "report.html")]
    again, first = (copy / "report.html").read_text(), (case.parent / "run" / "report.html").read_text()
    assert again == first


def test_view_draws_without_a_display(planned, case, tmp_path):
    picture = tmp_path / "scene.png"
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    command = [sys.executable, "-m", "thermoplan", "view", str(case.parent / "run"), "--png", str(picture)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_comes_of_a_run_is_told_as_json_alone(planned, case, tmp_path):
    folder = case.parent / "run"
    exported = run("export", folder, "--to", "slicer", "-o", tmp_path / "slicer", "--json")
    assert exported.returncode == 0, exported.stderr
    assert all(Path(path).is_file() for path in json.loads(exported.stdout)["files"])
    compared = run("compare", folder, folder, "-o", tmp_path / "compare.html", "--json")
    assert compared.returncode == 0, compared.stderr
    record = json.loads(compared.stdout)
    assert {row["difference"] for row in record["goals"]} == {0.0}
    assert Path(record["files"][0]).stat().st_size > 10_000
    told = run("compare", folder, folder)
    assert "Goals and limits" in told.stdout
    assert run("export", folder, "--to", "avi").returncode == 2


def test_simulate_plays_a_trajectory_and_says_what_a_device_with_a_gradient_needs(planned, case, tmp_path):
    ended = run("simulate", case, "--quick", "-o", tmp_path / "none")
    assert ended.returncode == 2
    assert "--trajectory T.csv" in ended.stderr
    played = run(
        "simulate", case, "--trajectory", case.parent / "run" / "trajectory.csv", "-o", tmp_path / "sim", "--json"
    )
    assert played.returncode == 0, played.stderr
    record = json.loads(played.stdout)
    assert record["kind"] == "simulate"
    assert record["checks"]["prediction_k"] is None


def test_check_says_what_it_understood(case):
    ended = run("check", case)
    assert ended.returncode == 0, ended.stderr
    assert "tumour" in ended.stdout
    assert "CEM43T90" in ended.stdout
    record = json.loads(run("check", case, "--json").stdout)
    assert record["ok"]
    assert ["tracer", "synomag-d, omega tau 3"] in record["understood"]
    assert any(
        key == "model" and text.startswith("mrsh, holds for particles that turn") for key, text in record["understood"]
    )


def test_mesh_writes_a_mesh_that_can_be_read_back(case, tmp_path):
    out = tmp_path / "block.vtu"
    ended = run(
        "mesh",
        case.parent / "labels.nii.gz",
        out,
        "--table",
        case.parent / "labels.csv",
        "--target",
        "tumour",
        "--target-size",
        "1.2 mm",
        "--json",
    )
    assert ended.returncode == 0, ended.stderr
    record = json.loads(ended.stdout)
    from thermoplan.files.meshes.mesh_files import read_mesh

    anatomy = read_mesh(out)
    assert len(anatomy.points_m) == record["nodes"]
    assert anatomy.region_names == tuple(row["name"] for row in record["regions"])


def test_convert_keeps_the_iron_where_it_is(case, tmp_path):
    """NIfTI in mmol/L of iron to MDF in mg/mL, and back: one voxel's worth is 55.845 micrograms per mL and mmol/L."""
    mdf, back = tmp_path / "iron.mdf", tmp_path / "back.nii.gz"
    there = json.loads(run("convert", case.parent / "iron.nii.gz", mdf, "--unit", "mmol/L", "--json").stdout)
    again = json.loads(run("convert", mdf, back, "--unit", "mg/mL", "--json").stdout)
    assert there["highest"] == pytest.approx(6.0 * 0.055845)
    assert again["sum"] == pytest.approx(there["sum"])
    import nibabel
    import numpy as np

    first, last = nibabel.load(case.parent / "iron.nii.gz"), nibabel.load(back)
    data = [np.asarray(image.dataobj) for image in (first, last)]
    hot = [
        nibabel.affines.apply_affine(image.affine, np.argwhere(values > 0.9 * values.max())).mean(axis=0)
        for image, values in zip((first, last), data, strict=True)
    ]
    assert hot[1] == pytest.approx(hot[0], abs=1e-3)
    assert run("convert", case.parent / "iron.nii.gz", tmp_path / "x.jpg").returncode == 2


def test_init_then_check_works_in_an_empty_folder(tmp_path):
    ended = run("init", tmp_path / "study")
    assert ended.returncode == 0, ended.stderr
    assert [p.name for p in (tmp_path / "study").glob("*.toml")] == ["protocol.toml"]
    checked = run("check", tmp_path / "study" / "protocol.toml", "--json")
    assert checked.returncode == 0, checked.stderr
    assert run("init", tmp_path / "study").returncode == 2


def test_version_names_every_solver_part():
    printed = run("--version").stdout
    for part in ("thermoplan", "python", "dolfinx", "petsc", "numpy", "scipy", "gmsh", "vtk", "pyvista"):
        assert f"\n{part} " in f"\n{printed}"


def test_an_unknown_verb_ends_with_two():
    assert run("plaan").returncode == 2


@pytest.mark.parametrize(("line", "completed"), [("thermoplan pl", "plan"), ("thermoplan plan --qu", "--quick")])
def test_a_shell_completes_verbs_and_options(line, completed):
    asked = {"_THERMOPLAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    as_installed = "import sys; sys.argv = ['thermoplan']; from thermoplan.cli import main; main()"
    told = subprocess.check_output([sys.executable, "-c", as_installed], text=True, env={**os.environ, **asked})
    assert told.split() == [completed]
