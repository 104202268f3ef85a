"""Pictures of the difference between two maps: three planes through the place where it is largest."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import AnyArray, BoolArray
from ..base.errors import MissingPart
from ..base.image import Image
from .palette import INK, MUTED
from .slicing import PLANES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

# Side of the part that is shown: a mouse's trunk. With twice as much a difference of a few voxels is too small to see.
WINDOW_MM = 45.0


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Two maps on the voxels of ``a``; ``both`` is where both bodies are; ``level`` is drawn as an isoline of each."""

    a: Image
    b: AnyArray
    both: BoolArray
    label: str
    level: float


def difference_png(pair: Difference) -> bytes | None:
    """A PNG, or None where there is nothing to show: no common voxel, or no difference."""
    change = np.where(pair.both, pair.b - pair.a.data, np.nan)
    most = float(np.nanmax(np.abs(change))) if pair.both.any() else 0.0
    if most <= 0.0:
        return None
    at = tuple(int(k) for k in np.unravel_index(int(np.nanargmax(np.abs(change))), change.shape))
    figure = _draw_planes(pair, change, at, most)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, facecolor="white")
    return stream.getvalue()


def _draw_planes(pair: Difference, change: AnyArray, at: tuple[int, ...], most: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPart("pictures need matplotlib: pip install 'thermoplan[view]'") from None
    figure = Figure(figsize=(10.0, 5.2), layout="constrained")
    images = [
        _draw_plane(axes, pair, change, at, plane, most)
        for axes, plane in zip(figure.subplots(1, 3), PLANES, strict=True)
    ]
    bar = figure.colorbar(images[-1], ax=figure.axes, orientation="horizontal", shrink=0.5, aspect=40, pad=0.02)
    bar.set_label(pair.label, color=INK)
    return figure


def _draw_plane(
    axes: Axes, pair: Difference, change: AnyArray, at: tuple[int, ...], plane: tuple[str, int, int, int], most: float
) -> QuadMesh:
    """One plane with the same colours either way from no difference; the level of A solid, that of B dashed."""
    name, right, up, fixed = plane
    ticks = [1e3 * (pair.a.affine_m[k, 3] + pair.a.affine_m[k, k] * np.arange(pair.a.shape[k])) for k in range(3)]

    def cut(values: AnyArray) -> AnyArray:
        flat = np.take(values, at[fixed], axis=fixed)
        result: AnyArray = flat.T if right < up else flat
        return result

    shown = np.where(cut(pair.both), cut(change), np.nan)
    image = axes.pcolormesh(
        ticks[right], ticks[up], shown, cmap="PuOr_r", vmin=-most, vmax=most, shading="nearest", rasterized=True
    )
    axes.contour(
        ticks[right], ticks[up], cut(pair.a.data > 0).astype(float), levels=[0.5], colors=MUTED, linewidths=0.8
    )
    for values, style in ((pair.a.data, "solid"), (pair.b, "dashed")):
        flat = np.where(cut(pair.both), cut(values), 0.0)
        if flat.max() > pair.level:
            axes.contour(
                ticks[right], ticks[up], flat, levels=[pair.level], colors=INK, linestyles=style, linewidths=1.2
            )
    for k, limit in ((right, axes.set_xlim), (up, axes.set_ylim)):
        limit(*_axis_window(ticks[k], ticks[k][at[k]]))
    axes.set_aspect("equal")
    axes.set_title(f"{name}, {'RAS'[fixed]} {ticks[fixed][at[fixed]]:.1f} mm".replace("-", "−"), fontsize=9, color=INK)
    axes.set_xlabel(f"{'RAS'[right]}, mm", fontsize=8, color=MUTED)
    axes.set_ylabel(f"{'RAS'[up]}, mm", fontsize=8, color=MUTED)
    axes.tick_params(labelsize=7, colors=MUTED)
    return image


def _axis_window(ticks: AnyArray, middle: float) -> tuple[float, float]:
    """The whole side where it is short, else a part about the middle."""
    half = 0.5 * min(WINDOW_MM, ticks[-1] - ticks[0])
    middle = float(np.clip(middle, ticks[0] + half, ticks[-1] - half))
    return middle - half, middle + half
