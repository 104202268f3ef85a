"""The reduced model: step responses of all columns, their principal shapes, and those in modal form.

Columns of a heating basis resemble each other, and the heat that each leaves behind resembles them ever more as
conduction blurs it. So the loads are first compressed to principal loads; their step responses are followed
for a few seconds, exactly; what still changes then is compressed again and followed for longer; and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh, solve_triangular

from ..arrays import Array, IntArray, frozen, put
from ..errors import InputError
from .krylov import Operator, decay, grown, operator, phi1
from .system import ThermalSystem

STAGES_S = (10.0, 60.0, 300.0)
SNAPSHOTS = 4
LOAD_TOLERANCE = 1e-3
RESPONSE_TOLERANCE_K = 1e-3
SHAPE_TOLERANCE = 1e-5
WORST_COLUMN_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class ReducedModel:
    """``rise(t) = modes @ z(t)`` with ``dz/dt = -rates z + inputs^T a`` for shares ``a`` of the columns.

    Parameters
    ----------
    rates_1_s
        ``(r,)``.
    modes
        ``(n_dof, r)``; the blood, where it is a state, is the last row.
    inputs
        ``(n_columns, r)``.
    base_c
        ``(n_dof,)`` steady state before heating.
    error_k
        Estimated largest error over nodes and times: the difference to a model of twice the size over random
        sequences of the columns, or the full model's for the column that the modes hold worst.
    """

    rates_1_s: Array
    modes: Array
    inputs: Array
    base_c: Array
    error_k: float

    def __post_init__(self) -> None:
        for name in ("rates_1_s", "modes", "inputs", "base_c"):
            put(self, **{name: frozen(getattr(self, name))})

    @property
    def size(self) -> int:
        return len(self.rates_1_s)

    def response(self, window_edges_s: Array, times_s: Array) -> Array:
        """``(n_times, n_windows, r)``: what unit input during a window has left in each mode at each time."""
        edges, times = np.asarray(window_edges_s, float), np.asarray(times_s, float)
        since = np.maximum(times[:, None] - edges[None, :], 0.0)
        grown_since = phi1(self.rates_1_s, since.ravel()).reshape(*since.shape, self.size)
        return grown_since[:, :-1] - grown_since[:, 1:]

    def states(self, shares: Array, window_edges_s: Array, times_s: Array) -> Array:
        """``z (n_times, r)`` for shares ``(n_windows, n_columns)`` that are constant in each window."""
        return np.einsum("twr,wr->tr", self.response(window_edges_s, times_s), np.asarray(shares) @ self.inputs)

    def temperature(
        self, shares: Array, window_edges_s: Array, times_s: Array, rows: IntArray | None = None
    ) -> Array:
        """Temperatures ``(n_times, n_rows)`` in degC at the dofs ``rows``, all of them if None."""
        chosen = slice(None) if rows is None else rows
        return self.base_c[chosen] + self.states(shares, window_edges_s, times_s) @ self.modes[chosen].T


def reduced_model(
    system: ThermalSystem, load_w: Array, duration_s: float, *, n_modes: int = 200, engine: Operator | None = None
) -> ReducedModel:
    """Reduce the full model to ``n_modes`` for any sequence of the loads up to ``duration_s``.

    Parameters
    ----------
    load_w
        ``(n_columns, n_nodes)`` nodal power of each column at full share.
    """
    loads = system.loads(load_w)
    if not loads.any():
        raise InputError("reduced model: no column heats anything")
    op = engine or operator(system.stiffness, system.capacity_j_k)
    rates = loads / op.root_capacity
    basis = _basis(op, rates, float(duration_s), 2 * n_modes)
    projected = basis @ np.array([op @ row for row in basis]).T
    inputs = rates @ basis.T
    small, large = (_modal(projected, inputs, basis, r) for r in (n_modes, 2 * n_modes))
    error = max(_difference(small, large, op, float(duration_s)),
                _worst_column(small, rates, op, float(duration_s)))
    rate, mode, entry = small
    return ReducedModel(rate, mode.T / op.root_capacity[:, None], entry, system.base_c, error)


def _principal(rows: Array, tolerance: float) -> Array:
    """Fewest combinations ``(p, n)`` of the rows that leave no row with more than tolerance times the longest."""
    values, vectors = eigh(rows @ rows.T)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    left = np.cumsum((vectors**2 * values)[:, ::-1], axis=1)[:, ::-1].max(axis=0)
    longest = left[0]
    keep = max(1, int((left > tolerance**2 * longest).sum()))
    return vectors[:, :keep].T @ rows


def _basis(op: Operator, rates: Array, duration_s: float, most: int) -> Array:
    """Orthonormal rows ``(r, n)`` that hold the step responses of all loads, the most important first."""
    kept = np.zeros((0, rates.shape[1]))
    edges = [0.0, *(t for t in STAGES_S if t < 0.7 * duration_s), duration_s]
    for start, end in pairwise(edges):
        rates = _principal(rates, LOAD_TOLERANCE)
        shots, rates = _stage(op, rates, _snapshot_times(end - start, first=start == 0.0))
        kept = _principal(np.concatenate([kept, shots]), SHAPE_TOLERANCE)
    return _orthonormal(kept[:most])


def _snapshot_times(span_s: float, *, first: bool) -> Array:
    return np.geomspace(min(1.0, span_s / 4.0) if first else span_s / 8.0, span_s, SNAPSHOTS)


def _stage(op: Operator, rates: Array, times: Array) -> tuple[Array, Array]:
    """Step responses at the times, and the rate of change that is left at the last of them."""
    shots, left = np.empty((len(rates), len(times), rates.shape[1])), np.empty_like(rates)
    for i, rate in enumerate(rates):
        space = grown(op, rate, times[-1], tolerance=RESPONSE_TOLERANCE_K)
        ritz = space.rates_1_s
        weights = space.weights(np.concatenate([phi1(ritz, times), decay(ritz, times[-1:])]))
        found = weights @ space.basis
        shots[i], left[i] = found[:-1], found[-1]
    return shots.reshape(-1, rates.shape[1]), left


def _orthonormal(rows: Array) -> Array:
    """Twice Cholesky: the first pass leaves what the rows' conditioning costs, the second removes it."""
    for _ in range(2):
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        gram = rows @ rows.T
        rows = solve_triangular(np.linalg.cholesky(gram + 1e-14 * np.eye(len(gram))), rows, lower=True)
    return rows


