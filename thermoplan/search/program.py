"""A linear program in time shares, solved by HiGHS with rows and columns made only when they matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ..arrays import Array
from ..errors import SolverError
from .heat import Heat

_ROUNDS, _BATCH = 12, 48
_PRICE_TOLERANCE = 1e-7


@dataclass(slots=True)
class _Row:
    adjoint: Array
    variables: Mapping[int, float]
    upper: float


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Shares ``(w, c)``, values of the other variables, the objective, and a multiplier ``(rows,)`` per row,
    not negative. ``complete``: no column that was left out would lower the objective."""

    shares: Array
    variables: Array
    objective: float
    multipliers: Array
    complete: bool


@dataclass(slots=True)
class Program:
    """Minimise a linear cost of shares and named variables under rows ``<= upper``.

    A row's dependence on shares is given in mode space ``(w, r)`` (`Heat.adjoint`), so that every column
    can be priced without ever forming its coefficients. Columns enter when their reduced cost is negative.
    """

    heat: Heat
    max_duty: float
    active: Array
    share_cost: Array
    _cost: list[float] = field(default_factory=list)
    _bounds: list[tuple[float | None, float | None]] = field(default_factory=list)
    _rows: list[_Row] = field(default_factory=list)

    def variable(self, cost: float = 0.0, lower: float | None = None, upper: float | None = None) -> int:
        self._cost.append(cost)
        self._bounds.append((lower, upper))
        return len(self._cost) - 1

    def row(self, adjoint: Array | None, variables: Mapping[int, float], upper: float) -> int:
        """Require ``adjoint . shares + variables . coefficients <= upper``; the row's number."""
        model = self.heat.model
        zero = np.zeros((self.heat.n_windows, len(np.asarray(model.rates_1_s))))
        self._rows.append(_Row(zero if adjoint is None else adjoint, dict(variables), float(upper)))
        return len(self._rows) - 1

    @property
    def n_rows(self) -> int:
        return len(self._rows)

    def solve(self, centre: Array, radius: float) -> Optimum:
        """Optimum with every share within ``radius`` of ``centre``."""
        lower, upper = np.maximum(0.0, centre - radius), np.minimum(self.max_duty, centre + radius)
        self.active |= (centre > 0.0) | (lower > 0.0)
        adjoints = np.array([row.adjoint for row in self._rows])
        complete = False
        for _ in range(_ROUNDS):
            result = self._restricted(adjoints, lower, upper)
            entering = self._entering(result, adjoints, upper)
            complete = not entering.any()
            if complete:
                break
            self.active |= entering
        shares = np.zeros_like(centre)
        shares[result.columns] = np.clip(result.x[: result.n_shares], 0.0, None)
        return Optimum(shares, result.x[result.n_shares:], result.objective, result.multipliers, complete)

    def _restricted(self, adjoints: Array, lower: Array, upper: Array) -> _Solved:
        columns = np.nonzero(self.active)
        n, inputs = len(columns[0]), np.asarray(self.heat.model.inputs)
        windows = self.heat.n_windows
        top = np.einsum("mnr,nr->mn", adjoints[:, columns[0]], inputs[columns[1]]) if len(adjoints) else \
            np.zeros((0, n))
        extra = np.zeros((len(self._rows), len(self._cost)))
        for i, row in enumerate(self._rows):
            for name, coefficient in row.variables.items():
                extra[i, name] = coefficient
        duty = np.zeros((windows, n + len(self._cost)))
        duty[columns[0], np.arange(n)] = 1.0
        matrix = sparse.csc_array(np.vstack([np.hstack([top, extra]), duty]))
        rhs = np.concatenate([[row.upper for row in self._rows], np.full(windows, self.max_duty)])
        cost = np.concatenate([self.share_cost[columns], self._cost])
        bounds = [*zip(lower[columns], upper[columns], strict=True), *self._bounds]
        result = linprog(cost, A_ub=matrix, b_ub=rhs, bounds=bounds, method="highs")
        if result.x is None:
            raise SolverError(f"linear program of {matrix.shape[0]} rows and {n} shares: {result.message}")
        return _Solved(columns, n, result.x, float(result.fun), -result.ineqlin.marginals)

    def _entering(self, result: _Solved, adjoints: Array, upper: Array) -> Array:
        """The most promising columns that are not yet in the program."""
        rows, windows = len(self._rows), self.heat.n_windows
        price = self.share_cost + result.multipliers[rows:, None]
        if rows:
            price = price + self.heat.gradient(np.tensordot(result.multipliers[:rows], adjoints, 1))
        price = np.where(self.active | (upper <= 0.0), 0.0, price)
        entering = np.zeros(price.shape, bool)
        flat = np.argsort(price, axis=None)[:_BATCH * windows // 4 + 1]
        flat = flat[price.ravel()[flat] < -_PRICE_TOLERANCE * (1.0 + abs(result.objective))]
        entering.ravel()[flat] = True
        return entering


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    columns: tuple[Array, ...]
    n_shares: int
    x: Array
    objective: float
    multipliers: Array
