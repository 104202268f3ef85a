"""MDF, the Magnetic Particle Imaging Data Format, version 2 [Knopp2016].

MDF defines no anatomical axes: x, y, z are taken as R, A, S. It stores no unit: whoever reads the
image says what its values are. Only ``/reconstruction`` is needed to read.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..errors import InputError
from ..image import Image
from .images import LIMIT_BYTES, existing, guard_size, real

_GROUPS = ("study", "experiment", "tracer", "scanner", "acquisition")


@dataclass(frozen=True, slots=True, eq=False)
class MdfInfo:
    """What an MDF file says besides its image; empty or None where it says nothing."""

    version: str
    time: str
    tracer: str
    scanner: str
    topology: str
    gradient_t_m: Array | None  # (3, 3), of the selection field
    fwhm_m: Array | None  # (3,) along x, y, z, of the image's blur: a note of thermoplan's own scanner
    frames: int
    channels: int


def read_mdf(
    path: Path | str, *, frame: int | None = None, channel: int | None = None,
    notes: list[str] | None = None, limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """One frame and channel (counted from 0) of the reconstruction, in the file's own unit.

    Voxels that the file marks as overscan were never scanned: they count as no signal.
    """
    path, notes = existing(path), notes if notes is not None else []
    with _opened(path) as file:
        group, name = _reconstruction(file, path.name), path.name
        _mention_what_is_absent(file, name, notes)
        data = _as_frames(group["data"], name)
        first = _chosen(data.shape[0], frame, "frame", name, notes)
        third = _chosen(data.shape[2], channel, "channel", name, notes)
        guard_size(name, data.shape[1:2], group["data"].dtype, limit_bytes)
        values = real(np.asarray(data[first, :, third]), name)
        values = _without_overscan(group, values, name, notes)
        return _gridded(group, values, name, notes)


def read_mdf_info(path: Path | str) -> MdfInfo:
    """Tracer, scanner, selection field and counts."""
    path = existing(path)
    with _opened(path) as file:
        data = _as_frames(_reconstruction(file, path.name)["data"], path.name)
        maker, model = _text(file, "scanner/manufacturer"), _text(file, "scanner/name")
        return MdfInfo(
            version=_text(file, "version"), time=_text(file, "time"), tracer=_text(file, "tracer/name"),
            scanner=f"{maker} {model}".strip(), topology=_text(file, "scanner/topology"),
            gradient_t_m=_gradient(file), fwhm_m=_numbers(file, "reconstruction/_fwhm", 3),
            frames=data.shape[0], channels=data.shape[2],
        )


def write_mdf(
    path: Path | str, image: Image, *, tracer: str = "n.a.", scanner: str = "n.a.",
    gradient_t_m: Array | None = None, created: datetime | None = None,
) -> None:
    """Write ``image`` as the only frame and channel; its axes must lie along R, A, S."""
    import h5py

    data, spacing, origin = _upright(image)
    when = (created or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(data.tobytes()).hexdigest()))
    fields: dict[str, Any] = {
        "version": "2.1.0", "uuid": name, "time": when,
        "study/name": "n.a.", "study/number": 0, "study/uuid": name, "study/description": "n.a.",
        "experiment/name": "n.a.", "experiment/number": 0, "experiment/uuid": name,
        "experiment/description": "n.a.", "experiment/subject": "n.a.", "experiment/isSimulation": np.int8(0),
        "scanner/name": scanner, "scanner/facility": "n.a.", "scanner/operator": "n.a.",
        "scanner/manufacturer": "n.a.", "scanner/topology": "n.a.", "tracer/name": [tracer],
        "reconstruction/size": np.array(data.shape, np.int64),
        "reconstruction/fieldOfView": spacing * data.shape,
        "reconstruction/fieldOfViewCenter": origin + spacing * (np.array(data.shape) - 1) / 2,
        "reconstruction/order": "xyz",
    }
    if gradient_t_m is not None:
        fields["acquisition/gradient"] = np.asarray(gradient_t_m, float).reshape(1, 1, 3, 3)
    with h5py.File(path, "w") as file:
        for key, value in fields.items():
            file[key] = value
        flat = data.ravel(order="F")[None, :, None]
        file.create_dataset("reconstruction/data", data=flat, compression="gzip", shuffle=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An HDF5 file whose read errors name it."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError) as problem:
        words = f"{path.name}: cannot be read as MDF (HDF5), it may be cut short: {problem}"
        raise InputError(words) from problem


def _reconstruction(file: Any, name: str) -> Any:
    if "reconstruction/data" not in file:
        holds = ", ".join(f"/{key}" for key in file) or "nothing"
        raise InputError(f"{name}: has no /reconstruction/data, so no image; it holds {holds}: "
                         "reconstruct the measurement first, or check that this is an MDF v2 file")
    return file["reconstruction"]


def _mention_what_is_absent(file: Any, name: str, notes: list[str]) -> None:
    absent = [f"/{group}" for group in _GROUPS if group not in file]
    if absent:
        notes.append(f"{name}: has no {', '.join(absent)}: part of how it was scanned is unknown")
    version = _text(file, "version")
    if not version.startswith("2"):
        notes.append(f'{name}: says MDF version "{version}"; it is read as version 2')
    notes.append(f"{name}: MDF names no anatomical axes; x, y, z are taken as R, A, S")


def _as_frames(data: Any, name: str) -> Any:
    """The dataset as frames x voxels x channels."""
    if len(data.shape) == 3:
        return data
    if len(data.shape) == 1:
        return np.asarray(data)[None, :, None]
    raise InputError(f"{name}: data has shape {data.shape}; expected frames x voxels x channels")


def _chosen(count: int, wanted: int | None, what: str, name: str, notes: list[str]) -> int:
    if wanted is None and count > 1:
        notes.append(f"{name}: has {count} {what}s; the first is used ({what} = 1)")
    if count == 0 or not 0 <= (wanted or 0) < count:
        raise InputError(f"{name}: has {count} {what}s, not a number {(wanted or 0) + 1}")
    return wanted or 0


def _without_overscan(group: Any, values: NDArray, name: str, notes: list[str]) -> NDArray:
    if "isOverscanRegion" not in group:
        return values
    outside = np.asarray(group["isOverscanRegion"]).ravel() != 0
    if outside.size != values.size:
        raise InputError(f"{name}: isOverscanRegion has {outside.size} entries for {values.size} voxels")
    if not outside.any():
        return values
    total = float(np.abs(values).sum(dtype=float))
    lost = float(np.abs(values[outside]).sum(dtype=float)) / total if total else 0.0
    notes.append(f"{name}: {int(outside.sum())} voxels are overscan, never scanned; their signal, "
                 f"{lost:.1%} of all, is left out")
    return np.where(outside, values.dtype.type(0), values)


def _gridded(group: Any, values: NDArray, name: str, notes: list[str]) -> Image:
    if "positions" in group:
        return _from_positions(group, values, name)
    size, field = _triple(group, "size", name), _triple(group, "fieldOfView", name)
    if (size < 1).any() or (size != np.rint(size)).any() or (field <= 0).any():
        raise InputError(f"{name}: size {size.tolist()} and fieldOfView {field.tolist()} m: "
                         "a voxel would have no volume")
    shape = tuple(int(n) for n in size)
    if np.prod(shape) != values.size:
        raise InputError(f"{name}: size {shape} does not match {values.size} voxels in /reconstruction/data")
    if "fieldOfViewCenter" not in group:
        notes.append(f"{name}: has no fieldOfViewCenter; the image is centred on the scanner's origin")
    centre = _triple(group, "fieldOfViewCenter", name) if "fieldOfViewCenter" in group else np.zeros(3)
    order = _text(group, "order") or "xyz"
    if sorted(order) != ["x", "y", "z"]:
        raise InputError(f'{name}: order = "{order}": expected the letters x, y and z, such as "xyz"')
    axes = ["xyz".index(letter) for letter in order]  # the first letter varies fastest
    data = values.reshape([shape[a] for a in axes], order="F").transpose(np.argsort(axes))
    return _axis_aligned(data, field / size, centre - field / size * (size - 1) / 2)


def _from_positions(group: Any, values: NDArray, name: str) -> Image:
    """Put values where their stored positions say; the positions must fill a regular grid."""
    positions = np.asarray(group["positions"], float)
    if positions.shape != (values.size, 3) or not np.isfinite(positions).all():
        raise InputError(f"{name}: positions have shape {positions.shape}; expected ({values.size}, 3)")
    field = _triple(group, "fieldOfView", name) if "fieldOfView" in group else np.zeros(3)
    axes = [_regular(positions[:, axis], field[axis], name) for axis in range(3)]
    low, spacing, index = (list(part) for part in zip(*axes, strict=True))
    shape = [int(places.max()) + 1 for places in index]
    flat = np.ravel_multi_index(index, shape)
    if len(np.unique(flat)) != values.size or np.prod(shape) != values.size:
        raise InputError(f"{name}: positions do not fill a regular grid: resample the reconstruction on one")
    data = np.empty(values.size, values.dtype)
    data[flat] = values
    return _axis_aligned(data.reshape(shape), np.array(spacing), np.array(low))


def _regular(x: Array, field: float, name: str) -> tuple[float, float, NDArray]:
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


def _axis_aligned(data: NDArray, spacing: Array, origin: Array) -> Image:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Image(data, affine)


def _upright(image: Image) -> tuple[NDArray, Array, Array]:
    """Data, spacing and first voxel's centre with every axis rising along R, A, S."""
    matrix = image.affine_m[:3, :3]
    axis = np.abs(matrix).argmax(axis=0)
    main = matrix[axis, range(3)]
    if sorted(axis) != [0, 1, 2] or np.abs(matrix).sum() - np.abs(main).sum() > 1e-9 * np.abs(main).sum():
        raise InputError("MDF holds images along R, A, S only: resample this oblique one first")
    flipped = [i for i in range(3) if main[i] < 0]
    corner = image.affine_m[:3, 3] + matrix @ [(n - 1) * (i in flipped) for i, n in enumerate(image.shape)]
    back = np.argsort(axis)
    return np.flip(image.data, flipped).transpose(back), np.abs(main)[back], corner


def _triple(group: Any, key: str, name: str) -> Array:
    if key not in group:
        raise InputError(f"{name}: /reconstruction has no {key}: the size of a voxel is unknown")
    value = np.asarray(group[key], float).ravel()
    if value.shape != (3,) or not np.isfinite(value).all():
        raise InputError(f"{name}: /reconstruction/{key} = {value.tolist()}: expected three numbers")
    return value


def _gradient(file: Any) -> Array | None:
    diagonal = _numbers(file, "acquisition/gradient", 3)
    if diagonal is not None:
        return np.diag(diagonal)
    values = _numbers(file, "acquisition/gradient")
    return values[:9].reshape(3, 3) if values is not None and values.size >= 9 else None


def _numbers(file: Any, key: str, count: int | None = None) -> Array | None:
    """A dataset's numbers, flat; None where it is not there, or not of this count."""
    if key not in file:
        return None
    values = np.asarray(file[key], float).ravel()
    return values if count in (None, values.size) else None


def _text(group: Any, key: str) -> str:
    """A string dataset; of several strings those that differ, joined."""
    if key not in group:
        return ""
    values = np.atleast_1d(np.asarray(group[key][()], dtype=object))
    words = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.ravel()]
    return ", ".join(dict.fromkeys(words))
