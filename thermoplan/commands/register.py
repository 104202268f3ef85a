"""Registration on its own: from landmarks or images to a file that a protocol, 3D Slicer and ITK read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..base.arrays import Array
from ..base.image import Image
from ..files.images.volumes import read_volume
from ..files.tables.landmarks import SUFFIXES, read_both, read_pairs
from ..files.tables.transforms import transform_mm, write_transform
from ..imaging.registration import Landmarks, Registration, rigid_from_landmarks
from .answer_types import RegisterAnswer


def register_scan(moving: Path, fixed: Path, out: Path, landmarks: Path | None = None) -> RegisterAnswer:
    """Register, write the transform, and tell its residual.

    ``moving`` and ``fixed`` are two files of named points, or two images; with ``landmarks``, a file of pairs, the
    images only tell whether the landmarks lie in them.
    """
    notes: list[str] = []
    if landmarks is None and all(path.suffix.lower() in SUFFIXES for path in (moving, fixed)):
        found = rigid_from_landmarks(read_both(moving, fixed, notes=notes), f"{moving.name} and {fixed.name}")
    else:
        images = read_volume(moving, notes=notes), read_volume(fixed, notes=notes)
        names = f"{moving.name} and {fixed.name}"
        found = _by_pairs(landmarks, images, notes) if landmarks else _by_images(images, names)
    notes += found.notes
    said = [f"{moving.name} to {fixed.name}, by {found.method}" + (f", {landmarks.name}" if landmarks else "")]
    write_transform(out, found.matrix_m, comments=said, residual_m=found.residual_m)
    return _answer(found, out, list(dict.fromkeys(notes)))


def _by_pairs(path: Path, images: tuple[Image, Image], notes: list[str]) -> Registration:
    pairs = read_pairs(path)
    for which, image, points in zip(("moving", "fixed"), images, (pairs.moving_m, pairs.fixed_m), strict=True):
        notes += [
            f"{path.name}: landmark {name} lies outside the {which} image" for name in _outside(pairs, image, points)
        ]
    return rigid_from_landmarks(pairs, path.name)


def _outside(pairs: Landmarks, image: Image, points_m: Array) -> list[str]:
    index = image.indices(points_m)
    inside = ((index > -0.5) & (index < np.array(image.shape) - 0.5)).all(axis=1)
    return [name for name, well in zip(pairs.names, inside, strict=True) if not well]


def _by_images(images: tuple[Image, Image], names: str) -> Registration:
    from ..imaging.registration.intensity import rigid_from_images

    return rigid_from_images(*images, names)


def _answer(found: Registration, out: Path, notes: list[str]) -> RegisterAnswer:
    matrix = transform_mm(found.matrix_m)
    cosine = np.clip((np.trace(matrix[:3, :3]) - 1.0) / 2.0, -1.0, 1.0)
    names = found.landmarks.names if found.landmarks else ()
    return {
        "method": found.method,
        "source": found.source,
        "transform": str(out),
        "matrix_mm": matrix.tolist(),
        "turn_deg": float(np.degrees(np.arccos(cosine))),
        "residual_mm": _mm(found.residual_m),
        "leave_one_out_mm": _mm(found.leave_one_out_m),
        "landmarks": dict(zip(names, (1e3 * found.left_m).tolist(), strict=True)),
        "notes": notes,
    }


def _mm(length_m: float | None) -> float | None:
    return None if length_m is None else length_m * 1e3
