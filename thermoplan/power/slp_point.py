"""SLP of a tracer at one field, solved directly, with the range of validity of its model."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError
from ..device import Device
from ..tracer.magnetization import VALIDITY
from ..tracer.tracer import Tracer, omega_tau, particles, slp_bound_w_kg, slp_w_kg, volume_m3
from .heating_warnings import model_warnings

IMAGING_AMPLITUDE_T = 20e-3
IMAGING_FREQUENCY_HZ = 20e3


@dataclass(frozen=True, slots=True)
class SlpPoint:
    """SLP at one field: W per kg of iron, kT per cycle and particle (by number), and warnings against the model."""

    slp_w_kg: float
    energy_kt: float
    omega_tau: float
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """True where nothing speaks against the model."""
        return not self.warnings


def slp_point(
    tracer: Tracer,
    *,
    amplitude_t: float,
    frequency_hz: float,
    along_t: float = 0.0,
    across_t: float = 0.0,
    model: str | None = None,
) -> SlpPoint:
    """SLP at one field, solved directly and never taken from a response table."""
    model = model or tracer.model
    fields = {"amplitude_t": amplitude_t, "along_t": along_t, "across_t": across_t}
    slp = float(slp_w_kg(tracer, frequency_hz=frequency_hz, model=model, **fields))
    diameter, share, _, _ = particles(tracer, frequency_hz, model)
    count = share / volume_m3(diameter)
    per_particle = tracer.iron_fraction * tracer.density_kg_m3 / (tracer.heating_efficiency * count.sum())
    energy = slp * per_particle / (tracer.thermal_j * frequency_hz)
    return SlpPoint(
        slp,
        energy,
        omega_tau(tracer, frequency_hz),
        tuple(model_warnings(tracer, frequency_hz=frequency_hz, model=model, **fields)),
    )


def validity(tracer: Tracer, model: str | None = None) -> str:
    """Range of validity of a model, in words; of a measured table, its range."""
    model = model or tracer.model
    reach = "" if model != "table" or tracer.table is None else f"{tracer.table.reach}; "
    return f"{reach}{VALIDITY[model]}"


def slp_fields(tracer: Tracer, device: Device) -> dict[str, float | None]:
    """SLP at the device's drive, its bound, and at the imaging drive of 20 mT, 20 kHz; W per kg of iron.

    Imaging is None where a measured table does not reach it.
    """
    amplitude_t, frequency_hz = device.amplitude_t, device.frequency_hz
    imaging: float | None
    try:
        imaging = float(slp_w_kg(tracer, amplitude_t=IMAGING_AMPLITUDE_T, frequency_hz=IMAGING_FREQUENCY_HZ))
    except InputError:
        imaging = None
    heating = float(slp_w_kg(tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz))
    bound = slp_bound_w_kg(tracer, amplitude_t=amplitude_t, frequency_hz=frequency_hz)
    return {"heating": heating, "bound": bound, "imaging": imaging}
