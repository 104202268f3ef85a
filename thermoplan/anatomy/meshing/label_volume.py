"""A label volume, checked: regions per voxel, names, and what cannot be meshed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...base.image import Image
from ..body import refuse_thin

_MOST_LABELS = 20_000
"""Values of a label volume at most: atlases have some thousands, an image has more. A tenth would refuse atlases."""
_DENSE = 1_000_000
"""Span of labels that are counted in a table; beyond it they are sorted, which takes ten times as long."""
_CRUMB = 0.05
_COVER = 0.97
_EVEN = 0.9
"""Part of a layer's thickness that it has to have to count as even there."""
_UNEVEN = 0.03
"""Share of a layer that may be thinner; a layer with more holes is no skin that wraps the body."""

Table = Mapping[int, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Regions:
    """Region number per voxel, -1 outside the body; names; sentences on what was left out."""

    index: np.ndarray
    affine_m: Array
    names: tuple[str, ...]
    tissues: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def volumes_m3(self) -> Array:
        voxel = abs(np.linalg.det(self.affine_m[:3, :3]))
        counts: Array = np.bincount(self.index[self.index >= 0], minlength=len(self.names)).astype(float)
        return counts * float(voxel)

    def positions_m(self, voxels: Array) -> Array:
        return np.asarray(voxels) @ self.affine_m[:3, :3].T + self.affine_m[:3, 3]

    def bounds_m(self) -> tuple[Array, Array]:
        box = ndimage.find_objects((self.index >= 0).view(np.uint8))[0]
        ends = [[s.start - 0.5, s.stop - 0.5] for s in box]
        corners = self.positions_m(np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3))
        return corners.min(axis=0), corners.max(axis=0)

    def border(self, regions: Sequence[int]) -> cKDTree | None:
        """Voxels at the border of the regions' union, in metres."""
        mask = np.isin(self.index, list(regions))
        if not mask.any():
            return None
        box = ndimage.find_objects(mask.view(np.uint8))[0]
        inner = np.pad(mask[box], 1)
        rim = np.argwhere(inner & ~ndimage.binary_erosion(inner)) - 1 + [s.start for s in box]
        return cKDTree(self.positions_m(rim))

    def slender(self, layer: int | None) -> Callable[[Array, float], np.ndarray]:
        """``(points (n, 3), radius) -> (n,)``: where no ball of that radius fits into the body, less a layer."""
        mask = (self.index >= 0) & (self.index != (-1 if layer is None else layer))
        box = ndimage.find_objects(mask.view(np.uint8))[0]
        spacing = np.linalg.norm(self.affine_m[:3, :3], axis=0)
        depth = ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=spacing)
        start = np.array([s.start for s in box]) - 1

        def slender_at(points: Array, radius: float) -> np.ndarray:
            core = depth >= radius
            rim = np.argwhere(core & ~ndimage.binary_erosion(core)) + start
            if not len(rim):
                return np.ones(len(points), bool)
            away = cKDTree(self.positions_m(rim)).query(points, distance_upper_bound=2.0 * radius)[0]
            place = (points - self.affine_m[:3, 3]) @ np.linalg.inv(self.affine_m[:3, :3]).T - start
            within = ndimage.map_coordinates(depth, place.T, order=0, mode="constant") >= radius
            result: np.ndarray = (away > 1.15 * radius) & ~within
            return result

        return slender_at

    def shell(self, edge_m: float, area_m2: float) -> tuple[int, float] | None:
        """The region that wraps the body in an even layer thinner than an element and a half, and its thickness."""
        box = ndimage.find_objects((self.index >= 0).view(np.uint8))[0]
        inside = np.pad(self.index[box], 1, constant_values=-1)
        body = inside >= 0
        rim = inside[body & ~ndimage.binary_erosion(body)]
        share = np.bincount(rim, minlength=len(self.names)) / len(rim)
        region = int(share.argmax())
        thickness = float(self.volumes_m3[region]) / area_m2
        if share[region] < _COVER or len(self.names) == 1 or thickness > 1.5 * edge_m:
            return None
        spacing = np.linalg.norm(self.affine_m[:3, :3], axis=0)
        depth = ndimage.distance_transform_edt(inside == region, sampling=spacing)[inside == region]
        even = np.mean(depth > _EVEN * thickness) < _UNEVEN
        return (region, thickness) if even else None


