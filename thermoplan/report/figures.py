"""Pictures made while a plan's fields are at hand: temperature and dose through the hottest point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array
from ..base.errors import MissingPart
from .field_grid import write_volume
from .palette import INK, region_colours
from .slicing import Plane, planes

if TYPE_CHECKING:  # matplotlib loads only when a picture is drawn
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

ENDS = (("L", "R"), ("P", "A"), ("I", "S"))
ISOTHERMS_C = (41.0, 42.0, 43.0, 45.0)
ISODOSES_MIN = (2.0, 10.0, 60.0, 240.0)
_WIDE_IN = 9.4
"""Most width of the three planes together, in inches; twice as much would not fit a page."""
_TALL_IN = 9.0
"""Most height of one plane, in inches; twice as much would not fit a screen."""
_LEAST_IN = (1.7, 1.7, 4.6)
"""Least width of each plane's place: its title, and under the third the scale and two columns of the legend."""
_BAR_IN = 1.5
"""Height of the colour bar with its ticks and label, from the plane above to the legend."""
_LEGEND_COLUMNS = 2
_LEGEND_ROW_IN = 0.2
"""Height of a row of the legend at its size of letters."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldView:
    """Data of the pictures: nodal fields ``(n,)``, the hottest point (3,), FFR centres ``(k, 3)``."""

    anatomy: Anatomy
    temperature_peak_c: Array
    cem43_min: Array
    iron_kg_m3: Array
    hottest_m: Array
    path_m: Array


@dataclass(frozen=True, slots=True)
class ColourScale:
    """Colour scale of one field, and the isolines that are drawn."""

    field: str
    label: str
    colours: str
    low: float
    high: float
    isolines: tuple[float, ...]
    unit: str
    log: bool = False


def write_figures(view: FieldView, folder: Path) -> dict[str, str]:
    """Write ``slices.png``, ``dose.png`` and ``volume.json``; returns their names from the run folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = planes(view.anatomy, view.hottest_m)
    scales = {"slices": _temperature(view, cuts), "dose": _dose(view)}
    for name, scale in scales.items():
        _draw(view, cuts, scale).savefig(folder / f"{name}.png", dpi=140, facecolor="white")
    write_volume(view.anatomy, _channels(view, scales), view.hottest_m, folder / "volume.json")
    return {name: f"{folder.name}/{name}.png" for name in scales} | {"volume": f"{folder.name}/volume.json"}


def _channels(view: FieldView, scales: Mapping[str, ColourScale]) -> dict[str, tuple[Array, float, float, str]]:
    """Fields of the page's linked slices; the dose as its logarithm."""
    heat, dose = scales["slices"], scales["dose"]
    logarithm = np.log10(np.maximum(view.cem43_min, dose.low))
    iron = max(5.0 * iron_level(view), 1e-9) if np.isfinite(iron_level(view)) else 1.0
    return {
        "temperature": (view.temperature_peak_c, float(heat.low), float(heat.high), heat.colours),
        "dose": (logarithm, float(np.log10(dose.low)), float(np.log10(dose.high)), dose.colours),
        "iron": (view.iron_kg_m3, 0.0, iron, "cividis"),
    }


def _temperature(view: FieldView, cuts: tuple[Plane, ...]) -> ColourScale:
    """From the coolest that is seen, but for a few voxels of ear or paw, to the hottest."""
    seen = np.concatenate([cut.values(view.anatomy, view.temperature_peak_c).ravel() for cut in cuts])
    low, high = np.floor(np.nanpercentile(seen, 1)), np.ceil(max(view.temperature_peak_c.max(), 43.0))
    return ColourScale("temperature_peak_c", "highest temperature, °C", "inferno", low, high, ISOTHERMS_C, "°C")


def _dose(view: FieldView) -> ColourScale:
    high = float(np.clip(view.cem43_min.max(), 1e2, 1e4))
    return ColourScale("cem43_min", "CEM43, min", "viridis", 0.01, high, ISODOSES_MIN, "min", log=True)


