"""Landmarks and images bring a scan into the anatomy's frame, and say how far to trust it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from thermoplan.base.errors import InputError, MissingPart, SolverError
from thermoplan.base.image import Image
from thermoplan.files.tables.landmarks import read_both, read_pairs, read_points
from thermoplan.imaging.registration import Landmarks, Registration, rigid_from_landmarks
from thermoplan.imaging.registration.intensity import rigid_from_images
from thermoplan.imaging.registration.registration import move_points

QUARTER_M = np.array([[0.0, -1, 0, 7e-3], [1, 0, 0, -2e-3], [0, 0, 1, 1e-3], [0, 0, 0, 1]])
"""A quarter turn about z, x to y, and a shift."""
POINTS_M = 1e-3 * np.array([[0.0, 0, 0], [20, 0, 0], [0, 10, 0], [0, 0, 30], [12, 8, 15], [-5, 4, 22]])


def pairs(fixed_m: np.ndarray, moving_m: np.ndarray = POINTS_M) -> Landmarks:
    return Landmarks(tuple("abcdefghij"[: len(moving_m)]), moving_m, fixed_m)


def small_turn(x: float, y: float, z: float) -> np.ndarray:
    """``(4, 4)`` of three small turns, one after the other, radians."""
    matrix = np.eye(4)
    for axis, angle in enumerate((x, y, z)):
        step, (i, j) = np.eye(4), [(1, 2), (2, 0), (0, 1)][axis]
        step[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        matrix = step @ matrix
    return matrix


def test_exact_pairs_give_the_motion_back_and_nothing_is_left():
    found = rigid_from_landmarks(pairs(move_points(QUARTER_M, POINTS_M)))
    np.testing.assert_allclose(found.matrix_m, QUARTER_M, atol=1e-12)
    assert found.residual_m < 1e-12 and found.leave_one_out_m < 1e-12 and found.notes == ()


def test_one_landmark_that_is_off_is_left_at_its_distance_and_shows():
    # four at the corners of a square of side 2 a; one lifted by h out of the plane. A fit may shift by h/4 and tilt:
    # heights h (1, 0, 0, 0) less their plane a + bx + cy leave h/4 (1, -1, 1, -1): rms h/4
    h, square = 0.4e-3, 10e-3 * np.array([[1.0, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]])
    lifted = square.copy()
    lifted[0, 2] += h
    found = rigid_from_landmarks(pairs(lifted, square))
    assert found.residual_m == pytest.approx(h / 4, rel=0.01)
    np.testing.assert_allclose(found.left_m, h / 4, rtol=0.02)
    # fitted to three in a plane, the fourth misses by h, whichever it is: a plane through three corners of four
    # heights 1, 0, 0, 0 passes the fourth corner at distance h
    assert found.leave_one_out_m == pytest.approx(h, rel=0.01)


def test_no_other_small_motion_fits_better():
    random = np.random.default_rng(3)
    noisy = move_points(QUARTER_M, POINTS_M) + 1e-3 * random.standard_normal(POINTS_M.shape)
    found = rigid_from_landmarks(pairs(noisy))
    for _ in range(20):
        other = small_turn(*(0.01 * random.standard_normal(3)))
        other[:3, 3] = 1e-4 * random.standard_normal(3)
        left = np.linalg.norm(move_points(other @ found.matrix_m, POINTS_M) - noisy, axis=1)
        assert np.sqrt((left**2).mean()) > found.residual_m


def test_mirrored_points_are_never_answered_with_a_reflection_but_with_a_word():
    found = rigid_from_landmarks(pairs(POINTS_M * [-1, 1, 1]))
    assert np.linalg.det(found.matrix_m[:3, :3]) == pytest.approx(1.0)
    assert any("mirror images" in note for note in found.notes)


def test_landmarks_in_one_plane_give_the_motion_and_no_reflection():
    flat = POINTS_M[[0, 1, 2]]
    found = rigid_from_landmarks(pairs(move_points(QUARTER_M, flat), flat))
    np.testing.assert_allclose(found.matrix_m, QUARTER_M, atol=1e-12)
    assert found.leave_one_out_m is None and any("three landmarks" in note for note in found.notes)


def test_landmarks_in_a_line_or_too_few_are_refused():
    line = np.outer([0.0, 1, 2, 5], [1e-3, 2e-3, 3e-3])
    with pytest.raises(InputError, match=r"p\.csv: the moving landmarks lie in one line.*add a landmark off"):
        rigid_from_landmarks(pairs(line, line), "p.csv")
    with pytest.raises(InputError, match="2 landmarks; expected 3 or more"):
        rigid_from_landmarks(pairs(line[:2], line[:2]))


def test_landmarks_nearly_in_a_line_are_warned_of():
    near = np.outer([0.0, 1, 2, 5], [0, 0, 10e-3])
    near[1, 0] = 2e-3
    assert any("nearly in one line" in note for note in rigid_from_landmarks(pairs(near, near)).notes)


def test_landmarks_in_another_unit_are_warned_of():
    found = rigid_from_landmarks(pairs(10.0 * POINTS_M))
    assert any("10 times as far apart" in note and "units" in note for note in found.notes)


def test_the_error_expected_at_a_target_is_the_error_that_noise_makes_there():
    """1500 noisy localisations: the formula's root mean square at a target 40 mm off agrees to 5 %."""
    random, target, sigma = np.random.default_rng(11), np.array([10e-3, 40e-3, 5e-3]), 0.2e-3
    errors, predicted = [], []
    for _ in range(1500):
        found = rigid_from_landmarks(pairs(POINTS_M + sigma * random.standard_normal(POINTS_M.shape)))
        errors.append(np.linalg.norm(move_points(found.matrix_m, target) - target))
        predicted.append(found.expected_error_m(target))
    assert np.sqrt(np.mean(np.square(predicted))) == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.05)


