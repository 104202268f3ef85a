"""Everything of a run on one stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..report.page import read_plan
from .body import iron, isotherms, organs, probes
from .camera import aim, compass
from .focus import focus
from .run import fields, pyvista, region_names

if TYPE_CHECKING:
    import pyvista as pv

SIZE = (1500, 1100)


def staged(run: Path, *, off_screen: bool) -> pv.Plotter:
    """A plotter with everything that a run folder shows; what is drawn yields its rows of the legend."""
    pv = pyvista(off_screen)
    plan, body = read_plan(run), fields(pv, run)
    names = region_names(body, plan)
    plotter = pv.Plotter(off_screen=off_screen, window_size=SIZE, lighting="light kit")
    plotter.set_background("white")
    legend = [*organs(plotter, body, names), *isotherms(plotter, body), *iron(pv, plotter, body)]
    legend += [*focus(pv, plotter, plan), *probes(pv, plotter, plan)]
    compass(pv, plotter, body)
    plotter.add_legend(
        legend, bcolor=None, face="rectangle", size=(0.2, 0.032 * len(legend)), loc="upper left", background_opacity=0.0
    )
    aim(plotter, body)
    return plotter
