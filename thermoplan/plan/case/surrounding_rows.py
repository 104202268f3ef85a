"""Rows of `check` on blood, skin and bed: the state before heating, and what follows a file or a law."""

from __future__ import annotations

from collections.abc import Iterator

from ...anatomy.tissue import species_facts
from ...bioheat import TemperatureCourse
from ...protocol import PerfusionCourse, Protocol, Surface
from .warming_words import warming_row


def surrounding_rows(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Core, anaesthetic, perfusion laws, skin and bed, as (what, understood as)."""
    if species_facts(protocol.anatomy.species).is_alive:
        yield "core", f"{protocol.physiology.arterial_c:g} degC before heating, {_core(protocol)}"
        yield "warming", warming_row(protocol)
        yield from _blood_rows(protocol)
    else:
        yield "phantom", f"no blood, no metabolic heat; {protocol.physiology.arterial_c:g} degC before heating"
    for vessel in protocol.vessels:
        yield (
            f"vessel {vessel.name}",
            (
                f"{1e3 * vessel.length_m:.3g} mm long, {1e3 * vessel.diameter_m:.3g} mm wide, "
                f"blood at the core's temperature, Nusselt number {vessel.nusselt:.3g}"
            ),
        )
    for name, surface in (("skin", protocol.skin), ("bed", protocol.bed)):
        if surface is not None:
            yield name, _surface(surface, species_facts(protocol.anatomy.species).skin_heat_transfer_w_m2_k)


def _core(protocol: Protocol) -> str:
    course = protocol.physiology.core_course
    return protocol.physiology.core if course is None else f"then as measured, {_span(course)}"


def _span(course: TemperatureCourse) -> str:
    low, high = course.temperature_c.min(), course.temperature_c.max()
    return f"{low:g} to {high:g} degC over {course.times_s[-1] / 60:g} min"


def _blood_rows(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Rows on what slows perfusion, and on perfusion that depends on temperature."""
    if protocol.physiology.anaesthesia is not None:
        fact = species_facts(protocol.anatomy.species).facts[protocol.physiology.anaesthesia]
        yield "anaesthesia", f"{protocol.physiology.anaesthesia}: perfusion of the table times {fact.value:g}"
    for name, tissue in protocol.tissues.items():
        if isinstance(tissue.perfusion, PerfusionCourse):
            law = tissue.perfusion.law
            yield f"perfusion of {name}", "follows the protocol's table" if law is None else f"follows {law}"


def _surface(surface: Surface, species_w_m2_k: float) -> str:
    h = species_w_m2_k if surface.heat_transfer_w_m2_k is None else surface.heat_transfer_w_m2_k
    words = {
        "insulated": "insulated",
        "dirichlet": f"held at {surface.temperature_c:g} degC",
        "robin": f"{h:g} W/m^2/K to {surface.temperature_c:g} degC",
    }[surface.kind]
    if surface.course is not None:
        words += f", which follows a file, {_span(surface.course)}"
    if surface.emissivity:
        around = surface.temperature_c if surface.surroundings_c is None else surface.surroundings_c
        words += f", radiates to {around:g} degC at emissivity {surface.emissivity:g}"
    if surface.normal is not None:
        words += f", where it faces {' '.join(f'{v:.3g}' for v in surface.normal)} (RAS)"
    return words + (f', surface "{surface.surface}" of the mesh' if surface.surface else "")
