"""Reading of a file in a process of its own: a loop, a crash or a flood of memory there costs a message here.

A server is started with the first such file (about a quarter of a second) and forks for each one (a few
milliseconds). The asking process itself is never forked: it may have threads, and may be a rank of mpiexec.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from thermoplan.files.isolated.isolated_server import serve; serve(int(sys.argv[2]))"
)
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Threads of BLAS would take address space, which is limited, and have nothing to do."""
_PIECE_BYTES = 2**24
"""Bytes that are taken from the pipe at once: more gain nothing, a tenth costs a call for each."""
_LONGEST_CODE = 16
_KINDS = "biuf"


@dataclass(slots=True, eq=False)
class _Server:
    """Process that reads, this end of its socket, and the process that started it."""

    process: subprocess.Popen[bytes]
    door: socket.socket
    owner: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """Reason or complaints of a reading that failed, plain data, and arrays."""

    failure: str | list[str] | None
    plain: dict[str, object]
    arrays: dict[str, AnyArray]


_LOCK = threading.RLock()
_RUNNING: list[_Server] = []
"""The one server, once there is one; a list, so that it can be put and taken away."""


def read_isolated(reader: str, path: Path, arguments: Mapping[str, object], cannot: str) -> dict[str, object]:
    """Parts of a file as ``reader`` (``module:function`` of this package) gives them.

    Raises
    ------
    InputError
        ``cannot`` (what the file cannot be read as) with the reason; or the reader's own complaints.
    """
    module, _, function = reader.partition(":")
    request = {
        "module": f"{__package__}.{module}",
        "function": function,
        "path": str(path.absolute()),
        "arguments": dict(arguments),
    }
    try:
        answer, code = _ask(json.dumps(request).encode())
    except ConnectionError as problem:
        raise InputError(f"{path.name}: {cannot}: {problem}") from problem
    failure = _ended_words(code) if code else answer.failure
    if isinstance(failure, list):
        raise InputError(failure)
    if failure is not None:
        raise InputError(f"{path.name}: {cannot}: {failure}")
    return {**answer.plain, **answer.arrays}


def _ended_words(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "it takes more processor time than a file of its size should"
    return f"the reader crashed ({signal.Signals(-code).name})" if code < 0 else "the reader gave up"


def _ask(request: bytes) -> tuple[_Answer, int]:
    """Answer and exit status of the process that read; a server that was ended meanwhile is started again."""
    with _LOCK:
        try:
            return _converse(_server(), request)
        except ConnectionError:
            _stop()
            return _converse(_server(), request)
        except BaseException:
            _stop()
            raise


def _converse(server: _Server, request: bytes) -> tuple[_Answer, int]:
    inlet, outlet = os.pipe()
    with open(inlet, "rb") as stream:
        try:
            socket.send_fds(server.door, [request], [outlet])
        finally:
            os.close(outlet)
        answer = _receive(stream)
    code = server.door.recv(_LONGEST_CODE)
    if not code:
        raise ConnectionError("the reading process has ended")
    return answer, int(code)


def _receive(stream: io.BufferedReader) -> _Answer:
    """Answer that came through the pipe; the exit status tells of one that did not."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return _Answer(None, {}, {})
    head = json.loads(line)
    arrays = {key: _array(stream, np.dtype(kind), shape) for key, kind, shape in head["arrays"]}
    return _Answer(head["failure"], head["plain"], arrays)


def _array(stream: io.BufferedReader, kind: np.dtype[np.generic], shape: list[int]) -> AnyArray:
    if kind.kind not in _KINDS:
        raise TypeError(f"{kind}: expected numbers")
    flat = np.empty(math.prod(shape), kind)
    view, filled = memoryview(flat).cast("B"), 0
    while filled < len(view) and (got := stream.readinto(view[filled : filled + _PIECE_BYTES])):
        filled += got
    return flat.reshape(shape)


def _server() -> _Server:
    """The running server, or a new one; that of a process that forked this one is not shared with it."""
    if _RUNNING and _RUNNING[0].owner != os.getpid():
        _RUNNING.clear()
    if not _RUNNING:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps(sys.path), str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                env=os.environ | _ONE_THREAD,
                start_new_session=True,
            )
        _RUNNING.append(_Server(process, here, os.getpid()))
    return _RUNNING[0]


def _stop() -> None:
    """End the server and whatever it has forked."""
    while _RUNNING:
        server = _RUNNING.pop()
        server.door.close()
        if server.owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def _forget_lock() -> None:
    """A lock that another thread held when this process was forked is never given back."""
    global _LOCK
    _LOCK = threading.RLock()


os.register_at_fork(after_in_child=_forget_lock)
atexit.register(_stop)
