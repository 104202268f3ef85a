"""4 x 4 transforms from text files: RAS millimetres in the file, metres inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, frozen
from ..errors import InputError
from .images import existing


def read_transform(path: Path | str, *, notes: list[str] | None = None) -> Array:
    """A 4 x 4 matrix of numbers, ``(4, 4)`` in metres; ``#`` starts a comment."""
    path = existing(path)
    try:
        rows = np.loadtxt(path, ndmin=2)
    except (ValueError, UnicodeDecodeError) as problem:
        raise InputError(f"{path.name}: expected four rows of four numbers (RAS, mm): {problem}") from problem
    return transform_m(rows, path.name, notes=notes)


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
    matrix[:3, 3] *= 1e-3
    return frozen(matrix)
