"""Gradients of ideal selection fields, per unit of gradient: symmetric and without trace, as Maxwell has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..base.arrays import Array, finite, unit
from ..base.errors import InputError


def point_tensor(strong: Array) -> Array:
    """``(3, 3)`` of a field-free point: 1 along the strong axis, -1/2 across it."""
    return 1.5 * np.outer(strong, strong) - 0.5 * np.eye(3)


def line_tensor(line: Array, preferred: Array) -> Array:
    """``(3, 3)`` of a field-free line: 1 along ``preferred`` less its part along the line, -1 across both."""
    strong = _across(preferred, line)
    if strong is None:
        strong = _across(np.eye(3)[np.argmin(np.abs(line))], line)
    weak = np.cross(line, strong)
    return np.outer(strong, strong) - np.outer(weak, weak)


def turned_lines(line: Array, about: Array, count: int) -> Array:
    """``(count, 3)`` directions of a line that turns about an axis, evenly over a half-turn, itself first."""
    angle = np.pi * np.arange(count)[:, None] / count
    return np.cos(angle) * line + np.sin(angle) * np.cross(unit(about), line)


def _across(vector: Array, axis: Array) -> Array | None:
    rest = vector - (vector @ axis) * axis
    size = np.linalg.norm(rest)
    return rest / size if size > 1e-9 else None


def traceless(tensor: ArrayLike, *, tolerance: float = 1e-6) -> Array:
    """A ``(3, 3)`` gradient tensor, refused unless symmetric and free of trace, as Maxwell has it."""
    g = finite(tensor, "gradient tensor")
    size = np.abs(g).max()
    if g.shape != (3, 3) or size == 0.0:
        raise InputError("gradient tensor: expected 3 x 3 numbers, not all zero")
    if abs(np.trace(g)) > tolerance * size:
        raise InputError(
            f"gradient tensor: its trace is {np.trace(g):g} T/m, not 0: a static field without "
            "sources has none; check the three diagonal entries"
        )
    if np.abs(g - g.T).max() > tolerance * size:
        raise InputError("gradient tensor: not symmetric: a static field without currents is")
    return g
