"""One hook for progress: the command line, notebooks and logs listen to the same words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Listener = Callable[[str, float | None, str], None]
"""Called with the stage's name, the fraction done (None when unknown) and a short text."""


def silent(stage: str, fraction: float | None, text: str) -> None:
    """A listener that says nothing."""


def print_progress(stage: str, fraction: float | None, text: str) -> None:
    """A listener that prints a line as each stage ends: for notebooks and logs."""
    if fraction == 1.0:
        print(f"{stage:<28} {text}", flush=True)


@dataclass(slots=True)
class Stages:
    """Names, times, logs and reports the stages of a long job."""

    listener: Listener = silent
    seconds: dict[str, float] = field(default_factory=dict)
    current: str = ""
    log: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and tell the listener when it starts and ends."""
        self.current = name
        self.note(f"{name} begins")
        self.listener(name, 0.0, "")
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.note(f"{name} ends after {time.perf_counter() - start:.2f} s")
        self.listener(name, 1.0, f"{self.seconds[name]:.1f} s")

    def note(self, text: str) -> None:
        """Add a line to the log, with the time of day."""
        self.log.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")

    def update(self, fraction: float | None, text: str = "") -> None:
        """Tell the listener how far the current stage is; a text without a fraction is logged."""
        if fraction is None and text:
            self.note(f"{self.current}: {text}")
        self.listener(self.current, fraction, text)
