"""Plan in three dimensions: organs, iron, isotherms and the path of the field-free region, in RAS millimetres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.progress import Listener, silent
from .notebook import Embedded, in_notebook
from .offline_page import build_offline_page
from .scene_assembly import plot_peak
from .stage import ViewOptions

if TYPE_CHECKING:
    from .live_scene import LiveScene
    from .stage import Plotter

__all__ = [
    "Embedded",
    "ViewOptions",
    "embed",
    "scene",
    "scene_at",
    "serve",
    "show",
    "write_film",
    "write_html",
    "write_png",
]


def scene(run: Path, options: ViewOptions | None = None) -> Plotter:
    """A plotter, off the screen, with everything that a run folder shows, at its peak."""
    return plot_peak(Path(run), options, off_screen=True)


def show(run: Path, options: ViewOptions | None = None) -> Embedded | None:
    """In a notebook the scene as a page in a frame, which turns; elsewhere a window with a time slider."""
    if in_notebook():
        return embed(run, options)
    from .window import open_window

    open_window(Path(run), options)
    return None


def embed(run: Path, options: ViewOptions | None = None) -> Embedded:
    """The scene at its peak, for the last line of a notebook's cell."""
    plotter = scene(run, options)
    page = build_offline_page(plotter)
    plotter.close()
    return Embedded(page)


def write_png(
    run: Path, path: Path, options: ViewOptions | None = None, *, minute: float | None = None, cut: str | None = None
) -> Path:
    """A picture of the scene: at its peak, or with ``minute`` or ``cut`` (R, A or S) of one moment of the session."""
    still = minute is None and cut is None
    plotter = scene(run, options) if still else scene_at(run, options, minute=minute, cut=cut).plotter
    plotter.enable_anti_aliasing("ssaa")
    plotter.screenshot(str(path))
    plotter.close()
    return Path(path)


def scene_at(
    run: Path, options: ViewOptions | None = None, *, minute: float | None = None, cut: str | None = None
) -> LiveScene:
    """The scene at one moment, the end of heating if not said."""
    from .live_scene import LiveScene

    live = LiveScene(run, options)
    if minute is not None:
        live.to(60.0 * minute)
    if cut is not None:
        live.clip(cut)
    return live


def write_film(run: Path, path: Path, options: ViewOptions | None = None, *, listener: Listener = silent) -> Path:
    """A film of the session, ``.mp4`` or ``.gif``."""
    from . import film

    return film.write_film(run, path, options, listener=listener)


def serve(
    run: Path, options: ViewOptions | None = None, *, port: int = 8081, tell: Callable[[str], None] = print
) -> None:
    """The scene with its controls in a browser on this machine, until interrupted; ``tell`` gets the address."""
    from . import web

    web.serve(run, options, port=port, tell=tell)


def write_html(run: Path, path: Path) -> Path:
    """The scene as one HTML file that turns in a browser without a network."""
    plotter = scene(run)
    page = build_offline_page(plotter)
    plotter.close()
    Path(path).write_text(page, encoding="utf-8")
    return Path(path)
