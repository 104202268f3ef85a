"""Limits of memory and processor time of the process that calls them."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_SPARE_BYTES = 2**28
"""Bytes that any reading may take: buffers, chunk caches and parts of libraries that load late. Half as many stop
meshio on a mesh of a few nodes, twice as many let a damaged file take half a gigabyte."""
_SPARE_S = 6.0
"""Seconds of processor time for any reading, of 10 that a file of a few kilobytes may cost in all."""
_BYTES_PER_S = 2**20
"""Bytes of a value that are read in a second at the slowest: meshio takes 0.3 s for a megabyte of gmsh's text."""


def limit_resources(memory_bytes: int, read_bytes: int) -> None:
    """Allow ``memory_bytes`` besides what the process has, and the processor time of reading ``read_bytes``.

    The signal of a time that is over ends the process; memory that is not there is a ``MemoryError``.
    """
    _lower(resource.RLIMIT_AS, _held_bytes() + _SPARE_BYTES + memory_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = used.ru_utime + used.ru_stime
    _lower(resource.RLIMIT_CPU, int(spent_s + _SPARE_S + read_bytes / _BYTES_PER_S) + 1)


def lift_memory_limit() -> None:
    """Allow what the system allows, for an answer that must be given."""
    _lower(resource.RLIMIT_AS, resource.RLIM_INFINITY)


def _lower(kind: int, wanted: int) -> None:
    """Set a soft limit; a hard one that is lower counts."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        wanted = hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (wanted, hard))


def _held_bytes() -> int:
    """Address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
