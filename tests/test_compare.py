"""Two runs beside each other: B - A is what was put between them, where it was put, and the page asks no address."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, visit
from report_sample import sample_anatomy, sample_fields, write_sample, write_sample_fields
from test_report_browser import CONTRAST, WIDE

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.compare import compare, compare_and_write
from thermoplan.files.images.nifti import write_nifti

SHAPE = (24, 20, 52)
PLACE_MM = np.array([5.5, -2.5, -10.5])


def maps_of(run: Path, *, warmer_k: float = 0.0, step_mm: float = 1.0) -> None:
    """A ball of 36 to 42 degrees C, and 0 outside it; ``warmer_k`` more within 3 mm of ``PLACE_MM``."""
    count = tuple(round(n / step_mm) for n in SHAPE)
    affine = np.diag([1e-3 * step_mm] * 3 + [1.0])
    affine[:3, 3] = 1e-3 * (np.array([-12.0, -10.0, -26.0]) + 0.5 * step_mm)
    image = Image(np.zeros(count, np.float32), affine)
    place = 1e3 * image.positions_m(np.argwhere(np.ones(count, bool))).reshape(*count, 3)
    body = np.linalg.norm(place / [12, 10, 26], axis=-1) < 0.9
    near = np.linalg.norm(place - PLACE_MM, axis=-1)
    peak = np.where(body, 38.0 + 0.1 * place[..., 2] + warmer_k * np.exp(-((near / 3.0) ** 2)), 0.0)
    (run / "maps").mkdir(exist_ok=True)
    for name, data in {
        "peak-temperature": peak,
        "cem43": np.where(body, 0.5 ** (43.0 - peak), 0.0),
        "power": np.where(body, 1e5, 0.0),
        "iron": np.where(near < 4.0, 6.0, 0.0),
    }.items():
        write_nifti(run / "maps" / f"{name}.nii.gz", image.with_data(data.astype(np.float32)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """B has half a degree more in the liver, meets no liver limit, and is 2 K warmer at one place."""
    anatomy = sample_anatomy()
    made = []
    for name in ("a", "b"):
        run = write_sample(tmp_path_factory.mktemp("compare") / name)
        write_sample_fields(run, anatomy, sample_fields(anatomy))
        made.append(run)
    plan = json.loads((made[1] / "plan.json").read_text())
    plan["name"] = "b <script>alert(1)</script>"
    plan["regions"]["liver"]["t90_c"] += 0.5
    plan["goals"][1] |= {"value": 3.0, "met": False}
    plan["device"]["gradient_t_m"] = 4.0
    plan["parameters"][0]["value"] = 450
    plan["provenance"]["inputs"] = {"mouse-mpi.mdf": "9e" * 32, "labels.nii.gz": "aa" * 32}
    plan["safety"]["eddy_w"] *= 1.0 + 1e-13
    (made[1] / "plan.json").write_text(json.dumps(plan))
    maps_of(made[0])
    maps_of(made[1], warmer_k=2.0)
    return made[0], made[1]


@pytest.fixture(scope="module")
def found(runs: tuple[Path, Path]) -> dict:
    return compare(*runs)


def test_a_run_beside_itself_does_not_differ(runs: tuple[Path, Path]) -> None:
    same = compare(runs[0], runs[0])
    organs = [cell for row in same["organs"].values() for cell in row.values()]
    pairs = [*same["goals"], *same["numbers"], same["core_max_c"], *organs]
    assert {pair["difference"] for pair in pairs} <= {0.0, None}
    assert same["parameters"] == []
    assert {row["state"] for row in same["inputs"]} == {"same"}
    assert all(m["highest"]["difference"] == m["mean_size"] == 0.0 for m in same["maps"].values())


def test_differences_are_b_minus_a(found: dict) -> None:
    assert found["organs"]["liver"]["t90_c"]["difference"] == pytest.approx(0.5)
    numbers = {row["name"]: row for row in found["numbers"]}
    assert numbers["gradient"]["difference"] == pytest.approx(4.0 - 2.35)
    assert numbers["eddy currents"]["difference"] == 0.0  # rounding alone
    assert numbers["duty"]["difference"] == 0.0


def test_a_limit_that_turned_says_so(found: dict) -> None:
    row = next(g for g in found["goals"] if (g["region"], g["metric"]) == ("liver", "CEM43max"))
    assert (row["met_b"], row["b"], row["bound_a"], row["bound_b"]) == (False, 3.0, 2.0, 2.0)


def test_only_what_was_changed_is_named_as_changed(found: dict) -> None:
    assert [(row["name"], row["a"], row["b"]) for row in found["parameters"]] == [("tumour perfusion", 300, 450)]
    assert {row["file"]: row["state"] for row in found["inputs"]} == {
        "mouse-mpi.mdf": "differs",
        "labels.nii.gz": "only in B",
    }


def test_the_map_of_the_difference_is_highest_where_b_is_warmer(found: dict) -> None:
    extreme = found["maps"]["peak-temperature"]["highest"]
    assert extreme["difference"] == pytest.approx(2.0, abs=1e-4)
    assert extreme["position_mm"] == pytest.approx(PLACE_MM)
    assert found["maps"]["iron"]["highest"]["difference"] == 0.0


def test_maps_on_other_voxels_are_compared_where_both_bodies_are(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """The field is linear but for the warm place, so that voxels of 0.8 mm give it back at any of 1 mm; the bodies'
    edges must not show, where half of what surrounds a voxel is air at 0."""
    (tmp_path / "plan.json").write_bytes((runs[0] / "plan.json").read_bytes())
    maps_of(tmp_path, step_mm=0.8)
    there = compare(runs[0], tmp_path)["maps"]["peak-temperature"]
    assert max(abs(there[k]["difference"]) for k in ("highest", "lowest")) < 0.1  # 0.1 K/mm, half a voxel at the edge
    assert there["mean_size"] < 0.005
    assert there["voxels"] == pytest.approx(4 / 3 * np.pi * 12 * 10 * 26 * 0.9**3, rel=0.05)


def test_a_run_without_maps_is_compared_by_its_numbers(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes((runs[0] / "plan.json").read_bytes())
    there = compare(runs[0], tmp_path)
    assert there["maps"] == {}
    assert there["goals"]


def test_the_record_is_json(found: dict) -> None:
    assert json.loads(json.dumps(found, allow_nan=False))["a"]["name"] == "mouse-flank"


def test_a_folder_that_is_no_run_is_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json: not found"):
        compare(runs[0], tmp_path / "none")


@pytest.fixture(scope="module")
def page(runs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "compare.html"
    assert compare_and_write(*runs, path)["files"] == [str(path)]
    return path


def test_the_page_is_one_small_file_with_everything_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2e6
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert text.count("<img ") == 2
    assert 'class="turned"' in text


def test_the_histograms_lie_over_each_other(page: Path) -> None:
    """Each chart of the wide page has as many dashed curves as solid ones."""
    charts = re.findall(r'<div class="chart wide">(.*?)</div>', page.read_text(encoding="utf-8"), re.S)
    assert len(charts) == 3
    for chart in charts:
        paths = re.findall(r"<path [^>]*>", chart)
        dashed = [p for p in paths if "stroke-dasharray" in p]
        assert len(dashed) == len(paths) - len(dashed) >= 1


def test_the_picture_of_the_difference_is_brown_where_b_is_warmer(runs: tuple[Path, Path]) -> None:
    """PuOr turned round: orange for more, purple for less; nowhere is B cooler."""
    import io

    from PIL import Image as Picture

    from thermoplan.compare.map_differences import map_differences
    from thermoplan.report.difference_pictures import Difference, difference_png

    pair = map_differences(*runs)["peak-temperature"]
    png = difference_png(Difference(pair.a, pair.b, pair.both, "K", 43.0))
    picture = np.asarray(Picture.open(io.BytesIO(png)).convert("RGB"), int)[: int(5.2 * 130 * 0.75)]  # no colour bar
    assert ((picture[..., 0] - picture[..., 2]) > 60).sum() > 500
    assert ((picture[..., 2] - picture[..., 1]) > 60).sum() == 0
    assert difference_png(Difference(pair.a, pair.a.data, pair.both, "K", 43.0)) is None


@pytest.mark.skipif(chromium() is None and not os.environ.get("CI"), reason="no Chromium here")
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_silent_offline_and_legible(page: Path, width: int) -> None:
    seen = visit(page, [("eval", CONTRAST), ("eval", WIDE)], width=width)
    assert seen.errors == []
    assert [r for r in seen.requests if not r.startswith(("data:", page.resolve().as_uri()))] == []
    poor, too_wide = seen.answers
    assert poor == []
    assert too_wide <= 0
