"""Exact response of modes to constant input in each window, and its transpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray

_NOTHING = 1e-30
"""What has decayed to less is zero: far above denormal numbers, far below any temperature."""
_SMALL = 1e-8
"""Below this the mean of exp(-y) is its tangent, to the last digit."""


@dataclass(frozen=True, slots=True, eq=False)
class ModalTime:
    """Recursion of modes from window to window: what was there when one began decays, and its own input grows. That
    reads a window's part of `mode_integrals` once instead of all of it.

    Parameters
    ----------
    first, counts
        ``(p,)`` number of the first time in each window, and in the cool-down where there is one; how many there are.
    decay, growth
        ``(t, r)`` of each time, since its window began; nothing grows in the cool-down.
    past, gain
        ``(w, r)`` the same at the end of each window.
    """

    first: IntArray
    counts: IntArray
    decay: Array
    growth: Array
    past: Array
    gain: Array

    @classmethod
    def of(cls, times_s: Array, edges_s: Array, rates_1_s: Array) -> ModalTime:
        """For times that rise from 0, some of them in every window."""
        which = np.searchsorted(edges_s[1:], times_s)
        first, counts = np.unique(which, return_index=True, return_counts=True)[1:]
        since, lengths = times_s - edges_s[which], np.diff(edges_s)
        heated = which < len(lengths)
        return cls(
            first,
            counts,
            _decay(since, rates_1_s),
            heated[:, None] * _growth(since, rates_1_s),
            _decay(lengths, rates_1_s),
            _growth(lengths, rates_1_s),
        )

    def states(self, loads: Array) -> Array:
        """Mode amplitudes ``(t, r)`` of inputs ``(w, r)``."""
        begun, loads = np.zeros((len(loads) + 1, loads.shape[1])), np.concatenate([loads, np.zeros_like(loads[:1])])
        for w in range(len(begun) - 1):
            begun[w + 1] = flush_denormals(self.past[w] * begun[w] + self.gain[w] * loads[w])
        part = np.repeat(np.arange(len(self.counts)), self.counts)
        return self.decay * begun[part] + self.growth * loads[part]

    def adjoint(self, slopes: Array) -> Array:
        """Transpose of `states`: ``(w, r)`` from ``(t, r)``."""
        begun, found = (np.add.reduceat(course * slopes, self.first) for course in (self.decay, self.growth))
        n = len(self.past)
        later = begun[n] if len(begun) > n else np.zeros(slopes.shape[1])
        for w in range(n - 1, -1, -1):
            found[w] += self.gain[w] * later
            later = flush_denormals(begun[w] + self.past[w] * later)
        return found[:n]


def mode_integrals(times_s: Array, edges_s: Array, rates_1_s: Array) -> Array:
    """Integral ``(t, w, r)`` of exp(-rate (t - s)) over the part of each window before t; stable as rates go to 0."""
    start = np.minimum(edges_s[:-1], times_s[:, None])[..., None]
    end = np.minimum(edges_s[1:], times_s[:, None])[..., None]
    length, age = end - start, times_s[:, None, None] - end
    return flush_denormals(np.exp(-rates_1_s * age) * _mean_decay(rates_1_s * length) * length)


def flush_denormals(values: Array) -> Array:
    """Replace what has decayed to nothing by zeros: arithmetic with denormal numbers is a hundred times slower."""
    return np.where(np.abs(values) < _NOTHING, 0.0, values)


def _decay(length_s: Array, rates_1_s: Array) -> Array:
    return flush_denormals(np.exp(-np.outer(length_s, rates_1_s)))


def _growth(length_s: Array, rates_1_s: Array) -> Array:
    return flush_denormals(_mean_decay(np.outer(length_s, rates_1_s)) * length_s[:, None])


def _mean_decay(x: Array) -> Array:
    """Mean of exp(-y) for y from 0 to x."""
    small = np.abs(x) < _SMALL
    return np.where(small, 1.0 - 0.5 * x, -np.expm1(-x) / np.where(small, 1.0, x))
