"""MDF, the Magnetic Particle Imaging Data Format, version 2 [Knopp2016].

MDF defines no anatomical axes: x, y, z are taken as R, A, S. It stores no unit: whoever reads the
image says what its values are. Only ``/reconstruction`` is needed to read.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from ...base.image import Image
from ..isolated.hdf5_content import Hdf5Content, read_hdf5
from ..size_guard import LIMIT_BYTES, choose_one
from ..text.text_files import existing
from .mdf_grid import PLACES, place_on_grid, upright
from .voxel_values import real_values

_GROUPS = ("study", "experiment", "tracer", "scanner", "acquisition")
_DATA = "reconstruction/data"
_OVERSCAN = "reconstruction/isOverscanRegion"
_GRADIENT = "acquisition/gradient"
_LARGE = (_DATA, "reconstruction/positions", _OVERSCAN)
_SMALL = (
    *PLACES,
    *("version", "time", "tracer/name", "tracer/concentration", "calibration/method"),
    *("scanner/manufacturer", "scanner/name", "scanner/topology", "reconstruction/_fwhm", _GRADIENT),
)
_CANNOT = "cannot be read as MDF (HDF5), it may be cut short"


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
    picked = (_DATA, frame or 0, channel or 0)
    content = read_hdf5(path, _CANNOT, large=_LARGE, small=_SMALL, picked=picked, limit_bytes=limit_bytes)
    name = path.name
    frames, _, channels = _counts(content, name)
    _mention_what_is_absent(content, name, notes)
    choose_one(frames, frame, "frame", name)
    choose_one(channels, channel, "channel", name)
    stored = content.array(_DATA)
    if stored is None:
        raise InputError(f"{name}: holds {content.kind(_DATA)}; expected one real number per voxel")
    values = _without_overscan(content, real_values(stored, name), name, notes)
    return place_on_grid(content, values, name, notes)


def read_mdf_info(path: Path | str) -> MdfInfo:
    """Tracer, scanner, selection field and counts."""
    path = existing(path)
    content = read_hdf5(path, _CANNOT, small=(*_SMALL, _DATA))
    frames, _, channels = _counts(content, path.name)
    maker, model = content.text("scanner/manufacturer"), content.text("scanner/name")
    return MdfInfo(
        version=content.text("version"),
        time=content.text("time"),
        tracer=content.text("tracer/name"),
        scanner=f"{maker} {model}".strip(),
        topology=content.text("scanner/topology"),
        gradient_t_m=_gradient(content),
        fwhm_m=content.numbers("reconstruction/_fwhm", 3),
        frames=frames,
        channels=channels,
        concentration_mol_l=content.numbers("tracer/concentration", 1),
        calibration=content.text("calibration/method"),
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
    fields: dict[str, object] = {
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


def _mention_what_is_absent(content: Hdf5Content, name: str, notes: list[str]) -> None:
    absent = [f"/{group}" for group in _GROUPS if group not in content.names]
    if absent:
        notes.append(f"{name}: has no {', '.join(absent)}: part of how it was scanned is unknown")
    version = content.text("version")
    if not version.startswith("2"):
        notes.append(f'{name}: says MDF version "{version}"; it is read as version 2')
    notes.append(f"{name}: MDF names no anatomical axes; x, y, z are taken as R, A, S")


def _counts(content: Hdf5Content, name: str) -> tuple[int, int, int]:
    """Frames, voxels and channels of the dataset; one axis alone is voxels."""
    shape = content.shape(_DATA)
    if shape is None:
        holds = ", ".join(f"/{key}" for key in content.names) or "nothing"
        raise InputError(
            f"{name}: has no /reconstruction/data, so no image; it holds {holds}: "
            "reconstruct the measurement first, or check that this is an MDF v2 file"
        )
    if len(shape) not in (1, 3):
        raise InputError(f"{name}: /reconstruction/data has shape {shape}; expected frames x voxels x channels")
    frames, voxels, channels = shape if len(shape) == 3 else (1, shape[0], 1)
    return frames, voxels, channels


def _without_overscan(content: Hdf5Content, values: AnyArray, name: str, notes: list[str]) -> AnyArray:
    if _OVERSCAN not in content:
        return values
    marks = content.array(_OVERSCAN)
    outside = np.zeros(0, bool) if marks is None else marks.ravel() != 0
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


def _gradient(content: Hdf5Content) -> Array | None:
    diagonal = content.numbers(_GRADIENT, 3)
    if diagonal is not None:
        return np.diag(diagonal)
    values = content.numbers(_GRADIENT)
    return values[:9].reshape(3, 3) if values is not None and values.size >= 9 else None
