"""A linear program in time shares, solved by HiGHS with rows and columns made only when they matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import SolverError
from .heat import Heat

_ROUNDS, _BATCH = 15, 12
_PRICE_TOLERANCE = 1e-7
_DROP = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Shares ``(w, c)``, values of the other variables, the objective, and a multiplier ``(rows,)`` per row,
    not negative; ``duty (w,)`` are those of the time in each window. ``complete``: no column that was left out
    would lower the objective."""

    shares: Array
    variables: Array
    objective: float
    multipliers: Array
    duty: Array
    complete: bool


class Program:
    """Minimise a linear cost of shares and other variables under rows ``<= upper``.

    A row's dependence on the shares is given in mode space ``(w, r)`` (`Heat.adjoint`), so that every column
    can be priced without its coefficients; columns enter when their reduced cost is negative. Rows and
    columns that are added later start from the last basis.
    """

    def __init__(self, heat: Heat, share_cost: Array, *, lower: Array, upper: Array, max_duty: float,
                 active: Array) -> None:
        self.heat, self.share_cost, self._lower, self._upper = heat, share_cost, lower, upper
        self.active = np.zeros_like(active, bool)
        self._adjoints: list[Array | None] = []
        self._named: list[frozenset[int]] = []
        self._variables: list[int] = []
        self._shares: list[tuple[int, int, int]] = []
        self._solver = _quiet_solver()
        for _ in range(heat.n_windows):
            self._add_row([], [], max_duty)
        self._enter(active | (lower > 0.0))

    def variable(self, cost: float = 0.0, lower: float | None = None, upper: float | None = None) -> int:
        """A further variable, free unless bounded; its number."""
        infinity = self._solver.getInfinity()
        self._add_column(cost, -infinity if lower is None else lower, infinity if upper is None else upper, {})
        self._variables.append(self._solver.getNumCol() - 1)
        return len(self._variables) - 1

    def row(self, adjoint: Array | None, variables: Mapping[int, float], upper: float) -> int:
        """Require ``adjoint . shares + coefficients . variables <= upper``; the row's number."""
        columns, values = [self._variables[i] for i in variables], list(variables.values())
        if adjoint is not None and self._shares:
            w, c, at = np.array(self._shares).T
            heat = np.einsum("nr,nr->n", adjoint[w], np.asarray(self.heat.model.inputs)[c])
            keep = np.abs(heat) > _DROP
            columns, values = [*columns, *at[keep]], [*values, *heat[keep]]
        self._add_row(columns, values, upper)
        self._adjoints.append(adjoint)
        self._named.append(frozenset(variables))
        return len(self._adjoints) - 1

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
        w, c, at = np.array(self._shares, int).reshape(-1, 3).T
        shares[w, c] = np.clip(x[at], self._lower[w, c], self._upper[w, c])
        n = self.heat.n_windows
        return Optimum(shares, x[self._variables], objective, duals[n:], duals[:n], complete)

    def price(self, optimum: Optimum, variable: int) -> float:
        """Multipliers of all rows that hold a variable: what one unit more of room in them is worth."""
        return float(sum(m for m, names in zip(optimum.multipliers, self._named, strict=True) if variable in names))

    def _run(self) -> tuple[Array, Array, float]:
        self._solver.run()
        status = self._solver.modelStatusToString(self._solver.getModelStatus())
        if status != "Optimal":
            raise SolverError(f"linear program of {self._solver.getNumRow()} rows and "
                              f"{self._solver.getNumCol()} columns: {status}")
        solution = self._solver.getSolution()
        return (np.array(solution.col_value), np.maximum(0.0, -np.array(solution.row_dual)),
                float(self._solver.getInfo().objective_function_value))

    def _entering(self, duals: Array, objective: float) -> Array:
        """The most promising columns that are not yet in the program, some of each window."""
        n = self.heat.n_windows
        total = np.zeros((n, len(np.asarray(self.heat.model.rates_1_s))))
        for dual, adjoint in zip(duals[n:], self._adjoints, strict=True):
            if adjoint is not None and dual > 0.0:
                total += dual * adjoint
        price = self.share_cost + duals[:n, None] + self.heat.gradient(total)
        price[self.active | (self._upper <= 0.0)] = 0.0
        nth = np.partition(price, min(_BATCH, price.shape[1]) - 1, axis=1)[:, min(_BATCH, price.shape[1]) - 1]
        return (price <= nth[:, None]) & (price < -_PRICE_TOLERANCE * (1.0 + abs(objective)))

    def _enter(self, entering: Array) -> None:
        inputs, n = np.asarray(self.heat.model.inputs), self.heat.n_windows
        rows = [i for i, adjoint in enumerate(self._adjoints) if adjoint is not None]
        for w, c in np.argwhere(entering & ~self.active):
            heat = np.array([self._adjoints[i][w] for i in rows]) @ inputs[c] if rows else np.zeros(0)
            coefficients = {n + i: float(v) for i, v in zip(rows, heat, strict=True) if abs(v) > _DROP}
            self._add_column(self.share_cost[w, c], self._lower[w, c], self._upper[w, c],
                             {int(w): 1.0} | coefficients)
            self._shares.append((int(w), int(c), self._solver.getNumCol() - 1))
        self.active |= entering

    def _add_column(self, cost: float, lower: float, upper: float, rows: Mapping[int, float]) -> None:
        where = np.fromiter(rows, np.int32, len(rows))
        self._solver.addCol(float(cost), float(lower), float(upper), len(rows), where,
                            np.fromiter(rows.values(), float, len(rows)))

    def _add_row(self, columns: list[int], values: list[float], upper: float) -> None:
        self._solver.addRow(-self._solver.getInfinity(), float(upper), len(columns),
                            np.array(columns, np.int32), np.array(values, float))


def _quiet_solver() -> Any:
    """One thread: idle HiGHS workers spin, and its programs here are small."""
    from highspy import Highs

    solver = Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("parallel", "off"), ("solver", "simplex")):
        solver.setOptionValue(option, value)
    return solver
