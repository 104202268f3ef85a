"""Server of isolated readings: it loads what a reader needs once, and forks for each file.

It has one thread and no message passing, so that its forks are safe whatever the asking process is.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from .resource_limits import lift_memory_limit, limit_resources

LONGEST_REQUEST = 2**16
"""Bytes of a request at most: a path, and names of what is wanted."""
_LONGEST_REASON = 300
"""Letters of a library's message that are told: some repeat the file."""

Parts = dict[str, object]
"""What a reader gives back: arrays of numbers, and plain data, by name."""


def serve(descriptor: int) -> None:
    """Answer requests until the asking process has closed its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    door = socket.socket(fileno=descriptor)
    while True:
        message, pipes, _, _ = socket.recv_fds(door, LONGEST_REQUEST, 1)
        if not message:
            return
        request = json.loads(message)
        reader = getattr(import_module(request["module"]), request["function"])
        child = os.fork()
        if child == 0:
            door.close()
            _answer(reader, request, pipes[0])
            os._exit(0)
        os.close(pipes[0])
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        door.send(str(code).encode())


def _answer(reader: Callable[..., Parts], request: Mapping[str, object], pipe: int) -> None:
    """One line of JSON with the plain data and the arrays' types and shapes, then the arrays' bytes."""
    parts: Parts = {}
    path = Path(str(request["path"]))
    arguments = request["arguments"]
    try:
        size = path.stat().st_size
        limit_resources(3 * size, size)
        parts = reader(path, **(arguments if isinstance(arguments, dict) else {}))
        failure: object = None
    except InputError as problem:
        failure = list(problem.complaints)
    except MemoryError:
        failure = "it takes more memory than a file of its size should"
    except BaseException as problem:  # a reader of damaged bytes may raise anything, and end its process
        failure = (str(problem) or f"{type(problem).__name__}; the library does not say why")[:_LONGEST_REASON]
    lift_memory_limit()
    arrays = {key: value for key, value in parts.items() if isinstance(value, np.ndarray)}
    head = {
        "failure": failure,
        "plain": {key: value for key, value in parts.items() if key not in arrays},
        "arrays": [[key, array.dtype.str, array.shape] for key, array in arrays.items()],
    }
    with open(pipe, "wb") as stream:
        stream.write(json.dumps(head).encode() + b"\n")
        for array in arrays.values():
            _send(stream, array)


def _send(stream: BinaryIO, array: AnyArray) -> None:
    if array.size:
        stream.write(memoryview(np.ascontiguousarray(array)).cast("B"))