def read_regions(labels: Image, table: Table) -> Regions:
    """Checks everything and complains about all of it at once."""
    data = labels.data
    if not np.isfinite(data).all() or (data.dtype.kind == "f" and (data != np.rint(data)).any()):
        raise InputError("labels: expected whole numbers: this looks like an image, not a label volume")
    refuse_thin(labels)
    present, place, counts = _count_labels(data.astype(np.int64))
    if len(present) > _MOST_LABELS:
        raise InputError(
            f"labels: {len(present)} values from {present[0]} to {present[-1]}: this looks like an image, not a label "
            "volume"
        )
    complaints = _complaints(dict(zip(present.tolist(), counts.tolist(), strict=True)), table)
    if complaints:
        raise InputError(complaints)
    names = tuple(dict.fromkeys(name for name, _ in table.values()))
    tissue = dict(table.values())
    region = {label: names.index(name) for label, (name, _) in table.items()}
    number = np.array([region.get(label, -1) for label in present.tolist()], np.int16)
    index, notes = _one_piece(number[place], names)
    return Regions(index, labels.affine_m, names, tuple(tissue[name] for name in names), notes)


def _count_labels(data: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Values that are there, the place of each voxel's value among them, and how many voxels have it."""
    low, span = int(data.min()), int(data.max()) - int(data.min())
    if span > _DENSE:
        present, place, counts = np.unique(data, return_inverse=True, return_counts=True)
        return present, place.reshape(data.shape), counts
    counts = np.bincount((data - low).ravel())
    there = counts > 0
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[data - low], counts[there]


def _complaints(present: Mapping[int, int], table: Table) -> list[str]:
    complaints = [
        f"labels: label {label} ({count} voxels) is not in the table: add a row `{label},<region>,<tissue>`"
        for label, count in present.items()
        if label not in table and label != 0
    ]
    tissues: dict[str, str] = {}
    for label, (name, tissue) in table.items():
        if tissues.setdefault(name, tissue) != tissue:
            complaints.append(f'table: region "{name}" has two tissues, "{tissues[name]}" and "{tissue}"')
        if label not in present:
            complaints.append(
                f'table: label {label} (region "{name}") has no voxel: remove its row, or look '
                "for the label in the volume"
            )
    if not table:
        complaints.append("table: it names no label: add a row such as `1,body,muscle`")
    return complaints


def _one_piece(index: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Without crumbs; refuses organs that float without a body round them."""
    pieces, count = ndimage.label(index >= 0)
    if count == 1:
        return index, ()
    voxels = np.bincount(pieces.ravel())
    voxels[0] = 0
    total = int(voxels.sum())
    body = int(np.bincount(index[index >= 0]).argmax())
    large = np.flatnonzero(voxels > _CRUMB * total)
    large = large if len(large) else np.array([voxels.argmax()])
    if not np.isin(large, np.unique(pieces[index == body])).all():
        raise InputError(
            f"labels: {len(large)} separate pieces and no body round them: give the soft tissue "
            "between the organs a label, such as `1,body,muscle`"
        )
    keep = np.isin(pieces, large)
    gone = [name for r, name in enumerate(names) if not ((index == r) & keep).any()]
    if gone:
        raise InputError(
            f"labels: {', '.join(gone)} outside the body: the region must touch the rest, or its row has to go"
        )
    lost = total - int(keep.sum())
    notes = (f"{lost} voxels in {count - len(large)} loose pieces are left out",) if lost else ()
    return np.where(keep, index, np.int16(-1)), notes
