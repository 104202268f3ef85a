"""A picture of a field-free region: SLP against position, along the drive axis and across it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import MissingPart


def write_ffr_figure(path: Path, answer: Mapping[str, Any]) -> None:
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
    for key, colour in (("along", "#b5361c"), ("across", "#1c5fb5")):
        width = answer[f"fwhm_{key}_mm"]
        words = "not confined" if width is None else f"{width:.1f} mm wide"
        axes.plot(position, answer["profile"][f"{key}_w_per_g_fe"], color=colour, label=f"{key} the drive: {words}")
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
