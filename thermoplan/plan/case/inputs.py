"""Everything that a protocol names, read and held against each other; nothing heavy is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...anatomy.body import Body
from ...base.errors import InputError
from ...files.run.source_record import RegistrationRecord
from ...goals import target_regions
from ...imaging.iron_map import IronMap
from ...imaging.registration import Registration
from ...protocol import Protocol
from ...trajectory import Trajectory
from .body_source import read_body
from .given_trajectory import given_trajectory
from .input_checks import input_complaints
from .iron_source import read_iron
from .scan_registration import doubtful_places, registration_record


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Everything that a protocol names: iron and body in one frame, regions that it adds among them, and the trajectory
    of ``session.trajectory``, None where it gives none."""

    protocol: Protocol
    iron: IronMap
    body: Body
    targets: tuple[str, ...]
    notes: tuple[str, ...]
    registration: Registration | None = None
    trajectory: Trajectory | None = None

    @property
    def tissues(self) -> Mapping[str, str]:
        """Region -> tissue."""
        return self.body.tissues

    def volumes_mm3(self) -> dict[str, float]:
        """Volume of each region, by voxels or by elements."""
        return {name: self.body.volume_mm3(name) for name in self.tissues}

    def registration_record(self) -> RegistrationRecord | None:
        """The registration as a record, with the displacement of the targets' centroids."""
        present = [name for name in self.targets if name in self.tissues]
        return registration_record(self.registration, {name: self.body.centroid_m(name) for name in present})


def read_inputs(protocol: Protocol, trajectory: Path | None = None) -> Inputs:
    """Read image, anatomy and trajectory, ``trajectory`` or else the protocol's own; every complaint at once."""
    notes, complaints = [*protocol.notes], list[str]()
    found = _collect(lambda: read_iron(protocol, notes), complaints)
    iron, registration = found or (None, None)
    body = _collect(lambda: _body_of(protocol, iron, notes), complaints)
    played = _collect(lambda: _trajectory_of(protocol, trajectory, notes), complaints)
    if iron is None or body is None:
        raise InputError(complaints)
    targets = target_regions(protocol.goals)
    inputs = Inputs(protocol, iron, body, targets, tuple(dict.fromkeys(notes)), registration, played)
    doubts = doubtful_places(inputs.registration_record(), inputs.volumes_mm3())
    complaints += [f"{protocol.path.name}: {text}" for text in input_complaints(protocol, iron, body)]
    if complaints:
        raise InputError(complaints)
    return replace(inputs, notes=(*inputs.notes, *doubts))


def _body_of(protocol: Protocol, iron: IronMap | None, notes: list[str]) -> Body:
    """The body; a complaint about a key opens with the protocol's name, as one about a file does with the file's."""
    try:
        return read_body(protocol.anatomy, iron, notes)
    except InputError as error:
        where = protocol.path.name
        raise InputError([f"{where}: {w}" if w.startswith("anatomy") else w for w in error.complaints]) from error


def _trajectory_of(protocol: Protocol, path: Path | None, notes: list[str]) -> Trajectory | None:
    own = protocol.session.trajectory
    if path is None or path == own:
        where = f"{protocol.path.name}: session.trajectory: "
        return None if own is None else given_trajectory(protocol, own, notes, where)
    return given_trajectory(protocol, path, notes)


def _collect[T](read: Callable[[], T], complaints: list[str]) -> T | None:
    """One input, or None with its complaints beside those of the others."""
    try:
        return read()
    except InputError as error:
        complaints.extend(error.complaints)
        return None
