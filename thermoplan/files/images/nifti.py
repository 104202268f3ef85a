"""NIfTI in and out: RAS millimetres in the file, RAS+ metres inside."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from .nifti_header import check_head, header_affine_m, in_slabs, volume_at
from .size_guard import LIMIT_BYTES, existing, guard_size

_SHEAR = 1e-3  # cosine between voxel axes that rounding in a header cannot explain


def read_image(
    path: Path | str,
    *,
    notes: list[str] | None = None,
    frame: int | None = None,
    channel: int | None = None,
    allow_shear: bool = False,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """The image of a NIfTI file, on its own voxels; of several frames (axis 4) or channels (axis 5) one, from 0.

    The sform places it, the qform where there is no sform; what is worth a warning goes to ``notes``.
    """
    import nibabel

    path, notes = existing(path), notes if notes is not None else []
    try:
        check_head(path, limit_bytes)
        file = nibabel.load(path)
        if not isinstance(file, nibabel.Nifti1Pair):
            raise InputError(f"{path.name}: not a NIfTI image; expected .nii or .nii.gz")
        place = volume_at(file.shape, frame, channel, path.name, notes)
        guard_size(path.name, file.shape, file.get_data_dtype(), limit_bytes)
        affine = header_affine_m(file.header, path.name, notes)
        data = in_slabs(file.dataobj, place, path)
    except (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        OverflowError,
        zlib.error,
        struct.error,
    ) as problem:
        raise InputError(f"{path.name}: cannot be read as NIfTI, it may be cut short: {problem}") from problem
    return placed(data, affine, path.name, allow_shear=allow_shear)


def write_image(path: Path | str, image: Image, *, description: str = "") -> None:
    """Write ``image`` as NIfTI; values keep their type, the place is an sform (and qform) in mm."""
    import nibabel

    file = nibabel.Nifti1Image(storable(image.data), None)
    affine = image.affine_m.copy()
    affine[:3] *= 1e3
    file.header.set_xyzt_units("mm", "sec")
    file.header["descrip"] = description.encode("ascii", "replace")[:79]
    file.set_sform(affine, code=2)
    sheared = _largest_cosine(image.affine_m) > _SHEAR
    file.set_qform(None if sheared else affine, code=0 if sheared else 2)
    nibabel.save(file, path)


def real(data: AnyArray, name: str) -> AnyArray:
    """``data`` as native real or integer numbers."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise InputError(f"{name}: holds {data.dtype}; expected one real number per voxel")
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def storable(data: AnyArray) -> AnyArray:
    """``data`` in a type that other programs read from NIfTI: 64-bit integers shrink when they fit."""
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype in (np.int64, np.uint64):
        smaller = data.astype(np.int32)
        if not np.array_equal(smaller, data):
            raise InputError("image: whole numbers beyond 32 bits cannot be written as NIfTI")
        return smaller
    return data.astype(np.float32) if data.dtype == np.float16 else data


def as_labels(image: Image, name: str) -> Image:
    """The same image with whole numbers, refused when a label is not one."""
    if image.data.dtype.kind in "iu":
        return image
    whole = np.rint(np.nan_to_num(image.data, nan=0.5, posinf=0.5, neginf=0.5))
    wrong = image.data != whole
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name}: {int(wrong.sum())} voxels are not whole numbers, "
            f"first {first} = {image.data[first]}: expected a label volume"
        )
    return image.with_data(whole.astype(np.int32))


def check_iron(image: Image, name: str, unit: str = "") -> None:
    """Refuse negative, non-finite and all-zero iron, in the unit that the file has."""
    good = np.isfinite(image.data) & (image.data >= 0)
    if not good.all():
        first = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InputError(
            f"{name}: {int((~good).sum())} voxels are negative or not finite, "
            f"first {first} = {image.data[first]} {unit}".rstrip()
        )
    if not image.data.any():
        raise InputError(f"{name}: every voxel is zero: there is no iron to heat")


def _largest_cosine(affine: Array) -> float:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def placed(data: AnyArray, affine: Array, name: str, *, allow_shear: bool = False) -> Image:
    """``data`` at its place, checked; complaints name the file."""
    try:
        image = Image(real(data, name), affine)
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from problem
    if not allow_shear and _largest_cosine(affine) > _SHEAR:
        raise InputError(
            f"{name}: the voxel axes are not at right angles (shear): resample the image on a "
            "rectangular grid, or ask for it as it is (allow_shear = true, --allow-shear)"
        )
    return image
