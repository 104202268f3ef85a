"""Budget of safety: a hard limit on a mean over the heating, which each column uses up at its own rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, IntArray, frozen, put

WHOLE_K = 40.0
"""Kelvins that a whole budget counts as where a search weighs limits against each other: its margin of 0.1 K keeps a
quarter of a per cent of the budget. With twice as many it would keep an eighth, and a per cent beyond would cost twice
as much."""


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
        Weight with which it gives way to goals, as one of priority 1 does; None where it must hold.
    """

    quantity: str
    part: Array
    yields: float | None = None

    def __post_init__(self) -> None:
        put(self, part=frozen(self.part))

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
    def widening(self) -> tuple[float, str]:
        """A tenth of the budget, on the search's scale and in words."""
        return 0.1 * WHOLE_K, f"per tenth of the {self.label}"

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

    def mixed(self, mixture: Array) -> SafetyBudget:
        """The same for other columns, each a mixture ``(k, n_columns)`` of those there are."""
        return replace(self, part=mixture @ self.part)

    def restricted(self, columns: Sequence[int] | IntArray) -> SafetyBudget:
        """The same for some of the columns, in the order given."""
        return replace(self, part=self.part[np.asarray(columns)])
