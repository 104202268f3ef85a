"""Conventions of the command line: standard output holds the answer alone, ``-o`` names what is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from small_case import write_case
from typer.testing import CliRunner

from thermoplan.base.errors import InputError
from thermoplan.cli.app import _Verb, app

VERBS = typer.main.get_command(app).commands
WRITERS = {"mesh", "simulate", "plan", "view", "export", "compare", "convert", "register", "scan", "quantify"} | {
    "ffr",
    "calorimetry",
    "fit-tracer",
}
LOUD = """
import ctypes, os, sys
import thermoplan.cli as cli, thermoplan.commands.point_queries as queries
quiet = queries.library_answer
def loud(what):
    os.write(1, b"bytes\\n"); print("python"); ctypes.CDLL(None).printf(b"compiled\\n"); os.system("echo child")
    return quiet(what)
queries.library_answer = loud
sys.argv = ["thermoplan", "library", "models", *sys.argv[1:]]
cli.main()
"""


def test_what_a_library_prints_never_mixes_with_the_answer():
    """From Python, as bytes, through C's buffer, which is flushed last, and from a child."""
    done = subprocess.run([sys.executable, "-c", LOUD, "--json"], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) == {"bytes", "python", "compiled", "child"}
    assert json.loads(done.stdout)["library"] == "models"


def test_every_verb_keeps_standard_output_for_its_answer():
    assert {type(verb) for verb in VERBS.values()} == {_Verb}


@pytest.mark.parametrize("name", VERBS)
def test_a_flag_is_shown_without_a_type_and_has_no_opposite(name):
    shown = CliRunner().invoke(app, [name, "--help"]).stdout
    assert "bool" not in shown
    flags = [p for p in VERBS[name].params if getattr(p, "is_flag", False)]
    assert [p.secondary_opts for p in flags] == [[]] * len(flags)
    assert [p.default for p in flags] == [False] * len(flags)


def test_what_a_verb_writes_is_named_by_o():
    outputs = {
        name: {o for p in verb.params for o in p.opts if o in ("-o", "--output")} for name, verb in VERBS.items()
    }
    assert {name for name, opts in outputs.items() if opts} == WRITERS
    assert all(opts in (set(), {"-o", "--output"}) for opts in outputs.values())
    places = {name: [p.metavar for p in verb.params if p.param_type_name == "argument"] for name, verb in VERBS.items()}
    assert not {"OUT", "B", "TARGET"} & {place for name in VERBS if name != "compare" for place in places[name]}


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    return write_case(tmp_path_factory.mktemp("conventions"))


def invoke(*words: str | Path):
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def test_wrote_stands_on_standard_error_and_an_image_goes_where_o_says(case, tmp_path):
    source, target = case.parent / "iron.nii.gz", tmp_path / "a.mdf"
    done = invoke("convert", source, "-o", target, "--unit", "mg/mL")
    assert done.stderr == f"wrote {target}\n" and "wrote" not in done.stdout and "voxels of" in done.stdout
    assert target.is_file()
    invoke("convert", source, tmp_path / "b.mdf", "--unit", "mg/mL")  # as earlier versions had it
    assert (tmp_path / "b.mdf").is_file()
    with pytest.raises(InputError, match="-o: missing: expected one file"):
        invoke("convert", source)
    with pytest.raises(InputError, match="-o: given twice"):
        invoke("convert", source, tmp_path / "c.mdf", "-o", tmp_path / "d.mdf")
    done = invoke("init", tmp_path / "study")
    assert done.stdout == "" and done.stderr.count("wrote ") == len(list((tmp_path / "study").iterdir()))


def test_check_takes_the_settings_of_plan(case):
    told = json.loads(invoke("check", case, "--set", "device.gradient=1.25 T/m", "--json").stdout)
    assert any("1.25 T/m" in words for _, words in told["understood"])
    with pytest.raises(InputError, match=r"device\.gradient"):
        invoke("check", case, "--set", "device.gradient=1.25 mT")


def test_a_shell_completes_verbs_and_options():
    def completed(words: str, place: int) -> set[str]:
        wanted = {"_THERMOPLAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        program = "import sys, thermoplan.cli; sys.argv = ['thermoplan']; thermoplan.cli.main()"
        done = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | wanted, capture_output=True, text=True, check=False
        )
        return set(done.stdout.split())

    assert completed("thermoplan ca", 1) == {"calorimetry"}
    assert {"--minute", "--dose"} <= completed("thermoplan view --", 2)
