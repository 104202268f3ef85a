"""Samples of known iron beside the subject, and what the image shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..base.errors import InputError
from ..base.image import Image
from .background import Background, Mask, background_of, voxel_sum
from .calibration import DETECTABLE_SD, Reading
from .roi import DEFAULT, RoiRule, choose_voxels, grow, roi_rule, sphere

_MM3 = 1e-9  # m3
_SPILLED = 0.02
"""Share of a sample's signal beyond its radius, from which a note says so."""
_FOOT = 0.2
"""Part of the faintest sample's peak above which signal near a sample is its blob; lower joins blobs to the subject."""
_NEAR = 2.0
"""Radii about a sample within which its blob is looked for."""


@dataclass(frozen=True, slots=True)
class Fiducial:
    """A sample of known iron: where it lies in the image, or what somebody read from it already.

    ``signal`` is a sum over voxels of the image's size, or with ``per_mm3`` mean times volume in mm3; no iron at all
    makes it a blank. ``signal_sd`` NaN: not known.
    """

    name: str
    iron_kg: float
    center_m: tuple[float, float, float] | None = None
    radius_m: float = 0.0
    signal: float = np.nan
    signal_sd: float = np.nan
    per_mm3: bool = False


def in_view(image: Image, fiducials: Sequence[Fiducial]) -> tuple[Fiducial, ...]:
    """The samples whose middle lies in a voxel of the image."""
    placed = [f for f in fiducials if f.center_m is not None]
    index = image.indices(np.array([f.center_m for f in placed]).reshape(-1, 3))
    seen = ((index >= -0.5) & (index <= np.array(image.shape) - 0.5)).all(axis=1)
    return tuple(f for f, inside in zip(placed, seen, strict=True) if inside)


def fiducial_readings(
    image: Image, fiducials: Sequence[Fiducial], rule: RoiRule | str = DEFAULT, background: Background | None = None
) -> tuple[Reading, ...]:
    """Signal of each sample: what its row says, else what the image shows inside its sphere by the rule."""
    rule, background = roi_rule(rule), background or background_of(image)
    spheres = {f.name: sphere(image, f.center_m, f.radius_m) for f in fiducials if f.center_m is not None}
    complaints = [
        f"fiducial {name}: no voxel of the image has its centre within its radius: check position and radius"
        for name, mask in spheres.items()
        if not mask.any()
    ]
    names = list(spheres)
    complaints += [
        f"fiducials {a} and {b}: overlap in {int((spheres[a] & spheres[b]).sum())} voxels, so that signal "
        "would count twice: give smaller radii"
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if (spheres[a] & spheres[b]).any()
    ]
    if complaints:
        raise InputError(complaints)
    marked = choose_voxels(image, rule, background, spheres)
    volume = image.voxel_volume_m3
    found = []
    for f in fiducials:
        if f.center_m is None:
            scale = _MM3 if f.per_mm3 else volume
            found.append(Reading(f.name, f.iron_kg, f.signal * scale, f.signal_sd * scale))
        else:
            mask = marked[f.name]
            sd = background.sum_sd(mask if mask.any() else spheres[f.name])
            found.append(Reading(f.name, f.iron_kg, voxel_sum(image, mask, background) * volume, sd * volume))
    return tuple(found)


def sample_voxels(
    image: Image, fiducials: Sequence[Fiducial], rule: RoiRule, background: Background, notes: list[str]
) -> Mask | None:
    """The voxels of the samples, which are no part of the subject; None where none lies in the image.

    A sample's signal that reaches beyond its radius is kept apart too, and noted: within twice the radius, what is
    nearer to its blob than to any other.
    """
    placed = [(f.center_m, f.radius_m) for f in fiducials if f.center_m is not None]
    if not placed:
        return None
    inside, near = (np.any([sphere(image, at, k * radius) for at, radius in placed], axis=0) for k in (1.0, _NEAR))
    peaks = [float(image.data[sphere(image, at, radius)].max(initial=-np.inf)) for at, radius in placed]
    faint = background.level + _FOOT * (min(peaks) - background.level)
    blob, count = ndimage.label(image.data > max(background.peak_limit, faint))
    if not count:
        return inside
    tops = np.array(ndimage.maximum_position(image.data, blob, np.arange(1, count + 1)))
    own = np.concatenate([[False], inside[tuple(tops.T)]])
    nearest = ndimage.distance_transform_edt(blob == 0, return_distances=False, return_indices=True)
    around = grow(image, image.data > background.peak_limit, rule.grown_m, background)
    around &= near & own[blob[tuple(nearest)]]
    beyond = voxel_sum(image, around & ~inside, background)
    share = beyond / max(voxel_sum(image, around, background), 1e-300)
    if share > _SPILLED and beyond > DETECTABLE_SD * background.sum_sd(around & ~inside):
        notes.append(
            f"fiducials: {share:.0%} of their signal lies beyond their radii: give larger radii, or the curve "
            "is too low"
        )
    return inside | around
