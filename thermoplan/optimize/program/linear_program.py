"""Linear program in time shares, solved by HiGHS with rows and columns generated when they matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...base.arrays import Array, BoolArray, IntArray
from ...base.errors import SolverError
from .modal_heat import ModalHeat

if TYPE_CHECKING:
    from highspy import Highs

_ROUNDS = 15
"""Rounds of columns that enter; most programs need three, and with a third of this they all still end."""
_BATCH = 12
"""Columns of each window that enter at once, since each addition costs the solver a pass over all that it has. Half or
twice as many lead to plans of the same merit in the same time."""
_PRICE_TOLERANCE = 1e-7
"""Reduced cost, in parts of the objective, that is no gain: that of the solver's own tolerance."""
_DROP = 1e-9
"""A coefficient that is smaller is zero: a share of 1 would change the row by a nanokelvin."""


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """``adjoint . loads + per_share . shares + variables <= upper``, the first in mode space ``(w, r)``, the second
    ``(w, c)``."""

    adjoint: Array | None
    per_share: Array | None
    variables: Mapping[int, float]
    upper: float


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Optimum of a program.

    Shares ``(w, c)``, values of the other variables, the objective, and a multiplier ``(rows,)`` per row, not negative;
    ``duty (w,)`` are those of the time in each window. ``complete``: no column that was left out would lower the
    objective.
    """

    shares: Array
    variables: Array
    objective: float
    multipliers: Array
    duty: Array
    complete: bool


class Program:
    """Minimize a linear cost of shares and other variables under rows ``<= upper``.

    A row's dependence on the shares is given in mode space ``(w, r)`` (`ModalHeat.adjoint`), so that every column can
    be priced without its coefficients; columns enter when their reduced cost is negative. The solver goes on from the
    last basis, and takes what is added in batches.
    """

    def __init__(
        self, heat: ModalHeat, share_cost: Array, *, lower: Array, upper: Array, max_duty: float, active: BoolArray
    ) -> None:
        self.heat, self.share_cost, self._lower, self._upper = heat, share_cost, lower, upper
        self._inputs = heat.model.inputs
        self.active = np.zeros_like(active, bool)
        self._rows: list[_Row] = []
        self._written = 0
        self._variables: list[int] = []
        self._shares: IntArray = np.zeros((0, 3), np.int64)  # window, column and number in the solver of each
        self._solver = _quiet_solver()
        n, none = heat.n_windows, np.zeros(0)
        self._solver.addRows(
            n,
            np.full(n, -self._solver.getInfinity()),
            np.full(n, max_duty),
            0,
            np.zeros(n, np.int32),
            none.astype(np.int32),
            none,
        )
        self._enter(active | (lower > 0.0))

    def variable(self, cost: float = 0.0, lower: float | None = None, upper: float | None = None) -> int:
        """A further variable, free unless bounded; its number."""
        infinity = self._solver.getInfinity()
        self._solver.addVar(-infinity if lower is None else lower, infinity if upper is None else upper)
        at = self._solver.getNumCol() - 1
        self._solver.changeColCost(at, cost)
        self._variables.append(at)
        return len(self._variables) - 1

    def row(
        self,
        adjoint: Array | None,
        variables: Mapping[int, float],
        upper: float,
        *,
        per_share: Array | None = None,
    ) -> int:
        """Require ``adjoint . loads + per_share . shares + coefficients . variables <= upper``; the row's number."""
        self._rows.append(_Row(adjoint, per_share, dict(variables), float(upper)))
        return len(self._rows) - 1

    def solve(self) -> Optimum:
        """The optimum over all columns."""
        complete = False
        for _ in range(_ROUNDS):
            x, duals, objective = self._run()
            entering = self._entering(duals, objective)
            complete = not entering.any()
            if complete:
                break
            self._enter(entering)
        if not complete:
            x, duals, objective = self._run()
        shares = np.zeros_like(self.share_cost)
        w, c, at = self._shares.T
        shares[w, c] = np.clip(x[at], self._lower[w, c], self._upper[w, c])
        n = self.heat.n_windows
        return Optimum(shares, x[self._variables], objective, duals[n:], duals[:n], complete)

    def price(self, optimum: Optimum, variable: int) -> float:
        """Multipliers of all rows that hold a variable: what one unit more of room in them is worth."""
        return float(
            sum(m for m, row in zip(optimum.multipliers, self._rows, strict=True) if variable in row.variables)
        )

    def _run(self) -> tuple[Array, Array, float]:
        self._write_rows()
        self._solver.run()
        status = self._solver.modelStatusToString(self._solver.getModelStatus())
        if status != "Optimal":
            raise SolverError(
                f"linear program of {self._solver.getNumRow()} rows and {self._solver.getNumCol()} columns: {status}"
            )
        solution = self._solver.getSolution()
        return (
            np.array(solution.col_value),
            np.maximum(0.0, -np.array(solution.row_dual)),
            float(self._solver.getInfo().objective_function_value),
        )

    def _entering(self, duals: Array, objective: float) -> BoolArray:
        """The most promising columns that are not yet in the program, some of each window."""
        n = self.heat.n_windows
        total = np.zeros((n, len(self.heat.model.rates_1_s)))
        price = self.share_cost + duals[:n, None]
        for dual, row in zip(duals[n:], self._rows, strict=True):
            if row.adjoint is not None and dual > 0.0:
                total += dual * row.adjoint
            if row.per_share is not None:
                price += dual * row.per_share
        price += self.heat.gradient(total)
        price[self.active | (self._upper <= 0.0)] = 0.0
        nth = min(_BATCH, price.shape[1]) - 1
        cheapest = np.partition(price, nth, axis=1)[:, nth, None]
        return (price <= cheapest) & (price < -_PRICE_TOLERANCE * (1.0 + abs(objective)))

    def _write_rows(self) -> None:
        """Hand the solver the rows it has not seen, over the columns that it has."""
        new = self._rows[self._written :]
        if not new:
            return
        heat, at = self._share_coefficients(new, self._shares[:, 0], self._shares[:, 1]), self._shares[:, 2]
        columns, values = [], []
        for row, coefficients in zip(new, heat, strict=True):
            keep = np.abs(coefficients) > _DROP
            columns.append(np.concatenate([at[keep], [self._variables[i] for i in row.variables]]))
            values.append(np.concatenate([coefficients[keep], list(row.variables.values())]))
        least = np.full(len(new), -self._solver.getInfinity())
        where, what = np.concatenate(columns).astype(np.int32), np.concatenate(values).astype(float)
        self._solver.addRows(
            len(new), least, np.array([row.upper for row in new]), len(where), _starts(columns), where, what
        )
        self._written = len(self._rows)

    def _share_coefficients(self, rows: Sequence[_Row], windows: IntArray, columns: IntArray) -> Array:
        """Coefficients ``(rows, k)`` of shares, given by window and column."""
        found = np.zeros((len(rows), len(columns)))
        modal = {i: row.adjoint for i, row in enumerate(rows) if row.adjoint is not None}
        for w in np.unique(windows) if modal else ():
            here = np.flatnonzero(windows == w)
            adjoints = np.array([adjoint[w] for adjoint in modal.values()])
            found[np.ix_(list(modal), here)] = adjoints @ self._inputs[columns[here]].T
        for i, row in enumerate(rows):
            if row.per_share is not None:
                found[i] += row.per_share[windows, columns]
        return found

    def _enter(self, entering: BoolArray) -> None:
        """Hand the solver these columns, with their coefficients in every row that it has."""
        windows, columns = np.nonzero(entering & ~self.active)
        if len(columns) == 0:
            return
        heat = self._share_coefficients(self._rows[: self._written], windows, columns)
        n, first = self.heat.n_windows, self._solver.getNumCol()
        rows, values = [], []
        for w, column in zip(windows, heat.T, strict=True):
            keep = np.flatnonzero(np.abs(column) > _DROP)
            rows.append(np.concatenate([[w], n + keep]))
            values.append(np.concatenate([[1.0], column[keep]]))
        where, what = np.concatenate(rows).astype(np.int32), np.concatenate(values)
        self._solver.addCols(
            len(columns),
            self.share_cost[windows, columns],
            self._lower[windows, columns],
            self._upper[windows, columns],
            len(where),
            _starts(rows),
            where,
            what,
        )
        at = first + np.arange(len(columns))
        self._shares = np.concatenate([self._shares, np.stack([windows, columns, at], axis=1)])
        self.active |= entering


def _starts(parts: Sequence[Array]) -> IntArray:
    """Begin of each part in their concatenation."""
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])[:-1]]).astype(np.int32)


def _quiet_solver() -> Highs:
    """A solver with one thread: idle HiGHS workers spin, and the programs here are small."""
    from highspy import Highs

    solver = Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("parallel", "off"), ("solver", "simplex")):
        solver.setOptionValue(option, value)
    return solver