def _draw(view: FieldView, cuts: tuple[Plane, ...], scale: ColourScale) -> Figure:
    """Coronal and sagittal side by side, axial beside them on top, scale and legend under it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPart("pictures need matplotlib: pip install 'thermoplan[view]'") from None
    gap, pad = 0.45, 0.35
    extents = [(np.ptp(c.right_m), np.ptp(c.up_m)) for c in cuts]
    inches = min(_WIDE_IN / sum(e[0] for e in extents), _TALL_IN / max(e[1] for e in extents))
    cells = [max(across * inches, least) for (across, _), least in zip(extents, _LEAST_IN, strict=True)]
    axial, handles = extents[2][1] * inches, _legend_handles(view, cuts)
    under = _BAR_IN + _LEGEND_ROW_IN * -(-len(handles) // _LEGEND_COLUMNS)
    height = max(max(up for _, up in extents[:2]) * inches, axial + under) + 2.4 * pad
    width = sum(cells) + 2 * (pad + gap)
    figure = Figure(figsize=(width, height))
    left = pad
    bar_mm = max(n for n in (1, 2, 5, 10, 20, 50, 100) if n <= max(250 * min(e[0] for e in extents), 1))
    for cut, (across, up), cell in zip(cuts, extents, cells, strict=True):
        w, h = across * inches, up * inches
        at = left + 0.5 * (cell - w)
        axes = figure.add_axes((at / width, (height - 1.4 * pad - h) / height, w / width, h / height))
        image = _plane(axes, view, cut, scale, bar_mm)
        left += cell + gap
    third = left - gap - cells[2]
    top = height - 1.4 * pad - axial - 0.75
    bar = figure.add_axes((third / width, top / height, cells[2] / width, 0.14 / height))
    _bar(figure, bar, image, scale)
    _legend(figure, handles, (third / width, (top - 0.6) / height))
    return figure


def _bar(figure: Figure, axes: Axes, image: ScalarMappable, scale: ColourScale) -> None:
    """The colour bar, with the isolines' values as its ticks on top."""
    from matplotlib.patheffects import withStroke

    figure.colorbar(image, cax=axes, orientation="horizontal", label=scale.label)
    shown = [level for level in scale.isolines if scale.low < level < scale.high]
    for level in shown:
        axes.axvline(level, color="white", lw=1.0, path_effects=[withStroke(linewidth=2.0, foreground=INK)])
    above = axes.secondary_xaxis("top")
    above.set_xticks(shown, [f"{level:g}" for level in shown], fontsize=8)
    above.tick_params(length=2, pad=1)
    above.minorticks_off()


def _plane(axes: Axes, view: FieldView, cut: Plane, scale: ColourScale, bar_mm: int) -> QuadMesh:
    values = cut.values(view.anatomy, getattr(view, scale.field))
    if scale.log:
        values = np.maximum(values, scale.low)
    right, up = 1e3 * cut.right_m, 1e3 * cut.up_m
    image = axes.pcolormesh(
        right, up, values, cmap=scale.colours, norm=_norm(scale), shading="nearest", rasterized=True
    )
    _outlines(axes, view, cut)
    _isolines(axes, right, up, values, scale)
    _iron(axes, view, cut)
    _marks(axes, view, cut)
    axes.set_aspect("equal")
    axes.set_axis_off()
    title = f"{cut.name}, {'RAS'[cut.axes[2]]} {1e3 * cut.level_m:.1f} mm".replace("-", "−")
    axes.set_title(title, fontsize=9, color=INK, pad=15)
    _ends(axes, cut, bar_mm)
    return image


def _norm(scale: ColourScale) -> Normalize:
    from matplotlib.colors import LogNorm, Normalize

    return (LogNorm if scale.log else Normalize)(scale.low, scale.high)


def _outlines(axes: Axes, view: FieldView, cut: Plane) -> None:
    """The body's outline in grey, each organ's in its colour on white; the skin is where the body ends. The larger come
    first, so that an organ's border with what surrounds it is in the organ's colour."""
    region = cut.region(view.anatomy)
    colours = region_colours(view.anatomy.region_names)
    masks = {name: (region == k, colours[name]) for k, name in enumerate(view.anatomy.region_names)}
    sizes = {name: view.anatomy.volumes_m3[view.anatomy.cells(name)].sum() for name in masks}
    masks = {name: masks[name] for name in sorted(masks, key=lambda n: -sizes[n]) if name not in ("body", "skin")}
    for mask, colour in [*masks.values(), (region >= 0, INK)]:
        smooth = gaussian_filter(mask.astype(float), 1.2)
        if smooth.max() > 0.5:
            for stroke, width in (("white", 2.2), (colour, 1.1)):
                axes.contour(1e3 * cut.right_m, 1e3 * cut.up_m, smooth, [0.5], colors=stroke, linewidths=width)


