"""``register``: landmarks or images in, a transform out that a protocol, SimpleITK and 3D Slicer take."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from test_registration import ANATOMY, PAIRS, POINTS_M, QUARTER_M, TO_LPS, csv_of, markups_of

from thermoplan.base.errors import InputError
from thermoplan.commands.register import register_scan
from thermoplan.files.images.volumes import write_volume
from thermoplan.files.tables.transforms import read_transform_file
from thermoplan.imaging.registration.registration import move_points


@pytest.fixture
def folder(tmp_path):
    fixed = move_points(QUARTER_M, POINTS_M)
    (tmp_path / "mpi.csv").write_text(csv_of(POINTS_M))
    (tmp_path / "body.mrk.json").write_text(markups_of(fixed * TO_LPS))
    rows = np.hstack([POINTS_M, fixed]) * 1e3
    lines = [",".join([f"p{number}", *map(str, row)]) for number, row in enumerate(rows)]
    (tmp_path / "pairs.csv").write_text(PAIRS + "\n".join(lines))
    return tmp_path


def test_the_verb_prints_what_is_left_and_writes_what_a_protocol_and_simpleitk_read(folder):
    done = subprocess.run(
        [sys.executable, "-m", "thermoplan", "register", "mpi.csv", "body.mrk.json", "-o", "t.tfm", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(done.stdout)
    assert record["method"] == "landmarks" and record["turn_deg"] == pytest.approx(90.0, abs=1e-3)
    assert set(record["landmarks"]) == set("abcdef") and record["residual_mm"] < 1e-5
    back = read_transform_file(folder / "t.tfm")
    np.testing.assert_allclose(back.matrix_m, QUARTER_M, atol=1e-8)
    assert back.residual_m == pytest.approx(record["residual_mm"] * 1e-3, rel=1e-4)
    found = sitk.ReadTransform(folder / "t.tfm").TransformPoint(
        tuple(1e3 * TO_LPS * move_points(QUARTER_M, POINTS_M[4]))
    )
    np.testing.assert_allclose(found, 1e3 * TO_LPS * POINTS_M[4], atol=1e-5)


def test_pairs_are_held_against_the_images_that_they_were_found_in(folder):
    write_volume(folder / "ct.nii.gz", ANATOMY)  # 24 x 19 x 35 mm about the origin
    write_volume(folder / "mpi.nii.gz", ANATOMY)
    record = register_scan(folder / "mpi.nii.gz", folder / "ct.nii.gz", folder / "t.txt", folder / "pairs.csv")
    # the second point is 20 mm to the right in the scan; turned, it lies 18 mm anterior
    assert {note for note in record["notes"] if "p1" in note} == {
        "pairs.csv: landmark p1 lies outside the moving image",
        "pairs.csv: landmark p1 lies outside the fixed image",
    }
    np.testing.assert_allclose(read_transform_file(folder / "t.txt").matrix_m, QUARTER_M, atol=1e-12)


def test_images_are_registered_by_intensity(folder):
    move = np.eye(4)
    move[:3, 3] = [1.1e-3, -0.7e-3, 2.3e-3]
    write_volume(folder / "ct.nii.gz", ANATOMY)
    write_volume(folder / "mpi.nii.gz", ANATOMY.moved(np.linalg.inv(move)).with_data(1.0 - ANATOMY.data**2))
    record = register_scan(folder / "mpi.nii.gz", folder / "ct.nii.gz", folder / "t.txt")
    np.testing.assert_allclose(np.array(record["matrix_mm"])[:3, 3], 1e3 * move[:3, 3], atol=0.3)
    assert record["method"] == "intensity" and record["landmarks"] == {}


def test_nothing_is_written_where_nothing_was_found(folder):
    (folder / "two.csv").write_text("name,x_mm,y_mm,z_mm\na,1,2,3\nb,2,3,4\n")
    with pytest.raises(InputError, match="share 2 names"):
        register_scan(folder / "two.csv", folder / "mpi.csv", folder / "t.txt")
    with pytest.raises(InputError, match="cannot write this kind of transform"):
        register_scan(folder / "mpi.csv", folder / "body.mrk.json", folder / "t.xfm")
    assert not (folder / "t.txt").exists() and not (folder / "t.xfm").exists()
