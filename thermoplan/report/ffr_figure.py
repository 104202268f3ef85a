"""A picture of a field-free region: SLP against position, along the drive axis and across it."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from ..base.errors import MissingPart


class ProfileAnswer(TypedDict):
    """SLP over the distance from the middle of the field-free region."""

    position_mm: list[float]
    along_w_per_g_fe: list[float]
    across_w_per_g_fe: list[float]


class FfrProfiles(TypedDict):
    """Profiles of a field-free region, and its full widths at half maximum; None where nothing bounds a width."""

    tracer: str
    device: str
    gradient_t_m: float
    fwhm_along_mm: float | None
    fwhm_across_mm: float | None
    slp_w_per_g_fe: float | None
    lesion_mm: float
    profile: ProfileAnswer


def write_ffr_figure(path: Path, answer: FfrProfiles) -> None:
    """Draw the profiles of an answer of ``thermoplan ffr``; the half maximum and the lesion are marked."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPart("pictures need matplotlib: pip install 'thermoplan[view]'") from None
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    position, top = answer["profile"]["position_mm"], answer["slp_w_per_g_fe"]
    half = 0.5 * answer["lesion_mm"]
    axes.axvspan(-half, half, color="0.92", lw=0, label=f"lesion of {answer['lesion_mm']:g} mm")
    profile = answer["profile"]
    for key, slp, width, colour in (
        ("along", profile["along_w_per_g_fe"], answer["fwhm_along_mm"], "#b5361c"),
        ("across", profile["across_w_per_g_fe"], answer["fwhm_across_mm"], "#1c5fb5"),
    ):
        words = "not confined" if width is None else f"{width:.1f} mm wide"
        axes.plot(position, slp, color=colour, label=f"{key} the drive: {words}")
    if top is not None:
        axes.axhline(0.5 * top, color="0.5", lw=0.8, ls=":")
    axes.set(
        xlabel="distance from the field-free region, mm",
        ylabel="SLP, W per g of iron",
        ylim=(0, None),
        xlim=(position[0], position[-1]),
        title=f"{answer['tracer']} on {answer['device']}, {answer['gradient_t_m']:g} T/m",
    )
    figure.legend(loc="outside lower center", ncols=1, frameon=False)
    figure.savefig(path, dpi=150)
