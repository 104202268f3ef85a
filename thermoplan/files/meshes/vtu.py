"""VTU in plain XML: points, tetrahedra, fields, and the names of regions in field data.

A region ``liver`` with index 3 is an integer array named ``liver`` holding ``(3, 3)``, its index and its
dimension, which is how meshio keeps the names of gmsh's physical groups. Lists of words are arrays of bytes: UTF-8,
a zero after each word. Arrays of strings would be plainer, but meshio refuses a file that has one.

The file is written by hand: the writer of meshio drops field data, and with it the names of the regions; those of
VTK and PyVista are parts of the 3D scene, which a plan does without.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.arrays import AnyArray

_TYPES = {"float64": "Float64", "float32": "Float32", "int64": "Int64", "int32": "Int32", "uint8": "UInt8"}
_TETRAHEDRON = 10
_BLOCK = 1 << 20
"""Bytes that are compressed at once. Twice as many gain under 1 % of the file; many fewer cost a header each."""


def write_vtu(
    path: Path | str,
    points: AnyArray,
    tets: AnyArray,
    *,
    point_data: Mapping[str, ArrayLike],
    cell_data: Mapping[str, ArrayLike],
    field_data: Mapping[str, AnyArray | tuple[str, ...]],
) -> None:
    """Write one unstructured grid of tetrahedra, compressed; field data may hold words.

    ``points`` is ``(n, 3)`` in the unit that the field data states, ``tets (t, 4)``; ``point_data`` is ``(n, ...)``,
    ``cell_data (t, ...)``.
    """
    points, tets = np.asarray(points, np.float64), np.asarray(tets, np.int64)
    parts = [
        '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64" compressor="vtkZLibDataCompressor">\n<UnstructuredGrid>\n<FieldData>\n',
        *(
            _array(name, encode_words(values) if isinstance(values, tuple) else values, tuples=True)
            for name, values in field_data.items()
        ),
        f'</FieldData>\n<Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(tets)}">\n<PointData>\n',
        *(_array(name, values) for name, values in point_data.items()),
        "</PointData>\n<CellData>\n",
        *(_array(name, values) for name, values in cell_data.items()),
        "</CellData>\n<Points>\n",
        _array("Points", points),
        "</Points>\n<Cells>\n",
        _array("connectivity", tets.ravel()),
        _array("offsets", 4 * np.arange(1, len(tets) + 1, dtype=np.int64)),
        _array("types", np.full(len(tets), _TETRAHEDRON, np.uint8)),
        "</Cells>\n</Piece>\n</UnstructuredGrid>\n</VTKFile>\n",
    ]
    Path(path).write_text("".join(parts), encoding="utf-8")


def encode_words(words: Iterable[str]) -> NDArray[np.uint8]:
    """Bytes of words, each with a zero behind it."""
    return np.frombuffer(b"".join(word.encode() + b"\0" for word in words), np.uint8)


def decode_words(values: ArrayLike) -> tuple[str, ...]:
    """Words of an array in field data: of bytes in VTU, of text in VTKHDF and in VTU of earlier versions."""
    array = np.asarray(values)
    if array.dtype != np.uint8:
        return tuple(str(word) for word in array)
    return tuple(array.tobytes().decode("utf-8", "replace").split("\0")[:-1])


def _array(name: str, values: ArrayLike, *, tuples: bool = False) -> str:
    array = np.ascontiguousarray(values)
    array = array.astype(np.int32 if array.dtype == bool else array.dtype.newbyteorder("<"), copy=False)
    kind = _TYPES[array.dtype.name]
    parts = f' NumberOfComponents="{array.shape[1]}"' if array.ndim == 2 else ""
    count = f' NumberOfTuples="{len(array)}"' if tuples else ""
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)}{parts}{count} format="binary">'
        f"{_encode(array.tobytes())}</DataArray>\n"
    )


def _encode(raw: bytes) -> str:
    """Blocks as VTK wants them: their sizes in base64, then the compressed blocks in base64."""
    blocks = [zlib.compress(raw[i : i + _BLOCK], 6) for i in range(0, len(raw), _BLOCK)]
    header = np.array([len(blocks), _BLOCK, len(raw) % _BLOCK, *map(len, blocks)], np.uint64)
    return base64.b64encode(header.tobytes()).decode() + base64.b64encode(b"".join(blocks)).decode()
