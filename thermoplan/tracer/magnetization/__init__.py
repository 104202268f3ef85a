"""Tracer response: energy lost per cycle and particle, in kT, for a drive with a bias at any angle.

Every model has the signature ``(xi_a, omega_tau, xi_par, xi_perp, barrier) -> energy``: dimensionless
fields ``m B / kT`` of amplitude (peak) and of bias along and across the drive, arrays of one shape. The
barrier ``K V / kT`` only enters where particles cannot turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array
from ...base.errors import InputError
from .fokker_planck import fokker_planck_energy_kt
from .langevin import langevin, langevin_ratio, langevin_slope
from .linear_response import biased_response, initial_energy_kt, rosensweig_energy_kt, shliomis_energy_kt
from .mrsh import mrsh_energy_kt
from .neel import blocked_energy_kt, neel_energy_kt
from .validity import FIXED_AXIS, NAMES, VALIDITY, outside_validity

__all__ = [
    "FIXED_AXIS",
    "MODELS",
    "NAMES",
    "VALIDITY",
    "Model",
    "biased_response",
    "energy_kt",
    "langevin",
    "langevin_ratio",
    "langevin_slope",
    "outside_validity",
]

Model = Callable[[Array, Array, Array, Array, Array], Array]


def _turning(model: Callable[[Array, Array, Array, Array], Array]) -> Model:
    """A dipole that turns as a whole: no barrier enters."""
    return lambda xi_a, omega_tau, xi_par, xi_perp, barrier: model(xi_a, omega_tau, xi_par, xi_perp)


MODELS: dict[str, Model] = {
    "mrsh": _turning(mrsh_energy_kt),
    "fokker-planck": _turning(fokker_planck_energy_kt),
    "linear": _turning(rosensweig_energy_kt),
    "linear-initial": _turning(initial_energy_kt),
    "shliomis": _turning(shliomis_energy_kt),
    "neel": neel_energy_kt,
    "blocked": blocked_energy_kt,
}


def energy_kt(
    xi_a: ArrayLike,
    omega_tau: ArrayLike,
    xi_par: ArrayLike = 0.0,
    xi_perp: ArrayLike = 0.0,
    *,
    model: str = "mrsh",
    barrier: ArrayLike | None = None,
) -> Array:
    """Energy lost per cycle and particle in kT; the arguments broadcast, signs do not matter.

    ``xi_a``, ``xi_par`` and ``xi_perp`` are amplitude and bias along and across the drive as ``m B / kT``,
    ``omega_tau`` is angular frequency times relaxation time, ``barrier`` is K V / kT, for models that need it.
    ``model`` is a key of `MODELS`, another one is refused.
    """
    if model not in MODELS:
        raise InputError(f'model = "{model}": expected one of {", ".join(sorted(MODELS))}')
    if model in FIXED_AXIS and barrier is None:
        raise InputError(f'model = "{model}": needs the tracer\'s anisotropy, such as "11 kJ/m^3"')
    values = (xi_a, omega_tau, xi_par, xi_perp, 1.0 if barrier is None else barrier)
    args = np.broadcast_arrays(*(np.abs(np.asarray(v, float)) for v in values))
    if not all(np.isfinite(v).all() for v in args) or (args[1] <= 0.0).any():
        raise InputError("magnetization: fields must be finite and omega tau positive")
    return MODELS[model](*args)
