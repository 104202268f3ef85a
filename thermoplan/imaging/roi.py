"""Regions of interest: which voxels of a signal image count, by one rule for fiducials and subject alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage, special
from scipy.cluster.vq import kmeans2

from ..base.arrays import AnyArray, Array
from ..base.errors import InputError
from ..base.image import Image
from .background import Background, Mask, reach

DEFAULT = "background + 5 sigma, grown"
EXAMPLES = (
    DEFAULT,
    "everything",
    "half-maximum",
    "40 % of maximum",
    "threshold 0.2",
    "k-means",
    "k-means 3",
    "background + 3 sigma, grown 2 mm",
)
POORLY_KEPT = 0.95
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_GROWN = re.compile(rf"grown(?:\s+(?:by\s+)?{_NUMBER}\s*mm)?")
_HEADS = (
    ("everything", re.compile("everything|all()"), 1.0),
    ("fraction", re.compile(rf"{_NUMBER}\s*% of (?:the )?max(?:imum)?"), 0.01),
    ("fraction", re.compile("half[- ]max(?:imum)?()"), 0.5),
    ("sigma", re.compile(rf"background\s*\+\s*{_NUMBER}\s*(?:sigma|sd)"), 1.0),
    ("threshold", re.compile(rf"threshold\s+{_NUMBER}"), 1.0),
    ("k-means", re.compile(r"k-?means()"), 2.0),
    ("k-means", re.compile(r"k-?means\s+(\d+)"), 1.0),
)
_HIDDEN_BY_EDGE = 0.5


@dataclass(frozen=True, slots=True)
class RoiRule:
    """Rule that chooses voxels inside a region of the anatomy, or inside a fiducial's sphere.

    Parameters
    ----------
    kind
        ``everything``; ``threshold`` (at and above ``value``, in the image's unit); ``fraction`` (of the highest
        signal above the background); ``sigma`` (background and ``value`` standard deviations); ``k-means`` (all
        but the lowest of ``value`` clusters of brightness [Hayat2021]).
    grown_m
        The choice is widened by this, NaN: as far as the image shows signal around it; 0: not at all.
    """

    kind: str
    value: float = 0.0
    grown_m: float = 0.0

    def __str__(self) -> str:
        words = {
            "everything": "everything",
            "threshold": f"threshold {self.value:g}",
            "fraction": "half-maximum" if self.value == 0.5 else f"{100 * self.value:g} % of maximum",
            "sigma": f"background + {self.value:g} sigma",
            "k-means": f"k-means {self.value:g}",
        }[self.kind]
        if self.grown_m == 0.0:
            return words
        return words + (", grown" if np.isnan(self.grown_m) else f", grown {1e3 * self.grown_m:g} mm")

    @property
    def sensible(self) -> bool:
        """True if the rule makes sense: part of a maximum below all of it, two clusters or more."""
        return not (
            self.grown_m < 0.0
            or (self.kind == "fraction" and not 0.0 < self.value < 1.0)
            or (self.kind == "k-means" and self.value < 2.0)
        )

    def threshold(self, values: Array, background: Background) -> float:
        """Threshold for a voxel, given those of its region."""
        if self.kind == "everything":
            return -np.inf
        if self.kind == "threshold":
            return float(np.nextafter(self.value, -np.inf))
        if self.kind == "sigma":
            return max(background.level + self.value * background.sigma, background.rounding)
        if self.kind == "fraction":
            return background.level + self.value * (float(values.max()) - background.level)
        return _between_clusters(values, int(self.value))


def roi_rule(text: str | RoiRule) -> RoiRule:
    """A rule from words, such as ``"half-maximum"`` or ``"background + 5 sigma, grown 2 mm"``."""
    if isinstance(text, RoiRule):
        return text
    head, comma, tail = (part.strip() for part in text.lower().partition(","))
    wide = _GROWN.fullmatch(tail)
    grown_m = 0.0 if not comma else 1e-3 * float(wide[1] or "nan") if wide else -1.0
    for kind, pattern, factor in _HEADS:
        match = pattern.fullmatch(head)
        if match:
            rule = RoiRule(kind, factor * (float(match[1]) if match[1] else 1.0), grown_m)
            if rule.sensible:
                return rule
    raise InputError(
        f'roi = "{text}": not a rule for a region of interest; expected one of '
        + ", ".join(f'"{example}"' for example in EXAMPLES)
    )


def choose_voxels(image: Image, rule: RoiRule, background: Background, regions: Mapping[str, Mask]) -> dict[str, Mask]:
    """The voxels of each region that the rule keeps; none where nothing in it stands out from the noise.

    Each region has a threshold of its own; what is widened may reach from one into the next.
    """
    seeds, limit = np.zeros(image.shape, bool), background.peak_limit
    for mask in regions.values():
        values = image.data[mask].astype(float)
        if len(values) and values.max() > limit:
            seeds[mask] |= values > rule.threshold(values, background)
    seeds = grow(image, seeds, rule.grown_m, background)
    everything = rule.kind == "everything"
    return {name: mask & (seeds | everything) for name, mask in regions.items()}


def grow(image: Image, seeds: Mask, margin_m: float, background: Background) -> Mask:
    """``seeds`` and what lies within ``margin_m`` of them (NaN: within reach of the signal)."""
    if np.isnan(margin_m):
        return reach(image.data, seeds, background)[1]
    if margin_m == 0.0 or not seeds.any():
        return seeds
    result: Mask = ndimage.distance_transform_edt(~seeds, sampling=image.spacing_m) <= margin_m * (1.0 + 1e-9)
    return result


def kept_share(fraction: float, dimensions: int = 3) -> float:
    """Part of a Gaussian point's signal that lies above ``fraction`` of its maximum.

    ``P(n/2, ln(1/fraction))``, the regularized incomplete gamma function: at half maximum 29 % in three dimensions,
    50 % in two, 76 % in one.
    """
    if fraction <= 0.0:
        return 1.0
    return float(special.gammainc(0.5 * dimensions, np.log(1.0 / min(fraction, 1.0))))


def cut_short(image: Image, rule: RoiRule, background: Background, mask: Mask) -> float | None:
    """Share of a point as bright as the brightest voxel of ``mask`` that a threshold keeps; None if it is widened."""
    values = image.data[mask].astype(float)
    if rule.grown_m != 0.0 or rule.kind == "everything" or not len(values):
        return None
    height = float(values.max()) - background.level
    fraction = (rule.threshold(values, background) - background.level) / height if height > 0.0 else 1.0
    return kept_share(fraction, sum(n > 1 for n in image.shape))


def labelled_regions(
    image: Image, labels: Image, names: Mapping[int, str], where: str = "labels", *, notes: list[str] | None = None
) -> dict[str, Mask]:
    """Region -> mask on the image's voxels, by the label at each voxel's centre.

    A region that lies off the image by more than half is left out, and noted. Refused where the two do not lie in one
    frame: no label in any voxel, or more than half of the regions off the image.
    """
    voxels = np.argwhere(np.isin(labels.data, list(names)))
    place = image.indices(labels.positions_m(voxels))
    seen = ((place > -0.5) & (place < np.array(image.shape) - 0.5)).all(axis=1)
    of = labels.data[tuple(voxels.T)]
    if not len(voxels):
        raise InputError(f"{where}: no voxel has a label of the table")
    if not seen.any():
        raise InputError(
            f"{where}: not in the frame of the image: {_box(labels)} against {_box(image)} mm: register "
            "one to the other first"
        )
    hidden, found = {}, _sample_labels(image, labels)
    masks: dict[str, Mask] = {}
    for value, name in names.items():
        masks[name] = masks.get(name, np.zeros(image.shape, bool)) | (found == value)
    for name in masks:
        own = np.isin(of, [k for k, v in names.items() if v == name])
        if own.any() and seen[own].mean() < _HIDDEN_BY_EDGE:
            hidden[name] = f"{where}: {1.0 - seen[own].mean():.0%} of region {name} lies off the image"
    if 2 * len(hidden) > len(masks):
        raise InputError(
            [
                f"{text}: the two are not in one frame, or the image does not cover it; leave its rows out of the table"
                for text in hidden.values()
            ]
        )
    if notes is not None:
        notes += [f"{text}: left out" for text in hidden.values()]
    return {name: mask for name, mask in masks.items() if mask.any() and name not in hidden}


def sphere(image: Image, center_m: ArrayLike, radius_m: float) -> Mask:
    """Voxels whose centres lie in a ball.

    ``center_m`` is ``(3,)``, RAS+ metres; the mask has the image's shape.
    """
    found = np.zeros(image.shape, bool)
    middle = image.indices(np.asarray(center_m))
    reach_m = radius_m * np.linalg.norm(np.linalg.inv(image.affine_m[:3, :3]), axis=1)
    low, high = np.floor(middle - reach_m).astype(int), np.ceil(middle + reach_m).astype(int) + 1
    low, high = np.clip(low, 0, image.shape), np.clip(high, 0, image.shape)
    place = image.positions_m(np.moveaxis(np.indices(np.maximum(high - low, 0)), 0, -1) + low)
    inside = ((place - np.asarray(center_m)) ** 2).sum(axis=-1) <= radius_m**2 * (1.0 + 1e-9)
    found[tuple(map(slice, low, high))] = inside
    return found


def _sample_labels(image: Image, labels: Image) -> AnyArray:
    """Labels at the image's voxel centres, plane by plane."""
    found = np.zeros(image.shape, labels.data.dtype)
    plane = np.moveaxis(np.indices((1, *image.shape[1:])), 0, -1)
    for i in range(image.shape[0]):
        points = image.positions_m(plane + np.array([i, 0, 0])).reshape(-1, 3)
        found[i] = labels.sampled(points, order=0).reshape(image.shape[1:])
    return found


def _between_clusters(values: Array, count: int) -> float:
    """Half way between the lowest cluster of brightness and the next."""
    if len(np.unique(values)) <= count:
        return float(values.min())
    centres = np.sort(kmeans2(values, count, minit="++", iter=100, seed=0)[0].ravel())
    return float(0.5 * (centres[0] + centres[1]))


def _box(image: Image) -> str:
    corner = image.positions_m(np.array([[0, 0, 0], np.array(image.shape) - 1.0])) * 1e3
    low, high = corner.min(axis=0), corner.max(axis=0)
    return " x ".join(f"{a:.1f}..{b:.1f}" for a, b in zip(low, high, strict=True))
