"""Tracer response: energy lost per cycle and particle, in kT, for a drive with a bias at any angle.

Every model has the signature ``(xi_a, omega_tau, xi_par, xi_perp) -> energy``: dimensionless fields
``m B / kT`` of amplitude (peak) and of bias along and across the drive, arrays of one shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array
from ..errors import InputError
from .fokker_planck import fokker_planck_energy_kt
from .langevin import langevin, langevin_ratio, langevin_slope
from .linear import biased_response, initial_energy_kt, rosensweig_energy_kt, shliomis_energy_kt
from .mrsh import mrsh_energy_kt

Model = Callable[[Array, Array, Array, Array], Array]

__all__ = [
    "MODELS", "Model", "biased_response", "energy_kt", "langevin", "langevin_ratio", "langevin_slope",
]

MODELS: dict[str, Model] = {
    "mrsh": mrsh_energy_kt,
    "fokker-planck": fokker_planck_energy_kt,
    "linear": rosensweig_energy_kt,
    "linear-initial": initial_energy_kt,
    "shliomis": shliomis_energy_kt,
}


def energy_kt(
    xi_a: ArrayLike, omega_tau: ArrayLike, xi_par: ArrayLike = 0.0, xi_perp: ArrayLike = 0.0,
    *, model: str = "mrsh",
) -> Array:
    """Energy lost per cycle and particle in kT; the arguments broadcast, signs do not matter."""
    if model not in MODELS:
        raise InputError(f'model = "{model}": expected one of {", ".join(sorted(MODELS))}')
    args = np.broadcast_arrays(*(np.abs(np.asarray(v, float)) for v in (xi_a, omega_tau, xi_par, xi_perp)))
    if not all(np.isfinite(v).all() for v in args) or (args[1] <= 0.0).any():
        raise InputError("magnetization: fields must be finite and omega tau positive")
    return MODELS[model](*args)
