"""Case: the patient on a mesh, with geometry, iron and tissue, ready for physics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...anatomy.anatomy import Anatomy
from ...anatomy.body import MeshBody
from ...anatomy.meshing import MeshReport, MeshSizes
from ...anatomy.tissue import (
    PerfusionLaw,
    Species,
    Tissue,
    anaesthetise,
    canonical_tissue,
    region_tissues,
    scaled_metabolism,
    species_facts,
)
from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...base.progress import Stages
from ...base.units import toml_text
from ...bioheat.problem import BioheatProblem, Boundary, Warming
from ...files.run.source_record import RegistrationRecord
from ...goals import CORE
from ...power.mesh_iron import MeshIron, iron_on_mesh
from ...power.slp_uncertainty import slp_interval
from ...protocol import PerfusionCourse, Protocol, Surface
from ...protocol.protocol import WARMING_KINDS
from .input_checks import OUTSIDE_WARNING
from .inputs import Inputs
from .mesh_cache import cached_mesh
from .vessel_notes import vessel_notes

COARSEST_TARGET_M = 0.8e-3
"""Longest edge in a target; twice as long, a focus of a few millimetres would have no node inside."""
TARGET_PER_RADIUS = 1.0 / 8.0
"""Edge in a target as a part of its radius: sixteen elements across it, where that is finer."""
SIZE_M = 2.5e-3
"""Edge far from the targets, where temperature changes over centimetres; half of it makes eight times the elements."""
QUICK_TARGET = 2.8
"""Factor on the edge in a target of a quick mesh."""
QUICK_SIZE = 1.4
"""Factor on the edge elsewhere of a quick mesh: the shipped mouse then has about 10,000 nodes."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Anatomy, iron and tissue of one protocol.

    ``tissues`` has one entry a region; ``mesh`` is the mesher's report, None for a mesh that was given;
    ``registration`` brought the scan into the anatomy's frame, None where it was in it; ``iron_sd_kg`` is the standard
    uncertainty of each region's iron, calibration and noise, zero where neither is known.
    """

    protocol: Protocol
    anatomy: Anatomy
    mesh: MeshReport | None
    iron: MeshIron
    fwhm_m: float | None
    iron_uncertainty: float
    tissues: tuple[Tissue, ...]
    species: Species
    metabolic_w_m3: Array
    targets: tuple[str, ...]
    notes: tuple[str, ...]
    registration: RegistrationRecord | None = None
    iron_sd_kg: Mapping[str, float] = field(default_factory=dict)

    @property
    def heat_factors(self) -> tuple[float, float]:
        """Factors by which the target may heat less or more than planned: SLP and iron together."""
        slp = slp_interval(self.protocol.tracer, self.protocol.device)
        held = self.iron.region_kg(self.anatomy).get(self.targets[0], 0.0) if self.targets else 0.0
        return slp.with_iron(self.iron_sd_kg.get(self.targets[0], 0.0) / held if held > 0.0 else self.iron_uncertainty)

    @property
    def mass_kg(self) -> float:
        """Body mass: the protocol's, else what the anatomy weighs."""
        stated_kg = self.protocol.physiology.body_mass_kg
        return self.weight_kg if stated_kg is None else stated_kg

    @property
    def weight_kg(self) -> float:
        """Mass of the anatomy."""
        volume = np.array([self.anatomy.volume_m3(name) for name in self.anatomy.region_names])
        return float(volume @ [t.density_kg_m3 for t in self.tissues])

    def problem(self) -> BioheatProblem:
        """The heat problem of this case."""
        protocol, tissues = self.protocol, self.tissues
        return BioheatProblem(
            anatomy=self.anatomy,
            density_kg_m3=np.array([t.density_kg_m3 for t in tissues]),
            heat_capacity_j_kg_k=np.array([t.heat_capacity_j_kg_k for t in tissues]),
            conductivity_w_m_k=np.array([t.conductivity_w_m_k for t in tissues]),
            perfusion_w_m3_k=np.array([t.perfusion_w_m3_k for t in tissues]),
            metabolic_w_m3=self.metabolic_w_m3,
            boundaries=tuple(
                self.boundary(surface, f"boundary.{name}")
                for name, surface in (("skin", protocol.skin), ("bed", protocol.bed), ("blanket", self._blanket))
                if surface is not None
            ),
            arterial_c=protocol.physiology.arterial_c,
            core=protocol.physiology.core,
            blood_j_k=self.species.blood_j_k(self.mass_kg),
            core_course=protocol.physiology.core_course,
            laws=self.laws(),
            vessels=protocol.vessels,
            warming=self._warming(),
        )

    def _warming(self) -> Warming:
        """Warming of the animal, on this mesh."""
        given = self.protocol.warming
        return Warming(
            WARMING_KINDS[given.kind].law,
            given.set_point_c,
            given.band_k,
            given.max_power_w,
            triangles=self._triangles(given.surface, "warming.surface"),
            normal=None if given.normal is None else np.array(given.normal),
            region=None if given.probe == CORE else given.probe,
            name=f"{self.protocol.path.name}: warming",
        )

    @property
    def _blanket(self) -> Surface | None:
        """A water blanket, which is a surface like a bed."""
        given = self.protocol.warming
        if given.temperature_c is None:
            return None
        return Surface(
            "robin", given.heat_transfer_w_m2_k, given.temperature_c, normal=given.normal, surface=given.surface
        )

    def laws(self) -> dict[str, PerfusionLaw]:
        """Region -> perfusion law, where the protocol gives its tissue one."""
        given = {canonical_tissue(name): tissue.perfusion for name, tissue in self.protocol.tissues.items()}
        return {
            region: law.course(tissue.density_kg_m3, tissue.perfusion_w_m3_k)
            for region, tissue in zip(self.anatomy.region_names, self.tissues, strict=True)
            if isinstance(law := given.get(tissue.name), PerfusionCourse)
        }

    def boundary(self, surface: Surface, name: str = "boundary") -> Boundary:
        """A surface of the protocol on this mesh, with the species' heat transfer where it gives none."""
        transfer = surface.heat_transfer_w_m2_k
        return Boundary(
            surface.kind,
            heat_transfer_w_m2_k=self.species.skin_heat_transfer_w_m2_k if transfer is None else transfer,
            temperature_c=surface.temperature_c,
            normal=None if surface.normal is None else np.array(surface.normal),
            triangles=self._triangles(surface.surface, "boundary.bed.surface"),
            course=surface.course,
            emissivity=surface.emissivity,
            surroundings_c=surface.surroundings_c,
            name=name,
        )

    def _triangles(self, name: str | None, key: str) -> IntArray | None:
        if name is None:
            return None
        known = self.anatomy.surfaces
        if name not in known:
            raise InputError(f"{self.protocol.path.name}: {unknown_surface(name, key, known)}")
        return known[name]


