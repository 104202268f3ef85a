"""Whatever happens to a file of any kind, its reader gives an answer or a complaint that names it.

A sample of `tools/fuzz_readers.py`, which reads as many as one likes.
"""

from __future__ import annotations

import bz2
import json
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from reader_seeds import Seed, write_seeds
from report_sample import write_sample
from small_case import PROTOCOL, write_case
from test_reading_limits import nifti_head, numpy_head

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.volumes import read_volume, write_volume
from thermoplan.files.tables.fieldmaps import read_field_map
from thermoplan.files.tables.landmarks import read_points
from thermoplan.plan.verification.resume import read_checkpoint
from thermoplan.plan.verification.state_file import load_state
from thermoplan.protocol import read_protocol
from thermoplan.report.page import read_plan

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
fuzz_readers = import_module("fuzz_readers")

EACH = 4
"""Damaged files of each kind."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> dict[str, Seed]:
    seeds = write_seeds(tmp_path_factory.mktemp("seeds"))
    fuzz_readers.WHOLE.update({name: seed.path.read_bytes() for name, seed in seeds.items()})
    return seeds


NOT_WHOLE = {"msh41", "msh41-binary"}  # meshio's writer of gmsh 4.1 drops the physical groups


def test_whole_files_are_read(seeds):
    for name in seeds.keys() - NOT_WHOLE:
        seeds[name].read(seeds[name].path)


def test_damaged_files_of_every_kind_cost_a_complaint_and_little_else(seeds):
    faults = []
    for number in range(EACH * len(seeds)):
        name, raw = fuzz_readers.damaged(seeds, number, run=7)
        fault, _, _ = fuzz_readers.read_damaged(seeds[name], raw)
        seeds[name].path.write_bytes(fuzz_readers.WHOLE[name])
        faults += [f"{number} {name}: {fault}"] if fault else []
    assert faults == []


NESTED = {"toml": "x = " + "[" * 5000, "json": "[" * 100_000}
LONG = "9" * 5000


@pytest.mark.parametrize(
    ("line", "words"), [(f"x = {LONG}", "a number of too many digits"), (NESTED["toml"], "nested too")]
)
def test_a_protocol_of_endless_numbers_or_nesting_is_refused(tmp_path, line, words):
    path = write_case(tmp_path, protocol=PROTOCOL.replace("[iron]", f"{line}\n[iron]"))
    with pytest.raises(InputError, match=rf"protocol\.toml: cannot be read as TOML: it .*{words}"):
        read_protocol(path)
    good = write_case(tmp_path)
    with pytest.raises(InputError, match=r"protocol\.toml: .*windows"):
        read_protocol(good, {"steering.windows": LONG})


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000], ids=["a name", "a path"])
def test_a_name_longer_than_any_system_takes_is_no_file(tmp_path, name):
    path = write_case(tmp_path, protocol=PROTOCOL.replace("labels.nii.gz", f"{name}.nii.gz"))
    with pytest.raises(InputError, match=r"protocol\.toml: anatomy\.labels = .*: no such file"):
        read_protocol(path)
    with pytest.raises(InputError, match="no such file"):
        read_volume(tmp_path / f"{name}.nii.gz")


def test_a_field_map_of_numbers_that_are_nearly_none_is_refused(tmp_path):
    rows = "".join(f"{x}e-290,{y}e-290,{z}e-290,1e-290,0,0\n" for x in range(3) for y in range(3) for z in range(3))
    (tmp_path / "f.csv").write_text("x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n" + rows)
    with pytest.raises(InputError, match=r"f\.csv: positions within 2e-293 m of each other: expected metres"):
        read_field_map(tmp_path / "f.csv")
    (tmp_path / "f.csv").write_text("x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n" + rows.replace("e-290", "e9"))
    with pytest.raises(InputError, match=r"f\.csv: positions in m: expected numbers up to 100"):
        read_field_map(tmp_path / "f.csv")


def test_markups_without_a_coordinate_are_refused(tmp_path):
    (tmp_path / "a.fcsv").write_text("# CoordinateSystem = RAS\n# columns = id,x,y,label\n1,2,3,a\n")
    with pytest.raises(InputError, match=r"a\.fcsv: .*z"):
        read_points(tmp_path / "a.fcsv")


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii"])
def test_an_image_of_more_than_its_bytes_can_hold_is_refused_by_its_header(tmp_path, name):
    sizes = (800, 800, 800)  # 2 GB of single floats
    head = "NRRD0004\ntype: float\ndimension: 3\nsizes: 800 800 800\nspacings: 1 1 1\nencoding: bzip2\n\n"
    raw = head.encode() + bz2.compress(bytes(4 * 800**3 // 100)) if name == "a.nrrd" else nifti_head(sizes) + bytes(99)
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.\w+: says that it unpacks to 1\.9 GiB, of .* in the file"):
        read_volume(tmp_path / name)


RUN = {"protocol": "protocol.toml", "text": PROTOCOL, "trajectory": None, "options": {"quick": True}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (NESTED["json"], "cannot be read as JSON: it is nested too deeply; simulate anew"),
        (f"[{LONG}]", "a number of too many digits|no finite number"),
        ("[NaN]", "it holds NaN, which is no finite number"),
        ("[1e999]", "it holds 1e999"),
        ("\0", "no text in UTF-8"),
        (json.dumps([RUN]), "says not which simulation was stopped: it may be damaged: simulate anew"),
        *((json.dumps({**RUN, key: value}), "says not which") for key in RUN for value in (3, [], {"a": 1})),
        *((json.dumps({k: v for k, v in RUN.items() if k != key}), "says not which") for key in RUN),
        (json.dumps({**RUN, "text": "schema ="}), "protocol.toml: cannot be read as TOML"),
        (json.dumps({**RUN, "protocol": "a\0b"}), "says not which"),
        (json.dumps({**RUN, "options": {"quick": 1}}), "says not which"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, content, words):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state.npz").write_bytes(b"x")
    (tmp_path / "checkpoint" / "run.json").write_text(content)
    with pytest.raises(InputError, match=words):
        read_checkpoint(tmp_path)


def test_a_state_that_says_more_than_it_holds_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "state.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("tree.npy", numpy_head((400, 400, 400)) + bytes(4096))
    with pytest.raises(InputError, match=r"state\.npz: cannot be read: tree says more than the file holds"):
        load_state(tmp_path / "state.npz")


def test_arrays_beside_the_image_count_too(tmp_path):
    """Two arrays of 3 GB are within the limit each; the affine has sixteen numbers."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("data", "affine"):
            packed.writestr(f"{name}.npy", numpy_head((700, 700, 700)) + bytes(4096))
    with pytest.raises(InputError, match=r"a\.npz: .*(says that it unpacks to 2\.6 GiB|affine has shape)"):
        read_volume(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("goals",), 3, r"goals = 3: Input should be a valid list"),
        (("goals", 0, "value"), "much", r'goals\[0\]\.value = "much": Input should be a valid number'),
        (("trajectory", "path_mm", 0), [1.0], r"trajectory\.path_mm\[0\] = .*: .*expected minItems = 3"),
        (("probes", "tumour-centre", "temperature_c"), [1.0], "temperature_c has 1 values for 91 times"),
        (("summary",), [], r"summary = \[\]: Input should be a valid dictionary"),
    ],
)
def test_a_plan_that_is_no_record_is_refused_by_key_and_value(tmp_path, place, value, words):
    run = write_sample(tmp_path)
    plan = json.loads((run / "plan.json").read_text())
    *path, last = place
    part = plan
    for key in path:
        part = part[key]
    part[last] = value
    (run / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(InputError, match=r"plan\.json: " + words):
        read_plan(run)


def test_the_isolated_process_is_under_ranks_too(tmp_path):
    """Ranks of mpiexec start their own; none of them is forked."""
    code = (
        "import sys; from mpi4py import MPI; from thermoplan.files.images.volumes import read_volume; "
        "total = MPI.COMM_WORLD.reduce(int(read_volume(sys.argv[1]).data.sum())); total is None or print(total)"
    )
    write_volume(tmp_path / "a.mdf", Image(np.ones((2, 3, 4), np.float32), np.diag([1e-3, 1e-3, 1e-3, 1.0])))
    command = [str(Path(sys.executable).with_name("mpiexec")), "-n", "2", sys.executable, "-c", code]
    done = subprocess.run([*command, str(tmp_path / "a.mdf")], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["48"]
