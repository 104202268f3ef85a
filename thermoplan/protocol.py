"""A protocol: who is treated with what, how, and what should come of it.

``read_protocol`` reads the TOML file and everything small that it names; images and meshes stay on disk
until a plan needs them. Defaults live here, each in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import Array
from .device import Device
from .errors import InputError
from .goals import Goal
from .tracer import Tracer
from .units import MetabolicHeat, Perfusion, iron_factor, length_factor

if TYPE_CHECKING:
    from .files.labels import Label

CORE_C, AMBIENT_C = 36.5, 25.0
"""Core of an anaesthetised mouse before heating, and the room, where a protocol says neither."""


@dataclass(frozen=True, slots=True, eq=False)
class IronInput:
    """The image of iron: ``kg_m3_per_unit`` turns its values into kg/m3; metres, RAS."""

    image: Path
    unit: str
    kg_m3_per_unit: float
    registration: Array | None = None  # (4, 4), image to anatomy, metres
    confine: bool = True
    fwhm_m: float | None = None
    uptake: tuple[str, ...] = ()
    scanned_at: datetime | None = None
    heating_at: datetime | None = None
    frame: int | None = None  # counted from 0
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class AddedRegion:
    """A region that nobody segmented: exactly one of sphere, mask and iron threshold is set."""

    region: str
    tissue: str
    center_m: tuple[float, float, float] | None = None
    radius_m: float | None = None
    mask: Path | None = None
    iron_above_kg_m3: float | None = None


@dataclass(frozen=True, slots=True)
class AnatomyInput:
    """A label volume with its table, or a mesh file; ``mesh_unit_m`` is the metres of its unit."""

    labels: Path | None = None
    label_table: Mapping[int, Label] | None = None
    mesh: Path | None = None
    mesh_unit_m: float = 1e-3
    species: str = "mouse"
    added: tuple[AddedRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class Physiology:
    arterial_c: float = CORE_C
    core: str = "pool"  # or "fixed"
    body_mass_kg: float | None = None  # None: what the anatomy weighs


@dataclass(frozen=True, slots=True)
class Surface:
    """How a part of the skin meets its surroundings: "robin", "dirichlet" or "insulated".

    ``heat_transfer_w_m2_k`` None means the species' value; ``normal`` selects facets that face that way.
    """

    kind: str = "robin"
    heat_transfer_w_m2_k: float | None = None
    temperature_c: float = AMBIENT_C
    normal: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class TissueInput:
    """Properties that the protocol gives a tissue; None leaves the table's."""

    perfusion: Perfusion | None = None
    metabolic_heat: MetabolicHeat | None = None
    density_kg_m3: float | None = None
    heat_capacity_j_kg_k: float | None = None
    conductivity_w_m_k: float | None = None
    electrical_conductivity_s_m: float | None = None
    relative_permittivity: float | None = None

    def values(self, density_kg_m3: float, *, blood_kg_m3: float, blood_j_kg_k: float) -> dict[str, float]:
        """By property name, given the table's density of the tissue and the properties of blood."""
        density = self.density_kg_m3 or density_kg_m3
        plain = ("density_kg_m3", "heat_capacity_j_kg_k", "conductivity_w_m_k", "electrical_conductivity_s_m",
                 "relative_permittivity")
        found = {name: getattr(self, name) for name in plain if getattr(self, name) is not None}
        if self.perfusion is not None:
            found["perfusion_w_m3_k"] = self.perfusion.sink_w_m3_k(
                density_kg_m3=density, blood_kg_m3=blood_kg_m3, blood_j_kg_k=blood_j_kg_k)
        if self.metabolic_heat is not None:
            found["metabolic_w_m3"] = self.metabolic_heat.heat_w_m3(density)
        return found


@dataclass(frozen=True, slots=True)
class MeshInput:
    """Edge lengths; None leaves DESIGN's default."""

    size_m: float | None = None
    target_size_m: float | None = None


@dataclass(frozen=True, slots=True)
class SteeringInput:
    """Candidate positions, windows of time and amplitude levels; None leaves the optimizer's default."""

    spacing_m: float | None = None
    margin_m: float | None = None
    windows: int | None = None
    min_dwell_s: float | None = None
    amplitudes_t: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """``cool_down_s`` None: until every node is under 39 degrees C, 20 min at most."""

    duration_s: float
    cool_down_s: float | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    position_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """A whole protocol, in SI; ``files`` are the files that it names, itself first."""

    path: Path
    text: str
    name: str
    iron: IronInput
    anatomy: AnatomyInput
    tracer: Tracer
    device: Device
    session: Session
    pose: str = ""
    physiology: Physiology = field(default_factory=Physiology)
    skin: Surface = field(default_factory=Surface)
    bed: Surface | None = None
    tissues: Mapping[str, TissueInput] = field(default_factory=dict)
    mesh: MeshInput = field(default_factory=MeshInput)
    steering: SteeringInput = field(default_factory=SteeringInput)
    goals: tuple[Goal, ...] = ()  # goals first, then limits
    probes: tuple[Probe, ...] = ()
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def read_protocol(path: Path | str) -> Protocol:
    """Read and check a protocol; raises ``InputError`` with every complaint at once."""
    from .protocol_checks import complaints_between, file_complaints, name_complaints, named_files
    from .protocol_complaints import read_toml, validated
    from .protocol_schema import ProtocolTable

    path = Path(path)
    text, raw = read_toml(path)
    tables, complaints = validated(ProtocolTable, raw, path.name)
    for found in (complaints_between(raw, path.name), file_complaints(raw, path.parent, path.name),
                  name_complaints(raw, path.parent, path.name)):
        complaints += found
    if tables is None or complaints:
        raise InputError(dict.fromkeys(complaints))
    files = (path, *(path.parent / name for _, name in named_files(raw)))
    return _assembled(tables, path, text, files)


