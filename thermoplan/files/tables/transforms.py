"""Rigid and affine transforms from files and back: a plain 4 x 4, or what ITK and 3D Slicer write.

A plain 4 x 4 moves the image into the anatomy, in RAS millimetres. An ITK file, which Slicer writes too,
says where in the moving image a point of the fixed one is found, in LPS: with the anatomy fixed and the
image moving it is turned about, so that both say the same thing here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, freeze
from ...base.errors import InputError
from ..text.text_files import existing, read_text
from .itk import ITK_TEXT, Step, compose_steps, steps_of_hdf5, steps_of_mat, steps_of_text

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_RESIDUAL = "residual_rms_mm"


class TransformFile(NamedTuple):
    """Image to anatomy, ``(4, 4)`` in metres, and the residual that the file records, if it does."""

    matrix_m: Array
    residual_m: float | None


def read_transform(path: Path | str, *, notes: list[str] | None = None) -> Array:
    """Image to anatomy, ``(4, 4)`` in metres, from ``.txt``, ``.tfm``, ITK's ``.h5`` or ``.mat``."""
    return read_transform_file(path, notes=notes).matrix_m


def read_transform_file(path: Path | str, *, notes: list[str] | None = None) -> TransformFile:
    """The same, with the residual that ``register`` wrote beside it."""
    path, residual_m = existing(path), None
    if path.suffix.lower() in (".h5", ".hdf5"):
        rows = _inverse(steps_of_hdf5(path), path.name)
    elif path.suffix.lower() == ".mat":
        rows = _inverse(steps_of_mat(path), path.name)
    else:
        try:
            text = read_text(path)
            rows = _inverse(steps_of_text(text, path.name), path.name) if text.startswith(ITK_TEXT) else _plain(text)
        except ValueError as problem:
            raise InputError(
                f"{path.name}: expected four rows of four numbers (RAS, mm), or a transform of ITK: {problem}"
            ) from problem
        residual_m = _recorded_residual(text)
    return TransformFile(transform_m(rows, path.name, notes=notes), residual_m)


def write_transform(
    path: Path | str, matrix_m: ArrayLike, *, comments: Sequence[str] = (), residual_m: float | None = None
) -> None:
    """Write image to anatomy: a plain 4 x 4 in RAS millimetres, or as ``.tfm`` what 3D Slicer and ITK read."""
    path, matrix = Path(path), np.array(transform_mm(matrix_m))
    said = [*comments, *([] if residual_m is None else [f"{_RESIDUAL} = {residual_m * 1e3:.6g}"])]
    kind = path.suffix.lower()
    if kind not in (".txt", ".tfm"):
        raise InputError(
            f"{path.name}: cannot write this kind of transform; expected .txt (4 x 4, RAS, mm) or .tfm (3D Slicer, ITK)"
        )
    heads = [f"# {line}" for line in said]
    if kind == ".tfm":
        back = _LPS @ np.linalg.inv(matrix) @ _LPS
        lines = [
            f"{ITK_TEXT} V1.0",
            *heads,
            "#Transform 0",
            "Transform: AffineTransform_double_3_3",
            "Parameters: " + _words([*back[:3, :3].ravel(), *back[:3, 3]]),
            "FixedParameters: 0 0 0",
        ]
    else:
        lines = [*heads, *(_words(row) for row in matrix)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def transform_m(rows: ArrayLike, name: str, *, notes: list[str] | None = None) -> Array:
    """``rows`` with its shift in millimetres, checked, as ``(4, 4)`` in metres."""
    matrix = np.array(rows, float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{name}: expected four rows of four numbers (RAS, mm), got shape {matrix.shape}")
    if not np.allclose(matrix[3], [0, 0, 0, 1]):
        raise InputError(f"{name}: the last row is {matrix[3].tolist()}; expected 0 0 0 1")
    turn = matrix[:3, :3]
    if abs(np.linalg.det(turn)) < 1e-6:
        raise InputError(f"{name}: the matrix is singular: it flattens the image")
    if notes is not None and not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3):
        factor = abs(np.linalg.det(turn))
        notes.append(f"{name}: the transform is not rigid: it scales volumes by {factor:.3g}")
    if notes is not None and np.linalg.det(turn) < 0.0:
        notes.append(f"{name}: the transform mirrors the image: left and right, or LPS and RAS, may be mixed up")
    matrix[:3, 3] *= 1e-3
    return freeze(matrix)


def transform_mm(matrix_m: ArrayLike) -> Array:
    """A ``(4, 4)`` in metres with its shift in millimetres."""
    matrix = np.array(matrix_m, float)
    matrix[:3, 3] *= 1e3
    return freeze(matrix)


def _plain(text: str) -> Array:
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    return np.loadtxt(lines, ndmin=2) if lines else np.zeros((0, 0))


def _recorded_residual(text: str) -> float | None:
    found = re.search(rf"^#\s*{_RESIDUAL}\s*=\s*([0-9.eE+-]+)\s*$", text, re.M)
    try:
        return float(found[1]) * 1e-3 if found else None
    except ValueError:
        return None


def _inverse(steps: list[Step], name: str) -> Array:
    """The 4 x 4 in RAS millimetres that undoes an ITK transform."""
    matrix = _LPS @ compose_steps(steps, name) @ _LPS
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise InputError(f"{name}: the matrix is singular: it flattens the image")
    return np.linalg.inv(matrix)


def _words(numbers: ArrayLike) -> str:
    return " ".join(f"{float(x):.17g}" for x in np.asarray(numbers))
