"""Camera of the scene, and the compass arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array
from ..report.palette import INK, MUTED

if TYPE_CHECKING:
    import pyvista as pv


VIEW = (0.75, 1.0, 0.35)
"""From the body's front and right, and a little above."""


def compass(pv: Any, plotter: pv.Plotter, body: pv.UnstructuredGrid) -> None:
    """Arrows to the right, anterior and superior, at the lower left of the body, with their letters."""
    length = 0.1 * float(np.linalg.norm(np.ptp(trunk(body), axis=1)))
    towards = np.array(VIEW) / np.linalg.norm(VIEW)
    right = np.cross((0.0, 0.0, 1.0), towards) / np.linalg.norm(np.cross((0.0, 0.0, 1.0), towards))
    facing = np.array([right, np.cross(towards, right), towards])
    bounds = trunk(body)
    reach = np.abs(right) @ (bounds[:, 1] - bounds[:, 0]) / 2.0
    low = bounds.mean(axis=1) - (reach + 1.2 * length) * right
    low[2] = bounds[2, 0] + 0.5 * length
    for k, letter in enumerate("RAS"):
        direction = np.eye(3)[k]
        arrow = pv.Arrow(start=low, direction=direction, scale=length, tip_radius=0.07, shaft_radius=0.022)
        plotter.add_mesh(arrow, color=MUTED, name=f"axis {letter}")
        word = pv.Text3D(letter, depth=0.02, height=0.3 * length, center=(0.0, 0.0, 0.0))
        word.points = word.points @ facing + low + 1.2 * length * direction
        plotter.add_mesh(word, color=INK, name=f"letter {letter}")


def aim(plotter: pv.Plotter, body: pv.UnstructuredGrid) -> None:
    """Looking at the body from its front and right, head up."""
    plotter.enable_parallel_projection()
    plotter.view_vector(VIEW, viewup=(0.0, 0.0, 1.0))
    plotter.reset_camera(bounds=trunk(body).ravel())
    plotter.camera.zoom(1.1)


def trunk(body: pv.UnstructuredGrid) -> Array:
    """Low and high end along R, A, S ``(3, 2)`` of what holds nearly all the volume: no tail, no whiskers."""
    sizes = body.compute_cell_sizes(length=False, area=False)["Volume"]
    ends = []
    for along in body.cell_centers().points.T:
        order = np.argsort(along)
        share = np.cumsum(sizes[order]) / sizes.sum()
        ends.append(along[order][np.searchsorted(share, (0.004, 0.996))])
    middle, half = np.mean(ends, axis=1), 1.08 * np.ptp(ends, axis=1) / 2.0
    return np.column_stack([middle - half, middle + half])
