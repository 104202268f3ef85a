"""A signal image, a standard curve and a rule: iron per region with its uncertainty, and the map to plan on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from ..base.errors import InputError
from ..base.image import Image
from .background import Background, Mask, background_of, check_finite, reach, voxel_sum
from .calibration import DETECTABLE_SD, Mass, StandardCurve
from .iron_map import IronMap
from .roi import DEFAULT, POORLY_KEPT, RoiRule, choose_voxels, cut_short, roi_rule

EVERYWHERE = "image"
ELSEWHERE = "elsewhere"
TOTAL = "total"
_FAR_BEYOND = 3.0
_WORTH_A_WORD = 0.05


class RegionIronRow(TypedDict):
    """Row of the table of regions, in mg, mm3 and mg/mL; None where nothing tells."""

    region: str
    voxels: int
    volume_mm3: float | None
    iron_mg: float | None
    iron_sd_mg: float | None
    iron_low_mg: float | None
    iron_high_mg: float | None
    concentration_mg_ml: float | None
    highest_mg_ml: float | None
    snr: float | None
    limit_mg: float | None
    detected: bool


@dataclass(frozen=True, slots=True)
class RegionIron:
    """Iron of a region: of the ``voxels`` in it that the rule kept.

    ``snr`` is the mean signal above the background over the background's standard deviation; ``limit_kg`` is three
    standard deviations of the background summed over the same voxels, or over the whole region where none was kept.
    """

    name: str
    voxels: int
    volume_m3: float
    mass: Mass
    mean_kg_m3: float
    highest_kg_m3: float
    snr: float
    limit_kg: float

    @property
    def detected(self) -> bool:
        return self.mass.kg > self.limit_kg


@dataclass(frozen=True, slots=True, eq=False)
class Quantified:
    """Result of `quantify_image`; ``regions`` ends with the iron that lies in none of the named ones."""

    iron: IronMap
    regions: tuple[RegionIron, ...]
    total: RegionIron
    curve: StandardCurve
    background: Background
    rule: RoiRule
    warnings: tuple[str, ...]

    @property
    def detection_limit_kg_m3(self) -> float:
        """Iron of a voxel whose signal is three standard deviations of the background."""
        return DETECTABLE_SD * self.background.sigma / self.curve.slope

    def rows(self) -> list[RegionIronRow]:
        """The table: a row a region and one of them all, in mg, mm3 and mg/mL; None where nothing tells."""
        return [_row(region) for region in (*self.regions, *([self.total] if len(self.regions) > 1 else []))]


def quantify_image(
    image: Image,
    curve: StandardCurve,
    *,
    rule: RoiRule | str = DEFAULT,
    regions: Mapping[str, Mask] | None = None,
    background: Background | None = None,
    apart: Mask | None = None,
) -> Quantified:
    """Iron of a signal image.

    A region's iron follows from the sum of its signal above the background, what lies below it included, so that
    noise adds no iron. The map holds the same iron, none of it negative: where signal shows above the noise, scaled
    region by region to that sum, or evenly over a region whose sum alone stands out.

    Parameters
    ----------
    regions
        Name -> mask of the image's voxels; without any the whole image is one region.
    apart
        Voxels that are not the subject, such as those of the fiducials.
    """
    rule, names = roi_rule(rule), dict(regions or {EVERYWHERE: np.ones(image.shape, bool)})
    check_finite(image)
    background = background or background_of(image)
    if regions:
        names[ELSEWHERE] = ~np.any(list(names.values()), axis=0)
    subject = np.ones(image.shape, bool) if apart is None else ~apart
    names = {name: mask & subject for name, mask in names.items()}
    _refuse_noise(image, background, subject)
    kept = choose_voxels(image, rule, background, names)
    found = [_region(image, curve, background, name, (names[name], mask)) for name, mask in kept.items()]
    whole = np.any(list(kept.values()), axis=0)
    total = _region(image, curve, background, TOTAL, (subject, whole), parts=sum(r.detected for r in found))
    iron = _map(image, curve, background, [(kept[region.name], region) for region in found], total)
    spare = tuple(region for region in found if region.voxels or region.name != ELSEWHERE)
    warnings = [*curve.warnings, *_warnings(image, curve, background, rule, kept, spare)]
    return Quantified(iron, spare, total, curve, background, rule, tuple(warnings))


def _refuse_noise(image: Image, background: Background, subject: Mask) -> None:
    highest = float(image.data[subject].max(initial=-np.inf))
    if not highest > background.peak_limit:
        raise InputError(
            f"image: no signal above the detection limit: the brightest voxel, {highest:.3g}, is within the noise "
            f"(background {background.level:.3g} +- {background.sigma:.3g} in {background.voxels} voxels)"
        )


def _region(
    image: Image,
    curve: StandardCurve,
    background: Background,
    name: str,
    masks: tuple[Mask, Mask],
    *,
    parts: int | None = None,
) -> RegionIron:
    region, mask = masks
    volume, count = image.voxel_volume_m3, int(mask.sum())
    sd = background.sum_sd(mask if count else region) * volume
    limit = DETECTABLE_SD * sd / curve.slope
    if not count:
        return RegionIron(name, 0, 0.0, Mass(0.0, sd / curve.slope), 0.0, 0.0, 0.0, limit)
    signal = voxel_sum(image, mask, background)
    parts = int(signal * volume > DETECTABLE_SD * sd) if parts is None else parts
    mass = curve.iron(signal * volume, sd, parts=parts)
    highest = (float(image.data[mask].max()) - background.level) / curve.slope
    snr = signal / count / background.sigma if background.sigma > 0.0 else np.inf
    return RegionIron(name, count, count * volume, mass, mass.kg / (count * volume), highest, float(snr), limit)


def _map(
    image: Image, curve: StandardCurve, background: Background, parts: list[tuple[Mask, RegionIron]], total: RegionIron
) -> IronMap:
    iron = np.zeros(image.shape)
    visible = reach(image.data, image.data > background.peak_limit, background)[1]
    for mask, region in parts:
        if not (region.detected and mask.any()):
            continue
        shown = mask & visible
        above = np.maximum(image.data[shown] - background.level, 0.0)
        if above.any():
            iron[shown] = above * (region.mass.kg / (above.sum(dtype=float) * image.voxel_volume_m3))
        else:
            iron[mask] = region.mean_kg_m3
    if not iron.any():
        raise InputError("image: no signal above the detection limit: no region holds iron")
    without_noise = curve.iron(curve.intercept + curve.slope * total.mass.kg)
    noise = background.sigma * float(np.sqrt(background.inflation)) / curve.slope
    return IronMap(
        image.with_data(iron), relative_uncertainty=float(np.nan_to_num(without_noise.relative)), noise_kg_m3=noise
    )


def _warnings(
    image: Image,
    curve: StandardCurve,
    background: Background,
    rule: RoiRule,
    kept: Mapping[str, Mask],
    regions: tuple[RegionIron, ...],
) -> list[str]:
    found = []
    points = {name: cut_short(image, rule, background, mask) for name, mask in kept.items() if mask.any()}
    shares = {name: share for name, share in points.items() if share is not None and share < POORLY_KEPT}
    if shares:
        name = min(shares, key=lambda each: shares[each])
        found.append(
            f'rule "{rule}" keeps {shares[name]:.0%} of a point\'s signal in {name} by its geometry (a '
            "Gaussian's), more of a large region: masses are right only where the fiducials are as large "
            f'and as bright; "{rule}, grown" keeps all of it'
        )
    largest = max(r.iron_kg for r, used in zip(curve.readings, curve.used, strict=True) if used)
    beyond = [r.name for r in regions if r.mass.kg > _FAR_BEYOND * largest]
    if beyond:
        found.append(
            f"{', '.join(beyond)}: more iron than {_FAR_BEYOND:g} times the largest fiducial "
            f"({largest * 1e9:.3g} ug): proportionality is taken on trust there"
        )
    total = sum(r.mass.kg for r in regions)
    stray = sum(r.mass.kg for r in regions if r.name == ELSEWHERE)
    if stray > _WORTH_A_WORD * total:
        found.append(
            f"{stray / total:.0%} of the iron lies in no named region: blur carries signal across outlines, "
            "or the labels do not fit the image"
        )
    return found


def _row(region: RegionIron) -> RegionIronRow:
    low, high = region.mass.interval_kg
    return {
        "region": region.name,
        "voxels": region.voxels,
        "volume_mm3": _finite_or_none(region.volume_m3 * 1e9),
        "iron_mg": _finite_or_none(region.mass.kg * 1e6),
        "iron_sd_mg": _finite_or_none(region.mass.sd_kg * 1e6),
        "iron_low_mg": _finite_or_none(low * 1e6),
        "iron_high_mg": _finite_or_none(high * 1e6),
        "concentration_mg_ml": _finite_or_none(region.mean_kg_m3),
        "highest_mg_ml": _finite_or_none(region.highest_kg_m3),
        "snr": _finite_or_none(region.snr),
        "limit_mg": _finite_or_none(region.limit_kg * 1e6),
        "detected": region.detected,
    }


def _finite_or_none(value: float) -> float | None:
    """``value``, or None where nothing tells it."""
    return float(value) if np.isfinite(value) else None
