"""NIfTI in and out: RAS millimetres in the file, RAS+ metres inside."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from ...base.image import Image
from ..size_guard import LIMIT_BYTES, guard_size, guard_stored_size
from ..text.text_files import existing
from .nifti_header import check_head, header_affine_m, in_slabs, volume_at
from .orientation import SHEAR, largest_cosine, place_voxels


def read_nifti(
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
        guard_stored_size(path.name, file.shape, file.get_data_dtype(), path.stat().st_size)
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
    return place_voxels(data, affine, path.name, allow_shear=allow_shear)


def write_nifti(path: Path | str, image: Image, *, description: str = "") -> None:
    """Write ``image`` as NIfTI; values keep their type, the place is an sform (and qform) in mm."""
    import nibabel

    file = nibabel.Nifti1Image(storable(image.data), None)
    affine = image.affine_m.copy()
    affine[:3] *= 1e3
    file.header.set_xyzt_units("mm", "sec")
    file.header["descrip"] = description.encode("ascii", "replace")[:79]
    file.set_sform(affine, code=2)
    sheared = largest_cosine(image.affine_m) > SHEAR
    file.set_qform(None if sheared else affine, code=0 if sheared else 2)
    nibabel.save(file, path)


def storable(data: AnyArray) -> AnyArray:
    """``data`` in a type that other programs read from NIfTI: 64-bit integers shrink when they fit."""
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype in (np.int64, np.uint64):
        smaller: AnyArray = data.astype(np.int32)
        if not np.array_equal(smaller, data):
            smaller = data.astype(np.uint32)
        if not np.array_equal(smaller, data):
            raise InputError("image: whole numbers beyond 32 bits cannot be written as NIfTI")
        return smaller
    return data.astype(np.float32) if data.dtype == np.float16 else data
