"""NIfTI in and out: RAS millimetres in the file, RAS+ metres inside."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import InputError
from ..image import Image

LIMIT_BYTES = 4 * 2**30  # a 1024^3 image of single floats; more is refused before it is unpacked
_METRES = {"meter": 1.0, "mm": 1e-3, "micron": 1e-6, "unknown": 1e-3}
_SLAB_BYTES = 2**22
_SHEAR = 1e-3  # cosine between voxel axes that rounding in a header cannot explain


def read_image(
    path: Path | str, *, notes: list[str] | None = None, allow_shear: bool = False,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """The image of a NIfTI file, on its own voxels.

    The sform places it, the qform where there is no sform; what is worth a warning goes to ``notes``.
    """
    import nibabel

    path, notes = existing(path), notes if notes is not None else []
    try:
        file = nibabel.load(path, keep_file_open=True)
        if not isinstance(file, nibabel.Nifti1Pair):
            raise InputError(f"{path.name}: not a NIfTI image; expected .nii or .nii.gz")
        shape = _three_axes(file.shape, path.name)
        guard_size(path.name, file.shape, file.get_data_dtype(), limit_bytes)
        affine = _affine_m(file, path.name, notes)
        data = _in_slabs(file.dataobj.reshape(shape))
    except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError,
            OSError, EOFError, ValueError, KeyError, OverflowError, zlib.error) as problem:
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


def existing(path: Path | str) -> Path:
    """``path`` as a Path to a file that is there and not empty."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name}: the file is empty")
    return path


def guard_size(name: str, shape: tuple[int, ...], dtype: np.dtype, limit_bytes: int) -> None:
    """Refuse, before unpacking, an image that would not fit."""
    size = math.prod(int(n) for n in shape) * np.dtype(dtype).itemsize
    if size > limit_bytes:
        raise InputError(f"{name}: unpacks to {size / 2**30:.1f} GiB, over the limit of "
                         f"{limit_bytes / 2**30:.1f} GiB: crop or resample it")


def real(data: NDArray, name: str) -> NDArray:
    """``data`` as native real or integer numbers."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise InputError(f"{name}: holds {data.dtype}; expected one real number per voxel")
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def storable(data: NDArray) -> NDArray:
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
        raise InputError(f"{name}: {int(wrong.sum())} voxels are not whole numbers, "
                         f"first {first} = {image.data[first]}: expected a label volume")
    return image.with_data(whole.astype(np.int32))


def check_iron(image: Image, name: str, unit: str = "") -> None:
    """Refuse negative, non-finite and all-zero iron, in the unit that the file has."""
    good = np.isfinite(image.data) & (image.data >= 0)
    if not good.all():
        first = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InputError(f"{name}: {int((~good).sum())} voxels are negative or not finite, "
                         f"first {first} = {image.data[first]} {unit}".rstrip())
    if not image.data.any():
        raise InputError(f"{name}: every voxel is zero: there is no iron to heat")


def _in_slabs(stored: Any) -> NDArray:
    """The array on disk, read a few planes at a time so that it is never in memory twice."""
    planes = max(1, _SLAB_BYTES // max(1, 8 * math.prod(stored.shape[:2])))
    starts = range(0, stored.shape[2], planes)
    first = np.asarray(stored[..., :planes])
    data = np.empty(stored.shape, first.dtype)
    for start in starts:
        data[..., start : start + planes] = first if start == 0 else stored[..., start : start + planes]
    return data


def _three_axes(shape: tuple[int, ...], name: str) -> tuple[int, int, int]:
    padded = tuple(shape) + (1,) * (3 - len(shape))
    if len(shape) < 2 or any(n != 1 for n in padded[3:]) or 0 in padded:
        raise InputError(f"{name}: has axes {shape}; expected one volume of three axes")
    return padded[:3]  # type: ignore[return-value]


def _affine_m(file: object, name: str, notes: list[str]) -> Array:
    header = file.header  # type: ignore[attr-defined]
    scale = _METRES[header.get_xyzt_units()[0]]
    if (np.asarray(header["pixdim"][1:4]) <= 0).any():
        raise InputError(f"{name}: the voxel size is zero or negative: {header['pixdim'][1:4].tolist()}")
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is not None and qform is not None:
        corner = np.array([*header.get_data_shape()[:3], 1.0][-4:])
        gap = float(np.abs((sform - qform) @ corner).max()) * scale * 1e3
        if gap > 0.01:
            notes.append(f"{name}: sform and qform differ by {gap:.2g} mm at the far corner; sform is used")
    if sform is None and qform is None:
        notes.append(f"{name}: has neither sform nor qform; the image's centre is taken as the origin")
    chosen = sform if sform is not None else qform if qform is not None else header.get_base_affine()
    affine = np.array(chosen, float)
    affine[:3] *= scale
    return affine


def _largest_cosine(affine: Array) -> float:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def placed(data: NDArray, affine: Array, name: str, *, allow_shear: bool = False) -> Image:
    """``data`` at its place, checked; complaints name the file."""
    try:
        image = Image(real(data, name), affine)
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from problem
    if not allow_shear and _largest_cosine(affine) > _SHEAR:
        raise InputError(f"{name}: the voxel axes are not at right angles (shear): resample the image on a "
                         "rectangular grid")
    return image
