"""Budget of safety: a hard limit on a mean over the heating, which each column uses up at its own rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, IntArray, freeze, put

WHOLE_K = 40.0
"""Kelvins that a whole budget counts as where a search weighs limits against each other: its margin of 0.1 K keeps a
quarter of a per cent of the budget. With twice as many it would keep an eighth, and a per cent beyond would cost twice
as much."""


@dataclass(frozen=True, slots=True)
class Widening:
    """One step by which a limit is widened to tell its cost: ``amount_k`` on the search's scale, the name of the step
    (K, doubling, tenth), and of what it is."""

    amount_k: float
    step: str
    of: str

    @property
    def words(self) -> str:
        return f"per {self.step} of {self.of}"


@dataclass(frozen=True, slots=True, eq=False)
class SafetyBudget:
    """A mean power, or mean square of a field, that a plan must not exceed; linear in the time shares. Its values are
    per cent of the limit.

    Parameters
    ----------
    quantity
        Name of the quantity that is limited, such as "absorbed power".
    part
        ``(n_columns,)`` of the limit that each column takes if it is played throughout.
    yields
        Weight with which it gives way to goals, as one of the first priority does; None where it must hold.
    """

    quantity: str
    part: Array
    yields: float | None = None

    def __post_init__(self) -> None:
        put(self, part=freeze(self.part))

    @property
    def label(self) -> str:
        return f"hard limit on {self.quantity}"

    @property
    def name(self) -> str:
        return self.label

    @property
    def kind(self) -> str:
        return "limit" if self.yields is None else "goal"

    @property
    def bound(self) -> float:
        return 100.0

    @property
    def widening(self) -> Widening:
        """A tenth of the budget."""
        return Widening(0.1 * WHOLE_K, "tenth", f"the {self.label}")

    def used(self, shares: Array, window_edges_s: Array) -> float:
        """Per cent of the limit that shares ``(n_windows, n_columns)`` use."""
        return float(100.0 * (np.diff(window_edges_s) @ shares @ self.part) / window_edges_s[-1])

    def in_k(self, value: float) -> float:
        """Per cent on the search's scale."""
        return WHOLE_K * value / 100.0

    def short_k(self, value: float) -> float:
        """Distance beyond the whole budget, on that scale; negative where there is some left."""
        return self.in_k(value) - WHOLE_K

    def met(self, value: float) -> bool:
        return value <= 100.0

    def said(self, value: float) -> str:
        """Per cent in words."""
        return f"{value / 100.0:.0%}"

    def yielding(self, weight: float) -> SafetyBudget:
        """The same, giving way to goals."""
        return replace(self, yields=weight)

    def widened(self, steps: float) -> SafetyBudget:
        """The same with a limit that is higher by so many tenths of itself."""
        return replace(self, part=self.part / (1.0 + 0.1 * steps))

    def mixed(self, mixture: Array) -> SafetyBudget:
        """The same for other columns, each a mixture ``(k, n_columns)`` of those there are."""
        return replace(self, part=mixture @ self.part)

    def restricted(self, columns: Sequence[int] | IntArray) -> SafetyBudget:
        """The same for some of the columns, in the order given."""
        return replace(self, part=self.part[np.asarray(columns)])
