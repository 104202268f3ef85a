"""Iron of an image as points of a mesh, its mass conserved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, BoolArray, IntArray, freeze, put
from ..base.image import Image
from ..imaging.iron_map import IronMap

_FINEST_M = 0.25e-3
"""Largest edge of a sub-voxel, below the elements of a fine mesh. Half of it makes eight times the points."""
_MOST_PARTS = 4
"""Most sub-voxels along an edge, 64 in a voxel: a coarse image has no more detail to place."""
_FAINT = 0.02
"""Part of the brightest voxel below which sub-voxels have twice the edge: many voxels, and little of the heat."""
_SHARED_BY = 20
"""Fewest elements of a voxel that is shared out by element: fewer do not follow its outline."""
_FULL = 0.2
"""Part of a voxel's volume that its elements may be off by, so that one at the edge of the mesh is not shared."""
_ROUNDING = 1e-9
"""Part of a sub-voxel by which a voxel may be larger than a whole number of them."""
_COVER = 4
"""Points along the edge of a boundary triangle, less one; iron off the skin is placed within a quarter of an edge."""


@dataclass(frozen=True, slots=True, eq=False)
class MeshIron:
    """Iron as points inside a mesh; a finite-element load is ``deposit @ (mass_kg * slp)``.

    Parameters
    ----------
    points_m, mass_kg, cell
        ``(s, 3)``, ``(s,)`` and ``(s,)``: sub-voxels, their iron, the element that holds each.
    deposit
        ``(n_nodes, s)`` barycentric weights; every column sums to one.
    image_kg, outside_kg, moved_kg
        Iron of the image; dropped off the skin; moved into regions that take up tracer.
    raw_kg
        Iron per region as the image has it, before anything was moved.
    """

    points_m: Array
    mass_kg: Array
    cell: IntArray
    deposit: sparse.csr_matrix
    image_kg: float
    outside_kg: float
    moved_kg: float
    raw_kg: Mapping[str, float]

    def __post_init__(self) -> None:
        put(self, points_m=freeze(self.points_m), mass_kg=freeze(self.mass_kg))
        put(self, cell=freeze(self.cell, np.int64))

    @property
    def node_mass_kg(self) -> Array:
        """Iron at each node."""
        result: Array = self.deposit @ self.mass_kg
        return result

    @property
    def mass_rel(self) -> float:
        """Relative difference of the iron at the nodes from that of the image in the body."""
        return abs(float(self.node_mass_kg.sum()) / (self.image_kg - self.outside_kg) - 1.0)

    def region_kg(self, anatomy: Anatomy) -> dict[str, float]:
        """Iron per region, after confinement."""
        sums = np.bincount(anatomy.region[self.cell], self.mass_kg, len(anatomy.region_names))
        return dict(zip(anatomy.region_names, map(float, sums), strict=True))


def iron_on_mesh(iron: IronMap, anatomy: Anatomy, uptake: Sequence[str] = (), *, confine: bool = True) -> MeshIron:
    """Place the image's iron as points of the mesh, mass conserved.

    Iron within one FWHM of a region of ``uptake`` is moved into the nearest such region, in
    proportion to what the region already shows, because a point-spread function only smears it
    out. Iron off the skin by more than one FWHM is dropped and counted; nearer, it goes to the
    nearest place of the surface. With ``confine=False`` or an unknown FWHM nothing is moved
    into a region.
    """
    points, mass, cell = _place_voxels(iron.image, anatomy, iron.fwhm_m or 0.0)
    weights = np.full((len(points), 4), 0.25)
    loose = cell < 0
    cell[loose], weights[loose] = anatomy.located(points[loose])
    reach = iron.reach_m
    cell, weights, kept = _snap_to_surface(anatomy, points, cell, weights, reach)
    points, mass, cell, weights = points[kept], mass[kept], cell[kept], weights[kept]
    raw = np.bincount(anatomy.region[cell], mass, len(anatomy.region_names))
    moved = 0.0
    if confine and iron.fwhm_m is not None and uptake:
        points, mass, cell, weights, moved = _confine(anatomy, (points, mass, cell, weights), uptake, iron.fwhm_m)
    row = anatomy.tets[cell].ravel()
    column = np.repeat(np.arange(len(points)), 4)
    deposit = sparse.csr_matrix((weights.ravel(), (row, column)), (len(anatomy.points_m), len(points)))
    return MeshIron(
        points,
        mass,
        cell,
        deposit,
        image_kg=iron.mass_kg,
        outside_kg=iron.mass_kg - float(mass.sum()),
        moved_kg=moved,
        raw_kg=dict(zip(anatomy.region_names, map(float, raw), strict=True)),
    )


def _place_voxels(image: Image, anatomy: Anatomy, margin_m: float) -> tuple[Array, Array, IntArray]:
    """Points and masses of the iron near the body, and the elements in whose middle it is placed, else -1.

    A voxel that many elements share gives each its part at its middle, so that the source is as smooth as the image
    on a mesh finer than it; any other is divided into sub-voxels, faint ones less.
    """
    index = np.argwhere(image.data > 0)
    centre = image.positions_m(index)
    pad = margin_m + float(np.linalg.norm(image.spacing_m))
    low, high = anatomy.points_m.min(axis=0) - pad, anatomy.points_m.max(axis=0) + pad
    index = index[((centre >= low) & (centre <= high)).all(axis=1)]
    points, mass, element, shared = _share_by_element(image, anatomy)
    index = index[~shared[tuple(index.T)]]
    value = image.data[tuple(index.T)].astype(float)
    faint = value < _FAINT * image.data.max()
    parts = [
        (points, mass),
        *(
            _divide_voxels(image, index[which], value[which], finest)
            for which, finest in ((~faint, _FINEST_M), (faint, 2.0 * _FINEST_M))
        ),
    ]
    points, mass = np.vstack([p for p, _ in parts]), np.concatenate([m for _, m in parts])
    return points, mass, np.concatenate([element, np.full(len(points) - len(element), -1)])


