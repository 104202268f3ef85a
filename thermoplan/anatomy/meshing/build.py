"""From a label volume, or from formulas, to an Anatomy and a report on its quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.image import Image
from ..anatomy import Anatomy
from .label_volume import Regions, Table, read_regions
from .levels import FunctionLevels, LabelLevels, Levels, label_levels, winner
from .mesh_report import MeshReport, describe_mesh, region_volumes_m3
from .mesh_sizes import BodyDistances, MeshSizes, graded_lattice
from .relax import mend, relax_nodes, target_positions
from .skin_layer import add_skin_layer
from .smoothed_surface import smoothed_area_m2
from .tet_mesh import Draft, body_of, make_draft, peel, tidy
from .tet_quality import volumes_m3

Shape = Callable[[Array], Array]

_BLUR = 0.2
"""Width of the labels' smoothing in edges of the mesh; twice as much would round off what the mesh could show."""
_POOR = 0.55
"""Quality below which an element stops its nodes; higher keeps better elements and rougher borders."""
_POOR_LAYER = 0.3
"""The same where a skin layer is to come: its prisms are flat in any case, so the border may pull further."""
_TINY_M3 = 1e-7
"""Volume below which a region is not held to its volume: its few elements would get poor first."""
_SAMPLES = 12
"""Points across a box, each way, that tell the volume of a formula's region."""
_BOTH_SIDES = 1.6
"""Factor on a level's correction, since two regions give way at their common border; 2 would swing."""
_ROUNDS = (4, 3, 3)
"""Rounds of relaxation before each removal of flat elements; each is a pass over the nodes near borders."""
_ROUNDS_EACH = 3
"""Rounds after each correction of the volumes."""
_CLOSE = (0.012, 6)
"""Relative error of the volumes of a labelled body that is close enough, and corrections at most."""
_CLOSER = (2e-4, 20)
"""The same for formulas, whose volumes are exact: closed forms are compared on these meshes."""


def mesh_labels(labels: Image, table: Table, sizes: MeshSizes) -> tuple[Anatomy, MeshReport]:
    """Tetrahedra with named regions from a label volume.

    A layer that wraps the whole body and is thinner than an element, such as skin, becomes one layer of
    prisms cut into tetrahedra.

    Parameters
    ----------
    labels
        Whole numbers. The label 0 is outside the body unless the table names it.
    table
        Label to (region, tissue); labels may share a region.
    """
    regions = read_regions(labels, table)
    _refuse_unknown_targets(sizes, regions.names)
    levels = _label_levels(regions, sizes)
    area = smoothed_area_m2(regions.index >= 0, labels.affine_m)
    layer = regions.shell(sizes.surface_m, area)
    volumes = regions.volumes_m3
    if layer is None:
        draft = _trim(_lattice(regions, levels, sizes, None), levels, volumes, sizes)
    else:
        rest = (regions.index >= 0) & (regions.index != layer[0])
        inner = levels.without(layer[0], rest, _sigmas(regions, sizes)[-1])
        draft = _trim(_lattice(regions, inner, sizes, layer[0]), inner, None, sizes)
        draft = add_skin_layer(draft, layer[0], lambda at: -levels.level_m(levels.count, levels.local(at)), layer[1])
        draft = _with_volumes(draft, levels, volumes, poor=_POOR_LAYER)
    return _finish(
        draft, sizes, _WantedRegions(regions.names, regions.tissues, volumes), area=area, notes=regions.notes
    )


