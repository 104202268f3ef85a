"""Closed forms: linear response about a bias, and Shliomis 1972 with a constant relaxation time."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array
from .langevin import langevin_ratio

_ANGLES = 256
"""Phases of half a period for the first Fourier coefficient, which converges faster than any power of them."""


def biased_response(xi_s: Array) -> tuple[Array, Array, Array, Array]:
    """Susceptibility and relaxation time at a bias ``xi_s``, relative to none [RaikherShliomis1994].

    Returns
    -------
    ``chi_par, tau_par, chi_perp, tau_perp``: 3 L', xi L'/L, 3 L/xi, 2 L/(xi - L). Small amplitude only.
    """
    r = np.square(np.asarray(xi_s, float))
    ratio = langevin_ratio(r)
    slope = 1.0 - 2.0 * ratio - r * ratio**2
    return 3.0 * slope, slope / ratio, 3.0 * ratio, 2.0 * ratio / (1.0 - ratio)


def _debye(omega_tau: Array) -> Array:
    """Imaginary part of a Debye susceptibility, relative to the static one."""
    return omega_tau / (1.0 + omega_tau**2)


def initial_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array) -> Array:
    """Loss per cycle in kT with the initial susceptibility, exact as ``xi_a`` goes to zero.

    ``(pi/3) xi_a**2`` times susceptibility and Debye factor; the drive is split into its parts
    along and across the bias.
    """
    total = xi_par**2 + xi_perp**2
    cosine2 = np.where(total > 0.0, xi_par**2 / np.where(total > 0.0, total, 1.0), 1.0)
    chi_par, tau_par, chi_perp, tau_perp = biased_response(np.sqrt(total))
    parts = cosine2 * chi_par * _debye(omega_tau * tau_par)
    parts = parts + (1.0 - cosine2) * chi_perp * _debye(omega_tau * tau_perp)
    return np.pi / 3.0 * xi_a**2 * parts


def rosensweig_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array) -> Array:
    """Loss per cycle in kT with the chord susceptibility ``3 L(xi_a)/xi_a`` [Rosensweig2002].

    With a bias the same chord factor multiplies the small-amplitude result; that much is heuristic.
    """
    return 3.0 * langevin_ratio(xi_a**2) * initial_energy_kt(xi_a, omega_tau, xi_par, xi_perp)


def shliomis_energy_kt(xi_a: Array, omega_tau: Array, xi_par: Array, xi_perp: Array) -> Array:
    """Loss per cycle in kT for relaxation with constant time towards equilibrium [Shliomis1972].

    Linear in the equilibrium magnetization, so its first Fourier coefficient a1 is enough:
    ``pi xi_a a1 omega_tau / (1 + omega_tau**2)``. Off by up to 14 times under bias; for comparison.
    """
    angle = (np.arange(_ANGLES) + 0.5) * np.pi / _ANGLES
    cosine = np.cos(angle).reshape(-1, *([1] * np.ndim(xi_a)))
    along = xi_par + xi_a * cosine
    first = 2.0 * np.mean(langevin_ratio(along**2 + xi_perp**2) * along * cosine, axis=0)
    return np.pi * xi_a * first * _debye(omega_tau)
