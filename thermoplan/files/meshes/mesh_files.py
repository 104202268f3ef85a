"""Meshes in and out: gmsh, VTU and XDMF through meshio.

A mesh file is in millimetres unless told otherwise; fields of a run are in metres, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from ...anatomy.anatomy import Anatomy
from ...base.arrays import AnyArray, Array, IntArray
from ...base.errors import InputError
from ..images.labels import Label
from ..isolated.isolation import read_isolated
from ..text.text_files import existing
from .coinciding import without_repeats
from .vtkhdf import Steps, StillData, write_vtkhdf
from .vtu import decode_words, write_vtu

_TAGS = ["gmsh:physical", "region", "medit:ref", "cell_tags", "name_to_read", "CellEntityIds"]
_SOLID = {"tetra": 4, "tetra10": 10}
_FACES = {"triangle": 3, "triangle6": 6}
_IGNORED = {"vertex", "line", "line3", *_FACES}
_LARGEST_TAG = 2**53
"""Above it a double is no whole number of its own."""
_MOST_NAMED = 10
_CANNOT = "cannot be read as a mesh, it may be cut short or damaged"
_REGIONS = "region_names"
_TISSUES = "tissue_names"
_UNIT = "metres_per_unit"


def read_mesh(
    path: Path | str,
    *,
    unit_m: float = 1e-3,
    table: Mapping[int, Label] | None = None,
    notes: list[str] | None = None,
) -> Anatomy:
    """Tetrahedra with named regions.

    Parameters
    ----------
    unit_m
        Metres of the file's unit of length, where the file does not say.
    table
        Region and tissue by tag; else the file's own names count, and a tissue is named like its region.
    """
    path, notes = existing(path), notes if notes is not None else []
    mesh = _read(path)
    unit_m = _unit(mesh, unit_m, path.name)
    tets = _tetrahedra(mesh, path.name, notes)
    tags = _tags(mesh, path.name)
    names = _names(tags, table if table is not None else _labels(mesh), path.name)
    values, region = np.unique(tags, return_inverse=True)
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    points *= unit_m
    try:
        labels = [names[int(v)] for v in values]
        tets = _upright(points, tets)
        kept = without_repeats(points, tets, [labels[i].region for i in region], name=path.name, notes=notes)
        return _anatomy(points, tets[kept], region[kept], labels, _surfaces(mesh))
    except InputError as problem:
        raise InputError([f"{path.name}: {c.removeprefix('mesh: ')}" for c in problem.complaints]) from problem


def _anatomy(
    points: Array, tets: IntArray, index: IntArray, names: list[Label], surfaces: Mapping[str, IntArray]
) -> Anatomy:
    """Several tags may name one region."""
    regions = list(dict.fromkeys(label.region for label in names))
    tissue = {label.region: label.tissue for label in names}
    region = np.array([regions.index(label.region) for label in names])[index]
    return Anatomy(points, tets, region, tuple(regions), tuple(tissue[r] for r in regions), surfaces)


def write_mesh(path: Path | str, anatomy: Anatomy, *, unit_m: float = 1e-3) -> None:
    """Write the mesh with its regions: ``.vtu``, or ``.msh`` with physical groups."""
    refuse_unknown_mesh(path)
    MESH_WRITERS[Path(path).suffix.lower()](Path(path), anatomy, unit_m)


def refuse_unknown_mesh(path: Path | str) -> None:
    """Refuse a file of a kind that meshes are not written in."""
    if Path(path).suffix.lower() not in MESH_WRITERS:
        raise InputError(f"{path}: cannot write this kind of mesh; expected {' or '.join(MESH_WRITERS)}")


def write_fields(
    path: Path | str,
    anatomy: Anatomy,
    point_data: Mapping[str, ArrayLike] | None = None,
    cell_data: Mapping[str, ArrayLike] | None = None,
) -> None:
    """The mesh and its fields as VTU in metres: ``region`` per element, names of regions in field data.

    ``point_data`` has arrays of ``n_nodes`` rows, ``cell_data`` of ``n_tets``.
    """
    point_data, cell_data = dict(point_data or {}), dict(cell_data or {})
    for data, count in ((point_data, len(anatomy.points_m)), (cell_data, len(anatomy.tets))):
        wrong = [name for name, values in data.items() if len(np.asarray(values)) != count]
        if wrong:
            raise ValueError(f"fields {', '.join(wrong)}: expected {count} rows")
    _write_vtu(Path(path), anatomy, 1.0, point_data, cell_data)


def _write_vtu(
    path: Path,
    anatomy: Anatomy,
    unit_m: float,
    point_data: Mapping[str, ArrayLike] = MappingProxyType({}),
    cell_data: Mapping[str, ArrayLike] = MappingProxyType({}),
) -> None:
    write_vtu(
        path,
        anatomy.points_m / unit_m,
        anatomy.tets,
        point_data=point_data,
        cell_data={"region": anatomy.region.astype(np.int32), **cell_data},
        field_data=_names_of(anatomy, unit_m),
    )


def _names_of(anatomy: Anatomy, unit_m: float) -> dict[str, AnyArray | tuple[str, ...]]:
    """Field data: the names of regions and tissues, each region's index and dimension, metres of a unit."""
    own: dict[str, AnyArray | tuple[str, ...]] = {
        _REGIONS: anatomy.region_names,
        _TISSUES: anatomy.tissue_names,
        _UNIT: np.array([float(unit_m)]),
    }
    names = {name: np.array([[i, 3]], np.int32) for i, name in enumerate(anatomy.region_names)}
    return {**names, **own}  # a region that is named like one of our own lists has no entry of its own


