"""Everything of a run on one stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..report.page import read_plan
from .body import iron, isodoses, isotherms, organs, probes, vessels
from .camera import aim, compass
from .ffr_path import centres, half_power_at_rest
from .iron_cloud import iron_volume
from .machine_outline import machine
from .run_fields import fields, pyvista, region_names

if TYPE_CHECKING:
    import pyvista as pv

SIZE = (1500, 1100)
Row = tuple[str, str]
"""Of the legend: words and their colour."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Display options of a scene: surfaces of dose in place of temperature, iron as points or a volume."""

    dose: bool = False
    iron_volume: bool = False
    size: tuple[int, int] = SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A plotter and what its scene is made from: ``body`` in RAS millimetres, the plan, the run folder."""

    pv: Any
    plotter: pv.Plotter
    run: Path
    plan: Mapping[str, Any]
    body: pv.UnstructuredGrid
    look: ViewOptions


def opened(run: Path, look: ViewOptions, *, off_screen: bool) -> Stage:
    """An empty stage for a run."""
    library = pyvista(off_screen)
    plan, body = read_plan(run), fields(library, run)
    plotter = library.Plotter(off_screen=off_screen, window_size=look.size, lighting="light kit")
    plotter.set_background("white")
    return Stage(library, plotter, run, plan, body, look)


def staged(run: Path, look: ViewOptions | None = None, *, off_screen: bool) -> pv.Plotter:
    """A plotter with everything that a run folder shows, at its peak; what is drawn yields its rows of the legend."""
    stage = opened(run, look or ViewOptions(), off_screen=off_screen)
    hot = isodoses if stage.look.dose else isotherms
    furnish(stage, hot(stage.plotter, stage.body), half_power_at_rest(stage.pv, stage.plotter, stage.plan))
    result: pv.Plotter = stage.plotter
    return result


def furnish(stage: Stage, hot: Iterable[Row], ffr: Iterable[Row]) -> None:
    """Draw the static parts, with ``hot`` and ``ffr`` in their order; then the legend and the camera."""
    pv, plotter, plan, body = stage.pv, stage.plotter, stage.plan, stage.body
    points = iron_volume(pv, plotter, stage.run) if stage.look.iron_volume else iron(pv, plotter, body)
    rows = [*organs(plotter, body, region_names(body, plan)), *hot, *points, *centres(pv, plotter, plan), *ffr]
    rows += [*probes(pv, plotter, plan), *vessels(pv, plotter, plan), *machine(pv, plotter, plan, body)]
    compass(pv, plotter, body)
    plotter.add_legend(
        rows, bcolor=None, face="rectangle", size=(0.2, 0.032 * len(rows)), loc="upper left", background_opacity=0.0
    )
    aim(plotter, body)
