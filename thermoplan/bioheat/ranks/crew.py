"""One run of the engines by several processes that ``mpiexec`` started: each holds a part of the mesh and its vectors.

Rank 0 leads: it does all that a process alone does, and where it plays a sequence the others play it with it, each its
own dofs, in step by what they exchange. Every rank takes the same decisions, as all numbers that decide are the same
sums over all; ranks should therefore run on machines of one kind.
"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError, ThermoplanError
from ...base.memory import peak_memory_mb
from ...base.mpi_launch import CREW, REMEDY, under_mpiexec
from ..engines.checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from ..engines.dispatch import play_sequence
from ..engines.evolve import Ledger
from ..feedback import Feedback
from ..linalg.krylov import Operator
from ..load_sequence import Cycle, Segment
from ..system import ThermalSystem
from .halo import MPI, HaloExchange, make_halo

END, SYSTEM, PLAY, GO, STOP, MEMORY = range(6)
PATIENCE_S, NAP_S = 0.02, 2e-3


def among_ranks[T](work: Callable[[], T]) -> T | None:
    """Do some work on rank 0, with the others' help where it plays a sequence; None on the others.

    An error on one rank that others wait for ends them all, after its message.
    """
    comm = MPI.COMM_WORLD
    if comm.size != under_mpiexec()[1]:
        raise InputError(
            f"mpiexec started {under_mpiexec()[1]} ranks, mpi4py sees {comm.size}: the two are of different "
            f"libraries; {REMEDY}"
        )
    if comm.rank:
        return _serve(comm)
    crew = Crew(comm)
    held = CREW.set(crew)
    try:
        return work()
    finally:
        CREW.reset(held)
        crew.dismiss()


class Crew:
    """What rank 0 has of the others."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        self.comm = comm
        self._broken = False
        self._playing: object | None = None

    @property
    def size(self) -> int:
        return self.comm.size

    def operator(self, system: ThermalSystem) -> Operator:
        """As `krylov.operator`, shared among all; `play` takes it for its engine."""
        with self._together(SYSTEM):
            return make_halo(self.comm, system)

    def play(
        self,
        system: ThermalSystem,
        pieces: Sequence[Segment | Cycle],
        output_times_s: Array,
        *,
        feedback: Feedback | None = None,
        ledger: Ledger | None = None,
        engine: Operator,
        keeping: CheckpointPolicy = NO_CHECKPOINT,
    ) -> Iterator[tuple[float, Array]]:
        """As `play.play`, by all ranks; feedback, ledger and keeping are of the whole and stay here."""
        token = self._playing = object()
        orders = _orders(system, pieces, np.asarray(output_times_s, float), feedback, ledger, keeping)
        link: HaloExchange = engine.team
        with self._together(PLAY):
            for rank, own in enumerate(link.others, 1):
                self.comm.send(orders.cut(own), rank)
            report = _Report(link, orders.rows[:, link.part.own])
            history = _played(engine, orders.cut(link.part.own), report, feedback, keeping)
        try:
            while True:
                with self._together():
                    time_s = next(history, None)
                if time_s is None:
                    break
                rise, sums = report.now
                if ledger is not None:
                    ledger.enter(time_s, rise, sums)
                yield time_s, system.base_c + rise
                self._tell(GO)
        except GeneratorExit:
            if self._playing is token and not self._broken:
                self._tell(STOP)
            raise

    def peak_memory_mb(self) -> list[float]:
        """Of each rank so far."""
        with self._together(MEMORY):
            return self.comm.gather(peak_memory_mb(), 0)

    def dismiss(self) -> None:
        """Let the others go; where they are in the middle of something that went wrong here, end them."""
        self._playing = None
        if not self._broken:
            self._tell(END)
            return
        error = sys.exc_info()[1]
        code = error.code if isinstance(error, SystemExit) else getattr(error, "exit_code", 1)
        if error is not None and not isinstance(error, SystemExit):
            traceback.print_exc() if not isinstance(error, ThermoplanError) else print(error, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self.comm.Abort(code)

    def _tell(self, command: int) -> None:
        self.comm.Ibcast(np.array([command], np.int64), 0).Wait()

    @contextmanager
    def _together(self, command: int | None = None) -> Iterator[None]:
        """What all ranks do: if it fails here the others wait for ever, and are to be ended."""
        self._broken = True
        if command is not None:
            self._tell(command)
        yield
        self._broken = False


@dataclass(frozen=True, slots=True, eq=False)
class _Orders:
    """A sequence by the numbers of its loads ``(k,)`` of ``(n_nodes,)``, and what else an engine is given."""

    loads: tuple[Array, ...]
    pieces: tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
    times: Array
    rows: Array
    start: EngineState | None
    fed: bool
    marked: bool

    def cut(self, own: Array) -> _Orders:
        """The same for some dofs."""
        nodes = own[own < len(self.loads[0])]
        start = self.start and replace(self.start, temperature_c=self.start.temperature_c[own])
        return replace(self, loads=tuple(load[nodes] for load in self.loads), rows=self.rows[:, own], start=start)

    def sequence(self) -> list[Segment | Cycle]:
        made: list[Segment | Cycle] = []
        for repeats, dwells in self.pieces:
            segments = [Segment(self.loads[which], seconds) for which, seconds in dwells]
            made.append(Cycle(segments, repeats) if repeats else segments[0])
        return made


def _orders(
    system: ThermalSystem,
    pieces: Sequence[Segment | Cycle],
    times: Array,
    feedback: Feedback | None,
    ledger: Ledger | None,
    keeping: CheckpointPolicy,
) -> _Orders:
    loads: dict[int, tuple[int, Array]] = {}

    def coded(segment: Segment) -> tuple[int, float]:
        where = segment.load_w.__array_interface__["data"][0]
        return loads.setdefault(where, (len(loads), segment.load_w))[0], segment.duration_s

    made = tuple(
        (p.repeats, tuple(map(coded, p.segments))) if isinstance(p, Cycle) else (0, (coded(p),)) for p in pieces
    )
    rows = np.zeros((0, system.n_dof)) if ledger is None else np.asarray(ledger.rows)
    return _Orders(
        tuple(load for _, load in loads.values()),
        made,
        times,
        rows,
        keeping.start,
        feedback is not None,
        keeping.mark is not None,
    )


class _Report:
    """The ledger of each rank: brings the rise of all dofs together on rank 0, with the integrals that all have."""

    def __init__(self, link: HaloExchange, rows: Array) -> None:
        self.link, self.rows = link, rows
        self.now: tuple[Array | None, Array] = (None, np.zeros(0))

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        self.now = self.link.gathered(rise_k), integrals


@dataclass(frozen=True, slots=True, eq=False)
class _AtRoot:
    """Feedback that is worked out on rank 0, of all temperatures: its laws are any functions, and few calls suffice."""

    link: HaloExchange
    whole: Feedback | None

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        everywhere = self.link.gathered(temperature_c)
        return self.link.scattered(self.whole.power_w(time_s, everywhere) if self.link.leads else None)

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        everywhere = self.link.gathered(temperature_c)
        return self.link.scattered(self.whole.slope_w_k(time_s, everywhere) if self.link.leads else None)


def _played(
    op: Operator,
    orders: _Orders,
    report: _Report,
    feedback: Feedback | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
) -> Iterator[float]:
    """Play on this rank; every output is reported before its time is told."""
    link: HaloExchange = op.team

    def mark(stand: EngineState) -> None:
        everywhere = link.gathered(stand.temperature_c)
        if keeping.mark is not None:
            keeping.mark(replace(stand, temperature_c=everywhere))

    fed = _AtRoot(link, feedback) if orders.fed else None
    local = CheckpointPolicy(orders.start, mark if orders.marked else None)
    history = play_sequence(
        link.part.system, orders.sequence(), orders.times, feedback=fed, ledger=report, engine=op, keeping=local
    )
    return (time_s for time_s, _ in history)


def _serve(comm: MPI.Intracomm) -> None:
    """What every rank but the first does: whatever it is told, until it is let go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 hears it too, says how to go on, and ends the others
    try:
        op, command = None, _heard(comm)
        while command != END:
            if command == SYSTEM:
                op = None
                op = make_halo(comm, None)
            elif command == MEMORY:
                comm.gather(peak_memory_mb(), 0)
            elif command == PLAY:
                command = _play_along(comm, op)
                continue
            command = _heard(comm)
    except BaseException as error:
        text = str(error) if isinstance(error, ThermoplanError) else traceback.format_exc()
        print(f"rank {comm.rank}: {text}", file=sys.stderr, flush=True)
        comm.Abort(getattr(error, "exit_code", 1))


def _play_along(comm: MPI.Intracomm, op: Operator) -> int:
    """Play until the end, or until rank 0 has something else in mind, which is returned."""
    orders: _Orders = comm.recv(source=0)
    for _ in _played(op, orders, _Report(op.team, orders.rows)):
        command = _heard(comm)
        if command != GO:
            return command
    return _heard(comm)


def _heard(comm: MPI.Intracomm) -> int:
    """What rank 0 says next; whoever waits long leaves the processor to others."""
    said, begun = np.zeros(1, np.int64), time.monotonic()
    request = comm.Ibcast(said, 0)
    while not request.Test():
        if time.monotonic() - begun > PATIENCE_S:
            time.sleep(NAP_S)
    return int(said[0])
