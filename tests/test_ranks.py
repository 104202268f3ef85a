"""A sequence played by several processes ends where one process ends; what goes wrong on one of them ends them all."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from box_case import PROTOCOL, write_body
from ranks_case import body
from scipy.sparse import csr_array

from thermoplan.base.errors import InputError, MissingPart
from thermoplan.base.mpi_launch import under_mpiexec
from thermoplan.bioheat.linalg.krylov import operator
from thermoplan.bioheat.ranks.partition import owners, parts

HERE = Path(__file__).parent
LIMIT_S = 120.0
LAW = '\n[tissues.tumour]\nperfusion = { law = "sigmoid-tumour", rest = "3e4 W/m^3/K" }\n'


def command(*words, ranks=2):
    found = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "mpiexec is missing: pip install 'thermoplan[fem]'"
    return [found, "-n", str(ranks), sys.executable, *map(str, words)]


def told(*words, ranks=2):
    """What a command says under mpiexec; one that hangs fails."""
    return subprocess.run(
        command(*words, ranks=ranks),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize(("what", "ranks"), [("linear and coupled", 2), ("implicit", 2), ("warmed", 2)])
def test_several_ranks_give_the_temperatures_of_one(what, ranks):
    done = told(HERE / "ranks_case.py", what, ranks=ranks)
    assert done.returncode == 0, done.stderr
    for engine, found in json.loads(done.stdout).items():
        print(engine, found)
        assert found["outputs"] == [23, 23] and found["left"] >= 10 and found["rise_k"] > 10.0
        # a pad's rise of before a mark is read by parabolas after it, and no longer known exactly
        after_mark_k = 5e-5 if engine == "warmed" else 1e-6
        assert found["apart_k"] < 1e-6 and found["after_mark_k"] < after_mark_k
        assert found["products"][0] == found["products"][1]
        assert found["balance"][0] == pytest.approx(found["balance"][1], rel=1e-3)


def test_a_rank_that_fails_ends_all_with_its_message():
    done = told(HERE / "ranks_case.py", "broken")
    assert done.returncode == 1
    assert "rank 1:" in done.stderr and "this rank cannot multiply" in done.stderr


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_parts_together_are_the_whole(count):
    system, _ = body()
    op = operator(system.stiffness, system.capacity_j_k)
    y = np.random.default_rng(5).standard_normal(system.n_dof)
    found, held, entries = np.zeros(system.n_dof), [], 0
    shares = list(parts(system, count))
    for rank, part in enumerate(shares):
        halo = np.zeros(part.border.shape[1])
        for other, (a, b) in part.receives.items():
            halo[a:b] = y[shares[other].own][shares[other].sends[rank]]
        n, rows = part.system.n_nodes, part.system.stiffness @ y[part.own]
        rows[part.edge] += part.border @ halo
        rows[:n] += part.to_blood * y[-1]
        found[part.own] += rows
        found[-1] += part.to_blood @ y[part.own[:n]]
        held += part.own.tolist()
        entries += part.system.stiffness.nnz + part.border.nnz + 2 * np.count_nonzero(part.to_blood)
        assert np.array_equal(part.own[part.system.held], np.intersect1d(part.own, system.held))
    assert sorted(held) == list(range(system.n_dof))
    assert entries == op.matrix.nnz
    assert np.abs(found - op.matrix @ y).max() < 1e-12 * np.abs(found).max()


def test_ranks_take_fronts_of_a_mesh_whatever_the_order_of_its_nodes():
    system, _ = body()
    for order in (np.arange(system.n_nodes), np.random.default_rng(0).permutation(system.n_nodes)):
        mixed = csr_array(system.stiffness[: len(order)][:, : len(order)][order][:, order])
        owner = owners(mixed, system.n_nodes, 2)
        rows = np.repeat(np.arange(system.n_nodes), np.diff(mixed.indptr))
        assert np.count_nonzero(owner[rows] != owner[mixed.indices]) < 0.3 * mixed.nnz


def test_every_rank_of_four_has_a_quarter_of_the_work_and_two_fronts():
    system, _ = body()
    owner = owners(system.stiffness, system.n_nodes, 4)
    work = np.bincount(owner, np.diff(system.stiffness.indptr)[:-1])
    assert work.max() < 1.1 * work.sum() / 4
    assert max(len(part.receives) for part in parts(system, 4)) <= 2
    assert [part.receives.keys() == part.sends.keys() for part in parts(system, 4)] == [True] * 4


def test_more_ranks_than_nodes_are_refused():
    system, _ = body()
    with pytest.raises(InputError, match=r"999 ranks for 441 nodes"):
        owners(system.stiffness, system.n_nodes, 999)


def test_without_mpi4py_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "thermoplan.bioheat.ranks.halo", raising=False)
    with pytest.raises(MissingPart, match=r"need mpi4py .* pip install 'thermoplan\[fem\]'"):
        importlib.import_module("thermoplan.bioheat.ranks.halo")


@pytest.mark.parametrize("name", ["PMI", "OMPI_COMM_WORLD"])
def test_how_many_ranks_there_are_is_read_from_what_mpiexec_says(monkeypatch, name):
    for key in [key for key in os.environ if key.startswith(("PMI_", "OMPI_", "MPI_LOCAL"))]:
        monkeypatch.delenv(key)
    assert under_mpiexec() == (0, 1)
    monkeypatch.setenv(f"{name}_RANK", "1")
    monkeypatch.setenv(f"{name}_SIZE", "4")
    assert under_mpiexec() == (1, 4)


SHORT = (
    "import sys, thermoplan.plan.record.run_writer as w; w._draw_figures = lambda *_: {}; "
    "from thermoplan.cli import main; main()"
)


def temperatures(history, name=""):
    """Every course of a plan.json's history, by where it stands."""
    if not isinstance(history, dict):
        return {name: np.array(history, float)}
    return {key: row for part, inner in history.items() for key, row in temperatures(inner, f"{name}.{part}").items()}


