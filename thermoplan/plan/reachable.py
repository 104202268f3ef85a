"""Whether the animal has a steady state before heating: metabolic heat has to leave it somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InputError
from ..protocol import Protocol, Surface
from ..tissue import scaled_metabolism
from .case import tissues_of
from .inputs import Inputs

_REMEDY = ('give boundary.skin a heat_transfer, such as "10 W/m^2/K", with an ambient, a tissue a perfusion, or every '
           'tissue metabolic_heat = "0 W/kg"')


def refuse_unreachable(inputs: Inputs) -> None:
    """Complain, before anything is meshed, where neither the skin nor blood can take up the metabolic heat."""
    protocol = inputs.protocol
    surfaces = {"boundary.skin": protocol.skin, "boundary.bed": protocol.bed}
    if any(_takes_heat(surface) for surface in surfaces.values() if surface is not None) or protocol.vessels:
        return
    tissues = tissues_of(protocol, tuple(inputs.tissues.values()))
    volumes = [1e-9 * volume for volume in inputs.volumes_mm3().values()]
    power_w = float(scaled_metabolism(tissues, volumes, protocol.anatomy.species) @ volumes)
    if power_w <= 0.0 or any(tissue.perfusion_w_m3_k > 0.0 for tissue in tissues):
        return
    words = " and ".join(f"{key} = {{ {_said(surface)} }}" for key, surface in surfaces.items() if surface is not None)
    raise InputError(f"{protocol.path.name}: {words}, and no tissue is perfused: {power_w:.3g} W of metabolic heat "
                     f"have nowhere to go, and no steady state before heating can be reached; {_REMEDY}")


def _takes_heat(surface: Surface) -> bool:
    if surface.kind != "robin":
        return surface.kind == "dirichlet"
    return surface.heat_transfer_w_m2_k != 0.0 or surface.emissivity > 0.0


def _said(surface: Surface) -> str:
    return "insulated = true" if surface.kind == "insulated" else 'heat_transfer = "0 W/m^2/K"'


@contextmanager
def of(protocol: Protocol) -> Iterator[None]:
    """Name the protocol in whatever is wrong with its heat problem."""
    try:
        yield
    except InputError as error:
        raise InputError([f"{protocol.path.name}: {text}" for text in error.complaints]) from error
