"""Hard limits of safety in a case: the drive that they leave, and the budgets that a search keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...goals import SafetyBudget
from ...power.safety import (
    FIELD_QUANTITIES,
    QUANTITIES,
    Exposure,
    Limit,
    absorbed_limit,
    eddy_limits,
    field_limits,
    highest_amplitude_t,
    loop_radius_m,
    mark_hard,
)
from .case import Case

if TYPE_CHECKING:  # both load the solver
    from ...power.heating_basis import HeatingBasis
    from .heating_model import HeatingModel


def exposure(case: Case, amplitude_t: float, duty: float = 1.0) -> Exposure:
    """Exposure of this body to the drive."""
    device, anatomy = case.protocol.device, case.anatomy
    relative = 1.0 if device.drive is None else float(device.drive_at(anatomy.points_m)[0].max())
    return Exposure(amplitude_t, device.frequency_hz, loop_radius_m(anatomy, device.drive_axis), duty, relative)


def refuse_impossible(heating_model: HeatingModel) -> None:
    """Refuse hard limits that cannot be judged in this case, before anything is computed for them."""
    case = heating_model.case
    eddies = () if heating_model.eddy is None else eddy_limits(heating_model.eddy)
    metabolic_w = case.species.metabolic_w(case.mass_kg)
    rows = [*field_limits(exposure(case, case.protocol.device.amplitude_t)), *eddies, absorbed_limit(0.0, metabolic_w)]
    try:
        mark_hard(rows, case.protocol.safety)
    except InputError as error:
        raise InputError([f"{case.protocol.path.name}: {text}" for text in error.complaints]) from None


def allowed_amplitudes_t(case: Case, wanted: Sequence[float]) -> tuple[float, ...]:
    """The amplitudes within the hard limits on the field; where all are above, the protocol's own is brought down.

    Amplitudes that a protocol lists are kept or left out, never changed.
    """
    highest, binding = highest_amplitude_t(exposure(case, case.protocol.device.amplitude_t), case.protocol.safety)
    if binding is None:
        return tuple(wanted)
    kept = tuple(a for a in wanted if a <= highest * (1.0 + 1e-9))
    if len(kept) == len(wanted):
        return kept
    if case.protocol.steering.amplitudes_t is None:
        return tuple(a * min(1.0, highest / max(wanted)) for a in wanted)
    if not kept:
        raise InputError(
            f"{case.protocol.path.name}: safety.{binding.quantity}_at_most = {binding.limit:.3g} "
            f"{binding.unit} leaves {1e3 * highest:.3g} mT of drive in this body; steering.amplitudes has "
            "none so low"
        )
    return kept


def field_notes(case: Case) -> list[str]:
    """Note that a hard limit holds the drive below what the protocol asks for."""
    asked = case.protocol.device.amplitude_t
    highest, binding = highest_amplitude_t(exposure(case, asked), case.protocol.safety)
    if binding is None or asked <= highest * (1.0 + 1e-9):
        return []
    return [
        f"safety.{binding.quantity}_at_most = {binding.limit:.3g} {binding.unit} keeps the drive at "
        f"{1e3 * highest:.3g} mT, below the {1e3 * asked:.3g} mT that the device could give"
    ]


def safety_budgets(heating_model: HeatingModel, basis: HeatingBasis) -> tuple[SafetyBudget, ...]:
    """The hard limits on induced and absorbed power as costs of the columns."""
    case = heating_model.case
    metabolic_w = case.species.metabolic_w(case.mass_kg)
    squares = np.zeros(len(basis.columns))
    unit = [absorbed_limit(1.0, metabolic_w)]
    if heating_model.eddy is not None:
        squares = np.array([(c.amplitude_t / heating_model.eddy.amplitude_t) ** 2 for c in basis.columns])
        unit += eddy_limits(heating_model.eddy)
    asked = [wish for wish in case.protocol.safety if wish.quantity not in FIELD_QUANTITIES]
    kept = [limit for limit in mark_hard(unit, asked) if limit.hard]
    return tuple(SafetyBudget(QUANTITIES[limit.quantity], _cost(limit, basis, squares) / limit.limit) for limit in kept)


def _cost(limit: Limit, basis: HeatingBasis, squares: Array) -> Array:
    return basis.iron_w + basis.eddy_w if limit.quantity == "absorbed" else limit.value * squares
