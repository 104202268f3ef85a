"""Window of the scene: a time slider, a plane to cut with, a probe under the mouse, keys that show and hide parts."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np

from ..base.errors import MissingPart
from ..report.formats import at
from ..report.palette import INK, MUTED
from .live_scene import PARTS, LiveScene
from .stage import ViewOptions

KEYS = (
    "p  probe under the mouse    c  cut    d  dose or temperature    "
    + "    ".join(f"{key}  {words}" for key, words in enumerate(PARTS, start=1))
    + "    q  quit"
)


def open_window(run: Path, options: ViewOptions | None = None) -> None:
    """Show the scene until the window is closed."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise MissingPart("there is no display for a window: use --png FILE, --film FILE or --web")
    live = LiveScene(run, options, off_screen=False, both=True)
    add_controls(live)
    live.plotter.show(title=f"thermoplan: {at(live.stage.plan, 'name', run)}")


def add_controls(live: LiveScene) -> None:
    """Add slider, plane, probe and keys to a scene."""
    plotter = live.plotter
    first, last = live.session.span_s
    plotter.add_slider_widget(
        lambda minutes: _move_to(live, minutes),
        (first / 60.0, last / 60.0),
        value=live.time_s / 60.0,
        title="time, min",
        pointa=(0.3, 0.1),
        pointb=(0.64, 0.1),
        color=INK,
        style="modern",
        fmt="%.1f",
        title_height=0.018,
        slider_width=0.012,
        tube_width=0.004,
    )
    plotter.add_key_event("p", lambda: _read_under(live, *plotter.iren.interactor.GetEventPosition()))
    plotter.add_key_event("c", lambda: _toggle_cut(live))
    plotter.add_key_event("d", lambda: _toggle_dose(live))
    for key, part in enumerate(PARTS.values(), start=1):
        plotter.add_key_event(str(key), partial(_toggle_part, live, part))
    plotter.add_text(KEYS, position=(0.02, 0.965), viewport=True, font_size=9, color=MUTED, name="keys")


def _move_to(live: LiveScene, minutes: float) -> None:
    live.to(60.0 * minutes)
    live.plotter.render()


def _read_under(live: LiveScene, x: int, y: int) -> None:
    if (point := live.pick(x, y)) is not None:
        live.read(point)
        live.plotter.render()


def _toggle_cut(live: LiveScene) -> None:
    """Set a plane that can be dragged, or take it away."""
    if live.plane is None:
        plane = live.clip("A")
        live.plotter.add_plane_widget(
            lambda normal, origin: live.clip_at(np.asarray(normal), np.asarray(origin)),
            color=MUTED,
            normal=plane.GetNormal(),
            origin=plane.GetOrigin(),
            bounds=live.body.bounds,
            factor=1.0,
            outline_translation=False,
            test_callback=False,
        )
    else:
        live.plotter.clear_plane_widgets()
        live.unclip()
    live.plotter.render()


def _toggle_dose(live: LiveScene) -> None:
    live.show_dose(not live.dose)
    live.plotter.render()


def _toggle_part(live: LiveScene, part: str | tuple[str, ...]) -> None:
    seen = any(actor.visibility for name, actor in live.plotter.actors.items() if name.startswith(part))
    live.show(part, not seen)
    live.plotter.render()
