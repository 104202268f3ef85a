"""The body: a tetrahedral mesh with named regions, each made of a tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .arrays import Array, IntArray, finite, frozen, put
from .errors import InputError

_FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Mesh and regions, in RAS+ metres.

    Parameters
    ----------
    points_m
        ``(n, 3)`` node positions.
    tets
        ``(m, 4)`` node numbers, positively oriented.
    region
        ``(m,)`` index into ``region_names``.
    region_names, tissue_names
        One entry a region; the tissue is what the property table knows.
    surfaces
        Named parts of the outer surface, ``name -> (k, 3)`` node numbers.
    """

    points_m: Array
    tets: IntArray
    region: IntArray
    region_names: tuple[str, ...]
    tissue_names: tuple[str, ...]
    surfaces: Mapping[str, IntArray] = field(default_factory=dict)
    volumes_m3: Array = field(init=False)
    node_volumes_m3: Array = field(init=False)
    outer: IntArray = field(init=False)

    def __post_init__(self) -> None:
        points = finite(self.points_m, "mesh points")
        tets, region = frozen(self.tets, np.int64), frozen(self.region, np.int64)
        if len(self.region_names) != len(self.tissue_names):
            raise InputError("mesh: every region needs one tissue")
        if len(region) != len(tets) or (len(region) and region.max() >= len(self.region_names)):
            raise InputError("mesh: an element belongs to no named region")
        a = points[tets[:, 0]]
        edges = points[tets[:, 1:]] - a[:, None]
        volumes = np.linalg.det(edges) / 6.0
        if (volumes <= 0.0).any():
            bad = int(np.argmin(volumes))
            raise InputError(f"mesh: element {bad} has volume {volumes[bad]:.3g} m3: inverted or flat")
        nodal = np.bincount(tets.ravel(), np.repeat(volumes / 4.0, 4), len(points))
        if (nodal == 0.0).any():
            raise InputError(f"mesh: {int((nodal == 0).sum())} nodes belong to no element: remove them")
        put(self, points_m=points, tets=tets, region=region, volumes_m3=frozen(volumes),
            node_volumes_m3=frozen(nodal), outer=frozen(_outer_triangles(tets)[0], np.int64),
            region_names=tuple(self.region_names), tissue_names=tuple(self.tissue_names))

    def __repr__(self) -> str:
        names = ", ".join(self.region_names)
        return f"Anatomy({len(self.points_m)} nodes, {len(self.tets)} tetrahedra: {names})"

    @property
    def centroids_m(self) -> Array:
        return self.points_m[self.tets].mean(axis=1)

    def cells(self, *names: str) -> IntArray:
        """Elements of the named regions; ``skin`` without a region is what touches the surface."""
        chosen = np.zeros(len(self.tets), bool)
        for name in names:
            if name in self.region_names:
                chosen |= self.region == self.region_names.index(name)
            elif name == "skin":
                chosen |= np.isin(self.tets, np.unique(self.outer)).sum(axis=1) >= 3
            else:
                known = ", ".join(self.region_names)
                raise InputError(f'region "{name}" is not in the anatomy; it has: {known}')
        return np.flatnonzero(chosen)

    def nodes(self, *names: str) -> IntArray:
        """Nodes of the elements of the named regions."""
        return np.unique(self.tets[self.cells(*names)])

    def volume_m3(self, *names: str) -> float:
        return float(self.volumes_m3[self.cells(*names)].sum())

    def node_weights_m3(self, cells: IntArray) -> Array:
        """Volume ``(n,)`` that the given elements lend to each node."""
        share = np.repeat(self.volumes_m3[cells] / 4.0, 4)
        return np.bincount(self.tets[cells].ravel(), share, len(self.points_m))

    def boundary(self, *names: str) -> tuple[IntArray, IntArray]:
        """Triangles ``(k, 3)`` that bound the named regions (all without a name), and their elements."""
        cells = self.cells(*names) if names else np.arange(len(self.tets))
        triangles, owner = _outer_triangles(self.tets[cells])
        return triangles, cells[owner]

    def located(self, points_m: Array, *, cells: IntArray | None = None) -> tuple[IntArray, Array]:
        """Element ``(k,)`` that holds each point, -1 outside, and barycentric weights ``(k, 4)``.

        With ``cells`` only those elements are searched.
        """
        return _located(self, np.atleast_2d(points_m), cells)


def _outer_triangles(tets: IntArray) -> tuple[IntArray, IntArray]:
    """Faces that belong to one element only, and that element."""
    faces = tets[:, _FACES].reshape(-1, 3)
    key = np.sort(faces, axis=1)
    _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    alone = np.sort(first[count == 1])
    return faces[alone], alone // 4


def _located(anatomy: Anatomy, points: Array, cells: IntArray | None) -> tuple[IntArray, Array]:
    pool = np.arange(len(anatomy.tets)) if cells is None else np.asarray(cells)
    found = np.full(len(points), -1, np.int64)
    weights = np.zeros((len(points), 4))
    if not len(pool):
        return found, weights
    corner = anatomy.points_m[anatomy.tets[pool]]
    inverse = np.linalg.inv(np.swapaxes(corner[:, 1:] - corner[:, :1], 1, 2))
    centre = corner.mean(axis=1)
    reach = float(np.linalg.norm(corner - centre[:, None], axis=2).max())
    tree = cKDTree(centre)
    todo = np.arange(len(points))
    neighbours = 8
    while len(todo) and neighbours <= 512:
        left = []
        for part in np.array_split(todo, max(1, len(todo) * neighbours // 400_000)):
            hit, cell, bary, more = _nearest_hit(tree, points[part], corner, inverse, neighbours, reach)
            found[part[hit]], weights[part[hit]] = pool[cell[hit]], np.clip(bary[hit], 0.0, None)
            left.append(part[~hit & more])
        todo, neighbours = np.concatenate(left), neighbours * 4
    inside = found >= 0
    weights[inside] /= weights[inside].sum(axis=1, keepdims=True)
    return found, weights


def _nearest_hit(
    tree: cKDTree, points: Array, corner: Array, inverse: Array, neighbours: int, reach: float
) -> tuple[NDArray, IntArray, Array, NDArray]:
    """Among the nearest elements, the one that holds each point; ``more`` if others could."""
    k = min(neighbours, len(corner))
    distance, near = tree.query(points, k=k, distance_upper_bound=reach)
    distance, near = distance.reshape(len(points), -1), near.reshape(len(points), -1)
    near = np.where(np.isfinite(distance), near, near[:, :1])
    near = np.where(near < len(corner), near, 0)
    local = np.einsum("pkij,pkj->pki", inverse[near], points[:, None] - corner[near, 0])
    bary = np.concatenate([1.0 - local.sum(axis=2, keepdims=True), local], axis=2)
    best = bary.min(axis=2).argmax(axis=1)
    row = np.arange(len(points))
    chosen = bary[row, best]
    more = np.isfinite(distance[:, -1]) & (k < len(corner))
    return chosen.min(axis=1) >= -1e-9, near[row, best], chosen, more