def mesh_function(
    bounds_m: Array,
    shapes: Mapping[str, tuple[str, Shape]],
    sizes: MeshSizes,
    *,
    medium: tuple[str, str] = ("medium", "muscle"),
) -> tuple[Anatomy, MeshReport]:
    """Shapes in a box whose faces stay exactly flat.

    Parameters
    ----------
    bounds_m
        ``(2, 3)``: low and high corner.
    shapes
        Region to (tissue, signed distance in metres of points ``(n, 3)``, positive inside); later ones cover
        earlier ones.
    medium
        Region and tissue of the rest of the box.
    """
    low, high = np.asarray(bounds_m, float)
    names = (medium[0], *shapes)
    tissues = (medium[1], *(tissue for tissue, _ in shapes.values()))
    _refuse_unknown_targets(sizes, names)
    levels = FunctionLevels((_everywhere, *(shape for _, shape in shapes.values())), 1e-3 * sizes.finest_m)
    targets = [shape for name, (_, shape) in shapes.items() if name in sizes.target_regions]

    def from_target(at: Array, reach: float) -> Array:
        if not targets:
            return np.full(len(at), np.inf)
        highest: Array = np.max(np.array([shape(at) for shape in targets]), axis=0)
        return np.maximum(-highest, 0.0)

    def from_skin(at: Array, reach: float) -> Array:
        result: Array = -np.minimum(at - low, high - at).min(axis=1)
        return result

    points, tets, held = graded_lattice(low, high, sizes, BodyDistances(from_target, from_skin), exact=True)
    draft = make_draft(points, tets, winner(levels, points[tets].mean(axis=1)), held)
    volumes = _sampled_volumes_m3(draft, levels)
    draft = _with_volumes(tidy(draft, levels.count), levels, volumes, close=_CLOSER)
    return _finish(draft, sizes, _WantedRegions(names, tissues, volumes), area=None, notes=())


def default_sizes(labels: Image, table: Table, target_regions: tuple[str, ...], *, size_m: float = 2.5e-3) -> MeshSizes:
    """Target edge 0.8 mm or an eighth of the smallest target's radius, whichever is less."""
    voxels = [
        np.isin(labels.data, [k for k, (name, _) in table.items() if name == target]).sum() for target in target_regions
    ]
    radius = [np.cbrt(3.0 * n * labels.voxel_volume_m3 / (4.0 * np.pi)) for n in voxels if n]
    return MeshSizes(min([0.8e-3, size_m, *(r / 8.0 for r in radius)]), size_m, target_regions)


def _everywhere(points: Array) -> Array:
    return np.full(len(points), 1.0)


