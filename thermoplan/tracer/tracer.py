"""Tracer: sizes of its particles, their relaxation times, and their specific loss power per kilogram of iron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array
from ..base.display import card
from ..base.errors import InputError, SolverError
from ..base.plain_data import construct
from ..base.stated import first_of
from .magnetization import FIXED_AXIS, MODELS, energy_kt
from .measured_slp import Calibration
from .relaxometry import Relaxometry
from .slp_table import SlpTable

BOLTZMANN_J_K = 1.380649e-23  # exact, SI
BULK_IRON_A_M = 1.71e6  # saturation magnetization of iron at room temperature [Cullity2009]
_LOG_STEP = 0.05
"""Largest step in log d of a size distribution: a Neel time changes e-fold within it at a barrier of 7 kT. Half of it
doubles the sizes, and so the cost of every loss; at twice, neighbouring sizes of such a barrier are 7-fold apart."""
_DEVIATIONS = 3.75
"""Half width of a size distribution in standard deviations: two in ten thousand of the volume lie outside. Twice as
many would double the sizes for parts that no measurement sees."""
_FROZEN_KT = 600.0
"""Barrier at which a Neel time is held: ``exp`` of 710 overflows, and from 60 on nothing moves in a lifetime."""


@dataclass(frozen=True, slots=True)
class Population:
    """Particles of one size mode.

    ``fraction`` is the share of core volume (hence of iron), ``core_diameter_m`` the median by number,
    ``sigma`` the standard deviation of its logarithm, 0 for one size. The last two override the tracer's.
    """

    fraction: float
    core_diameter_m: float
    sigma: float = 0.0
    hydrodynamic_diameter_m: float | None = None
    relaxation_time_s: float | None = None

    def sizes(self) -> tuple[Array, Array]:
        """Diameters and shares of this mode's volume, equally spaced in log d.

        Volume weighting of a lognormal by number moves its median by ``exp(3 sigma**2)``.
        """
        if self.sigma == 0.0:
            return np.array([self.core_diameter_m]), np.ones(1)
        half = int(np.ceil(_DEVIATIONS * max(self.sigma / _LOG_STEP, 1.5)))
        deviation = np.linspace(-_DEVIATIONS, _DEVIATIONS, 2 * half + 1)
        weight = np.exp(-0.5 * deviation**2)
        diameter = self.core_diameter_m * np.exp(3.0 * self.sigma**2 + self.sigma * deviation)
        return diameter, weight / weight.sum()


@dataclass(frozen=True, slots=True)
class Tracer:
    """Particles and their constants.

    Relaxation is ``relaxation_time_s`` where given, else Brownian rotation (``hydrodynamic_diameter_m``
    and ``viscosity_pa_s``) and Neel reversal (``anisotropy_j_m3`` and ``tau0_s``), rates added.
    ``model`` is the one that its loss is taken from unless a call says otherwise: of `MODELS`, or "table"
    for the measured ``table``. ``heating_efficiency`` scales it to what ``calibration`` measured. ``effective``
    says in words what was fitted; empty where the sizes were measured. ``imaging`` has the figures of relaxometry,
    which do not enter the physics.
    """

    name: str
    populations: tuple[Population, ...]
    saturation_magnetization_a_m: float
    density_kg_m3: float
    iron_fraction: float
    temperature_c: float = 37.0
    relaxation_time_s: float | None = None
    hydrodynamic_diameter_m: float | None = None
    viscosity_pa_s: float | None = None
    anisotropy_j_m3: float | None = None
    tau0_s: float = 1e-9
    heating_efficiency: float = 1.0
    calibration: Calibration | None = None
    model: str = "mrsh"
    table: SlpTable | None = None
    effective: str = ""
    source: str = ""
    imaging: Relaxometry | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        faults = [f"tracer {self.name}: {fault}" for fault in _faults(self)]
        if faults:
            raise InputError(faults)

    @property
    def slp_source(self) -> str:
        """Source of the loss, in a sentence for the report."""
        if self.calibration is not None:
            return str(self.calibration)
        if self.model == "table":
            return "measured: a table over amplitude, frequency and bias"
        return "a priori from the model: uncertain by a factor of several"

    def _repr_html_(self) -> str:
        shares = ", ".join(f"{mode.core_diameter_m * 1e9:.3g} nm ({mode.fraction:.0%})" for mode in self.populations)
        return card(
            f"{self.name}",
            [
                ("magnetic core", shares),
                ("saturation", f"{self.saturation_magnetization_a_m * 1e-3:g} kA/m"),
                ("omega tau at 354 kHz", f"{omega_tau(self, 354e3):.3g}"),
                ("SLP", self.slp_source),
                ("model", self.model),
                ("imaging", str(self.imaging or "not known")),
            ],
            [self.effective, self.source],
        )

    @property
    def thermal_j(self) -> float:
        """Thermal energy kT."""
        return BOLTZMANN_J_K * (self.temperature_c + 273.15)

    def sizes(self) -> tuple[Array, Array, Array]:
        """Diameters (m), shares of core volume (sum 1) and relaxation times (s) of all modes."""
        parts = [(*mode.sizes(), mode) for mode in self.populations]
        diameter = np.concatenate([d for d, _, _ in parts])
        share = np.concatenate([w * mode.fraction for _, w, mode in parts])
        time = np.concatenate([relaxation_time_s(self, mode, d) for d, _, mode in parts])
        return diameter, share / share.sum(), time

    def barriers(self, diameter_m: Array) -> Array | None:
        """K V / kT of cores, or None where the anisotropy is not given."""
        if self.anisotropy_j_m3 is None:
            return None
        return self.anisotropy_j_m3 * volume_m3(diameter_m) / self.thermal_j

    def xi_per_tesla(self, diameter_m: ArrayLike) -> Array:
        """``m / kT`` of a core, 1/T."""
        return self.saturation_magnetization_a_m * volume_m3(diameter_m) / self.thermal_j


def volume_m3(diameter_m: ArrayLike) -> Array:
    """Volume of spheres, in the shape of their diameters."""
    return np.pi / 6.0 * np.asarray(diameter_m, float) ** 3


def brown_time_s(hydrodynamic_diameter_m: Array, *, viscosity_pa_s: float, thermal_j: float) -> Array:
    """Brownian relaxation time, ``3 eta V_h / kT`` [Rosensweig2002], in the shape of the diameters; ``thermal_j`` is
    kT."""
    return 3.0 * viscosity_pa_s * volume_m3(hydrodynamic_diameter_m) / thermal_j


def neel_time_s(barrier: Array, *, tau0_s: float) -> Array:
    """Neel relaxation time, ``(sqrt(pi)/2) tau0 exp(G)/sqrt(G)``, G = K V/kT, a high-barrier form [Rosensweig2002].

    Held at a barrier of 600 kT, where nothing moves any more.
    """
    held = np.minimum(barrier, _FROZEN_KT)
    result: Array = 0.5 * np.sqrt(np.pi) * tau0_s * np.exp(held) / np.sqrt(held)
    return result


def relaxation_time_s(tracer: Tracer, mode: Population, diameter_m: Array) -> Array:
    """Relaxation time of cores of ``diameter_m`` in a mode; a shell keeps its thickness over the size distribution.

    ``diameter_m`` is ``(k,)``, of magnetic cores; the result is ``(k,)`` in s.
    """
    stated = first_of(mode.relaxation_time_s, tracer.relaxation_time_s)
    if stated is not None:
        return np.full(np.shape(diameter_m), stated)
    rate = np.zeros(np.shape(diameter_m))
    hydrodynamic = first_of(mode.hydrodynamic_diameter_m, tracer.hydrodynamic_diameter_m)
    if tracer.viscosity_pa_s is not None and hydrodynamic is not None:
        shell = hydrodynamic - mode.core_diameter_m
        rate = rate + 1.0 / brown_time_s(
            diameter_m + shell, viscosity_pa_s=tracer.viscosity_pa_s, thermal_j=tracer.thermal_j
        )
    barrier = tracer.barriers(diameter_m)
    if barrier is not None:
        rate = rate + 1.0 / neel_time_s(barrier, tau0_s=tracer.tau0_s)
    return 1.0 / rate


def omega_tau(tracer: Tracer, frequency_hz: float) -> float:
    """Angular frequency times relaxation time, averaged over core volume in its logarithm."""
    _, share, time = tracer.sizes()
    return float(np.exp(share @ np.log(2.0 * np.pi * frequency_hz * time)))


def particles(tracer: Tracer, frequency_hz: float, model: str) -> tuple[Array, Array, Array, Array | None]:
    """Diameters, shares of core volume, omega tau and barriers as a model takes them.

    Where particles cannot turn the relaxation time is Neel's alone.
    """
    diameter, share, time = tracer.sizes()
    barriers = tracer.barriers(diameter)
    if model in FIXED_AXIS:
        if barriers is None:
            raise InputError(
                f'tracer {tracer.name}: anisotropy: missing: model "{model}" needs one, such as "11 kJ/m^3"'
            )
        time = neel_time_s(barriers, tau0_s=tracer.tau0_s)
    return diameter, share, 2.0 * np.pi * frequency_hz * time, barriers


def slp_w_kg(
    tracer: Tracer,
    *,
    amplitude_t: ArrayLike,
    frequency_hz: float,
    along_t: ArrayLike = 0.0,
    across_t: ArrayLike = 0.0,
    model: str | None = None,
) -> Array:
    """Specific loss power, W per kg of iron, solved directly; by the tracer's own model unless one is named.

    Parameters
    ----------
    amplitude_t
        Peak drive field (mu0 H).
    along_t, across_t
        Static field along and across the drive; signs do not matter. The three fields broadcast.
    """
    amplitude, along, across = np.broadcast_arrays(*(np.asarray(v, float) for v in (amplitude_t, along_t, across_t)))
    model = model or tracer.model
    if model == "table":
        return tracer.heating_efficiency * _table(tracer).at_w_kg(amplitude, frequency_hz, along, across)
    total = np.zeros(amplitude.shape)
    diameters, shares, lags, barriers = particles(tracer, frequency_hz, model)
    for i, diameter in enumerate(diameters):
        xi = tracer.xi_per_tesla(diameter)
        try:
            energy = energy_kt(
                xi * amplitude,
                lags[i],
                xi * along,
                xi * across,
                model=model,
                barrier=None if barriers is None else barriers[i],
            )
        except SolverError as problem:
            raise InputError(
                f'tracer {tracer.name}: model = "{model}": has no solution for cores of {1e9 * float(diameter):.3g} nm '
                f"at {1e3 * float(amplitude.max(initial=0.0)):.3g} mT, {1e-3 * frequency_hz:g} kHz "
                f"({problem}): check tracer.core_diameter, saturation_magnetization and relaxation_time, "
                'device.amplitude and frequency, or take model = "linear"'
            ) from problem
        total = total + shares[i] / volume_m3(diameter) * energy
    per_core = tracer.thermal_j * frequency_hz / tracer.density_kg_m3 * total
    return tracer.heating_efficiency * per_core / tracer.iron_fraction


def _table(tracer: Tracer) -> SlpTable:
    """Measured table of a tracer whose model is "table"."""
    if tracer.table is None:
        raise InputError(f'tracer {tracer.name}: model = "table": the tracer has no measured table of SLP')
    return tracer.table


def slp_bound_w_kg(tracer: Tracer, *, amplitude_t: float, frequency_hz: float) -> float:
    """Upper bound of SLP, ``4 B0 Ms f / rho`` per kg of iron: no loop exceeds ``4 B0 Ms``. Efficiency left out."""
    loop = 4.0 * amplitude_t * tracer.saturation_magnetization_a_m * frequency_hz
    return loop / tracer.density_kg_m3 / tracer.iron_fraction


def _faults(tracer: Tracer) -> list[str]:
    """Faults of a definition, by key: numbers out of range, a model that is none, and what is missing."""
    rules: list[tuple[str, float, float, float, str]] = [
        (
            "saturation_magnetization",
            tracer.saturation_magnetization_a_m,
            0.0,
            BULK_IRON_A_M,
            'up to that of bulk iron, 1.71e6 A/m, such as "446 kA/m"',
        ),
        ("density", tracer.density_kg_m3, 500.0, 12000.0, 'a density of the core, such as "5180 kg/m^3"'),
        ("iron_fraction", tracer.iron_fraction, 0.0, 1.0, "iron per mass of core, 0.7236 for magnetite"),
        ("temperature", tracer.temperature_c, -20.0, 100.0, 'a temperature, such as "37 degC"'),
        ("heating_efficiency", tracer.heating_efficiency, 0.0, np.inf, "a positive number, such as 0.3"),
    ]
    optional: list[tuple[str, float | None, float, float, str]] = [
        ("relaxation_time", tracer.relaxation_time_s, 0.0, 1.0, 'a time, such as "1.3 us"'),
        ("hydrodynamic_diameter", tracer.hydrodynamic_diameter_m, 0.0, 1e-5, 'a length, such as "50 nm"'),
        ("viscosity", tracer.viscosity_pa_s, 0.0, 1e6, 'a viscosity, such as "0.7 mPa*s"'),
        ("anisotropy", tracer.anisotropy_j_m3, 0.0, 1e7, 'an energy density, such as "11 kJ/m^3"'),
        ("tau0", tracer.tau0_s, 0.0, 1e-6, 'an attempt time, such as "1 ns"'),
    ]
    for mode in tracer.populations:
        rules += [
            ("core_diameter", mode.core_diameter_m, 0.0, 1e-6, 'a length, such as "20 nm"'),
            ("fraction", mode.fraction, 0.0, np.inf, "a positive share of the core volume, such as 0.3"),
            ("core_sigma", mode.sigma + 1e-12, 0.0, 1.0, "the deviation of log d, such as 0.1"),
        ]
        optional += [
            (
                "hydrodynamic_diameter",
                mode.hydrodynamic_diameter_m,
                mode.core_diameter_m * (1 - 1e-12),
                1e-5,
                "a length not below the core diameter",
            ),
            ("relaxation_time", mode.relaxation_time_s, 0.0, 1.0, 'a time, such as "1.3 us"'),
        ]
    faults = [
        f"{key} = {value:g}: expected {hint}"
        for key, value, low, high, hint in [*rules, *optional]
        if value is not None and not low < value <= high
    ]
    if tracer.model not in (*MODELS, "table"):
        faults.append(f'model = "{tracer.model}": expected one of {", ".join(sorted(MODELS))}, table')
    return faults + _missing(tracer)


def _missing(tracer: Tracer) -> list[str]:
    """Faults of a definition whose modes have no size or no relaxation time."""
    if not tracer.populations:
        return ['core_diameter: missing: expected a length, such as "20 nm", or [[population]] tables']
    faults = []
    brown = tracer.viscosity_pa_s is not None
    for mode in tracer.populations:
        if first_of(mode.relaxation_time_s, tracer.relaxation_time_s) is not None:
            continue
        hydrodynamic = first_of(mode.hydrodynamic_diameter_m, tracer.hydrodynamic_diameter_m)
        if brown and hydrodynamic is None:
            faults.append('hydrodynamic_diameter: missing: viscosity needs one, such as "50 nm"')
        elif brown and hydrodynamic is not None and hydrodynamic < mode.core_diameter_m:
            faults.append(
                f"hydrodynamic_diameter = {hydrodynamic:g}: smaller than the core, {mode.core_diameter_m:g} m"
            )
        elif not brown and tracer.anisotropy_j_m3 is None:
            faults.append(
                'relaxation_time: missing: give one, such as "1.3 us", or hydrodynamic_diameter '
                "and viscosity, or anisotropy"
            )
    return faults


_SI_KEYS = {
    "saturation_magnetization": "saturation_magnetization_a_m",
    "density": "density_kg_m3",
    "iron_fraction": "iron_fraction",
    "temperature": "temperature_c",
    "relaxation_time": "relaxation_time_s",
    "hydrodynamic_diameter": "hydrodynamic_diameter_m",
    "viscosity": "viscosity_pa_s",
    "anisotropy": "anisotropy_j_m3",
    "tau0": "tau0_s",
    "heating_efficiency": "heating_efficiency",
    "model": "model",
    "table": "table",
    "effective": "effective",
    "source": "source",
    "imaging": "imaging",
}
_MODE_KEYS = {
    "fraction": "fraction",
    "core_diameter": "core_diameter_m",
    "core_sigma": "sigma",
    "hydrodynamic_diameter": "hydrodynamic_diameter_m",
    "relaxation_time": "relaxation_time_s",
}


def tracer_from_dict(values: Mapping[str, object], where: str) -> Tracer:
    """A tracer from the keys of its TOML file, quantities already in SI (temperature in degrees C).

    ``where`` opens every message, such as ``my-tracer.toml``. Keys that describe the tracer without
    entering its physics are the reader's business.
    """
    needed = ("name", "saturation_magnetization", "density", "iron_fraction")
    faults = [f"{where}: {key}: missing" for key in needed if key not in values]
    if "population" not in values and "core_diameter" not in values:
        faults.append(f'{where}: core_diameter: missing: give a length, such as "20 nm", or [[population]]')
    if faults:
        raise InputError(faults)
    tables = values.get("population")
    if not isinstance(tables, list | tuple) or not tables:
        tables = [{"fraction": 1.0, **{k: values[k] for k in ("core_diameter", "core_sigma") if k in values}}]
    known = {f.name for f in fields(Tracer)}
    settings = {_SI_KEYS[k]: v for k, v in values.items() if k in _SI_KEYS and _SI_KEYS[k] in known}
    try:
        modes = tuple(
            construct(Population, {_MODE_KEYS[k]: v for k, v in t.items() if k in _MODE_KEYS}) for t in tables
        )
        return construct(Tracer, {"name": str(values["name"]), "populations": modes, **settings})
    except InputError as error:
        raise InputError([f"{where}: {c}" for c in error.complaints]) from error
