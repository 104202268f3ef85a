"""NRRD, and the segmentations that 3D Slicer writes in it."""

from __future__ import annotations

import bz2
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import InputError
from ..image import Image
from .images import LIMIT_BYTES, existing, guard_size, placed

_TYPES = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1",
    "uint8_t": "u1", "short": "i2", "short int": "i2", "signed short": "i2", "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "uint16": "u2", "uint16_t": "u2", "int": "i4", "signed int": "i4",
    "int32": "i4", "int32_t": "i4", "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "longlong": "i8", "long long": "i8", "int64": "i8", "int64_t": "i8", "ulonglong": "u8", "uint64": "u8",
    "unsigned long long": "u8", "uint64_t": "u8", "float": "f4", "double": "f8",
}
_TO_RAS = {"right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1), "left-posterior-superior": (-1, -1, 1),
           "lps": (-1, -1, 1), "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1)}
_METRES = {"mm": 1e-3, "um": 1e-6, "micron": 1e-6, "µm": 1e-6, "cm": 1e-2, "m": 1.0}
_NONSPATIAL = {"list", "vector", "covariant-vector", "normal", "3-vector", "rgb-color", "rgba-color"}


@dataclass(frozen=True, slots=True, eq=False)
class _Nrrd:
    """Header, values with the fastest axis first, and which axes are space."""

    name: str
    header: dict[str, str]
    data: NDArray
    spatial: tuple[int, ...]


def read_nrrd(
    path: Path | str, *, channel: int | None = None, notes: list[str] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """The volume of an NRRD file; of several components one, counted from 0."""
    notes = notes if notes is not None else []
    file = _read(existing(path), limit_bytes)
    data = file.data
    for axis in sorted(set(range(data.ndim)) - set(file.spatial), reverse=True):
        count = data.shape[axis]
        if channel is None and count > 1:
            notes.append(f"{file.name}: has {count} channels; the first is used (channel = 1)")
        if not 0 <= (channel or 0) < count:
            raise InputError(f"{file.name}: has {count} channels, not a number {(channel or 0) + 1}")
        data = np.take(data, channel or 0, axis=axis)
    return placed(data, _affine_m(file, notes), file.name)


def read_segmentation(path: Path | str, *, notes: list[str] | None = None) -> tuple[Image, dict[int, str]]:
    """Labels and their names, ``{label: name}``, of a Slicer segmentation.

    Labels are those of the file where it has one layer; of several layers they are numbered from 1 in the
    order of the segments, and where segments overlap the later one counts.
    """
    notes = notes if notes is not None else []
    file = _read(existing(path), LIMIT_BYTES)
    segments = _segments(file)
    if len(file.spatial) == file.data.ndim:
        labels, names = file.data, {label: name for name, label, _ in segments}
    else:
        labels, names = _merged(file, segments, notes)
    return placed(labels, _affine_m(file, notes), file.name), names


def _merged(file: _Nrrd, segments: list[tuple[str, int, int]], notes: list[str]) -> tuple[NDArray, dict[int, str]]:
    layers = np.moveaxis(file.data, next(iter(set(range(4)) - set(file.spatial))), 0)
    labels = np.zeros(layers.shape[1:], np.int32)
    overlap = 0
    for number, (_, value, layer) in enumerate(segments, start=1):
        inside = layers[layer] == value
        overlap += int((labels[inside] > 0).sum())
        labels[inside] = number
    if overlap:
        notes.append(f"{file.name}: segments overlap in {overlap} voxels; the later segment counts")
    return labels, {number: name for number, (name, _, _) in enumerate(segments, start=1)}


def _segments(file: _Nrrd) -> list[tuple[str, int, int]]:
    """Name, label value and layer of each segment, in the order of the file."""
    numbers = sorted({int(m[1]) for key in file.header if (m := re.match(r"segment(\d+)_", key))})
    if not numbers:
        raise InputError(f"{file.name}: names no segment; expected a segmentation of 3D Slicer (.seg.nrrd)")
    def said(n: int, key: str, default: str) -> str:
        return file.header.get(f"segment{n}_{key}", default)
    try:
        return [(said(n, "name", f"segment-{n}"), int(said(n, "labelvalue", "1")), int(said(n, "layer", "0")))
                for n in numbers]
    except ValueError as problem:
        raise InputError(f"{file.name}: a segment's label or layer is not a whole number: {problem}") from problem


def _read(path: Path, limit_bytes: int) -> _Nrrd:
    raw = path.read_bytes()
    blank = re.search(rb"\r?\n\r?\n", raw)
    text, rest = (raw[: blank.start()], raw[blank.end():]) if blank else (raw, b"")
    lines = text.decode("utf-8", "replace").splitlines()
    if not lines or not lines[0].startswith("NRRD000"):
        raise InputError(f"{path.name}: not an NRRD file; it does not begin with NRRD")
    header = _header(lines[1:])
    try:
        sizes = [int(n) for n in header["sizes"].split()]
        dtype = np.dtype(_TYPES[header["type"].lower()])
    except (KeyError, ValueError) as problem:
        raise InputError(f"{path.name}: its header has no usable {problem}; expected type and sizes") from problem
    if min(sizes, default=0) < 1:
        raise InputError(f"{path.name}: has sizes {sizes}; expected none below 1")
    guard_size(path.name, tuple(sizes), dtype, limit_bytes)
    if "data file" in header or "datafile" in header:
        rest = _detached(path, header.get("data file", header.get("datafile", "")))
    elif blank is None:
        raise InputError(f"{path.name}: is cut short: it has no data")
    dtype = dtype.newbyteorder(">" if header.get("endian", "little").lower() == "big" else "<")
    data = _values(rest, header, dtype, sizes, path.name)
    native = data.astype(dtype.newbyteorder("="), copy=False).reshape(sizes, order="F")
    return _Nrrd(path.name, header, native, _spatial(header, sizes, path.name))


def _header(lines: list[str]) -> dict[str, str]:
    """Fields (``key: value``) and pairs (``key:=value``), keys in small letters."""
    said = {}
    for line in lines:
        key, found, value = line.partition(":=") if ":=" in line else line.partition(": ")
        if found and not line.startswith("#"):
            said[key.strip().lower()] = value.strip()
    return said


def _detached(path: Path, name: str) -> bytes:
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError(f"{path.name}: its data lie in several files, which cannot be read; save it as one .nrrd")
    return existing(path.parent / name).read_bytes()


def _values(raw: bytes, header: dict[str, str], dtype: np.dtype, sizes: list[int], name: str) -> NDArray:
    count, encoding = math.prod(sizes), header.get("encoding", "raw").lower()
    wanted = count * dtype.itemsize
    try:
        for _ in range(min(int(header.get("line skip", "0")), raw.count(b"\n"))):
            raw = raw.partition(b"\n")[2]
        skip = int(header.get("byte skip", "0"))
        if encoding in ("gzip", "gz"):
            unpacked = zlib.decompressobj(31).decompress(raw, wanted + max(skip, 0))[max(skip, 0):]
        elif encoding in ("bzip2", "bz2"):
            unpacked = bz2.BZ2Decompressor().decompress(raw, wanted + max(skip, 0))[max(skip, 0):]
        elif encoding in ("text", "txt", "ascii"):
            return _exactly(np.array(raw.split()[:count], dtype=dtype), count, name)
        elif encoding == "raw":
            unpacked = raw[-wanted:] if skip == -1 else raw[skip : skip + wanted]
        else:
            raise InputError(f'{name}: encoding = "{encoding}": expected raw, gzip, bzip2 or text')
    except (zlib.error, OSError, EOFError, ValueError, OverflowError) as problem:
        raise InputError(f"{name}: cannot be unpacked, it may be cut short: {problem}") from problem
    return np.frombuffer(unpacked, dtype) if len(unpacked) == wanted else _exactly(np.zeros(0, dtype), count, name)


def _exactly(values: NDArray, count: int, name: str) -> NDArray:
    if values.size != count:
        raise InputError(f"{name}: is cut short: it holds fewer than {count} values")
    return values


def _spatial(header: dict[str, str], sizes: list[int], name: str) -> tuple[int, ...]:
    directions = re.findall(r"none|\([^)]*\)", header.get("space directions", ""))
    kinds = header.get("kinds", "").lower().split()
    if len(directions) == len(sizes):
        axes = [i for i, d in enumerate(directions) if d != "none"]
    elif len(kinds) == len(sizes):
        axes = [i for i, kind in enumerate(kinds) if kind not in _NONSPATIAL]
    else:
        axes = list(range(len(sizes)))
    if len(axes) != 3 or len(sizes) > 4:
        raise InputError(f"{name}: has sizes {sizes}; expected one volume of three axes")
    return tuple(axes)


def _affine_m(file: _Nrrd, notes: list[str]) -> Array:
    header, affine = file.header, np.eye(4)
    space = header.get("space", "").lower()
    flips = _TO_RAS.get(space)
    if flips is None:
        notes.append(f'{file.name}: space "{space}" has no anatomical axes; its axes are taken as R, A, S')
        flips = (1, 1, 1)
    try:
        directions = _vectors(header.get("space directions", ""))
        if len(directions) == 3:
            affine[:3, :3] = np.array(directions).T
        else:
            spacing = [s for s in map(float, header["spacings"].split()) if math.isfinite(s)]
            affine[:3, :3] = np.diag(spacing)
        origin = _vectors(header.get("space origin", ""))
        affine[:3, 3] = origin[0] if origin else np.zeros(3)
    except (KeyError, ValueError) as problem:
        words = f"{file.name}: the size of a voxel is unknown: expected space directions or spacings"
        raise InputError(words) from problem
    unit = re.findall(r'"([^"]*)"', header.get("space units", "")) or ["mm"]
    if unit[0] not in _METRES:
        raise InputError(f'{file.name}: space units = "{unit[0]}": expected mm')
    affine[:3] *= _METRES[unit[0]]
    return np.diag([*flips, 1.0]) @ affine


def _vectors(text: str) -> list[list[float]]:
    parts: list[Any] = re.findall(r"\(([^)]*)\)", text)
    return [[float(x) for x in part.split(",")] for part in parts]
