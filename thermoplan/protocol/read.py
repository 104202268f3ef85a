"""From a protocol file to a ``Protocol``, or to every complaint about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import InputError
from ..base.parsed_text import parse_toml
from ..base.units import length_factor
from ..bioheat.vessels import NUSSELT, Vessel
from ..goals import Goal, template
from ..power.safety import HardLimit
from .iron_input import iron_of
from .protocol import (
    AddedRegion,
    AnatomyInput,
    MeshInput,
    Physiology,
    Probe,
    Protocol,
    Session,
    ShotInput,
    SteeringInput,
    TissueInput,
    WarmingInput,
)
from .surroundings import physiology_of, surface_of
from .warming_input import below_room, warming_of

if TYPE_CHECKING:  # pydantic loads only when a protocol is read
    from .toml_tables import (
        AnatomyTable,
        DeviceTable,
        GoalTable,
        JudgedTable,
        ProtocolTable,
        SafetyTable,
        SessionTable,
        SteeringTable,
        TissueTable,
        VesselTable,
        WishTable,
    )

MOST_LOOKS = 50_000
"""A run is looked at no more often: each look costs a product over the mesh, and is kept."""
LONGEST_COOL_DOWN_S = 86_400.0
_BESIDE = ("to_device", "selection", "drive", "table")


def read_protocol(path: Path | str, changes: Mapping[str, object] = MappingProxyType({})) -> Protocol:
    """Read and check a protocol; raises ``InputError`` with every complaint at once.

    ``changes`` sets values by dotted key before anything is checked, as in
    ``{"device.gradient": "5 T/m", "goals.0.at_least": "20 min"}``; the protocol's ``text`` is then the changed one.
    """
    from .change import with_changes
    from .complaints import read_toml
    from .moved_measurements import drive_changes, refuse_moved_drive, refuse_torn_measurements

    path = Path(path)
    text, raw = read_toml(path)
    if not changes:
        return protocol_of_text(path, text)
    changed = with_changes(text, changes, path.name)
    refuse_torn_measurements(raw, parse_toml(changed, path.name), changes=changes, where=path.name)
    protocol = protocol_of_text(path, changed)
    if drive_changes(changes) and protocol.tracer.calibration is not None:
        refuse_moved_drive(_readable(path, text), protocol, changes)
    return protocol


def _readable(path: Path, text: str) -> Protocol | None:
    """The protocol of a text, None where it is wrong and only a change mends it."""
    try:
        return protocol_of_text(path, text)
    except InputError:
        return None


def protocol_of_text(path: Path | str, text: str) -> Protocol:
    """As `read_protocol`, of a text that may differ from that of the file; what it names lies beside the file."""
    from .complaints import validate_table
    from .cross_checks import complaints_between, file_complaints, name_complaints, named_files
    from .toml_tables import ProtocolTable

    path = Path(path)
    raw = parse_toml(text, path.name)
    tables, complaints = validate_table(ProtocolTable, raw, path.name)
    for found in (
        complaints_between(raw, path.name),
        file_complaints(raw, path.parent, path.name),
        name_complaints(raw, path.parent, path.name),
    ):
        complaints += found
    if tables is None or complaints:
        raise InputError(dict.fromkeys(complaints))
    named = (path.parent / name for _, name in named_files(raw))
    files = (path, *(part for entry in named for part in _parts(entry)))
    return _assemble(tables, path, text, files)


def protocol_with(path: Path, settings: Iterable[str] | None) -> Protocol | Path:
    """The protocol with ``KEY=VALUE`` settings of a command line, or its path as it is where there are none."""
    from .change import parse_settings

    return read_protocol(path, parse_settings(settings)) if settings else path


def _parts(path: Path) -> list[Path]:
    """The file itself; of a folder every file in it; a tracer's or machine's file with the files that it names."""
    if os.path.isdir(path):
        return sorted(part for part in path.iterdir() if os.path.isfile(part))
    if path.suffix != ".toml":
        return [path]
    from .complaints import read_toml

    given = read_toml(path)[1]
    named = (given.get(key) for key in _BESIDE)
    beside = (path.parent / name for name in named if isinstance(name, str))
    return [path, *(part for part in beside if os.path.isfile(part))]


def _assemble(tables: ProtocolTable, path: Path, text: str, files: tuple[Path, ...]) -> Protocol:
    from .library import chosen_device, chosen_tracer

    folder, where = path.parent, path.name
    complaints: list[str] = []
    notes: list[str] = []

    def attempt[Part](build: Callable[[], Part]) -> Part | None:
        try:
            return build()
        except InputError as error:
            complaints.extend(error.complaints)
            return None

    species, boundary = tables.anatomy.species or "mouse", tables.boundary
    iron = attempt(lambda: iron_of(tables.iron, folder, notes))
    anatomy = attempt(lambda: _anatomy(tables.anatomy, folder))
    tracer = attempt(lambda: chosen_tracer(tables.tracer, folder, where))
    device = attempt(lambda: chosen_device(tables.device, folder, where, notes))
    goals = attempt(lambda: _goals(tables, where)) or ()
    safety = attempt(lambda: _safety(tables.safety, tables.device, where)) or ()
    dwells = {
        "steering.min_dwell": tables.steering.min_dwell,
        "device.min_dwell": None if device is None else device.min_dwell_s,
    }
    session = attempt(lambda: _session(tables.session, path, dwells))
    physiology = attempt(lambda: physiology_of(tables.physiology, species, path))
    vessels = attempt(lambda: _vessels(tables.vessels, folder, where)) or ()
    skin = attempt(lambda: surface_of(boundary.skin, "boundary.skin", path))
    bed = attempt(lambda: surface_of(boundary.bed, "boundary.bed", path)) if boundary.bed else None
    if complaints or not (iron and anatomy and tracer and device and session and physiology and skin):
        raise InputError(complaints)
    warming = warming_of(tables.warming, physiology, species, (tables.device.pose or "", boundary.bed), path)
    physiology = _core_of_regulator(physiology, warming)
    cold = below_room(warming, physiology.arterial_c, skin.temperature_c)
    if cold is not None:
        raise InputError(f"{where}: warming.{cold}")
    return Protocol(
        path,
        text,
        tables.name or path.stem,
        iron,
        anatomy,
        tracer,
        device,
        session,
        pose=tables.device.pose or "",
        heater_shift_m=tables.device.heater_shift or (0.0, 0.0, 0.0),
        heater_shift_noticed=tables.device.heater_shift_noticed is not False,
        physiology=physiology,
        warming=warming,
        skin=skin,
        bed=bed,
        vessels=vessels,
        goals=goals,
        safety=safety,
        tissues={name: _tissue(table) for name, table in tables.tissues.items()},
        mesh=MeshInput(
            tables.mesh.size, tables.mesh.target_size, 1 if tables.mesh.order is None else tables.mesh.order
        ),
        steering=_steering(tables.steering),
        probes=tuple(Probe(p.name, p.position) for p in tables.probes),
        files=files,
        notes=tuple(notes),
        shot=ShotInput(tables.test_shot.amplitude, tables.test_shot.duration),
    )


def _anatomy(table: AnatomyTable, folder: Path) -> AnatomyInput:
    from ..files.images.labels import read_label_table

    added = tuple(
        AddedRegion(
            part.region,
            part.tissue,
            center_m=part.sphere[0] if part.sphere else None,
            radius_m=part.sphere[1] if part.sphere else None,
            mask=folder / part.mask if part.mask else None,
            iron_above_kg_m3=part.iron_above,
        )
        for part in table.add
    )
    return AnatomyInput(
        labels=folder / table.labels if table.labels else None,
        label_table=read_label_table(folder / table.label_table) if table.label_table else None,
        mesh=folder / table.mesh if table.mesh else None,
        mesh_unit_m=length_factor(table.mesh_unit or "mm"),
        species=table.species or "mouse",
        added=added,
    )


def _safety(table: SafetyTable, device: DeviceTable, where: str) -> tuple[HardLimit, ...]:
    given = {
        key.removesuffix("_at_most"): getattr(table, key)
        for key in type(table).model_fields
        if key in table.model_fields_set
    }
    if device.eddy_currents is False and any(name.startswith("eddy_") for name in given):
        raise InputError(
            f"{where}: safety: eddy currents are left out (device.eddy_currents = false), so a limit on "
            "them cannot be kept: remove one of the two"
        )
    return tuple(
        HardLimit(name, bound) if isinstance(bound, str) else HardLimit(name, "protocol", bound)
        for name, bound in given.items()
    )


def _goals(tables: ProtocolTable, where: str) -> tuple[Goal, ...]:
    """Goals first, then limits; those of templates stand with their own kind."""
    from .toml_tables import WishTable

    complaints: list[str] = []
    goals: list[Goal] = []
    rows: list[tuple[str, int, WishTable | GoalTable]] = [
        *(("goal", number, row) for number, row in enumerate(tables.goals)),
        *(("limit", number, row) for number, row in enumerate(tables.limits)),
    ]
    for kind, number, row in rows:
        key = f"{kind}s[{number}]"
        try:
            if isinstance(row, WishTable) and row.template:
                goals += template(row.template, row.region, spared=row.spared or ())
            else:
                goals.append(_goal(kind, row, tables.session.duration, key))
        except InputError as error:
            complaints += [f"{where}: {key}.{words}" for words in error.complaints]
    if complaints:
        raise InputError(complaints)
    return tuple(sorted(goals, key=lambda goal: goal.kind))


def _goal(kind: str, row: JudgedTable, duration_s: float, source: str) -> Goal:
    sense = "at_least" if row.at_least is not None else "at_most"
    if row.window is not None and row.window[1] > duration_s:
        raise InputError(f"window: ends after the session of {duration_s / 60:g} min; expected an end within it")
    goal = Goal(
        kind,
        row.region,
        row.metric or "",
        getattr(row, sense),
        sense,
        source=f"protocol, {source}",
        window=row.window,
        as_one=row.as_one is True,
        shell_m=row.shell,
    )
    return replace(
        goal,
        margin_m=goal.margin_m if row.margin is None else row.margin,
        weight=goal.weight if row.weight is None else row.weight,
        priority=goal.priority if row.priority is None else row.priority,
    )


def _session(table: SessionTable, path: Path, dwells: Mapping[str, float | None]) -> Session:
    step, cool_down_s = table.output_step, table.cool_down or 0.0
    complaints: list[str] = []
    if step is not None and step > table.duration:
        complaints.append(
            f'session.output_step = "{step:g} s": longer than the session; expected no more than '
            f'session.duration = "{table.duration:g} s", such as "{table.duration / 100:g} s"'
        )
    if step is not None and table.duration + cool_down_s > MOST_LOOKS * step:
        least = (table.duration + cool_down_s) / MOST_LOOKS
        complaints.append(
            f'session.output_step = "{step:g} s": looks at the run more than {MOST_LOOKS} times; '
            f'expected no less than "{least:.3g} s"'
        )
    if cool_down_s > LONGEST_COOL_DOWN_S:
        complaints.append(f'session.cool_down = "{cool_down_s:g} s": expected a day at most, such as "20 min"')
    for key, shortest_s in dwells.items():
        if shortest_s is not None and shortest_s > table.duration:
            complaints.append(
                f'{key} = "{shortest_s:g} s": longer than session.duration = "{table.duration:g} s", so nothing could '
                'be heated; expected a shorter one, such as "0.5 s"'
            )
    if complaints:
        raise InputError([f"{path.name}: {words}" for words in complaints])
    trajectory = path.parent / table.trajectory if table.trajectory else None
    return Session(table.duration, table.cool_down, trajectory, step, table.shortest is True)


def _vessels(rows: Sequence[VesselTable], folder: Path, where: str) -> tuple[Vessel, ...]:
    """Their paths are CSV of ``x_mm,y_mm,z_mm`` (RAS, the anatomy's frame) or markups of 3D Slicer."""
    from ..files.tables.columns import read_columns
    from ..files.tables.landmarks import read_points

    found: list[Vessel] = []
    complaints: list[str] = []
    for number, row in enumerate(rows):
        file = folder / row.path
        try:
            if file.suffix.lower() == ".csv":
                path_m = 1e-3 * np.stack([*read_columns(file, ("x_mm", "y_mm", "z_mm")).values()], axis=1)
            else:
                path_m = np.array(list(read_points(file).values()))
            vessel = Vessel(row.name, path_m, row.diameter, NUSSELT if row.nusselt is None else row.nusselt, row.flow)
            if vessel.length_m < vessel.diameter_m:
                raise InputError(
                    f"vessel {row.name}: {1e3 * vessel.length_m:.3g} mm long, less than it is wide; "
                    "expected a path in millimetres"
                )
            found.append(vessel)
        except InputError as error:
            complaints += [f'{where}: vessels[{number}].path = "{row.path}": {words}' for words in error.complaints]
    if complaints:
        raise InputError(complaints)
    return tuple(found)


def _tissue(table: TissueTable) -> TissueInput:
    return TissueInput(
        table.perfusion,
        table.metabolic_heat,
        table.density,
        table.heat_capacity,
        table.conductivity,
        table.electrical_conductivity,
        table.relative_permittivity,
    )


def _core_of_regulator(physiology: Physiology, warming: WarmingInput) -> Physiology:
    """Core before heating: that of a regulator's set point, where only that is given; fixed where it is held."""
    if warming.kind == "held":
        return replace(physiology, core="fixed")
    if warming.set_point_c is None or warming.probe != "core" or physiology.arterial_given:
        return physiology
    return replace(physiology, arterial_c=warming.set_point_c)


def _steering(table: SteeringTable) -> SteeringInput:
    return SteeringInput(
        table.spacing, table.margin, table.windows, table.min_dwell, table.amplitudes, table.gradients, table.directions
    )
