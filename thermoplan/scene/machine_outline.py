"""Machine about the animal: its axes, the outline of its bore, the drive's direction, the field-free line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array
from ..device.kinds import FreeRegion, free_region
from ..report.formats import at
from ..report.palette import GREY, INK, MUTED
from .camera import letter_surface, trunk_bounds
from .ffr_path import positions_and_shares
from .stage import LegendRow, Stage

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

# Rings and staves that outline the bore: enough to read a tube; more of them hide the animal.
_RINGS = 3
_STAVES = 8
_TURN = 96  # straight parts of a ring, a multiple of the staves; a polygon of half as many shows its corners
_AXIS_MM = 6.0
_LETTER_MM = 1.5
DRIVE = "#3a3f9c"


def draw_machine(stage: Stage) -> Iterator[LegendRow]:
    """Draw the machine and the pose in it, in the anatomy's frame; yields rows of the legend."""
    plan, library = stage.plan, stage.pyvista
    if at(plan, "device.to_device") is None:
        return
    matrix = np.reshape(at(plan, "device.to_device"), (4, 4))
    axes, origin = matrix[:3, :3], -1e3 * matrix[:3, :3].T @ matrix[:3, 3]
    box = trunk_bounds(stage.body)
    focus = _main_focus(plan, box)
    radius = at(plan, "device.bore_radius_mm")
    if radius is not None:
        _draw_bore(stage, axes, origin, float(radius))
        yield f"bore, {2 * radius:g} mm", GREY
    _draw_axes(stage, axes, origin)
    yield "machine's x, y, z", MUTED
    size = 0.5 * float(np.linalg.norm(np.ptp(box, axis=1)))
    drive = np.asarray(at(plan, "device.drive_axis"), float)
    _draw_drive(stage, focus, drive, size)
    yield "drive field", DRIVE
    line = at(plan, "device.line_axis")
    if free_region(at(plan, "device.kind")) is FreeRegion.LINE and line is not None:
        half = np.asarray(line, float) * (radius or size)
        tube = library.Line(focus - half, focus + half).tube(radius=0.2)
        stage.plotter.add_mesh(tube, color=INK, name="field-free line")
        turns = ", which turns" if at(plan, "device.rotating") else ""
        yield f"field-free line{turns}", INK


def _main_focus(plan: PlanRecord, box: Array) -> Array:
    """Centre that has the largest share of the time, in mm; the middle of the body where there is none."""
    path, share = positions_and_shares(plan)
    focus: Array = path[int(np.argmax(share))] if len(path) else box.mean(axis=1)
    return focus


def _draw_bore(stage: Stage, axes: Array, origin: Array, radius: float) -> None:
    """Rings and staves of a tube about the machine's z, as long as the body."""
    corners = np.stack(np.meshgrid(*trunk_bounds(stage.body), indexing="ij"), -1).reshape(-1, 3)
    along = (corners - origin) @ axes[2]
    low, high = along.min(), along.max()
    turn = np.linspace(0.0, 2.0 * np.pi, _TURN + 1)
    ring = radius * (np.outer(np.cos(turn), axes[0]) + np.outer(np.sin(turn), axes[1]))
    lines = [ring + origin + place * axes[2] for place in np.linspace(low, high, _RINGS)]
    staves = ring[:-1][:: _TURN // _STAVES]
    lines += [np.stack([stave + origin + place * axes[2] for place in (low, high)]) for stave in staves]
    outline = stage.pyvista.PolyData()
    for points in lines:
        outline = outline.append_polydata(stage.pyvista.lines_from_points(points))
    actor = stage.plotter.add_mesh(outline, color=GREY, opacity=0.5, line_width=1.5, name="bore", lighting=False)
    actor.UseBoundsOff()  # a viewer that frames what it sees frames the body


def _draw_axes(stage: Stage, axes: Array, origin: Array) -> None:
    """Short arrows from the machine's origin, with their letters."""
    for letter, axis in zip("xyz", axes, strict=True):
        arrow = stage.pyvista.Arrow(start=origin, direction=axis, scale=_AXIS_MM, tip_radius=0.06, shaft_radius=0.02)
        stage.plotter.add_mesh(arrow, color=MUTED, name=f"machine {letter}")
        word = letter_surface(stage.pyvista, letter, _LETTER_MM, origin + 1.2 * _AXIS_MM * axis)
        stage.plotter.add_mesh(word, color=INK, name=f"machine letter {letter}")


def _draw_drive(stage: Stage, middle: Array, axis: Array, size: float) -> None:
    """An arrow with two heads through the focus: the field swings both ways."""
    half = 0.35 * size
    shape = {"scale": half, "tip_length": 0.18, "tip_radius": 0.05, "shaft_radius": 0.014}
    both = [stage.pyvista.Arrow(start=middle, direction=side * axis, **shape) for side in (1.0, -1.0)]
    stage.plotter.add_mesh(both[0].append_polydata(both[1]), color=DRIVE, name="drive axis")
