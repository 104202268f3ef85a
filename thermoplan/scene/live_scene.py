"""Scene at any moment of the session: surfaces and focus are drawn anew, a plane cuts, a virtual probe reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..base.arrays import Array, BoolArray
from ..report.formats import at
from ..report.palette import INK, MUTED, PROBE
from .body import ISODOSES, ISOTHERMS, IsoLevels, draw_isosurfaces
from .ffr_path import HALF_POWER, half_power_surface
from .scene_assembly import draw_parts
from .session_fields import DOSE, TEMPERATURE, FieldReading, SessionFields, read_session
from .stage import LegendRow, Plotter, Stage, ViewOptions, open_stage

if TYPE_CHECKING:
    import pyvista as pv
    from vtkmodules.vtkCommonDataModel import vtkPlane

NORMALS = {"R": (-1.0, 0.0, 0.0), "A": (0.0, -1.0, 0.0), "S": (0.0, 0.0, -1.0)}
"""A plane cuts away what lies to the right, in front or above."""
MACHINE = ("machine", "bore", "drive axis", "field-free line")
PARTS: Mapping[str, str | tuple[str, ...]] = {"organs": "region", "iron": "iron", "FFR": "FFR", "machine": MACHINE}
"""What can be shown or hidden, and how the names of its actors begin."""

# Names of actors.
CUT = "cut"
OUTLINES = "cut outlines"
MARK = "reading"
CLOCK = "clock"
WORDS = "reading words"


class LiveScene:
    """A scene with a clock, a clipping plane and a probe; every change leaves the plotter ready to be rendered.

    Parameters
    ----------
    run
        A run folder with ``fields.vtkhdf``.
    both
        True names the surfaces of temperature and of dose in the legend, because one may change to the other.
    """

    def __init__(
        self, run: Path | str, options: ViewOptions | None = None, *, off_screen: bool = True, both: bool = False
    ) -> None:
        self.stage: Stage = open_stage(Path(run), options or ViewOptions(), off_screen=off_screen)
        self.session: SessionFields = read_session(Path(run), self.stage.plan, self.stage.body)
        self.dose = self.stage.options.dose
        self.both = both
        self.plane: vtkPlane | None = None
        self.probe_mm: Array | None = None
        self._half_power = half_power_surface(self.stage.pyvista, self.stage.plan)
        self._range_c = _cut_range_c(self.session)
        self._hot = _extract_hot_part(self.stage.body, self.session)
        draw_parts(self.stage, self._isosurface_rows(), self._focus_rows())
        self.time_s = 0.0
        self.to(float(at(self.stage.plan, "timing.heating_end_s", self.session.times_s[-1])))

    @property
    def plotter(self) -> Plotter:
        return self.stage.plotter

    @property
    def body(self) -> pv.UnstructuredGrid:
        return self.stage.body

    def to(self, time_s: float) -> None:
        """Move to a moment of the session."""
        self.time_s = float(np.clip(time_s, *self.session.times_s[[0, -1]]))
        for name, values in self.session.fields(self.time_s).items():
            self.body.point_data[name] = values
        self._draw_surfaces()
        self._draw_focus()
        self._draw_cut()
        if self.probe_mm is not None:
            self.read(self.probe_mm)
        self.plotter.add_text(
            self._clock(), position=(0.36, 0.02), viewport=True, font_size=12, color=INK, name=CLOCK, render=False
        )

    def show_dose(self, dose: bool) -> None:
        """Show surfaces of dose, or of temperature."""
        gone = ISOTHERMS if dose else ISODOSES
        for level in gone.colours:
            self.plotter.remove_actor(f"{gone.name} {level:g}", render=False)
        self.dose = dose
        self._draw_surfaces()

    def show(self, part: str | tuple[str, ...], visible: bool) -> None:
        """Show or hide all actors whose name begins with ``part``, such as "region", "iron" or one of ``PARTS``."""
        for name, actor in self.plotter.actors.items():
            if name.startswith(part):
                actor.visibility = visible

    def clip(self, axis: str, position_mm: float | None = None) -> vtkPlane:
        """Cut away what lies to the R, A or S of a place (the hottest point if not said); the cut shows the field."""
        middle = np.array(at(self.stage.plan, "hottest.position_mm", self.body.center), float)
        k = "RAS".index(axis)
        middle[k] = middle[k] if position_mm is None else position_mm
        return self.clip_at(NORMALS[axis], middle)

    def clip_at(self, normal: Sequence[float] | Array, origin_mm: Array) -> vtkPlane:
        """Cut away what lies against ``normal`` from a point."""
        from vtkmodules.vtkCommonDataModel import vtkPlane

        self.unclip()
        plane = vtkPlane()
        plane.SetNormal([float(v) for v in normal])
        plane.SetOrigin([float(v) for v in origin_mm])
        self.plane = plane
        self._clip_all()
        self._draw_cut()
        return plane

    def unclip(self) -> None:
        """Take the clipping plane away."""
        for actor in self._actors_to_clip():
            actor.mapper.RemoveAllClippingPlanes()
        self.plane = None
        self._undraw_cut()
        if self.plotter.scalar_bars:
            self.plotter.remove_scalar_bar(render=False)

    def pick(self, x: float, y: float) -> Array | None:
        """Pick what lies under a pixel, counted from the lower left corner: the cut, else an organ, else the skin."""
        from vtkmodules.vtkRenderingCore import vtkCellPicker

        for part in (CUT, "region", "body"):
            picker = vtkCellPicker()
            picker.PickFromListOn()
            for name, actor in self.plotter.actors.items():
                if name.startswith(part) and name != OUTLINES and actor.visibility:
                    picker.AddPickList(actor)
            if picker.Pick(x, y, 0.0, self.plotter.renderer) and picker.GetCellId() >= 0:
                return np.array(picker.GetPickPosition())
        return None

    def read(self, point_mm: Array) -> FieldReading:
        """Mark a point and return temperature, dose and region there."""
        self.probe_mm = np.asarray(point_mm, float)
        found = self.session.reading(self.body, self.probe_mm, self.time_s)
        ball = self.stage.pyvista.Sphere(radius=0.5, center=found.position_mm)
        self.plotter.add_mesh(ball, color=PROBE, name=MARK, reset_camera=False, render=False, pickable=False)
        self.plotter.add_text(
            str(found), position=(0.7, 0.88), viewport=True, font_size=12, color=PROBE, name=WORDS, render=False
        )
        return found

    def picture(self) -> NDArray[np.uint8]:
        """The scene as it is now ``(rows, columns, 3)``."""
        self.plotter.render()
        return np.asarray(self.plotter.screenshot(None, return_img=True))

    def close(self) -> None:
        """Close the plotter, which frees its window."""
        self.plotter.close()

    def _draw_surfaces(self) -> None:
        levels, field = (ISODOSES, DOSE) if self.dose else (ISOTHERMS, TEMPERATURE)
        self._hot[field] = self.body.point_data[field][self._hot["vtkOriginalPointIds"]]
        draw_isosurfaces(self.plotter, self._hot, field, levels)
        self._clip_all()

    def _draw_focus(self) -> None:
        place = self.session.focus_mm(self.time_s)
        if self._half_power is None or place is None:
            self.plotter.remove_actor(HALF_POWER, render=False)
            return
        ball = self._half_power.translate(place, inplace=False)
        self.plotter.add_mesh(
            ball, color=MUTED, opacity=0.16, name=HALF_POWER, reset_camera=False, render=False, pickable=False
        )
        self._clip_all()

    def _draw_cut(self) -> None:
        if self.plane is None:
            return
        normal, origin = self.plane.GetNormal(), self.plane.GetOrigin()
        cut = self.body.slice(normal=normal, origin=origin)
        if not cut.n_points:
            self._undraw_cut()
            return
        bar = {
            "title": "temperature, °C\n",
            "color": INK,
            "fmt": "%.1f",
            "n_labels": 4,
            "width": 0.3,
            "position_x": 0.65,
            "position_y": 0.03,
            "title_font_size": 18,
            "label_font_size": 16,
        }
        self.plotter.add_mesh(
            cut,
            scalars=TEMPERATURE,
            cmap="inferno",
            clim=self._range_c,
            name=CUT,
            lighting=False,
            reset_camera=False,
            render=False,
            scalar_bar_args=bar,
        )
        organs = [
            actor.mapper.dataset.slice(normal=normal, origin=origin)
            for name, actor in self.plotter.actors.items()
            if name.startswith("region") and actor.visibility
        ]
        if edges := [organ for organ in organs if organ.n_points]:
            nearer = 0.05 * np.array(normal)
            self.plotter.add_mesh(
                self.stage.pyvista.merge(edges).translate(-nearer, inplace=False),
                color="white",
                line_width=1.5,
                opacity=0.8,
                name=OUTLINES,
                lighting=False,
                reset_camera=False,
                render=False,
                pickable=False,
            )

    def _undraw_cut(self) -> None:
        for name in (CUT, OUTLINES):
            self.plotter.remove_actor(name, render=False)

    def _clip_all(self) -> None:
        if self.plane is None:
            return
        for actor in self._actors_to_clip():
            actor.mapper.RemoveAllClippingPlanes()
            actor.mapper.AddClippingPlane(self.plane)

    def _actors_to_clip(self) -> Iterator[pv.Actor | pv.Volume]:
        """Actors that a plane cuts: neither words nor arrows nor the machine nor the cut itself."""
        for name, actor in self.plotter.actors.items():
            solid = isinstance(actor, self.stage.pyvista.Actor | self.stage.pyvista.Volume)
            if solid and not name.startswith(("axis", "letter", CUT, MARK, *MACHINE)):
                yield actor

    def _clock(self) -> str:
        end = at(self.stage.plan, "timing.heating_end_s", self.session.times_s[-1])
        what = "heating" if self.time_s <= end + 1e-6 else "cooling down"
        hottest = float(self.body.point_data[TEMPERATURE].max())
        return f"{self.time_s / 60.0:.1f} min, {what}, hottest {hottest:.1f} °C"

    def _isosurface_rows(self) -> Iterator[LegendRow]:
        """Legend of the surfaces that come at any time."""
        most = {name: frames.max() for name, frames in self.session.steps.fields.items()}
        for levels, field, words in ((ISOTHERMS, TEMPERATURE, "{:g} °C"), (ISODOSES, DOSE, "CEM43 {:g} min")):
            if self.both or (field == DOSE) == self.dose:
                yield from (
                    (words.format(level), colour) for level, colour in levels.colours.items() if level < most[field]
                )

    def _focus_rows(self) -> Iterator[LegendRow]:
        if self._half_power is not None and len(self.session.stops_mm):
            yield "FFR, half power", MUTED


def _extract_hot_part(body: pv.UnstructuredGrid, session: SessionFields) -> pv.UnstructuredGrid:
    """Elements that any surface may cross, so that a surface is quickly found."""

    def over(field: str, levels: IsoLevels) -> BoolArray:
        return np.asarray(session.steps.fields[field].max(axis=0) > min(levels.colours))

    crossed = np.flatnonzero(over(TEMPERATURE, ISOTHERMS) | over(DOSE, ISODOSES)).tolist()
    hot: pv.UnstructuredGrid
    hot = body.extract_points(crossed, adjacent_cells=True) if crossed else body.extract_cells([0])
    return hot


def _cut_range_c(session: SessionFields) -> tuple[float, float]:
    """Colour range of the cut: from what nearly all of the body is above, to the hottest at any time."""
    frames = session.steps.fields[TEMPERATURE]
    return float(np.floor(np.percentile(frames[0], 2))), float(np.ceil(max(frames.max(), 43.0)))
