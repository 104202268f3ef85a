"""The plan in three dimensions: organs, iron, isotherms and the path of the field-free region, in RAS millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..base.progress import Listener, silent
from .notebook import Embedded, in_notebook
from .offline_page import offline_page
from .stage import ViewOptions, staged

if TYPE_CHECKING:
    import pyvista as pv

    from .live import Live

__all__ = [
    "Embedded",
    "ViewOptions",
    "embedded",
    "moment",
    "scene",
    "serve",
    "show",
    "write_film",
    "write_html",
    "write_png",
]


def scene(run: Path, look: ViewOptions | None = None) -> pv.Plotter:
    """A plotter, off the screen, with everything that a run folder shows, at its peak."""
    return staged(Path(run), look, off_screen=True)


def show(run: Path, look: ViewOptions | None = None) -> Embedded | None:
    """In a notebook the scene as a page in a frame, which turns; elsewhere a window with a time slider."""
    if in_notebook():
        return embedded(run, look)
    from .window import open_window

    open_window(Path(run), look)
    return None


def embedded(run: Path, look: ViewOptions | None = None) -> Embedded:
    """The scene at its peak, for the last line of a notebook's cell."""
    plotter = scene(run, look)
    page = offline_page(plotter)
    plotter.close()
    return Embedded(page)


def write_png(
    run: Path, path: Path, look: ViewOptions | None = None, *, minute: float | None = None, cut: str | None = None
) -> Path:
    """A picture of the scene: at its peak, or with ``minute`` or ``cut`` (R, A or S) of one moment of the session."""
    still = minute is None and cut is None
    plotter = scene(run, look) if still else moment(run, look, minute=minute, cut=cut).plotter
    plotter.enable_anti_aliasing("ssaa")
    plotter.screenshot(str(path))
    plotter.close()
    return Path(path)


def moment(run: Path, look: ViewOptions | None = None, *, minute: float | None = None, cut: str | None = None) -> Live:
    """The scene at one moment, the end of heating if not said."""
    from .live import Live

    live = Live(run, look)
    if minute is not None:
        live.to(60.0 * minute)
    if cut is not None:
        live.clip(cut)
    return live


def write_film(run: Path, path: Path, look: ViewOptions | None = None, *, listener: Listener = silent) -> Path:
    """A film of the session, ``.mp4`` or ``.gif``."""
    from . import film

    return film.write_film(run, path, look, listener=listener)


def serve(run: Path, look: ViewOptions | None = None, *, port: int = 8081) -> None:
    """The scene with its controls in a browser on this machine, until interrupted."""
    from . import web

    web.serve(run, look, port=port)


def write_html(run: Path, path: Path) -> Path:
    """The scene as one HTML file that turns in a browser without a network."""
    plotter = scene(run)
    page = offline_page(plotter)
    plotter.close()
    Path(path).write_text(page, encoding="utf-8")
    return Path(path)
