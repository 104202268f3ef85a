"""Short closed tour through a few places."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array

_SWEEPS = 30
"""Sweeps of 2-opt over all pairs of edges at most; it ends with the first that finds no shorter tour."""
_NO_GAIN_M = 1e-12
"""A tour that is shorter by less is the same."""


def shortest_tour(points_m: Array, begin_m: Array | None = None) -> list[int]:
    """Order of ``points_m (n, 3)`` for a closed tour: nearest neighbour, then 2-opt.

    It begins at the point nearest to ``begin_m``, or with the first point.
    """
    n = len(points_m)
    if n < 2:
        return list(range(n))
    distance = np.linalg.norm(points_m[:, None] - points_m[None], axis=2)
    order = _two_opt(_nearest_neighbours(distance), distance)
    if begin_m is None:
        return order
    first = int(np.linalg.norm(points_m[order] - begin_m, axis=1).argmin())
    return order[first:] + order[:first]


def _nearest_neighbours(distance: Array) -> list[int]:
    """Tour that always goes on to the nearest place that is left."""
    order, left = [0], set(range(1, len(distance)))
    while left:
        following = min(left, key=lambda j: (distance[order[-1], j], j))
        order.append(following)
        left.remove(following)
    return order


def _two_opt(order: list[int], distance: Array) -> list[int]:
    """Reverse parts of a tour while that makes it shorter."""
    tour = np.array(order)
    n = len(tour)
    for _ in range(_SWEEPS):
        improved = False
        for i in range(n - 2):
            ahead = np.arange(i + 2, n if i else n - 1)
            if len(ahead) == 0:
                continue
            a, b, c, d = tour[i], tour[i + 1], tour[ahead], tour[(ahead + 1) % n]
            gain = distance[a, b] + distance[c, d] - distance[a, c] - distance[b, d]
            best = int(gain.argmax())
            if gain[best] > _NO_GAIN_M:
                tour[i + 1 : ahead[best] + 1] = tour[i + 1 : ahead[best] + 1][::-1]
                improved = True
        if not improved:
            break
    return [int(i) for i in tour]
