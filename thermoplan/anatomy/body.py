"""Body of a protocol before it is meshed for heat: regions as voxels of a label volume, or as elements of a mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ..base.arrays import Array, BoolArray, IntArray, put
from ..base.errors import InputError
from ..base.image import Image
from .anatomy import Anatomy

LabelTable = Mapping[int, tuple[str, str]]
"""Label -> region and tissue."""
Selection = Callable[[Array], BoolArray]
"""Points ``(n, 3)`` -> those that belong to a region."""


def refuse_thin(labels: Image, name: str = "labels") -> None:
    """Refuse a label volume whose body is one voxel thin: a slice has an area, but no volume that heat could fill."""
    body = labels.data != 0
    for axis in range(3):
        along = np.flatnonzero(body.any(axis=tuple({0, 1, 2} - {axis})))
        if len(along) and along[0] == along[-1]:
            shape = " x ".join(map(str, labels.shape))
            raise InputError(
                f"{name}: the body is one voxel thin along the {('first', 'second', 'third')[axis]} axis (of {shape} "
                "voxels): one slice is no volume; give a label volume of several slices"
            )


@dataclass(frozen=True, slots=True, eq=False)
class LabelBody:
    """Label volume and its table; ``tissues`` are those of labels that a voxel has."""

    labels: Image
    table: LabelTable
    tissues: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        refuse_thin(self.labels)
        present = set(np.unique(self.labels.data).tolist())
        put(self, tissues=dict(entry for label, entry in self.table.items() if label in present))

    @property
    def empty_regions(self) -> frozenset[str]:
        """Regions of the table that no voxel belongs to."""
        return frozenset(region for region, _ in self.table.values()) - frozenset(self.tissues)

    def volume_mm3(self, region: str) -> float:
        """Volume of a region's voxels."""
        return float(self._voxels(region).sum()) * (self.labels.voxel_volume_m3 * 1e9)

    def centroid_m(self, region: str) -> Array:
        """Mean of a region's voxels."""
        return self.labels.positions_m(np.argwhere(self._voxels(region)).mean(axis=0))

    def points_m(self, region: str) -> Array:
        """Centres of a region's voxels."""
        return self.labels.positions_m(np.argwhere(self._voxels(region)))

    def skin_points_m(self) -> Array:
        """Centres of all voxels of the body."""
        return self.labels.positions_m(np.argwhere(self.labels.data > 0))

    def region_of(self, points_m: Array) -> IntArray:
        """Number of the region at each point, to the voxel."""
        names = list(self.tissues)
        number = {label: names.index(entry[0]) for label, entry in self.table.items() if entry[0] in names}
        found = self.labels.sampled(points_m, order=0).astype(int)
        values, inverse = np.unique(found, return_inverse=True)
        return np.array([number.get(int(v), -1) for v in values])[inverse]

    def neighbours(self, region: str, reach_m: float) -> Iterator[str]:
        """Regions with a voxel within reach of a region's voxels, in the order of their labels."""
        distance_m = distance_transform_edt(~self._voxels(region), self.labels.spacing_m)
        close = np.unique(self.labels.data[distance_m <= reach_m + 1e-12]).tolist()
        yield from dict.fromkeys(self.table[int(label)][0] for label in close if int(label) in self.table)

    def with_region(self, region: str, tissue: str, selection: Selection) -> LabelBody:
        """The same with voxels of the body relabelled."""
        index = np.argwhere(self.labels.data > 0)
        inside = index[selection(self.labels.positions_m(index))]
        if not len(inside):
            raise InputError(f'anatomy.add: region "{region}" is empty: no voxel of the body lies in it')
        label = max(max(self.table), int(self.labels.data.max())) + 1
        data = self.labels.data.astype(np.int64)
        data[tuple(inside.T)] = label
        return LabelBody(self.labels.with_data(data), {**self.table, label: (region, tissue)})

    def _voxels(self, region: str) -> BoolArray:
        return np.isin(self.labels.data, [label for label, entry in self.table.items() if entry[0] == region])


@dataclass(frozen=True, slots=True, eq=False)
class MeshBody:
    """Mesh whose elements belong to regions."""

    mesh: Anatomy

    @property
    def tissues(self) -> Mapping[str, str]:
        """Region -> tissue."""
        return dict(zip(self.mesh.region_names, self.mesh.tissue_names, strict=True))

    @property
    def empty_regions(self) -> frozenset[str]:
        """None: a mesh names its regions by their elements."""
        return frozenset()

    def volume_mm3(self, region: str) -> float:
        """Volume of a region's elements."""
        return self.mesh.volume_m3(region) * 1e9

    def centroid_m(self, region: str) -> Array:
        """Mean of a region's elements."""
        cells = self.mesh.cells(region)
        return np.average(self.mesh.centroids_m[cells], axis=0, weights=self.mesh.volumes_m3[cells])

    def points_m(self, region: str) -> Array:
        """Nodes of a region's elements."""
        return self.mesh.points_m[np.unique(self.mesh.tets[self.mesh.cells(region)])]

    def skin_points_m(self) -> Array:
        """Nodes of the outer surface."""
        return self.mesh.points_m[np.unique(self.mesh.outer)]

    def region_of(self, points_m: Array) -> IntArray:
        """Number of the region of the element at each point."""
        cell, _ = self.mesh.located(points_m)
        return np.where(cell >= 0, self.mesh.region[cell], -1)

    def neighbours(self, region: str, reach_m: float) -> Iterator[str]:
        """Regions with a node within reach of a region's nodes."""
        tree = cKDTree(self.points_m(region))
        for other in self.tissues:
            near = tree.query(self.points_m(other), distance_upper_bound=reach_m)[0]
            if other == region or np.isfinite(near).any():
                yield other

    def with_region(self, region: str, tissue: str, selection: Selection) -> MeshBody:
        """The same with elements given to a region."""
        mesh = self.mesh
        inside = selection(mesh.centroids_m)
        if not inside.any():
            raise InputError(f'anatomy.add: region "{region}" is empty: no element of the mesh lies in it')
        names, tissues = list(mesh.region_names), list(mesh.tissue_names)
        if region not in names:
            names.append(region)
            tissues.append(tissue)
        number = np.where(inside, names.index(region), mesh.region)
        return MeshBody(Anatomy(mesh.points_m, mesh.tets, number, tuple(names), tuple(tissues), mesh.surfaces))


Body = LabelBody | MeshBody
"""Regions of a body, each of one tissue; the order of ``tissues`` is that of the numbers of ``region_of``."""
