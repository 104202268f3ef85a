"""Gradients of ideal selection fields, per unit of gradient: symmetric and without trace, as Maxwell has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ...base.arrays import Array, finite, unit
from ...base.errors import InputError

ALIGNED_SINE = float(np.sin(np.radians(1.0)))
"""Sine of the angle within which two axes count as one. A pose is known to about a degree; at two, a line that leans
visibly out of its plane would pass, and at a tenth, an axis that a file gives with two digits would be refused."""

_ALONG = 1e-9
"""Part of a unit vector across a line that is rounding; ten times as much is still no direction to rely on."""


def point_tensor(strong: Array) -> Array:
    """``(3, 3)`` of a field-free point: 1 along the strong axis, -1/2 across it."""
    return 1.5 * np.outer(strong, strong) - 0.5 * np.eye(3)


def line_tensor(line: Array, preferred: Array) -> Array:
    """``(3, 3)`` of a field-free line: 1 along ``preferred`` less its part along the line, -1 across both."""
    across = preferred - (preferred @ line) * line
    if np.linalg.norm(across) <= _ALONG:
        other = np.eye(3)[np.argmin(np.abs(line))]
        across = other - (other @ line) * line
    strong = across / np.linalg.norm(across)
    weak = np.cross(line, strong)
    return np.outer(strong, strong) - np.outer(weak, weak)


def turned_lines(line: Array, about: Array, count: int) -> Array:
    """``(count, 3)`` directions of a line that turns about an axis, evenly over a half-turn, itself first."""
    angle = np.pi * np.arange(count)[:, None] / count
    return np.cos(angle) * line + np.sin(angle) * np.cross(unit(about), line)


def to_anatomy(tensor: Array, to_device: Array) -> Array:
    """A ``(3, 3)`` of the machine's frame in the anatomy's; ``to_device`` is ``(4, 4)``, anatomy to machine."""
    turn = to_device[:3, :3]
    return turn.T @ tensor @ turn


def axis_text(axis: Array) -> str:
    """Three digits of each component, for a message."""
    return " ".join(f"{v:.3g}" for v in axis)


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
