"""DICOM series and multi-frame images: LPS millimetres in the file, RAS+ metres inside."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError, MissingPart
from ...base.image import Image
from ..size_guard import LIMIT_BYTES
from .dicom_pixels import decoded_frames, frame_count, refuse_deflated, refuse_large
from .dicom_scale import PixelScale, pixel_scale, shared_unit
from .orientation import place_voxels

_BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What pydicom raises where bytes are not what they should be, besides its own errors."""
_HELD_BYTES = 1024  # longer values stay in the file until they are looked at
_SAME_PLACE_MM = 1e-3
"""Millimetres by which decimal strings of one place may differ."""
_UPRIGHT = 0.999
"""Third component of the normal of axial slices at least."""
_EVEN = 0.01  # share of a slice's distance that rounding of positions may explain


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """One image plane: where its first pixel lies (LPS, mm), its axes, and how to get its pixels."""

    source: Any
    frame: int
    position: Array
    along_row: Array  # direction of a rising column number
    along_column: Array
    spacing: tuple[float, float]  # between columns, between rows
    scale: PixelScale


def read_dicom(
    path: Path | str,
    *,
    notes: list[str] | None = None,
    allow_shear: bool = False,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """The volume of a DICOM file, or of the one series in a folder; values are scaled."""
    path, notes = Path(path), notes if notes is not None else []
    files = _one_series(path, limit_bytes) if os.path.isdir(path) else [_dataset(path, limit_bytes)]
    with _name_errors(path.name):
        refuse_large(files, path.name, limit_bytes)
        planes = [plane for file in files for plane in _planes(file, path.name, notes)]
        shape = _same(planes, path.name)
        unit = shared_unit([plane.scale for plane in planes], path.name)
        if unit:
            notes.append(f'{path.name}: its values are in "{unit}" by its real-world value mapping')
        planes, step = _order_planes(planes, files[0], path.name, notes)
        values, place = _pixels(planes, shape, path.name), _affine_m(planes[0], step)
        return place_voxels(values, place, path.name, allow_shear=allow_shear, unit=unit)


def _dataset(path: Path, limit_bytes: int, *, quiet: bool = False) -> Any:
    try:
        import pydicom
        from pydicom.errors import BytesLengthException, InvalidDicomError
    except ImportError:
        raise MissingPart("reading DICOM needs pydicom: pip install 'thermoplan[dicom]'") from None
    try:
        refuse_deflated(path, limit_bytes)
        found = pydicom.dcmread(path, defer_size=_HELD_BYTES)
        found.file_meta.get("TransferSyntaxUID")
    except (*_BROKEN, InvalidDicomError, BytesLengthException) as problem:
        if quiet:
            return None
        raise InputError(f"{path.name}: cannot be read as DICOM, it may be cut short: {problem}") from problem
    if any(key in found for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return found
    if quiet:
        return None
    raise InputError(f"{path.name}: holds no image: it has no pixel data, or is cut short")


def _one_series(folder: Path, limit_bytes: int) -> list[Any]:
    series = defaultdict(list)
    for path in sorted(p for p in folder.iterdir() if os.path.isfile(p) and not p.name.startswith(".")):
        found = _dataset(path, limit_bytes, quiet=True)
        if found is not None:
            series[str(found.get("SeriesInstanceUID", ""))].append(found)
    if not series:
        raise InputError(f"{folder}: no DICOM image in this folder; expected a folder of slices, or an image file")
    if len(series) > 1:
        held = "; ".join(f'"{files[0].get("SeriesDescription", "")}" ({len(files)} files)' for files in series.values())
        raise InputError(f"{folder}: holds {len(series)} series: {held}; put one of them in a folder of its own")
    return next(iter(series.values()))


def _planes(file: Any, name: str, notes: list[str]) -> Iterator[_Plane]:
    """Planes of one file, from its functional groups where it has them."""
    if int(file.get("SamplesPerPixel", 1)) != 1:
        raise InputError(f"{name}: holds colours; expected one number per pixel")
    count = frame_count(file)
    groups = file.get("PerFrameFunctionalGroupsSequence")
    shared = (file.get("SharedFunctionalGroupsSequence") or [None])[0]
    if groups:
        for number in range(count):
            yield _plane(file, number, (groups[number], shared), name)
        return
    yield (first := _plane(file, 0, (), name))
    yield from (_stack_frame(first, file, number, name, notes) for number in range(1, count))


def _members(group: Any) -> list[Any]:
    """The items of a functional group, flat."""
    return [item.value[0] for item in group or () if item.VR == "SQ" and len(item.value)]


def _entry(places: list[Any], *keys: str, name: str) -> Any:
    """The value of the first of ``keys`` that one of ``places`` has."""
    found = next((place.get(key) for key in keys for place in places if place.get(key) is not None), None)
    if found is None:
        raise InputError(
            f"{name}: has no {' and no '.join(keys)}, so where its voxels lie is unknown: export it with its place, or "
            "convert it to NIfTI with another program"
        )
    return found


def _plane(file: Any, frame: int, groups: tuple[Any, ...], name: str) -> _Plane:
    """One plane by its functional groups, its own before the shared ones, and by the file."""
    places = [*(member for group in groups for member in _members(group)), file]
    axes = np.array([float(x) for x in _entry(places, "ImageOrientationPatient", name=name)])
    between_rows, between_columns = (float(x) for x in _entry(places, "PixelSpacing", name=name))
    return _Plane(
        file,
        frame,
        np.array([float(x) for x in _entry(places, "ImagePositionPatient", name=name)]),
        axes[:3],
        axes[3:],
        (between_columns, between_rows),
        pixel_scale((*groups, file), places, name),
    )


def _stack_frame(first: _Plane, file: Any, number: int, name: str, notes: list[str]) -> _Plane:
    """A further frame of a file that gives one position and a distance."""
    normal = np.cross(first.along_row, first.along_column)
    if file.get("GridFrameOffsetVector"):
        distance = _offset(file, number, first, normal, name)
    else:
        distance = number * float(_entry([file], "SpacingBetweenSlices", "SliceThickness", name=name))
        if number == 1:
            notes.append(f"{name}: gives one position for its frames; they are stacked along the slice normal")
    return _Plane(
        file,
        number,
        first.position + distance * normal,
        first.along_row,
        first.along_column,
        first.spacing,
        first.scale,
    )


def _offset(file: Any, number: int, first: _Plane, normal: Array, name: str) -> float:
    """Distance of a frame along the normal by the Grid Frame Offset Vector: from the first frame where that vector
    begins with zero, else coordinates along the third axis of the patient (PS3.3, C.8.8.3.2)."""
    offsets = [float(x) for x in np.atleast_1d(file.get("GridFrameOffsetVector"))]
    if number >= len(offsets):
        raise InputError(f"{name}: GridFrameOffsetVector has {len(offsets)} values for {frame_count(file)} frames")
    if offsets[0] == 0.0:
        return offsets[number]
    height = float(first.position[2])
    if abs(offsets[0] - height) > _SAME_PLACE_MM or abs(normal[2]) < _UPRIGHT:
        raise InputError(
            f"{name}: GridFrameOffsetVector begins with {offsets[0]:g}: expected 0, or for axial slices the third "
            f"coordinate of ImagePositionPatient, {height:g}"
        )
    return (offsets[number] - offsets[0]) / float(normal[2])


def _same(planes: list[_Plane], name: str) -> tuple[int, int]:
    """Columns and rows, which all planes must share, like their axes and spacing."""
    first = planes[0]
    axes = np.concatenate([first.along_row, first.along_column, first.spacing])
    for plane in planes:
        if (plane.source.Rows, plane.source.Columns) != (first.source.Rows, first.source.Columns) or not np.allclose(
            np.concatenate([plane.along_row, plane.along_column, plane.spacing]), axes, atol=1e-4
        ):
            raise InputError(f"{name}: its images differ in size, spacing or orientation; expected one volume")
    if min(first.spacing) <= 0.0:
        between = ", ".join(f"{v:g}" for v in reversed(first.spacing))
        raise InputError(
            f"{name}: the voxel size is zero or negative: PixelSpacing = {between}; expected two lengths "
            "above zero (mm)"
        )
    return int(first.source.Columns), int(first.source.Rows)


def _order_planes(planes: list[_Plane], file: Any, name: str, notes: list[str]) -> tuple[list[_Plane], Array]:
    """Planes in the order of the slice normal, and the step between them (LPS, mm)."""
    normal = np.cross(planes[0].along_row, planes[0].along_column)
    height = np.array([plane.position @ normal for plane in planes])
    planes = [planes[i] for i in np.argsort(height, kind="stable")]
    if len(planes) == 1:
        thickness = file.get("SpacingBetweenSlices", file.get("SliceThickness"))
        if thickness is None or not float(thickness) > 0.0:
            raise InputError(
                f"{name}: one slice, and SliceThickness = {thickness}: its height is unknown; expected a "
                "length above zero (mm)"
            )
        return planes, float(thickness) * normal
    steps = np.diff(np.sort(height))
    step = (planes[-1].position - planes[0].position) / (len(planes) - 1)
    if steps.min() < 1e-3:
        raise InputError(f"{name}: several images lie in one place (time points or channels?); expected one volume")
    if np.ptp(steps) > 2 * _EVEN * steps.mean():
        raise InputError(
            f"{name}: slices are {steps.min():.3g} to {steps.max():.3g} mm apart: one is missing, or the "
            "series is uneven; expected an even stack"
        )
    if np.linalg.norm(step - (step @ normal) * normal) > _EVEN * np.linalg.norm(step):
        notes.append(f"{name}: slices are shifted against each other (gantry tilt)")
    return planes, step


def _pixels(planes: list[_Plane], shape: tuple[int, int], name: str) -> AnyArray:
    """Values ``(columns, rows, planes)``, rescaled; whole numbers stay whole where no scale is due.

    Each file is decoded frame by frame and let go, so that a series is in memory once.
    """
    frames = _stored_frames(planes)
    opening = next(frames)
    stored = opening[1].dtype
    kinds = [plane.scale.kind(stored) for plane in planes]
    data = np.empty((*shape, len(planes)), np.result_type(*kinds))
    for number, frame in chain([opening], frames):
        data[:, :, number] = planes[number].scale.values(frame, name).T
    return data


def _stored_frames(planes: list[_Plane]) -> Iterator[tuple[int, AnyArray]]:
    """Number of each plane and its pixels as they are stored, file by file."""
    left = list(range(len(planes)))
    while left:
        source = planes[left[0]].source
        slots = [number for number in left if planes[number].source is source]
        left = [number for number in left if planes[number].source is not source]
        yield from zip(slots, decoded_frames(source, [planes[number].frame for number in slots]), strict=True)


@contextlib.contextmanager
def _name_errors(name: str) -> Iterator[None]:
    """pydicom decodes an element when it is looked at, so any look may find it broken."""
    from pydicom.errors import BytesLengthException

    try:
        yield
    except (*_BROKEN, BytesLengthException) as problem:
        raise InputError(f"{name}: cannot be read as DICOM, it may be cut short: {problem}") from problem


def _affine_m(first: _Plane, step: Array) -> Array:
    affine = np.eye(4)
    affine[:3, 0] = first.along_row * first.spacing[0]
    affine[:3, 1] = first.along_column * first.spacing[1]
    affine[:3, 2], affine[:3, 3] = step, first.position
    affine[:3] *= 1e-3
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
