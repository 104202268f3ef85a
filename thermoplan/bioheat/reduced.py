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
from scipy.linalg import eigh

from ..arrays import Array, IntArray, frozen, put
from ..errors import InputError, SolverError
from .krylov import Operator, decay, grown, operator, phi1
from .system import ThermalSystem

STAGES_S = (10.0, 60.0, 300.0)
SNAPSHOTS = 4
LOAD_TOLERANCE = 1e-3
RESPONSE_TOLERANCE_K = 1e-3
SHAPE_TOLERANCE = 1e-5
EARLY = 0.25
"""Snapshots count by their time to the power of minus this: the early ones are small, but as wrong in kelvin."""
MORE = (1.0, 1.25, 1.5)
WORST_COLUMN_S = 60.0
MOST_SPACES = 400


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
    system: ThermalSystem, load_w: Array, duration_s: float, *, n_modes: int = 200, tolerance_k: float = np.inf,
    engine: Operator | None = None
) -> ReducedModel:
    """Reduce the full model to ``n_modes`` for any sequence of the loads up to ``duration_s``.

    Parameters
    ----------
    load_w
        ``(n_columns, n_nodes)`` nodal power of each column at full share.
    tolerance_k
        Where the estimated error is larger, up to half as many modes again are taken.
    """
    loads = system.loads(load_w)
    if not loads.any():
        raise InputError("reduced model: no column heats anything")
    op = engine or operator(system.stiffness, system.capacity_j_k)
    rates = loads / op.root_capacity
    sizes = [n_modes] if tolerance_k == np.inf else [round(n_modes * more) for more in MORE]
    basis = _basis(op, rates, float(duration_s), 2 * sizes[-1])
    projected, inputs = basis @ np.array([op @ row for row in basis]).T, rates @ basis.T
    for size in sizes:
        small, large = (_modal(projected, inputs, min(r, len(basis))) for r in (size, 2 * size))
        error = max(_difference(small, large, op, basis, float(duration_s)),
                    _worst_column(small, op, basis, rates, float(duration_s)))
        if error <= tolerance_k:
            break
    rate, vectors, entry = small
    modes = (vectors.T @ basis[: len(vectors)]).T / op.root_capacity[:, None]
    return ReducedModel(rate, modes, entry, system.base_c, error)


def _turned(rows: Array, tolerance: float) -> tuple[Array, int]:
    """Orthonormal combinations of the rows ``(p, p)``, a column each, the longest first; the fewest of them that leave
    no row with more than tolerance times the longest."""
    values, vectors = eigh(rows @ rows.T)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    left = np.cumsum((vectors**2 * values)[:, ::-1], axis=1)[:, ::-1].max(axis=0)
    return vectors, max(1, int((left > tolerance**2 * left[0]).sum()))


def _principal(rows: Array, tolerance: float) -> Array:
    vectors, keep = _turned(rows, tolerance)
    return vectors[:, :keep].T @ rows


def _basis(op: Operator, rates: Array, duration_s: float, most: int) -> Array:
    """Orthonormal rows ``(r, n)`` that hold the step responses of all loads, the most important first."""
    kept, risen = [], np.zeros_like(rates)
    stages = _stages(duration_s)
    weights = [(start + times) ** -EARLY for start, times in stages]
    for i, (_, times) in enumerate(stages):
        vectors, alive = _turned(rates, LOAD_TOLERANCE)
        risen, rates = vectors.T @ risen, vectors[:, :alive].T @ rates
        settled = np.linalg.norm(np.concatenate(weights[i:])) * risen[alive:]
        rises, rates = _stage(op, rates, times)
        rises += risen[:alive, None]
        risen = rises[:, -1].copy()
        rises *= weights[i][:, None]
        kept += [settled, _principal(rises.reshape(-1, rates.shape[1]), SHAPE_TOLERANCE)]
    return _orthonormal(_principal(np.concatenate(kept), SHAPE_TOLERANCE)[:most])


