"""From a label volume, or from formulas, to an Anatomy and a report on its quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..anatomy import Anatomy
from ..arrays import Array, IntArray
from ..errors import InputError
from ..image import Image
from . import lattice
from .levels import FunctionLevels, LabelLevels, Levels, as_index, smoothed_area_m2, winner
from .relax import FACES, neighbours, quality, relaxed

_GROWTH = 0.4
_CRUMB = 0.05


@dataclass(frozen=True, slots=True)
class MeshSizes:
    """Edge lengths; grades are halves of each other, so elements are this size or up to twice as fine.

    Parameters
    ----------
    target_m, size_m, skin_m
        In the target regions and ``margin_m`` around them, far away, and at the skin.
    target_regions
        Names of regions; none that the anatomy lacks.
    """

    target_m: float
    size_m: float
    target_regions: tuple[str, ...] = ()
    margin_m: float = 3e-3
    skin_m: float | None = None

    def __post_init__(self) -> None:
        for name in ("target_m", "size_m", "skin_m"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < np.inf:
                raise InputError(f"mesh: {name} = {value}: expected a length above zero")
        if self.margin_m < 0.0:
            raise InputError(f"mesh: margin_m = {self.margin_m}: expected zero or more")

    @property
    def finest_m(self) -> float:
        return min(self.target_m, self.size_m, self.skin_m or np.inf)


@dataclass(frozen=True, slots=True)
class MeshReport:
    """What to know about a mesh before trusting it.

    Parameters
    ----------
    volume_mm3, label_volume_mm3
        Per region: of the mesh, and of the labels or shapes it stands for.
    thickness_elements
        Per region: twice the largest depth over the edge length there.
    skin_area_m2, smoothed_skin_area_m2
        Of the mesh's outer surface, and of the smoothed labels'.
    quality_histogram
        Elements by three times inradius over circumradius, in tenths from 0 to 1.
    """

    nodes: int
    tetrahedra: int
    quality_min: float
    quality_histogram: tuple[int, ...]
    volume_mm3: Mapping[str, float]
    label_volume_mm3: Mapping[str, float]
    thickness_elements: Mapping[str, float]
    skin_area_m2: float
    smoothed_skin_area_m2: float | None
    warnings: tuple[str, ...]


def mesh_labels(labels: Image, table: Mapping[int, tuple[str, str]], sizes: MeshSizes) -> tuple[Anatomy, MeshReport]:
    """Tetrahedra with named regions from a label volume.

    Parameters
    ----------
    labels
        Whole numbers; a label that the table lacks must be 0, which then is outside the body.
    table
        Label to (region, tissue); labels may share a region.
    """
    index, names, tissues, dropped = _regions(labels, table, sizes)
    spacing = labels.spacing_m
    edges = [sizes.target_m if name in sizes.target_regions else sizes.size_m for name in names]
    sigma = np.array([np.maximum(1.0, 0.2 * edge / spacing) for edge in [*edges, sizes.skin_m or sizes.size_m]])
    levels = LabelLevels(index, len(names), labels.affine_m, sigma)
    voxel = labels.voxel_volume_m3
    volumes = np.bincount(index[index >= 0], minlength=len(names)) * voxel
    targets = [names.index(name) for name in sizes.target_regions]
    near_skin, near_target = _border_points(labels, index >= 0), _border_points(labels, np.isin(index, targets))
    low, high = _bounds(labels, index >= 0)
    points, tets = _graded(low, high, sizes, levels, targets, near_skin, near_target)
    anatomy = _fitted(points, tets, levels, volumes, names, tissues, np.zeros(points.shape, bool))
    area = smoothed_area_m2(index >= 0, labels.affine_m)
    return anatomy, _report(anatomy, levels, volumes, area, dropped)


def mesh_function(bounds_m: Array, shapes: Mapping[str, tuple[str, Callable[[Array], Array]]],
                  sizes: MeshSizes, *, body: tuple[str, str] = ("medium", "muscle")) -> tuple[Anatomy, MeshReport]:
    """Shapes in a box whose faces stay exactly flat.

    Parameters
    ----------
    bounds_m
        ``(2, 3)`` low and high corner.
    shapes
        Region to (tissue, signed distance in metres of points ``(n, 3)``, positive inside); later ones cover
        earlier ones.
    body
        Region and tissue of the rest of the box.
    """
    bounds = np.asarray(bounds_m, float)
    names = (body[0], *shapes)
    tissues = (body[1], *(tissue for tissue, _ in shapes.values()))
    _known(sizes, names)
    levels = FunctionLevels((_everywhere, *(shape for _, shape in shapes.values())), 1e-3 * sizes.finest_m)
    targets = [names.index(name) for name in sizes.target_regions]
    roots, depth, edge = _grades(bounds[1] - bounds[0], sizes)

    def wanted(centres: Array, part: float) -> np.ndarray:
        at = bounds[0] + centres * edge
        length = part * float(edge.max())
        depth_m = np.max([shape(at) for k, shape in enumerate(levels.shapes) if k in targets], axis=0) \
            if targets else np.full(len(at), -np.inf)
        return length > 1.001 * _edge_at(sizes, np.maximum(-depth_m, 0.0) - 0.5 * length, None)

    leaves = lattice.octree(roots, depth, wanted)
    nodes, tets = lattice.tetrahedra(roots, leaves)
    unit = 0.5 ** (depth + 1)
    points = bounds[0] + nodes * unit * edge
    tets = lattice.oriented(points, tets)
    held = (nodes == 0) | (nodes == np.array(roots) << (depth + 1))
    anatomy = _fitted(points, tets, levels, None, names, tissues, held)
    return anatomy, _report(anatomy, levels, None, None, ())


def _everywhere(points: Array) -> Array:
    return np.full(len(points), 1.0)


def _regions(labels: Image, table: Mapping[int, tuple[str, str]],
             sizes: MeshSizes) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Region number per voxel (-1 outside), region and tissue names, and what was left out."""
    data = labels.data
    if not np.isfinite(data).all() or (data != np.round(data)).any():
        raise InputError("labels: expected whole numbers: this looks like an image, not a label volume")
    present, counts = np.unique(data.astype(np.int64), return_counts=True)
    complaints = [f"label {v} ({n} voxels) is not in the table: add a row `{v},region,tissue`"
                  for v, n in zip(present, counts, strict=True) if v != 0 and v not in table]
    tissue_of: dict[str, str] = {}
    for label, (name, tissue) in table.items():
        if tissue_of.setdefault(name, tissue) != tissue:
            complaints.append(f'table: region "{name}" has two tissues, "{tissue_of[name]}" and "{tissue}"')
        if label not in present:
            complaints.append(f'table: label {label} (region "{name}") has no voxel: remove the row or '
                              "check the label volume")
    if not complaints and not table:
        complaints.append("table: no label is named: add a row such as `1,body,muscle`")
    if complaints:
        raise InputError(complaints)
    names = tuple(tissue_of)
    _known(sizes, names)
    order = sorted(table)
    which = np.array([names.index(table[label][0]) for label in order])
    index = as_index(labels, order)
    index = np.where(index >= 0, which.astype(np.int16)[index], np.int16(-1))
    index, dropped = _one_piece(index, names)
    return index, names, tuple(tissue_of.values()), dropped