def _share_by_element(image: Image, anatomy: Anatomy) -> tuple[Array, Array, IntArray, BoolArray]:
    """Middles, iron and numbers of the elements that share a voxel, and a mask of the voxels that are shared so."""
    centroids, shape = anatomy.centroids_m, image.shape
    voxel = np.rint(image.indices(centroids)).astype(np.int64)
    inside = np.flatnonzero(((voxel >= 0) & (voxel < shape)).all(axis=1))
    code = np.ravel_multi_index(voxel[inside].T, shape)
    size = image.data.size
    count, volume = np.bincount(code, minlength=size), np.bincount(code, anatomy.volumes_m3[inside], size)
    full = np.abs(volume / image.voxel_volume_m3 - 1.0) < _FULL
    shared = (count >= _SHARED_BY) & full & (image.data.ravel() > 0)
    chosen = shared[code]
    element, code = inside[chosen], code[chosen]
    density = image.data.ravel()[code] * image.voxel_volume_m3 / volume[code]
    return centroids[element], density * anatomy.volumes_m3[element], element, shared.reshape(shape)


def _divide_voxels(image: Image, index: IntArray, value: Array, finest_m: float) -> tuple[Array, Array]:
    """Points and masses of the sub-voxels of some voxels."""
    count = np.clip(np.ceil(image.spacing_m / finest_m - _ROUNDING).astype(int), 1, _MOST_PARTS)
    offset = np.stack(np.meshgrid(*[(np.arange(p) + 0.5) / p - 0.5 for p in count], indexing="ij"), -1).reshape(-1, 3)
    points = image.positions_m((index[:, None] + offset).reshape(-1, 3))
    return points, np.repeat(value * image.voxel_volume_m3 / len(offset), len(offset))


def _surface_points(anatomy: Anatomy, *names: str) -> tuple[Array, IntArray, Array]:
    """Points that cover a boundary densely, their elements and barycentric weights."""
    triangles, owner = anatomy.boundary(*names)
    steps = range(_COVER + 1)
    share = np.array([(i, j, _COVER - i - j) for i in steps for j in steps if i + j <= _COVER]) / _COVER
    points = (share @ anatomy.points_m[triangles]).reshape(-1, 3)
    corner = triangles[:, :, None] == anatomy.tets[owner][:, None, :]
    weights = np.einsum("qc,tck->tqk", share, corner.astype(float)).reshape(-1, 4)
    return points, np.repeat(owner, len(share)), weights


def _snap_to_surface(
    anatomy: Anatomy, points: Array, cell: IntArray, weights: Array, reach_m: float
) -> tuple[IntArray, Array, BoolArray]:
    """Move points off the skin but within reach to the nearest place of the surface; the last array is kept points."""
    place, owner, share = _surface_points(anatomy)
    off = np.flatnonzero(cell < 0)
    distance, nearest = cKDTree(place).query(points[off], distance_upper_bound=reach_m)
    caught = np.isfinite(distance)
    cell, weights = cell.copy(), weights.copy()
    cell[off[caught]] = owner[nearest[caught]]
    weights[off[caught]] = share[nearest[caught]]
    return cell, weights, cell >= 0


def _confine(
    anatomy: Anatomy, iron: tuple[Array, Array, IntArray, Array], uptake: Sequence[str], fwhm_m: float
) -> tuple[Array, Array, IntArray, Array, float]:
    """Move iron within one FWHM of a region that takes up tracer into it; the last value is the mass moved."""
    points, mass, cell, weights = iron
    home = np.full(len(anatomy.region_names), -1)
    for number, name in enumerate(uptake):
        home[np.unique(anatomy.region[anatomy.cells(name)])] = number
    here = home[anatomy.region[cell]]
    trees = [cKDTree(_surface_points(anatomy, name)[0]) for name in uptake]
    stray = np.flatnonzero(here < 0)
    distance = np.stack([tree.query(points[stray], distance_upper_bound=fwhm_m)[0] for tree in trees])
    nearest = np.where(np.isfinite(distance.min(axis=0)), distance.argmin(axis=0), -1)
    moving = stray[nearest >= 0]
    gain = np.bincount(nearest[nearest >= 0], mass[moving], len(uptake))
    held = np.bincount(here[here >= 0], mass[here >= 0], len(uptake))
    factor = np.where(held > 0, 1.0 + gain / np.where(held > 0, held, 1.0), 1.0)
    mass = np.where(here >= 0, mass * factor[here], mass)
    keep = np.ones(len(points), bool)
    keep[moving] = False
    points, mass, cell, weights = points[keep], mass[keep], cell[keep], weights[keep]
    for number in np.flatnonzero((held == 0) & (gain > 0)).tolist():
        inside = anatomy.cells(uptake[number])
        volume = anatomy.volumes_m3[inside]
        points = np.vstack([points, anatomy.centroids_m[inside]])
        mass = np.concatenate([mass, gain[number] * volume / volume.sum()])
        cell = np.concatenate([cell, inside])
        weights = np.vstack([weights, np.full((len(inside), 4), 0.25)])
    return points, mass, cell, weights, float(gain.sum())
