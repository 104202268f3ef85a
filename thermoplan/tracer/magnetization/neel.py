"""Particles that cannot turn: the moment jumps over an anisotropy barrier along a fixed easy axis.

`neel_energy_kt` is thermal reversal over a high barrier, `blocked_energy_kt` its limit without thermal
help. Both average over easy axes of every direction, as in particles bound to tissue.
"""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array

_STEPS = 360
"""Steps of a period, of one degree; a switch is placed within one. The cost is in proportion."""
_POLAR = 10
"""Easy axes over the angle to the drive, Gauss-Legendre. Twice as many cost twice the time."""
_AZIMUTH = 12
"""Easy axes about the drive over half a turn, evenly; their mean converges fast, since it is periodic."""
_BLOCK = 4_000
"""Points at a time: the fields of a half period take 6 MB each. It does not move the result."""
_KNOTS = 600
"""Biases along an axis that a curve of its loss is solved at; with fewer points than these each is solved itself."""
_NEWTON = 30
"""Newton steps to the other well; they converge quadratically in a curved well, and most of them are for flat ones."""
_OPEN = 2.0
"""Barrier, in kT, at which Brown's formula is held: below, the rate is far above any drive whatever it is."""


def _easy_axes() -> tuple[Array, Array, Array]:
    """Directions ``n_z, n_x`` over a quarter of the sphere and their weights, sum 1.

    An axis has no sign, and its part across the plane of drive and bias none either.
    """
    node, weight = np.polynomial.legendre.leggauss(_POLAR)
    cosine, share = 0.5 * (node + 1.0), 0.5 * weight
    turn = np.pi * (np.arange(_AZIMUTH) + 0.5) / _AZIMUTH
    sine = np.sqrt(1.0 - cosine**2)
    n_z, n_x = np.repeat(cosine, _AZIMUTH), np.outer(sine, np.cos(turn)).ravel()
    return n_z, n_x, np.repeat(share / _AZIMUTH, _AZIMUTH)


def neel_rate(h: Array, barrier: Array | float) -> tuple[Array, Array]:
    """Rate of reversal relative to no field, and the equilibrium moment, for a field ``h`` = B/B_K along the axis.

    Brown's high-barrier formula [Brown1963], ``(1-h^2) [(1+h) e^{-s(1+h)^2} + (1-h) e^{-s(1-h)^2}]``, good
    while ``s (1-|h|)^2`` is above about 2; beyond, the rate is held, being far above any drive.
    """
    edge = np.maximum(0.0, 1.0 - np.sqrt(_OPEN / barrier))
    h = np.clip(h, -edge, edge)
    up, down = np.exp(-barrier * (h * h + 2.0 * h)), np.exp(-barrier * (h * h - 2.0 * h))
    rate = 0.5 * (1.0 - h * h) * ((1.0 + h) * up + (1.0 - h) * down)
    return rate, np.tanh(2.0 * barrier * h - np.arctanh(h))


def neel_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array, barrier: Array) -> Array:
    """Loss per cycle in kT of Neel reversal along fixed axes of every direction.

    ``omega_tau`` is at the relaxation time without field, ``barrier`` K V / kT. The field's part across an
    axis lowers its barrier; that is left out, so the loss of slow grains is a low estimate.

    ``xi_a``, ``xi_par`` and ``xi_perp`` are amplitude and bias along and across the drive as ``m B / kT``; all have
    one shape, which is that of the result.
    """
    shape = np.shape(xi_a)
    flat = [np.broadcast_to(np.asarray(v, float), shape).ravel() for v in (xi_a, omega_tau, barrier)]
    biases = [np.broadcast_to(np.asarray(v, float), shape).ravel() for v in (xi_par, xi_perp)]
    kinds, group = np.unique(np.stack(flat), axis=1, return_inverse=True)
    energy = np.zeros(flat[0].size)
    for at, (amplitude, lag, height) in enumerate(kinds.T):
        rows = np.flatnonzero(group == at)
        energy[rows] = _neel_group(amplitude, lag, height, biases[0][rows], biases[1][rows])
    return energy.reshape(shape)


def _neel_group(xi_a: float, omega_tau: float, barrier: float, xi_par: Array, xi_perp: Array) -> Array:
    """Loss at one amplitude and many biases: only their projection on an axis counts, so each axis has one curve."""
    energy = np.zeros(xi_par.shape)
    for n_z, n_x, share in zip(*_easy_axes(), strict=True):
        bias = np.abs(n_z * xi_par + n_x * xi_perp)
        reach = 2.0 * barrier + n_z * xi_a
        knots = bias if bias.size <= _KNOTS else np.linspace(0.0, reach, _KNOTS)
        loss = _neel_axis(n_z * xi_a, omega_tau, barrier, knots)
        energy += share * (loss if knots is bias else np.interp(bias, knots, loss, right=0.0))
    return np.maximum(energy, 0.0)


