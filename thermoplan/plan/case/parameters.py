"""Every number of tissue, boundary and body that entered a plan, as rows with unit and source."""

from __future__ import annotations

from ...anatomy.tissue import BLOOD_HEAT_J_M3_K, LAW_SOURCES, Tissue, canonical_tissue
from ...bioheat import Boundary
from ...files.run.plan_record import ParameterRecord
from ...protocol import PerfusionCourse, Surface
from .case import Case
from .vessel_notes import vessel_rows


def parameter_rows(case: Case) -> list[ParameterRecord]:
    """Every number of tissue, boundary and body that entered, with unit and source."""
    rows: list[ParameterRecord] = []
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
            rows.append({"name": f"{tissue.name}: {label}", "value": float(value), "unit": unit, "source": source})
    mass = case.mass_kg
    facts = case.species.facts
    rows += [
        {
            "name": "body mass",
            "value": mass * 1e3,
            "unit": "g",
            "source": "volumes and densities of the anatomy"
            if case.protocol.physiology.body_mass_kg is None
            else "protocol",
        },
        {
            "name": "metabolic rate",
            "value": case.species.metabolic_w(mass),
            "unit": "W",
            "source": facts["metabolic_rate"].source,
        },
        {
            "name": "blood: heat capacity",
            "value": case.species.blood_j_k(mass),
            "unit": "J/K",
            "source": facts["blood_fraction"].source,
        },
        {"name": "blood: heat capacity per volume", "value": BLOOD_HEAT_J_M3_K, "unit": "J/m^3/K", "source": "ITIS5"},
        {
            "name": "core temperature before heating",
            "value": case.protocol.physiology.arterial_c,
            "unit": "degC",
            "source": "protocol" if case.protocol.physiology.core_course is None else "protocol: core_course, at 0 s",
        },
    ]
    for name, surface in (("skin", case.protocol.skin), ("bed", case.protocol.bed)):
        if surface is not None:
            rows += _surface_rows(name, surface, case.boundary(surface), facts["skin_heat_transfer"].source)
    return rows + vessel_rows(case.protocol, case.anatomy)


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
        return [{"name": f"{name}: held at", "value": boundary.temperature_c, "unit": "degC", "source": "protocol"}]
    return [
        {
            "name": f"{name}: heat transfer",
            "value": boundary.heat_transfer_w_m2_k,
            "unit": "W/m^2/K",
            "source": transfer_source if surface.heat_transfer_w_m2_k is None else "protocol",
        },
        {
            "name": f"{name}: outside temperature",
            "value": boundary.temperature_c,
            "unit": "degC",
            "source": "protocol" if surface.course is None else "protocol: ambient_course, at 0 s",
        },
        *_radiation_rows(name, boundary),
    ]


def _radiation_rows(name: str, boundary: Boundary) -> list[ParameterRecord]:
    if not boundary.emissivity:
        return []
    return [
        {"name": f"{name}: emissivity", "value": boundary.emissivity, "unit": "1", "source": "protocol"},
        {
            "name": f"{name}: temperature that it radiates to",
            "value": boundary.walls_c,
            "unit": "degC",
            "source": "protocol",
        },
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
