"""Exact penalty of a bound, and the slack variables that stand for it in a linear program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array
from .linear_program import Program


@dataclass(slots=True)
class PenalizedBound:
    """A bound on a value in K (or doublings of a dose), and the price of being on its wrong side.

    The search aims ``margin_k`` beyond the bound. Up to ``soft_k`` of that is given up at ``soft_cost`` per K, the rest
    and all beyond at ``cost``. ``slack`` are the numbers of the two slack variables in the program written last.
    """

    bound_k: float
    at_least: bool
    cost: float
    soft_cost: float
    margin_k: float = 0.0
    soft_k: float = 0.0
    slack: tuple[int, int] = (0, 0)

    @property
    def aim_k(self) -> float:
        return self.bound_k + (self.margin_k if self.at_least else -self.margin_k)

    def excess_k(self, value_k: float) -> float:
        """Distance of a value on the wrong side of the aim; negative where it is better."""
        return (self.aim_k - value_k) if self.at_least else (value_k - self.aim_k)

    def penalty(self, value_k: float) -> float:
        excess = max(0.0, self.excess_k(value_k))
        return self.soft_cost * min(excess, self.soft_k) + self.cost * max(0.0, excess - self.soft_k)

    def rounded_penalty(self, value_k: float, rounding_k: float) -> tuple[float, float]:
        """`penalty` with its corners rounded, and its slope by the excess."""
        excess_k, rest = self.excess_k(value_k), self.cost - self.soft_cost
        first, slope = softplus(np.array(excess_k), rounding_k)
        second, more = softplus(np.array(excess_k - self.soft_k), rounding_k)
        return float(self.soft_cost * first + rest * second), float(self.soft_cost * slope + rest * more)

    def add_slack(self, program: Program) -> dict[int, float]:
        """New variables that let a row ``<=`` give way, at the price of `penalty`."""
        self.slack = (program.variable(self.soft_cost, 0.0, self.soft_k), program.variable(self.cost, 0.0))
        return dict.fromkeys(self.slack, -1.0)

    def slack_k(self, variables: Array) -> float:
        """Sum of both slack variables."""
        return float(variables[list(self.slack)].sum())


def softplus(x: Array, width: float) -> tuple[Array, Array]:
    """The positive part with its corner rounded, and its slope.

    ``x`` and ``width`` share a unit; value and slope have the shape of ``x``. At 0 the value is ``width ln 2``.
    """
    return width * np.logaddexp(0.0, x / width), 0.5 * (1.0 + np.tanh(0.5 * x / width))
