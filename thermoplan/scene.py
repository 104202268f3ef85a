"""The plan in three dimensions: organs, iron, isotherms and the path of the field-free region, in RAS millimetres."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .doctor import VTK_LIBRARIES, install_line, lacking
from .errors import InputError, MissingPart
from .report.formats import at
from .report.page import read_plan
from .report.palette import INK, ISOTHERMS_C, MUTED, PROBE, VERMILION, region_colours

if TYPE_CHECKING:
    import pyvista as pv

OPACITY = {41.0: 0.2, 43.0: 0.32, 45.0: 0.4}
FACES_PER_ORGAN = 6000
IRON_POINTS = 1500
SIZE = (1500, 1100)
VIEW = (0.75, 1.0, 0.35)
"""From the body's front and right, and a little above."""
_ICON = "https://kitware.github.io/vtk-js/icon/favicon-"
"""The viewer's page asks for its icons there; a report asks no address for anything."""
_START = "OfflineLocalView.load(container, { base64Str });"
_START_WHEN_SEEN = (
    "const start = () => container.clientWidth && container.clientHeight"
    " ? OfflineLocalView.load(container, { base64Str }) : requestAnimationFrame(start); start();"
)
"""A frame that has no size yet, as one below the fold, cannot be drawn into."""
_INSTALL = "pip install 'thermoplan[view]'"


def scene(run: Path) -> pv.Plotter:
    """A plotter, off the screen, with everything that a run folder shows."""
    return _staged(Path(run), off_screen=True)


def show(run: Path) -> None:
    """The same scene in a window."""
    _staged(Path(run), off_screen=False).show()


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
    page = _page(plotter)
    plotter.close()
    Path(path).write_text(page, encoding="utf-8")
    return Path(path)


def _page(plotter: pv.Plotter) -> str:
    """The offline viewer of vtk.js with the scene in it; no server is started, no address is asked."""
    try:
        from trame_vtk.modules.vtk import serializers
        from trame_vtk.tools.vtksz2html import write_html as write_viewer
    except ImportError as error:
        raise MissingPart(f"the scene's page needs trame-vtk ({error}): {_INSTALL}") from None
    serializers.initialize_serializers()
    context = serializers.SynchronizationContext()
    context.set_ignore_last_dependencies(True)
    window, camera = plotter.render_window, plotter.camera
    tree = serializers.serialize(None, window, serializers.reference_id(window), context, 1)
    tree["extra"] = {
        "vtkRefId": serializers.reference_id(window),
        "camera": serializers.reference_id(camera),
        "centerOfRotation": camera.focal_point,
    }
    hashes = {
        entry["hash"]: entry | {"content": context.get_cached_data_array(entry["hash"], False)}
        for entry in serializers.extract_array_hash(tree)
    }
    packed, page = io.BytesIO(), io.StringIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.json", json.dumps({"hashes": hashes, "scene": tree}))
    write_viewer(packed.getvalue(), page)
    return page.getvalue().replace(_ICON, "data:,").replace(_START, _START_WHEN_SEEN)


def _staged(run: Path, *, off_screen: bool) -> pv.Plotter:
    pv = _pyvista(off_screen)
    plan, body = read_plan(run), _fields(pv, run)
    names = _region_names(body, plan)
    plotter = pv.Plotter(off_screen=off_screen, window_size=SIZE, lighting="light kit")
    plotter.set_background("white")
    legend = [*_organs(plotter, body, names), *_isotherms(plotter, body), *_iron(pv, plotter, body)]
    legend += [*_focus(pv, plotter, plan), *_probes(pv, plotter, plan)]
    _compass(pv, plotter, body)
    plotter.add_legend(
        legend, bcolor=None, face="rectangle", size=(0.2, 0.032 * len(legend)), loc="upper left", background_opacity=0.0
    )
    _aim(plotter, body)
    return plotter