def _known(sizes: MeshSizes, names: Sequence[str]) -> None:
    missing = [name for name in sizes.target_regions if name not in names]
    if missing:
        raise InputError([f'mesh: target region "{name}" is not among {", ".join(names)}' for name in missing])


def _one_piece(index: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Without crumbs; refuses organs that float without a body round them."""
    pieces, count = ndimage.label(index >= 0)
    if count == 1:
        return index, ()
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    total = sizes.sum()
    body = int(np.bincount(index[index >= 0]).argmax())
    large = [k for k in range(1, count + 1) if sizes[k] > _CRUMB * total]
    hosts = np.unique(pieces[index == body])
    if len(large) > 1 and not np.isin(large, hosts).all():
        raise InputError(f"labels: {len(large)} separate pieces without a body round them: give the soft tissue "
                         "between the organs a label, such as `1,body,muscle`")
    keep = np.isin(pieces, large if large else [int(sizes.argmax())])
    lost = int(total - keep.sum())
    gone = [name for r, name in enumerate(names) if not ((index == r) & keep).any()]
    if gone:
        raise InputError(f"labels: {', '.join(gone)} lie outside the body: check the label volume")
    return np.where(keep, index, np.int16(-1)), ((f"{lost} voxels in {count - len(large)} loose pieces left out",)
                                                 if lost else ())


def _border_points(labels: Image, mask: np.ndarray) -> cKDTree | None:
    if not mask.any():
        return None
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    padded = np.pad(mask[box], 1)
    border = np.argwhere(padded & ~ndimage.binary_erosion(padded)) - 1 + [s.start for s in box]
    return cKDTree(labels.positions_m(border))


def _bounds(labels: Image, mask: np.ndarray) -> tuple[Array, Array]:
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    ends = np.array([[s.start - 0.5, s.stop - 0.5] for s in box])
    corners = labels.positions_m(np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3))
    return corners.min(axis=0), corners.max(axis=0)


def _grades(extent: Array, sizes: MeshSizes) -> tuple[tuple[int, int, int], int, Array]:
    """Root cells, grades below them, and the root's edges, for a box filled exactly."""
    depth = max(int(np.floor(np.log2(sizes.size_m / sizes.finest_m) + 1e-9)), 0)
    roots = np.maximum(np.ceil(extent / (sizes.finest_m * 2**depth) - 1e-6), 1).astype(int)
    return tuple(int(n) for n in roots), depth, extent / roots


def _edge_at(sizes: MeshSizes, from_target_m: Array, from_skin_m: Array | None) -> Array:
    edge = sizes.target_m + _GROWTH * np.maximum(from_target_m - sizes.margin_m, 0.0)
    if sizes.skin_m is not None and from_skin_m is not None:
        edge = np.minimum(edge, sizes.skin_m + _GROWTH * np.maximum(from_skin_m, 0.0))
    return np.minimum(edge, sizes.size_m)


def _graded(low: Array, high: Array, sizes: MeshSizes, levels: LabelLevels, targets: list[int],
            near_skin: cKDTree, near_target: cKDTree | None) -> tuple[Array, IntArray]:
    """The lattice over the body, graded, with a margin of cells outside it."""
    depth = max(int(np.floor(np.log2(sizes.size_m / sizes.finest_m) + 1e-9)), 0)
    edge = sizes.finest_m * 2**depth
    roots = np.ceil((high - low) / edge).astype(int) + 2
    origin = 0.5 * (low + high) - 0.5 * roots * edge
    none = np.zeros(levels.count + 1)

    def wanted(centres: Array, part: float) -> np.ndarray:
        at, length = origin + centres * edge, part * edge
        kind = winner(levels, none, at)
        to_skin = near_skin.query(at)[0]
        from_target = np.full(len(at), np.inf)
        if near_target is not None:
            from_target = np.where(np.isin(kind, targets), 0.0, near_target.query(at)[0])
        touches = (kind < levels.count) | (to_skin < 0.9 * length)
        return touches & (length > 1.001 * _edge_at(sizes, from_target - 0.5 * length, to_skin - 0.5 * length))

    leaves = lattice.octree(tuple(int(n) for n in roots), depth, wanted)
    nodes, tets = lattice.tetrahedra(tuple(int(n) for n in roots), leaves)
    points = origin + nodes * (edge * 0.5 ** (depth + 1))
    return points, lattice.oriented(points, tets)


def _fitted(points: Array, tets: IntArray, levels: Levels, volumes: Array | None, names: tuple[str, ...],
            tissues: tuple[str, ...], held: np.ndarray) -> Anatomy:
    """Labelled, trimmed, relaxed, and with the volumes put right."""
    offsets = np.zeros(levels.count + 1)
    region = winner(levels, offsets, points[tets].mean(axis=1))
    region = _tidied(tets, region, levels.count)
    kept = _largest(tets, region < levels.count)
    tets, region = tets[kept], region[kept]
    used, tets = np.unique(tets, return_inverse=True)
    tets, points, held = tets.reshape(-1, 4), points[used], held[used]
    points = relaxed(points, tets, region, levels, offsets, held=held, rounds=14)
    if volumes is not None:
        for _ in range(2):
            offsets += _corrections(points, tets, region, volumes, levels.count)
            points = relaxed(points, tets, region, levels, offsets, held=held, rounds=4)
    return Anatomy(points, tets, region, names, tissues)


def _tidied(tets: IntArray, region: IntArray, outside: int) -> IntArray:
    """Elements with three or more faces to one other class join it."""
    across = neighbours(tets)
    region = region.copy()
    for _ in range(3):
        other = np.where(across >= 0, region[across], outside)
        ordered = np.sort(other, axis=1)
        triple = (ordered[:, 0] == ordered[:, 2]) | (ordered[:, 1] == ordered[:, 3])
        join = triple & (ordered[:, 1] != region)
        if not join.any():
            break
        region[join] = ordered[join, 1]
    return region


def _largest(tets: IntArray, inside: np.ndarray) -> np.ndarray:
    """The elements inside, without loose crumbs."""
    cells = np.flatnonzero(inside)
    across = neighbours(tets[cells])
    cell, face = np.nonzero(across >= 0)
    graph = coo_array((np.ones(len(cell), bool), (cell, across[cell, face])), shape=(len(cells),) * 2)
    _, piece = connected_components(graph.tocsr(), directed=False)
    size = np.bincount(piece)
    return cells[size[piece] > _CRUMB * len(cells)]


def _corrections(points: Array, tets: IntArray, region: IntArray, wanted_m3: Array, count: int) -> Array:
    """How far each region's level has to rise for its volume, the body's included."""
    p = points[tets]
    volume = np.linalg.det(p[:, 1:] - p[:, :1]) / 6.0
    have = np.bincount(region, volume, count)
    across = neighbours(tets)
    other = np.where(across >= 0, region[across], count)
    cell, face = np.nonzero(other != region[:, None])
    t = points[tets[cell[:, None], FACES[face]]]
    area = 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)
    border = np.bincount(region[cell], area, count)
    skin = other[cell, face] == count
    shift = np.zeros(count + 1)
    shift[:count] = (wanted_m3 - have) / np.maximum(border, 1e-30)
    shift[count] = -(wanted_m3.sum() - have.sum()) / area[skin].sum()
    size = np.cbrt(volume.mean())
    return np.clip(shift, -0.3 * size, 0.3 * size)


def _report(anatomy: Anatomy, levels: Levels, volumes: Array | None, area: float | None,
            dropped: tuple[str, ...]) -> MeshReport:
    q = quality(anatomy.points_m, anatomy.tets)
    have = {name: anatomy.volume_m3(name) * 1e9 for name in anatomy.region_names}
    want = have if volumes is None else dict(zip(anatomy.region_names, volumes * 1e9, strict=True))
    t = anatomy.points_m[anatomy.outer]
    skin = 0.5 * np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum()
    warnings = list(dropped)
    return MeshReport(len(anatomy.points_m), len(anatomy.tets), float(q.min()),
                      tuple(int(n) for n in np.histogram(q, np.linspace(0, 1, 11))[0]), have, want, {},
                      float(skin), area, tuple(warnings))
