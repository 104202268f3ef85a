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
from .nifti_header import scaled_type
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
    slope: float
    intercept: float


def read_dicom(
    path: Path | str, *, notes: list[str] | None = None, allow_shear: bool = False, limit_bytes: int = LIMIT_BYTES
) -> Image:
    """The volume of a DICOM file, or of the one series in a folder; values are rescaled."""
    path, notes = Path(path), notes if notes is not None else []
    files = _one_series(path, limit_bytes) if os.path.isdir(path) else [_dataset(path, limit_bytes)]
    with _name_errors(path.name):
        refuse_large(files, path.name, limit_bytes)
        planes = [plane for file in files for plane in _planes(file, path.name, notes)]
        shape = _same(planes, path.name)
        planes, step = _order_planes(planes, files[0], path.name, notes)
        return place_voxels(_pixels(planes, shape), _affine_m(planes[0], step), path.name, allow_shear=allow_shear)


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
        raise InputError(f"{folder}: no DICOM image in this folder")
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
            yield _plane(file, number, [*_members(groups[number]), *_members(shared), file])
        return
    yield (first := _plane(file, 0, [file]))
    yield from (_stack_frame(first, file, number, name, notes) for number in range(1, count))


def _members(group: Any) -> list[Any]:
    """The items of a functional group, flat."""
    return [item.value[0] for item in group or () if item.VR == "SQ" and len(item.value)]


def _entry(places: list[Any], key: str, default: Any = None) -> Any:
    found = next((place.get(key) for place in places if place.get(key) is not None), default)
    if found is None:
        raise ValueError(f"it does not say its {key}")
    return found


def _plane(file: Any, frame: int, places: list[Any]) -> _Plane:
    axes = np.array([float(x) for x in _entry(places, "ImageOrientationPatient")])
    between_rows, between_columns = (float(x) for x in _entry(places, "PixelSpacing"))
    return _Plane(
        file,
        frame,
        np.array([float(x) for x in _entry(places, "ImagePositionPatient")]),
        axes[:3],
        axes[3:],
        (between_columns, between_rows),
        float(_entry(places, "RescaleSlope", file.get("DoseGridScaling", 1.0))),
        float(_entry(places, "RescaleIntercept", 0.0)),
    )


def _stack_frame(first: _Plane, file: Any, number: int, name: str, notes: list[str]) -> _Plane:
    """A further frame of a file that gives one position and a distance."""
    offsets = file.get("GridFrameOffsetVector")
    distance = (
        float(offsets[number])
        if offsets
        else number * float(_entry([file], "SpacingBetweenSlices", file.get("SliceThickness")))
    )
    if not offsets and number == 1:
        notes.append(f"{name}: gives one position for its frames; they are stacked along the slice normal")
    normal = np.cross(first.along_row, first.along_column)
    return _Plane(
        file,
        number,
        first.position + distance * normal,
        first.along_row,
        first.along_column,
        first.spacing,
        first.slope,
        first.intercept,
    )


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


def _pixels(planes: list[_Plane], shape: tuple[int, int]) -> AnyArray:
    """Values ``(columns, rows, planes)``, rescaled; whole numbers stay whole where no scale is due.

    Each file is decoded frame by frame and let go, so that a series is in memory once.
    """
    plain = all(plane.slope == 1.0 and plane.intercept == 0.0 for plane in planes)
    frames = _stored_frames(planes)
    opening = next(frames)
    stored = opening[1].dtype
    kinds = [stored] if plain else [scaled_type(stored, plane.slope, plane.intercept) for plane in planes]
    data = np.empty((*shape, len(planes)), np.result_type(*kinds))
    for number, frame in chain([opening], frames):
        plane = planes[number]
        data[:, :, number] = (frame if plain else plane.slope * frame + plane.intercept).T
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
