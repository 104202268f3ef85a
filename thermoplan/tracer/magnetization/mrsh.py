"""MRSh: the effective-field equation of a rotating dipole, solved for its periodic state.

The magnetization is that of equilibrium in an effective field y, ``m = L(|y|) y/|y|``
[MartsenyukRaikherShliomis1974]. In y the equation is a relaxation towards the true field xi,

    tau dy/dt = A (xi - y) along y + B (xi - y) across y,   A = L/(y L'),  B = (y - L)/(2 L),

with no inverse Langevin function. The period is cut into N equal steps, fourth-order Lobatto
collocation [Ascher1995] makes each an implicit 2 x 2 relation, and Newton's method closes the ring:
the cost does not grow with omega tau, as integrating until the transient dies would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, BoolArray, IntArray
from ...base.errors import SolverError
from .langevin import langevin_ratio

_FIRST_STEPS = 16
"""Steps of a period to begin with, which a weak drive needs; doubled while the loss changes."""
_MAX_STEPS = 4096
"""Steps of a period beyond which a point counts as not converged; each doubling costs as much as all before it."""
_SLOWEST = 1e4
"""Omega tau beyond which the loss is scaled as its inverse, which it follows there to 1e-8."""
_CHUNK = 96_000
"""Ring nodes solved at a time, for the Jacobians' size in memory. It does not move the result."""
_TINY = 1e-6
"""Squared field below which differences of nearly equal terms cancel; the limit at zero is reached to 1e-6 there."""
_FAR = 1e6
"""Squared field above which 1/y**2 is all that is left of L'."""
_ROUNDS = 25
"""Newton steps on the ring: a damped one enlarges a field by half at most, and undamped ones converge quadratically."""
_ORDER_FACTOR = 15
"""Ratio of the error before to that after the steps are doubled, less one: the order is four."""

_Field = tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class _Drive:
    """Fields of a batch of ``g`` points: ``xi(theta) = (par + a cos theta, perp)``."""

    xi_a: Array
    omega_tau: Array
    par: Array
    perp: Array

    def at(self, theta: Array) -> _Field:
        """Field along and across the drive at phases of the period, ``(steps, g)`` each."""
        along = self.par + self.xi_a * np.cos(theta)[:, None]
        return along, np.broadcast_to(self.perp, along.shape)

    def part(self, rows: IntArray) -> _Drive:
        """The batch of some points."""
        return _Drive(self.xi_a[rows], self.omega_tau[rows], self.par[rows], self.perp[rows])


