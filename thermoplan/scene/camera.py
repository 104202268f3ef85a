"""Camera of the scene, and the compass arrows."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array
from ..report.palette import INK, MUTED
from .stage import Stage

if TYPE_CHECKING:
    import pyvista as pv


VIEW = (0.75, 1.0, 0.35)
"""From the body's front and right, and a little above."""


def draw_compass(stage: Stage) -> None:
    """Arrows to the right, anterior and superior, at the lower left of the body, with their letters."""
    bounds = trunk_bounds(stage.body)
    length = 0.1 * float(np.linalg.norm(np.ptp(bounds, axis=1)))
    right = facing_axes()[0]
    reach = np.abs(right) @ (bounds[:, 1] - bounds[:, 0]) / 2.0
    low = bounds.mean(axis=1) - (reach + 1.2 * length) * right
    low[2] = bounds[2, 0] + 0.5 * length
    for letter, direction in zip("RAS", np.eye(3), strict=True):
        arrow = stage.pyvista.Arrow(start=low, direction=direction, scale=length, tip_radius=0.07, shaft_radius=0.022)
        stage.plotter.add_mesh(arrow, color=MUTED, name=f"axis {letter}")
        word = letter_surface(stage.pyvista, letter, 0.3 * length, low + 1.2 * length * direction)
        stage.plotter.add_mesh(word, color=INK, name=f"letter {letter}")


def letter_surface(library: ModuleType, letter: str, height: float, place: Array) -> pv.PolyData:
    """A letter at a place, facing the camera."""
    word: pv.PolyData = library.Text3D(letter, depth=0.02, height=height, center=(0.0, 0.0, 0.0))
    word.points = word.points @ facing_axes() + place
    return word


def facing_axes() -> Array:
    """Right, up and forward of the picture, as rows ``(3, 3)`` in RAS."""
    towards = np.array(VIEW) / np.linalg.norm(VIEW)
    right = np.cross((0.0, 0.0, 1.0), towards) / np.linalg.norm(np.cross((0.0, 0.0, 1.0), towards))
    return np.array([right, np.cross(towards, right), towards])


def aim_camera(stage: Stage) -> None:
    """Look at the body from its front and right, head up."""
    stage.plotter.enable_parallel_projection()
    stage.plotter.view_vector(VIEW, viewup=(0.0, 0.0, 1.0))
    stage.plotter.reset_camera(bounds=trunk_bounds(stage.body).ravel())
    stage.plotter.camera.zoom(1.1)


def trunk_bounds(body: pv.UnstructuredGrid) -> Array:
    """Low and high end along R, A, S ``(3, 2)`` of what holds nearly all the volume: no tail, no whiskers."""
    sizes = body.compute_cell_sizes(length=False, area=False)["Volume"]
    ends = []
    for along in body.cell_centers().points.T:
        order = np.argsort(along)
        share = np.cumsum(sizes[order]) / sizes.sum()
        ends.append(along[order][np.searchsorted(share, (0.004, 0.996))])
    middle, half = np.mean(ends, axis=1), 1.08 * np.ptp(ends, axis=1) / 2.0
    return np.column_stack([middle - half, middle + half])