def test_a_displacement_is_the_way_that_the_tissue_under_a_point_was_moved():
    # what lies at (-2+7, 1-2, 3+1) now was at (1, 2, 3) in the image: R(1, 2) = (-2, 1)
    here = 1e-3 * np.array([5.0, -1, 4])
    np.testing.assert_allclose(Registration(QUARTER_M, "file").displacement_m(here), 1e-3 * np.array([4.0, -3, 1]))
    assert Registration(QUARTER_M, "file").expected_error_m(here) is None


PAIRS = "name,moving_x_mm,moving_y_mm,moving_z_mm,fixed_x_mm,fixed_y_mm,fixed_z_mm\n"


def csv_of(points_m: np.ndarray) -> str:
    rows = [f"{name},{x:.6f},{y:.6f},{z:.6f}" for name, (x, y, z) in zip("abcdef", 1e3 * points_m, strict=True)]
    return "# points\nname,x_mm,y_mm,z_mm\n" + "\n".join(rows) + "\n"


def fcsv_of(points_m: np.ndarray, frame: str = "LPS") -> str:
    """As 3D Slicer writes it."""
    rows = [
        f"{i},{x:.6f},{y:.6f},{z:.6f},0,0,0,1,1,1,0,{name},,,2,0"
        for i, (name, (x, y, z)) in enumerate(zip("abcdef", 1e3 * points_m, strict=True))
    ]
    head = (
        f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {frame}\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    )
    return head + "\n".join(rows) + "\n"


def markups_of(points_m: np.ndarray, frame: str = "LPS") -> str:
    points = [
        {"id": str(i), "label": name, "position": p.tolist(), "positionStatus": "defined"}
        for i, (name, p) in enumerate(zip("abcdef", 1e3 * points_m, strict=True))
    ]
    points.append({"id": "9", "label": "not placed", "position": [0, 0, 0], "positionStatus": "undefined"})
    return json.dumps(
        {"markups": [{"type": "Fiducial", "coordinateSystem": frame, "coordinateUnits": "mm", "controlPoints": points}]}
    )


