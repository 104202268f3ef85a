"""Quantification of a signal image from files: iron with an error bar, as `quantify` prints and writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from ..base.image import Image
from ..base.plain_data import plain
from ..base.units import NotAQuantity, parse, vector
from ..files.images.labels import read_label_table
from ..files.images.segments import has_segments, read_segmentation
from ..files.images.suffixes import image_suffix
from ..files.images.volumes import WRITERS, read_volume, write_volume
from ..files.images.voxel_values import as_labels
from ..files.run.result_tables import write_rows
from ..files.tables.calibrations import read_fiducials
from ..imaging.background import Mask
from ..imaging.calibrated_scan import calibrate_scan
from ..imaging.quantification import Quantified
from ..imaging.roi import DEFAULT, labelled_regions, sphere
from .answer_types import CurvePoint, QuantifyAnswer


@dataclass(frozen=True, slots=True)
class QuantifyRequest:
    """Options of `quantify`; frame and channel count from 1."""

    calibration: Path
    roi: str = DEFAULT
    labels: Path | None = None
    table: Path | None = None
    background: str | None = None
    through_zero: bool = False
    frame: int | None = None
    channel: int | None = None


def quantify_file(
    source: Path,
    request: QuantifyRequest,
    *,
    output: Path | None = None,
    uncertainty: Path | None = None,
    table: Path | None = None,
) -> QuantifyAnswer:
    """Quantify an image, and write what was asked for."""
    _refuse_targets(output, uncertainty)
    notes: list[str] = []
    frame, channel = (None if number is None else number - 1 for number in (request.frame, request.channel))
    image = read_volume(source, frame=frame, channel=channel, notes=notes)
    regions = None if request.labels is None else _regions(image, request.labels, request.table, notes)
    where = None if request.background is None else _ball(image, request.background)
    scan = calibrate_scan(
        image,
        read_fiducials(request.calibration),
        rule=request.roi,
        background=where,
        through_zero=request.through_zero,
        names=(source.name, request.calibration.name),
    )
    found = scan.quantified(regions)
    files = []
    if output is not None:
        write_volume(output, found.iron.image)
        files.append(str(output))
    if uncertainty is not None:
        write_volume(uncertainty, image.with_data(found.iron.uncertainty_kg_m3))
        files.append(str(uncertainty))
    if table is not None:
        rows = found.rows()
        write_rows(table, rows, list(rows[0]))
        files.append(str(table))
    return quantify_answer(found, source, request.calibration, notes, files)


def quantify_answer(
    found: Quantified, source: Path, calibration: Path, notes: list[str], files: list[str]
) -> QuantifyAnswer:
    """Curve, background and regions; iron in mg, fiducials in ug."""
    curve, ground = found.curve, found.background
    points: list[CurvePoint] = [
        {
            "name": r.name,
            "iron_ug": r.iron_kg * 1e9,
            "signal_mm3": r.signal * 1e9,
            "signal_sd_mm3": r.sd * 1e9,
            "read_ug": curve.iron(r.signal, parts=int(r.iron_kg > 0.0)).kg * 1e9,
            "used": used,
        }
        for r, used in zip(curve.readings, curve.used, strict=True)
    ]
    intercept, error = (value / curve.slope * 1e9 for value in curve.intercept_test)
    answer: QuantifyAnswer = {
        "image": str(source),
        "calibration": str(calibration),
        "rule": str(found.rule),
        "curve": {
            "slope_per_mg_ml": curve.slope,
            "slope_sd_per_mg_ml": curve.slope_sd,
            "r2": curve.r2,
            "intercept_ug": intercept,
            "intercept_sd_ug": error,
            "intercept_used": curve.intercept != 0.0,
            "lack_of_fit": curve.scatter_rel,
            "detection_limit_ug": curve.detection_limit_kg * 1e9,
            "points": points,
        },
        "background": {
            "level": ground.level,
            "sigma": ground.sigma,
            "voxels": ground.voxels,
            "correlation": ground.inflation,
        },
        "detection_limit_mg_ml": found.detection_limit_kg_m3,
        "relative_uncertainty": found.total.mass.relative,
        "regions": found.rows(),
        "warnings": list(found.warnings),
        "notes": notes,
        "files": files,
    }
    return plain(answer)


def _refuse_targets(*targets: Path | None) -> None:
    wrong = [t for t in targets if t is not None and image_suffix(t) not in WRITERS]
    if wrong:
        raise InputError([f"{t.name}: cannot write this kind; expected one of {', '.join(WRITERS)}" for t in wrong])


def _regions(image: Image, path: Path, table: Path | None, notes: list[str]) -> dict[str, Mask]:
    segmented = has_segments(path)
    labels, names = (
        read_segmentation(path, notes=notes)
        if segmented
        else (as_labels(read_volume(path, notes=notes), path.name), {})
    )
    if table is None and not segmented:
        names = {int(v): f"label {v}" for v in np.unique(labels.data) if v != 0}
    elif table is not None:
        names = {value: entry.region for value, entry in read_label_table(table).items()}
    notes.append(
        "a region's iron is what the image shows inside its outline: blur carries some out, more of it out of "
        "small regions"
    )
    masks = labelled_regions(image, labels, names, path.name, notes=notes)
    empty = sorted(set(names.values()) - set(masks))
    if empty:
        notes.append(f"{path.name}: no voxel of the image lies in {', '.join(empty)}")
    return masks


def _ball(image: Image, text: str) -> Mask:
    """Voxels of a ball that the command line names."""
    centre, _, radius = text.rpartition(",")
    try:
        return sphere(image, np.array(vector(centre)), parse(radius, "length"))
    except NotAQuantity:
        raise InputError(
            f'--background "{text}": expected centre and radius of a ball without tracer, in the frame of '
            'the image, such as "4.1 -2.0 31.5 mm, 4 mm"'
        ) from None
