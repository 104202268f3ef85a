"""Statistics of a region: of the values of nodes that stand for volumes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, IntArray

HOTTEST_M3 = 1e-9
"""``CEM43max`` is the mean dose of the hottest 1 mm3: one node of a fine mesh is no tissue."""
_PART = 0.6
"""Above this part of all nodes, parting off the lowest and sorting them costs more than sorting all."""


@dataclass(frozen=True, slots=True)
class Hottest:
    """Hottest part of a region, so large; its statistic is the mean."""

    mm3: float

    @property
    def m3(self) -> float:
        return 1e-9 * self.mm3


Statistic = Literal["min", "mean", "max", "peak"] | float | Hottest
"""Over a region: least, mean, greatest, the per cent of the volume that exceeds it, or the mean of the hottest part.
Of doses the greatest is the mean of `HOTTEST_M3`, and "peak" that of the one node that has most."""

_NUMBER = r"\d+(?:\.\d+)?"
_STATISTIC = re.compile(rf"(min|mean|max)|hot({_NUMBER})mm3|([1-9]\d?(?:\.\d+)?)")


def parse_statistic(text: str) -> Statistic | None:
    """The statistic of a name such as "max", "90" or "hot5mm3"; None where it is none."""
    match = _STATISTIC.fullmatch(text)
    if match is None:
        return None
    if match[2]:
        return Hottest(float(match[2])) if float(match[2]) > 0.0 else None
    if match[3]:
        return float(match[3])
    return "min" if match[1] == "min" else "mean" if match[1] == "mean" else "max"


def statistic_name(which: Statistic) -> str:
    """Name of a statistic, as it stands in that of a metric."""
    if isinstance(which, Hottest):
        return f"hot{which.mm3:g}mm3"
    return which if isinstance(which, str) else f"{which:g}"


def percentile_or_extreme(percent: float) -> Statistic:
    """Statistic that so many per cent of the volume exceed: the least where all do, the greatest where none does."""
    return "min" if percent >= 100.0 else "max" if percent < 1.0 else percent


def percent_above(which: Statistic, *, at_most: bool) -> float:
    """Per cent of the volume that is surely at least as hot as a statistic says, or at most that cold; the mean of a
    volume or of its hottest part says so of some of it only."""
    if isinstance(which, float):
        return which
    if which == "min":
        return 100.0
    return 100.0 if at_most and which not in ("max", "peak") else 0.0


def statistic(values: Array, weights: Array, which: Statistic) -> Array:
    """Statistic of values ``(..., k)`` over the last axis; ``weights`` are m3 where the hottest part is asked for."""
    if isinstance(which, Hottest):
        return np.asarray((values * hottest_parts(values, weights, which.m3)).sum(axis=-1))
    if isinstance(which, str):
        found = values.min(axis=-1) if which == "min" else values.max(axis=-1)
        return np.asarray(values @ weights / weights.sum() if which == "mean" else found)
    nodes, mix = between(values, weights, 1.0 - which / 100.0)
    return np.asarray((np.take_along_axis(values, nodes, -1) * mix).sum(axis=-1))


def hottest_parts(values: Array, weights_m3: Array, amount_m3: float) -> Array:
    """Coefficients, in the shape of the values, of the mean over the hottest ``amount_m3`` (all, where there is
    less) along the last axis."""
    order = np.argsort(values, axis=-1)[..., ::-1]
    upto = np.minimum(np.cumsum(weights_m3[order], axis=-1), amount_m3)
    part = np.diff(upto, prepend=0.0, axis=-1) / upto[..., -1:]
    found = np.empty_like(part)
    np.put_along_axis(found, order, part, -1)
    return found


def volume_above(values: Array, weights: Array, edge: float) -> Array:
    """Per cent of the weight at or above an edge, along the last axis: the inverse of the percentage in `statistic`.

    The share at each value is known in the middle of its own weight; between two values it is linear in them.

    ``values`` is ``(..., n)``, ``weights (n,)`` of any unit, ``edge`` in the unit of the values; the result is
    ``(...)``.
    """
    flat = np.reshape(values, (-1, values.shape[-1]))
    found = np.array([100.0 * float(fraction_above(row, weights, np.array([edge]))[0]) for row in flat])
    result: Array = found.reshape(values.shape[:-1])
    return result


def between(values: Array, weights: Array, share: float) -> tuple[IntArray, Array]:
    """Two nodes ``(..., 2)``, and their mixture, that make the value at ``share`` of the weight from
    below; the definition of `exceedance`."""
    order = _lowest(values, weights, share)
    w = weights[order]
    middle = (np.cumsum(w, axis=-1) - 0.5 * w) / weights.sum()
    last = len(weights) - 1
    upper = np.clip((middle < share).sum(axis=-1, keepdims=True), min(1, last), last)
    lower = np.maximum(upper - 1, 0)
    m0, m1 = np.take_along_axis(middle, lower, -1), np.take_along_axis(middle, upper, -1)
    late = np.clip((share - m0) / np.where(m1 > m0, m1 - m0, 1.0), 0.0, 1.0)
    nodes = np.concatenate([np.take_along_axis(order, i, -1) for i in (lower, upper)], axis=-1)
    return nodes, np.concatenate([1.0 - late, late], axis=-1)


def _lowest(values: Array, weights: Array, share: float) -> IntArray:
    """Nodes in rising order along the last axis, as many as surely make up the share, were they the lightest."""
    n = len(weights)
    enough = int(np.searchsorted(np.cumsum(np.sort(weights)), share * weights.sum())) + 3
    if enough > _PART * n:
        return np.argsort(values, axis=-1)
    rows = values.reshape(-1, n)
    found = _smallest(rows, enough)
    found = np.take_along_axis(found, np.argsort(np.take_along_axis(rows, found, -1), axis=-1), -1)
    return found.reshape(*values.shape[:-1], enough)


def _smallest(rows: Array, count: int) -> IntArray:
    """Numbers ``(t, count)`` of the smallest values of each row. Rounding keeps their order, and single precision is
    parted three times as fast; rows where it makes a tie are parted as they are."""
    with np.errstate(over="ignore"):
        single, found = rows.astype(np.float32), np.empty((len(rows), count), np.int64)
    low = single <= np.partition(single, count - 1, axis=-1)[:, count - 1, None]
    tied = np.count_nonzero(low, axis=-1) != count
    low[tied] = False
    found[~tied] = np.flatnonzero(low).reshape(-1, count) % rows.shape[1]
    found[tied] = np.argpartition(rows[tied], count - 1, axis=-1)[:, :count]
    return found


def exceedance(values: Array, weights: Array, percent: ArrayLike) -> Array:
    """Value that ``percent`` of the weight exceeds: T90 is ``exceedance(temperature, volume, 90)``.

    Each value stands at the middle of its own weight in the sorted sum, linear in between. With nodes of a
    region that is coldest all over its surface, T90 comes out low by up to the change over half an element.
    """
    order = np.argsort(values)
    return at_fractions(values[order], weights[order], 1.0 - np.asarray(percent, float) / 100.0)


def at_fractions(values: Array, weights: Array, fractions: ArrayLike) -> Array:
    """Values at fractions of the weight, of values in rising order.

    ``values`` and ``weights`` are ``(n,)``, ``fractions`` ``(k,)`` from 0 to 1; the result is ``(k,)`` in the unit of
    the values.
    """
    upto = np.cumsum(weights)
    result: Array = np.interp(np.asarray(fractions, float) * upto[-1], upto - 0.5 * weights, values)
    return result


def hottest_mean(values: Array, weights: Array, amount: float = HOTTEST_M3) -> float:
    """Mean over the highest values that make up ``amount`` of the weight (all, where there is less)."""
    order = np.argsort(values)[::-1]
    upto = np.minimum(np.cumsum(weights[order]), amount)
    return float(np.diff(upto, prepend=0.0) @ values[order] / upto[-1])


def fraction_above(values: Array, weights: Array, edges: ArrayLike) -> Array:
    """Share of the weight above each edge: a cumulative volume histogram; equal values share a step.

    ``values`` and ``weights`` are ``(n,)``, ``edges (k,)`` in the unit of the values; the result is ``(k,)`` from 0
    to 1.
    """
    distinct, which = np.unique(values, return_inverse=True)
    w = np.bincount(which, weights)
    upto = np.cumsum(w)
    below: Array = np.interp(np.asarray(edges, float), distinct, (upto - 0.5 * w) / upto[-1], left=0.0, right=1.0)
    return 1.0 - below


def mean_over(time_s: Array, course: Array, start_s: float, stop_s: float) -> float:
    """Time mean of a piecewise linear course between two times.

    ``time_s`` and ``course`` are ``(t,)``; the result has the unit of the course.
    """
    inside = (time_s > start_s) & (time_s < stop_s)
    ends = np.interp([start_s, stop_s], time_s, course)
    if stop_s <= start_s:
        return float(ends[0])
    t = np.concatenate([[start_s], time_s[inside], [stop_s]])
    return float(np.trapezoid(np.concatenate([ends[:1], course[inside], ends[1:]]), t) / (stop_s - start_s))
