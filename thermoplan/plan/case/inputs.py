"""Everything a protocol names, read and held against each other; nothing heavy is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ...anatomy.anatomy import Anatomy
from ...anatomy.tissue import canonical_tissue
from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...base.image import Image
from ...files.images.labels import read_labelled, regions_of
from ...files.images.volumes import read_volume
from ...files.meshes.mesh_files import read_mesh
from ...files.run.plan_record import RegistrationRecord
from ...goals import CORE, EVERYWHERE_ELSE, SKIN, target_regions
from ...imaging.iron_map import IronMap
from ...imaging.registration import Registration
from ...protocol import AddedRegion, Protocol
from .calibrated_scan import iron_of
from .image_blur import image_blur, scan_info, sharpened
from .scan_registration import doubtful_places, find_registration, registration_record

OUTSIDE_WARNING, OUTSIDE_REFUSAL = 0.05, 0.20
"""Share of iron off the skin that is worth a warning, and that cannot be planned on."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What a protocol names, as data.

    ``labels`` and ``table`` (label -> region, tissue), or ``mesh``; regions that the protocol adds are in.
    """

    protocol: Protocol
    iron: IronMap
    labels: Image | None
    table: dict[int, tuple[str, str]]
    mesh: Anatomy | None
    targets: tuple[str, ...]
    notes: tuple[str, ...]
    registration: Registration | None = None

    @property
    def tissues(self) -> dict[str, str]:
        """Region -> tissue."""
        if self.mesh is not None:
            return dict(zip(self.mesh.region_names, self.mesh.tissue_names, strict=True))
        present = set(np.unique(self.labels.data).tolist())
        return regions_of({k: v for k, v in self.table.items() if k in present})

    def volumes_mm3(self) -> dict[str, float]:
        """Volume of each region, by voxels or by elements."""
        if self.mesh is not None:
            return {name: self.mesh.volume_m3(name) * 1e9 for name in self.tissues}
        size = self.labels.voxel_volume_m3 * 1e9
        return {name: float(self._voxels(name).sum()) * size for name in self.tissues}

    def registration_record(self) -> RegistrationRecord | None:
        """The registration as a record, with the displacement of the targets' centroids."""
        present = [name for name in self.targets if name in self.tissues]
        return registration_record(self.registration, {name: self.centroid_m(name) for name in present})

    def centroid_m(self, name: str) -> Array:
        """Middle of a region, by voxels or by elements."""
        if self.mesh is not None:
            cells = self.mesh.cells(name)
            return np.average(self.mesh.centroids_m[cells], axis=0, weights=self.mesh.volumes_m3[cells])
        return self.labels.positions_m(np.argwhere(self._voxels(name)).mean(axis=0))

    def region_of(self, points_m: Array) -> IntArray:
        """Index of the region at each point (order of ``tissues``), -1 off the body; labels to the voxel."""
        if self.mesh is not None:
            cell, _ = self.mesh.located(points_m)
            return np.where(cell >= 0, self.mesh.region[cell], -1)
        names = list(self.tissues)
        lookup = {k: names.index(v[0]) for k, v in self.table.items() if v[0] in names}
        found = self.labels.sampled(points_m, order=0).astype(int)
        values, inverse = np.unique(found, return_inverse=True)
        return np.array([lookup.get(int(v), -1) for v in values])[inverse]

    def _voxels(self, name: str) -> Array:
        return np.isin(self.labels.data, [k for k, v in self.table.items() if v[0] == name])


def read_inputs(protocol: Protocol) -> Inputs:
    """Read images, labels or mesh; every complaint at once."""
    notes: list[str] = list(protocol.notes)
    complaints: list[str] = []
    iron, registration = _attempt(lambda: _read_iron(protocol, notes), complaints) or (None, None)
    body = _attempt(lambda: _read_body(protocol, iron, notes), complaints)
    if iron is None or body is None:
        raise InputError(complaints)
    targets = target_regions(protocol.goals)
    inputs = Inputs(protocol, iron, *body, targets, tuple(dict.fromkeys(notes)), registration)
    inputs = replace(
        inputs, notes=(*inputs.notes, *doubtful_places(inputs.registration_record(), inputs.volumes_mm3()))
    )
    complaints += [f"{protocol.path.name}: {text}" for text in _cross_complaints(inputs)]
    if complaints:
        raise InputError(complaints)
    return inputs


def _attempt(read: Callable[[], Any], complaints: list[str]) -> Any:
    try:
        return read()
    except InputError as error:
        complaints.extend(error.complaints)
        return None


def _read_iron(protocol: Protocol, notes: list[str]) -> tuple[IronMap, Registration | None]:
    source = protocol.iron
    image = read_volume(
        source.image, frame=source.frame, channel=source.channel, allow_shear=source.allow_shear, notes=notes
    )
    iron = iron_of(protocol, image, notes)
    registration = find_registration(source, image, notes)
    if registration is not None:
        iron = replace(iron, image=iron.image.moved(registration.matrix_m))
    iron = replace(iron, fwhm_m=image_blur(protocol, notes).fwhm_m)
    return sharpened(iron, protocol, notes), registration


def recorded_scan(path: Path) -> str:
    """Tracer and scanner that an MDF file records, in words; empty where it records none."""
    info = scan_info(path)
    if info is None:
        return ""
    words = (text.replace("n.a.", "").strip() for text in (info.tracer, info.scanner))
    return ", ".join(word for word in words if word)