def test_simulate_under_mpiexec_writes_the_run_of_one_process(tmp_path):
    path, records = write_body(tmp_path), {}
    alone = [sys.executable, "-c", SHORT, "simulate", str(path), "-o", str(tmp_path / "one")]
    subprocess.run(alone, check=True, capture_output=True)
    done = told("-c", SHORT, "simulate", path, "-o", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder") == 1 and ", rank 1 " in done.stdout
    for name in ("one", "two"):
        records[name] = json.loads((tmp_path / name / "plan.json").read_text())
    assert len(records["two"]["provenance"]["rank_memory_mb"]) == 2
    courses = [temperatures(records[name]["history"]) for name in ("one", "two")]
    assert courses[0].keys() == courses[1].keys() and len(courses[0]) > 10
    assert max(np.abs(courses[0][key] - courses[1][key]).max() for key in courses[0]) < 1e-6


def test_a_run_left_by_some_ranks_is_gone_on_with_by_others(tmp_path):
    path = write_body(tmp_path)
    path.write_text(PROTOCOL + LAW)
    done = told(HERE / "ranks_resumed.py", path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    whole = temperatures(found.pop("whole")[0])
    assert sorted(found) == ["one, two", "two, one", "two, two"] and len(whole) > 10
    for name, (history, begun) in found.items():
        courses = temperatures(history)
        worst = max(np.abs(whole[key] - courses[key]).max() for key in whole)
        print(name, begun, "at most", worst, "K apart")
        assert len(begun) == 1 and courses.keys() == whole.keys() and worst < 1e-9


def test_a_verb_that_cannot_use_ranks_says_so_once(tmp_path):
    done = told("-m", "thermoplan", "plan", "p.toml")
    assert done.returncode == 2
    assert done.stderr.count("only simulate can use them") == 1


def test_an_interrupt_ends_all_ranks_and_says_how_to_go_on(tmp_path):
    path, run = write_body(tmp_path), tmp_path / "run"
    path.write_text(PROTOCOL.replace('"5 min"', '"1400 min"\noutput_step = "20 s"') + LAW)
    process = subprocess.Popen(
        command("-m", "thermoplan", "simulate", path, "-o", run, "--checkpoint", "0 s"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    begun = time.monotonic()
    while not list(tmp_path.glob("run*/**/state.npz")) and process.poll() is None:
        assert time.monotonic() - begun < LIMIT_S
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0
    assert f"interrupted: go on with thermoplan simulate --resume {run}" in said