def _pyvista(off_screen: bool) -> Any:
    """PyVista, once it is sure that drawing cannot bring the process down for want of a library."""
    if off_screen and (packages := lacking(VTK_LIBRARIES)):
        raise MissingPart(f"drawing needs libraries that are not here: {install_line(packages)}")
    try:
        import pyvista as pv
        from vtkmodules.vtkCommonCore import vtkLogger
    except ImportError as error:
        raise MissingPart(f"the 3D scene needs PyVista and VTK ({error}): {_INSTALL}") from None
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
    return pv


def _fields(pv: Any, run: Path) -> pv.UnstructuredGrid:
    """The run's mesh and fields, moved to millimetres."""
    for name in ("fields.vtu", "fields.vtkhdf"):
        if (run / name).is_file():
            return pv.read(run / name).scale(1e3)
    raise InputError(f"{run / 'fields.vtu'}: not found: plan again, or give the folder that `thermoplan plan` wrote")


def _region_names(body: pv.UnstructuredGrid, plan: Mapping[str, Any]) -> tuple[str, ...]:
    if "region_names" in body.field_data:
        return tuple(str(name) for name in body.field_data["region_names"])
    return tuple(at(plan, "regions", {}))


def _organs(plotter: pv.Plotter, body: pv.UnstructuredGrid, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The outer surface as a shell, every region inside it as a translucent body."""
    colours = region_colours(names)
    shell = _smooth(body.extract_surface(algorithm="dataset_surface"))
    plotter.add_mesh(shell, color="#b9b4aa", opacity=0.07, name="body", smooth_shading=True)
    for number, name in enumerate(names):
        cells = np.flatnonzero(body.cell_data["region"] == number)
        if name in ("skin", "body") or not len(cells):
            continue
        surface = _smooth(body.extract_cells(cells).extract_surface(algorithm="dataset_surface"))
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


def _smooth(surface: pv.PolyData, *, rounds: int = 20) -> pv.PolyData:
    """Few faces, no stairs, no arrays: what a page can carry."""
    surface = surface.triangulate().clean()
    surface.clear_data()
    if surface.n_cells > FACES_PER_ORGAN:
        surface = surface.decimate(1.0 - FACES_PER_ORGAN / surface.n_cells)
    return surface.smooth_taubin(n_iter=rounds, pass_band=0.08) if rounds else surface


def _isotherms(plotter: pv.Plotter, body: pv.UnstructuredGrid) -> Iterator[tuple[str, str]]:
    peak = body.point_data["temperature_peak_c"]
    for level, colour in ISOTHERMS_C.items():
        if peak.min() < level < peak.max():
            surface = body.contour([level], scalars="temperature_peak_c")
            plotter.add_mesh(
                _smooth(surface, rounds=0),
                color=colour,
                opacity=OPACITY[level],
                name=f"isotherm {level:g}",
                smooth_shading=True,
            )
            yield f"peak {level:g} °C", colour


def _iron(pv: Any, plotter: pv.Plotter, body: pv.UnstructuredGrid) -> Iterator[tuple[str, str]]:
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


def _focus(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """FFR centres sized by their share of the time, and the half-power surface around the largest."""
    path, share = np.reshape(at(plan, "trajectory.path_mm", []), (-1, 3)), at(plan, "trajectory.share", [])
    if not len(path) or len(share) != len(path):
        return
    weight = np.sqrt(np.asarray(share, float) / max(*share, 1e-12))
    cloud = pv.PolyData(path.astype(float))
    cloud["size"] = 0.25 + 0.75 * weight
    balls = cloud.glyph(geom=pv.Icosphere(radius=0.7, nsub=2), scale="size", orient=False)
    balls.clear_data()
    plotter.add_mesh(balls, color=INK, name="FFR centres", smooth_shading=True)
    yield "FFR centre, by share of time", INK
    surface = _half_power(pv, plan)
    if surface is not None:
        surface.points += path[int(np.argmax(share))]
        plotter.add_mesh(surface, color=MUTED, opacity=0.16, name="FFR half power")
        yield "FFR, half power", MUTED


def _half_power(pv: Any, plan: Mapping[str, Any]) -> Any:
    """An ellipsoid about the drive axis for a point, a cylinder along the line for a line."""
    along, across = at(plan, "ffr.fwhm_along_mm"), at(plan, "ffr.fwhm_across_mm")
    drive = at(plan, "device.drive_axis")
    if along is None or across is None or drive is None or at(plan, "device.kind") == "uniform":
        return None
    line = at(plan, "device.line_axis")
    if at(plan, "device.kind") == "ffl" and line is not None:
        surface = pv.Cylinder(direction=(0, 0, 1), radius=1.0, height=1.0, resolution=24)
        return _turned(surface, np.array([along / 2, across / 2, 30.0]), drive, line)
    surface = pv.Sphere(radius=1.0, theta_resolution=24, phi_resolution=16)
    other = np.eye(3)[int(np.argmin(np.abs(drive)))]
    return _turned(surface, np.array([along / 2, across / 2, across / 2]), drive, np.cross(drive, other))


def _turned(surface: pv.PolyData, scale: Array, first: Array, third: Array) -> pv.PolyData:
    """``surface`` scaled along its axes, which then lie along ``first``, the normal of both, and ``third``."""
    a, c = (np.asarray(v, float) / np.linalg.norm(v) for v in (first, third))
    surface.points = (surface.points * scale) @ np.array([a, np.cross(c, a), c])
    return surface


def _probes(pv: Any, plotter: pv.Plotter, plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    positions = [p["position_mm"] for p in at(plan, "probes", {}).values() if p.get("position_mm")]
    for k, position in enumerate(positions):
        plotter.add_mesh(
            pv.Cube(center=position, x_length=1.1, y_length=1.1, z_length=1.1), color=PROBE, name=f"probe {k}"
        )
    if positions:
        yield "probe", PROBE


def _compass(pv: Any, plotter: pv.Plotter, body: pv.UnstructuredGrid) -> None:
    """Arrows to the right, anterior and superior, at the lower left of the body, with their letters."""
    length = 0.1 * float(np.linalg.norm(np.ptp(_trunk(body), axis=1)))
    towards = np.array(VIEW) / np.linalg.norm(VIEW)
    right = np.cross((0.0, 0.0, 1.0), towards) / np.linalg.norm(np.cross((0.0, 0.0, 1.0), towards))
    facing = np.array([right, np.cross(towards, right), towards])
    bounds = _trunk(body)
    reach = np.abs(right) @ (bounds[:, 1] - bounds[:, 0]) / 2.0
    low = bounds.mean(axis=1) - (reach + 1.2 * length) * right
    low[2] = bounds[2, 0] + 0.5 * length
    for k, letter in enumerate("RAS"):
        direction = np.eye(3)[k]
        arrow = pv.Arrow(start=low, direction=direction, scale=length, tip_radius=0.07, shaft_radius=0.022)
        plotter.add_mesh(arrow, color=MUTED, name=f"axis {letter}")
        word = pv.Text3D(letter, depth=0.02, height=0.3 * length, center=(0.0, 0.0, 0.0))
        word.points = word.points @ facing + low + 1.2 * length * direction
        plotter.add_mesh(word, color=INK, name=f"letter {letter}")


def _aim(plotter: pv.Plotter, body: pv.UnstructuredGrid) -> None:
    """Looking at the body from its front and right, head up."""
    plotter.enable_parallel_projection()
    plotter.view_vector(VIEW, viewup=(0.0, 0.0, 1.0))
    plotter.reset_camera(bounds=_trunk(body).ravel())
    plotter.camera.zoom(1.1)


def _trunk(body: pv.UnstructuredGrid) -> Array:
    """Low and high end along R, A, S ``(3, 2)`` of what holds nearly all the volume: no tail, no whiskers."""
    sizes = body.compute_cell_sizes(length=False, area=False)["Volume"]
    ends = []
    for along in body.cell_centers().points.T:
        order = np.argsort(along)
        share = np.cumsum(sizes[order]) / sizes.sum()
        ends.append(along[order][np.searchsorted(share, (0.004, 0.996))])
    middle, half = np.mean(ends, axis=1), 1.08 * np.ptp(ends, axis=1) / 2.0
    return np.column_stack([middle - half, middle + half])