def write_history(path: Path | str, anatomy: Anatomy, steps: Steps, point_data: Mapping[str, ArrayLike]) -> None:
    """The mesh with fields over time as VTKHDF in metres, and beside them ``point_data``, which do not change."""
    fixed = {name: values for name, values in point_data.items() if name not in steps.fields}
    write_vtkhdf(
        path,
        anatomy.points_m,
        anatomy.tets,
        steps=steps,
        still=StillData(fixed, {"region": anatomy.region.astype(np.int32)}, _names_of(anatomy, 1.0)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _MeshArrays:
    """Points, blocks of cells by kind, the cell data that say the region, field data, and lists of words."""

    points: AnyArray
    blocks: list[tuple[str, AnyArray]]
    key: str | None
    tags: list[AnyArray]
    others: list[str]
    field: dict[str, AnyArray]
    words: dict[str, tuple[str, ...]]
    groups: dict[tuple[int, int], str]


def _read(path: Path) -> _MeshArrays:
    parts = read_isolated("mesh_arrays:read_mesh_arrays", path, {"tags": _TAGS}, _CANNOT)
    arrays = {key: value for key, value in parts.items() if isinstance(value, np.ndarray)}
    types = _texts(parts["types"])
    tags = [arrays[f"tags {i}"] for i in range(len(types))] if parts["key"] else []
    fields = {name.removeprefix("field "): value for name, value in parts.items() if name.startswith("field ")}
    words = {
        name: decode_words(value if isinstance(value, np.ndarray) else _texts(value))
        for name in (_REGIONS, _TISSUES)
        if (value := fields.get(name)) is not None
    }
    if isinstance(old := parts["words"], dict):
        words |= {name: tuple(map(str, value)) for name, value in old.items()}
    mesh = _MeshArrays(
        arrays["points"],
        [(kind, arrays[f"cells {i}"]) for i, kind in enumerate(types)],
        str(parts["key"]) if parts["key"] else None,
        tags,
        _texts(parts["data"]),
        {name: np.ravel(value) for name, value in fields.items() if isinstance(value, np.ndarray)},
        words,
        _named_groups(parts["groups"]),
    )
    _check_shapes(mesh, path.name)
    return mesh


def _named_groups(value: object) -> dict[tuple[int, int], str]:
    """Name of each of gmsh's physical groups, by dimension and tag."""
    rows = value if isinstance(value, list) else []
    return {(int(dimension), int(tag)): str(name) for dimension, tag, name in rows}


def _texts(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def _check_shapes(mesh: _MeshArrays, name: str) -> None:
    """Refuse arrays that do not fit each other: points, the nodes of cells, and a tag for each cell."""
    points = mesh.points
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
        raise InputError(f"{name}: its points have shape {points.shape}; expected rows of two or three coordinates")
    for number, (kind, nodes) in enumerate(mesh.blocks):
        if kind not in _SOLID | _FACES:
            continue
        if nodes.ndim != 2 or nodes.shape[1] < (_SOLID | _FACES)[kind] or nodes.dtype.kind not in "iu":
            raise InputError(f"{name}: its {kind} cells have nodes of shape {nodes.shape}: the file may be damaged")
        if nodes.size and not 0 <= int(nodes.min()) <= int(nodes.max()) < len(points):
            wrong = int(nodes.max()) if int(nodes.min()) >= 0 else int(nodes.min())
            raise InputError(
                f"{name}: a {kind} has the node {wrong}, counted from 0, of {len(points)} points: the file may be "
                "damaged: write the mesh anew"
            )
        if mesh.key is not None and mesh.tags[number].size != len(nodes):
            raise InputError(
                f'{name}: cell data "{mesh.key}" has {mesh.tags[number].size} values for {len(nodes)} {kind} cells; '
                "expected one each"
            )


def _unit(mesh: _MeshArrays, unit_m: float, name: str) -> float:
    stated = mesh.field.get(_UNIT)
    if stated is None:
        return unit_m
    if stated.size != 1 or not 0.0 < float(stated[0]) < math.inf:
        raise InputError(f"{name}: field data {_UNIT} = {stated[:3].tolist()}: expected one length above zero, in m")
    return float(stated[0])


def _tetrahedra(mesh: _MeshArrays, name: str, notes: list[str]) -> IntArray:
    strange = {kind for kind, _ in mesh.blocks} - _IGNORED - _SOLID.keys()
    if strange:
        raise InputError(f"{name}: has {', '.join(sorted(strange))} cells; expected tetrahedra")
    blocks = [(kind, nodes) for kind, nodes in mesh.blocks if kind in _SOLID and len(nodes)]
    if not blocks:
        raise InputError(f"{name}: has no tetrahedra; expected a volume mesh")
    if any(kind == "tetra10" for kind, _ in blocks):
        notes.append(f"{name}: tetrahedra of ten nodes are used by their four corners")
    return np.concatenate([nodes[:, :4] for _, nodes in blocks]).astype(np.int64)


def _tags(mesh: _MeshArrays, name: str) -> IntArray:
    if mesh.key is None:
        have = ", ".join(mesh.others) or "no cell data"
        raise InputError(
            f"{name}: no element says its region ({have}); expected physical groups of gmsh, or "
            'whole numbers in cell data "region"'
        )
    pairs = zip(mesh.blocks, mesh.tags, strict=True)
    values = np.concatenate([tags.ravel() for (kind, nodes), tags in pairs if kind in _SOLID and len(nodes)])
    if not np.array_equal(values, np.rint(values)) or np.abs(values.astype(float)).max() > _LARGEST_TAG:
        raise InputError(f'{name}: cell data "{mesh.key}" holds {values.dtype}; expected whole numbers')
    return values.astype(np.int64)


def _labels(mesh: _MeshArrays) -> dict[int, Label]:
    """Region and tissue by tag, from the file's own names."""
    words = mesh.words
    names = _tagged_names(mesh, 3) or dict(enumerate(words.get(_REGIONS, ())))
    tissues = dict(zip(words.get(_REGIONS, ()), words.get(_TISSUES, ()), strict=False))
    return {tag: Label(name, tissues.get(name, name)) for tag, name in names.items()}


def _tagged_names(mesh: _MeshArrays, dimension: int) -> dict[int, str]:
    """Names of gmsh's physical groups of a dimension, by their tag; meshio's field data have them in other formats."""
    if mesh.groups:
        return {tag: name for (own, tag), name in mesh.groups.items() if own == dimension}
    pairs = {name: values for name, values in mesh.field.items() if values.size == 2 and np.isfinite(values).all()}
    return {int(values[0]): name for name, values in pairs.items() if values[1] == dimension}


def _names(tags: IntArray, table: Mapping[int, Label], name: str) -> dict[int, Label]:
    """Region and tissue of every tag that an element carries."""
    present = [int(tag) for tag in np.unique(tags)]
    names = {tag: Label(*entry) for tag, entry in table.items()}
    missing = [tag for tag in present if tag not in names]
    if missing:
        count = int(np.isin(tags, missing).sum())
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        tags_text = ", ".join(map(str, missing[:_MOST_NAMED])) + more
        raise InputError(
            f"{name}: {count} tetrahedra have the region {tags_text}, which has no name: make "
            "it a physical group, or give [anatomy] label_table with a row for it"
        )
    return names


def _surfaces(mesh: _MeshArrays) -> dict[str, AnyArray]:
    """Triangles of gmsh's named surfaces."""
    names = _tagged_names(mesh, 2)
    found: dict[str, list[AnyArray]] = {}
    for (kind, nodes), tags in zip(mesh.blocks, mesh.tags if mesh.key == "gmsh:physical" else [], strict=False):
        for tag in np.unique(tags) if kind in _FACES else ():
            if int(tag) in names:
                found.setdefault(names[int(tag)], []).append(nodes[tags.ravel() == tag, :3])
    return {name: np.concatenate(parts).astype(np.int64) for name, parts in found.items()}


def _upright(points: Array, tets: IntArray) -> IntArray:
    """The same elements with positive volumes; orientation is a habit of the mesher, not a fault."""
    edges = points[tets[:, 1:]] - points[tets[:, :1]]
    turned = np.linalg.det(edges) < 0.0
    tets = tets.copy()
    tets[turned] = tets[turned][:, [0, 2, 1, 3]]
    return tets


def _write_msh(path: Path, anatomy: Anatomy, unit_m: float) -> None:
    import meshio

    tags = (anatomy.region + 1).astype(np.int32)
    mesh = meshio.Mesh(
        anatomy.points_m / unit_m,
        [("tetra", anatomy.tets)],
        cell_data={"gmsh:physical": [tags], "gmsh:geometrical": [tags]},
        field_data={name: np.array([i + 1, 3]) for i, name in enumerate(anatomy.region_names)},
    )
    meshio.write(path, mesh, file_format="gmsh22", binary=False)


MESH_WRITERS: dict[str, Callable[[Path, Anatomy, float], None]] = {".vtu": _write_vtu, ".msh": _write_msh}