def _sampled_volumes_m3(draft: Draft, levels: Levels) -> Array:
    """Volumes of the classes, counted at points inside the elements that a border may cut."""
    mixed = (draft.across >= 0) & (draft.region[draft.across] != draft.region[:, None])
    cut = np.zeros(len(draft.points), bool)
    cut[draft.tets[mixed.any(axis=1)]] = True
    cut = cut[draft.tets].any(axis=1)
    p, size = draft.points[draft.tets], volumes_m3(draft.points, draft.tets)
    volumes = np.bincount(draft.region[~cut], size[~cut], levels.count)
    n = _SAMPLES
    split = np.array([(i, j, k, n - 1 - i - j - k) for i in range(n) for j in range(n - i) for k in range(n - i - j)])
    weight = (split + 0.25) / n
    for part in np.array_split(np.flatnonzero(cut), max(1, int(cut.sum()) // 20_000)):
        kind = winner(levels, np.einsum("sc,mcx->msx", weight, p[part]).reshape(-1, 3))
        volumes += np.bincount(kind, np.repeat(size[part] / len(split), len(split)), levels.count)
    return volumes


def _refuse_unknown_targets(sizes: MeshSizes, names: tuple[str, ...]) -> None:
    missing = [name for name in sizes.target_regions if name not in names]
    if missing:
        raise InputError(
            [f'mesh: target region "{name}" is not in the anatomy; it has: {", ".join(names)}' for name in missing]
        )


def _sigmas(regions: Regions, sizes: MeshSizes) -> Array:
    """Blur in voxels, a row per region and one for the body: a voxel, or a part of the edge where that is more."""
    spacing = np.linalg.norm(regions.affine_m[:3, :3], axis=0)
    edges = [sizes.target_m if name in sizes.target_regions else sizes.size_m for name in regions.names]
    return np.maximum(1.0, _BLUR * np.array([*edges, sizes.surface_m])[:, None] / spacing)


def _label_levels(regions: Regions, sizes: MeshSizes) -> LabelLevels:
    return label_levels(regions.index, regions.affine_m, _sigmas(regions, sizes))


def _lattice(regions: Regions, levels: LabelLevels, sizes: MeshSizes, layer: int | None) -> Draft:
    """A graded lattice over the body, every element with the class of its middle."""
    targets = [regions.names.index(name) for name in sizes.target_regions]
    rim, skin = regions.border(targets), regions.border([r for r in range(levels.count) if r != layer])

    def from_target(at: Array, reach: float) -> Array:
        away = _distance(rim, at, reach)
        inside = np.flatnonzero(away < np.inf)
        away[inside[np.isin(winner(levels, at[inside]), targets)]] = 0.0
        return away

    def from_skin(at: Array, reach: float) -> Array:
        outside = levels.level_m(levels.count, levels.local(at)) > 0.0
        return np.where(outside, 1.0, -1.0) * _distance(skin, at, reach)

    points, tets, held = graded_lattice(
        *regions.bounds_m(), sizes, BodyDistances(from_target, from_skin, regions.slender(layer))
    )
    draft = make_draft(points, tets, winner(levels, points[tets].mean(axis=1)), held)
    return body_of(tidy(draft, levels.count), levels.count)


def _distance(tree: cKDTree | None, at: Array, reach: float) -> Array:
    if tree is None:
        return np.full(len(at), np.inf)
    result: Array = tree.query(at, distance_upper_bound=reach)[0]
    return result


def _trim(draft: Draft, levels: Levels, volumes: Array | None, sizes: MeshSizes) -> Draft:
    """Relaxed, and without what the skin has pressed flat."""
    offsets = np.zeros(levels.count + 1)
    for rounds in _ROUNDS:
        draft = relax_nodes(draft, levels, offsets, rounds=rounds)
        draft = peel(draft, target_positions(draft, levels, offsets), sizes.finest_m)
    return draft if volumes is None else _with_volumes(draft, levels, volumes)


def _with_volumes(
    draft: Draft, levels: Levels, volumes: Array, *, poor: float = _POOR, close: tuple[float, int] = _CLOSE
) -> Draft:
    """Relaxed until regions that are not tiny have their volumes."""
    offsets = np.zeros(levels.count + 1)
    for trial in range(close[1]):
        draft = relax_nodes(draft, levels, offsets, rounds=_ROUNDS_EACH, poor=poor)
        have = region_volumes_m3(draft, len(volumes))[0]
        if (np.abs(have / volumes - 1.0) < close[0])[volumes > _TINY_M3].all():
            break
        offsets += max(0.8**trial, 0.3) * _corrections(draft, volumes)
    return draft


def _corrections(draft: Draft, volumes: Array) -> Array:
    """Level offset of each region that restores its volume, and of the outside that restores the body's."""
    have, area, skin = region_volumes_m3(draft, len(volumes))
    shift = np.append(_BOTH_SIDES * (volumes - have) / np.maximum(area, 1e-30), (have.sum() - volumes.sum()) / skin)
    edge = np.cbrt(have.sum() / len(draft.tets))
    return np.clip(shift, -0.5 * edge, 0.5 * edge)


@dataclass(frozen=True, slots=True, eq=False)
class _WantedRegions:
    """Names, tissues and volumes in m3 ``(r,)`` of the regions that a mesh is to have."""

    names: tuple[str, ...]
    tissues: tuple[str, ...]
    volumes_m3: Array


def _finish(
    draft: Draft, sizes: MeshSizes, wanted: _WantedRegions, *, area: float | None, notes: tuple[str, ...]
) -> tuple[Anatomy, MeshReport]:
    """Mended, and without regions that no element came to stand for."""
    draft = mend(draft, sizes.finest_m)
    there, names = np.unique(draft.region), wanted.names
    missing = [name for r, name in enumerate(names) if r not in there]
    needed = [name for name in missing if name in sizes.target_regions]
    if needed:
        raise InputError(
            [f'mesh: target region "{name}" is smaller than an element: lower [mesh] target_size' for name in needed]
        )
    notes += tuple(
        f"mesh: {name} is smaller than an element and counts as what is round it: lower [mesh] size to keep it"
        for name in missing
    )
    draft = replace(draft, region=np.searchsorted(there, draft.region))
    anatomy = Anatomy(
        draft.points, draft.tets, draft.region, tuple(names[r] for r in there), tuple(wanted.tissues[r] for r in there)
    )
    return anatomy, describe_mesh(anatomy, draft, wanted.volumes_m3[there], area, notes)
