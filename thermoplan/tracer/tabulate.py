"""Tabulation of a tracer's loss over the two bias components, for one amplitude, on the grid of a response table.

In ``s = b / (b + b0)`` the loss is smooth at both ends, so Chebyshev interpolation of a few hundred direct solves
is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..base.arrays import Array
from .magnetization import FIXED_AXIS, energy_kt

FINE = 512
"""Cells of the grid along each component of the bias. For twice as many the
bilinear error falls to a quarter and the memory rises to four times, 8 MB an amplitude."""
_NODES = (7, 13, 25, 49, 97, 193)
"""Chebyshev nodes along each component, each set within the next, so that no solve is lost when they are doubled."""
_TOLERANCE = 2e-3
"""Interpolation error of a size relative to its peak: measured SLPs scatter by tens of times as much. Half of it costs
another doubling of nodes where the loss changes fast, four times the solves."""
_NEGLIGIBLE = 1e-5
"""Share of the peak loss below which a size is left out: all of a distribution's together stay below the tolerance."""
_STRIDES = {"neel": 2, "blocked": 8}
"""Grid points between direct solves where no polynomial follows the loss; at twice as many a switching edge is placed
half as well, for a quarter of the solves."""
_NEAR = 16.0
"""Bias beyond the amplitude, in kT, up to which a table has the exact solution: farther out the effective field is
within 0.3 % of it."""
_COARSER = 4.0
"""Factor on the tolerance for the miss of the exact solution's coarser nodes: the finer ones miss a tenth of it or
less, and each costs a tenth of a second."""
SETTINGS = f"{FINE} {_NODES} {_COARSER} {_TOLERANCE} {_NEGLIGIBLE} {_STRIDES} {_NEAR}"
"""All that decides what a table holds besides the tracer and the field."""


def tabulate_loss(sizes: Array, amplitude: float, scale: float, model: str) -> tuple[Array, float]:
    """Loss per kg of iron on the fine grid, and the interpolation error relative to its peak.

    Each size is resolved to its own loss or to an even share of the whole, whichever is more.
    """
    s = np.arange(FINE) / FINE
    bias = scale * s / (1.0 - s)
    xi, lag, weight, barrier = sizes
    values, error = np.zeros((FINE + 1, FINE + 1)), 0.0
    peaks = weight * energy_kt(xi * amplitude, lag, model=model, barrier=barrier)
    allowed = _TOLERANCE * np.maximum(peaks, peaks.mean()) / weight
    kept = np.flatnonzero(peaks >= _NEGLIGIBLE * peaks.sum())
    points = [_Point(xi[i] * amplitude, lag[i], model, barrier[i]) for i in kept]
    layers: list[Iterable[tuple[Array, float]]]
    if model in FIXED_AXIS:
        layers = [(_switching_surface(point, xi[i] * bias) for point, i in zip(points, kept, strict=True))]
    elif model == "fokker-planck":
        closed = [replace(point, model="mrsh") for point in points]
        layers = [
            _smooth_surfaces(closed, xi[kept], bias, allowed[kept]),
            (
                (surface, miss / _COARSER)
                for surface, miss in _smooth_surfaces(points, xi[kept], bias, _COARSER * allowed[kept])
            ),
        ]
    else:
        layers = [_smooth_surfaces(points, xi[kept], bias, allowed[kept])]
    for surfaces in layers:
        for i, (surface, miss) in zip(kept, surfaces, strict=True):
            values[:-1, :-1] += weight[i] * surface
            error += weight[i] * miss
    return np.maximum(values, 0.0), error / max(values.max(), 1e-300)


@dataclass(frozen=True, slots=True)
class _Point:
    """One size at one amplitude. ``c0`` is the scale of its bias coordinate: the loss changes on the scales of the
    amplitude and, across the drive, of omega tau."""

    xi_a: float
    omega_tau: float
    model: str
    barrier: float

    @property
    def c0(self) -> float:
        return float(np.sqrt((self.xi_a + 2.0) * max(self.xi_a + 2.0, self.omega_tau)))


