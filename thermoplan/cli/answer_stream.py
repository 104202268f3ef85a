"""Standard output of a verb, which holds its answer alone: what libraries print goes to standard error.

A library may print on its own (a solver's banner, a note at import), from Python or from compiled code, and another
version of it may do so where this one is silent. A program that reads ``--json`` cannot tell that from the answer.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TextIO

_STDOUT_FD = 1
_STDERR_FD = 2


@dataclass(frozen=True, slots=True)
class _KeptOutput:
    """Standard output put by while a verb works: Python's stream, and a second descriptor of where it leads."""

    stream: TextIO
    descriptor: int


_kept: list[_KeptOutput] = []


@contextmanager
def keep_for_answers() -> Iterator[None]:
    """Lead ``sys.stdout`` and its descriptor to standard error, except within ``answering``."""
    try:
        descriptor = os.dup(_STDOUT_FD)
    except OSError:  # it is closed: what is printed goes nowhere already
        yield
        return
    _kept.append(_KeptOutput(sys.stdout, descriptor))
    try:
        sys.stdout.flush()
        os.dup2(_STDERR_FD, _STDOUT_FD)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept.pop()
        _flush_compiled_output()
        os.dup2(descriptor, _STDOUT_FD)
        os.close(descriptor)


@contextmanager
def answering() -> Iterator[None]:
    """Print the answer: within this ``sys.stdout`` is standard output."""
    if not _kept:
        yield
        return
    kept = _kept[-1]
    _flush_compiled_output()
    os.dup2(kept.descriptor, _STDOUT_FD)
    try:
        with redirect_stdout(kept.stream):
            yield
            kept.stream.flush()
    finally:
        os.dup2(_STDERR_FD, _STDOUT_FD)


def print_answer(line: str) -> None:
    """Print a line of the answer at once."""
    with answering():
        print(line)


def _flush_compiled_output() -> None:
    """Flush what compiled code has printed and C's own buffer still holds."""
    ctypes.CDLL(None).fflush(None)
