"""The body: a tetrahedral mesh with named regions, each made of a tissue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..base.arrays import Array, IntArray, finite, freeze, put
from ..base.errors import InputError

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
        tets, region = freeze(self.tets, np.int64), freeze(self.region, np.int64)
        if len(self.region_names) != len(self.tissue_names):
            raise InputError("mesh: every region needs one tissue")
        if len(region) != len(tets) or (len(region) and region.max() >= len(self.region_names)):
            raise InputError("mesh: an element belongs to no named region")
        a = points[tets[:, 0]]
        edges = points[tets[:, 1:]] - a[:, None]
        volumes = np.linalg.det(edges) / 6.0
        if (volumes <= 0.0).any():
            bad = int(np.argmin(volumes))
            raise InputError(f"mesh: element {bad} has volume {volumes[bad]:.3g} m3: inverted or flat; mend the mesh")
        nodal = np.bincount(tets.ravel(), np.repeat(volumes / 4.0, 4), len(points))
        if (nodal == 0.0).any():
            raise InputError(f"mesh: {int((nodal == 0).sum())} nodes belong to no element: remove them")
        put(
            self,
            points_m=points,
            tets=tets,
            region=region,
            volumes_m3=freeze(volumes),
            node_volumes_m3=freeze(nodal),
            outer=freeze(_outer_triangles(tets)[0], np.int64),
            region_names=tuple(self.region_names),
            tissue_names=tuple(self.tissue_names),
        )

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
        return _locate(self, np.atleast_2d(points_m), cells)


def _outer_triangles(tets: IntArray) -> tuple[IntArray, IntArray]:
    """Faces that belong to one element only, and that element."""
    keys, width = np.empty((len(tets), 4), np.int64), int(tets.max(initial=0)) + 1
    for side, corners in enumerate(_FACES):
        low, middle, high = np.sort(tets[:, corners], axis=1).T
        keys[:, side] = (low * width + middle) * width + high
    ordered = np.sort(keys, axis=None)
    shared = np.zeros(len(ordered) + 1, bool)
    shared[1:-1] = ordered[1:] == ordered[:-1]
    single = ordered[~(shared[1:] | shared[:-1])]
    del ordered, shared
    for side in range(4 if len(single) else 0):
        place = np.minimum(np.searchsorted(single, keys[:, side]), len(single) - 1)
        keys[:, side] = single[place] == keys[:, side]
    alone = np.flatnonzero(keys)
    owner, face = np.divmod(alone, 4)
    return np.take_along_axis(tets[owner], _FACES[face], axis=1), owner


def _locate(anatomy: Anatomy, points: Array, cells: IntArray | None) -> tuple[IntArray, Array]:
    """Points are sorted into boxes; every element is held against the points of the boxes that it overlaps."""
    pool = np.arange(len(anatomy.tets)) if cells is None else np.asarray(cells)
    found, weights = np.full(len(points), -1, np.int64), np.zeros((len(points), 4))
    corner = anatomy.points_m[anatomy.tets[pool]]
    if not len(pool) or not len(points):
        return found, weights
    inverse = np.linalg.inv(np.swapaxes(corner[:, 1:] - corner[:, :1], 1, 2))
    low, high = corner.min(axis=1), corner.max(axis=1)
    boxes = _Boxes.of(points, low.min(axis=0), high.max(axis=0), float(np.median(high - low)))
    first, last = boxes.index(low - 1e-9), boxes.index(high + 1e-9)
    many = (last - first + 1).prod(axis=1)
    for part in np.array_split(np.arange(len(pool)), max(1, int(many.sum() // _PAIRS))):
        tet, point = boxes.pairs(first[part], last[part], many[part])
        tet = part[tet]
        local = np.einsum("pij,pj->pi", inverse[tet], points[point] - corner[tet, 0])
        bary = np.concatenate([1.0 - local.sum(axis=1, keepdims=True), local], axis=1)
        inside = bary.min(axis=1) >= -1e-9
        found[point[inside]] = pool[tet[inside]]
        weights[point[inside]] = np.clip(bary[inside], 0.0, None)
    held = found >= 0
    weights[held] /= weights[held].sum(axis=1, keepdims=True)
    return found, weights


_PAIRS = 400_000


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Points in the boxes of a regular grid: ``order`` lists them box by box, ``code`` the boxes that hold any."""

    low: Array
    size: float
    shape: IntArray
    order: IntArray
    code: IntArray
    start: IntArray

    @classmethod
    def of(cls, points: Array, low: Array, high: Array, element: float) -> _Boxes:
        near = np.flatnonzero(((points >= low - 1e-9) & (points <= high + 1e-9)).all(axis=1))
        spread = float((high - low).prod() / max(1, len(near))) ** (1 / 3)
        size = min(max(spread, 0.3 * element), 2.0 * element)
        shape = np.floor((high - low) / size).astype(np.int64) + 2
        code = np.ravel_multi_index(np.floor((points[near] - low + 1e-9) / size).astype(np.int64).T, shape)
        by_box = np.argsort(code, kind="stable")
        code, start = np.unique(code[by_box], return_index=True)
        return cls(low, size, shape, near[by_box], code, np.append(start, len(near)))

    def index(self, points: Array) -> IntArray:
        inside = np.floor((points - self.low + 1e-9) / self.size).astype(np.int64)
        return np.clip(inside, 0, self.shape - 1)

    def pairs(self, first: IntArray, last: IntArray, many: IntArray) -> tuple[IntArray, IntArray]:
        """Elements and points that may meet, given the range of boxes of each element."""
        tet = np.repeat(np.arange(len(many)), many)
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        span = (last - first + 1)[tet]
        offset = np.stack([step // (span[:, 1] * span[:, 2]), step // span[:, 2] % span[:, 1], step % span[:, 2]], 1)
        code = np.ravel_multi_index((first[tet] + offset).T, self.shape)
        at = np.minimum(np.searchsorted(self.code, code), len(self.code) - 1)
        full = self.code[at] == code if len(self.code) else np.zeros(len(code), bool)
        tet, at = tet[full], at[full]
        count = self.start[at + 1] - self.start[at]
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(tet, count), self.order[np.repeat(self.start[at], count) + place]
