"""Percentiles of many nodes at many times, compiled: what `metrics.between` defines, without an order of all nodes."""

from __future__ import annotations

import numpy as np
from numba import types

from ...base.arrays import Array, IntArray
from .compilation import compile_for

FEW = 24
"""Nodes around the share that are put in order; bisection leaves no more, but where values are equal. Twice as many
take longer to put in order than one more halving."""
BISECTIONS = 60
"""Most halvings: as many as a double has digits, and some more where values are equal."""

_READ = types.Array(types.float64, 1, "C", readonly=True)
_TABLE = types.Array(types.float64, 2, "C", readonly=True)
_NUMBERS = types.Array(types.int64, 2, "C")
_SHARES = types.Array(types.float64, 2, "C")


@compile_for(_TABLE, _READ, types.float64, _NUMBERS, _SHARES)
def _between(values: Array, weights: Array, wanted: float, found: IntArray, mix: Array) -> None:
    """The two nodes of each row, neighbours in order, whose middles of their own weight have the wanted one between."""
    times, n = values.shape
    heaviest, around = weights.max(), np.empty(n, np.int64)
    guess = np.nan
    for t in range(times):
        row = values[t]
        low, high = row[0], row[0]
        for i in range(n):
            low, high = min(low, row[i]), max(high, row[i])
        reach = (high - low) / 64.0
        low, high, below, lower, upper = low, np.nextafter(high, np.inf), 0.0, 0, n
        for step in range(BISECTIONS):
            if upper - lower <= FEW:
                break
            edge = 0.5 * (low + high)
            if step < 2 and low < guess + (2 * step - 1) * reach < high:
                edge = guess + (2 * step - 1) * reach
            weight, count = 0.0, 0
            for i in range(n):
                weight += weights[i] if row[i] < edge else 0.0
                count += 1 if row[i] < edge else 0
            if weight <= wanted - heaviest:  # what is below comes before both
                low, below, lower = edge, weight, count
            elif weight >= wanted + heaviest:  # what is above comes after both
                high, upper = edge, count
            elif step >= 2:
                break
        k = 0
        for i in range(n):
            if low <= row[i] < high:
                place = k
                while place > 0 and row[around[place - 1]] > row[i]:
                    around[place] = around[place - 1]
                    place -= 1
                around[place] = i
                k += 1
        before, middle = 0.0, below + 0.5 * weights[around[0]]
        last = 0
        while last < k - 1 and (last == 0 or middle < wanted):
            before, last = middle, last + 1
            middle += 0.5 * (weights[around[last - 1]] + weights[around[last]])
        late = min(max((wanted - before) / (middle - before), 0.0), 1.0) if last else 1.0
        found[t, 0], found[t, 1] = around[max(last - 1, 0)], around[last]
        mix[t, 0], mix[t, 1] = 1.0 - late, late
        guess = row[found[t, 1]]


def between(values: Array, weights: Array, share: float) -> tuple[IntArray, Array]:
    """As `metrics.between`, of rows ``(t, n)``."""
    found, mix = np.empty((len(values), 2), np.int64), np.empty((len(values), 2))
    wanted = share * weights.sum()
    _between(np.ascontiguousarray(values, float), np.ascontiguousarray(weights, float), wanted, found, mix)
    return found, mix
