"""Arrays of a mesh file, read by meshio in the isolated process.

Its parsers trust the counts that a file states and raise what the Python that they happen to run raises.
"""

from __future__ import annotations

import codecs
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import h5py
import meshio
import meshio.med
import meshio.medit
import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from ..size_guard import LIMIT_BYTES, guard_size
from .gmsh_groups import Groups, group_names, without_entities
from .hdf5_datasets import refuse_foreign
from .resource_limits import limit_resources

if TYPE_CHECKING:
    from .isolated_server import Parts

_READERS: dict[str, Callable[[str], meshio.Mesh]] = {
    ".msh": meshio.gmsh.read,
    ".vtu": meshio.vtu.read,
    ".vtk": meshio.vtk.read,
    ".xdmf": meshio.xdmf.read,
    ".xmf": meshio.xdmf.read,
    ".mesh": meshio.medit.read,
    ".meshb": meshio.medit.read,
    ".med": meshio.med.read,
}
"""Reader by suffix. Others of meshio read further files from wherever the first one says; its general reader ends the
process where a file is damaged, and loses the reason."""
_STRINGS = re.compile(rb'<DataArray type="String"([^>]*format="ascii"[^>]*)>([\d\s]*)</DataArray>')
_PHYSICAL = "gmsh:physical"
_ENTITY = "gmsh:geometrical"
_UNPACKED = 30
"""Bytes of memory for one of the file: meshio makes ten of a byte of gmsh's text, and real packed meshes have three to
ten. Three times as many let 17 MB of nothing, packed, take two gigabytes."""


def read_mesh_arrays(path: Path, *, tags: list[str]) -> Parts:
    """Points, cells, the first of the cell data ``tags`` that is there, and field data.

    ``cells I`` are of the type ``types[I]``, ``tags I`` their tags; field data come as ``field NAME``, names of gmsh's
    groups as ``groups``. Cells that lie in several groups come once for each.
    """
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path.name}: cannot be read as a mesh: expected one of {', '.join(_READERS)}")
    os.chdir(path.parent)  # from which some formats read further files
    size = path.stat().st_size + sum(part.stat().st_size for part in _parts_beside(path))
    guard_size(path.name, (size,), np.dtype(np.uint8), LIMIT_BYTES)
    limit_resources(_UNPACKED * size, size)
    mesh, words, groups = _read(path)
    key = next((key for key in tags if key in mesh.cell_data), _PHYSICAL if any(groups.values()) else None)
    blocks = list(_blocks(mesh, key, groups))
    found: Parts = {
        "types": [kind for kind, _, _ in blocks],
        "points": _numeric(mesh.points),
        "key": key,
        "data": list(mesh.cell_data),
        "words": words,
        "groups": group_names(path.read_bytes()) if path.suffix.lower() == ".msh" else [],
    }
    for number, (_, nodes, numbers) in enumerate(blocks):
        found[f"cells {number}"] = _numeric(nodes)
        if key is not None:
            found[f"tags {number}"] = _numeric(numbers)
    for name, values in mesh.field_data.items():
        array = np.asarray(values)
        found[f"field {name}"] = array if array.dtype.kind in "biuf" else [str(word) for word in np.ravel(array)]
    return found


def _blocks(mesh: meshio.Mesh, key: str | None, groups: Groups) -> Iterator[tuple[str, AnyArray, AnyArray]]:
    """Kind, nodes and tags of the blocks of cells; a block of gmsh's format 4 once for each group of its entity."""
    for number, block in enumerate(mesh.cells):
        if not groups:
            yield block.type, block.data, mesh.cell_data[key][number] if key is not None else np.zeros(0)
            continue
        entity = mesh.cell_data[_ENTITY][number]
        for tag in (groups.get((block.dim, int(entity[0])), []) if len(entity) else []) or [0]:
            yield block.type, block.data, np.full(len(block.data), tag)


def _read(path: Path) -> tuple[meshio.Mesh, dict[str, tuple[str, ...]], Groups]:
    """Mesh, the lists of words that a VTU file of an earlier version holds, and the groups of gmsh's entities."""
    kind = path.suffix.lower()
    words: dict[str, tuple[str, ...]] = {}
    groups: Groups = {}
    raw = stored = path.read_bytes() if kind in (".vtu", ".msh") else b""
    if kind == ".vtu":
        raw, words = _without_strings(stored)
    elif kind == ".msh":
        raw, groups = without_entities(stored.removeprefix(codecs.BOM_UTF8))
    if raw is stored or raw == stored:
        return _READERS[kind](str(path)), words, groups
    with tempfile.TemporaryDirectory() as folder:
        (plain := Path(folder) / path.name).write_bytes(raw)
        return _READERS[kind](str(plain)), words, groups


def _without_strings(raw: bytes) -> tuple[bytes, dict[str, tuple[str, ...]]]:
    """Content of a file of earlier versions without its arrays of strings, and those by name."""
    found = {}
    for match in _STRINGS.finditer(raw):
        name = re.search(rb'Name="([^"]*)"', match[1])
        codes = bytes(int(code) for code in match[2].split())
        if name and codes:
            found[name[1].decode()] = tuple(word.decode() for word in codes.rstrip(b"\0").split(b"\0"))
    return _STRINGS.sub(b"", raw), found


def _numeric(values: object) -> AnyArray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"an array holds {array.dtype}, not numbers of one length")
    return array


def _parts_beside(path: Path) -> list[Path]:
    """Further files that a mesh reads; refused where they do not lie beside it, or read from others themselves."""
    if path.suffix.lower() == ".med":
        _refuse_foreign(path)
    if _READERS[path.suffix.lower()] is not meshio.xdmf.read:
        return []
    parts = []
    for item in ElementTree.parse(path).iter("DataItem"):
        if item.get("Format") == "XML":
            continue
        name = (item.text or "").strip().partition(":")[0]
        if name != os.path.basename(name) or not (part := path.with_name(name or ".")).is_file():
            raise InputError(f'{path.name}: its values lie in "{name}"; expected the name of a file beside it')
        _refuse_foreign(part)
        parts.append(part)
    return parts


def _refuse_foreign(path: Path) -> None:
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            refuse_foreign(file, path.name)
