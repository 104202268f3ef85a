"""Sequencing of time shares: repeated cycles, long enough to move, short enough not to ripple."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array, IntArray, freeze, put
from ..base.errors import InputError
from ..device import Device
from ..power.heating_basis import Column
from .stops import CycleBlock, Stop, Trajectory, move_s
from .tour import shortest_tour

_HOTTEST = 300
"""Nodes whose ripple is watched, those that heat most; a tenth as many for each stop. Ripple is largest where power
is."""
_SHORTEST_PERIOD_S = 0.05
"""Shortest cycle: tissue that is heated at 1 K/s ripples by less than a twentieth of a kelvin, and files stay short."""
_SHORTEST_DWELL_S = 1e-5
"""Shortest dwell of a machine that names none: ten times what a file of microseconds can tell apart."""
_SACRIFICED = 0.02
"""Part of the field-on time that moves may take where shares leave no rest: with twice as much plans are colder, with
half as much cycles twice as long, and ripple grows."""
_GROWN = 0.5
"""A shortest dwell may grow to twice its share's before the stop is given up: more would heat a place that no search
chose."""
_NEGLIGIBLE = 1e-3
"""A smaller part of the largest share is given up."""
_MOST_HELP = 3.0
"""A neighbour takes over at most this many times the share that is given up, where it heats less."""
_PERIOD_STEP = 1.02
"""Period within which a longest one is known: two per cent of a ripple are no difference."""
_LEAST_POWER = 1e-6
"""Of the most heating column; one that heats nothing counts as this, since its dwell is no heat to be spared."""
_NOTHING = 1e-30
"""Stands for a power of nothing, by which nothing is divided."""
_TOLD_LOSS = 0.01
"""Part of the planned field-on time whose loss is worth a note."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Rhythm of the cycles that shares become.

    Parameters
    ----------
    ripple_k, aim_k
        Largest and wanted peak-to-peak ripple of the hottest voxel.
    min_dwell_s
        What the protocol asks for; the machine's own holds as well.
    merged_share
        Part of a window's time with the field on that may move to neighbouring positions for the ripple's sake.
    """

    ripple_k: float = 0.25
    aim_k: float = 0.1
    min_dwell_s: float = 0.0
    merged_share: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Sequenced:
    """Trajectory that plays shares, and how well: ``wanted`` and ``achieved (w, c)``, ``ripple_k (w,)``."""

    trajectory: Trajectory
    wanted: Array
    achieved: Array
    ripple_k: Array
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        put(self, wanted=freeze(self.wanted), achieved=freeze(self.achieved), ripple_k=freeze(self.ripple_k))


def sequence(
    shares: Array,
    columns: Sequence[Column],
    *,
    window_edges_s: Array,
    device: Device,
    heating_k_s: Array | None = None,
    rhythm: Rhythm | None = None,
) -> Sequenced:
    """A sequence that plays ``shares (n_windows, n_columns)`` and keeps the machine's limits.

    ``heating_k_s (n_columns, n_nodes)`` is power over heat capacity (`HeatingBasis.load_w` over nodal J/K);
    without it ripple is not looked at. In each window a cycle repeats: a stop for every column with a share
    large enough, the field off while the machine moves and settles and for what is left. Its period makes
    ripple about ``aim_k``, or is as long as the shortest dwell needs. Where moving takes time that
    the shares do not leave, they shrink together. Machine limits come first, then ripple, then the shares.
    """
    rhythm, wanted = rhythm or Rhythm(), np.array(shares, float)
    edges = np.asarray(window_edges_s, float)
    if wanted.shape != (len(edges) - 1, len(columns)) or (wanted < 0.0).any():
        raise InputError(
            f"shares: expected none below 0 and shape {(len(edges) - 1, len(columns))}, got {wanted.shape}"
        )
    blocks: list[CycleBlock] = []
    ripple, last = np.zeros(len(wanted)), None
    for i, (share, start, end) in enumerate(zip(wanted, edges[:-1], edges[1:], strict=True)):
        window = _Window(columns, device, rhythm, _hottest(heating_k_s, share))
        block = window.block(share.copy(), float(start), float(end), last)
        ripple[i] = window.ripple_k(block.pieces())
        last = block.last_stop or last
        blocks.append(block)
    trajectory = Trajectory.of_blocks(blocks, frequency_hz=device.frequency_hz)
    achieved = np.zeros_like(wanted)
    for row, block, length in zip(achieved, blocks, np.diff(edges), strict=True):
        for stop in block.stops:
            row[stop.column] += stop.dwell_s * block.repeats / length
    return Sequenced(trajectory, wanted, achieved, ripple, _notes(wanted, achieved, ripple, rhythm, device))


def _notes(wanted: Array, achieved: Array, ripple: Array, rhythm: Rhythm, device: Device) -> tuple[str, ...]:
    notes = []
    lost = 1.0 - achieved.sum() / wanted.sum() if wanted.sum() > _ROUNDING else 0.0
    if lost > _TOLD_LOSS:
        notes.append(f"moving and settling leave no time for {lost:.0%} of the planned field-on time")
    if ripple.max(initial=0.0) > rhythm.ripple_k * (1.0 + 1e-6):
        notes.append(f"ripple reaches {ripple.max():.2f} K: dwell and settle of {device.name} allow no faster cycle")
    return tuple(notes)


def _hottest(heating_k_s: Array | None, share: Array) -> Array | None:
    """Heating rates ``(c, k)`` at the nodes that heat most on average, and most in one stop."""
    used = np.flatnonzero(share)
    if heating_k_s is None or len(used) == 0:
        return None
    heating = np.asarray(heating_k_s)
    nodes = [_largest(share[used] @ heating[used], _HOTTEST)]
    nodes += [_largest(heating[j], _HOTTEST // 10) for j in used]
    return heating[:, np.unique(np.concatenate(nodes))]


def _largest(values: Array, count: int) -> IntArray:
    """Places of the largest values."""
    return np.argpartition(values, -count)[-count:] if len(values) > count else np.arange(len(values))


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Cycle of one window in the making; ``rates_k_s (c, k)`` are heating rates of the nodes to watch."""

    columns: Sequence[Column]
    device: Device
    rhythm: Rhythm
    rates_k_s: Array | None

    @property
    def min_dwell_s(self) -> float:
        return max(self.device.min_dwell_s, self.rhythm.min_dwell_s, _SHORTEST_DWELL_S)

    def block(self, share: Array, start: float, end: float, last: Stop | None) -> CycleBlock:
        """The window's cycles; a rest before them lets the machine arrive from ``last``."""
        length = end - start
        share = np.where(share > max(_NEGLIGIBLE * share.max(initial=0.0), _ROUNDING), share, 0.0)
        budget = self.rhythm.merged_share * share.sum()
        while share.any():
            order = self._order(share, last)
            lead = self._lead(order, start, last)
            smallest = float(share.min(where=share > 0.0, initial=np.inf))
            if self._is_playable(share, order, length - lead, mend=bool(smallest <= budget)):
                return self._cycles(share * length / (length - lead), order, start, lead, length - lead)
            budget -= smallest
            self._drop_smallest(share)
        return CycleBlock(start, length, (), 0.0, 0)

    def _is_playable(self, share: Array, order: list[int], length: float, *, mend: bool) -> bool:
        """True where the machine can play these shares in the time; with ``mend``, also with little ripple and no dwell
        that has to grow much."""
        if max(self._least_period(order), self._sparing_period(share, order)) > length:
            return False
        if not mend:
            return True
        longest = self._longest_period(share, order, self.rhythm.ripple_k, length)
        return float(share[order].min()) * longest >= _GROWN * self.min_dwell_s

    def _order(self, share: Array, last: Stop | None) -> list[int]:
        used = np.flatnonzero(share).tolist()
        centers = np.array([self.columns[j].center_m for j in used])
        begin = None if last is None else np.asarray(last.center_m)
        return [used[i] for i in shortest_tour(centers, begin)]

    def _lead(self, order: list[int], start: float, last: Stop | None) -> float:
        if last is None:
            return 0.0
        needed = move_s(self.device, last, self._stop(order[0])) - (start - last.end_s)
        return max(0.0, needed - float(self._moves(order)[0]))

    def _stop(self, column: int, start: float = 0.0, dwell: float = 0.0) -> Stop:
        c = self.columns[column]
        return Stop(start, dwell, c.center_m, c.amplitude_t, c.gradient_t_m, c.direction, column)

    def _moves(self, order: Sequence[int]) -> Array:
        """Rest before each stop of a cycle, the first one's from the last."""
        stops = [self._stop(j) for j in order]
        return np.array([move_s(self.device, stops[i - 1], stops[i]) for i in range(len(stops))])

    def _drop_smallest(self, share: Array) -> None:
        """Give the smallest share's energy to its nearest neighbour among those used."""
        used = np.flatnonzero(share)
        smallest = used[share[used].argmin()]
        others = used[used != smallest]
        if len(others):
            centers = np.array([c.center_m for c in self.columns])
            near = others[np.linalg.norm(centers[others] - centers[smallest], axis=1).argmin()]
            power = np.ones(len(self.columns)) if self.rates_k_s is None else self.rates_k_s.sum(axis=1)
            share[near] += share[smallest] * min(_MOST_HELP, power[smallest] / max(power[near], _NOTHING))
        share[smallest] = 0.0

    def _least_period(self, order: Sequence[int]) -> float:
        """Shortest cycle with these stops that the machine can play at all."""
        on = len(order) * self.min_dwell_s
        return max(on + float(self._moves(order).sum()), on / self.device.max_duty, _SHORTEST_PERIOD_S)

    def _sparing_period(self, share: Array, order: Sequence[int]) -> float:
        """Shortest cycle in which the shortest dwells together heat no more than the shares would."""
        power = self._power(order)
        return self.min_dwell_s * float(power.sum()) / float(share[list(order)] @ power)

    def _power(self, order: Sequence[int]) -> Array:
        """Heating of each column, relative to the others, at the nodes that are watched."""
        if self.rates_k_s is None:
            return np.ones(len(order))
        power = self.rates_k_s[list(order)].sum(axis=1)
        if power.max(initial=0.0) <= _NOTHING:
            return np.ones(len(order))
        return np.maximum(power / power.max(), _LEAST_POWER)

    def _faithful_period(self, share: Array, order: Sequence[int]) -> float:
        """Shortest cycle that plays the shares as they are, or nearly where they leave no time to move."""
        on, moves = min(float(share.sum()), self.device.max_duty), float(self._moves(order).sum())
        smallest = self.min_dwell_s / float(share[list(order)].min())
        room = max(1.0 - on, _SACRIFICED * on)
        return max(self._least_period(order), smallest, moves / room)

    def _longest_period(self, share: Array, order: Sequence[int], ripple_k: float, length: float) -> float:
        """Longest cycle, at most ``length``, whose ripple is at most ``ripple_k``."""

        def ripple(period: float) -> float:
            dwells, moves = self._dwells(share, order, period), self._moves(order)
            return self.ripple_k(_pieces(dwells, moves, order, period))

        low, high = min(self._least_period(order), length), length
        if ripple(high) <= ripple_k or low == high:
            return high
        while high / low > _PERIOD_STEP:
            middle = float(np.sqrt(low * high))
            low, high = (low, middle) if ripple(middle) > ripple_k else (middle, high)
        return low

    def _dwells(self, share: Array, order: Sequence[int], period: float) -> Array:
        """Dwell of each stop, none too short; what short ones heat more, and moves need, the longer ones give."""
        wanted, power = share[list(order)] * period, self._power(order)
        room = min(self.device.max_duty * period, period - float(self._moves(order).sum()))

        def fits(factor: float) -> bool:
            dwells = np.maximum(factor * wanted, self.min_dwell_s)
            return bool(dwells.sum() <= room and dwells @ power <= (1.0 + _ROUNDING) * (wanted @ power))

        low, high = (1.0, 1.0) if fits(1.0) else (0.0, 1.0)
        while high - low > _ROUNDING:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if fits(middle) else (low, middle)
        return np.maximum(low * wanted, self.min_dwell_s)

    def _cycles(self, share: Array, order: list[int], start: float, lead: float, length: float) -> CycleBlock:
        """Whole cycles that fill a window: smooth, else faithful and still, else as short as can be played."""
        faithful = min(self._faithful_period(share, order), length)
        smooth = self._longest_period(share, order, self.rhythm.aim_k, length)
        still = self._longest_period(share, order, self.rhythm.ripple_k, length)
        least = max(self._least_period(order), self._sparing_period(share, order))
        wanted = max(smooth, min(faithful, still), least)
        repeats = max(1, int(np.ceil(length / wanted - _ROUNDING)))
        if length / repeats < least:
            repeats = max(1, int(np.floor(length / least + _ROUNDING)))
        period = length / repeats
        dwells, moves = self._dwells(share, order, period), self._moves(order)
        idle = _idle(dwells, moves, period)
        stops, clock = [], 0.0
        for column, dwell, move, rest in zip(order, dwells, moves, idle, strict=True):
            stops.append(self._stop(column, clock + float(move), float(dwell)))
            clock += float(move + dwell + rest)
        return CycleBlock(start, lead, tuple(stops), period, repeats)

    def ripple_k(self, pieces: Sequence[tuple[int, float]]) -> float:
        """Peak-to-peak temperature within a cycle in the voxel where it is largest, without any heat flow."""
        if self.rates_k_s is None or not pieces:
            return 0.0
        durations = np.array([duration for _, duration in pieces])
        off = np.zeros(self.rates_k_s.shape[1])
        rates = np.array([self.rates_k_s[column] if column >= 0 else off for column, _ in pieces])
        gain = (rates - durations @ rates / durations.sum()) * durations[:, None]
        return float(np.ptp(np.vstack([off, np.cumsum(gain, axis=0)]), axis=0).max())


def _pieces(dwells: Array, moves: Array, order: Sequence[int], period: float) -> list[tuple[int, float]]:
    """One cycle as ``(column, duration_s)``; column -1 is a rest."""
    idle = _idle(dwells, moves, period)
    return [
        piece
        for j, d, m, r in zip(order, dwells, moves, idle, strict=True)
        for piece in ((-1, m), (j, d), (-1, r))
        if piece[1] > 0.0
    ]


def _idle(dwells: Array, moves: Array, period: float) -> Array:
    """Rest after each dwell: what moves and dwells leave of the period, by the dwells."""
    rest: Array = max(0.0, period - moves.sum() - dwells.sum()) * dwells / dwells.sum()
    return rest