def _neel_axis(xi_a: float, omega_tau: float, barrier: float, bias: Array) -> Array:
    """Loss in kT along one easy axis."""
    angle = 2.0 * np.pi * (np.arange(_STEPS) + 0.5)[:, None] / _STEPS
    rate, rest = neel_rate((bias + xi_a * np.cos(angle)) / (2.0 * barrier), barrier)
    keep = np.exp(-rate * (2.0 * np.pi / _STEPS) / omega_tau)
    moment = _solve_cycle(keep, (1.0 - keep) * rest)
    return xi_a * (np.sin(angle) * moment).sum(axis=0) * (2.0 * np.pi / _STEPS)


def _solve_cycle(keep: Array, push: Array) -> Array:
    """Middle values of ``m[n+1] = keep[n] m[n] + push[n]`` on a closed cycle."""
    whole, offset = np.ones(keep.shape[1]), np.zeros(keep.shape[1])
    for k, p in zip(keep, push, strict=True):
        whole, offset = k * whole, k * offset + p
    m = offset / np.maximum(1.0 - whole, 1e-300)
    middle = np.empty_like(keep)
    for n, (k, p) in enumerate(zip(keep, push, strict=True)):
        ahead = k * m + p
        middle[n] = 0.5 * (m + ahead)
        m = ahead
    return middle


def blocked_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array, barrier: Array) -> Array:
    """Loss per cycle in kT of grains that switch only where their barrier vanishes [StonerWohlfarth1948].

    Quasi-static and without thermal help: ``omega_tau`` does not enter. A grain whose two switching fields
    both lie inside the swing of the drive loses the energy of two jumps. Good for barriers of many tens of kT.
    """
    shape = np.shape(xi_a)
    flat = [np.broadcast_to(np.asarray(v, float), shape).ravel() for v in (xi_a, xi_par, xi_perp, barrier)]
    energy = np.zeros(flat[0].size)
    for start in range(0, energy.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        energy[rows] = _blocked_energy_kt(*(v[rows] for v in flat))
    return energy.reshape(shape)


def _blocked_energy_kt(xi_a: Array, xi_par: Array, xi_perp: Array, barrier: Array) -> Array:
    """Loss of a block of points, ``(n,)``."""
    swing = np.cos(np.linspace(0.0, np.pi, _STEPS // 2 + 1))[:, None]
    energy = np.zeros(xi_a.shape)
    for n_z, n_x, share in zip(*_easy_axes(), strict=True):
        z = (xi_par + xi_a * swing) / (2.0 * barrier)
        x = np.broadcast_to(xi_perp / (2.0 * barrier), z.shape)
        along = n_z * z + n_x * x
        across = np.sqrt(np.maximum(z * z + x * x - along**2, 0.0))
        falling, rising = (_jump_energy(*pair) for pair in ((along, across), (-along[::-1], across[::-1])))
        both = (falling > 0.0) & (rising > 0.0)
        energy += share * np.where(both, falling + rising, 0.0) * barrier
    return energy


def _jump_energy(along: Array, across: Array) -> Array:
    """Energy (in K V) that a moment in the upper well loses when ``along`` falls; 0 where it does not switch.

    The well is gone outside the astroid ``|along|^(2/3) + across^(2/3) = 1``. There its energy is that of the
    inflection; it lands in the other well. A field that stays outside turns the moment without a jump.
    """
    astroid = np.cbrt(along**2) + np.cbrt(across**2) - 1.0
    past = (astroid >= 0.0) & (along < 0.0)
    first = past.argmax(axis=0)
    here = np.arange(along.shape[1])
    before = np.maximum(first - 1, 0)
    inside, outside = astroid[before, here], astroid[first, here]
    crossed = (inside < 0.0) & (outside > inside)
    part = np.where(crossed, -inside / np.where(crossed, outside - inside, 1.0), 1.0)
    h, t = ((1.0 - part) * v[before, here] + part * v[first, here] for v in (along, across))
    edge = np.arctan2(np.cbrt(t), np.cbrt(-h))
    landed = np.full_like(edge, np.pi)
    for _ in range(_NEWTON):
        slope = np.sin(2.0 * landed) + 2.0 * (h * np.sin(landed) - t * np.cos(landed))
        curve = 2.0 * np.cos(2.0 * landed) + 2.0 * (h * np.cos(landed) + t * np.sin(landed))
        landed = np.clip(landed - slope / np.maximum(curve, 0.1), 0.5 * np.pi, np.pi)
    lost = _well(edge, h, t) - _well(landed, h, t)
    return np.where(past.any(axis=0) & crossed, np.maximum(lost, 0.0), 0.0)


def _well(angle: Array, h: Array, t: Array) -> Array:
    """Energy of a moment at an angle to its easy axis, in K V [StonerWohlfarth1948]."""
    return np.sin(angle) ** 2 - 2.0 * (h * np.cos(angle) + t * np.sin(angle))
