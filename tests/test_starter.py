"""What ``init`` gives is complete, also from a wheel, and every shipped protocol and library entry reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from report_sample import sample_anatomy, sample_fields, sample_plan

from thermoplan.base.errors import InputError
from thermoplan.files.run.starter import write_starter
from thermoplan.protocol import read_protocol
from thermoplan.protocol.complaints import protocol_schema
from thermoplan.protocol.library import library_devices, library_tracers

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "protocols").glob("*.toml"))
SCHEMAS = ROOT / "thermoplan" / "data" / "schemas"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_protocol_reads_and_fits_the_json_schema(path):
    assert read_protocol(path).goals
    jsonschema.validate(tomllib.loads(path.read_text()), protocol_schema())


def test_init_writes_a_protocol_and_its_inputs_side_by_side(tmp_path):
    written = write_starter(tmp_path / "new")
    assert sorted(p.name for p in written) == [
        "mouse-labels.csv",
        "mouse-labels.nii.gz",
        "mouse-mpi.mdf",
        "protocol.schema.json",
        "protocol.toml",
    ]
    protocol = read_protocol(tmp_path / "new" / "protocol.toml")
    assert {path.parent for path in protocol.files} == {tmp_path / "new"}
    assert protocol.goals[0].region == ("tumour",) and protocol.notes == ()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_init_starts_from_any_shipped_protocol(path, tmp_path):
    write_starter(tmp_path / "new", protocol=path.stem)
    protocol = read_protocol(tmp_path / "new" / "protocol.toml")
    assert protocol.name == path.stem
    assert {named.parent for named in protocol.files} == {tmp_path / "new"}


def test_init_with_a_notebook_brings_the_protocols_that_it_reads(tmp_path):
    write_starter(tmp_path / "new", notebook="02")
    text = (tmp_path / "new" / "02-which-gradient.ipynb").read_text()
    assert "../" not in text and "dual-tumour.toml" in text
    assert read_protocol(tmp_path / "new" / "dual-tumour.toml").name == "dual-tumour"
    write_starter(tmp_path / "measured", notebook="05-phantom-to-milligrams")
    assert (tmp_path / "measured" / "data" / "openmpi-concentration" / "README.md").is_file()
    for number in ("2", "002", "02-which-gradient.ipynb"):
        written = write_starter(tmp_path / number, notebook=number)
        assert written[0].name == "02-which-gradient.ipynb"
    for number in ("0", "2-", "which", "10" * 4000):
        with pytest.raises(InputError, match=r"--notebook .*: expected one of 01-plan-a-mouse"):
            write_starter(tmp_path / "other", notebook=number)
    with pytest.raises(InputError, match="--notebook 99: expected one of 01-plan-a-mouse"):
        write_starter(tmp_path / "other", notebook="99")
    with pytest.raises(InputError, match="nobody: not one of the shipped protocols: ablation"):
        write_starter(tmp_path / "other", protocol="nobody")


def test_an_editor_finds_the_schema_of_every_protocol(tmp_path):
    """The editors that complete TOML look for this line; its path is seen from the file."""
    write_starter(tmp_path / "new")
    write_starter(tmp_path / "book", notebook="4")
    begun = [*(tmp_path / "new").glob("*.toml"), *(tmp_path / "book").glob("*.toml")]
    assert len(begun) > 2
    for path in (*SHIPPED, *begun):
        line = path.read_text().splitlines()[0]
        assert line.startswith("#:schema ."), path
        assert json.loads((path.parent / line.split()[1]).read_text()) == protocol_schema()


def test_the_layout_of_the_starter_is_one_key_a_line(tmp_path):
    write_starter(tmp_path)
    lines = (tmp_path / "protocol.toml").read_text().splitlines()
    said = [line for line in lines if line.strip() and not line.startswith("#")]
    layout = re.compile(r'\[{1,2}[\w.]+\]{1,2}|\w+ = ("[^"]*"|\d+|true|false|\[.*\]|\{ .* \})')
    assert all(layout.fullmatch(line) for line in said)
    assert said[said.index("[tracer]") + 1].startswith('name = "')
    assert said[said.index("[iron]") + 1].startswith('image = "')
    device, session = said[said.index("[device]") :], said[said.index("[session]") :]
    assert 'frequency = "354 kHz"' in device and 'duration = "30 min"' in session


def test_a_full_folder_is_refused(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        write_starter(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_an_installed_wheel_has_the_starter(tmp_path):
    source, target = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("thermoplan", "protocols", "meshes", "notebooks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import thermoplan; "
        "assert thermoplan.__file__.startswith(sys.argv[1]), thermoplan.__file__; "
        "from thermoplan.files.run.starter import write_starter; from thermoplan.protocol import read_protocol; "
        "write_starter(sys.argv[2]); print(read_protocol(sys.argv[2] + '/protocol.toml').name)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(target), str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "mouse-flank", done.stderr


def test_every_library_entry_reads_and_says_where_it_comes_from():
    assert {"synomag-d", "ferucarbotran"} <= library_tracers().keys()
    assert {"berkeley-ffp", "uniform"} <= library_devices().keys()
    for entry in (*library_tracers().values(), *library_devices().values()):
        assert entry.source
    assert library_devices()["hyper"].gradient_range_t_m == (0.5, 2.6)
    np.testing.assert_allclose(library_devices()["hyper"].position_range_m[2], [-0.1, 0.1])


def test_a_device_beyond_its_range_is_taken_at_its_word_and_noted(tmp_path):
    write_starter(tmp_path)
    path = tmp_path / "protocol.toml"
    path.write_text(path.read_text().replace('frequency = "354 kHz"\n\n', 'frequency = "20 kHz"\n\n'))
    protocol = read_protocol(path)
    assert protocol.device.frequency_hz == 20e3 and protocol.device.violations(frequency_hz=20e3) == []
    assert any("device.frequency = 20 kHz is outside what berkeley-ffp" in note for note in protocol.notes)


def test_plan_json_has_a_schema_that_takes_a_plan_and_refuses_a_broken_one():
    schema = json.loads((SCHEMAS / "plan.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    anatomy = sample_anatomy(3e-3)
    plan = json.loads(json.dumps(sample_plan(anatomy, sample_fields(anatomy))))
    assert list(checker.iter_errors(plan)) == []
    for broken in (
        {"status": "fine"},
        {"regions": {}},
        {"schema": 2},
        {"checks": {}},
        {"core": {"time_s": []}},
        {"goals": [{"kind": "wish"}]},
    ):
        assert list(checker.iter_errors(plan | broken)), broken
