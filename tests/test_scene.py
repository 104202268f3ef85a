"""The 3D scene holds what the run folder holds, the right way round, and needs no network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from report_sample import TUMOUR_M, sample_anatomy, sample_fields, write_sample, write_sample_fields

from thermoplan import scene
from thermoplan.base.errors import InputError, MissingPart
from thermoplan.report import write_report
from thermoplan.scene import run_fields as run_module

STORED = Path(__file__).parent / "pictures" / "scene.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_sample(tmp_path_factory.mktemp("scene") / "run")
    anatomy = sample_anatomy()
    write_sample_fields(run, anatomy, sample_fields(anatomy))
    return run


@pytest.fixture(scope="module")
def picture(run: Path) -> np.ndarray:
    from PIL import Image

    path = scene.write_png(run, run / "figures" / "scene.png")
    return np.asarray(Image.open(path).convert("RGB"), float)


def bounds_of(run: Path, name: str) -> np.ndarray:
    plotter = scene.scene(run)
    bounds = np.array(plotter.actors[name].bounds)
    plotter.close()
    return bounds


def test_the_scene_has_organs_iron_isotherms_and_the_focus(run: Path) -> None:
    plotter = scene.scene(run)
    names = set(plotter.actors)
    plotter.close()
    assert {
        "body",
        "region liver",
        "region tumour",
        "isotherm 41",
        "isotherm 43",
        "isotherm 45",
        "iron",
        "FFR centres",
        "FFR half power",
        "probe 0",
        "axis R",
        "letter S",
    } <= names


def test_the_tumour_lies_where_the_mesh_has_it_in_millimetres(run: Path) -> None:
    bounds = bounds_of(run, "region tumour").reshape(3, 2)
    assert bounds.mean(axis=1) == pytest.approx(1e3 * TUMOUR_M, abs=0.5)
    assert np.ptp(bounds, axis=1) == pytest.approx([8.0] * 3, abs=1.6)  # a ball of 4 mm on a 1.5 mm lattice


def test_the_half_power_surface_is_as_wide_as_the_focus_says(run: Path) -> None:
    # 7.03 mm along the drive, which is S, and 10.4 mm across it
    bounds = bounds_of(run, "FFR half power").reshape(3, 2)
    assert np.ptp(bounds, axis=1) == pytest.approx([10.4, 10.4, 7.03], rel=0.02)


def test_a_vessel_is_a_tube_along_its_path(run: Path, tmp_path: Path) -> None:
    plan = json.loads((run / "plan.json").read_text())
    plan["vessels"] = {"vein": {"path_mm": [[1, 2, 3], [1, 2, 13], [1, 2, 23]], "diameter_mm": 2.0}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "fields.vtu").write_bytes((run / "fields.vtu").read_bytes())
    assert bounds_of(tmp_path, "vessel vein") == pytest.approx([0, 2, 1, 3, 3, 23], abs=1e-3)


def test_a_line_is_a_cylinder_along_its_axis(run: Path, tmp_path: Path) -> None:
    plan = json.loads((run / "plan.json").read_text())
    plan["device"] |= {"kind": "ffl", "line_axis": [1, 0, 0]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "fields.vtu").write_bytes((run / "fields.vtu").read_bytes())
    bounds = bounds_of(tmp_path, "FFR half power").reshape(3, 2)
    assert np.ptp(bounds, axis=1) == pytest.approx([30.0, 10.4, 7.03], rel=0.02)


def test_seen_from_the_front_the_right_side_is_on_the_left_and_the_head_is_up(picture: np.ndarray) -> None:
    # The tumour, deep red, lies right and low; the liver, bluest of all, above the middle.
    red = np.where(picture[..., 1] < 0.5 * picture[..., 0], picture[..., 0] - picture[..., 2], 0.0)
    blue = picture[..., 2] - picture[..., 0]
    body = slice(picture.shape[1] // 3, None)  # the legend is on the left
    rows, columns = np.nonzero(red[:, body] > 70)
    assert rows.mean() > 0.55 * picture.shape[0]
    assert columns.mean() + body.start < 0.5 * picture.shape[1]
    assert np.nonzero(blue[:, body] > 50)[0].mean() < 0.45 * picture.shape[0]


def test_the_picture_is_the_stored_one(picture: np.ndarray) -> None:
    """Means over blocks of 25 pixels, so that a renderer's edges do not matter."""
    from PIL import Image

    small = picture.reshape(44, 25, 60, 25, 3).mean(axis=(1, 3))
    if not STORED.exists():
        Image.fromarray(small.astype(np.uint8)).save(STORED)
        pytest.fail(f"{STORED.name} was missing and has been written: look at the picture, then commit it")
    difference = np.abs(small - np.asarray(Image.open(STORED), float))
    assert difference.mean() < 3.0
    assert (difference.max(axis=2) > 40).mean() < 0.01


def test_the_page_of_the_scene_is_small_and_asks_no_address(run: Path) -> None:
    path = scene.write_html(run, run / "figures" / "scene.html")
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5e6
    assert not re.search(r"""(src|href)=["'`]https?:""", page)
    assert "favicon-" not in page
    assert write_report(run).stat().st_size < 15e6


def test_a_run_without_fields_says_which_file_is_missing(tmp_path: Path) -> None:
    write_sample(tmp_path)
    with pytest.raises(InputError, match=r"fields\.vtu: not found"):
        scene.scene(tmp_path)


def test_without_a_library_to_draw_with_the_remedy_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "lacking", lambda libraries: ("libegl1",))
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(MissingPart, match=r"apt-get install .*libegl1"):
        scene.scene(run)
