"""Exact loss of a rotating dipole: Fokker-Planck in spherical harmonics, periodic in time.

The orientation density is a sum of spherical harmonics that are even across the plane of bias and
drive. With a drive of one frequency its Fourier components couple to their neighbours only, so the
periodic state follows from a matrix continued fraction [CoffeyKalmykov2017]: no time stepping.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy import sparse
from scipy.linalg import lu_factor, lu_solve

from ...base.arrays import Array
from ...base.errors import SolverError
from .mrsh import mrsh_energy_kt

_LARGEST = 60
"""Largest degree of the harmonics, where the matrix of a biased point has 1,891 rows; at twice the degree it has 7,381,
a gigabyte, and takes 60 times as long."""
_GROWTH = 4
"""Degrees and harmonics that are added until the loss stays: with fewer it may stay by chance, with more the last
round, whose cost grows as the sixth power of the degree, goes farther than needed."""
FAR = 30.0
"""Bias beyond the amplitude, in kT, from which the effective field is taken: the two differ by less than 0.1 % there,
and the orders that the density needs grow without end."""


_Degree = tuple[int, int]
_Entry = tuple[_Degree, float]


def fokker_planck_energy_kt(
    xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array, *, rtol: float = 1e-4
) -> Array:
    """Loss per cycle and particle in kT; the orders grow until it changes by less than ``rtol``.

    A point costs milliseconds where the bias is along the drive and up to seconds elsewhere; beyond `FAR` it is that
    of the effective field.

    ``xi_a``, ``xi_par`` and ``xi_perp`` are amplitude and bias along and across the drive as ``m B / kT``,
    ``omega_tau`` is angular frequency times relaxation time; all have one shape, which is that of the result.
    """
    args = np.broadcast_arrays(xi_a, omega_tau, xi_par, xi_perp)
    points = np.stack([np.asarray(v, float).ravel() for v in args], axis=1)
    far = np.hypot(points[:, 2], points[:, 3]) > points[:, 0] + FAR
    energies = np.zeros(len(points))
    energies[far] = mrsh_energy_kt(*points[far].T)
    energies[~far] = [_converge(tuple(point), rtol) for point in points[~far].tolist()]
    return energies.reshape(args[0].shape)


def _converge(point: tuple[float, float, float, float], rtol: float) -> float:
    """Loss of one point, with orders that grow until it stays."""
    xi_a, _, par, perp = point
    if xi_a == 0.0:
        return 0.0
    order = 6 + int(3.0 * np.sqrt(np.hypot(xi_a + par, perp)))
    harmonics = 6 + int(xi_a)
    before = np.inf if order > _LARGEST else loss_kt(*point, order=order, harmonics=harmonics)
    while order <= _LARGEST:
        order, harmonics = order + _GROWTH, harmonics + _GROWTH
        now = loss_kt(*point, order=order, harmonics=harmonics)
        if abs(now - before) <= rtol * abs(now) + 1e-9 * xi_a:
            return now
        before = now
    raise SolverError(
        f'Fokker-Planck: order {_LARGEST} is not enough at (xi_a, omega tau, bias) = {point}: take model = "mrsh"'
    )


def loss_kt(xi_a: float, omega_tau: float, xi_par: float, xi_perp: float, *, order: int, harmonics: int) -> float:
    """Loss with spherical harmonics up to ``order`` and ``harmonics`` of the drive, unchecked.

    ``(i n omega tau - K) c_n = (xi_a / 2) Z (c_{n-1} + c_{n+1})``, K the decay and the bias, Z the
    drive; ``c_n = S_n c_{n-1}`` from the highest n down, and a real system for n = 0.
    """
    decay, along, across = _operators(order, xi_perp == 0.0)
    steady = (decay + xi_par * along + xi_perp * across).toarray()
    drive = (0.5 * xi_a * along).toarray()
    ratio = np.zeros_like(drive, dtype=complex)
    identity = np.eye(len(drive))
    for n in range(harmonics, 0, -1):
        matrix = 1j * n * omega_tau * identity - steady - drive @ ratio
        ratio = lu_solve(lu_factor(matrix, check_finite=False), drive, check_finite=False)
    mean = steady + 2.0 * (drive @ ratio.real)
    state = np.zeros(len(drive))
    state[0] = 1.0
    state[1:] = np.linalg.solve(mean[1:, 1:], -mean[1:, 0])
    first = (ratio @ state)[1] / np.sqrt(3.0)
    return float(-2.0 * np.pi * xi_a * first.imag)


@functools.lru_cache(maxsize=32)
def _operators(order: int, collinear: bool) -> tuple[sparse.csr_array, ...]:
    """Decay, and the torque of a unit field along z and x, acting on the coefficients.

    ``c_k' = (1/2) [-l(l+1) c_k + sum_j (2 + l_k(l_k+1) - l_j(l_j+1))/2 U_kj c_j]`` with U the matrix of
    the direction cosine; row 1 is (l, m) = (1, 0).
    """
    index = [(l, m) for l in range(order + 1) for m in range((0 if collinear else l) + 1)]
    place = {lm: i for i, lm in enumerate(index)}
    l = np.array([lm[0] for lm in index], float)
    strength = l * (l + 1.0)
    decay = sparse.diags_array(-0.5 * strength).tocsr()
    z = _cosine_matrix(place, _z_neighbours)
    x = _cosine_matrix(place, _x_neighbours)
    return decay, _torque(z, strength), _torque(x, strength)


def _torque(cosine: sparse.coo_array, strength: Array) -> sparse.csr_array:
    """Matrix of the torque of a unit field whose direction cosine is given."""
    row, column = cosine.coords
    weight = 0.25 * (2.0 + strength[row] - strength[column])
    return sparse.coo_array((weight * cosine.data, (row, column)), cosine.shape).tocsr()


def _cosine_matrix(
    place: Mapping[_Degree, int], neighbours: Callable[[int, int], Iterator[_Entry]]
) -> sparse.coo_array:
    """Symmetric matrix of a direction cosine from its entries above the diagonal."""
    entries = [
        (place[upper], place[lower], value) for lower in place for upper, value in neighbours(*lower) if upper in place
    ]
    row, column, value = (np.array(v) for v in zip(*entries, strict=True)) if entries else ([], [], [])
    rows, columns = np.concatenate([row, column]), np.concatenate([column, row])
    shape = (len(place), len(place))
    return sparse.coo_array((np.concatenate([value, value]), (rows.astype(int), columns.astype(int))), shape)


def _z_neighbours(l: int, m: int) -> Iterator[_Entry]:
    """Entries of cos(theta) that raise (l, m)."""
    yield (l + 1, m), np.sqrt(((l + 1) ** 2 - m**2) / ((2 * l + 1) * (2 * l + 3)))


def _x_neighbours(l: int, m: int) -> Iterator[_Entry]:
    """Entries of sin(theta) cos(phi) that raise (l, m)."""
    half = np.sqrt(0.5) if m == 0 else 0.5
    yield (l + 1, m + 1), half * np.sqrt((l + m + 1) * (l + m + 2) / ((2 * l + 1) * (2 * l + 3)))
    if l > 0:
        yield (l - 1, m + 1), -half * np.sqrt((l - m) * (l - m - 1) / ((2 * l - 1) * (2 * l + 1)))
