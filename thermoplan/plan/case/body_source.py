"""Body of a protocol: a label volume or a mesh, read, and the regions that the protocol adds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ...anatomy.body import Body, LabelBody, MeshBody
from ...base.arrays import Array, BoolArray
from ...base.errors import InputError
from ...files.images.labels import read_labelled
from ...files.images.volumes import read_volume
from ...files.meshes.mesh_files import read_mesh
from ...imaging.iron_map import IronMap
from ...protocol import AddedRegion
from ...protocol.protocol import AnatomyInput


def read_body(source: AnatomyInput, iron: IronMap | None, notes: list[str]) -> Body:
    """The body with every added region; ``iron``, None where it could not be read, is for those by a threshold."""
    body: Body
    if source.mesh is not None:
        body = MeshBody(read_mesh(source.mesh, unit_m=source.mesh_unit_m, table=source.label_table, notes=notes))
    elif source.labels is not None:
        body = _read_labels(source.labels, source, notes)
    else:
        raise InputError("anatomy: missing: expected labels or a mesh")
    for added in source.added:
        before, body = body, body.with_region(added.region, added.tissue, partial(_select, added, iron))
        notes += _note_cover(added.region, before, body)
    return body


def _note_cover(region: str, before: Body, after: Body) -> Iterator[str]:
    """A note for each region that an added one covers; of the largest, which is what surrounds, only by half."""
    volumes = {name: before.volume_mm3(name) for name in before.tissues if name != region}
    for name, whole in volumes.items():
        lost = whole - (after.volume_mm3(name) if name in after.tissues else 0.0)
        if lost > (0.5 if whole == max(volumes.values()) else 0.0) * whole:
            yield f"anatomy.add: region {region} covers {lost:.3g} of {whole:.3g} mm3 of {name}"


def _read_labels(path: Path, source: AnatomyInput, notes: list[str]) -> LabelBody:
    labels, table = read_labelled(path, source.label_table, notes=notes)
    present = {int(v) for v in np.unique(labels.data)}
    unknown = sorted(present - set(table) - {0})
    if unknown:
        raise InputError(
            f"{path.name}: label {', '.join(map(str, unknown))} is not in the label table: "
            "add a row label,region,tissue for it"
        )
    return LabelBody(labels, table)


def _select(added: AddedRegion, iron: IronMap | None, points_m: Array) -> BoolArray:
    """Points of an added region: a sphere, a mask, or iron above a threshold."""
    if added.center_m is not None:
        inside: BoolArray = np.linalg.norm(points_m - np.array(added.center_m), axis=1) <= added.radius_m
        return inside
    if added.mask is not None:
        return read_volume(added.mask).sampled(points_m, order=0) > 0
    if iron is None:
        raise InputError(f"anatomy.add {added.region}: the iron image cannot be read, so no threshold can be taken")
    return iron.image.sampled(points_m) > added.iron_above_kg_m3
