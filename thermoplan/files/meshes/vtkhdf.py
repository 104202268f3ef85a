"""VTKHDF with time: one mesh, fields that stay and fields that change, as ParaView and PyVista open it.

The layout is that of VTK's file format 2: the mesh is written once, and every step points at it; a field that
changes is one long array in which a step has an offset. Values are single precision, rounded to what they are
worth before they are packed, which halves the file.

Written with h5py: VTK's writer is a part of the 3D scene, which a plan does without, and does not round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.names import dataset_names
from ..isolated.hdf5_content import read_hdf5
from ..text.text_files import existing

_TETRAHEDRON = 10
_TIMES = "VTKHDF/Steps/Values"
_PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
_KEPT_BITS = 13
"""Of the 23 bits of a fraction: 4 mK at 40 degrees C, a part in 16,000 of a dose."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Fields ``{name: (k, n)}`` at times ``(k,)``."""

    time_s: Array
    fields: Mapping[str, AnyArray]


@dataclass(frozen=True, slots=True, eq=False)
class StillData:
    """Arrays that hold at all steps: ``(n,)`` of the points, ``(t,)`` of the cells, and of the whole by name."""

    points: Mapping[str, ArrayLike]
    cells: Mapping[str, ArrayLike]
    fields: Mapping[str, AnyArray | tuple[str, ...]]


def write_vtkhdf(
    path: Path | str,
    points: AnyArray,
    tets: AnyArray,
    *,
    steps: Steps,
    still: StillData,
) -> None:
    """Write one mesh of tetrahedra with its steps, and what holds at all of them.

    ``points`` are ``(n, 3)`` in metres, ``tets`` ``(t, 4)``.
    """
    import h5py

    points, tets = np.asarray(points, np.float32), np.asarray(tets, np.int32)
    keys = dataset_names(still.fields)
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        root = file.create_group("VTKHDF", track_order=True)
        root.attrs["Version"] = np.array([2, 0], np.int64)
        root.attrs.create("Type", b"UnstructuredGrid", dtype=h5py.string_dtype("ascii", 16))
        for name, count in (("Points", len(points)), ("Cells", len(tets)), ("ConnectivityIds", tets.size)):
            root[f"NumberOf{name}"] = np.array([count], np.int64)
        _keep(root, "Points", points)
        _keep(root, "Connectivity", tets.ravel())
        _keep(root, "Offsets", 4 * np.arange(len(tets) + 1, dtype=np.int64))
        _keep(root, "Types", np.full(len(tets), _TETRAHEDRON, np.uint8))
        for name, values in still.points.items():
            _keep(root, f"PointData/{name}", _round_bits(values))
        for name, values in still.cells.items():
            _keep(root, f"CellData/{name}", np.asarray(values))
        for name, values in still.fields.items():
            if isinstance(values, tuple):  # VTK asks for no other kind of words
                data, kind = [word.encode() for word in values], h5py.string_dtype("ascii")
                root.create_dataset(f"FieldData/{keys[name]}", data=data, dtype=kind)
            else:
                root.create_dataset(f"FieldData/{keys[name]}", data=np.asarray(values))
        _write_steps(root, steps, len(points))


def _keep(root: Any, name: str, values: AnyArray) -> None:
    root.create_dataset(name, data=values, chunks=True, **_PACKED)


def _write_steps(root: Any, steps: Steps, nodes: int) -> None:
    count = len(steps.time_s)
    none = np.zeros(count, np.int64)
    for name, frames in steps.fields.items():
        data = root.create_dataset(f"PointData/{name}", (count * nodes,), np.float32, chunks=(nodes,), **_PACKED)
        for k, frame in enumerate(frames):
            data[k * nodes : (k + 1) * nodes] = _round_bits(frame)
    group = root.create_group("Steps")
    group.attrs["NSteps"] = np.int64(count)
    group["Values"] = np.asarray(steps.time_s, np.float64)
    group["PartOffsets"], group["NumberOfParts"], group["PointOffsets"] = none, none + 1, none
    group["CellOffsets"], group["ConnectivityIdOffsets"] = none[:, None], none[:, None]
    for name in root["PointData"]:
        group[f"PointDataOffsets/{name}"] = nodes * np.arange(count) if name in steps.fields else none
    for name in root["CellData"]:
        group[f"CellDataOffsets/{name}"] = none
    for name, data in root["FieldData"].items():
        group[f"FieldDataOffsets/{name}"] = none
        parts = data.shape[1] if data.ndim == 2 else 1
        group[f"FieldDataSizes/{name}"] = np.tile([parts, len(data)], (count, 1))


def _round_bits(values: ArrayLike) -> NDArray[np.float32]:
    """To the nearest of ``_KEPT_BITS`` bits of fraction, so that the bits below pack to nothing."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    drop = 23 - _KEPT_BITS
    half = np.uint32((1 << (drop - 1)) - 1) + ((bits >> np.uint32(drop)) & np.uint32(1))
    return ((bits + half) & np.uint32(~((1 << drop) - 1) & 0xFFFFFFFF)).view(np.float32)


def read_steps(path: Path | str, names: Sequence[str] = ("temperature_c", "cem43_min")) -> Steps:
    """The fields that change, ``(k, n)`` each, of a file that ``write_vtkhdf`` wrote."""
    path = existing(path)
    cannot = "cannot be read as VTKHDF with time, it may be cut short"
    keys = {name: f"VTKHDF/PointData/{name}" for name in names}
    content = read_hdf5(path, cannot, large=(_TIMES, *keys.values()))
    times, fields = content.numbers(_TIMES), {name: content.array(key) for name, key in keys.items()}
    known = {name: values for name, values in fields.items() if values is not None}
    lacking = [name for name, values in known.items() if times is None or values.size % max(1, times.size)]
    if times is None or not times.size or len(known) < len(names) or lacking:
        raise InputError(
            f"{path.name}: {cannot}: {', '.join(names)} are not there for each time; plan again, or delete it"
        )
    return Steps(times, {name: values.reshape(len(times), -1) for name, values in known.items()})
