"""Slices and the packed grid show the field that the mesh has, the right way round."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from report_sample import TUMOUR_M, sample_anatomy, sample_fields

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.report import figures
from thermoplan.report.field_grid import OUTSIDE, write_volume
from thermoplan.report.figures import FieldView, iron_level, write_figures
from thermoplan.report.palette import region_colours
from thermoplan.report.slicing import planes, window

SLOPE = np.array([1.0, 2.0, 4.0]) * 1e3  # per metre: a linear field, which linear elements hold exactly


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return sample_anatomy()


def test_a_plane_shows_a_linear_field_exactly(anatomy: Anatomy) -> None:
    for plane in planes(anatomy, TUMOUR_M, size=60):
        right, up, fixed = plane.axes
        expected = np.add.outer(SLOPE[up] * plane.up_m, SLOPE[right] * plane.right_m) + SLOPE[fixed] * plane.level_m
        shown = plane.values(anatomy, anatomy.points_m @ SLOPE)
        inside = np.isfinite(shown)
        assert 0.2 < inside.mean() < 0.95
        assert shown[inside] == pytest.approx(expected[inside], abs=1e-9)


def test_the_three_planes_meet_in_the_point(anatomy: Anatomy) -> None:
    cuts = planes(anatomy, TUMOUR_M, size=60)
    assert [cut.name for cut in cuts] == ["coronal", "sagittal", "axial"]
    assert [cut.level_m for cut in cuts] == [TUMOUR_M[1], TUMOUR_M[0], TUMOUR_M[2]]
    assert all(sorted(cut.axes) == [0, 1, 2] for cut in cuts)


def test_a_large_body_is_shown_in_a_window_about_the_point(anatomy: Anatomy) -> None:
    large = Anatomy(10 * anatomy.points_m, anatomy.tets, anatomy.region, anatomy.region_names, anatomy.tissue_names)
    coronal = planes(large, 10 * TUMOUR_M, size=60)[0]
    assert np.ptp(coronal.up_m) == pytest.approx(1.04 * 0.4 * 0.52, rel=0.05)  # 0.4 of its 52 cm, and a margin
    assert coronal.up_m[0] < 10 * TUMOUR_M[2] < coronal.up_m[-1]


def test_the_region_of_a_plane_is_the_tumour_at_its_centre(anatomy: Anatomy) -> None:
    axial = planes(anatomy, TUMOUR_M, size=60)[2]
    row, column = np.argmin(np.abs(axial.up_m - TUMOUR_M[1])), np.argmin(np.abs(axial.right_m - TUMOUR_M[0]))
    assert anatomy.region_names[axial.region(anatomy)[row, column]] == "tumour"


def test_the_packed_grid_holds_the_field_at_its_voxels(anatomy: Anatomy, tmp_path: Path) -> None:
    nodal = anatomy.points_m @ SLOPE
    low, high = float(nodal.min()), float(nodal.max())
    fields = {"b": (nodal, low, high, "viridis"), "a": (-nodal, -high, -low, "cividis")}
    packed = json.loads(write_volume(anatomy, fields, TUMOUR_M, tmp_path / "volume.json").read_text())
    nx, ny, nz = packed["shape"]
    data = np.frombuffer(gzip.decompress(base64.b64decode(packed["data"])), np.uint8).reshape(3, nz, ny, nx)
    blocks, region = [data[packed["fields"][name]["block"]] for name in ("b", "a")], data[-1]
    inside = region != OUTSIDE
    z, y, x = np.nonzero(inside)
    position_mm = np.array(packed["low_mm"]) + packed["step_mm"] * np.column_stack([x, y, z])
    expected = 1e-3 * position_mm @ SLOPE
    for block, sign in zip(blocks, (1.0, -1.0), strict=True):
        shown = (low if sign > 0 else -high) + block[inside] / 255.0 * (high - low)
        assert shown == pytest.approx(sign * expected, abs=0.51 * (high - low) / 255.0)
    volume = inside.sum() * packed["step_mm"] ** 3
    low_m, high_m = window(anatomy, TUMOUR_M)
    seen = ((anatomy.centroids_m > low_m) & (anatomy.centroids_m < high_m)).all(axis=1)
    assert volume == pytest.approx(1e9 * anatomy.volumes_m3[seen].sum(), rel=0.02)


def test_the_iron_contour_does_not_hang_on_one_node(anatomy: Anatomy) -> None:
    iron = sample_fields(anatomy)["iron_mg_ml"].copy()
    view = FieldView(anatomy, iron, iron, iron, TUMOUR_M, TUMOUR_M[None])
    calm = iron_level(view)
    iron[np.argmax(iron)] = 100.0
    spiked = FieldView(anatomy, iron, iron, iron, TUMOUR_M, TUMOUR_M[None])
    assert calm == pytest.approx(1.2)  # a fifth of 6 mg/mL
    assert iron_level(spiked) < 1.3


@pytest.mark.parametrize("iron", [0.0, 6.0])
def test_figures_are_written_and_named_from_the_run_folder(anatomy: Anatomy, tmp_path: Path, iron: float) -> None:
    fields = sample_fields(anatomy)
    view = FieldView(
        anatomy,
        fields["temperature_peak_c"],
        fields["cem43_min"],
        fields["iron_mg_ml"] * (iron / 6.0),
        TUMOUR_M,
        np.empty((0, 3)) if iron == 0.0 else TUMOUR_M[None],
    )
    names = write_figures(view, tmp_path / "figures")
    assert names == {"slices": "figures/slices.png", "dose": "figures/dose.png", "volume": "figures/volume.json"}
    for name in names.values():
        assert 1e4 < (tmp_path / name).stat().st_size < 2e6


def drawn(anatomy: Anatomy) -> Figure:
    fields = sample_fields(anatomy)
    names = ("temperature_peak_c", "cem43_min", "iron_mg_ml")
    hottest_m = anatomy.points_m[np.argmax(fields["temperature_peak_c"])]
    view = FieldView(anatomy, *(fields[name] for name in names), hottest_m, hottest_m[None])
    cuts = planes(anatomy, hottest_m, size=90)
    return figures._draw(view, cuts, figures._temperature(view, cuts))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_organ_s_outline_has_its_colour_whatever_the_order_of_the_labels(anatomy: Anatomy, order: tuple) -> None:
    """A tumour in a body called rest: both have the same border, and the last that is drawn is seen."""
    kinds = np.where(anatomy.region == 6, order.index(1), order.index(0))
    names = tuple(("rest", "tumour")[k] for k in order)
    two = Anatomy(anatomy.points_m, anatomy.tets, kinds, names, names)
    colours = region_colours(names)
    (axes, *_) = drawn(two).axes
    drawn_inks = [to_hex(c.get_edgecolor()[0]) for c in axes.collections if isinstance(c, ContourSet)]
    organs = [ink for ink in drawn_inks if ink in colours.values()]
    assert organs == [colours["rest"], colours["tumour"]]


@pytest.mark.parametrize("shape", [(1.0, 1.0, 1.0), (0.15, 1.0, 1.0), (1.0, 1.0, 0.15), (0.5, 0.4, 3.0)])
def test_captions_keep_clear_of_pictures_and_of_each_other(anatomy: Anatomy, shape: tuple[float, ...]) -> None:
    """Bodies that are thin, flat and long."""
    body = Anatomy(anatomy.points_m * shape, anatomy.tets, anatomy.region, anatomy.region_names, anatomy.tissue_names)
    picture = drawn(body)
    FigureCanvasAgg(picture).draw()
    box, panels = picture.bbox, picture.axes[:3]
    places = [axes.get_window_extent() for axes in panels]
    titles = [axes.title.get_window_extent() for axes in panels]
    (legend,) = (entry.get_window_extent() for entry in picture.legends)
    blocks = [*titles, *places, picture.axes[3].get_tightbbox(), legend]
    for k, one in enumerate(blocks):
        assert box.x0 <= one.x0 and one.x1 <= box.x1 and box.y0 <= one.y0 and one.y1 <= box.y1, k
        for n, other in enumerate(blocks[k + 1 :], k + 1):
            assert not one.overlaps(other), (k, n)
    for axes in panels:
        letters = [text.get_window_extent() for text in axes.texts]
        others = [place for place, panel in zip(places, panels, strict=True) if panel is not axes]
        assert not any(letter.overlaps(other) for letter in letters for other in others)
