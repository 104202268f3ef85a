"""NRRD: header, place and order of axes; values are unpacked in ``packed``.

Read by hand: pynrrd unpacks a packed file whole before it looks at its size, reads a data file from anywhere, and
leaves place and order of axes to its caller. The tests hold every value and place against SimpleITK.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from ..lengths import metres_of
from ..size_guard import LIMIT_BYTES, choose_one, guard_size, guard_stored_size
from ..text.text_files import existing
from .orientation import place_voxels
from .packed import LONGEST_HEADER, LONGEST_LINE, unpacked_values

_TYPES = {
    "signed char": "i1",
    "int8": "i1",
    "int8_t": "i1",
    "uchar": "u1",
    "unsigned char": "u1",
    "uint8": "u1",
    "uint8_t": "u1",
    "short": "i2",
    "short int": "i2",
    "signed short": "i2",
    "int16": "i2",
    "int16_t": "i2",
    "ushort": "u2",
    "unsigned short": "u2",
    "uint16": "u2",
    "uint16_t": "u2",
    "int": "i4",
    "signed int": "i4",
    "int32": "i4",
    "int32_t": "i4",
    "uint": "u4",
    "unsigned int": "u4",
    "uint32": "u4",
    "uint32_t": "u4",
    "longlong": "i8",
    "long long": "i8",
    "int64": "i8",
    "int64_t": "i8",
    "ulonglong": "u8",
    "uint64": "u8",
    "unsigned long long": "u8",
    "uint64_t": "u8",
    "float": "f4",
    "double": "f8",
}
_TO_RAS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
}
_NONSPATIAL = {"list", "vector", "covariant-vector", "normal", "3-vector", "rgb-color", "rgba-color"}


@dataclass(frozen=True, slots=True, eq=False)
class Nrrd:
    """Header, values with the fastest axis first, and which axes are space."""

    name: str
    header: dict[str, str]
    data: AnyArray
    spatial: tuple[int, ...]


def read_nrrd(
    path: Path | str,
    *,
    channel: int | None = None,
    notes: list[str] | None = None,
    allow_shear: bool = False,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """The volume of an NRRD file; of several components one, counted from 0."""
    notes = notes if notes is not None else []
    file = read_raw(existing(path), limit_bytes)
    data = file.data
    for axis in sorted(set(range(data.ndim)) - set(file.spatial), reverse=True):
        data = np.take(data, choose_one(data.shape[axis], channel, "channel", file.name), axis=axis)
    unit = file.header.get("sample units", "").strip('" ')
    return place_voxels(data, affine_m(file, notes), file.name, allow_shear=allow_shear, unit=unit)


def read_raw(path: Path, limit_bytes: int) -> Nrrd:
    """All that a file holds, its values in its own order of axes."""
    with open_nrrd(path) as (name, header, stream):
        spatial, sizes = axes_of(header, name)
        dtype = np.dtype(_TYPES[header["type"].lower()])
        guard_size(name, tuple(sizes), dtype, limit_bytes)
        if "data file" in header or "datafile" in header:
            with _open_data_file(path, header.get("data file", header.get("datafile", ""))) as apart:
                guard_stored_size(name, tuple(sizes), dtype, os.fstat(apart.fileno()).st_size)
                data = unpacked_values(apart, header, dtype, sizes, name)
        else:
            guard_stored_size(name, tuple(sizes), dtype, path.stat().st_size)
            data = unpacked_values(stream, header, dtype, sizes, name)
        return Nrrd(name, header, data.reshape(sizes, order="F"), spatial)


@contextmanager
def open_nrrd(path: Path) -> Iterator[tuple[str, dict[str, str], BufferedReader]]:
    """Name, header and a stream that stands at the first byte of the values."""
    with path.open("rb") as stream:
        lines: list[str] = []
        taken = 0
        while (line := stream.readline(LONGEST_LINE)).rstrip(b"\r\n"):
            line = line if lines else line.removeprefix(codecs.BOM_UTF8)
            if not lines and not line.startswith(b"NRRD000"):
                raise InputError(f"{path.name}: not an NRRD file; it does not begin with NRRD")
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            taken += len(line)
            if taken > LONGEST_HEADER:
                raise InputError(f"{path.name}: its header does not end within {LONGEST_HEADER / 2**20:.0f} MiB")
        if not lines:
            raise InputError(f"{path.name}: not an NRRD file; it does not begin with NRRD")
        header = _header(lines[1:], path.name)
        if not line and not {"data file", "datafile"} & header.keys():
            raise InputError(f"{path.name}: is cut short: it has no data")
        yield path.name, header, stream


def _header(lines: list[str], name: str) -> dict[str, str]:
    """Fields (``key: value``) and pairs (``key:=value``), keys in small letters."""
    said: dict[str, str] = {}
    for line in lines:
        key, found, value = line.partition(":=") if ":=" in line else line.partition(": ")
        if found and not line.startswith("#"):
            key = key.strip().lower()
            if said.setdefault(key, value.strip()) != value.strip():
                raise InputError(f"{name}: its header says {key} twice: {said[key]} and {value.strip()}; delete one")
    return said


def axes_of(header: dict[str, str], name: str) -> tuple[tuple[int, ...], list[int]]:
    """Which axes are space, and the sizes of all."""
    try:
        sizes = [int(n) for n in header["sizes"].split()]
        np.dtype(_TYPES[header["type"].lower()])
    except (KeyError, ValueError) as problem:
        raise InputError(f"{name}: its header has no usable {problem}; expected type and sizes") from problem
    if min(sizes, default=0) < 1:
        raise InputError(f"{name}: has sizes {sizes}; expected none below 1")
    return _spatial(header, sizes, name), sizes


def _open_data_file(path: Path, name: str) -> BufferedReader:
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError(f"{path.name}: its data lie in several files, which cannot be read; save it as one .nrrd")
    if name.removeprefix("./") != os.path.basename(name):
        raise InputError(
            f'{path.name}: data file = "{name}": expected the name of a file beside it: a header does not take values '
            "from other folders; put both into one"
        )
    return existing(path.parent / name).open("rb")


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


def affine_m(file: Nrrd, notes: list[str]) -> Array:
    """Voxel to RAS+ metres.

    ``(4, 4)``, from voxel indices; a unit of length that is not known is refused, a space without anatomical axes is
    noted.
    """
    header, affine = file.header, np.eye(4)
    space = header.get("space", "").lower()
    flips = _TO_RAS.get(space)
    if flips is None:
        notes.append(
            f'{file.name}: space "{space}" has no anatomical axes; its axes are taken as R, A, S: in others the '
            "image is turned or mirrored"
        )
        flips = (1, 1, 1)
    try:
        directions = _vectors(header.get("space directions", ""))
        matrix, origin = _in_space(file, directions, notes) if directions else _along_axes(file, notes)
    except ValueError as problem:
        words = f"{file.name}: the size of a voxel is unknown: expected space directions or spacings: {problem}"
        raise InputError(words) from problem
    affine[:3, :3], affine[:3, 3] = matrix, origin
    return np.diag([*flips, 1.0]) @ affine


def _in_space(file: Nrrd, directions: list[list[float]], notes: list[str]) -> tuple[Array, Array]:
    """Directions and origin in the file's space, each coordinate in its own unit."""
    header = file.header
    matrix = np.array(directions, float).T
    if matrix.shape != (3, 3):
        raise ValueError(f"space directions = {header['space directions']}")
    if not np.linalg.norm(matrix, axis=0).min() > 0.0:
        raise InputError(
            f"{file.name}: space directions = {header['space directions']}: a voxel has no volume; expected three "
            "directions of some length"
        )
    origin = _vectors(header.get("space origin", ""))
    if not origin:
        notes.append(f"{file.name}: has no space origin; its first voxel is put at 0 0 0")
    metres = _metres(file, "space units", 3)
    return metres[:, None] * matrix, metres * np.array(origin[0] if origin else [0.0, 0.0, 0.0])


