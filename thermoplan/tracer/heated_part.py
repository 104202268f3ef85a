"""Heated part of a calorimeter's record: when the field went on and off, by the curve itself.

``C dT/dt = P - L x - Q x^2`` with ``x = T - T0`` integrates to ``x = a + p H(t) - l I(t) - q J(t)`` with ``H`` the time
that the field was on and ``I``, ``J`` the integrals of ``x`` and its square: linear in all but the two times, which are
scanned. ``T0`` is the first reading: were it free, a plateau under the field would be taken for a rest in a warm room.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize

from ..base.arrays import Array

_MOST_READINGS = 1500
"""Readings that are scanned: of a longer record every second, third and so on. Twice as many take twice the time."""
_COARSE = 33
"""Places on the first grid of either time: parts shorter than a thirtieth of the record may be passed over."""
_SHORTEST = 12
"""Readings of a record below which no times are looked for: six numbers would be fitted to it."""
_FEWEST = 3
"""Readings of rest or cooling at least: a slope through two has no scatter."""
_SIGNIFICANT = 30.0
"""F ratio beyond which a rest or a cooling is believed: far beyond chance, since many times are tried."""
_REST = 0.25
"""Share of the first heating rate below which a sample rests: a part that was heated from the start has all of it."""


class HeatedPart(NamedTuple):
    """Index of the first and last reading under the field, and whether a rest and a cooling were found about it."""

    first: int
    last: int
    rests: bool
    cools: bool


def find_heated_part(time_s: Array, temperature_c: Array, *, rest: bool = True, cooling: bool = True) -> HeatedPart:
    """The heated part of a record, looked for at the ends where ``rest`` or ``cooling`` may lie.

    Where the curve does not show it beyond doubt, the record counts as heated to its end.
    """
    if len(time_s) < _SHORTEST:
        return HeatedPart(0, len(time_s) - 1, False, False)
    stride = -(-len(time_s) // _MOST_READINGS)
    scan = _Scan(time_s[::stride], temperature_c[::stride])
    end = len(scan.time_s) - 1
    first, last = scan.best(rest=rest, cooling=cooling)
    if first > 0 and not scan.rests(first, last):
        first, last = scan.best(rest=False, cooling=cooling)
    if last < end and not scan.cools(first, last):
        last = end
        first = scan.best(rest=rest, cooling=False)[0] if first > 0 else 0
        first = first if first > 0 and scan.rests(first, last) else 0
    found = last < end
    return HeatedPart(first * stride, last * stride if found else len(time_s) - 1, first > 0, found)


class _Scan:
    """Least squares over the times at which the field goes on and off."""

    def __init__(self, time_s: Array, temperature_c: Array) -> None:
        self.time_s = time_s - time_s[0]
        self.rise_k = temperature_c - temperature_c[0]
        powers = np.stack([self.rise_k, self.rise_k**2])
        steps = 0.5 * (powers[:, 1:] + powers[:, :-1]) * np.diff(self.time_s)
        self.losses = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))

    def fitted(self, first: int, last: int) -> tuple[float, float]:
        """Sum of squares left by a field that is on between two readings, and the heating rate, K/s."""
        on_s = np.clip(self.time_s, self.time_s[first], self.time_s[last]) - self.time_s[first]
        ones = np.ones_like(on_s)
        design = np.stack([on_s, *-self.losses, ones, -ones], axis=1)
        solution, left = optimize.nnls(design, self.rise_k)  # a loss that warms would make a rest of any plateau
        return float(left) ** 2, float(solution[0])

    def best(self, *, rest: bool, cooling: bool) -> tuple[int, int]:
        """The pair of readings that leaves least, on a grid that is halved down to single readings."""
        end = len(self.time_s) - 1
        grid = np.unique(np.linspace(0, end, _COARSE).round().astype(int))
        starts, ends = (grid if rest else [0]), (grid if cooling else [end])
        best, step = (0, end), int(np.ceil(end / (_COARSE - 1)))
        while True:
            pairs = {(int(i), int(j)) for i in starts for j in ends if j - i > _FEWEST}
            best = min({best, *pairs}, key=lambda pair: (self.fitted(*pair)[0], pair))
            if step <= 1:
                return best
            step = -(-step // 2)
            near = (-step, 0, step)
            starts = [i for k in near if 0 <= (i := best[0] + k) < end] if rest else [0]
            ends = [j for k in near if 0 < (j := best[1] + k) <= end] if cooling else [end]

    def rests(self, first: int, last: int) -> bool:
        """True if the readings before the field are many, hardly warm, and cannot be heated ones."""
        left, rate = self.fitted(first, last)
        warming = self._slope(0, first)
        return first >= _FEWEST and warming < _REST * rate and self._significant(left, self.fitted(0, last)[0])

    def cools(self, first: int, last: int) -> bool:
        """True if the readings after the field are many, fall, and cannot be heated ones."""
        end = len(self.time_s) - 1
        if end - last < _FEWEST:
            return False
        left, rate = self.fitted(first, last)
        before, after = self._slope(max(first, 2 * last - end), last), self._slope(last, end)
        falls = after < min(before, _REST * rate)
        return falls and self._significant(left, self.fitted(first, end)[0])

    def _slope(self, first: int, last: int) -> float:
        t, rise = self.time_s[first : last + 1], self.rise_k[first : last + 1]
        away = t - t.mean()
        return float(away @ rise / (away @ away))

    def _significant(self, left: float, without: float) -> bool:
        return without - left > _SIGNIFICANT * left / max(1, len(self.time_s) - 6)
