"""From the voxels of an MDF file to a grid in space and back, and the small entries that say how."""

from __future__ import annotations

import math

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from ..isolated.hdf5_content import Hdf5Content

_GROUP = "reconstruction/"
PLACES = tuple(_GROUP + key for key in ("size", "fieldOfView", "fieldOfViewCenter", "order"))
"""Entries that place the voxels, besides stored positions."""


def place_on_grid(content: Hdf5Content, values: AnyArray, name: str, notes: list[str]) -> Image:
    """Values at their places: by stored positions, else by size, field of view, centre and order."""
    if _GROUP + "positions" in content:
        return _from_positions(content, values, name)
    size, field = _triple(content, "size", name), _triple(content, "fieldOfView", name)
    if (size < 1).any() or (size != np.rint(size)).any() or (field <= 0).any():
        raise InputError(
            f"{name}: /reconstruction/size = {size.tolist()} and fieldOfView = {field.tolist()} m: a "
            "voxel would have no volume: expected whole numbers of 1 or more, and lengths above zero"
        )
    shape = tuple(int(n) for n in size)
    if math.prod(shape) != values.size:
        raise InputError(
            f"{name}: /reconstruction/size = {shape} does not match {values.size} voxels in "
            "/reconstruction/data: expected their product"
        )
    placed = _GROUP + "fieldOfViewCenter" in content
    if not placed:
        notes.append(f"{name}: has no fieldOfViewCenter; the image is centred on the scanner's origin")
    centre = _triple(content, "fieldOfViewCenter", name) if placed else np.zeros(3)
    order = content.text(_GROUP + "order") or "xyz"
    if sorted(order) != ["x", "y", "z"]:
        raise InputError(f'{name}: order = "{order}": expected the letters x, y and z, such as "xyz"')
    axes = ["xyz".index(letter) for letter in order]  # the first letter varies fastest
    data = values.reshape([shape[a] for a in axes], order="F").transpose(np.argsort(axes))
    return _axis_aligned_image(data, field / size, centre - field / size * (size - 1) / 2)


def _from_positions(content: Hdf5Content, values: AnyArray, name: str) -> Image:
    """Put values where their stored positions say; the positions must fill a regular grid."""
    stored = content.array(_GROUP + "positions")
    positions = np.zeros(0) if stored is None else stored.astype(float)
    if positions.shape != (values.size, 3) or not np.isfinite(positions).all():
        raise InputError(f"{name}: positions have shape {positions.shape}; expected ({values.size}, 3)")
    field = _triple(content, "fieldOfView", name) if _GROUP + "fieldOfView" in content else np.zeros(3)
    axes = [_regular(positions[:, axis], field[axis], name) for axis in range(3)]
    low, spacing, index = (list(part) for part in zip(*axes, strict=True))
    shape = [int(places.max()) + 1 for places in index]
    filled = math.prod(shape) == values.size
    flat = np.ravel_multi_index(index, shape) if filled else np.zeros(0, int)
    if len(np.unique(flat)) != values.size:
        raise InputError(f"{name}: positions do not fill a regular grid: resample the reconstruction on one")
    data = np.empty(values.size, values.dtype)
    data[flat] = values
    return _axis_aligned_image(data.reshape(shape), np.array(spacing), np.array(low))


def _regular(x: Array, field: float, name: str) -> tuple[float, float, AnyArray]:
    """First place, spacing and index of coordinates that should be evenly spaced."""
    reach = float(np.ptp(x))
    places = np.unique(np.round(x, 9))  # a nanometre apart is the same place
    if len(places) == 1:
        if field <= 0:
            raise InputError(f"{name}: one layer of positions and no fieldOfView: its thickness is unknown")
        return float(x.mean()), float(field), np.zeros(len(x), int)
    spacing = reach / (len(places) - 1)
    index = np.rint((x - x.min()) / spacing).astype(int)
    if np.abs(x.min() + index * spacing - x).max() > 0.01 * spacing:
        raise InputError(f"{name}: positions are not evenly spaced: resample on a regular grid")
    return float(x.min()), spacing, index


def _axis_aligned_image(data: AnyArray, spacing: Array, origin: Array) -> Image:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Image(data, affine)


def upright(image: Image) -> tuple[AnyArray, Array, Array]:
    """Data, spacing and first voxel's centre with every axis rising along R, A, S."""
    matrix = image.affine_m[:3, :3]
    axis = np.abs(matrix).argmax(axis=0)
    main = matrix[axis, range(3)]
    if sorted(axis) != [0, 1, 2] or np.abs(matrix).sum() - np.abs(main).sum() > 1e-9 * np.abs(main).sum():
        raise InputError("MDF holds images along R, A, S only: resample this oblique one first")
    flipped = tuple(i for i in range(3) if main[i] < 0)
    corner = image.affine_m[:3, 3] + matrix @ [(n - 1) * (i in flipped) for i, n in enumerate(image.shape)]
    back = np.argsort(axis)
    return np.flip(image.data, flipped).transpose(back), np.abs(main)[back], corner


def _triple(content: Hdf5Content, key: str, name: str) -> Array:
    if _GROUP + key not in content:
        raise InputError(f"{name}: /reconstruction has no {key}: the size of a voxel is unknown")
    value = content.numbers(_GROUP + key)
    if value is None:
        raise InputError(f"{name}: /reconstruction/{key} holds no numbers: expected three")
    if value.shape != (3,) or not np.isfinite(value).all():
        raise InputError(f"{name}: /reconstruction/{key} = {value.tolist()}: expected three numbers")
    return value
