"""The reduced model: step responses of all columns, their principal shapes, and those in modal form.

Columns of a heating basis resemble each other, and the heat that each leaves behind resembles them ever more as
conduction blurs it. So the loads are first compressed to principal loads; their step responses are followed
for a few seconds, exactly; what still changes then is compressed again and followed for longer; and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh

from ...base.arrays import Array, IntArray, freeze, put
from ...base.errors import InputError, SolverError
from ..linalg.krylov import Operator, build_space, operator
from ..linalg.phi import decay, phi1
from ..system import ThermalSystem
from .compression import (
    Room,
    combine_rows,
    compress_rows,
    pieces,
    principal_combinations,
    products,
    rows_of,
    with_space,
)

STAGES_S = (60.0, 300.0)
"""Times after which step responses are compressed again. Each stage costs a compression and saves Krylov spaces, as
fewer rows are followed; at twice these times more rows would be followed for longer."""
LONG_ENOUGH = 0.7
"""Of the session, the time up to which a stage may end, as a short last one is not worth a compression."""
FIRST_SNAPSHOTS = 6
"""Snapshots of the first stage, in which responses change shape most; twice as many double its compression."""
SNAPSHOTS = 3
"""Snapshots of each later stage."""
FIRST_SNAPSHOT_S = 1.0
"""First snapshot: heat has then moved about the width of an element."""
FIRST_OF_SHORT = 0.25
"""Of a short first stage, its first snapshot."""
FIRST_OF_LATER = 0.125
"""Of a later stage, its first snapshot."""
LOAD_TOLERANCE = 2e-3
"""Relative length of principal loads that are left out; at twice as much, what is left out shows beside the tolerance
of a model of 200 modes."""
RESPONSE_TOLERANCE_K = 2e-3
"""Error of a step response of a load at full share, well below a model's error of some millikelvin."""
SHAPE_TOLERANCE = 3e-5
"""Relative length of principal shapes that are left out; the modes that are taken are far longer."""
EARLY = 0.25
"""Snapshots count by their time to the power of minus this: the early ones are small, but as wrong in kelvin."""
MORE = (1.0, 1.25, 1.5)
"""Factors on the number of modes that are tried until the tolerance is kept."""
WORST_COLUMN_S = 60.0
"""Time for which the worst column is followed by the full model: later, conduction has smoothed what the modes miss."""
EXACT_SHARE = 0.1
"""Of the tolerance of responses, that of the response which the worst column is held against."""
MOST_SPACES = 400
"""Krylov spaces of one response before its mesh counts as too fine for it."""
AT_ONCE = 32
"""Rows of a basis whose products with the matrix are held; twice as many take twice the memory and save nothing."""
TRIALS = 6
"""Random sequences that two models are compared over; the largest difference grows little with more."""
WINDOWS = 10
"""Windows of a random sequence."""
FOCI = 4
"""Columns that share a window of a random sequence."""
AFTER_SWITCH = (0.002, 0.01, 0.03, 0.1)
"""Times after a switch, in parts of the session, of which one is looked at in each window."""
Galerkin = tuple[Array, Array, Array]
"""Rates ``(r,)``, modes ``(rows, r)`` in a basis, and inputs ``(n_columns, r)`` of a model."""


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
            put(self, **{name: freeze(getattr(self, name))})

    @property
    def size(self) -> int:
        return len(self.rates_1_s)

    def response(self, window_edges_s: Array, times_s: Array) -> Array:
        """Response ``(n_times, n_windows, r)`` of each mode at each time to unit input during a window."""
        edges, times = np.asarray(window_edges_s, float), np.asarray(times_s, float)
        since = np.maximum(times[:, None] - edges[None, :], 0.0)
        risen = phi1(self.rates_1_s, since.ravel()).reshape(*since.shape, self.size)
        return risen[:, :-1] - risen[:, 1:]

    def states(self, shares: Array, window_edges_s: Array, times_s: Array) -> Array:
        """``z (n_times, r)`` for shares ``(n_windows, n_columns)`` that are constant in each window."""
        result: Array = np.einsum(
            "twr,wr->tr", self.response(window_edges_s, times_s), np.asarray(shares) @ self.inputs
        )
        return result

    def exchanging(self, dof: int, exchange_w_k: float) -> ReducedModel:
        """The same with heat that leaves one dof with each kelvin of its rise, such as the blood's by a regulator.

        A Galerkin model of the same modes: the exchange couples them, and they are turned to those that are alone.
        """
        coupling = exchange_w_k * np.outer(self.modes[dof], self.modes[dof])
        rates, turn = eigh(np.diag(self.rates_1_s) + coupling)
        return replace(
            self, rates_1_s=np.maximum(rates, 0.0), modes=self.modes @ turn, inputs=np.asarray(self.inputs) @ turn
        )

    def temperature(self, shares: Array, window_edges_s: Array, times_s: Array, rows: IntArray | None = None) -> Array:
        """Temperatures ``(n_times, n_rows)`` in degC at the dofs ``rows``, all of them if None."""
        chosen = slice(None) if rows is None else rows
        return self.base_c[chosen] + self.states(shares, window_edges_s, times_s) @ self.modes[chosen].T


