"""Meshes in and out: gmsh, VTU and XDMF through meshio.

A mesh file is in millimetres unless told otherwise; fields of a run are in metres, and say so.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
from numpy.typing import ArrayLike

from ...anatomy.anatomy import Anatomy
from ...base.arrays import AnyArray, Array, IntArray
from ...base.errors import InputError
from ..images.labels import Label
from ..text.text_files import existing
from .meshio_words import meshio_words
from .vtkhdf import Steps, write_vtkhdf
from .vtu import decode_words, without_strings, write_vtu

_TAGS = ("gmsh:physical", "region", "medit:ref", "cell_tags", "name_to_read", "CellEntityIds")
_IGNORED = {"vertex", "line", "line3", "triangle", "triangle6"}
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
    mesh, words = _read(path)
    unit_m = float(np.ravel(mesh.field_data.get(_UNIT, unit_m))[0])
    tets = _tetrahedra(mesh, path.name, notes)
    tags = _tags(mesh, path.name)
    names = _names(mesh, tags, table if table is not None else _labels(mesh, words), path.name)
    values, region = np.unique(tags, return_inverse=True)
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    points *= unit_m
    try:
        labels = [names[int(v)] for v in values]
        return _anatomy(points, _upright(points, tets), region, labels, _surfaces(mesh))
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
    names = {name: np.array([[i, 3]], np.int32) for i, name in enumerate(anatomy.region_names)}
    return {_REGIONS: anatomy.region_names, _TISSUES: anatomy.tissue_names, **names, _UNIT: np.array([float(unit_m)])}


def write_history(path: Path | str, anatomy: Anatomy, steps: Steps, point_data: Mapping[str, ArrayLike]) -> None:
    """The mesh with fields over time as VTKHDF in metres, and beside them ``point_data``, which do not change."""
    still = {name: values for name, values in point_data.items() if name not in steps.fields}
    write_vtkhdf(
        path,
        anatomy.points_m,
        anatomy.tets,
        steps=steps,
        point_data=still,
        cell_data={"region": anatomy.region.astype(np.int32)},
        field_data=_names_of(anatomy, 1.0),
    )


def _read(path: Path) -> tuple[Any, dict[str, tuple[str, ...]]]:
    """Mesh as meshio has it, and the lists of words that a VTU file holds in its field data."""
    import meshio

    try:
        with meshio_words():
            raw, words = without_strings(path.read_bytes()) if path.suffix.lower() == ".vtu" else (b"", {})
            if not words:
                mesh = meshio.read(path)
                lists = {key: mesh.field_data[key] for key in (_REGIONS, _TISSUES) if key in mesh.field_data}
                return mesh, {key: decode_words(values) for key, values in lists.items()}
            with tempfile.TemporaryDirectory() as folder:
                (plain := Path(folder) / path.name).write_bytes(raw)
                return meshio.read(plain), words
    except (
        meshio.ReadError,
        ParseError,
        OSError,
        ValueError,
        KeyError,
        IndexError,
        AssertionError,
        AttributeError,
        TypeError,
        UnicodeDecodeError,
        EOFError,
        OverflowError,
        zlib.error,
        struct.error,
    ) as problem:
        why = str(problem) or type(problem).__name__
        raise InputError(
            f"{path.name}: cannot be read as a mesh, it may be cut short: {why}; expected gmsh .msh, .vtu or .xdmf"
        ) from problem


def _tetrahedra(mesh: Any, name: str, notes: list[str]) -> IntArray:
    strange = {b.type for b in mesh.cells} - _IGNORED - {"tetra", "tetra10"}
    if strange:
        raise InputError(f"{name}: has {', '.join(sorted(strange))} cells; expected tetrahedra")
    blocks = [b for b in mesh.cells if b.type in ("tetra", "tetra10") and len(b.data)]
    if not blocks:
        raise InputError(f"{name}: has no tetrahedra; expected a volume mesh")
    if any(b.type == "tetra10" for b in blocks):
        notes.append(f"{name}: tetrahedra of ten nodes are used by their four corners")
    return np.concatenate([b.data[:, :4] for b in blocks]).astype(np.int64)


def _tags(mesh: Any, name: str) -> IntArray:
    key = next((key for key in _TAGS if key in mesh.cell_data), None)
    if key is None:
        have = ", ".join(mesh.cell_data) or "no cell data"
        raise InputError(
            f"{name}: no element says its region ({have}); expected physical groups of gmsh, or "
            'whole numbers in cell data "region"'
        )
    tags = [
        np.asarray(data).ravel()
        for block, data in zip(mesh.cells, mesh.cell_data[key], strict=True)
        if block.type in ("tetra", "tetra10") and len(block.data)
    ]
    values = np.concatenate(tags)
    if not np.array_equal(values, np.rint(values)):
        raise InputError(f'{name}: cell data "{key}" holds {values.dtype}; expected whole numbers')
    return values.astype(np.int64)


def _labels(mesh: Any, words: Mapping[str, tuple[str, ...]]) -> dict[int, Label]:
    """Region and tissue by tag, from the file's own names."""
    field = {key: np.ravel(value) for key, value in mesh.field_data.items()}
    names = {int(v[0]): key for key, v in field.items() if v.size == 2 and int(v[1]) == 3}
    names = names or dict(enumerate(words.get(_REGIONS, ())))
    tissues = dict(zip(words.get(_REGIONS, ()), words.get(_TISSUES, ()), strict=False))
    return {tag: Label(name, tissues.get(name, name)) for tag, name in names.items()}


def _names(mesh: Any, tags: IntArray, table: Mapping[int, Label], name: str) -> dict[int, Label]:
    """Region and tissue of every tag that an element carries."""
    present = [int(tag) for tag in np.unique(tags)]
    names = {tag: Label(*entry) for tag, entry in table.items()}
    missing = [tag for tag in present if tag not in names]
    if missing:
        count = int(np.isin(tags, missing).sum())
        tags_text = ", ".join(map(str, missing))
        raise InputError(
            f"{name}: {count} tetrahedra have the region {tags_text}, which has no name: make "
            "it a physical group, or give [anatomy] label_table with a row for it"
        )
    return names


def _surfaces(mesh: Any) -> dict[str, AnyArray]:
    """Triangles of gmsh's named surfaces."""
    field = {key: np.ravel(value) for key, value in mesh.field_data.items()}
    names = {int(v[0]): key for key, v in field.items() if v.size == 2 and int(v[1]) == 2}
    data = mesh.cell_data.get("gmsh:physical", [])
    found: dict[str, list[AnyArray]] = {}
    for block, tags in zip(mesh.cells, data, strict=False):
        for tag in np.unique(tags) if block.type in ("triangle", "triangle6") else ():
            if int(tag) in names:
                found.setdefault(names[int(tag)], []).append(block.data[np.asarray(tags) == tag, :3])
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
