"""Frames of a session for viewers and films: the fields at a few times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array
from ...files.meshes.vtkhdf import Steps

FRAMES = 60
"""Frames of a session: a film of a few seconds; twice as many are twice the file."""
WHILE_HEATING = 40
"""Frames of those that are kept while heating."""
SAME_TIME_S = 1e-6
"""Times as close as this are one: sums of dwells differ by their rounding."""
LIMIT_BYTES = 64_000_000
"""Size of all frames, temperature and dose in single precision before they are packed: a finer mesh has fewer."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Temperature and dose ``(k, n_nodes)`` at times ``(k,)``."""

    time_s: Array
    temperature_c: NDArray[np.float32]
    cem43_min: NDArray[np.float32]

    def steps(self) -> Steps:
        """Frames as the mesh files have them."""
        return Steps(self.time_s, {"temperature_c": self.temperature_c, "cem43_min": self.cem43_min})


def frame_times_s(times_s: Array, heating_s: float, n_nodes: int) -> Array:
    """Times of the frames: even while heating, its start and end among them, and wider apart after it.

    Some of ``times_s``, in s; fewer on a mesh of many nodes, as each frame is kept.
    """
    most = max(8, min(FRAMES, LIMIT_BYTES // (8 * n_nodes)))
    heating = np.linspace(0.0, heating_s, max(4, most * WHILE_HEATING // FRAMES))
    rest = float(times_s[-1]) - heating_s
    cooling = heating_s + rest * np.linspace(0.0, 1.0, most - len(heating) + 1) ** 2 if rest > 0.0 else heating[-1:]
    wanted = np.concatenate([heating, cooling])
    right = np.clip(np.searchsorted(times_s, wanted), 1, len(times_s) - 1)
    nearest = np.where(wanted - times_s[right - 1] < times_s[right] - wanted, right - 1, right)
    result: Array = times_s[np.unique(nearest)]
    return result


_Frame = tuple[float, NDArray[np.float32], NDArray[np.float32]]


class FrameKeeper:
    """Consumer of a history that keeps the wanted times, and the last one if the history ends early."""

    KEPT = ("_next", "_kept", "_last")

    def __init__(self, wanted_s: Array) -> None:
        self._wanted_s, self._next = wanted_s, 0
        self._kept: list[_Frame] = []
        self._last: tuple[float, Array, Array] | None = None

    def add(self, time_s: float, temperature_c: Array, cem43_min: Array) -> None:
        """Take temperature and dose so far at one time."""
        self._last = (time_s, temperature_c, cem43_min)
        due = int(np.searchsorted(self._wanted_s, time_s + SAME_TIME_S))
        if due > self._next:
            self._next = due
            self._kept.append(_frame(*self._last))

    def frames(self) -> Frames:
        """Frames once the history has ended."""
        if self._last is not None and (not self._kept or self._kept[-1][0] < self._last[0]):
            self._kept.append(_frame(*self._last))
        times, temperature, dose = zip(*self._kept, strict=True)
        return Frames(np.array(times), np.array(temperature), np.array(dose))


def _frame(time_s: float, temperature_c: Array, cem43_min: Array) -> _Frame:
    return time_s, temperature_c.astype(np.float32), cem43_min.astype(np.float32)
