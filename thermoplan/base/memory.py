"""Peak memory of a process; psutil knows the memory of now, and no peak on Linux."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_memory_mb() -> float:
    """Largest memory of this process in MB (1e6 bytes).

    Linux keeps it in ``/proc``; ``getrusage`` would count the process that started this one too.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024.0 / 1e6
    except (OSError, StopIteration):
        unit = 1.0 if sys.platform == "darwin" else 1024.0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
