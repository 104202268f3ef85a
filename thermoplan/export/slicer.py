"""Folder for 3D Slicer, opened by its scene.mrml: maps, regions, probes and the path of the field-free region."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.image import Image
from ..files.images.slicer_scene import (
    Colour,
    ShownVolume,
    SlicerSegment,
    write_points,
    write_scene,
    write_segmentation,
)
from ..report.formats import at
from ..report.palette import INK, PROBE, region_colours
from .exported_maps import label_voxels, run_maps

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

_COLOURS = {"peak-temperature": "Inferno", "end-temperature": "Inferno", "cem43": "Viridis"}
SCENE = "scene.mrml"


def export_slicer(run: Path, plan: PlanRecord, folder: Path) -> list[Path]:
    """Write ``scene.mrml`` and what it names, all in one folder that can be moved."""
    shown, images = [], []
    for quantity, path, image in run_maps(run):
        shutil.copyfile(path, folder / path.name)
        images.append(image)
        low, high = _colour_range(image)
        palette = _COLOURS.get(quantity.key, "Cividis")
        shown.append(ShownVolume(path.name, f"{quantity.words}, {quantity.unit}", low, high, palette))
    labels, names = label_voxels(images[0], run)
    colours = region_colours(names)
    write_segmentation(
        folder / "regions.seg.nrrd",
        labels,
        [SlicerSegment(number, name, _colour_parts(colours[name])) for number, name in enumerate(names, start=1)],
    )
    points = _write_point_files(plan, folder)
    write_scene(folder / SCENE, shown, "regions.seg.nrrd", points)
    return [folder / name for name in (SCENE, "regions.seg.nrrd", *(v.file for v in shown), *points.values())]


def _write_point_files(plan: PlanRecord, folder: Path) -> dict[str, str]:
    """Write files of points; returns them by the names they have in the scene."""
    probes = {name: p["position_mm"] for name, p in at(plan, "probes", {}).items() if p.get("position_mm")}
    found = {}
    for name, points, colour in (("probes", probes, PROBE), ("FFR path", _labelled_positions(plan), INK)):
        if points:
            found[name] = f"{name.lower().replace(' ', '-')}.mrk.json"
            write_points(folder / found[name], points, _colour_parts(colour))
    return found


def _labelled_positions(plan: PlanRecord) -> dict[str, list[float]]:
    """FFR positions by their number and their share of the time."""
    pairs = zip(at(plan, "trajectory.share", []), at(plan, "trajectory.path_mm", []), strict=False)
    return {f"{number}: {100 * (share or 0.0):.0f} %": point for number, (share, point) in enumerate(pairs, start=1)}


def _colour_range(image: Image) -> tuple[float, float]:
    """Colour range: from the lowest value in the body but for a few voxels at its edge, to the highest."""
    inside = image.data[image.data > 0]
    if not inside.size:
        return 0.0, 1.0
    return float(np.percentile(inside, 1)), float(inside.max())


def _colour_parts(colour: str) -> Colour:
    """``#rrggbb`` as parts from 0 to 1."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue
