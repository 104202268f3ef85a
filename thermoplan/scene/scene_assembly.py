"""Assembly of a scene from everything that a run holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .body import (
    draw_final_isodoses,
    draw_iron_points,
    draw_organs,
    draw_peak_isotherms,
    draw_probes,
    draw_vessels,
)
from .camera import aim_camera, draw_compass
from .ffr_path import draw_ffr_centres, draw_half_power_at_rest
from .iron_volume import draw_iron_volume
from .machine_outline import draw_machine
from .stage import LegendRow, Plotter, Stage, ViewOptions, open_stage

Part = Callable[[Stage], Iterator[LegendRow]]


def plot_peak(run: Path, options: ViewOptions | None = None, *, off_screen: bool) -> Plotter:
    """A plotter with everything that a run folder shows, at its peak."""
    stage = open_stage(run, options or ViewOptions(), off_screen=off_screen)
    isosurfaces = draw_final_isodoses if stage.options.dose else draw_peak_isotherms
    draw_parts(stage, isosurfaces(stage), draw_half_power_at_rest(stage))
    return stage.plotter


def draw_parts(stage: Stage, isosurfaces: Iterable[LegendRow], half_power: Iterable[LegendRow]) -> None:
    """Draw the parts that rest, and the two given ones in their places; then the legend, the compass and the camera."""
    draw_iron: Part = draw_iron_volume if stage.options.iron_volume else draw_iron_points
    rows = [*draw_organs(stage), *isosurfaces, *draw_iron(stage), *draw_ffr_centres(stage), *half_power]
    rows += [*draw_probes(stage), *draw_vessels(stage), *draw_machine(stage)]
    draw_compass(stage)
    stage.plotter.add_legend(
        rows, bcolor=None, face="rectangle", size=(0.2, 0.032 * len(rows)), loc="upper left", background_opacity=0.0
    )
    aim_camera(stage)