TO_LPS = np.array([-1.0, -1.0, 1.0])
FILES = {
    "a.csv": csv_of(POINTS_M),
    "a.fcsv": fcsv_of(POINTS_M * TO_LPS),
    "old.fcsv": fcsv_of(POINTS_M, "0"),
    "new.fcsv": fcsv_of(POINTS_M * TO_LPS, "1"),
    "a.mrk.json": markups_of(POINTS_M * TO_LPS),
    "b.mrk.json": markups_of(POINTS_M, "RAS"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_landmarks_gives_the_same_points_in_ras(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    points = read_points(tmp_path / name)
    assert list(points) == list("abcdef")
    np.testing.assert_allclose(np.array(list(points.values())), POINTS_M, atol=1e-9)


def test_two_files_are_paired_by_name_whatever_their_order(tmp_path):
    (tmp_path / "moving.csv").write_text(csv_of(POINTS_M) + "lonely,1,2,3\n")
    lines = csv_of(move_points(QUARTER_M, POINTS_M)).splitlines()
    (tmp_path / "fixed.csv").write_text("\n".join([lines[1], *lines[:1:-1]]))
    notes: list[str] = []
    found = rigid_from_landmarks(read_both(tmp_path / "moving.csv", tmp_path / "fixed.csv", notes=notes))
    np.testing.assert_allclose(found.matrix_m, QUARTER_M, atol=1e-8)
    assert notes == ["moving.csv: lonely has no partner and is left out"]


def test_pairs_stand_in_one_file(tmp_path):
    both = 1e3 * np.hstack([POINTS_M, move_points(QUARTER_M, POINTS_M)])
    (tmp_path / "p.csv").write_text(PAIRS + "\n".join(",".join(["", *map(str, row)]) for row in both))
    found = rigid_from_landmarks(read_pairs(tmp_path / "p.csv"))
    np.testing.assert_allclose(found.matrix_m, QUARTER_M, atol=1e-12)
    assert found.landmarks.names == ("1", "2", "3", "4", "5", "6")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "name,x,y\na,1,2\n", "has no column moving_x_mm, .*it has name, x, y"),
        ("p.csv", PAIRS + "a,1,2,x,4,5,6\n", 'row 1, moving_z_mm = "x": expected a number'),
        ("p.csv", PAIRS + "a,1,2,3,4,5,6\na,1,2,3,4,5,6\n", 'row 2, name = "a": used twice'),
        ("p.csv", PAIRS, "has no row; expected 3 or more"),
        ("p.csv", PAIRS + "a,1,2,3\n", "row 1 has 4 cells, 7 columns are named: no cell for fixed_x_mm"),
        ("p.csv", "\x00\n", "is no text"),
        ("p.csv", "", "the file is empty"),
    ],
)
def test_a_bad_file_of_pairs_is_refused_by_row_and_column(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"p\.csv: .*" + words):
        read_pairs(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.txt", "a", "of no known kind of landmarks"),
        ("q.csv", "name,x_mm\na,1\n", "has no column y_mm, z_mm"),
        ("q.fcsv", fcsv_of(POINTS_M, "IJK"), 'coordinate system "IJK": expected RAS or LPS'),
        ("q.mrk.json", "{", "cannot be read as JSON"),
        ("q.mrk.json", "[1]", "cannot be read as markups"),
        ("q.mrk.json", '{"markups": []}', "holds 0 lists of points; expected one"),
        ("q.mrk.json", markups_of(POINTS_M).replace('"mm"', '"furlong"'), 'coordinateUnits = "furlong": expected mm'),
    ],
)
def test_a_bad_file_of_points_is_refused_by_name(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=name.replace(".", r"\.") + ".*" + words):
        read_points(tmp_path / name)


def test_files_that_share_too_few_names_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text(csv_of(POINTS_M))
    (tmp_path / "b.csv").write_text("name,x_mm,y_mm,z_mm\na,1,2,3\nnose,4,5,6\n")
    with pytest.raises(InputError, match=r"a\.csv and b\.csv share 1 names.*same name in both"):
        read_both(tmp_path / "a.csv", tmp_path / "b.csv")


