"""The scene in a window: a time slider, a plane to cut with, a probe under the mouse, keys for what is shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from ..base.errors import MissingPart
from ..report.formats import at
from ..report.palette import INK, MUTED
from .live import PARTS, Live
from .stage import ViewOptions

KEYS = (
    "p  probe under the mouse    c  cut    d  dose or temperature    "
    + "    ".join(f"{key}  {words}" for key, words in enumerate(PARTS, start=1))
    + "    q  quit"
)


def open_window(run: Path, look: ViewOptions | None = None) -> None:
    """Show the scene until the window is closed."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise MissingPart("there is no display for a window: use --png FILE, --film FILE or --web")
    live = Live(run, look, off_screen=False, both=True)
    equip(live)
    live.plotter.show(title=f"thermoplan: {at(live.stage.plan, 'name', run)}")


def equip(live: Live) -> None:
    """Put slider, plane, probe and keys on a scene."""
    plotter = live.plotter
    first, last = live.session.times_s[[0, -1]] / 60.0
    plotter.add_slider_widget(
        lambda minutes: _moved(live, minutes),
        (first, last),
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
    plotter.add_key_event("p", lambda: _read(live, *plotter.iren.interactor.GetEventPosition()))
    plotter.add_key_event("c", lambda: _cut(live))
    plotter.add_key_event("d", lambda: _done(live, live.show_dose(not live.dose)))
    for key, part in enumerate(PARTS.values(), start=1):
        plotter.add_key_event(str(key), lambda part=part: _done(live, live.show(part, not _shown(live, part))))
    plotter.add_text(KEYS, position=(0.02, 0.965), viewport=True, font_size=9, color=MUTED, name="keys")


def _moved(live: Live, minutes: float) -> None:
    live.to(60.0 * minutes)
    live.plotter.render()


def _read(live: Live, x: int, y: int) -> None:
    if (point := live.under(x, y)) is not None:
        live.read(point)
        live.plotter.render()


def _cut(live: Live) -> None:
    """A plane to drag, or none."""
    if live.plane is None:
        live.clip("A")
        live.plotter.add_plane_widget(
            lambda normal, origin: live.clip_at(np.asarray(normal), np.asarray(origin)),
            color=MUTED,
            normal=live.plane.GetNormal(),
            origin=live.plane.GetOrigin(),
            bounds=live.body.bounds,
            factor=1.0,
            outline_translation=False,
            test_callback=False,
        )
    else:
        live.plotter.clear_plane_widgets()
        live.unclip()
    live.plotter.render()


def _shown(live: Live, part: str | tuple[str, ...]) -> bool:
    return any(actor.visibility for name, actor in live.plotter.actors.items() if name.startswith(part))


def _done(live: Live, _: None) -> None:
    live.plotter.render()
