"""The plan in three dimensions: organs, iron, isotherms and the path of the field-free region, in RAS millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .page import offline_page
from .stage import staged

if TYPE_CHECKING:
    import pyvista as pv

__all__ = ["scene", "show", "write_html", "write_png"]


def scene(run: Path) -> pv.Plotter:
    """A plotter, off the screen, with everything that a run folder shows."""
    return staged(Path(run), off_screen=True)


def show(run: Path) -> None:
    """The same scene in a window."""
    staged(Path(run), off_screen=False).show()


def write_png(run: Path, path: Path) -> Path:
    """A picture of the scene."""
    plotter = scene(run)
    plotter.enable_anti_aliasing("ssaa")
    plotter.screenshot(str(path))
    plotter.close()
    return Path(path)


def write_html(run: Path, path: Path) -> Path:
    """The scene as one HTML file that turns in a browser without a network."""
    plotter = scene(run)
    page = offline_page(plotter)
    plotter.close()
    Path(path).write_text(page, encoding="utf-8")
    return Path(path)