def reduced_model(
    system: ThermalSystem,
    load_w: Array,
    duration_s: float,
    *,
    n_modes: int = 200,
    tolerance_k: float = np.inf,
    engine: Operator | None = None,
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
    projected = _Projected.of(op, basis, rates)
    for size in sizes:
        small, large = (projected.modal(min(r, len(basis))) for r in (size, 2 * size))
        error = max(
            _largest_difference_k(small, large, op, basis, float(duration_s)),
            _worst_column_k(small, op, basis, rates, float(duration_s)),
        )
        if error <= tolerance_k:
            break
    rate, vectors, entry = small
    modes = np.empty((basis.shape[1], len(rate)))
    for piece in pieces(len(modes)):
        modes[piece] = (rows_of(basis[: len(vectors)])(piece).T @ vectors) / op.root_capacity[piece, None]
    return ReducedModel(rate, modes, entry, system.base_c, error)


def _basis(op: Operator, rates: Array, duration_s: float, most: int) -> Room:
    """Orthogonal rows ``(r, n)`` that hold the step responses of all loads, the most important first."""
    rates, risen, held = rates.copy(), np.zeros_like(rates), 0
    room = np.empty((len(rates) * (FIRST_SNAPSHOTS + 1), rates.shape[1]), np.float32)
    stages = _stages(duration_s)
    weights = [(start + times) ** -EARLY for start, times in stages]
    for i, (_, times) in enumerate(stages):
        mix, alive = principal_combinations(rates @ rates.T, LOAD_TOLERANCE)
        for rows in (rates, risen):
            combine_rows(mix, rows_of(rows), rows)
        settled = np.linalg.norm(np.concatenate(weights[i:])) * risen[alive:]
        rates, risen = rates[:alive], risen[:alive]
        room = with_space(room, held, len(settled) + alive * len(times))
        room[held : held + len(settled)] = settled
        held += len(settled)
        held += _stage(op, rates, risen, (times, weights[i]), room[held:])
    return room[: compress_rows(rows_of(room[:held]), room, SHAPE_TOLERANCE, most)]


def _stages(duration_s: float) -> list[tuple[float, Array]]:
    """Start of each stage, and the times of its snapshots since then."""
    edges = [0.0, *(t for t in STAGES_S if t < LONG_ENOUGH * duration_s), duration_s]
    return [(start, _snapshot_times(end - start, first=start == 0.0)) for start, end in pairwise(edges)]


def _snapshot_times(span_s: float, *, first: bool) -> Array:
    """Times of the snapshots of a stage since its start."""
    if first:
        return np.geomspace(min(FIRST_SNAPSHOT_S, FIRST_OF_SHORT * span_s), span_s, FIRST_SNAPSHOTS)
    return np.geomspace(FIRST_OF_LATER * span_s, span_s, SNAPSHOTS)


def _stage(op: Operator, rates: Array, risen: Array, when: tuple[Array, Array], room: Room) -> int:
    """Put the principal shapes of the step responses into the head of a room; how many there are.

    Rates of change and rises ``(p, n)`` are those at the start of the stage, and then those at its end; ``when`` are
    the times of the snapshots since its start, and their weights.
    """
    times, weights = when
    shot, count = np.empty((len(times) + 1, rates.shape[1])), len(rates) * len(times)
    for i, rate in enumerate(rates):
        _response(op, rate, times, RESPONSE_TOLERANCE_K, out=shot)
        shot[:-1] += risen[i]
        rates[i], risen[i] = shot[-1], shot[-2]
        np.multiply(shot[:-1], weights[:, None], out=room[i * len(times) : (i + 1) * len(times)], casting="same_kind")
    return compress_rows(rows_of(room[:count]), room, SHAPE_TOLERANCE)


def _response(op: Operator, rate: Array, times: Array, tolerance_k: float, out: Array | None = None) -> Array:
    """Rises ``(k + 1, n)`` at rising times of a rate of change that is there at 0, and what is left of it at the last;
    one space where memory holds it, else as many as it takes."""
    found = np.empty((len(times) + 1, len(rate))) if out is None else out
    risen, begun = np.zeros_like(rate), 0.0
    for _ in range(MOST_SPACES):
        space = build_space(op, rate, times[-1] - begun, tolerance=tolerance_k)
        reach, ritz = space.reach, space.rates_1_s
        whole = reach >= times[-1] - begun
        now = (times > begun) & (whole | (times <= begun + reach))
        asked = np.append(times[now] - begun, [] if whole else reach)
        weights = space.weights(np.concatenate([phi1(ritz, asked), decay(ritz, [reach])]))
        if whole:
            rows = np.matmul(weights, space.basis, out=found[-len(weights) :])
            if begun:
                rows[:-1] += risen
            return found
        rows = weights @ space.basis
        found[:-1][now], rate = risen + rows[: now.sum()], rows[-1]
        risen, begun = risen + rows[-2], begun + reach
    raise SolverError(
        f"reduced model: a step response: {MOST_SPACES} Krylov spaces, the last of {len(ritz)} vectors, "
        f"reach {begun:.1e} s of {times[-1]:.3g} s: the mesh has elements far too small"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Projected:
    """The full model seen by the rows of a basis: their products with each other ``(r, r)``, with ``A`` between them,
    and with the loads ``(n_columns, r)``."""

    gram: Array
    stiffness: Array
    inputs: Array

    @classmethod
    def of(cls, op: Operator, basis: Room, rates: Array) -> _Projected:
        rows, width = rows_of(basis), basis.shape[1]
        stiffness, some = np.empty((len(basis), len(basis))), np.empty((AT_ONCE, width))
        for start in range(0, len(basis), AT_ONCE):
            end = min(start + AT_ONCE, len(basis))
            for i in range(start, end):
                some[i - start] = op @ basis[i]
            stiffness[:end, start:end] = products(rows_of(basis[:end]), rows_of(some[: end - start]), width)
            stiffness[start:end, :start] = stiffness[:start, start:end].T
        return cls(products(rows, rows, width), stiffness, products(rows_of(rates), rows, width))

    def modal(self, size: int) -> Galerkin:
        """Rates, modes ``(size, r)`` in the basis, and inputs of the Galerkin model of its first ``size`` rows.

        These are orthogonal but for rounding, which counts where they are short; the modes are to the last digit.
        """
        values, vectors = eigh(self.stiffness[:size, :size], self.gram[:size, :size])
        return np.maximum(values, 0.0), vectors, self.inputs[:, :size] @ vectors


def _trials(n_columns: int, duration_s: float) -> Iterator[tuple[Array, Array, Array]]:
    """Random sequences: shares of the columns, edges of the windows, and times just after switches and between."""
    rng = np.random.default_rng(0)
    edges = np.linspace(0.0, duration_s, WINDOWS + 1)
    for _ in range(TRIALS):
        shares = np.zeros((WINDOWS, n_columns))
        for row in shares:
            row[rng.integers(n_columns, size=FOCI)] += rng.dirichlet(np.ones(FOCI))
        after = rng.choice(AFTER_SWITCH, WINDOWS) * duration_s
        yield shares, edges, edges[:-1] + after


def _largest_difference_k(small: Galerkin, large: Galerkin, op: Operator, basis: Room, duration_s: float) -> float:
    """Difference of two models, the largest over the trials."""
    found = []
    for shares, edges, times in _trials(len(small[2]), duration_s):
        apart = np.zeros((len(times), len(basis)))
        for sign, (rates, vectors, inputs) in ((1.0, small), (-1.0, large)):
            model = ReducedModel(rates, np.zeros((0, len(rates))), inputs, np.zeros(0), 0.0)
            apart[:, : len(vectors)] += sign * model.states(shares, edges, times) @ vectors.T
        found.append(apart)
    apart = np.concatenate(found)
    return max(
        float(np.abs(apart @ rows_of(basis)(piece) / op.root_capacity[piece]).max()) for piece in pieces(basis.shape[1])
    )


def _worst_column_k(small: Galerkin, op: Operator, basis: Room, rates: Array, duration_s: float) -> float:
    """Error of the step response of the column whose load lies farthest from the modes."""
    ritz, vectors, inputs = small
    worst = int((np.einsum("cn,cn->c", rates, rates) - (inputs**2).sum(axis=1)).argmax())
    times = _snapshot_times(min(WORST_COLUMN_S, duration_s), first=True)
    exact = _response(op, rates[worst], times, EXACT_SHARE * RESPONSE_TOLERANCE_K)[:-1]
    found = np.empty_like(exact)
    combine_rows((phi1(ritz, times) * inputs[worst]) @ vectors.T, rows_of(basis[: len(vectors)]), found)
    return op.largest_k(exact - found)
