"""Stops of the field-free region in time, and the limits of a machine on them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..base.arrays import Array, IntArray, finite, freeze, put
from ..base.errors import InputError
from ..device import Device

CLOCK_S = 2e-6
"""Times closer than this are the same: a file that rounds to microseconds must read back."""
_GAP_S = 1e-9
"""A gap within a cycle that is shorter is rounding, and no rest."""
_ROUNDING = 1e-9
_NO_DIRECTION = (np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Stop:
    """Rest of the field-free region at one place with the drive field on."""

    start_s: float
    dwell_s: float
    center_m: tuple[float, float, float]
    amplitude_t: float
    gradient_t_m: float
    direction: tuple[float, float, float] | None = None
    column: int = -1

    @property
    def end_s(self) -> float:
        return self.start_s + self.dwell_s

    def same_field(self, other: Stop) -> bool:
        """True where nothing has to move or change between the two."""
        return (self.center_m, self.amplitude_t, self.gradient_t_m, self.direction) == (
            other.center_m,
            other.amplitude_t,
            other.gradient_t_m,
            other.direction,
        )

    def later(self, by_s: float) -> Stop:
        """The same at a later time."""
        return replace(self, start_s=self.start_s + by_s)


@dataclass(frozen=True, slots=True, eq=False)
class CycleBlock:
    """Window of treatment: a rest of ``lead_s``, then ``repeats`` identical cycles of ``period_s``.

    ``stops`` are those of one cycle, timed from its start.
    """

    start_s: float
    lead_s: float
    stops: tuple[Stop, ...]
    period_s: float
    repeats: int

    @property
    def end_s(self) -> float:
        return self.start_s + self.lead_s + self.repeats * self.period_s

    @property
    def duty(self) -> float:
        return sum(stop.dwell_s for stop in self.stops) / self.period_s if self.repeats else 0.0

    @property
    def last_stop(self) -> Stop | None:
        """The last stop that is played, in time of the session."""
        if not self.stops or not self.repeats:
            return None
        return self.stops[-1].later(self.start_s + self.lead_s + (self.repeats - 1) * self.period_s)

    def pieces(self) -> list[tuple[int, float]]:
        """One cycle as ``(column, duration_s)`` without gaps; column -1 is a rest."""
        found, clock = [], 0.0
        for stop in self.stops:
            if stop.start_s - clock > _GAP_S:
                found.append((-1, stop.start_s - clock))
            found.append((stop.column, stop.dwell_s))
            clock = stop.end_s
        if self.period_s - clock > _GAP_S:
            found.append((-1, self.period_s - clock))
        return found

    def played(self) -> Iterator[Stop]:
        """Stops of all cycles, in time of the session."""
        first = self.start_s + self.lead_s
        return (stop.later(first + i * self.period_s) for i in range(self.repeats) for stop in self.stops)


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Stops in rising time that do not overlap and end in time.

    ``start_s, dwell_s, amplitude_t, gradient_t_m (n,)``, ``center_m (n, 3)``; ``direction (n, 3)`` is NaN where
    there is none; ``column (n,)`` is -1 where the stop belongs to no basis column; without rows no stop has one.
    ``windows`` says the same as repeated cycles, where it was made that way.
    """

    start_s: Array
    dwell_s: Array
    center_m: Array
    amplitude_t: Array
    gradient_t_m: Array
    frequency_hz: float
    duration_s: float
    direction: Array = field(default_factory=lambda: np.zeros((0, 3)))
    column: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    windows: tuple[CycleBlock, ...] = ()

    def __post_init__(self) -> None:
        n = len(np.atleast_1d(self.start_s))
        put(
            self,
            start_s=finite(self.start_s, "start_s"),
            dwell_s=finite(self.dwell_s, "dwell_s"),
            center_m=finite(np.reshape(self.center_m, (-1, 3)), "center"),
            amplitude_t=finite(self.amplitude_t, "amplitude"),
            gradient_t_m=finite(self.gradient_t_m, "gradient"),
            direction=freeze(self.direction if len(self.direction) else np.full((n, 3), np.nan)),
            column=freeze(self.column if len(self.column) else np.full(n, -1), np.int64),
        )
        complaints = list(_time_complaints(self, n))
        if complaints:
            raise InputError(complaints)

    @classmethod
    def of_stops(
        cls, stops: Sequence[Stop], *, frequency_hz: float, duration_s: float, windows: tuple[CycleBlock, ...] = ()
    ) -> Trajectory:
        """Trajectory of stops."""
        return cls(
            np.array([s.start_s for s in stops]),
            np.array([s.dwell_s for s in stops]),
            np.array([s.center_m for s in stops]).reshape(-1, 3),
            np.array([s.amplitude_t for s in stops]),
            np.array([s.gradient_t_m for s in stops]),
            frequency_hz,
            duration_s,
            np.array([s.direction or _NO_DIRECTION for s in stops]).reshape(-1, 3),
            np.array([s.column for s in stops], np.int64),
            windows,
        )

    @classmethod
    def of_blocks(cls, blocks: Sequence[CycleBlock], *, frequency_hz: float) -> Trajectory:
        """Trajectory of windows, one after the other."""
        stops = [stop for block in blocks for stop in block.played()]
        return cls.of_stops(stops, frequency_hz=frequency_hz, duration_s=blocks[-1].end_s, windows=tuple(blocks))

    def __len__(self) -> int:
        return len(self.start_s)

    def __repr__(self) -> str:
        return f"Trajectory({len(self)} stops, {self.duration_s:g} s, duty {self.duty:.2f})"

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Each stop by itself."""
        return tuple(self._stop(i) for i in range(len(self)))

    def _stop(self, i: int) -> Stop:
        has_direction = not np.isnan(self.direction[i]).any()
        return Stop(
            float(self.start_s[i]),
            float(self.dwell_s[i]),
            _point(self.center_m[i]),
            float(self.amplitude_t[i]),
            float(self.gradient_t_m[i]),
            _point(self.direction[i]) if has_direction else None,
            int(self.column[i]),
        )

    @property
    def duty(self) -> float:
        """Share of the whole duration with the field on."""
        return float(self.dwell_s.sum() / self.duration_s)

    def scaled(self, factor: float) -> Trajectory:
        """The same stops with another amplitude, which belong to no basis column."""
        nothing = np.full(len(self), -1)
        return replace(self, amplitude_t=self.amplitude_t * factor, column=nothing, windows=())


def _point(vector: Array) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in vector)
    return x, y, z


def _time_complaints(t: Trajectory, n: int) -> Iterator[str]:
    """Complaints about columns of other lengths, and stops that overlap or lie outside the session."""
    lengths = {
        len(t.dwell_s),
        len(t.center_m),
        len(t.amplitude_t),
        len(t.gradient_t_m),
        len(t.direction),
        len(t.column),
    }
    if lengths != {n}:
        yield f"trajectory: {n} starts, but other columns have {sorted(lengths)} rows"
        return
    if not (t.duration_s > 0.0 and t.frequency_hz > 0.0):
        yield f"trajectory: duration {t.duration_s:g} s, frequency {t.frequency_hz:g} Hz: expected above zero"
    ends = t.start_s + t.dwell_s
    for what, bad in (
        ("dwell is not above zero", t.dwell_s <= 0.0),
        ("starts before 0", t.start_s < -CLOCK_S),
        ("amplitude is negative", t.amplitude_t < 0.0),
        ("ends after the session", ends > t.duration_s + CLOCK_S),
        ("starts before the one above it has ended", np.concatenate([[False], t.start_s[1:] < ends[:-1] - CLOCK_S])),
    ):
        if bad.any():
            first = int(bad.argmax())
            yield f"trajectory: stop {first + 1} at {t.start_s[first]:g} s: {what} ({int(bad.sum())} such)"


def move_s(device: Device, a: Stop, b: Stop) -> float:
    """Rest that a machine needs between two stops: none if nothing changes."""
    if a.same_field(b):
        return 0.0
    distance = float(np.linalg.norm(np.subtract(a.center_m, b.center_m))) if device.focuses else 0.0
    return device.settle_s + distance / device.slew_m_s


def limit_violations(trajectory: Trajectory, device: Device) -> list[str]:
    """Violations of the machine's limits, each a sentence that names the limit; none where it can play all of it."""
    t = trajectory
    if len(t) == 0:
        return device.violations(frequency_hz=[t.frequency_hz])
    found = device.violations(
        centers_m=t.center_m,
        amplitude_t=t.amplitude_t,
        gradient_t_m=t.gradient_t_m,
        frequency_hz=[t.frequency_hz],
        directions=t.direction,
    )
    where = f"device {device.name}:"
    short = t.dwell_s < device.min_dwell_s - CLOCK_S
    if short.any():
        found.append(
            f"{where} min_dwell = {device.min_dwell_s:g} s: {int(short.sum())} stops are shorter, "
            f"the shortest {t.dwell_s.min():.4g} s"
        )
    lack = [(move_s(device, a, b) - (b.start_s - a.end_s), a.end_s) for a, b in itertools.pairwise(t.stops)]
    worst_s, after_s = max(lack, key=lambda item: item[0], default=(0.0, 0.0))
    if worst_s > CLOCK_S:
        found.append(
            f"{where} slew = {device.slew_m_s * 1e3:g} mm/s and settle = {device.settle_s:g} s: the move "
            f"after {after_s:.3f} s needs {worst_s:.3g} s more"
        )
    duty = max([t.duty, *(block.duty for block in t.windows if block.repeats)])
    if duty > device.max_duty * (1.0 + _ROUNDING):
        found.append(f"{where} max_duty = {device.max_duty:g}: the field is on for {duty:.4g} of the time")
    return found
