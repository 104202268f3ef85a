"""A simulation that is killed goes on from its checkpoint and ends in the same result."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from box_case import PROTOCOL, write_body

from thermoplan.base.errors import InputError, Interrupted
from thermoplan.plan import plan_and_write, resume_and_write, simulate, simulate_and_write
from thermoplan.plan.verification import resume
from thermoplan.protocol import read_protocol

LAW = '\n[tissues.tumour]\nperfusion = { law = "sigmoid-tumour", rest = "3e4 W/m^3/K" }\n'
GOAL = '\n[[goals]]\nregion = "tumour"\nmetric = "CEM43T90"\nat_least = "2 min"\n'
PROBE = '\n[[probes]]\nname = "middle"\nposition = "10 10 10 mm"\n'
LONG = PROTOCOL.replace('"5 min"', '"400 min"\noutput_step = "20 s"')


@pytest.fixture
def body(tmp_path):
    path = write_body(tmp_path)
    path.write_text(PROTOCOL + LAW + GOAL + PROBE)
    return path


def numbers(record):
    """Every number of a plan.json, by key, that is not about how it was made."""
    if isinstance(record, dict):
        return {
            f"{key}.{name}": x
            for key, part in record.items()
            if key not in ("provenance", "solver")
            for name, x in numbers(part).items()
        }
    if isinstance(record, list):
        return numbers(dict(enumerate(record)))
    return {"": float(record)} if isinstance(record, int | float) else {}


def same(first, second):
    a, b = numbers(first), numbers(second)
    apart = {key: abs(a[key] - b[key]) / max(1.0, abs(a[key])) for key in a.keys() & b.keys()}
    worst = max(apart, key=apart.get)
    print(f"{len(a)} numbers, largest difference {apart[worst]:.1e} in {worst}")
    return a.keys() == b.keys() and apart[worst] < 1e-9


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("thermoplan.plan.record.run_writer._draw_figures", lambda *_: {})


@pytest.mark.parametrize(("engine", "after"), [("coupled", 1), ("coupled", 4), ("exact", 1)])
def test_a_simulation_that_was_stopped_goes_on_to_the_same_plan(body, tmp_path, monkeypatch, engine, after):
    if engine == "exact":
        body.write_text(PROTOCOL + GOAL + PROBE)
    whole = simulate(body).record
    run, save = tmp_path / "run", resume.Checkpoints._save

    def stopping(self, *state):
        save(self, *state)
        if self.written == after:
            raise Stopped

    monkeypatch.setattr(resume.Checkpoints, "_save", stopping)
    with pytest.raises(Stopped):
        simulate_and_write(body, output=run, checkpoint_s=0.0)
    assert {part.name for part in run.iterdir()} == {"checkpoint"}
    monkeypatch.setattr(resume.Checkpoints, "_save", save)
    again = resume_and_write(run)
    assert same(again.record, whole)
    assert "goes on from" in (run / "run.log").read_text()
    assert not (run / "checkpoint").exists() and (run / "report.html").is_file()


def command(*words):
    return [sys.executable, "-m", "thermoplan", "simulate", *map(str, words)]


def test_a_simulation_killed_at_a_random_moment_ends_in_the_same_plan(body, tmp_path):
    body.write_text(LONG + LAW)
    run, state = tmp_path / "run", tmp_path / "run" / "checkpoint" / "state.npz"
    process = subprocess.Popen(command(body, "-o", run, "--checkpoint", "0 s"), stderr=subprocess.DEVNULL)
    while not state.is_file() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 1.0))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    assert not (run / "plan.json").exists()
    found = subprocess.run(command("--resume", run, "--json"), capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert same(json.loads(found.stdout), simulate(body).record)


def stop(body, run, monkeypatch, error=Stopped):
    def stopping(self, *state, save=resume.Checkpoints._save):
        save(self, *state)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(resume.Checkpoints, "_save", stopping)
        with pytest.raises(Interrupted if error is KeyboardInterrupt else error) as caught:
            simulate_and_write(body, output=run, checkpoint_s=0.0)
    return caught


def test_what_changed_meanwhile_is_not_gone_on_with(body, tmp_path, monkeypatch):
    stop(body, tmp_path / "run", monkeypatch)
    (tmp_path / "body.csv").write_text((tmp_path / "body.csv").read_text() + "9,nowhere,fat\n")
    with pytest.raises(InputError, match="has changed since the run was stopped: simulate anew"):
        resume_and_write(tmp_path / "run")


def test_the_settings_of_a_command_line_are_gone_on_with(body, tmp_path, monkeypatch):
    protocol = read_protocol(body, {"tracer.measured_slp.value": "150 W/g"})
    whole = simulate(protocol).record
    stop(protocol, tmp_path / "run", monkeypatch)
    assert same(resume_and_write(tmp_path / "run").record, whole)


def test_a_stopped_run_is_not_overwritten_unless_forced(body, tmp_path, monkeypatch):
    run = tmp_path / "run"
    stop(body, run, monkeypatch)
    for write in (simulate_and_write, plan_and_write):
        with pytest.raises(InputError, match=r"go on with thermoplan simulate --resume .*run, or start anew with "):
            write(body, output=run)
    assert simulate_and_write(body, output=run, force=True).folder == run
    assert (run / "plan.json").is_file() and not (run / "checkpoint").exists()


def test_an_interrupt_says_how_to_go_on(body, tmp_path, monkeypatch):
    caught = stop(body, tmp_path / "run", monkeypatch, KeyboardInterrupt)
    assert str(caught.value) == f"interrupted: go on with thermoplan simulate --resume {tmp_path / 'run'}"
    assert caught.value.exit_code == 130


def test_a_full_disk_ends_no_simulation_and_is_told(body, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(resume, "dump_state", full)
        found = simulate_and_write(body, output=tmp_path / "run", checkpoint_s=0.0)
    told = [text for text in found.record["warnings"] if "could not be saved while it ran: No space left" in text]
    assert len(told) == 1 and str(tmp_path / "run" / "checkpoint") in told[0]
    assert same(found.record, simulate(body).record)


@pytest.mark.parametrize("verb", [simulate_and_write, plan_and_write])
def test_a_run_that_could_not_be_written_is_refused_before_it_is_computed(body, tmp_path, monkeypatch, verb):
    (tmp_path / "file").write_text("x")
    for name in ("planning.make_plan", "simulation.simulate"):
        monkeypatch.setattr(f"thermoplan.plan.{name}", lambda *_, **__: pytest.fail("it was computed"))
    with pytest.raises(InputError, match=r"run: cannot be written: .*file: Not a directory; choose another place"):
        verb(body, output=tmp_path / "file" / "run")


def test_a_folder_without_a_checkpoint_and_a_broken_one_are_refused(body, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="holds no checkpoint of a simulation that was stopped"):
        resume_and_write(tmp_path / "nothing")
    stop(body, tmp_path / "run", monkeypatch)
    state = tmp_path / "run" / "checkpoint" / "state.npz"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"state\.npz: cannot be read: .*; simulate anew"):
        resume_and_write(tmp_path / "run")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "expected PROTOCOL or --resume RUN, got neither"),
        (("p.toml", "--resume", "run"), "expected PROTOCOL or --resume RUN, got both"),
        (("--resume", "run", "--quick"), "--resume takes no --quick: a simulation goes on as it was begun"),
        (("p.toml", "--checkpoint", "now"), "--checkpoint"),
    ],
)
def test_words_that_do_not_go_together_are_refused(words, says):
    found = subprocess.run(command(*words), capture_output=True, text=True, check=False)
    assert found.returncode == 2 and says in found.stderr
