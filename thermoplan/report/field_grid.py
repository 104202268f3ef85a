"""Fields on a regular grid, packed small, for the page's linked slices."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array
from .slicing import window

VOXELS = 250_000
OUTSIDE = 255
"""Region number of what is not in the body; more regions than this are not told apart."""


def write_volume(
    anatomy: Anatomy, fields: Mapping[str, tuple[Array, float, float, str]], through_m: Array, path: Path
) -> Path:
    """Write a JSON file of bytes, x fastest, gzipped: a block a field, then the regions.

    Parameters
    ----------
    fields
        ``name -> (nodal values (n,), low, high, colour map)``; a byte is 0 at low and 255 at high.
    through_m
        ``(3,)`` the point whose surroundings are shown.
    """
    low, high = window(anatomy, np.asarray(through_m, float))
    step = float(((high - low).prod() / VOXELS) ** (1 / 3))
    ticks = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    cell, weights = anatomy.located(_points(ticks))
    blocks = [_bytes(anatomy, nodal, a, b, cell, weights) for nodal, a, b, _ in fields.values()]
    region = np.where(cell >= 0, np.minimum(anatomy.region[cell], OUTSIDE - 1), OUTSIDE).astype(np.uint8)
    packed = gzip.compress(b"".join(block.tobytes() for block in [*blocks, region]), mtime=0)
    path.write_text(
        json.dumps(
            {
                "shape": [len(t) for t in ticks],
                "low_mm": [1e3 * float(t[0]) for t in ticks],
                "step_mm": 1e3 * step,
                "fields": {
                    name: {"block": k, "low": a, "high": b, "colours": _colours(m)}
                    for k, (name, (_, a, b, m)) in enumerate(fields.items())
                },
                "regions": list(anatomy.region_names),
                "at_mm": [1e3 * float(v) for v in through_m],
                "data": base64.b64encode(packed).decode("ascii"),
            }
        ),
        encoding="utf-8",
    )
    return path


def _points(ticks: list[Array]) -> Array:
    z, y, x = np.meshgrid(*ticks[::-1], indexing="ij")
    return np.column_stack([x.ravel(), y.ravel(), z.ravel()])


def _bytes(
    anatomy: Anatomy, nodal: Array, low: float, high: float, cell: NDArray[np.int64], weights: Array
) -> NDArray[np.uint8]:
    values = (nodal[anatomy.tets[cell]] * weights).sum(axis=1)  # outside, weights are zero
    return np.clip(np.rint(255.0 * (values - low) / (high - low)), 0, 255).astype(np.uint8)


def _colours(name: str) -> str:
    """256 colours as base64 of red, green, blue."""
    from matplotlib import colormaps

    table = np.asarray(colormaps[name](np.arange(256), bytes=True))[:, :3]
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode("ascii")
