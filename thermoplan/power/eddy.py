"""Eddy currents of the drive field in tissue: they heat the whole body, and no gradient confines them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..anatomy.anatomy import Anatomy
from ..anatomy.tissue import Tissue
from ..base.arrays import Array, freeze, put, unit
from ..base.errors import InputError, SolverError
from ..fem import linear

LOCAL_M3 = 1e-8
"""Volume of the local value: the mean over the hottest 10 mm3 of the body, wherever they lie, node by node, since
single elements scatter."""
_EPS0 = 8.8541878128e-12
"""Permittivity of vacuum, F/m."""
_TOLERANCE = 1e-6
"""Relative residual of the solution; heat goes with the square of the field, and the error of the mesh is far larger. A
smaller one costs iterations in proportion to its logarithm."""
_MOST_ITERATIONS = 3000
"""Iterations beyond which the solution counts as not converged; they grow as the number of elements along the body."""
_GAUSS_POINTS = 8
"""Points of the integral that makes a potential of a field: exact for harmonics up to degree 15."""
_ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class EddyPower:
    """Power of eddy currents in the body while the drive is on.

    Parameters
    ----------
    density_w_m3
        ``(m,)`` mean over a period in each element, at the peak amplitude ``amplitude_t``.
    load_w
        ``(n,)`` integral of the density times each node's shape function.
    mean_w_kg, local_w_kg
        Whole body, and the hottest 10 mm3.
    """

    density_w_m3: Array
    load_w: Array
    amplitude_t: float
    frequency_hz: float
    mean_w_kg: float
    local_w_kg: float
    iterations: int

    def __post_init__(self) -> None:
        put(self, density_w_m3=freeze(self.density_w_m3), load_w=freeze(self.load_w))

    @property
    def power_w(self) -> float:
        """Power in the whole body."""
        return float(self.load_w.sum())

    def scaled(self, amplitude_t: float) -> EddyPower:
        """The same at another amplitude: power goes with its square."""
        s = (amplitude_t / self.amplitude_t) ** 2
        return replace(
            self,
            density_w_m3=s * self.density_w_m3,
            load_w=s * self.load_w,
            amplitude_t=amplitude_t,
            mean_w_kg=s * self.mean_w_kg,
            local_w_kg=s * self.local_w_kg,
        )


def eddy_power(
    anatomy: Anatomy,
    tissues: Sequence[Tissue],
    *,
    frequency_hz: float,
    amplitude_t: float,
    drive_axis: Array,
    gauge: Array | None = None,
) -> EddyPower:
    """Induced power in a uniform drive field of peak ``amplitude_t`` along ``drive_axis`` ``(3,)``.

    ``gauge`` ``(3, 3)``, symmetric, adds ``gauge @ x`` (in tesla) to the vector potential; heat does not
    depend on it but for the error of the mesh.
    """
    potential = _vector_potential(anatomy, amplitude_t * unit(drive_axis, "drive axis"), gauge)
    return induced_power(anatomy, tissues, frequency_hz=frequency_hz, amplitude_t=amplitude_t, potential_t_m=potential)


def field_potential_t_m(field_t: Callable[[Array], Array], points_m: Array, center_m: Array | None = None) -> Array:
    """Vector potential ``(n, 3)`` of a field without divergence, ``points (n, 3) -> tesla (n, 3)``.

    The integral of s B(c + s r) x r over s from 0 to 1, r from a centre c in the body: its curl is B.
    Another centre is another gauge.
    """
    center = points_m.mean(axis=0) if center_m is None else center_m
    r = points_m - center
    at, weight = np.polynomial.legendre.leggauss(_GAUSS_POINTS)
    s = 0.5 * (at + 1.0)
    result: Array = sum(0.5 * w * x * np.cross(field_t(center + x * r), r) for x, w in zip(s, weight, strict=True))
    return result


def induced_power(
    anatomy: Anatomy,
    tissues: Sequence[Tissue],
    *,
    frequency_hz: float,
    amplitude_t: float,
    potential_t_m: Array,
) -> EddyPower:
    """Induced power of a drive field with vector potential ``(m, 3)`` at the middle of each element, in T m.

    E = -i omega (A - grad psi) with div kappa (A - grad psi) = 0 in the body, no current through the skin,
    kappa = sigma + i omega eps: the body's own field is neglected, which holds where the skin depth (1.3 m
    in muscle at 354 kHz) is far beyond the body. ``tissues`` has one entry a region, at this frequency;
    ``amplitude_t`` is the amplitude of the potential's field.
    """
    _check_drive(anatomy, tissues, frequency_hz, amplitude_t)
    omega = 2.0 * np.pi * frequency_hz
    sigma = np.array([t.electrical_conductivity_s_m for t in tissues])[anatomy.region]
    kappa = sigma + 1j * omega * _EPS0 * np.array([t.relative_permittivity for t in tissues])[anatomy.region]
    potential = potential_t_m
    gradients = linear.gradients(anatomy)
    pull = np.einsum("mak,mk->ma", gradients, potential) * (kappa * anatomy.volumes_m3)[:, None]
    load = _sum_to_nodes(anatomy, pull)
    matrix = linear.stiffness(anatomy, kappa.real) + 1j * linear.stiffness(anatomy, kappa.imag)
    psi, iterations = _solve_symmetric(csr_array(matrix), load)
    field = potential - np.einsum("mak,ma->mk", gradients, psi[anatomy.tets])
    density = 0.5 * sigma * omega**2 * (np.abs(field) ** 2).sum(axis=1)
    return _total_power(anatomy, tissues, density, (amplitude_t, frequency_hz, iterations))


def _check_drive(anatomy: Anatomy, tissues: Sequence[Tissue], frequency_hz: float, amplitude_t: float) -> None:
    """Refuse a list of tissues that is not one a region, and a drive of zero."""
    if len(tissues) != len(anatomy.region_names):
        raise InputError(f"eddy currents: expected {len(anatomy.region_names)} tissues, got {len(tissues)}")
    if not (frequency_hz > 0.0 and amplitude_t > 0.0):
        raise InputError(
            f"eddy currents: expected frequency and amplitude above zero, got {frequency_hz:g} Hz and {amplitude_t:g} T"
        )


def _vector_potential(anatomy: Anatomy, field_t: Array, gauge: Array | None) -> Array:
    """Vector potential ``(m, 3)`` in T m at the middle of each element, B x r / 2 about the middle of the body."""
    r = anatomy.centroids_m - anatomy.points_m.mean(axis=0)
    added = 0.0 if gauge is None else r @ (np.asarray(gauge) + np.asarray(gauge).T) / 2.0
    return np.cross(field_t, r) / 2.0 + added


def _sum_to_nodes(anatomy: Anatomy, per_corner: _ComplexArray) -> _ComplexArray:
    """Sums at the nodes of values ``(m, 4)`` at the corners of elements."""
    at, n = anatomy.tets.ravel(), len(anatomy.points_m)
    real, imag = (np.bincount(at, part.ravel(), n) for part in (per_corner.real, per_corner.imag))
    return real + 1j * imag


def _solve_symmetric(matrix: csr_array, load: _ComplexArray) -> tuple[_ComplexArray, int]:
    """Conjugate gradients without conjugation, for a complex symmetric matrix, scaled by its diagonal.

    The load sums to zero, so the constants that the matrix does not see stay out of every direction.
    """
    scale = 1.0 / np.sqrt(matrix.diagonal())
    matrix = csr_array(matrix.multiply(scale[:, None]).multiply(scale))
    x, r = np.zeros_like(load), scale * load
    p, rr, goal = r.copy(), r @ r, _TOLERANCE**2 * np.vdot(r, r).real
    for iteration in range(_MOST_ITERATIONS):
        if np.vdot(r, r).real <= goal:
            return scale * x, iteration
        q = matrix @ p
        step = rr / (p @ q)
        x += step * p
        r -= step * q
        rr, before = r @ r, rr
        p *= rr / before
        p += r
    left = _TOLERANCE * np.sqrt(np.vdot(r, r).real / goal)
    raise SolverError(f"eddy currents: {_MOST_ITERATIONS} iterations left a relative residual of {left:.2g}")


def _total_power(
    anatomy: Anatomy, tissues: Sequence[Tissue], density: Array, drive: tuple[float, float, int]
) -> EddyPower:
    """Loads and specific powers of a density ``(m,)``; ``drive`` is amplitude, frequency and iterations."""
    mass = np.array([t.density_kg_m3 for t in tissues])[anatomy.region] * anatomy.volumes_m3
    load = linear.lumped_load(anatomy, density)
    at_node = load / np.bincount(anatomy.tets.ravel(), np.repeat(mass / 4.0, 4), len(load))
    hottest = np.argsort(-at_node)
    upto = np.minimum(np.cumsum(anatomy.node_volumes_m3[hottest]), LOCAL_M3)
    local = np.diff(upto, prepend=0.0) @ at_node[hottest] / upto[-1]
    amplitude_t, frequency_hz, iterations = drive
    return EddyPower(density, load, amplitude_t, frequency_hz, float(load.sum() / mass.sum()), float(local), iterations)