def unknown_surface(name: str, key: str, known: Iterable[str]) -> str:
    """Complaint on a surface that a mesh does not name."""
    names = ", ".join(known)
    has = f"it has {names}" if names else 'it has none: give normal, such as "0 -1 0"'
    return f"{key} = {toml_text(name)}: not a named surface of the mesh; {has}"


def build_case(inputs: Inputs, stages: Stages, *, quick: bool = False) -> Case:
    """Mesh the anatomy, lay the iron into it, look up tissue."""
    protocol = inputs.protocol
    notes = list(inputs.notes)
    anatomy, report = _mesh(inputs, stages, quick=quick)
    notes += report.warnings if report else ()
    with stages.stage("iron on the mesh"):
        uptake = tuple(dict.fromkeys((*inputs.targets, *protocol.iron.uptake)))
        uptake = tuple(name for name in uptake if name in anatomy.region_names)
        iron = iron_on_mesh(inputs.iron, anatomy, uptake, confine=protocol.iron.confine)
    notes += _iron_notes(protocol, iron)
    notes += vessel_notes(protocol, anatomy)
    species = species_facts(protocol.anatomy.species)
    tissues = case_tissues(protocol, anatomy.tissue_names)
    volumes = [anatomy.volume_m3(name) for name in anatomy.region_names]
    case = Case(
        protocol,
        anatomy,
        report,
        iron,
        inputs.iron.fwhm_m,
        inputs.iron.relative_uncertainty,
        tissues,
        species,
        scaled_metabolism(tissues, volumes, species.name),
        inputs.targets,
        tuple(notes),
        inputs.registration_record(),
        {name: inputs.iron.mass_sd_kg(mass, anatomy.volume_m3(name)) for name, mass in iron.region_kg(anatomy).items()},
    )
    warning = species.mass_warning(case.mass_kg)
    return case if warning is None else replace(case, notes=(*notes, warning))