def _assembled(tables: Any, path: Path, text: str, files: tuple[Path, ...]) -> Protocol:
    from .library import chosen_device, chosen_tracer

    folder, complaints, notes = path.parent, [], []
    parts = {
        "iron": lambda: _iron(tables.iron, folder, notes),
        "anatomy": lambda: _anatomy(tables.anatomy, folder),
        "tracer": lambda: chosen_tracer(tables.tracer, folder, path.name),
        "device": lambda: chosen_device(tables.device, folder, path.name),
        "goals": lambda: _goals(tables, path.name),
    }
    built = {}
    for name, make in parts.items():
        try:
            built[name] = make()
        except InputError as error:
            complaints += error.complaints
    if complaints:
        raise InputError(complaints)
    return Protocol(
        path, text, tables.name or path.stem, **built,
        session=Session(tables.session.duration, tables.session.cool_down), pose=tables.device.pose or "",
        physiology=_physiology(tables.physiology), skin=_surface(tables.boundary.skin),
        bed=_surface(tables.boundary.bed) if tables.boundary.bed else None,
        tissues={name: _tissue(table) for name, table in tables.tissues.items()},
        mesh=MeshInput(tables.mesh.size, tables.mesh.target_size), steering=_steering(tables.steering),
        probes=tuple(Probe(p.name, p.position) for p in tables.probes), files=files, notes=tuple(notes),
    )


def _iron(table: Any, folder: Path, notes: list[str]) -> IronInput:
    from .files.transforms import read_transform

    moved = read_transform(folder / table.registration, notes=notes) if table.registration else None
    return IronInput(
        folder / table.image, table.unit, iron_factor(table.unit), moved,
        confine=table.confine is not False, fwhm_m=table.fwhm, uptake=table.uptake or (),
        scanned_at=table.scanned_at, heating_at=table.heating_at,
        frame=None if table.frame is None else table.frame - 1,
        channel=None if table.channel is None else table.channel - 1,
    )


def _anatomy(table: Any, folder: Path) -> AnatomyInput:
    from .files.labels import read_label_table

    added = tuple(
        AddedRegion(part.region, part.tissue, *(part.sphere or (None, None)),
                    mask=folder / part.mask if part.mask else None, iron_above_kg_m3=part.iron_above)
        for part in table.add)
    return AnatomyInput(
        labels=folder / table.labels if table.labels else None,
        label_table=read_label_table(folder / table.label_table) if table.label_table else None,
        mesh=folder / table.mesh if table.mesh else None,
        mesh_unit_m=length_factor(table.mesh_unit or "mm"), species=table.species or "mouse", added=added,
    )


def _goals(tables: Any, where: str) -> tuple[Goal, ...]:
    complaints: list[str] = []
    goals = []
    for kind, rows in (("goal", tables.goals), ("limit", tables.limits)):
        for number, row in enumerate(rows):
            try:
                goals.append(_goal(kind, row, tables.session.duration, f"{kind}s[{number}]"))
            except InputError as error:
                complaints += [f"{where}: {kind}s[{number}].{words}" for words in error.complaints]
    if complaints:
        raise InputError(complaints)
    return tuple(goals)


def _goal(kind: str, row: Any, duration_s: float, source: str) -> Goal:
    sense = "at_least" if row.at_least is not None else "at_most"
    if row.window is not None and row.window[1] > duration_s:
        raise InputError(f"window: ends after the session of {duration_s / 60:g} min")
    given = {"margin_m": row.margin, "weight": row.weight, "priority": row.priority, "window": row.window}
    return Goal(kind, row.region, row.metric, getattr(row, sense), sense, source=f"protocol, {source}",
                **{key: value for key, value in given.items() if value is not None})


def _physiology(table: Any) -> Physiology:
    arterial = CORE_C if table.arterial is None else table.arterial
    return Physiology(arterial, table.core or "pool", table.body_mass)


def _surface(table: Any | None) -> Surface:
    if table is None:
        return Surface()
    normal = getattr(table, "normal", None)
    if table.insulated:
        return Surface("insulated", normal=normal)
    if table.temperature is not None:
        return Surface("dirichlet", temperature_c=table.temperature, normal=normal)
    ambient = AMBIENT_C if table.ambient is None else table.ambient
    return Surface("robin", table.heat_transfer, ambient, normal)


def _tissue(table: Any) -> TissueInput:
    return TissueInput(table.perfusion, table.metabolic_heat, table.density, table.heat_capacity,
                       table.conductivity, table.electrical_conductivity, table.relative_permittivity)


def _steering(table: Any) -> SteeringInput:
    return SteeringInput(table.spacing, table.margin, table.windows, table.min_dwell, table.amplitudes)