def _smooth_surfaces(points: list[_Point], xi: Array, bias: Array, allowed: Array) -> Iterator[tuple[Array, float]]:
    """Loss in kT of each size on the square of ``xi bias``, and its error; nodes are doubled until the new ones were
    predicted. All sizes that still change are solved together."""
    known = [np.zeros((0, 0))] * len(points)
    errors = np.full(len(points), np.inf)
    active = list(range(len(points)))
    for count in _NODES:
        fine = _solve_nodes([points[i] for i in active], count, [known[i] for i in active])
        for i, values in zip(active, fine, strict=True):
            if len(known[i]):
                lift = _barycentric_matrix(_chebyshev_nodes(count), _chebyshev_nodes(len(known[i])))
                errors[i] = float(np.abs(lift @ known[i] @ lift.T - values).max())
            known[i] = values
        active = [i for i in active if errors[i] >= allowed[i]]
        if not active:
            break
    for point, coarse, moment, error in zip(points, known, xi, errors, strict=True):
        lift = _barycentric_matrix(moment * bias / (moment * bias + point.c0), _chebyshev_nodes(len(coarse)))
        yield lift @ coarse @ lift.T, float(error)


def _switching_surface(point: _Point, xi_bias: Array) -> tuple[Array, float]:
    """Loss of bound particles, solved on a part of the grid: they switch at edges, which no polynomial follows."""
    rows = np.arange(0, len(xi_bias), _STRIDES[point.model])
    knots = xi_bias[rows]
    coarse = energy_kt(
        point.xi_a, point.omega_tau, knots[:, None], knots[None, :], model=point.model, barrier=point.barrier
    )
    place = np.interp(np.arange(len(xi_bias)), rows, np.arange(len(rows)))
    fine = ndimage.map_coordinates(coarse, np.meshgrid(place, place, indexing="ij"), order=1)
    inner = 0.5 * (coarse[:-2, 1:-1] + coarse[2:, 1:-1])
    return fine, float(np.abs(inner - coarse[1:-1, 1:-1]).max()) / 4.0


def _solve_nodes(points: list[_Point], count: int, known: list[Array]) -> list[Array]:
    """Loss of each size on the square of its Chebyshev nodes; those of half the count are taken over."""
    s = _chebyshev_nodes(count)[:-1]
    todo = np.ones((count - 1, count - 1), bool)
    if len(known[0]):
        todo[::2, ::2] = False
    row, column = np.nonzero(todo)
    bias = np.array([point.c0 for point in points])[:, None] * (s / (1.0 - s))
    names = ("xi_a", "omega_tau", "barrier")
    fields = [np.array([getattr(point, name) for point in points])[:, None] for name in names]
    new = _loss_kt(points[0].model, fields[0], fields[1], bias[:, row], bias[:, column], fields[2])
    found = []
    for values, before in zip(new, known, strict=True):
        energy = np.zeros((count, count))
        if len(before):
            energy[::2, ::2] = before
        energy[row, column] = values
        found.append(energy)
    return found


def _loss_kt(model: str, *fields: Array) -> Array:
    """Loss in kT; of the exact solution its excess over the effective field's, which is small and smooth and so needs
    few of the slow solves."""
    xi_a, omega_tau, along, across, barrier = np.broadcast_arrays(*fields)
    if model != "fokker-planck":
        return energy_kt(xi_a, omega_tau, along, across, model=model, barrier=barrier)
    more, near = np.zeros(along.shape), np.hypot(along, across) <= xi_a + _NEAR
    args = [v[near] for v in (xi_a, omega_tau, along, across)]
    more[near] = energy_kt(*args, model=model) - energy_kt(*args)
    return more


def _chebyshev_nodes(count: int) -> Array:
    """Extrema of the Chebyshev polynomial on 0 to 1, rising."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1))


def _barycentric_matrix(x: Array, nodes: Array) -> Array:
    """Matrix ``(len(x), len(nodes))`` that interpolates from Chebyshev extrema [BerrutTrefethen2004]."""
    weight = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    weight[[0, -1]] *= 0.5
    gap = np.asarray(x)[:, None] - nodes
    hit = np.abs(gap) < 1e-14
    terms = weight / np.where(hit, 1.0, gap)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    rows = hit.any(axis=1)
    matrix[rows] = hit[rows]
    return matrix
