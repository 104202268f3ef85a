"""The body: its shell, its regions as translucent bodies, the iron in it, the isotherms and the probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..report.formats import at
from ..report.palette import INK, ISODOSES_MIN, ISOTHERMS_C, PROBE, VERMILION, VESSEL, region_colours

if TYPE_CHECKING:
    import pyvista as pv


OPACITY = (0.2, 0.32, 0.4)
"""Of the outer, the middle and the inner of three surfaces."""
FACES_PER_ORGAN = 6000
IRON_POINTS = 1500


@dataclass(frozen=True, slots=True)
class IsoLevels:
    """Three surfaces of one quantity: the name of their actors, and a colour for each level."""

    name: str
    colours: Mapping[float, str]


ISOTHERMS = IsoLevels("isotherm", ISOTHERMS_C)
ISODOSES = IsoLevels("isodose", ISODOSES_MIN)


def organs(plotter: pv.Plotter, body: pv.UnstructuredGrid, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The outer surface as a shell, every region inside it as a translucent body."""
    colours = region_colours(names)
    shell = smooth(body.extract_surface(algorithm="dataset_surface"))
    plotter.add_mesh(shell, color="#b9b4aa", opacity=0.07, name="body", smooth_shading=True)
    for number, name in enumerate(names):
        cells = np.flatnonzero(body.cell_data["region"] == number)
        if name in ("skin", "body") or not len(cells):
            continue
        surface = smooth(body.extract_cells(cells).extract_surface(algorithm="dataset_surface"))
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


def smooth(surface: pv.PolyData, *, rounds: int = 20) -> pv.PolyData:
    """Few faces, no stairs, no arrays: what a page can carry."""
    surface = surface.triangulate().clean()
    surface.clear_data()
    if surface.n_cells > FACES_PER_ORGAN:
        surface = surface.decimate(1.0 - FACES_PER_ORGAN / surface.n_cells)
    return surface.smooth_taubin(n_iter=rounds, pass_band=0.08) if rounds else surface


def isotherms(plotter: pv.Plotter, body: pv.UnstructuredGrid) -> Iterator[tuple[str, str]]:
    """Isosurfaces of peak temperature, one a level."""
    for level in surfaces(plotter, body, "temperature_peak_c", ISOTHERMS):
        yield f"peak {level:g} °C", ISOTHERMS.colours[level]


def isodoses(plotter: pv.Plotter, body: pv.UnstructuredGrid) -> Iterator[tuple[str, str]]:
    """Isosurfaces of the whole dose, one a level."""
    for level in surfaces(plotter, body, "cem43_min", ISODOSES):
        yield f"CEM43 {level:g} min", ISODOSES.colours[level]


def surfaces(plotter: pv.Plotter, body: pv.UnstructuredGrid, field: str, levels: IsoLevels) -> Iterator[float]:
    """Draw the surfaces of ``field`` at those levels that it reaches, and say which; take the others away."""
    values = body.point_data[field]
    for (level, colour), opacity in zip(levels.colours.items(), OPACITY, strict=True):
        name = f"{levels.name} {level:g}"
        if not values.min() < level < values.max():
            plotter.remove_actor(name, render=False)
            continue
        surface = smooth(body.contour([level], scalars=field), rounds=0)
        plotter.add_mesh(
            surface, color=colour, opacity=opacity, name=name, smooth_shading=True, render=False, reset_camera=False
        )
        yield level


def iron(pv: Any, plotter: pv.Plotter, body: pv.UnstructuredGrid) -> Iterator[tuple[str, str]]:
    """Nodes where there is iron, denser colour for more of it."""
    iron = body.point_data["iron_mg_ml"]
    found = np.flatnonzero(iron > 0.05 * max(iron.max(), 1e-12))
    if not len(found):
        return
    if len(found) > IRON_POINTS:
        found = np.random.default_rng(0).choice(found, IRON_POINTS, replace=False)
    cloud = pv.PolyData(body.points[found])
    cloud["iron_mg_ml"] = iron[found]
    plotter.add_mesh(
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


def probes(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    positions = [p["position_mm"] for p in at(plan, "probes", {}).values() if p.get("position_mm")]
    for k, position in enumerate(positions):
        plotter.add_mesh(
            pv.Cube(center=position, x_length=1.1, y_length=1.1, z_length=1.1), color=PROBE, name=f"probe {k}"
        )
    if positions:
        yield "probe", PROBE


def vessels(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each vessel as wide as its lumen."""
    for name, vessel in at(plan, "vessels", {}).items():
        line = pv.lines_from_points(np.array(vessel["path_mm"], float))
        plotter.add_mesh(
            line.strip().tube(radius=0.5 * vessel["diameter_mm"], n_sides=16), color=VESSEL, name=f"vessel {name}"
        )
    if at(plan, "vessels", {}):
        yield "vessel", VESSEL
