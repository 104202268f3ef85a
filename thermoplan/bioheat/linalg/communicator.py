"""Communicator of the ranks: the few sums over all dofs that the engines need, where each process holds some of
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from ...base.arrays import Array


class Communicator(Protocol):
    """Exchange with the ranks that hold the other dofs of a vector."""

    def n_dof(self, here: int) -> int:
        """Dofs of all, where ``here`` are held here."""

    def widest(self, here: int) -> int:
        """Most dofs that one rank holds."""

    def product(self, own: Callable[[], float], y: Array, *, share: float, out: Array) -> float:
        """Rows of the whole matrix that are held here times the whole vector, ``share`` of it, added up in ``out``.

        ``own`` writes there what joins the dofs held here, and returns ``y @ out``; so does this, of the dofs here.
        """

    def summed(self, values: Array) -> Array:
        """Sums of an array over all ranks, the same on each."""

    def total(self, value: float) -> float:
        """Sum of a number over all ranks, the same on each."""

    def largest(self, value: float) -> float:
        """Largest of the ranks' numbers."""

    def typical_1_s(self, diagonal: Array, percentile: float) -> float:
        """A percentile of all rates on the diagonal."""

    def noise(self, here: int) -> Array:
        """Standard normal numbers, the same dof by dof however dofs are shared out."""


class Serial:
    """Communicator of a process that holds all dofs."""

    def n_dof(self, here: int) -> int:
        return here

    def widest(self, here: int) -> int:
        return here

    def product(self, own: Callable[[], float], y: Array, *, share: float, out: Array) -> float:
        return own()

    def summed(self, values: Array) -> Array:
        return values

    def total(self, value: float) -> float:
        return value

    def largest(self, value: float) -> float:
        return value

    def typical_1_s(self, diagonal: Array, percentile: float) -> float:
        return float(np.percentile(diagonal, percentile))

    def noise(self, here: int) -> Array:
        return np.random.default_rng(0).standard_normal(here)


SERIAL = Serial()
