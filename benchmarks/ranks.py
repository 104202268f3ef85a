"""The bioheat engine on one rank and on two, side by side in one run.

    python benchmarks/ranks.py [S|M|L|XL ..]

The box of the study, with a pool of blood; a dwell of three minutes and the temperature of every node each 5 s. The
same processes play it on rank 0 alone and on all, in turns; the best of the rounds counts, as whatever else the machine
does only ever adds. Then the same in fresh processes, for their peak memory. Each row is a JSON line in heat.jsonl.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from bodies import uniform
from common import quiet, timed, write

from thermoplan.base.memory import peak_memory_mb
from thermoplan.base.mpi_launch import under_mpiexec
from thermoplan.bioheat import Segment, ThermalSystem, evolve, play_sequence
from thermoplan.bioheat.linalg.krylov import Operator, operator

DWELL_S = 180.0
OUTPUTS_S = np.arange(0.0, DWELL_S, 5.0)
ROUNDS = 10


def body(size: str) -> tuple[ThermalSystem, np.ndarray]:
    """The box with blood as a state, and the load of one focus."""
    found = uniform(size, core="pool", blood_j_k=4.5)
    return found.system, found.foci(1)[0]


def last(history: Iterator[tuple[float, np.ndarray]]) -> np.ndarray:
    *_, (_, temperature) = history
    return temperature


def loop(system: ThermalSystem, load: np.ndarray, op: Operator) -> np.ndarray:
    """The time loop: the dwell, and every output of every node that is held here."""
    op.counter.products = 0
    return last(evolve(system, [Segment(load, DWELL_S)], OUTPUTS_S, engine=op))


def side_by_side(size: str) -> dict[str, object] | None:
    """The loop on rank 0 alone and on all, in turns; every rank calls it."""
    from thermoplan.bioheat.ranks.halo import MPI, make_halo

    comm = MPI.COMM_WORLD
    system, load = body(size) if comm.rank == 0 else (None, None)
    shared = make_halo(comm, system)
    alone = operator(system.stiffness, system.capacity_j_k) if comm.rank == 0 else None
    halo, part = shared.communicator, shared.communicator.part.system
    mine = halo.scattered(system.loads(load) if alone else None)[: part.n_nodes]
    with nullcontext() if alone is None else quiet():
        together(comm)
        rounds = [one_round(comm, (system, load, alone), (part, mine, shared)) for _ in range(ROUNDS)]
    (*_, wanted, found), seconds = rounds[-1], [times[:2] for times in rounds]
    found, held = halo.gathered(found), comm.gather(halo.bytes_held + 8 * shared.counter.products * part.n_dof, 0)
    if not alone:
        return None
    whole = sum(a.nbytes for a in (alone.matrix.data, alone.matrix.indices, alone.matrix.indptr))
    best, middle = np.min(seconds, axis=0), np.median(seconds, axis=0)
    return {
        "row": f"time loop on {comm.size} ranks",
        "nodes": system.n_nodes,
        "alone_s": best[0],
        "shared_s": best[1],
        "speed_up": best[0] / best[1],
        "speed_up_of_medians": middle[0] / middle[1],
        "rounds": len(seconds),
        "products": [alone.counter.products, shared.counter.products],
        "apart_k": float(np.abs(found - wanted).max()),
        "bytes_alone": whole + 8 * alone.counter.products * system.n_dof,
        "bytes_by_rank": held,
        "front_nodes": int(halo.part.border.shape[1]),
    }


def one_round(comm, whole: tuple, share: tuple) -> tuple:
    """Seconds alone and together, and what either found."""
    one, wanted = timed(lambda: loop(*whole)) if comm.rank == 0 else (0.0, None)
    together(comm)
    two, found = timed(lambda: loop(*share))
    return one, max(comm.allgather(two)), wanted, found


def together(comm) -> None:
    """Wait for all, without keeping a core busy."""
    waiting = comm.Ibarrier()
    while not waiting.Test():
        time.sleep(1e-3)


def peaks(size: str, crew=None) -> dict[str, object]:
    """Peak memory of processes that do nothing else, as `simulate` does it: rank 0 has the mesh and every output."""
    system, load = body(size)
    built = peak_memory_mb()
    op = crew.operator(system) if crew else operator(system.stiffness, system.capacity_j_k)
    pieces = [Segment(load, DWELL_S)]
    seconds, _ = timed(lambda: last((crew.play if crew else play_sequence)(system, pieces, OUTPUTS_S, engine=op)))
    memory = crew.peak_memory_mb() if crew else [peak_memory_mb()]
    return {
        "row": f"memory on {len(memory)} ranks",
        "nodes": system.n_nodes,
        "peak_mb": memory,
        "mesh_mb": built,
        "sum_mb": sum(memory),
        "gathered_s": seconds,
    }


def started(count: int, what: str, size: str) -> dict[str, object]:
    """A row that processes of their own work out."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    mpiexec = shutil.which("mpiexec", path=folders)
    if mpiexec is None:
        raise SystemExit("mpiexec is missing: pip install 'thermoplan[fem]' brings it along")
    done = subprocess.run(
        [mpiexec, "-n", str(count), sys.executable, __file__, what, size],
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def among(what: str, size: str) -> None:
    from thermoplan.bioheat.ranks.crew import among_ranks

    if what == "loop":
        found = side_by_side(size)
    else:
        found = among_ranks(lambda crew: peaks(size, crew)) if under_mpiexec()[1] > 1 else peaks(size)
    if found:
        print(json.dumps(found))


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] in ("loop", "memory"):
        return among(*sys.argv[1:])
    for size in sys.argv[1:] or ["M"]:
        write("ranks", size, (started(*run, size) for run in ((2, "loop"), (1, "memory"), (2, "memory"))))


if __name__ == "__main__":
    main()
