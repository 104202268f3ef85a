"""Steady state before heating, which needs a way out for metabolic heat: refusals where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...anatomy.tissue import scaled_metabolism
from ...base.errors import InputError
from ...protocol import Protocol, Surface
from .case import case_tissues
from .inputs import Inputs

_REMEDY = (
    'give boundary.skin a heat_transfer, such as "10 W/m^2/K", with an ambient, a tissue a perfusion, or every '
    'tissue metabolic_heat = "0 W/kg"'
)


def unreachable_state(inputs: Inputs) -> Iterator[str]:
    """Complaint where neither the skin nor blood can take up the metabolic heat."""
    words = _closed_surfaces(inputs)
    if not words:
        return
    protocol, tissues = inputs.protocol, case_tissues(inputs.protocol, tuple(inputs.tissues.values()))
    volumes = [1e-9 * volume for volume in inputs.volumes_mm3().values()]
    power_w = float(scaled_metabolism(tissues, volumes, protocol.anatomy.species) @ volumes)
    if power_w > 0.0:
        yield (
            f"{words}, and no tissue is perfused: {power_w:.3g} W of metabolic heat "
            f"have nowhere to go, and no steady state before heating can be reached; {_REMEDY}"
        )


def refuse_unbounded(inputs: Inputs) -> None:
    """Complain where the error of the mesh is asked for, which is that of power kept for ever, and no heat leaves."""
    words = _closed_surfaces(inputs)
    if words:
        raise InputError(
            f"{inputs.protocol.path.name}: {words}, and no tissue is perfused: power that is kept warms "
            "it without end, and --estimate-error needs the end; leave the option out, or give "
            'boundary.skin a heat_transfer, such as "10 W/m^2/K"'
        )


def _closed_surfaces(inputs: Inputs) -> str:
    """Keys of the skin where neither it nor blood takes up heat; empty where one does."""
    protocol = inputs.protocol
    surfaces = {"boundary.skin": protocol.skin, "boundary.bed": protocol.bed}
    given = {key: surface for key, surface in surfaces.items() if surface is not None}
    if any(_takes_heat(surface) for surface in given.values()) or protocol.vessels:
        return ""
    if any(tissue.perfusion_w_m3_k > 0.0 for tissue in case_tissues(protocol, tuple(inputs.tissues.values()))):
        return ""
    return " and ".join(f"{key} = {{ {_surface_words(surface)} }}" for key, surface in given.items())


def _takes_heat(surface: Surface) -> bool:
    if surface.kind != "robin":
        return surface.kind == "dirichlet"
    return surface.heat_transfer_w_m2_k != 0.0 or surface.emissivity > 0.0


def _surface_words(surface: Surface) -> str:
    return "insulated = true" if surface.kind == "insulated" else 'heat_transfer = "0 W/m^2/K"'


@contextmanager
def naming_protocol(protocol: Protocol) -> Iterator[None]:
    """Name the protocol in whatever is wrong with its heat problem."""
    try:
        yield
    except InputError as error:
        raise InputError([f"{protocol.path.name}: {text}" for text in error.complaints]) from error
