"""Heating model of a case: matrices, eddy currents, and the power of any position of the field-free region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.progress import Stages
from ...bioheat import Feedback, ThermalSystem, steady_system
from ...device import Device
from ...power.eddy import EddyPower, eddy_power, field_potential_t_m, induced_power
from ...power.heating_basis import Column, HeatingBasis, biases_t, heating_basis, iron_power_w
from ...power.mesh_iron import MeshIron
from ...tracer.response import response_table
from ...tracer.tracer import Tracer, slp_w_kg
from .case import Case
from .second_order import SecondOrderCase, second_order_case
from .steady_state import naming_protocol

_BINS = 192
"""Bins of a power sum along and across the bias; the sum is second order in their width, and twice as many take four
times the memory."""
_LEVELS = 32
"""Bins of a power sum in amplitude, which a uniform drive fills but one of."""
_SOLVED = 200
"""Bins that a slow tracer model is solved in, those that heat most; the table serves the rest."""
STEEP_T = 5e-3
"""Bias at which the bins of a power sum are half way through: losses fall within a few millitesla."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatingModel:
    """Everything about a case that does not depend on the trajectory.

    ``system`` is linear; ``feedback`` is what it cannot hold (perfusion laws, courses, radiation), None where that is
    nothing, and the system's state before heating is then the one that both lead to. ``finer`` is what the full model
    plays instead of them, where the protocol asks for quadratic elements.
    """

    case: Case
    system: ThermalSystem
    eddy: EddyPower | None
    feedback: Feedback | None = None
    finer: SecondOrderCase | None = None

    def basis(self, columns: Sequence[Column], device: Device | None = None) -> HeatingBasis:
        """Loads of the given columns, eddy currents included; ``device`` where it is not the protocol's."""
        return self._basis(columns, device, (self.case.iron, self.eddy))

    def played_w(self, basis: HeatingBasis) -> Array:
        """Loads ``(k, n)`` of a basis on the unknowns that the full model plays."""
        if self.finer is None:
            return basis.load_w
        return self._basis(basis.columns, None, (self.finer.iron, self.finer.eddy)).load_w

    def _basis(
        self, columns: Sequence[Column], device: Device | None, sources: tuple[MeshIron, EddyPower | None]
    ) -> HeatingBasis:
        protocol, (iron, eddy) = self.case.protocol, sources
        amplitudes = np.unique([c.amplitude_t for c in columns])
        table = response_table(protocol.tracer, protocol.device.frequency_hz, amplitudes)
        return heating_basis(iron, table, device or protocol.device, columns, anatomy=self.case.anatomy, eddy=eddy)

    def region_iron_w(self, columns: Sequence[Column]) -> dict[str, list[float]]:
        """Iron power in each region for each column, W."""
        protocol, iron, anatomy = self.case.protocol, self.case.iron, self.case.anatomy
        amplitudes = np.unique([c.amplitude_t for c in columns])
        table = response_table(protocol.tracer, protocol.device.frequency_hz, amplitudes)
        power = iron_power_w(iron, table, protocol.device, columns)
        region = anatomy.region[iron.cell]
        return {name: power[:, region == i].sum(axis=1).tolist() for i, name in enumerate(anatomy.region_names)}


def build_heating_model(case: Case, stages: Stages) -> HeatingModel:
    """Assemble the heat problem, find the state before heating, solve the eddy currents."""
    device = case.protocol.device
    with stages.stage("heat matrices, steady state"):
        system, feedback = assemble_heat(case)
    eddy = None
    if device.eddy_currents:
        with stages.stage("eddy currents"):
            eddy = _solve_eddies(case)
    if case.protocol.mesh.order == 1:
        return HeatingModel(case, system, eddy, feedback)
    with stages.stage("quadratic elements"):
        return HeatingModel(case, system, eddy, feedback, second_order_case(case, eddy))


def assemble_heat(case: Case) -> tuple[ThermalSystem, Feedback | None]:
    """Matrices in the state before heating, and what feeds back into them."""
    problem = case.problem()
    with naming_protocol(case.protocol):
        return steady_system(problem)