def _modal(projected: Array, inputs: Array, basis: Array, size: int) -> tuple[Array, Array, Array]:
    """Rates, modes ``(r, n)`` in scaled form, and inputs of the Galerkin model of the first ``size`` rows."""
    size = min(size, len(basis))
    values, vectors = eigh(projected[:size, :size])
    return np.maximum(values, 0.0), vectors.T @ basis[:size], inputs[:, :size] @ vectors


def _trials(n_columns: int, duration_s: float) -> Iterator[tuple[Array, Array, Array]]:
    """Random sequences: ten windows, each divided between four columns; times just after switches and between."""
    rng = np.random.default_rng(0)
    edges = np.linspace(0.0, duration_s, 11)
    for _ in range(6):
        shares = np.zeros((10, n_columns))
        for row in shares:
            row[rng.integers(n_columns, size=4)] += rng.dirichlet(np.ones(4))
        after = rng.choice([0.002, 0.01, 0.03, 0.1], 10) * duration_s
        yield shares, edges, edges[:-1] + after


def _difference(small, large, op: Operator, duration_s: float) -> float:
    worst = 0.0
    for shares, edges, times in _trials(len(small[2]), duration_s):
        rise = 0.0
        for sign, (rates, modes, inputs) in ((1.0, small), (-1.0, large)):
            model = ReducedModel(rates, modes[:, :0].T, inputs, np.zeros(0), 0.0)
            rise = rise + sign * model.states(shares, edges, times) @ modes
        worst = max(worst, float(np.abs(rise / op.root_capacity).max()))
    return worst


def _worst_column(small, rates: Array, op: Operator, duration_s: float) -> float:
    """Error of the step response of the column whose load lies farthest from the modes."""
    ritz, modes, inputs = small
    worst = int((np.einsum("cn,cn->c", rates, rates) - (inputs**2).sum(axis=1)).argmax())
    times = _snapshot_times(min(WORST_COLUMN_S, duration_s), first=True)
    space = grown(op, rates[worst], times[-1], tolerance=0.1 * RESPONSE_TOLERANCE_K)
    exact = space.weights(phi1(space.rates_1_s, times)) @ space.basis
    found = (phi1(ritz, times) * inputs[worst]) @ modes
    return float(np.abs((exact - found) / op.root_capacity).max())
