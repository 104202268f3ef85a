"""Parallel run of an engine by processes that ``mpiexec`` started: each holds a part of the mesh and its vectors.

Rank 0 leads: it does all that a process alone does, and where it plays a sequence the others play it with it, each its
own dofs, in step by their exchange. Every rank takes the same decisions, as all numbers that decide are the same
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
from enum import IntEnum
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, IntArray
from ...base.errors import InputError, ThermoplanError
from ...base.memory import peak_memory_mb
from ...base.mpi_launch import REMEDY, under_mpiexec
from ..engines.checkpoint import NO_CHECKPOINT, CheckpointPolicy, EngineState
from ..engines.dispatch import play_sequence
from ..engines.engine_run import SequenceOptions
from ..feedback import Feedback
from ..linalg.krylov import Operator, ProductCounter
from ..load_sequence import Cycle, Segment, same_loads
from ..system import ThermalSystem
from .halo import MPI, HaloExchange, halo_of, make_halo

PATIENCE_S = 0.02
"""Wait of a rank before it leaves the processor to others: longer than rank 0 takes between two outputs. It changes no
result."""
NAP_S = 2e-3
"""Pause between two looks while it waits; twice as long adds as much to each output."""


class Command(IntEnum):
    """Commands of rank 0 to the others."""

    END = 0
    SYSTEM = 1
    PLAY = 2
    GO = 3
    STOP = 4
    MEMORY = 5


def among_ranks[T](work: Callable[[Crew], T]) -> T | None:
    """Do some work on rank 0, which is given the crew of all ranks; the others serve it, and None comes back there.

    An error on one rank that others wait for ends them all, after its message.
    """
    comm = MPI.COMM_WORLD
    if comm.size != under_mpiexec()[1]:
        raise InputError(
            f"mpiexec started {under_mpiexec()[1]} ranks, mpi4py sees {comm.size}: the two are of different "
            f"libraries; {REMEDY}"
        )
    if comm.rank:
        _serve(comm)
        return None
    crew = Crew(comm)
    try:
        return work(crew)
    finally:
        crew.dismiss()


class Crew:
    """The other ranks, as rank 0 commands them."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        self.comm = comm
        self._broken = False
        self._playing: object | None = None

    @property
    def size(self) -> int:
        return self.comm.size

    def operator(self, system: ThermalSystem, *, counter: ProductCounter | None = None) -> Operator:
        """As `krylov.operator`, shared among all; `play` takes it for its engine."""
        with self._together(Command.SYSTEM):
            return make_halo(self.comm, system, counter=counter)

    def play(
        self,
        system: ThermalSystem,
        pieces: Sequence[Segment | Cycle],
        output_times_s: ArrayLike,
        *,
        engine: Operator,
        **options: Unpack[SequenceOptions],
    ) -> Iterator[tuple[float, Array]]:
        """As `play_sequence`, by all ranks; ``options`` are of the whole and stay here."""
        feedback, ledger = options.get("feedback"), options.get("ledger")
        keeping = options.get("keeping", NO_CHECKPOINT)
        token = self._playing = object()
        halo, rows = halo_of(engine), np.zeros((0, system.n_dof)) if ledger is None else np.asarray(ledger.rows)
        orders = replace(
            _orders(pieces, np.asarray(output_times_s, float), keeping), rows=rows, feeds_back=feedback is not None
        )
        report = _Report(halo, orders.rows[:, halo.part.own])
        with self._together(Command.PLAY):
            for rank, own in enumerate(halo.others, 1):
                self.comm.send(orders.cut(own), rank)
            history = _play_own(engine, orders.cut(halo.part.own), report, feedback, keeping)
        try:
            while True:
                with self._together():
                    time_s = next(history, None)
                if time_s is None:
                    break
                rise, sums = report.whole()
                if ledger is not None:
                    ledger.enter(time_s, rise, sums)
                yield time_s, system.base_c + rise
                self._tell(Command.GO)
        except GeneratorExit:
            if self._playing is token and not self._broken:
                self._tell(Command.STOP)
            raise

    def peak_memory_mb(self) -> list[float]:
        """Peak memory of each rank so far."""
        with self._together(Command.MEMORY):
            return self.comm.gather(peak_memory_mb(), 0) or []

    def dismiss(self) -> None:
        """Let the others go; where they are in the middle of something that went wrong here, end them."""
        self._playing = None
        if not self._broken:
            self._tell(Command.END)
            return
        error = sys.exc_info()[1]
        if isinstance(error, ThermoplanError):
            print(error, file=sys.stderr)
        elif error is not None and not isinstance(error, SystemExit):
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        self.comm.Abort(_exit_code(error))

    def _tell(self, command: Command) -> None:
        self.comm.Ibcast(np.array([command], np.int64), 0).Wait()

    @contextmanager
    def _together(self, command: Command | None = None) -> Iterator[None]:
        """Work of all ranks: if it fails here the others wait for ever, and are to be ended."""
        self._broken = True
        if command is not None:
            self._tell(command)
        yield
        self._broken = False


