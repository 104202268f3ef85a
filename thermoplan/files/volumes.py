"""One door to every image format; a format is a line in ``READERS``."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..image import Image
from ..units import NotAQuantity, iron_factor
from .dicom import read_dicom
from .images import existing, placed, read_image, write_image
from .mdf import read_mdf, write_mdf
from .nrrd import read_nrrd


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a file is wanted: frame and channel counted from 0, a place where it gives none."""

    frame: int | None
    channel: int | None
    affine_m: Array | None
    notes: list[str]


def read_volume(
    path: Path | str, *, frame: int | None = None, channel: int | None = None, affine_m: Array | None = None,
    notes: list[str] | None = None,
) -> Image:
    """The image of a file, or of a folder of DICOM files, by its suffix.

    ``frame`` and ``channel`` count from 0. ``affine_m`` places a NumPy array that says nothing of its place.
    """
    path = Path(path)
    read = READERS.get(FOLDER if path.is_dir() else suffix(path))
    if read is None:
        known = ", ".join(key for key in READERS if key != FOLDER)
        raise InputError(f"{path.name}: of no known kind; expected one of {known}, or a folder of DICOM files")
    return read(path, _Choice(frame, channel, affine_m, notes if notes is not None else []))


def _mdf(path: Path, choice: _Choice) -> Image:
    return read_mdf(path, frame=choice.frame, channel=choice.channel, notes=choice.notes)


def _nifti(path: Path, choice: _Choice) -> Image:
    return read_image(path, notes=choice.notes)


def _nrrd(path: Path, choice: _Choice) -> Image:
    return read_nrrd(path, channel=choice.channel, notes=choice.notes)


def _dicom(path: Path, choice: _Choice) -> Image:
    return read_dicom(path if path.is_dir() else existing(path), notes=choice.notes)


def write_volume(path: Path | str, image: Image) -> None:
    """Write an image in the format of its suffix."""
    path = Path(path)
    if suffix(path) not in WRITERS:
        raise InputError(f"{path.name}: cannot write this kind; expected one of {', '.join(WRITERS)}")
    WRITERS[suffix(path)](path, image)


def convert(source: Path | str, target: Path | str, *, unit: str | None = None,
            notes: list[str] | None = None) -> Image:
    """Read ``source``, write ``target``; with the unit of its values they become mg of iron per mL."""
    image = read_volume(source, notes=notes)
    if unit is not None:
        try:
            factor = iron_factor(unit)
        except NotAQuantity as problem:
            raise InputError(f'--unit "{unit}": {problem}') from None
        image = image if factor == 1.0 else image.with_data(image.data * factor)
    write_volume(target, image)
    return image


def suffix(path: Path) -> str:
    """``.nii.gz`` for a packed NIfTI, else the last suffix; small letters."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _numpy(path: Path, choice: _Choice) -> Image:
    path, affine_m = existing(path), choice.affine_m
    try:
        found = np.load(path, allow_pickle=False)
        data = found["data"] if path.suffix.lower() == ".npz" else found
        if affine_m is None and path.suffix.lower() == ".npz" and "affine" in found:
            affine_m = np.array(found["affine"], float)
            affine_m[:3] *= 1e-3
    except (ValueError, OSError, EOFError, KeyError, RuntimeError, BadZipFile, zlib.error) as problem:
        raise InputError(f"{path.name}: cannot be read as NumPy: {problem}; expected an array, or data and affine "
                         "(RAS, mm) in .npz") from problem
    if affine_m is None:
        raise InputError(f"{path.name}: does not say where its voxels lie; expected an affine (4 x 4, RAS, mm)")
    return placed(data, affine_m, path.name)


def _millimetres(affine_m: Array) -> Array:
    affine = affine_m.copy()
    affine[:3] *= 1e3
    return affine


FOLDER = "folder"
READERS: dict[str, Callable[[Path, _Choice], Image]] = {
    ".mdf": _mdf, ".h5": _mdf, ".hdf5": _mdf, ".nii": _nifti, ".nii.gz": _nifti, ".nrrd": _nrrd, ".nhdr": _nrrd,
    ".dcm": _dicom, ".ima": _dicom, FOLDER: _dicom, ".npy": _numpy, ".npz": _numpy,
}
WRITERS: dict[str, Callable[[Path, Image], None]] = {
    ".mdf": write_mdf, ".nii": write_image, ".nii.gz": write_image,
    ".npz": lambda path, image: np.savez_compressed(path, data=image.data, affine=_millimetres(image.affine_m)),
}
