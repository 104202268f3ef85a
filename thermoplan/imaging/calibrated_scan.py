"""Calibrated scan: a signal image with the standard curve of its fiducials and a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.errors import InputError
from ..base.image import Image
from .background import Background, Mask, background_of, check_finite
from .calibration import Reading, StandardCurve, standard_curve
from .fiducials import Fiducial, fiducial_readings, sample_voxels
from .quantification import Quantified, quantify_image
from .roi import DEFAULT, RoiRule, roi_rule


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedScan:
    """A signal image with the curve that turns it into iron; ``apart`` are voxels of the fiducials themselves."""

    image: Image
    curve: StandardCurve
    background: Background
    rule: RoiRule
    apart: Mask | None
    notes: tuple[str, ...]
    name: str

    def quantified(self, regions: Mapping[str, Mask] | None = None) -> Quantified:
        """Iron per region, or of the whole image; complaints name the image."""
        try:
            found = quantify_image(
                self.image, self.curve, rule=self.rule, regions=regions, background=self.background, apart=self.apart
            )
        except InputError as error:
            said = [f"{self.name}: {text.removeprefix('image: ')}" for text in error.complaints]
            raise InputError(said) from None
        return replace(found, warnings=(*self.notes, *found.warnings))


def calibrate_scan(
    image: Image,
    fiducials: Sequence[Fiducial],
    *,
    rule: RoiRule | str = DEFAULT,
    background: Mask | None = None,
    through_zero: bool = False,
    names: tuple[str, str] = ("image", "fiducials"),
) -> CalibratedScan:
    """Measure the fiducials in the image by the rule, and draw the curve; messages name both by ``names``."""
    name, where = names
    rule, notes = roi_rule(rule), list[str]()
    check_finite(image, name)
    try:
        ground = background_of(image, background)
        readings = fiducial_readings(image, fiducials, rule, ground)
        curve = standard_curve(readings, through_zero=through_zero, blank_sd=_blank_sd(fiducials, readings))
        apart = sample_voxels(image, fiducials, rule, ground, notes)
    except InputError as error:
        raise InputError([f"{name}, {where}: {text}" for text in error.complaints]) from None
    if apart is None:
        notes.append(
            f"{where}: its signals were read elsewhere: they are taken as sums over voxels "
            + ("times their volume in mm3" if fiducials[0].per_mm3 else "of this image's size")
            + f', less background, by the same rule as here ("{rule}")'
        )
    return CalibratedScan(image, curve, ground, rule, apart, tuple(notes), name)


def _blank_sd(fiducials: Sequence[Fiducial], readings: Sequence[Reading]) -> float:
    placed = [r.sd for f, r in zip(fiducials, readings, strict=True) if f.center_m is not None]
    return float(np.median(placed)) if placed else np.nan
