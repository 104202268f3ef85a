"""NIfTI beyond nibabel: choice of the volume, scaling, position, memory."""

from __future__ import annotations

import gzip
import itertools
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ..size_guard import choose_one

_METRES = {"meter": 1.0, "mm": 1e-3, "micron": 1e-6, "unknown": 1e-3}
_SLAB_BYTES = 2**22
"""Bytes of doubles that are scaled at once, so that a volume is never in memory twice."""
_NOTES_BYTES = 2**26
"""Bytes of notes before the values at most: a packed file unpacks them before the first voxel is read."""
_HEAD_BYTES = 540  # of the longer header, that of NIfTI-2
_LAYOUTS = (
    (348, ("h", 40), 80, "f", ("f", 108)),  # NIfTI-1: number of axes, pixdim from the second on, vox_offset
    (540, ("q", 16), 112, "d", ("q", 168)),  # NIfTI-2
)


def check_head(path: Path, limit_bytes: int) -> None:
    """Checks of a header that nibabel mends in silence or reads too late: voxel sizes, and notes before the values."""
    opened = gzip.open if is_packed(path) else Path.open
    with opened(path, "rb") as stream:
        head = stream.read(_HEAD_BYTES)
    for order, (size, dims, places, voxels, start) in itertools.product("<>", _LAYOUTS):
        if len(head) < size or head[:4] != struct.pack(order + "i", size):
            continue
        axes = min(3, max(0, *struct.unpack_from(order + dims[0], head, dims[1])))
        pixdim = struct.unpack_from(f"{order}{axes}{voxels}", head, places)
        if not all(0.0 < v < math.inf for v in pixdim):
            shown = ", ".join(f"{v:g}" for v in pixdim)
            raise InputError(
                f"{path.name}: the voxel size is zero or negative: pixdim = {shown}; expected lengths "
                "above zero: correct the header, or save the image anew"
            )
        (offset,) = struct.unpack_from(order + start[0], head, start[1])
        if is_packed(path) and offset > min(limit_bytes, _NOTES_BYTES):
            raise InputError(
                f"{path.name}: vox_offset = {offset:.6g}: would unpack {offset / 2**20:.0f} MiB of notes "
                f"before the first voxel, over the limit of {_NOTES_BYTES / 2**20:.0f} MiB: save it anew"
            )


def is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def in_slabs(stored: Any, place: tuple[int, ...], path: Path) -> AnyArray:
    """The volume at ``place`` of the further axes, a few planes at a time so that it is never in memory twice.

    A packed file is read on to its end where the volume is its last, so that its checksum is looked at.
    """
    from nibabel.arrayproxy import ArrayProxy

    if stored.dtype.kind not in "biuf":
        raise InputError(f"{path.name}: holds {stored.dtype}; expected one real number per voxel")
    slope, inter, layout = float(stored.slope), float(stored.inter), (stored.shape, stored.dtype, stored.offset)
    plain, shape = (slope, inter) == (1.0, 0.0), (*stored.shape, 1, 1)[:3]
    data = np.empty(shape, stored.dtype.newbyteorder("=") if plain else scaled_type(stored.dtype, slope, inter))
    planes = max(1, _SLAB_BYTES // max(1, 8 * math.prod(shape[:2])))
    with gzip.open(path) if is_packed(path) else path.open("rb") as stream:
        raw = ArrayProxy(stream, layout, mmap=False)
        raw = raw if len(stored.shape) > 2 else raw.reshape(shape)
        for start in range(0, shape[2], planes):
            end = start + planes
            slab = np.asarray(raw[(slice(None), slice(None), slice(start, end), *place)])
            data[..., start:end] = slab if plain else slab * slope + inter
        stream.read(1)
    return data


def scaled_type(stored: np.dtype, slope: float, inter: float) -> type[np.floating]:
    """Single floats hold 16-bit integers after scaling, unless an offset hides their steps."""
    steps = stored.kind in "iu" and stored.itemsize <= 2 and 1e-30 < abs(slope) < 1e30
    return np.float32 if steps and abs(inter) <= 2**16 * abs(slope) else np.float64


def volume_at(
    shape: tuple[int, ...], frame: int | None, channel: int | None, name: str, notes: list[str]
) -> tuple[int, ...]:
    """Index along the axes after the third: a frame, a channel, and nothing else."""
    if len(shape) < 2 or 0 in shape or any(n != 1 for n in shape[5:]):
        raise InputError(f"{name}: has axes {shape}; expected one volume of three axes, or several frames of one")
    place = [
        choose_one(count, wanted, what, name)
        for count, wanted, what in zip(shape[3:5], (frame, channel), ("frame", "channel"), strict=False)
    ]
    for what, wanted, there in (("frame", frame, len(shape) > 3), ("channel", channel, len(shape) > 4)):
        if wanted and not there:
            raise InputError(f"{name}: has 1 {what}, not a number {wanted + 1}")
    return (*place, *(0 for _ in shape[5:]))


def header_affine_m(header: Any, name: str, notes: list[str]) -> Array:
    """Voxel to RAS+ metres: the sform, else the qform, else the image's centre as the origin.

    ``(4, 4)``, from voxel indices; what is left open, or said twice, goes into ``notes``.
    """
    scale = _METRES[header.get_xyzt_units()[0]]
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is not None and qform is not None:
        shape = (*header.get_data_shape(), 1, 1)[:3]
        corners = np.array([(*(np.array(c) * (np.array(shape) - 1)), 1.0) for c in np.ndindex(2, 2, 2)])
        gap = float(np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max()) * scale * 1e3
        if gap > 0.01:
            mirror = ", and one mirrors the other" if np.linalg.det(sform[:3, :3] @ qform[:3, :3]) < 0.0 else ""
            notes.append(f"{name}: sform and qform differ by up to {gap:.2g} mm at the corners{mirror}; sform is used")
    if sform is None and qform is None:
        notes.append(
            f"{name}: has neither sform nor qform; the image's centre is taken as the origin and its first axis (x) to "
            "run to the left, as NIfTI has it: if it runs to the right, the image is mirrored"
        )
    chosen = sform if sform is not None else qform if qform is not None else header.get_base_affine()
    affine = np.array(chosen, float)
    affine[:3] *= scale
    return affine
