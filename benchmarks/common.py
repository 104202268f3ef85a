"""Timing and writing down: what every heat benchmark does alike."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "heat.jsonl"


@contextmanager
def quiet() -> Iterator[None]:
    """Wait until nobody else computes, where ``BENCH_LOCK`` names a file that everybody locks who does."""
    path = os.environ.pop("BENCH_LOCK", None)  # inside, it is held
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.environ["BENCH_LOCK"] = path


def timed(action: Callable[[], object], repeats: int = 1) -> tuple[float, object]:
    """Least seconds of a few runs, and the last result."""
    return _least(action, repeats, time.perf_counter)


def spent(action: Callable[[], object], repeats: int = 1) -> tuple[float, object]:
    """The same in seconds of processor time, which others on the machine stretch less."""
    return _least(action, repeats, time.process_time)


def _least(action: Callable[[], object], repeats: int, clock: Callable[[], float]) -> tuple[float, object]:
    least = float("inf")
    for _ in range(repeats):
        start = clock()
        result = action()
        least = min(least, clock() - start)
    return least, result


def write(bench: str, body: str, rows: Iterator[dict]) -> None:
    """A JSON line a row, with the machine and the run that it belongs to; and the same in words."""
    run = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "bench": bench,
        "body": body,
    }
    with RESULTS.open("a", encoding="utf-8") as stream:
        for row in rows:
            print(
                "  ".join(
                    f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" if k != "row" else f"{v}:"
                    for k, v in row.items()
                ),
                flush=True,
            )
            stream.write(json.dumps(run | row) + "\n")
            stream.flush()
