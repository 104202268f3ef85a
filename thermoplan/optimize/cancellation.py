"""Cancellation of a search: Control-C asks it to stop, and it returns its best plan so far."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .settings import StopRequest, never


@contextmanager
def stop_on_interrupt(should_stop: StopRequest | None = None) -> Iterator[StopRequest]:
    """A request to stop: the one given, else one that Control-C makes for as long as the context lasts.

    The first Control-C is that request, a second one a ``KeyboardInterrupt`` as ever. Signals belong to the main
    thread, and to a program that handles them itself: elsewhere the request never comes.
    """
    if should_stop is not None:
        yield should_stop
        return
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield never
        return
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.default_int_handler(number, frame)
        asked.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