def _mesh(inputs: Inputs, stages: Stages, *, quick: bool) -> tuple[Anatomy, MeshReport | None]:
    """The mesh of a protocol, or one of its labels with the mesher's report."""
    body = inputs.body
    if isinstance(body, MeshBody):
        return body.mesh, None
    with stages.stage("mesh"):
        return cached_mesh(body.labels, body.table, mesh_sizes(inputs, quick=quick))


def mesh_sizes(inputs: Inputs, *, quick: bool) -> MeshSizes:
    """Edge lengths: the protocol's, else the smaller of 0.8 mm and an eighth of the target's radius."""
    wanted, volumes = inputs.protocol.mesh, inputs.volumes_mm3()
    radii = [(3.0 * volumes[name] / (4.0 * np.pi)) ** (1 / 3) * 1e-3 for name in inputs.targets if name in volumes]
    target = wanted.target_size_m
    if target is None:
        target = min([COARSEST_TARGET_M, *[r * TARGET_PER_RADIUS for r in radii]])
    size = SIZE_M if wanted.size_m is None else wanted.size_m
    if quick:
        target, size = target * QUICK_TARGET, size * QUICK_SIZE
    margin = inputs.protocol.steering.margin_m
    regions = tuple(name for name in inputs.targets if name in volumes)
    return MeshSizes(target, max(size, target), regions, margin_m=3e-3 if margin is None else margin)


def _iron_notes(protocol: Protocol, iron: MeshIron) -> list[str]:
    share = iron.outside_kg / iron.image_kg
    if share <= OUTSIDE_WARNING:
        return []
    return [
        f"{protocol.iron.image.name}: {share:.0%} of the iron lies off the skin and is left out "
        "(above 5 %): check the registration"
    ]


def case_tissues(protocol: Protocol, tissue_names: Sequence[str]) -> tuple[Tissue, ...]:
    """One tissue a region, with the protocol's values, and slowed by its anaesthetic."""
    species, agent = protocol.anatomy.species, protocol.physiology.anaesthesia
    tissues = region_tissues(
        tissue_names, species, frequency_hz=protocol.device.frequency_hz, overrides=_overrides(protocol, tissue_names)
    )
    return tissues if agent is None else anaesthetise(tissues, species, agent)


def _overrides(protocol: Protocol, tissue_names: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
    if not protocol.tissues:
        return {}
    table = {t.name: t for t in region_tissues(tissue_names, protocol.anatomy.species)}
    unused = [name for name in protocol.tissues if canonical_tissue(name) not in table]
    if unused:
        raise InputError(
            [
                f"{protocol.path.name}: tissues.{name}: no region of the anatomy is made of it; it has "
                f"{', '.join(table)}"
                for name in unused
            ]
        )
    return {name: given.values(table[canonical_tissue(name)].density_kg_m3) for name, given in protocol.tissues.items()}
