"""The machine about the animal: its axes, the outline of its bore, the drive's direction, the field-free line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array
from ..report.formats import at
from ..report.palette import GREY, INK, MUTED
from .camera import VIEW, trunk

if TYPE_CHECKING:
    import pyvista as pv

_RINGS, _STAVES = 3, 8
_AXIS_MM, _LETTER_MM = 6.0, 1.5
DRIVE = "#3a3f9c"


def machine(
    pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any], body: pv.UnstructuredGrid
) -> Iterator[tuple[str, str]]:
    """Draw the machine and the pose in it, in the anatomy's frame; yields rows of the legend."""
    if at(plan, "device.to_device") is None:
        return
    matrix = np.reshape(at(plan, "device.to_device"), (4, 4))
    axes, origin = matrix[:3, :3], -1e3 * matrix[:3, :3].T @ matrix[:3, 3]
    box = trunk(body)
    focus = _focus(plan, box)
    radius = at(plan, "device.bore_radius_mm")
    if radius is not None:
        _bore(pv, plotter, axes, origin, (float(radius), box))
        yield f"bore, {2 * radius:g} mm", GREY
    _axes(pv, plotter, axes, origin)
    yield "machine's x, y, z", MUTED
    size = 0.5 * float(np.linalg.norm(np.ptp(box, axis=1)))
    drive = np.asarray(at(plan, "device.drive_axis"), float)
    _arrow(pv, plotter, focus, drive, size)
    yield "drive field", DRIVE
    line = at(plan, "device.line_axis")
    if at(plan, "device.kind") == "ffl" and line is not None:
        half = np.asarray(line, float) * (radius or size)
        plotter.add_mesh(pv.Line(focus - half, focus + half).tube(radius=0.2), color=INK, name="field-free line")
        turns = ", which turns" if at(plan, "device.rotating") else ""
        yield f"field-free line{turns}", INK


def _focus(plan: Mapping[str, Any], box: Array) -> Array:
    """The centre that has the largest share of the time, in mm; the middle of the body where there is none."""
    path, share = np.reshape(at(plan, "trajectory.path_mm", []), (-1, 3)), at(plan, "trajectory.share", [])
    return path[int(np.argmax(share))] if len(path) and len(path) == len(share) else box.mean(axis=1)


def _bore(pv: Any, plotter: pv.Plotter, axes: Array, origin: Array, sizes: tuple[float, Array]) -> None:
    """Rings and staves of a tube about the machine's z, as long as the body."""
    radius, box = sizes
    corners = np.stack(np.meshgrid(*box, indexing="ij"), -1).reshape(-1, 3)
    along = (corners - origin) @ axes[2]
    ends = np.array([along.min(), along.max()])
    turn = np.linspace(0.0, 2.0 * np.pi, 97)
    ring = radius * (np.outer(np.cos(turn), axes[0]) + np.outer(np.sin(turn), axes[1]))
    lines = [ring + origin + place * axes[2] for place in np.linspace(*ends, _RINGS)]
    staves = ring[:-1][:: 96 // _STAVES]
    lines += [np.stack([stave + origin + place * axes[2] for place in ends]) for stave in staves]
    outline = pv.PolyData()
    for points in lines:
        outline = outline.append_polydata(pv.lines_from_points(points))
    actor = plotter.add_mesh(outline, color=GREY, opacity=0.5, line_width=1.5, name="bore", lighting=False)
    actor.UseBoundsOff()  # a viewer that frames what it sees frames the body


def _axes(pv: Any, plotter: pv.Plotter, axes: Array, origin: Array) -> None:
    """Short arrows from the machine's origin, with their letters."""
    towards = np.array(VIEW) / np.linalg.norm(VIEW)
    right = np.cross((0.0, 0.0, 1.0), towards) / np.linalg.norm(np.cross((0.0, 0.0, 1.0), towards))
    facing = np.array([right, np.cross(towards, right), towards])
    for letter, axis in zip("xyz", axes, strict=True):
        arrow = pv.Arrow(start=origin, direction=axis, scale=_AXIS_MM, tip_radius=0.06, shaft_radius=0.02)
        plotter.add_mesh(arrow, color=MUTED, name=f"machine {letter}")
        word = pv.Text3D(letter, depth=0.02, height=_LETTER_MM, center=(0.0, 0.0, 0.0))
        word.points = word.points @ facing + origin + 1.2 * _AXIS_MM * axis
        plotter.add_mesh(word, color=INK, name=f"machine letter {letter}")


def _arrow(pv: Any, plotter: pv.Plotter, middle: Array, axis: Array, size: float) -> None:
    """An arrow with two heads through the focus: the field swings both ways."""
    half = 0.35 * size
    shape = {"scale": half, "tip_length": 0.18, "tip_radius": 0.05, "shaft_radius": 0.014}
    both = [pv.Arrow(start=middle, direction=side * axis, **shape) for side in (1.0, -1.0)]
    plotter.add_mesh(both[0].append_polydata(both[1]), color=DRIVE, name="drive axis")
