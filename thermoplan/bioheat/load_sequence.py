"""Sequence of loads: dwells, cycles of them, and the search for cycles in a flat list of dwells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, IntArray, freeze, put
from ..base.errors import InputError

LONGEST_PERIOD = 128
"""Dwells of the longest cycle that is looked for; the search takes time and memory in proportion."""
FEWEST_REPEATS = 3
"""Repeats that make a cycle: two cost as much played by themselves."""
CLOCK_S = 1e-7
"""Times that are one for a clock that sums durations."""
ROUNDED_S = 5e-6
"""Durations that are one, as files round them to 10 us; at twice as much, dwells that differ would be made equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Constant power: ``load_w (n_nodes,)`` for ``duration_s``; a rest has zero power."""

    load_w: Array
    duration_s: float

    def __post_init__(self) -> None:
        put(self, load_w=freeze(self.load_w), duration_s=float(self.duration_s))
        if not 0.0 < self.duration_s < np.inf:
            raise InputError(f"dwell = {self.duration_s} s: expected a time above zero, such as 0.5 s")


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """Segments in turn, ``repeats`` times over."""

    segments: tuple[Segment, ...]
    repeats: int

    def __post_init__(self) -> None:
        put(self, segments=tuple(self.segments), repeats=int(self.repeats))
        if self.repeats < 1 or not self.segments:
            found = f"{len(self.segments)} segments, {self.repeats} repeats"
            raise InputError(f"cycle: {found}: expected one or more of each")

    @property
    def period_s(self) -> float:
        return sum(s.duration_s for s in self.segments)

    @property
    def duration_s(self) -> float:
        return self.period_s * self.repeats


def flat(pieces: Sequence[Segment | Cycle]) -> list[Segment]:
    """Every dwell in turn."""
    return [s for p in pieces for s in (p.segments * p.repeats if isinstance(p, Cycle) else (p,))]


def after(pieces: Sequence[Segment | Cycle], time_s: float) -> list[Segment | Cycle]:
    """Rest of a sequence after a time, as for a run that goes on from a saved state."""
    left: list[Segment | Cycle] = []
    for i, piece in enumerate(pieces):
        if time_s >= piece.duration_s - CLOCK_S:
            time_s -= piece.duration_s
            continue
        if isinstance(piece, Segment):
            left.append(Segment(piece.load_w, piece.duration_s - time_s) if time_s > CLOCK_S else piece)
        else:
            done = int((time_s + CLOCK_S) / piece.period_s)
            begun = max(0.0, time_s - done * piece.period_s)
            whole = piece.repeats - done - (begun > CLOCK_S)
            left += after(piece.segments, begun) if begun > CLOCK_S else []
            left += [Cycle(piece.segments, whole)] if whole else []
        return [*left, *pieces[i + 1 :]]
    return left


def cycles(segments: Sequence[Segment]) -> list[Segment | Cycle]:
    """The same sequence with its runs of repeats as ``Cycle``.

    Durations within 5 microseconds are one, as files round them; a cycle takes their means, so that the sequence
    lasts as long as before.
    """
    code = _dwell_kinds(segments)
    lengths = _repeat_lengths(code)
    found: list[Segment | Cycle] = []
    i = 0
    while i < len(code):
        run = lengths[:, i] + np.arange(1, len(lengths) + 1)
        repeats = run // np.arange(1, len(lengths) + 1)
        covered = np.where(repeats >= FEWEST_REPEATS, repeats * np.arange(1, len(lengths) + 1), 0)
        period = int(covered.argmax()) + 1 if len(covered) else 0
        if period and covered[period - 1]:
            found.append(_cycle(segments[i : i + int(covered[period - 1])], period))
            i += int(covered[period - 1])
        else:
            found.append(segments[i])
            i += 1
    return found


def _cycle(segments: Sequence[Segment], period: int) -> Cycle:
    durations = np.array([s.duration_s for s in segments]).reshape(-1, period)
    parts = zip(segments, durations.mean(axis=0), strict=False)
    return Cycle(tuple(Segment(s.load_w, float(t)) for s, t in parts), len(durations))


def same_loads(segments: Sequence[Segment]) -> list[list[int]]:
    """Numbers of the segments that have each distinct load, in the order of their first."""
    groups: list[list[int]] = []
    of_sum: dict[float, list[list[int]]] = {}
    for i, segment in enumerate(segments):
        alike = of_sum.setdefault(float(segment.load_w.sum()), [])
        for members in alike:
            if np.array_equal(segments[members[0]].load_w, segment.load_w):
                members.append(i)
                break
        else:
            groups.append([i])
            alike.append(groups[-1])
    return groups


def _dwell_kinds(segments: Sequence[Segment]) -> IntArray:
    """One number for each kind of dwell: same load, same duration."""
    code, used = np.zeros(len(segments), np.int64), 0
    for members in same_loads(segments):
        durations = np.array([segments[i].duration_s for i in members])
        order = np.argsort(durations, kind="stable")
        rank = np.cumsum(np.append(0, np.diff(durations[order]) > ROUNDED_S))
        code[np.array(members)[order]] = used + rank
        used += int(rank[-1]) + 1
    return code


def _repeat_lengths(code: IntArray) -> IntArray:
    """Number ``[p - 1, i]`` of entries from i on at which the sequence equals itself p later."""
    n = len(code)
    periods = range(1, min(LONGEST_PERIOD, n // FEWEST_REPEATS) + 1)
    lengths = np.zeros((len(periods), n), np.int64)
    for row, p in zip(lengths, periods, strict=True):
        differs = np.flatnonzero(np.append(code[:-p] != code[p:], True))
        row[: n - p] = differs[np.searchsorted(differs, np.arange(n - p))] - np.arange(n - p)
    return lengths
