"""From files to iron: a signal image, its calibration and a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import InputError
from ...base.image import Image
from ...files.images.nifti import check_iron
from ...files.tables.calibrations import read_fiducials
from ...imaging.background import Background, Mask, background_of, check_finite
from ...imaging.calibration import Reading, StandardCurve, standard_curve
from ...imaging.fiducials import fiducial_readings, kept_apart
from ...imaging.iron_map import IronMap
from ...imaging.quantification import Quantified, quantify_image
from ...imaging.roi import DEFAULT, RoiRule, roi_rule
from ...protocol import Protocol


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedScan:
    """A signal image with the curve that turns it into iron."""

    image: Image
    curve: StandardCurve
    background: Background
    rule: RoiRule
    apart: Mask | None
    notes: tuple[str, ...]

    def quantified(self, regions: dict[str, Mask] | None = None) -> Quantified:
        """Iron per region, or of the whole image."""
        found = quantify_image(
            self.image, self.curve, rule=self.rule, regions=regions, background=self.background, apart=self.apart
        )
        return replace(found, warnings=(*self.notes, *found.warnings))


def calibrated_scan(
    image: Image,
    calibration: Path | str,
    *,
    rule: RoiRule | str = DEFAULT,
    background: Mask | None = None,
    through_zero: bool = False,
    name: str = "image",
) -> CalibratedScan:
    """Read the fiducials, measure them in the image by the rule, and draw the curve; messages name both files."""
    where, rule, notes = Path(calibration).name, roi_rule(rule), []
    check_finite(image, name)
    fiducials = read_fiducials(calibration)
    try:
        ground = background_of(image, background)
        readings = fiducial_readings(image, fiducials, rule, ground)
        curve = standard_curve(readings, through_zero=through_zero, blank_sd=_blank_sd(fiducials, readings))
        apart = kept_apart(image, fiducials, rule, ground, notes)
    except InputError as error:
        raise InputError([f"{name}, {where}: {text}" for text in error.complaints]) from None
    if apart is None:
        notes.append(
            f"{where}: its signals were read elsewhere: they are taken as sums over voxels "
            + ("times their volume in mm3" if fiducials[0].per_mm3 else "of this image's size")
            + f', less background, by the same rule as here ("{rule}")'
        )
    return CalibratedScan(image, curve, ground, rule, apart, tuple(notes))


def _blank_sd(fiducials: Any, readings: tuple[Reading, ...]) -> float:
    placed = [r.sd for f, r in zip(fiducials, readings, strict=True) if f.center_m is not None]
    return float(np.median(placed)) if placed else np.nan


def iron_of(protocol: Protocol, image: Image, notes: list[str]) -> IronMap:
    """The iron of a protocol's image, in the image's own frame: by its unit, or by its calibration."""
    source = protocol.iron
    if source.calibration is None:
        check_iron(image, source.image.name, source.unit)
        return IronMap(
            image.with_data(np.asarray(image.data, float) * source.kg_m3_per_unit),
            relative_uncertainty=source.uncertainty or 0.0,
            name=source.image.name,
        )
    scan = calibrated_scan(image, source.calibration, rule=source.roi, name=source.image.name)
    try:
        found = scan.quantified()
    except InputError as error:
        raise InputError([f"{source.image.name}: {t.removeprefix('image: ')}" for t in error.complaints]) from None
    notes += [f"{source.image.name}: {text}" for text in found.warnings]
    return replace(found.iron, name=source.image.name)
