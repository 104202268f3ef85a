"""A picture of a calorimeter's curve: the readings, and the line through the slopes that gives the SLP."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np

from ..base.errors import MissingPart


class HeatingCurve(TypedDict):
    """Heating curve of a calorimeter, its readings and the fit of the corrected-slope method."""

    time_s: list[float]
    temperature_c: list[float]
    from_s: float
    to_s: float
    start_c: float
    rise_k: list[float]
    slope_k_s: list[float]
    heat_capacity_j_k: float
    power_mw: float
    loss_mw_k: float
    slp_w_per_g_fe: dict[str, float]


def write_curve_figure(path: Path, answer: HeatingCurve) -> None:
    """Draw an answer of ``thermoplan calorimetry``: the curve with what it would be without loss, and the slopes."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPart("pictures need matplotlib: pip install 'thermoplan[view]'") from None
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    curve, slopes = figure.subplots(1, 2)
    capacity, start = answer["heat_capacity_j_k"], answer["start_c"]
    first = answer["power_mw"] * 1e-3 / capacity
    fade = answer["loss_mw_k"] * 1e-3 / capacity
    curve.plot(answer["time_s"], answer["temperature_c"], color="0.45", lw=1.0, label="readings")
    time = np.linspace(answer["from_s"], answer["to_s"], 200)
    gone = time - answer["from_s"]
    rise = first * (gone if abs(fade) < 1e-9 else -np.expm1(-fade * gone) / fade)
    curve.plot(time, start + rise, color="#1c5fb5", ls="--", lw=1.4, label="the fit")
    top = max(answer["temperature_c"])
    until = min(answer["to_s"], answer["from_s"] + 1.1 * (top - start) / first)
    curve.plot(
        [answer["from_s"], until],
        [start, start + first * (until - answer["from_s"])],
        color="#b5361c",
        lw=1.4,
        label="without heat loss",
    )
    curve.set(xlabel="time, s", ylabel="temperature, °C")
    curve.legend(frameon=False, loc="lower right")
    rises = np.array(answer["rise_k"])
    slopes.plot(rises, 1e3 * np.array(answer["slope_k_s"]), "o", color="0.3")
    ends = np.array([0.0, rises.max()])
    slopes.plot(ends, 1e3 * (first - fade * ends), color="#b5361c")
    slp = answer["slp_w_per_g_fe"]
    slopes.set(
        xlabel="rise above the room, K",
        ylabel="slope of a window, mK/s",
        xlim=(0.0, None),
        ylim=(0.0, None),
        title=f"{slp['value']:.4g} ({slp['low']:.4g} to {slp['high']:.4g}) W per g of iron",
    )
    figure.savefig(path, dpi=150)