def _solve_eddies(case: Case) -> EddyPower:
    """Eddy currents of the machine's drive, uniform or with its profile."""
    device, anatomy = case.protocol.device, case.anatomy
    frequency_hz, amplitude_t = device.frequency_hz, device.amplitude_t
    if device.drive is None:
        return eddy_power(
            anatomy, case.tissues, drive_axis=device.drive_axis, frequency_hz=frequency_hz, amplitude_t=amplitude_t
        )
    potential = field_potential_t_m(lambda points: device.amplitude_t * device.drive_field(points), anatomy.centroids_m)
    return induced_power(
        anatomy, case.tissues, potential_t_m=potential, frequency_hz=frequency_hz, amplitude_t=amplitude_t
    )


def power_rel(heating_model: HeatingModel, basis: HeatingBasis, shares: Array) -> float:
    """Relative difference of the iron power that the shares ``(k,)`` of the columns take on average from an
    independent sum.

    The sum solves the tracer's loss directly, without its table, on the joint histogram of the played iron mass over
    amplitude and the two bias components; each bin stands at its mean, which is second order in its width. Where a
    point takes long, only the bins that heat most are solved.
    """
    case = heating_model.case
    tracer, device = case.protocol.tracer, case.protocol.device
    mass, amplitude, along, across = _binned_iron(case, basis.columns, shares)
    levels = np.unique([c.amplitude_t for c in basis.columns])
    direct = _direct_w(tracer, device.frequency_hz, levels, mass, (amplitude, along, across))
    power = float(shares @ (basis.load_w.sum(axis=1) - basis.eddy_w))
    return abs(power - direct) / max(direct, power) if max(direct, power) > 0.0 else 0.0


def _direct_w(
    tracer: Tracer, frequency_hz: float, levels_t: Array, mass_kg: Array, fields_t: tuple[Array, ...]
) -> float:
    """Power of iron in bins, solved directly; the exact model in the `_SOLVED` that heat most, elsewhere by the table
    of the amplitudes ``levels_t``."""
    amplitude, along, across = fields_t

    def solve(rows: IntArray) -> Array:
        return slp_w_kg(
            tracer, amplitude_t=amplitude[rows], frequency_hz=frequency_hz, along_t=along[rows], across_t=across[rows]
        )

    if tracer.model != "fokker-planck":
        return float(mass_kg @ solve(np.arange(len(mass_kg))))
    table = response_table(tracer, frequency_hz, levels_t)
    looked_up = table.at_amplitude_w_kg(amplitude, along, across)
    most = np.argsort(mass_kg * looked_up)[-_SOLVED:]
    return float(mass_kg @ looked_up + mass_kg[most] @ (solve(most) - looked_up[most]))


def _binned_iron(case: Case, columns: Sequence[Column], shares: Array) -> tuple[Array, ...]:
    """Iron mass times share in the bins that hold any, and its mean amplitude and bias."""
    device, iron = case.protocol.device, case.iron
    used = np.flatnonzero(shares > 0.0).tolist()
    columns, shares = [columns[k] for k in used], shares[used]
    drive = device.drive_at(iron.points_m)[0]
    peak = float(drive.max()) * max((c.amplitude_t for c in columns), default=0.0)
    sums = np.zeros((4, _LEVELS * _BINS * _BINS))
    for column, share, (along, across) in zip(columns, shares, biases_t(device, iron.points_m, columns), strict=True):
        parts = column.amplitude_t * drive, np.abs(along), across
        places = parts[0] / peak, *(bias / (bias + STEEP_T) for bias in parts[1:])
        code = np.zeros(len(drive), np.int64)
        for place, count in zip(places, (_LEVELS, _BINS, _BINS), strict=True):
            code = code * count + np.minimum((place * count).astype(np.int64), count - 1)
        mass = share * iron.mass_kg
        sums += [np.bincount(code, mass * value, sums.shape[1]) for value in (1.0, *parts)]
    held = sums[0] > 0.0
    mass = sums[0, held]
    return mass, *(sums[1:, held] / mass)
