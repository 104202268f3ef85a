"""Body of a scene: its shell, its regions as translucent bodies, the iron in it, isosurfaces, probes and vessels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..report.formats import at
from ..report.palette import INK, ISODOSES_MIN, ISOTHERMS_C, PROBE, VERMILION, VESSEL, region_colours
from .run_fields import region_names
from .stage import LegendRow, Plotter, Stage

if TYPE_CHECKING:
    import pyvista as pv


OPACITY = (0.2, 0.32, 0.4)
"""Of the outer, the middle and the inner of three surfaces."""
# Faces of a drawn surface: few enough for any browser to turn; with twice as many the shipped mouse's page grows from
# 2.2 to 2.7 MB.
FACES_PER_SURFACE = 6000
# Points of the iron's cloud. Twice as many cover one another, so that more iron no longer looks denser.
IRON_POINTS = 1500


@dataclass(frozen=True, slots=True)
class IsoLevels:
    """Levels of one quantity: the name of their actors, and a colour for each."""

    name: str
    colours: Mapping[float, str]


ISOTHERMS = IsoLevels("isotherm", ISOTHERMS_C)
ISODOSES = IsoLevels("isodose", ISODOSES_MIN)


def draw_organs(stage: Stage) -> Iterator[LegendRow]:
    """The outer surface as a shell, every region inside it as a translucent body."""
    body, plotter = stage.body, stage.plotter
    names = region_names(body, stage.plan)
    colours = region_colours(names)
    shell = smooth_surface(body.extract_surface(algorithm="dataset_surface"))
    plotter.add_mesh(shell, color="#b9b4aa", opacity=0.07, name="body", smooth_shading=True)
    for number, name in enumerate(names):
        inside = body.cell_data["region"] == number
        if name in ("skin", "body") or not inside.any():
            continue
        surface = smooth_surface(body.extract_cells(inside).extract_surface(algorithm="dataset_surface"))
        tumour = colours[name] == VERMILION
        plotter.add_mesh(
            surface,
            color=colours[name],
            opacity=0.45 if tumour else 0.28,
            name=f"region {name}",
            smooth_shading=True,
            ambient=0.25,
        )
        yield name, colours[name]


def smooth_surface(surface: pv.PolyData) -> pv.PolyData:
    """A surface of few faces, without the stairs of the elements it bounds."""
    smooth: pv.PolyData = thin_surface(surface).smooth_taubin(n_iter=20, pass_band=0.08)
    return smooth


def thin_surface(surface: pv.PolyData) -> pv.PolyData:
    """A surface of few triangles and no arrays, as small as a page can carry.

    A contour through a node of the mesh has faces whose corners coincide; merged, they would be lines and points,
    which no decimation takes. They have no area, and are left out.
    """
    surface = surface.triangulate().clean(lines_to_points=False, polys_to_lines=False, strips_to_polys=False)
    surface.clear_data()
    if surface.n_cells > FACES_PER_SURFACE:
        surface = surface.decimate(1.0 - FACES_PER_SURFACE / surface.n_cells)
    return surface


def draw_peak_isotherms(stage: Stage) -> Iterator[LegendRow]:
    """Isosurfaces of peak temperature, one a level."""
    for level in draw_isosurfaces(stage.plotter, stage.body, "temperature_peak_c", ISOTHERMS):
        yield f"peak {level:g} °C", ISOTHERMS.colours[level]


def draw_final_isodoses(stage: Stage) -> Iterator[LegendRow]:
    """Isosurfaces of the whole dose, one a level."""
    for level in draw_isosurfaces(stage.plotter, stage.body, "cem43_min", ISODOSES):
        yield f"CEM43 {level:g} min", ISODOSES.colours[level]


def draw_isosurfaces(plotter: Plotter, body: pv.UnstructuredGrid, field: str, levels: IsoLevels) -> list[float]:
    """Draw the surfaces of ``field`` at those levels that it reaches, and return these; take the others away."""
    values = body.point_data[field]
    drawn = []
    for (level, colour), opacity in zip(levels.colours.items(), OPACITY, strict=True):
        name = f"{levels.name} {level:g}"
        crossed = values.min() < level < values.max()
        surface = thin_surface(body.contour([level], scalars=field)) if crossed else None
        if surface is None or not surface.n_cells:
            plotter.remove_actor(name, render=False)
            continue
        plotter.add_mesh(
            surface, color=colour, opacity=opacity, name=name, smooth_shading=True, render=False, reset_camera=False
        )
        drawn.append(level)
    return drawn


def draw_iron_points(stage: Stage) -> Iterator[LegendRow]:
    """Nodes where there is iron, denser colour for more of it."""
    iron = stage.body.point_data["iron_mg_ml"]
    found = np.flatnonzero(iron > 0.05 * max(iron.max(), 1e-12))
    if not len(found):
        return
    if len(found) > IRON_POINTS:
        found = np.random.default_rng(0).choice(found, IRON_POINTS, replace=False)
    cloud = stage.pyvista.PolyData(stage.body.points[found])
    cloud["iron_mg_ml"] = iron[found]
    stage.plotter.add_mesh(
        cloud,
        scalars="iron_mg_ml",
        cmap="Greys",
        clim=(-0.4 * iron.max(), iron.max()),
        point_size=2.5,
        opacity=0.8,
        name="iron",
        show_scalar_bar=False,
        lighting=False,
    )
    yield f"iron, up to {iron.max():.2g} mg/mL", INK


def draw_probes(stage: Stage) -> Iterator[LegendRow]:
    """Each probe that has a place, as a cube."""
    positions = [p["position_mm"] for p in at(stage.plan, "probes", {}).values() if p.get("position_mm")]
    for k, position in enumerate(positions):
        cube = stage.pyvista.Cube(center=position, x_length=1.1, y_length=1.1, z_length=1.1)
        stage.plotter.add_mesh(cube, color=PROBE, name=f"probe {k}")
    if positions:
        yield "probe", PROBE


def draw_vessels(stage: Stage) -> Iterator[LegendRow]:
    """Each vessel as wide as its lumen."""
    vessels = at(stage.plan, "vessels", {})
    for name, vessel in vessels.items():
        line = stage.pyvista.lines_from_points(np.array(vessel["path_mm"], float))
        tube = line.strip().tube(radius=0.5 * vessel["diameter_mm"], n_sides=16)
        stage.plotter.add_mesh(tube, color=VESSEL, name=f"vessel {name}")
    if vessels:
        yield "vessel", VESSEL