def _isolines(axes: Axes, right: Array, up: Array, values: Array, scale: ColourScale) -> None:
    """White lines edged in ink; which value each has is read off the colour bar, where they stand again."""
    from matplotlib.patheffects import withStroke

    levels = [level for level in scale.isolines if np.nanmin(values) < level < np.nanmax(values)]
    if levels:
        lines = axes.contour(right, up, values, levels, colors="white", linewidths=0.9)
        lines.set_path_effects([withStroke(linewidth=1.7, foreground=INK)])


def _iron(axes: Axes, view: FieldView, cut: Plane) -> None:
    iron = gaussian_filter(np.nan_to_num(cut.values(view.anatomy, view.iron_kg_m3)), 2.0)
    level = iron_level(view)
    if iron.max() > level:
        axes.contour(
            1e3 * cut.right_m,
            1e3 * cut.up_m,
            iron,
            [level],
            colors="#7fe0ff",
            linewidths=1.2,
            linestyles="--",
        )


def iron_level(view: FieldView) -> float:
    """The concentration whose contour is drawn: a fifth of the largest but for single nodes."""
    rich = view.iron_kg_m3[view.iron_kg_m3 > 0.05 * view.iron_kg_m3.max()]
    return 0.2 * float(np.percentile(rich, 95)) if len(rich) else np.inf


def _marks(axes: Axes, view: FieldView, cut: Plane) -> None:
    right, up, fixed = cut.axes
    hottest = 1e3 * np.asarray(view.hottest_m)
    path = 1e3 * np.reshape(view.path_m, (-1, 3))
    near = np.abs(path[:, fixed] - 1e3 * cut.level_m) < 1.5
    for chosen, fill in ((near, "white"), (~near, "none")):
        axes.plot(path[chosen, right], path[chosen, up], "o", ms=3.2, mec="white", mfc=fill, mew=0.7, ls="none")
    axes.plot(hottest[right], hottest[up], "+", ms=11, mec=INK, mew=2.6)
    axes.plot(hottest[right], hottest[up], "+", ms=10, mec="white", mew=1.2)


def _ends(axes: Axes, cut: Plane, bar_mm: int) -> None:
    """Letters of the body's directions at the four sides, and a scale bar."""
    right, up, _ = cut.axes
    for x, y, letter, ha, va in (
        (-0.005, 0.5, ENDS[right][0], "right", "center"),
        (1.005, 0.5, ENDS[right][1], "left", "center"),
        (0.5, -0.005, ENDS[up][0], "center", "top"),
        (0.5, 1.002, ENDS[up][1], "center", "bottom"),
    ):
        axes.text(x, y, letter, ha=ha, va=va, transform=axes.transAxes, fontsize=9, color=INK)
    span = 1e3 * np.ptp(cut.right_m)
    x, y = 1e3 * cut.right_m[0] + 0.02 * span, 1e3 * cut.up_m[0]
    axes.plot([x, x + bar_mm], [y, y], color=INK, lw=2, solid_capstyle="butt", clip_on=False)
    axes.text(x, y + 0.012 * span, f"{bar_mm} mm", fontsize=7, color=INK, va="bottom")


def _legend_handles(view: FieldView, cuts: tuple[Plane, ...]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    seen = np.unique(np.concatenate([c.region(view.anatomy).ravel() for c in cuts]))
    names = view.anatomy.region_names
    colours = region_colours(names)
    handles = [
        Line2D([], [], color=colours[names[k]], lw=2, label=names[k])
        for k in seen
        if k >= 0 and names[k] not in ("body", "skin")
    ]
    handles.append(Line2D([], [], color="#2aa7cf", ls="--", label=f"iron {iron_level(view):.2g} mg/mL"))
    handles.append(Line2D([], [], color=INK, marker="+", ls="none", label="hottest point"))
    if len(np.reshape(view.path_m, (-1, 3))):
        handles.append(Line2D([], [], color="#888", marker="o", ms=4, ls="none", label="FFR centre (filled: in plane)"))
    return handles


def _legend(figure: Figure, handles: Sequence[Line2D], corner: tuple[float, float]) -> None:
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=corner,
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=8,
        borderaxespad=0.0,
        labelcolor=INK,
        columnspacing=1.2,
    )