def _read_body(protocol: Protocol, iron: IronMap | None, notes: list[str]) -> tuple:
    source = protocol.anatomy
    if source.mesh is not None:
        anatomy = read_mesh(source.mesh, unit_m=source.mesh_unit_m, table=source.label_table, notes=notes)
        for added in source.added:
            anatomy = _added_to_mesh(anatomy, added, iron)
        return None, {}, anatomy
    labels, entries = read_labelled(source.labels, source.label_table, notes=notes)
    table = {key: tuple(entry) for key, entry in entries.items()}
    present = {int(v) for v in np.unique(labels.data)}
    unknown = sorted(present - set(table) - {0})
    if unknown:
        raise InputError(
            f"{source.labels.name}: label {', '.join(map(str, unknown))} is not in the label table: "
            "add a row label,region,tissue for it"
        )
    for added in source.added:
        labels, table = _added_to_labels(labels, table, added, iron)
    return labels, table, None


def _chosen(added: AddedRegion, points: Array, iron: IronMap | None) -> Array:
    if added.center_m is not None:
        result: Array = np.linalg.norm(points - np.array(added.center_m), axis=1) <= added.radius_m
        return result
    if added.mask is not None:
        return read_volume(added.mask).sampled(points, order=0) > 0
    if iron is None:
        raise InputError(f"anatomy.add {added.region}: the iron image cannot be read, so no threshold can be taken")
    return iron.image.sampled(points) > added.iron_above_kg_m3


def _added_to_labels(labels: Image, table: dict, added: AddedRegion, iron: IronMap | None) -> tuple[Image, dict]:
    index = np.argwhere(labels.data > 0)
    inside = index[_chosen(added, labels.positions_m(index), iron)]
    if not len(inside):
        raise InputError(f'anatomy.add: region "{added.region}" is empty: no voxel of the body lies in it')
    value = max(max(table), int(labels.data.max())) + 1
    data = labels.data.astype(np.int32)
    data[tuple(inside.T)] = value
    return labels.with_data(data), {**table, value: (added.region, added.tissue)}


def _added_to_mesh(anatomy: Anatomy, added: AddedRegion, iron: IronMap | None) -> Anatomy:
    inside = _chosen(added, anatomy.centroids_m, iron)
    if not inside.any():
        raise InputError(f'anatomy.add: region "{added.region}" is empty: no element of the mesh lies in it')
    names, tissues = list(anatomy.region_names), list(anatomy.tissue_names)
    if added.region not in names:
        names.append(added.region)
        tissues.append(added.tissue)
    region = np.where(inside, names.index(added.region), anatomy.region)
    return Anatomy(anatomy.points_m, anatomy.tets, region, tuple(names), tuple(tissues), anatomy.surfaces)


def _cross_complaints(inputs: Inputs) -> Iterator[str]:
    protocol, tissues = inputs.protocol, inputs.tissues
    known = (*tissues, SKIN, EVERYWHERE_ELSE, CORE)
    listed = {name for goal in protocol.goals for name in goal.region}
    for name in [*listed, *protocol.iron.uptake]:
        if name not in known:
            where = "iron.uptake" if name in protocol.iron.uptake else "goals and limits"
            table = {v[0] for v in inputs.table.values()}
            why = "is empty: no voxel has its label" if name in table else "is not in the anatomy"
            yield f'{where}: region = "{name}": {why}; expected one of {", ".join(known)}'
    for region, tissue in tissues.items():
        try:
            canonical_tissue(tissue)
        except InputError as error:
            yield f"region {region}: {error}"
    yield from _misplaced(inputs)


def _misplaced(inputs: Inputs) -> Iterator[str]:
    """Probes off the body, and iron that does not lie where the anatomy is."""
    for probe in inputs.protocol.probes:
        if inputs.region_of(np.array([probe.position_m]))[0] < 0:
            place = " ".join(f"{1e3 * v:.1f}" for v in probe.position_m)
            yield f'probes.{probe.name}: position = "{place} mm": outside the body'
    share = outside_share(inputs)
    if share > OUTSIDE_REFUSAL:
        yield (
            f"iron.image: {share:.0%} of the iron of {inputs.iron.name} lies outside the anatomy (20 % is the "
            "limit): the two images are not in one frame; give [iron] registration"
        )


def outside_share(inputs: Inputs) -> float:
    """Share of the iron that lies off the skin by more than the image's blur, judged by voxels."""
    index = np.argwhere(inputs.iron.image.data > 0)
    values = inputs.iron.image.data[tuple(index.T)]
    points = inputs.iron.image.positions_m(index)
    off = inputs.region_of(points) < 0
    if not off.any():
        return 0.0
    reach = inputs.iron.fwhm_m or 0.5 * float(np.linalg.norm(inputs.iron.image.spacing_m))
    distance = cKDTree(_body_points(inputs)).query(points[off], distance_upper_bound=reach)[0]
    return float(values[off][~np.isfinite(distance)].sum() / values.sum())


def _body_points(inputs: Inputs) -> Array:
    if inputs.mesh is not None:
        return inputs.mesh.points_m[np.unique(inputs.mesh.outer)]
    return inputs.labels.positions_m(np.argwhere(inputs.labels.data > 0))
