"""One door to every image format; a format is a line in ``READERS``."""

from __future__ import annotations

import os
import tokenize
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack
from zipfile import BadZipFile

import numpy as np

from ...base.array_files import stored_array, stored_arrays
from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from ...base.units import NotAQuantity, iron_factor
from ..size_guard import LIMIT_BYTES, guard_size, guard_stored_size
from ..text.text_files import existing
from .dicom import read_dicom
from .mdf import read_mdf, write_mdf
from .nifti import read_nifti, write_nifti
from .nrrd import read_nrrd
from .orientation import place_voxels
from .segments import has_segments, read_segmentation
from .stated_units import refuse_other_unit
from .suffixes import BARE_ARRAY, DICOM, FOLDER, MDF, NIFTI, NRRD, PLACED_ARRAY, image_suffix

_VOXELS_M = (2e-5, 2e-2)
"""Edges of voxels between which no question is asked. Our choice: MPI resolves some tenths of a millimetre at best and
its coarsest voxels are some mm; anatomies of whole animals by micro-CT begin at 20 micrometres."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """Selection from a file: frame and channel counted from 0, an affine where it gives none, shear allowed or not."""

    frame: int | None
    channel: int | None
    affine_m: Array | None
    allow_shear: bool
    notes: list[str]


class ReaderOptions(TypedDict, total=False):
    """Options of the image readers; frame and channel count from 0."""

    frame: int | None
    channel: int | None
    affine_m: Array | None
    allow_shear: bool


def read_volume(
    path: Path | str,
    *,
    frame: int | None = None,
    channel: int | None = None,
    affine_m: Array | None = None,
    allow_shear: bool = False,
    notes: list[str] | None = None,
) -> Image:
    """The image of a file, or of a folder of DICOM files, by its suffix.

    ``frame`` and ``channel`` count from 0; where there are several, one must be chosen. ``affine_m`` places a NumPy
    array that says nothing of its place. Axes that are not at right angles are refused unless they are asked for.

    The image is placed in RAS+ metres and keeps the file's values, in the file's unit. `InputError` names the file
    and the fault; what had to be assumed goes into ``notes``.
    """
    path = Path(path)
    read = READERS.get(FOLDER if os.path.isdir(path) else image_suffix(path))
    if read is None:
        known = ", ".join(key for key in READERS if key != FOLDER)
        raise InputError(f"{path.name}: of no known kind; expected one of {known}, or a folder of DICOM files")
    notes = notes if notes is not None else []
    image = read(path, _Choice(frame, channel, affine_m, allow_shear, notes))
    notes += _doubtful_voxels(image, path.name)
    return image


def _doubtful_voxels(image: Image, name: str) -> Iterator[str]:
    """A note where voxels are of a size that no MPI image and hardly an anatomy has."""
    spacing = image.spacing_m
    low, high = _VOXELS_M
    if spacing.min() < low or spacing.max() > high:
        shown = " x ".join(f"{1e3 * v:.3g}" for v in spacing)
        likely = "metres" if spacing.max() < low else "micrometres" if spacing.min() > high else "another unit"
        yield (
            f"{name}: its voxels are {shown} mm, which no MPI image has ({1e3 * low:g} to {1e3 * high:g} mm): are its "
            f"lengths in {likely}? Then save it anew in mm"
        )


def _mdf(path: Path, choice: _Choice) -> Image:
    return read_mdf(path, frame=choice.frame, channel=choice.channel, notes=choice.notes)


def _nifti(path: Path, choice: _Choice) -> Image:
    return read_nifti(
        path, notes=choice.notes, frame=choice.frame, channel=choice.channel, allow_shear=choice.allow_shear
    )


def _nrrd(path: Path, choice: _Choice) -> Image:
    if choice.channel is None and has_segments(_one_frame(path, choice)):
        return read_segmentation(path, notes=choice.notes)[0]
    return read_nrrd(
        _one_frame(path, choice),
        channel=choice.channel,
        notes=choice.notes,
        allow_shear=choice.allow_shear,
    )


def _dicom(path: Path, choice: _Choice) -> Image:
    path = path if os.path.isdir(path) else existing(path)
    return read_dicom(_one_frame(path, choice, channels=True), notes=choice.notes, allow_shear=choice.allow_shear)


def _one_frame(path: Path, choice: _Choice, *, channels: bool = False) -> Path:
    """``path``, refused where a further frame (or channel) is asked of a format that has but one."""
    for what, wanted in (("frame", choice.frame), ("channel", choice.channel if channels else None)):
        if wanted:
            raise InputError(f"{path.name}: has 1 {what}, not a number {wanted + 1}")
    return path


def write_volume(path: Path | str, image: Image) -> None:
    """Write an image in the format of its suffix."""
    path = Path(path)
    if image_suffix(path) not in WRITERS:
        raise InputError(f"{path.name}: cannot write this kind; expected one of {', '.join(WRITERS)}")
    WRITERS[image_suffix(path)](path, image)


def convert(
    source: Path | str,
    target: Path | str,
    *,
    unit: str | None = None,
    notes: list[str] | None = None,
    **choice: Unpack[ReaderOptions],
) -> Image:
    """Read ``source``, write ``target``; with the unit of its values they become mg of iron per mL.

    ``choice`` is what `read_volume` takes besides: frame, channel, affine_m, allow_shear.
    """
    if image_suffix(Path(target)) not in WRITERS:
        raise InputError(f"{Path(target).name}: cannot write this kind; expected one of {', '.join(WRITERS)}")
    image = read_volume(source, notes=notes, **choice)
    if unit is not None:
        try:
            factor = iron_factor(unit)
        except NotAQuantity as problem:
            raise InputError(f'--unit "{unit}": {problem}') from None
        refuse_other_unit(image, unit, name=Path(source).name, where="--unit")
        image = image if factor == 1.0 else image.with_data(image.data * factor)
    write_volume(target, image)
    return image


def _numpy(path: Path, choice: _Choice) -> Image:
    path, affine_m = existing(_one_frame(path, choice, channels=True)), choice.affine_m
    try:
        if path.suffix.lower() == PLACED_ARRAY:
            data, stored = _packed_arrays(path)
            if affine_m is None and stored is not None:
                affine_m = np.array(stored, float)
                affine_m[:3] *= 1e-3
        else:
            with path.open("rb") as stream:
                shape, dtype = stored_array(stream)
            guard_size(path.name, shape, dtype, LIMIT_BYTES)
            guard_stored_size(path.name, shape, dtype, path.stat().st_size)
            data = np.load(path, allow_pickle=False)
    except (
        ValueError,
        OSError,
        EOFError,
        LookupError,
        RuntimeError,
        TypeError,
        SyntaxError,
        tokenize.TokenError,
        BadZipFile,
        zlib.error,
    ) as problem:
        raise InputError(
            f"{path.name}: cannot be read as NumPy: {problem}; expected an array, or data and affine (RAS, mm) in .npz"
        ) from problem
    if affine_m is None:
        raise InputError(
            f"{path.name}: does not say where its voxels lie; expected an affine (4 x 4, voxel to RAS, "
            "mm): convert it with --affine FILE, or save data and affine as .npz"
        )
    return place_voxels(data, affine_m, path.name, allow_shear=choice.allow_shear)


def _packed_arrays(path: Path) -> tuple[AnyArray, AnyArray | None]:
    """``data`` and ``affine`` of a packed file, each refused by what its own header says before it is unpacked."""
    for name, shape, dtype, packed_bytes in stored_arrays(path):
        if name in ("data", "affine"):
            guard_size(f"{path.name}: {name}", shape, dtype, LIMIT_BYTES)
            guard_stored_size(f"{path.name}: {name}", shape, dtype, packed_bytes)
        if name == "affine" and shape != (4, 4):
            raise ValueError(f"affine has shape {shape}, not (4, 4)")
    with np.load(path, allow_pickle=False) as found:
        return found["data"], found.get("affine")


def _millimetres(affine_m: Array) -> Array:
    affine = affine_m.copy()
    affine[:3] *= 1e3
    return affine


READERS: dict[str, Callable[[Path, _Choice], Image]] = {
    **dict.fromkeys(MDF, _mdf),
    **dict.fromkeys(NIFTI, _nifti),
    **dict.fromkeys(NRRD, _nrrd),
    **dict.fromkeys(DICOM, _dicom),
    FOLDER: _dicom,
    BARE_ARRAY: _numpy,
    PLACED_ARRAY: _numpy,
}
WRITERS: dict[str, Callable[[Path, Image], None]] = {
    MDF[0]: write_mdf,
    **dict.fromkeys(NIFTI, write_nifti),
    PLACED_ARRAY: lambda path, image: np.savez_compressed(path, data=image.data, affine=_millimetres(image.affine_m)),
}
