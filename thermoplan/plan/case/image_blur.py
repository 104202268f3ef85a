"""Blur of a protocol's image, and its sharpening where the protocol asks for that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...files.images.mdf import MdfInfo, read_mdf_info
from ...files.images.suffixes import MDF, image_suffix
from ...imaging.deblur import deblur_image
from ...imaging.iron_map import IronMap
from ...imaging.psf import GaussianPsf, implied_fwhm_m, seen_gradient_t_m
from ...protocol import Protocol
from ...protocol.library import library_tracers
from ...tracer.tracer import Tracer

_APART = 1.3
"""Ratio of the given and the recorded width that is noted: the same scanner, measured twice, differs by less."""
_UNEVEN = 1.5
"""Ratio of the widest and the narrowest recorded width that is noted, as their mean then stands for all three."""


@dataclass(frozen=True, slots=True)
class ImageBlur:
    """Full width of an image's point-spread function, None where nothing says it, and its source."""

    fwhm_m: float | None
    source: str


def image_blur(protocol: Protocol, notes: list[str]) -> ImageBlur:
    """The protocol's width, else the one that the scan recorded, else what its tracer and gradient imply."""
    given, name = protocol.iron.fwhm_m, protocol.iron.image.name
    recorded = _recorded_blur(protocol, notes)
    if given is not None:
        if recorded.fwhm_m is not None and not 1.0 / _APART < recorded.fwhm_m / given < _APART:
            notes.append(
                f"{name}: [iron] fwhm = {given * 1e3:.3g} mm is taken, though {recorded.fwhm_m * 1e3:.3g} mm "
                f"is {recorded.source}"
            )
        return ImageBlur(given, "given by the protocol")
    if recorded.fwhm_m is None:
        notes.append(
            f"{name}: the width of its point-spread function is not known, so no iron is moved back into the "
            'regions it was smeared from; give [iron] fwhm, such as "2 mm"'
        )
    else:
        notes.append(f"{name}: no [iron] fwhm is given; {recorded.fwhm_m * 1e3:.3g} mm is taken, {recorded.source}")
    return recorded


def sharpen_iron(iron: IronMap, protocol: Protocol, notes: list[str]) -> IronMap:
    """The map as it is, or deblurred as far as ``[iron] deblur`` lets noise grow, with a warning that says so.

    The voxels' noise grows by the gain; that of a large region's sum less, which is left out on the safe side.
    """
    gain = protocol.iron.deblur
    if gain is None:
        return iron
    if iron.fwhm_m is None:
        raise InputError(
            f"{protocol.path.name}: iron.deblur = {gain:g}: the width of the image's blur is not known; "
            'give [iron] fwhm, such as "2 mm"'
        )
    sharp = deblur_image(iron.image, GaussianPsf(np.full(3, iron.fwhm_m)), noise_gain=gain)
    left = min(iron.fwhm_m, _mean(sharp.fwhm_m))
    notes.append(
        f"DEBLURRED: {iron.name} is planned on after sharpening ([iron] deblur = {gain:g}), which CAN INVENT IRON: "
        f"noise is {sharp.noise_gain:.2g} times what it was, {sharp.moved:.0%} of the iron lies in other voxels than "
        f"it was measured in, and nothing finer than {1e3 * left:.2g} mm was ever seen; compare with a plan without it"
    )
    return replace(iron, image=sharp.image, fwhm_m=left, noise_kg_m3=iron.noise_kg_m3 * sharp.noise_gain)


def scan_info(path: Path) -> MdfInfo | None:
    """Facts that an MDF file has on its scan; None for other formats."""
    return read_mdf_info(path) if path.is_file() and image_suffix(path) in MDF else None


def recorded_scan(path: Path) -> str:
    """Tracer and scanner that an MDF file records, in words; empty where it records none."""
    info = scan_info(path)
    if info is None:
        return ""
    words = (text.replace("n.a.", "").strip() for text in (info.tracer, info.scanner))
    return ", ".join(word for word in words if word)


def _recorded_blur(protocol: Protocol, notes: list[str]) -> ImageBlur:
    info = scan_info(protocol.iron.image)
    if info is None:
        return ImageBlur(None, "")
    name = protocol.iron.image.name
    if info.fwhm_m is not None and (info.fwhm_m > 0.0).all():
        if info.fwhm_m.max() > _UNEVEN * info.fwhm_m.min():
            widths = " x ".join(f"{1e3 * w:.3g}" for w in info.fwhm_m)
            notes.append(f"{name}: its blur is {widths} mm along R, A, S; the mean width stands for all three")
        return ImageBlur(_mean(info.fwhm_m), "recorded by the scan")
    tracer = _tracer(info.tracer, protocol, notes)
    if info.gradient_t_m is None or not np.isfinite(info.gradient_t_m).all() or not info.gradient_t_m.any():
        return ImageBlur(None, "")
    return _implied_blur(tracer, info.gradient_t_m)


def _implied_blur(tracer: Tracer, gradient_t_m: Array) -> ImageBlur:
    """Width by what was measured of the tracer, relaxation and all; else the one that its sizes imply without it."""
    steepest = float(np.linalg.svd(gradient_t_m, compute_uv=False).max())
    measured = tracer.imaging.fwhm_t if tracer.imaging is not None else None
    if measured is None:
        words = (
            f"what {tracer.name} in the recorded gradient of {steepest:.3g} T/m implies; relaxation makes a real "
            "scanner's wider"
        )
        return ImageBlur(implied_fwhm_m(tracer, gradient_t_m), words)
    words = f"the {1e3 * measured:.3g} mT measured of {tracer.name} over the recorded gradient of {steepest:.3g} T/m"
    return ImageBlur(measured / seen_gradient_t_m(gradient_t_m), words)


def _tracer(recorded: str, protocol: Protocol, notes: list[str]) -> Tracer:
    """The tracer that was scanned where the library knows it, else the protocol's."""
    known = {_plain(name): tracer for name, tracer in library_tracers().items()}
    found = known.get(_plain(recorded))
    if found is None or _plain(protocol.tracer.name) == _plain(recorded):
        return protocol.tracer
    name = protocol.iron.image.name
    notes.append(f"{name}: was recorded with {found.name}; the protocol heats {protocol.tracer.name}")
    return found


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum() or c == "+").replace("+", "plus")


def _mean(widths_m: Array) -> float:
    """Width of a ball of the same volume."""
    return float(np.exp(np.log(widths_m).mean()))