def _stages(duration_s: float) -> list[tuple[float, Array]]:
    """When each stage starts, and its snapshots, counted from then."""
    edges = [0.0, *(t for t in STAGES_S if t < 0.7 * duration_s), duration_s]
    return [(start, _snapshot_times(end - start, first=start == 0.0)) for start, end in pairwise(edges)]


def _snapshot_times(span_s: float, *, first: bool) -> Array:
    return np.geomspace(min(1.0, span_s / 4.0) if first else span_s / 8.0, span_s, SNAPSHOTS)


def _stage(op: Operator, rates: Array, times: Array) -> tuple[Array, Array]:
    """Step responses ``(p, k, n)`` at the times, and the rate of change that is left at the last of them."""
    shots, left = np.empty((len(rates), len(times), rates.shape[1])), np.empty_like(rates)
    for i, rate in enumerate(rates):
        shots[i], left[i] = _response(op, rate, times, RESPONSE_TOLERANCE_K)
    return shots, left


def _response(op: Operator, rate: Array, times: Array, tolerance_k: float) -> tuple[Array, Array]:
    """Rises ``(k, n)`` at rising times of a rate of change that is there at 0, and what is left of it at the last; one
    space where memory holds it, else as many as it takes."""
    found, risen, begun = np.empty((len(times), len(rate))), np.zeros_like(rate), 0.0
    for _ in range(MOST_SPACES):
        space = grown(op, rate, times[-1] - begun, tolerance=tolerance_k)
        reach, ritz = space.reach, space.rates_1_s
        whole = reach >= times[-1] - begun
        now = (times > begun) & (whole | (times <= begun + reach))
        asked = np.append(times[now] - begun, [] if whole else reach)
        rows = space.weights(np.concatenate([phi1(ritz, asked), decay(ritz, np.array([reach]))])) @ space.basis
        found[now], rate = risen + rows[: now.sum()], rows[-1]
        if whole:
            return found, rate
        risen, begun = risen + rows[-2], begun + reach
    raise SolverError(f"reduced model: a step response: {MOST_SPACES} Krylov spaces, the last of {len(ritz)} vectors, "
                      f"reach {begun:.1e} s of {times[-1]:.3g} s: the mesh has elements far too small")


def _orthonormal(rows: Array) -> Array:
    """By Cholesky: principal rows are orthogonal but for rounding, which counts where they are short."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.linalg.inv(np.linalg.cholesky(rows @ rows.T)) @ rows


def _modal(projected: Array, inputs: Array, size: int) -> tuple[Array, Array, Array]:
    """Rates, modes ``(size, r)`` in the basis, and inputs of the Galerkin model of its first ``size`` rows."""
    values, vectors = eigh(projected[:size, :size])
    return np.maximum(values, 0.0), vectors, inputs[:, :size] @ vectors


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


def _difference(small, large, op: Operator, basis: Array, duration_s: float) -> float:
    """Of two models, largest over the trials."""
    found = []
    for shares, edges, times in _trials(len(small[2]), duration_s):
        apart = np.zeros((len(times), len(basis)))
        for sign, (rates, vectors, inputs) in ((1.0, small), (-1.0, large)):
            model = ReducedModel(rates, np.zeros((0, len(rates))), inputs, np.zeros(0), 0.0)
            apart[:, : len(vectors)] += sign * model.states(shares, edges, times) @ vectors.T
        found.append(apart)
    return op.largest_k(np.concatenate(found) @ basis)


def _worst_column(small, op: Operator, basis: Array, rates: Array, duration_s: float) -> float:
    """Error of the step response of the column whose load lies farthest from the modes."""
    ritz, vectors, inputs = small
    worst = int((np.einsum("cn,cn->c", rates, rates) - (inputs**2).sum(axis=1)).argmax())
    times = _snapshot_times(min(WORST_COLUMN_S, duration_s), first=True)
    exact, _ = _response(op, rates[worst], times, 0.1 * RESPONSE_TOLERANCE_K)
    found = (phi1(ritz, times) * inputs[worst]) @ vectors.T @ basis[: len(vectors)]
    return op.largest_k(exact - found)