def _exit_code(error: BaseException | None) -> int:
    """Exit code that an error stands for."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return error.exit_code if isinstance(error, ThermoplanError) else 1


@dataclass(frozen=True, slots=True, eq=False)
class _Orders:
    """A sequence by the numbers of its loads ``(k,)`` of ``(n_nodes,)``, and the other arguments of an engine."""

    loads: tuple[Array, ...]
    pieces: tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
    times: Array
    rows: Array
    start: EngineState | None
    feeds_back: bool
    is_marked: bool

    def cut(self, own: IntArray) -> _Orders:
        """The same for some dofs."""
        nodes = own[own < len(self.loads[0])]
        start = self.start and replace(self.start, temperature_c=self.start.temperature_c[own])
        return replace(self, loads=tuple(load[nodes] for load in self.loads), rows=self.rows[:, own], start=start)

    def sequence(self) -> list[Segment | Cycle]:
        """Pieces of the sequence."""
        made: list[Segment | Cycle] = []
        for repeats, dwells in self.pieces:
            segments = tuple(Segment(self.loads[which], seconds) for which, seconds in dwells)
            made.append(Cycle(segments, repeats) if repeats else segments[0])
        return made


def _orders(pieces: Sequence[Segment | Cycle], times: Array, keeping: CheckpointPolicy) -> _Orders:
    """Orders for all dofs, of an engine that is watched by no rows and fed by nothing."""
    parts = [piece.segments if isinstance(piece, Cycle) else (piece,) for piece in pieces]
    segments = [segment for part in parts for segment in part]
    groups = same_loads(segments)
    number = np.empty(len(segments), np.int64)
    for load, members in enumerate(groups):
        number[members] = load
    coded = iter(zip(number.tolist(), (segment.duration_s for segment in segments), strict=True))
    made = tuple(
        (piece.repeats if isinstance(piece, Cycle) else 0, tuple(next(coded) for _ in part))
        for piece, part in zip(pieces, parts, strict=True)
    )
    loads = tuple(segments[members[0]].load_w for members in groups)
    return _Orders(loads, made, times, np.zeros((0, 0)), keeping.start, False, keeping.mark is not None)


class _Report:
    """Ledger of each rank: brings the rise of all dofs together on rank 0, with the integrals that all have."""

    def __init__(self, halo: HaloExchange, rows: Array) -> None:
        self.halo, self.rows = halo, rows
        self._last: tuple[Array | None, Array] = (None, np.zeros(0))

    def enter(self, time_s: float, rise_k: Array, integrals: Array) -> None:
        self._last = self.halo.gathered(rise_k), integrals

    def whole(self) -> tuple[Array, Array]:
        """Rise of all dofs and the integrals at the last output, on rank 0."""
        rise, integrals = self._last
        if rise is None:
            raise ValueError("only rank 0 has the rise of all dofs, after an output")
        return rise, integrals


@dataclass(frozen=True, slots=True, eq=False)
class _FeedbackAtRoot:
    """Feedback that is worked out on rank 0, of all temperatures: its laws are any functions, and few calls suffice."""

    halo: HaloExchange
    whole: Feedback | None

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        everywhere = self.halo.gathered(temperature_c)
        if self.whole is None or everywhere is None:
            return self.halo.scattered(None)
        return self.halo.scattered(self.whole.power_w(time_s, everywhere))

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        everywhere = self.halo.gathered(temperature_c)
        if self.whole is None or everywhere is None:
            return self.halo.scattered(None)
        return self.halo.scattered(self.whole.slope_w_k(time_s, everywhere))


def _play_own(
    op: Operator,
    orders: _Orders,
    report: _Report,
    feedback: Feedback | None = None,
    keeping: CheckpointPolicy = NO_CHECKPOINT,
) -> Iterator[float]:
    """Play the own dofs of this rank; every output is reported before its time is yielded."""
    halo = halo_of(op)

    def mark(state: EngineState) -> None:
        everywhere = halo.gathered(state.temperature_c)
        if keeping.mark is not None and everywhere is not None:
            keeping.mark(replace(state, temperature_c=everywhere))

    history = play_sequence(
        halo.part.system,
        orders.sequence(),
        orders.times,
        feedback=_FeedbackAtRoot(halo, feedback) if orders.feeds_back else None,
        ledger=report,
        engine=op,
        keeping=CheckpointPolicy(orders.start, mark if orders.is_marked else None),
    )
    return (time_s for time_s, _ in history)


def _serve(comm: MPI.Intracomm) -> None:
    """Loop of every rank but the first: obey commands until the last."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 hears it too, says how to go on, and ends the others
    try:
        op, command = None, _next_command(comm)
        while command != Command.END:
            if command == Command.SYSTEM:
                op = None  # so that two need not fit into memory
                op = make_halo(comm, None)
            elif command == Command.MEMORY:
                comm.gather(peak_memory_mb(), 0)
            elif command == Command.PLAY and op is not None:
                command = _play_along(comm, op)
                continue
            command = _next_command(comm)
    except BaseException as error:
        text = str(error) if isinstance(error, ThermoplanError) else traceback.format_exc()
        print(f"rank {comm.rank}: {text}", file=sys.stderr, flush=True)
        comm.Abort(_exit_code(error))


def _play_along(comm: MPI.Intracomm, op: Operator) -> Command:
    """Play until the end, or until another command of rank 0, which is returned."""
    orders: _Orders = comm.recv(source=0)
    for _ in _play_own(op, orders, _Report(halo_of(op), orders.rows)):
        command = _next_command(comm)
        if command != Command.GO:
            return command
    return _next_command(comm)


def _next_command(comm: MPI.Intracomm) -> Command:
    """Next command of rank 0; a rank that waits long leaves the processor to others."""
    said, begun = np.zeros(1, np.int64), time.monotonic()
    request = comm.Ibcast(said, 0)
    while not request.Test():
        if time.monotonic() - begun > PATIENCE_S:
            time.sleep(NAP_S)
    return Command(int(said[0]))
