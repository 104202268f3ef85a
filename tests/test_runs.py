"""A run folder appears whole or not at all, and never over something else."""

from __future__ import annotations

import os

import pytest

from thermoplan.base.errors import InputError
from thermoplan.files.run.run_folder import refuse_unwritable, run_folder


def write_run(text="1", **kwargs):
    with run_folder("mouse flank", **kwargs) as run:
        (run.work / "plan.json").write_text(text)
    return run.final


def test_default_names_count_up_and_nothing_else_is_left_beside_them(tmp_path):
    made = [write_run(runs=tmp_path / "runs").name for _ in range(3)]
    assert made == ["mouse-flank", "mouse-flank-2", "mouse-flank-3"]
    assert sorted(os.listdir(tmp_path / "runs")) == made


def test_nothing_is_seen_at_the_place_until_the_end(tmp_path):
    with run_folder("x", tmp_path / "r") as run:
        (run.work / "plan.json").write_text("1")
        assert not (tmp_path / "r").exists() and run.work.name.startswith(".r.")
    assert (tmp_path / "r" / "plan.json").read_text() == "1" and run.work == run.final


@pytest.mark.parametrize("problem", [KeyboardInterrupt, InputError("no"), RuntimeError])
def test_a_failure_leaves_no_half_written_folder_and_the_previous_run_untouched(tmp_path, problem):
    write_run("old", target=tmp_path / "r")
    with pytest.raises(BaseException), run_folder("x", tmp_path / "r", force=True) as run:  # noqa: B017
        (run.work / "plan.json").write_text("new")
        raise problem
    assert (tmp_path / "r" / "plan.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["r"]


def test_a_failed_run_can_be_kept(tmp_path):
    with pytest.raises(RuntimeError), run_folder("x", tmp_path / "r") as run:
        (run.work / "plan.json").write_text("interrupted")
        run.keep = True
        raise RuntimeError
    assert (tmp_path / "r" / "plan.json").read_text() == "interrupted" and os.listdir(tmp_path) == ["r"]


def test_a_full_folder_is_refused_and_replaced_only_when_told(tmp_path):
    write_run("old", target=tmp_path / "r")
    with pytest.raises(InputError, match="not empty; choose another with -o"):
        write_run("new", target=tmp_path / "r")
    assert (tmp_path / "r" / "plan.json").read_text() == "old"
    write_run("new", target=tmp_path / "r", force=True)
    assert (tmp_path / "r" / "plan.json").read_text() == "new" and os.listdir(tmp_path) == ["r"]


def test_force_never_replaces_what_is_no_run(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    with pytest.raises(InputError, match="holds no run"):
        write_run(target=tmp_path / "home", force=True)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years"


def test_an_empty_folder_is_used_and_a_file_is_refused(tmp_path):
    (tmp_path / "r").mkdir()
    assert write_run(target=tmp_path / "r") == tmp_path / "r"
    (tmp_path / "f").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        write_run(target=tmp_path / "f")


def test_a_place_where_nothing_can_be_written_is_refused_and_nothing_is_left_there(tmp_path, monkeypatch):
    refuse_unwritable(tmp_path / "not" / "there" / "yet")
    (tmp_path / "f").write_text("x")
    with pytest.raises(InputError, match=r"f/run: cannot be written: .*/f: Not a directory; choose another place"):
        refuse_unwritable(tmp_path / "f" / "run")

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thermoplan.files.run.run_folder.tempfile.TemporaryFile", full)
    with pytest.raises(InputError, match=r"run: cannot be written: .*: No space left on device"):
        refuse_unwritable(tmp_path / "run")
    assert os.listdir(tmp_path) == ["f"]


def test_a_name_that_was_taken_meanwhile_moves_on(tmp_path):
    with run_folder("x", runs=tmp_path) as run:
        (run.work / "plan.json").write_text("mine")
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "plan.json").write_text("theirs")
    assert run.final == tmp_path / "x-2" and (tmp_path / "x" / "plan.json").read_text() == "theirs"
