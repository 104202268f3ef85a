"""Parameters of a plan: every number of tissue, boundary and body that entered, as rows with unit and source."""

from __future__ import annotations

from collections.abc import Iterator

from ...anatomy.tissue import BLOOD_HEAT_J_M3_K, LAW_SOURCES, Tissue, canonical_tissue
from ...bioheat import Boundary
from ...files.run.plan_record import ParameterRecord
from ...protocol import PerfusionCourse, Surface
from .case import Case
from .vessel_notes import vessel_rows
from .warming_words import warming_rows


def parameter_rows(case: Case) -> list[ParameterRecord]:
    """Every number of tissue, boundary and body that entered, with unit and source."""
    rows = [*_tissue_rows(case), *_body_rows(case), *warming_rows(case.protocol)]
    transfer_source = case.species.facts["skin_heat_transfer"].source
    for name, surface in (("skin", case.protocol.skin), ("bed", case.protocol.bed)):
        if surface is not None:
            rows += _surface_rows(name, surface, case.boundary(surface), transfer_source)
    return rows + vessel_rows(case.protocol, case.anatomy)


def _parameter(name: str, value: float, unit: str, source: str) -> ParameterRecord:
    """One row of the parameters."""
    return {"name": name, "value": value, "unit": unit, "source": source}


def _tissue_rows(case: Case) -> Iterator[ParameterRecord]:
    """Numbers of each tissue, once."""
    seen: set[str] = set()
    for tissue, heat in zip(case.tissues, case.metabolic_w_m3, strict=True):
        if tissue.name in seen:
            continue
        seen.add(tissue.name)
        for key, (label, unit) in _TISSUE_ROWS.items():
            value = heat if key == "metabolic_w_m3" else getattr(tissue, key)
            source = tissue.sources.get(key, "") + _more(case, tissue, key)
            if key == "metabolic_w_m3" and source != "protocol":
                source += ", scaled to the whole body's metabolic rate"
            yield _parameter(f"{tissue.name}: {label}", float(value), unit, source)


def _body_rows(case: Case) -> Iterator[ParameterRecord]:
    """Mass, metabolic rate and blood of the whole body."""
    physiology, facts, mass = case.protocol.physiology, case.species.facts, case.mass_kg
    weighed = "volumes and densities of the anatomy" if physiology.body_mass_kg is None else "protocol"
    core = "protocol" if physiology.core_course is None else "protocol: core_course, at 0 s"
    yield _parameter("body mass", mass * 1e3, "g", weighed)
    yield _parameter("metabolic rate", case.species.metabolic_w(mass), "W", facts["metabolic_rate"].source)
    yield _parameter("blood: heat capacity", case.species.blood_j_k(mass), "J/K", facts["blood_fraction"].source)
    yield _parameter("blood: heat capacity per volume", BLOOD_HEAT_J_M3_K, "J/m^3/K", "ITIS5")
    yield _parameter("core temperature before heating", physiology.arterial_c, "degC", core)


def _more(case: Case, tissue: Tissue, key: str) -> str:
    """Further sources of a perfusion: the anaesthetic, and the law that it follows from rest on."""
    agent = case.protocol.physiology.anaesthesia
    if key != "perfusion_w_m3_k":
        return ""
    slowed = f", slowed by {agent}" if agent is not None and tissue.sources[key] != "protocol" else ""
    given = {canonical_tissue(name): part.perfusion for name, part in case.protocol.tissues.items()}.get(tissue.name)
    if not isinstance(given, PerfusionCourse):
        return slowed
    law = "the protocol's table" if given.law is None else f"{given.law} [{LAW_SOURCES[given.law]}]"
    return f"{slowed}; at rest, then as {law}"


def _surface_rows(name: str, surface: Surface, boundary: Boundary, transfer_source: str) -> list[ParameterRecord]:
    """Numbers of the skin's or the bed's boundary condition."""
    if boundary.kind == "insulated":
        return []
    if boundary.kind == "dirichlet":
        return [_parameter(f"{name}: held at", boundary.temperature_c, "degC", "protocol")]
    given = transfer_source if surface.heat_transfer_w_m2_k is None else "protocol"
    outside = "protocol" if surface.course is None else "protocol: ambient_course, at 0 s"
    return [
        _parameter(f"{name}: heat transfer", boundary.heat_transfer_w_m2_k, "W/m^2/K", given),
        _parameter(f"{name}: outside temperature", boundary.temperature_c, "degC", outside),
        *_radiation_rows(name, boundary),
    ]


def _radiation_rows(name: str, boundary: Boundary) -> list[ParameterRecord]:
    if not boundary.emissivity:
        return []
    return [
        _parameter(f"{name}: emissivity", boundary.emissivity, "1", "protocol"),
        _parameter(f"{name}: temperature that it radiates to", boundary.walls_c, "degC", "protocol"),
    ]


_TISSUE_ROWS = {
    "density_kg_m3": ("density", "kg/m^3"),
    "heat_capacity_j_kg_k": ("heat capacity", "J/kg/K"),
    "conductivity_w_m_k": ("conductivity", "W/m/K"),
    "perfusion_w_m3_k": ("perfusion", "W/m^3/K"),
    "metabolic_w_m3": ("metabolic heat", "W/m^3"),
    "electrical_conductivity_s_m": ("electrical conductivity", "S/m"),
    "relative_permittivity": ("relative permittivity", "1"),
}