def test_slicers_old_files_that_state_no_frame_are_noted(tmp_path):
    text = "\n".join(line for line in fcsv_of(POINTS_M).splitlines() if "CoordinateSystem" not in line)
    (tmp_path / "a.fcsv").write_text(text)
    notes: list[str] = []
    read_points(tmp_path / "a.fcsv", notes=notes)
    assert notes == ["a.fcsv: states no CoordinateSystem; its points are taken as RAS"]


def scan(shape: tuple[int, int, int], spacing_m: float, contrast: tuple[float, ...], move_m: np.ndarray) -> Image:
    """Body, liver, tumour and kidney as one scanner shows them; what lies at p is the anatomy's ``move_m`` p."""
    affine = np.diag([spacing_m, spacing_m, spacing_m, 1.0])
    affine[:3, 3] = -spacing_m * (np.array(shape) - 1) / 2
    blank = Image(np.zeros(shape), affine)
    x, y, z = 1e3 * np.moveaxis(move_points(move_m, blank.positions_m(np.moveaxis(np.indices(shape), 0, -1))), -1, 0)
    parts = (
        (x / 9) ** 2 + (y / 7) ** 2 + (z / 15) ** 2 < 1,
        (x - 3) ** 2 + (y - 2) ** 2 + (z + 6) ** 2 < 20,
        (x + 5) ** 2 + (y - 2) ** 2 + (z - 6) ** 2 < 6,
        ((x - 4) / 2) ** 2 + ((y + 3) / 2) ** 2 + ((z - 3) / 4) ** 2 < 1,
    )
    noise = 0.02 * np.random.default_rng(shape[0]).standard_normal(shape)
    return blank.with_data(sum(c * part for c, part in zip(contrast, parts, strict=True)) + noise)


ANATOMY = scan((30, 24, 44), 0.8e-3, (1.0, 0.5, 0.3, 0.8), np.eye(4))


def test_images_of_two_contrasts_are_brought_together_within_half_a_voxel():
    truth = small_turn(0.1, -0.05, 0.12)
    truth[:3, 3] = [2e-3, -1.5e-3, 3e-3]
    moving = scan((24, 20, 36), 1e-3, (0.3, 1.5, 2.0, -0.2), truth)
    found = rigid_from_images(moving, ANATOMY)
    ends = moving.positions_m(np.array([[4, 4, 4], [20, 10, 30], [12, 10, 18], [4, 16, 20]]))
    assert np.linalg.norm(move_points(found.matrix_m, ends) - move_points(truth, ends), axis=1).max() < 0.5e-3
    # a voxel of 1 mm alone spreads a place by 1 / sqrt(12) = 0.289 mm
    assert 0.288e-3 < found.residual_m < 0.5e-3 and found.method == "intensity"


def test_images_that_have_nothing_in_common_are_refused_with_the_remedy():
    noise = ANATOMY.with_data(np.random.default_rng(2).standard_normal(ANATOMY.shape))
    with pytest.raises(SolverError, match=r"a and b: .*do not determine a place: register with landmarks"):
        rigid_from_images(noise, ANATOMY, "a and b")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.ones((9, 9, 9)), "one value everywhere"),
        (np.full((9, 9, 9), np.nan), "not finite"),
        (np.ones((9, 9, 3)), "9 x 9 x 3 voxels; expected 8 or more"),
    ],
)
def test_an_image_that_cannot_be_registered_is_refused(data, words):
    with pytest.raises(InputError, match="the moving image.*" + words):
        rigid_from_images(Image(data, np.diag([1e-3, 1e-3, 1e-3, 1.0])), ANATOMY)


def test_without_simpleitk_the_command_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(MissingPart, match=r"pip install 'thermoplan\[registration\]'"):
        rigid_from_images(ANATOMY, ANATOMY)
