"""Candidate positions of the field-free region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, BoolArray
from ..base.errors import InputError
from ..device import Device, FreeRegion

MOST_POSITIONS = 200
"""Positions at most: a heating basis has a column for each and each amplitude, and its time grows with their number."""
MOST_PLACES = 200_000
"""Places of a grid at most, before those near the regions are chosen: 5 MB, far more than `MOST_POSITIONS` leaves."""
_WIDER = 1.05
"""Factor by which a grid that is too fine is widened, so that a twentieth of the positions is lost at most a side."""


def candidate_positions(
    anatomy: Anatomy,
    regions: Sequence[str],
    *,
    device: Device,
    spacing_m: float | Sequence[float],
    margin_m: float = 0.0,
    most: int = MOST_POSITIONS,
) -> Array:
    """Positions ``(n, 3)`` worth trying: a grid over the regions and ``margin_m`` around them, in reach.

    ``spacing_m`` is one number or three: along the strong axis, across it, and along the line of a line (or
    across again). Nothing is gained by moving along a line or in a uniform field, so there the grid has one
    place. The grid is centred on the regions and widened until at most ``most`` positions are left.
    """
    cells = anatomy.cells(*regions)
    if len(cells) == 0:
        raise InputError(f"candidate positions: the regions {', '.join(regions)} have no element")
    volume = anatomy.volumes_m3[cells]
    centre = volume @ anatomy.centroids_m[cells] / volume.sum()
    axes, spacing = _grid_axes(device), np.broadcast_to(np.asarray(spacing_m, float), 3).copy()
    moved = 3 - device.region  # the last rows lie in the field-free region
    spacing[moved:] = np.inf
    tissue = anatomy.points_m[np.unique(anatomy.tets[cells])]
    reach = margin_m + 0.5 * float(np.cbrt(6.0 * np.sqrt(2.0) * volume.mean()))
    offsets = (tissue - centre) @ axes.T
    while _places(offsets, spacing, margin_m) > MOST_PLACES:
        spacing *= _WIDER
    while True:
        grid = _grid(offsets, spacing, margin_m) @ axes + centre
        near = grid[_is_near(grid, np.vstack([tissue, centre]), reach, axes[moved:])]
        if len(near) <= most:
            break
        spacing *= _WIDER
    reachable = near[device.reachable(near)]
    if len(reachable) == 0:
        raise InputError(
            [f"no position near {', '.join(regions)} is in reach", *device.violations(centers_m=centre[None])]
        )
    result: Array = reachable
    return result


def _grid_axes(device: Device) -> Array:
    """Axes of a grid as rows: strong, weak, line (or the other weak one)."""
    values, vectors = np.linalg.eigh(device.gradient_tensor())
    positive = device.region is FreeRegion.LINE or values[2] > -values[0]
    return vectors[:, [2, 0, 1] if positive else [0, 1, 2]].T


def _grid(offsets: Array, spacing: Array, margin_m: float) -> Array:
    """Grid over the offsets and their margin, the middle among its places, no wider than asked."""
    reach = np.abs(offsets).max(axis=0) + margin_m
    lines = [
        np.linspace(-r, r, 2 * int(np.ceil(r / s)) + 1) if np.isfinite(s) else np.zeros(1)
        for r, s in zip(reach, spacing, strict=True)
    ]
    return np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 3)


def _places(offsets: Array, spacing: Array, margin_m: float) -> float:
    """Number of places of such a grid."""
    return float(np.prod(2.0 * np.ceil((np.abs(offsets).max(axis=0) + margin_m) / spacing) + 1.0))


def _is_near(grid: Array, tissue: Array, reach_m: float, free: Array) -> BoolArray:
    """True for places within reach of tissue; distances along the directions ``free`` ``(k, 3)`` do not count."""
    across = np.eye(3) - free.T @ free
    result: BoolArray = np.isfinite(cKDTree(tissue @ across).query(grid @ across, distance_upper_bound=reach_m)[0])
    return result
