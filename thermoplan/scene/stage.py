"""Stage of a scene: the plotter, and what is drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..report.page import read_plan
from .run_fields import import_pyvista, read_fields

if TYPE_CHECKING:
    import pyvista as pv

    from ..files.run.plan_record import PlanRecord

type Plotter = Any
"""A ``pyvista.Plotter``; where its methods wrap those of a renderer, their annotations (0.49) lose ``self``."""
LegendRow = tuple[str, str]
"""Words of the legend, and their colour."""
SIZE = (1500, 1100)


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Display options of a scene: surfaces of dose in place of temperature, iron as points or a volume."""

    dose: bool = False
    iron_volume: bool = False
    size: tuple[int, int] = SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A plotter and what its scene is made from: ``body`` in RAS millimetres, the plan, the run folder."""

    pyvista: ModuleType
    plotter: Plotter
    run: Path
    plan: PlanRecord
    body: pv.UnstructuredGrid
    options: ViewOptions


def open_stage(run: Path, options: ViewOptions, *, off_screen: bool) -> Stage:
    """Make an empty stage for a run."""
    library = import_pyvista(off_screen)
    plan, body = read_plan(run), read_fields(library, run)
    plotter = library.Plotter(off_screen=off_screen, window_size=options.size, lighting="light kit")
    plotter.set_background("white")
    return Stage(library, plotter, run, plan, body, options)
