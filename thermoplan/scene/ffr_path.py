"""The path of the field-free region and its half-power surface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array
from ..report.formats import at
from ..report.palette import INK, MUTED

if TYPE_CHECKING:
    import pyvista as pv

HALF_POWER = "FFR half power"


def centres(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """FFR centres sized by their share of the time."""
    path, share = _path(plan)
    if not len(path):
        return
    weight = np.sqrt(np.asarray(share, float) / max(*share, 1e-12))
    cloud = pv.PolyData(path.astype(float))
    cloud["size"] = 0.25 + 0.75 * weight
    balls = cloud.glyph(geom=pv.Icosphere(radius=0.7, nsub=2), scale="size", orient=False)
    balls.clear_data()
    plotter.add_mesh(balls, color=INK, name="FFR centres", smooth_shading=True)
    yield "FFR centre, by share of time", INK


def half_power_at_rest(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The half-power surface around the centre that has the largest share of the time."""
    path, share = _path(plan)
    surface = half_power(pv, plan)
    if surface is not None and len(path):
        surface.points += path[int(np.argmax(share))]
        plotter.add_mesh(surface, color=MUTED, opacity=0.16, name=HALF_POWER)
        yield "FFR, half power", MUTED


def _path(plan: Mapping[str, Any]) -> tuple[Array, list[float]]:
    """Positions ``(k, 3)`` in mm and their shares of the time; none where the plan does not have both."""
    path, share = np.reshape(at(plan, "trajectory.path_mm", []), (-1, 3)), at(plan, "trajectory.share", [])
    return (path, share) if len(share) == len(path) else (np.zeros((0, 3)), [])


def half_power(pv: Any, plan: Mapping[str, Any]) -> Any:
    """An ellipsoid about the drive axis for a point, a cylinder along the line for a line."""
    along, across = at(plan, "ffr.fwhm_along_mm"), at(plan, "ffr.fwhm_across_mm")
    drive = at(plan, "device.drive_axis")
    if along is None or across is None or drive is None or at(plan, "device.kind") == "uniform":
        return None
    line = at(plan, "device.line_axis")
    if at(plan, "device.kind") == "ffl" and line is not None:
        surface = pv.Cylinder(direction=(0, 0, 1), radius=1.0, height=1.0, resolution=24)
        return _turned(surface, np.array([along / 2, across / 2, 30.0]), drive, line)
    surface = pv.Sphere(radius=1.0, theta_resolution=24, phi_resolution=16)
    other = np.eye(3)[int(np.argmin(np.abs(drive)))]
    return _turned(surface, np.array([along / 2, across / 2, across / 2]), drive, np.cross(drive, other))


def _turned(surface: pv.PolyData, scale: Array, first: Array, third: Array) -> pv.PolyData:
    """``surface`` scaled along its axes, which then lie along ``first``, the normal of both, and ``third``."""
    a, c = (np.asarray(v, float) / np.linalg.norm(v) for v in (first, third))
    surface.points = (surface.points * scale) @ np.array([a, np.cross(c, a), c])
    return surface
