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

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from ..text.text_files import existing
from .mdf_grid import gridded, numbers, text_of, upright
from .size_guard import LIMIT_BYTES, chosen, guard_size
from .voxel_values import real_values

_GROUPS = ("study", "experiment", "tracer", "scanner", "acquisition")


@dataclass(frozen=True, slots=True, eq=False)
class MdfInfo:
    """Metadata of an MDF file besides its image; empty or None where it says nothing."""

    version: str
    time: str
    tracer: str
    scanner: str
    topology: str
    gradient_t_m: Array | None  # (3, 3), of the selection field
    fwhm_m: Array | None  # (3,) along x, y, z, of the image's blur: a note of thermoplan's own scanner
    frames: int
    channels: int
    concentration_mol_l: Array | None  # (1,), of the tracer that was scanned
    calibration: str  # how a system function was taken


def read_mdf(
    path: Path | str,
    *,
    frame: int | None = None,
    channel: int | None = None,
    notes: list[str] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Image:
    """One frame and channel (counted from 0) of the reconstruction, in the file's own unit.

    Voxels that the file marks as overscan were never scanned: they count as no signal.
    """
    path, notes = existing(path), notes if notes is not None else []
    with _opened(path) as file:
        group, name = _reconstruction(file, path.name), path.name
        _mention_what_is_absent(file, name, notes)
        _refuse_large(group, name, limit_bytes)
        frames, _, channels = _counts(group["data"], name)
        first = chosen(frames, frame, "frame", name, notes)
        third = chosen(channels, channel, "channel", name, notes)
        stored = group["data"]
        values = real_values(np.asarray(stored[first, :, third] if len(stored.shape) == 3 else stored[()]), name)
        values = _without_overscan(group, values, name, notes)
        return gridded(group, values, name, notes)


def read_mdf_info(path: Path | str) -> MdfInfo:
    """Tracer, scanner, selection field and counts."""
    path = existing(path)
    with _opened(path) as file:
        frames, _, channels = _counts(_reconstruction(file, path.name)["data"], path.name)
        maker, model = text_of(file, "scanner/manufacturer"), text_of(file, "scanner/name")
        return MdfInfo(
            version=text_of(file, "version"),
            time=text_of(file, "time"),
            tracer=text_of(file, "tracer/name"),
            scanner=f"{maker} {model}".strip(),
            topology=text_of(file, "scanner/topology"),
            gradient_t_m=_gradient(file),
            fwhm_m=numbers(file, "reconstruction/_fwhm", 3),
            frames=frames,
            channels=channels,
            concentration_mol_l=numbers(file, "tracer/concentration", 1),
            calibration=text_of(file, "calibration/method"),
        )


def write_mdf(
    path: Path | str,
    image: Image,
    *,
    tracer: str = "n.a.",
    scanner: str = "n.a.",
    gradient_t_m: Array | None = None,
    created: datetime | None = None,
) -> None:
    """Write ``image`` as the only frame and channel; its axes must lie along R, A, S."""
    import h5py

    data, spacing, origin = upright(image)
    when = (created or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(data.tobytes()).hexdigest()))
    fields: dict[str, Any] = {
        "version": "2.1.0",
        "uuid": name,
        "time": when,
        "study/name": "n.a.",
        "study/number": 0,
        "study/uuid": name,
        "study/description": "n.a.",
        "experiment/name": "n.a.",
        "experiment/number": 0,
        "experiment/uuid": name,
        "experiment/description": "n.a.",
        "experiment/subject": "n.a.",
        "experiment/isSimulation": np.int8(0),
        "scanner/name": scanner,
        "scanner/facility": "n.a.",
        "scanner/operator": "n.a.",
        "scanner/manufacturer": "n.a.",
        "scanner/topology": "n.a.",
        "tracer/name": [tracer],
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
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as problem:
        words = f"{path.name}: cannot be read as MDF (HDF5), it may be cut short: {problem}"
        raise InputError(words) from problem


def _reconstruction(file: Any, name: str) -> Any:
    import h5py

    if not isinstance(file.get("reconstruction/data"), h5py.Dataset):
        holds = ", ".join(f"/{key}" for key in file) or "nothing"
        raise InputError(
            f"{name}: has no /reconstruction/data, so no image; it holds {holds}: "
            "reconstruct the measurement first, or check that this is an MDF v2 file"
        )
    return file["reconstruction"]


def _refuse_large(group: Any, name: str, limit_bytes: int) -> None:
    """Refuse by the sizes stated in the file, before unpacking: the image, its chunks, what stands beside it."""
    import h5py

    for key in ("data", "positions", "isOverscanRegion"):
        stored = group.get(key)
        if not isinstance(stored, h5py.Dataset):
            continue
        one = stored.shape[1:2] if key == "data" and len(stored.shape) == 3 else stored.shape
        guard_size(f"{name}: /reconstruction/{key}", one, stored.dtype, limit_bytes)
        if stored.chunks is not None:
            guard_size(f"{name}: one chunk of /reconstruction/{key}", stored.chunks, stored.dtype, limit_bytes)


def _mention_what_is_absent(file: Any, name: str, notes: list[str]) -> None:
    absent = [f"/{group}" for group in _GROUPS if group not in file]
    if absent:
        notes.append(f"{name}: has no {', '.join(absent)}: part of how it was scanned is unknown")
    version = text_of(file, "version")
    if not version.startswith("2"):
        notes.append(f'{name}: says MDF version "{version}"; it is read as version 2')
    notes.append(f"{name}: MDF names no anatomical axes; x, y, z are taken as R, A, S")


def _counts(data: Any, name: str) -> tuple[int, int, int]:
    """Frames, voxels and channels of the dataset; one axis alone is voxels."""
    if len(data.shape) not in (1, 3):
        raise InputError(f"{name}: /reconstruction/data has shape {data.shape}; expected frames x voxels x channels")
    return data.shape if len(data.shape) == 3 else (1, data.shape[0], 1)


def _without_overscan(group: Any, values: AnyArray, name: str, notes: list[str]) -> AnyArray:
    if "isOverscanRegion" not in group:
        return values
    outside = np.asarray(group["isOverscanRegion"]).ravel() != 0
    if outside.size != values.size:
        raise InputError(
            f"{name}: /reconstruction/isOverscanRegion has {outside.size} entries for {values.size} "
            "voxels: expected one each"
        )
    if not outside.any():
        return values
    total = float(np.abs(values).sum(dtype=float))
    lost = float(np.abs(values[outside]).sum(dtype=float)) / total if total else 0.0
    notes.append(
        f"{name}: {int(outside.sum())} voxels are overscan, never scanned; their signal, {lost:.1%} of all, is left out"
    )
    return np.where(outside, values.dtype.type(0), values)


def _gradient(file: Any) -> Array | None:
    diagonal = numbers(file, "acquisition/gradient", 3)
    if diagonal is not None:
        return np.diag(diagonal)
    values = numbers(file, "acquisition/gradient")
    return values[:9].reshape(3, 3) if values is not None and values.size >= 9 else None