def _along_axes(file: Nrrd, notes: list[str]) -> tuple[Array, Array]:
    """Spacings and place of an image whose axes are those of its space, each axis in its own unit.

    An axis goes from its least to its greatest coordinate: over whole voxels where they are cells, which is so unless
    the file says nodes, and between the first and last centre where they are nodes.
    """
    header, axes = file.header, list(file.spatial)
    count = np.array(file.data.shape)
    spacings, low, high = (_per_axis(header, key, len(count)) for key in ("spacings", "axis mins", "axis maxs"))
    places = re.findall(r"\w+|\?+", header.get("centers", header.get("centerings", "")).lower())
    cells = np.array([part != "node" for part in places] if len(places) == len(count) else [True] * len(count))
    between = (high - low) / np.maximum(count - ~cells, 1)
    spacing = np.where(np.isnan(spacings), between, spacings)[axes]
    if np.isnan(spacing).any():
        raise ValueError("it has neither for every axis")
    if not ((spacing > 0.0) & (spacing < math.inf)).all():
        shown = header.get("spacings", f"{header.get('axis mins')} to {header.get('axis maxs')}")
        raise InputError(f"{file.name}: spacings = {shown}: expected three lengths above zero")
    metres = _metres(file, "units", len(count))[axes]
    if origin := _vectors(header.get("space origin", "")):
        return np.diag(spacing * metres), _metres(file, "space units", 3) * np.array(origin[0])
    first = (low + np.where(cells, 0.5, 0.0) * np.where(np.isnan(spacings), between, spacings))[axes]
    if np.isnan(first).any():
        notes.append(f"{file.name}: has no space origin and no axis mins; its first voxel is put at 0 0 0")
        first = np.zeros(3)
    return np.diag(spacing * metres), first * metres


def _per_axis(header: dict[str, str], key: str, count: int) -> Array:
    """A number for each axis; NaN where the field is absent or says so."""
    words = header.get(key, "").split()
    if not words:
        return np.full(count, math.nan)
    if len(words) != count:
        raise ValueError(f"{key} = {header[key]}")
    return np.array([float(word) for word in words])


def _metres(file: Nrrd, key: str, count: int) -> Array:
    """Metres of the unit of each axis, millimetres where none is given; further axes may have other units."""
    words = re.findall(r'"([^"]*)"', file.header.get(key, ""))
    if not words and file.header.get(key, "").strip():
        words = file.header[key].split()
    if not words:
        return np.full(count, 1e-3)
    if len(words) != count:
        raise InputError(f"{file.name}: {key} = {file.header[key]}: expected one unit for each of {count} axes")
    spatial = range(count) if key == "space units" else file.spatial
    known = [metres_of(word) if axis in spatial else 1.0 for axis, word in enumerate(words)]
    wrong = [word for word, metres in zip(words, known, strict=True) if metres is None and word.strip("? ")]
    if wrong:
        raise InputError(f'{file.name}: {key} = "{wrong[0]}": expected a unit of length, such as "mm" or "microns"')
    return np.array([1e-3 if metres is None else metres for metres in known])


def _vectors(text: str) -> list[list[float]]:
    parts = re.finditer(r"\(([^)]*)\)", text)
    return [[float(x) for x in part[1].split(",")] for part in parts]
