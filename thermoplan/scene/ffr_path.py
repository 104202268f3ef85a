"""Path of the field-free region, and its half-power surface."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array
from ..device.kinds import FreeRegion, free_region
from ..report.formats import at
from ..report.palette import INK, MUTED
from .stage import LegendRow, Stage

if TYPE_CHECKING:
    import pyvista as pv

    from ..files.run.plan_record import PlanRecord

HALF_POWER = "FFR half power"
# Drawn length of a line's half-power cylinder, in mm: a little more than a mouse is wide, so that it is seen to go on.
LINE_MM = 30.0


def draw_ffr_centres(stage: Stage) -> Iterator[LegendRow]:
    """FFR centres sized by their share of the time."""
    path, share = positions_and_shares(stage.plan)
    if not len(path):
        return
    weight = np.sqrt(share / max(*share, 1e-12))
    cloud = stage.pyvista.PolyData(path)
    cloud["size"] = 0.25 + 0.75 * weight
    balls = cloud.glyph(geom=stage.pyvista.Icosphere(radius=0.7, nsub=2), scale="size", orient=False)
    balls.clear_data()
    stage.plotter.add_mesh(balls, color=INK, name="FFR centres", smooth_shading=True)
    yield "FFR centre, by share of time", INK


def draw_half_power_at_rest(stage: Stage) -> Iterator[LegendRow]:
    """The half-power surface around the centre that has the largest share of the time."""
    path, share = positions_and_shares(stage.plan)
    surface = half_power_surface(stage.pyvista, stage.plan)
    if surface is not None and len(path):
        surface.points += path[int(np.argmax(share))]
        stage.plotter.add_mesh(surface, color=MUTED, opacity=0.16, name=HALF_POWER)
        yield "FFR, half power", MUTED


def positions_and_shares(plan: PlanRecord) -> tuple[Array, Array]:
    """FFR positions ``(k, 3)`` in mm and their shares of the time ``(k,)``; none where the plan does not have both."""
    path = np.reshape(np.array(at(plan, "trajectory.path_mm", []), float), (-1, 3))
    share = np.array(at(plan, "trajectory.share", []), float)
    return (path, share) if len(share) == len(path) else (np.zeros((0, 3)), np.zeros(0))


def half_power_surface(library: ModuleType, plan: PlanRecord) -> pv.PolyData | None:
    """An ellipsoid about the drive axis for a point, a cylinder along the line for a line."""
    along, across = at(plan, "ffr.fwhm_along_mm"), at(plan, "ffr.fwhm_across_mm")
    drive = at(plan, "device.drive_axis")
    region = free_region(at(plan, "device.kind"))
    if along is None or across is None or drive is None or region is FreeRegion.EVERYWHERE:
        return None
    line = at(plan, "device.line_axis")
    if region is FreeRegion.LINE and line is not None:
        cylinder = library.Cylinder(direction=(0, 0, 1), radius=1.0, height=1.0, resolution=24)
        return _orient_surface(cylinder, np.array([along / 2, across / 2, LINE_MM]), drive, line)
    ball = library.Sphere(radius=1.0, theta_resolution=24, phi_resolution=16)
    other = np.eye(3)[int(np.argmin(np.abs(drive)))]
    return _orient_surface(ball, np.array([along / 2, across / 2, across / 2]), drive, np.cross(drive, other))


def _orient_surface(surface: pv.PolyData, scale: Array, first: Array, third: Array) -> pv.PolyData:
    """``surface`` scaled along its axes, which then lie along ``first``, the normal of both, and ``third``."""
    a, c = (np.asarray(v, float) / np.linalg.norm(v) for v in (first, third))
    surface.points = (surface.points * scale) @ np.array([a, np.cross(c, a), c])
    return surface