def mrsh_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array, *, rtol: float = 5e-5) -> Array:
    """Loss per cycle and particle in kT.

    Parameters
    ----------
    xi_a, omega_tau, xi_par, xi_perp
        Amplitude, angular frequency times relaxation time, bias along and across the drive, as
        ``m B / kT``; one shape.
    rtol
        The steps are doubled until two solutions differ by less than 15 times this (the order is
        four) of the loss itself, or by less than ``1e-7 xi_a**2``.

    Returns
    -------
    Energies in the shape of ``xi_a``; beyond omega tau = 1e4 they fall as its inverse.
    Within 7 % of the exact Fokker-Planck solution for xi_a 1 to 12, omega tau 0.3 to 30, bias up to 10.
    """
    shape = np.shape(xi_a)
    flat = [np.array(np.broadcast_to(v, shape), float).ravel() for v in (xi_a, omega_tau, xi_par, xi_perp)]
    energy = np.zeros(flat[0].size)
    todo = np.flatnonzero(flat[0] > 0.0)
    slow = np.maximum(1.0, flat[1] / _SLOWEST)
    drive = _Drive(flat[0], flat[1] / slow, *flat[2:])
    size = max(1, _CHUNK // _FIRST_STEPS // 8)
    for start in range(0, len(todo), size):
        rows = todo[start : start + size]
        energy[rows] = _refine(drive.part(rows), rtol)
    return (energy / slow).reshape(shape)


def _refine(drive: _Drive, rtol: float) -> Array:
    """Double the steps of the points that still change, starting from the coarser solution."""
    energy = np.full(len(drive.xi_a), np.nan)
    left, y = np.arange(len(drive.xi_a)), _guess_ring(drive, _FIRST_STEPS)
    steps, coarse, floor = _FIRST_STEPS, None, 1e-7
    while len(left):
        if steps > _MAX_STEPS:
            raise SolverError(f"MRSh: {len(left)} points not converged with {_MAX_STEPS} steps per period")
        now = drive.part(left)
        y, middle, solved = _solve_ring(now, y, steps)
        fine = _loss(now, y)
        good = np.zeros(len(left), bool)
        if coarse is not None:
            good = solved & (np.abs(fine - coarse) <= _ORDER_FACTOR * rtol * np.abs(fine) + floor * now.xi_a**2)
        energy[left[good]] = fine[good]
        coarse = np.where(solved, fine, np.inf)[~good]
        y = np.stack([y, middle], axis=2).reshape(2, 2 * steps, -1)[:, :, ~good]
        lost = ~solved[~good]
        left, steps = left[~good], 2 * steps
        y[:, :, lost] = _guess_ring(drive.part(left[lost]), steps)
    return energy


def _phases(steps: int) -> Array:
    return 2.0 * np.pi * np.arange(steps) / steps


def _guess_ring(drive: _Drive, steps: int) -> Array:
    """Linear response about a typical field, ``(2, steps, g)``."""
    typical = drive.par**2 + drive.perp**2 + 0.5 * drive.xi_a**2
    lag = drive.omega_tau / (0.5 / langevin_ratio(typical) - 0.5)
    theta = _phases(steps)[:, None]
    wave = (np.cos(theta) + lag * np.sin(theta)) / (1.0 + lag**2)
    along = drive.par + drive.xi_a * wave
    return np.stack([along, np.broadcast_to(drive.perp, along.shape)])


def _loss(drive: _Drive, y: Array) -> Array:
    """``- closed integral of m . d xi`` by the trapezoidal rule, spectral on a period."""
    steps = y.shape[1]
    m_along = langevin_ratio(y[0] ** 2 + y[1] ** 2) * y[0]
    result: Array = drive.xi_a * (np.sin(_phases(steps)) @ m_along) * (2.0 * np.pi / steps)
    return result


def _rate(y: Array, field: _Field, omega_tau: Array) -> tuple[Array, Array]:
    """``dy/dtheta`` as ``(2, n, g)`` and its Jacobian as ``(2, 2, n, g)``."""
    r = np.maximum(y[0] ** 2 + y[1] ** 2, _TINY)
    q = langevin_ratio(r)
    dq = (1.0 - 3.0 * q - r * q * q) / (2.0 * r)
    far = r > _FAR
    slope = np.where(far, 1.0 / r, 1.0 - 2.0 * q - r * q * q)
    dslope = np.where(far, -1.0 / (r * r), -2.0 * dq - q * q - 2.0 * r * q * dq)
    across, dacross = 0.5 / q - 0.5, -0.5 * dq / (q * q)
    along, dalong = q / slope, (dq * slope - q * dslope) / (slope * slope)
    extra = (along - across) / r
    dextra = (dalong - dacross - extra) / r
    lag_z, lag_x = field[0] - y[0], field[1] - y[1]
    s = y[0] * lag_z + y[1] * lag_x
    pull = extra * s
    rate = np.stack([across * lag_z + pull * y[0], across * lag_x + pull * y[1]]) / omega_tau
    common = 2.0 * dextra * s
    row_z = (2.0 * dacross * lag_z + common * y[0], extra * y[0])
    row_x = (2.0 * dacross * lag_x + common * y[1], extra * y[1])
    tilt_z, tilt_x = lag_z - y[0], lag_x - y[1]
    own = pull - across
    jacobian = np.stack(
        [
            np.stack([own + row_z[0] * y[0] + row_z[1] * tilt_z, row_z[0] * y[1] + row_z[1] * tilt_x]),
            np.stack([row_x[0] * y[0] + row_x[1] * tilt_z, own + row_x[0] * y[1] + row_x[1] * tilt_x]),
        ]
    )
    return rate, jacobian / omega_tau


def _multiply(a: Array, b: Array) -> Array:
    """2 x 2 matrix products over trailing axes."""
    found = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i in (0, 1):
        for j in (0, 1):
            np.multiply(a[i, 0], b[0, j], out=found[i, j])
            found[i, j] += a[i, 1] * b[1, j]
    return found


def _solve(a: Array, b: Array) -> Array:
    """``a^-1 b`` for 2 x 2 ``a`` and ``b`` of ``(2, ...)``."""
    det = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    result: Array = np.stack([a[1, 1] * b[0] - a[0, 1] * b[1], a[0, 0] * b[1] - a[1, 0] * b[0]]) / det
    return result


def _solve_ring(drive: _Drive, y: Array, steps: int) -> tuple[Array, Array, BoolArray]:
    """Newton on the ring: nodes ``(2, steps, g)``, midpoints, and a flag of convergence for each point."""
    theta, h = _phases(steps), 2.0 * np.pi / steps
    fields = drive.at(theta), drive.at(theta + 0.5 * h)
    scale = 1e-7 * (1.0 + drive.xi_a)
    solved = np.zeros(y.shape[2], bool)
    middle = y
    for _ in range(_ROUNDS):
        update, middle = _newton_step(y, fields, drive.omega_tau, h)
        size = np.abs(update).max(axis=(0, 1))
        bound = 0.5 * (1.0 + drive.xi_a + np.abs(y).max(axis=(0, 1)))
        y = y + update * np.minimum(1.0, bound / np.maximum(size, 1e-300))
        solved = np.nan_to_num(size, nan=np.inf) < scale
        if solved.all() or not np.isfinite(size[~solved]).any():
            break
    return y, middle, solved


def _newton_step(y: Array, fields: tuple[_Field, _Field], omega_tau: Array, h: float) -> tuple[Array, Array]:
    """Newton update of the nodes and the midpoints, by fourth-order Lobatto collocation [Ascher1995]."""
    rate, jac = _rate(y, fields[0], omega_tau)
    nxt, rate1, jac1 = (np.roll(v, -1, axis=-2) for v in (y, rate, jac))
    middle = 0.5 * (y + nxt) + h / 8.0 * (rate - rate1)
    rate_m, jac_m = _rate(middle, fields[1], omega_tau)
    residual = nxt - y - h / 6.0 * (rate + 4.0 * rate_m + rate1)
    eye = np.eye(2)[:, :, None, None]
    ahead = eye - h / 6.0 * jac1 - h / 1.5 * _multiply(jac_m, 0.5 * eye - h / 8.0 * jac1)
    behind = eye + h / 6.0 * jac + h / 1.5 * _multiply(jac_m, 0.5 * eye + h / 8.0 * jac)
    step = np.stack([_solve(ahead, behind[:, 0]), _solve(ahead, behind[:, 1])], axis=1)
    return _close_ring(step, _solve(ahead, -residual)), middle


def _close_ring(step: Array, push: Array) -> Array:
    """Solve ``d[n+1] = step[n] d[n] + push[n]`` with ``d[N] = d[0]``."""
    count = step.shape[2]
    whole, offset = np.eye(2)[:, :, None] * np.ones(step.shape[3]), np.zeros(push[:, 0].shape)
    for n in range(count):
        here = step[:, :, n]
        whole = _multiply(here, whole)
        offset = here[:, 0] * offset[0] + here[:, 1] * offset[1] + push[:, n]
    d = np.empty_like(push)
    d[:, 0] = _solve(np.eye(2)[:, :, None] - whole, offset)
    for n in range(count - 1):
        d[:, n + 1] = step[:, 0, n] * d[0, n] + step[:, 1, n] * d[1, n] + push[:, n]
    return d
