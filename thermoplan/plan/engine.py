"""A case that can be heated: matrices, eddy currents, and the power of any FFR position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..bioheat import Feedback, ThermalSystem, feedback_of, settled, thermal_system
from ..device import Device
from ..eddy import EddyPower, eddy_power, field_potential_t_m, induced_power
from ..progress import Stages
from ..response import response_table
from ..sar import Column, HeatingBasis, biases_t, heating_basis
from ..tracer import slp_w_kg
from .case import Case

_BINS, _DRIVE_BINS = 128, 32


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """Everything about a case that does not depend on the trajectory.

    ``system`` is linear; ``feedback`` is what it cannot hold (perfusion laws, courses, radiation), None where that is
    nothing, and the system's state before heating is then the one that both lead to.
    """

    case: Case
    system: ThermalSystem
    eddy: EddyPower | None
    feedback: Feedback | None = None

    def basis(self, columns: Sequence[Column], device: Device | None = None) -> HeatingBasis:
        """Loads of the given columns, eddy currents included; ``device`` where it is not the protocol's."""
        protocol = self.case.protocol
        amplitudes = np.unique([c.amplitude_t for c in columns])
        table = response_table(protocol.tracer, protocol.device.frequency_hz, amplitudes)
        return heating_basis(self.case.iron, table, device or protocol.device, columns,
                             anatomy=self.case.anatomy, eddy=self.eddy)

    def region_iron_w(self, columns: Sequence[Column]) -> dict[str, list[float]]:
        """Iron power in each region for each column, W."""
        from ..sar import iron_power_w

        protocol, iron, anatomy = self.case.protocol, self.case.iron, self.case.anatomy
        amplitudes = np.unique([c.amplitude_t for c in columns])
        table = response_table(protocol.tracer, protocol.device.frequency_hz, amplitudes)
        power = iron_power_w(iron, table, protocol.device, columns)
        region = anatomy.region[iron.cell]
        return {name: power[:, region == i].sum(axis=1).tolist() for i, name in enumerate(anatomy.region_names)}


def build_engine(case: Case, stages: Stages) -> Engine:
    """Assemble the heat problem, find the state before heating, solve the eddy currents."""
    device = case.protocol.device
    with stages.stage("heat matrices, steady state"):
        system, feedback = heat(case)
    eddy = None
    if device.eddy_currents:
        with stages.stage("eddy currents"):
            eddy = _eddies(case)
    return Engine(case, system, eddy, feedback)


def heat(case: Case) -> tuple[ThermalSystem, Feedback | None]:
    """Matrices in the state before heating, and what feeds back into them."""
    problem = case.problem()
    system = thermal_system(problem)
    feedback = feedback_of(problem, system)
    return (system if feedback is None else settled(system, feedback)), feedback


def _eddies(case: Case) -> EddyPower:
    """Eddy currents of the machine's drive, uniform or with its profile."""
    device, anatomy = case.protocol.device, case.anatomy
    drive = {"frequency_hz": device.frequency_hz, "amplitude_t": device.amplitude_t}
    if device.drive is None:
        return eddy_power(anatomy, case.tissues, drive_axis=device.drive_axis, **drive)
    potential = field_potential_t_m(lambda points: device.amplitude_t * device.drive_field(points), anatomy.centroids_m)
    return induced_power(anatomy, case.tissues, potential_t_m=potential, **drive)


def power_rel(engine: Engine, basis: HeatingBasis) -> float:
    """Largest relative difference of a column's iron power from an independent sum.

    The sum solves the tracer's loss directly, without its table, on the joint histogram of iron mass over
    the two bias components, and over the amplitude where the drive has a profile; each bin stands at its
    mean, which is second order in its width.
    """
    case = engine.case
    tracer, device, iron = case.protocol.tracer, case.protocol.device, case.iron
    worst, drive = 0.0, device.drive_at(iron.points_m)[0]
    biases = biases_t(device, iron.points_m, basis.columns)
    rows = zip(basis.columns, biases, basis.load_w.sum(axis=1), basis.eddy_w, strict=True)
    for column, (along, across), power, eddy in rows:
        mass, amplitude, along, across = _binned(drive, np.abs(along), across, iron.mass_kg)
        slp = slp_w_kg(tracer, amplitude_t=column.amplitude_t * amplitude, frequency_hz=device.frequency_hz,
                       along_t=along, across_t=across)
        direct = float(mass @ slp)
        worst = max(worst, abs(power - eddy - direct) / direct)
    return worst


def _binned(drive: np.ndarray, along: np.ndarray, across: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, ...]:
    """Iron mass and its mean drive and bias in the bins that hold any; bins are narrow where the loss is steep."""
    place = (drive - drive.min()) / max(float(np.ptp(drive)), 1e-12)
    code = np.minimum((place * _DRIVE_BINS).astype(np.int64), _DRIVE_BINS - 1)
    for bias in (along, across):
        s = bias / (bias + max(float(np.median(bias)), 1e-4))
        code = code * _BINS + np.minimum((s * _BINS).astype(np.int64), _BINS - 1)
    _, inverse = np.unique(code, return_inverse=True)
    total = np.bincount(inverse, mass)
    return total, *(np.bincount(inverse, mass * value) / total for value in (drive, along, across))
