"""The doctor sees what is missing and names its remedy; set-up does what is needed, once."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import thermoplan
from thermoplan.base import installation as doctor

ROOT = Path(__file__).parents[1]


def test_every_part_of_this_machine_works():
    assert [finding for finding in doctor.examine() if not finding.ok] == []


def test_versions_name_every_solver_part_and_import_none_of_them():
    code = (
        "import sys; from thermoplan.base.installation import versions; print(*versions());"
        "print(*{'numpy', 'dolfinx', 'gmsh', 'vtkmodules', 'pyvista', 'matplotlib'} & set(sys.modules))"
    )
    named, loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")[:2]
    assert {"python", "numpy", "scipy", "dolfinx", "petsc", "highs", "gmsh", "vtk"} <= set(named.split())
    assert loaded == ""


def test_a_missing_library_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(doctor, "LIBRARIES", ((("libnosuch.so.7", "libnorthis.so.1"), "libnosuch7"),))
    (finding,) = [f for f in doctor._machine() if "libnosuch" in f.part]
    assert not finding.ok
    assert re.fullmatch(r"run: (sudo )?apt-get install --no-install-recommends libnosuch7", finding.remedy)
    assert doctor.missing_packages() == ("libnosuch7",)


def test_either_of_two_libraries_will_do(monkeypatch):
    monkeypatch.setattr(doctor, "LIBRARIES", ((("libnosuch.so.7", "libc.so.6"), "libnosuch7"),))
    assert doctor.missing_packages() == ()


def test_a_machine_without_a_compiler_is_told_so(monkeypatch):
    monkeypatch.setenv("CC", "/nowhere/cc")
    assert {"gcc", "libc6-dev"} <= set(doctor.missing_packages())


def test_a_compiler_that_finds_no_python_headers_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_python_h", lambda: tmp_path / "Python.h")
    assert any(package.endswith("-dev") for package in doctor.missing_packages())


def test_a_part_that_crashes_takes_only_its_own_process_with_it(monkeypatch):
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(doctor, "PROBES", {"drawing": ("view", crash), "sums": ("fem", "assert 1 + 1 == 2")})
    drawing, sums = doctor._probe_parts()
    assert not drawing.ok and "signal 11" in drawing.remedy
    assert sums.ok


def test_a_cache_that_cannot_be_written_has_a_remedy(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (finding,) = [f for f in doctor._machine() if f.part.startswith("cache")]
    assert not finding.ok and "XDG_CACHE_HOME" in finding.remedy


def test_the_doctor_runs_before_anything_is_installed():
    command = [sys.executable, "-I", "-S", str(ROOT / "thermoplan" / "base" / "installation.py"), "--packages"]
    assert subprocess.check_output(command, text=True).strip() == " ".join(doctor.missing_packages())


def test_every_dependency_is_pinned_and_no_registry_is_named():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.+!]+", pin)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(project["optional-dependencies"].values(), project["dependencies"])
    pinned = {_plain(pin.split("==")[0]) for pin in pins}
    assert {_plain(re.match(r"[\w.-]+", requirement)[0]) for requirement in asked} <= pinned | {"thermoplan"}


def test_the_extra_of_everything_holds_whatever_is_not_for_developers():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (everything,) = extras.pop("all")
    assert set(re.findall(r"\w+", everything)) - {"thermoplan"} == set(extras) - {"bench", "docs", "dev"}


def test_the_version_is_told_alike_wherever_it_stands():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]
    newest = re.search(r"^## (?!Unreleased)(\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert project["version"] == thermoplan.__version__ == cited == newest


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture
def bare(tmp_path):
    """A checkout with only what set-up reads, and an environment whose PATH has only a shell's tools."""
    folder, tools = tmp_path / "checkout", tmp_path / "bin"
    for part in ("tools/setup.sh", "thermoplan/base/installation.py", "pyproject.toml", "constraints.txt"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    tools.mkdir()
    for tool in ("bash", "cat", "cut", "dirname", "env", "flock", "id", "sha256sum"):
        (tools / tool).symlink_to(shutil.which(tool))
    return folder, {"PATH": str(tools), "HOME": str(tmp_path)}


def _set_up(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["tools/setup.sh"], cwd=folder, env=environment, capture_output=True, text=True)


def test_set_up_refuses_an_interpreter_that_is_too_old_in_one_line(bare):
    folder, environment = bare
    python = Path(environment["PATH"]) / "python3"
    python.write_text("#!/usr/bin/env bash\nexit 1\n")
    python.chmod(0o755)
    done = _set_up(folder, environment)
    assert done.returncode == 1
    assert re.fullmatch(r"set-up: Python 3\.12 or later is missing .*; run: .*\n", done.stderr)
    assert not (folder / ".venv").exists()


def test_set_up_that_is_done_does_nothing_more(bare):
    folder, environment = bare
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    read = [(folder / name).read_bytes() for name in ("pyproject.toml", "constraints.txt", "tools/setup.sh")]
    key = hashlib.sha256(b"".join((os.fsencode(folder), b"\n", *read))).hexdigest()
    (folder / ".venv" / ".thermoplan-ready").write_text(key + "\n")
    done = _set_up(folder, environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
