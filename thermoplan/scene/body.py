"""The body: its shell, its regions as translucent bodies, the iron in it, the isotherms and the probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..report.formats import at
from ..report.palette import INK, ISOTHERMS_C, PROBE, VERMILION, region_colours

if TYPE_CHECKING:
    import pyvista as pv


OPACITY = {41.0: 0.2, 43.0: 0.32, 45.0: 0.4}
FACES_PER_ORGAN = 6000
IRON_POINTS = 1500


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
    peak = body.point_data["temperature_peak_c"]
    for level, colour in ISOTHERMS_C.items():
        if peak.min() < level < peak.max():
            surface = body.contour([level], scalars="temperature_peak_c")
            plotter.add_mesh(
                smooth(surface, rounds=0),
                color=colour,
                opacity=OPACITY[level],
                name=f"isotherm {level:g}",
                smooth_shading=True,
            )
            yield f"peak {level:g} °C", colour


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
