"""A protocol says how the scan comes into the anatomy's frame; `check` and the plan say how far that moved it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.commands.scan import ScanRequest, scan_file
from thermoplan.files.images.volumes import read_volume
from thermoplan.files.tables.transforms import write_transform
from thermoplan.plan import simulate
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol

MOVE_MM = np.array([4.0, -3.0, 12.0])
"""From the scanner's frame into the anatomy's; 13 mm long."""
POINTS_MM = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 20], [5, 5, 5]])
HEAD = "name,moving_x_mm,moving_y_mm,moving_z_mm,fixed_x_mm,fixed_y_mm,fixed_z_mm\n"


def with_registration(folder: Path, way: str) -> Path:
    """The small case, its iron image in a frame of its own, and ``registration = way``."""
    path = write_case(folder, protocol=PROTOCOL.replace('unit = "mg/mL"\n', f'unit = "mg/mL"\nregistration = {way}\n'))
    image = nibabel.load(folder / "iron.nii.gz")
    affine = image.affine.copy()
    affine[:3, 3] -= MOVE_MM
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), affine, image.header), folder / "iron.nii.gz")
    both = np.hstack([POINTS_MM, POINTS_MM + MOVE_MM])
    (folder / "pairs.csv").write_text(HEAD + "\n".join(",".join(["", *map(str, row)]) for row in both))
    for name, points in (("mpi", POINTS_MM), ("body", POINTS_MM + MOVE_MM)):
        rows = "\n".join(f"p{i},{x},{y},{z}" for i, (x, y, z) in enumerate(points))
        (folder / f"{name}.csv").write_text(f"name,x_mm,y_mm,z_mm\n{rows}\n")
    move = np.eye(4)
    move[:3, 3] = 1e-3 * MOVE_MM
    write_transform(folder / "move.tfm", move, residual_m=0.4e-3)
    return path


@pytest.mark.parametrize(
    ("way", "residual", "words"),
    [
        ('"move.tfm"', 0.4, "a transform from a file (move.tfm); residual 0.4 mm rms"),
        ('{ file = "move.tfm" }', 0.4, "a transform from a file"),
        ('{ landmarks = "pairs.csv" }', 0.0, "paired landmarks (pairs.csv)"),
        ('{ landmarks = ["mpi.csv", "body.csv"] }', 0.0, "paired landmarks (mpi.csv and body.csv)"),
    ],
)
def test_every_way_of_registration_brings_the_iron_home_and_says_how_far(tmp_path, way, residual, words):
    path = with_registration(tmp_path, way)
    inputs = read_inputs(read_protocol(path))
    # the tumour's 6 mg/mL are at its centre again, and its centroid has come 13 mm
    assert inputs.iron.image.sampled(np.array([[0.0, 0.0, 8e-3]]))[0] == pytest.approx(6.0)
    section = inputs.registration_record()
    np.testing.assert_allclose(section["targets"]["tumour"]["displacement_mm"], MOVE_MM, atol=1e-6)
    assert section["targets"]["tumour"]["length_mm"] == pytest.approx(13.0)
    assert section["residual_mm"] == pytest.approx(residual, abs=1e-9)
    assert words in section["words"] and "the centroid of tumour was displaced by 13 mm" in section["words"]
    rows = dict(map(tuple, check_protocol(path)["understood"]))
    assert words in rows["place"]
    assert "displaced by 13 mm (4.0 -3.0 12.0 mm, RAS)" in str(check_protocol(path)["understood"])


def test_an_image_registered_by_intensity_uses_a_scan_of_its_own_frame(tmp_path):
    """The anatomy's scan, and the same scan in the scanner's frame: two contrasts of the same labels."""
    path = with_registration(tmp_path, '{ reference = "ct.nii.gz", moving = "mpi-ct.nii.gz" }')
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    data = np.asarray(labels.dataobj)
    random = np.random.default_rng(1)
    for name, contrast, move in (("ct", (0.0, 1.0, 0.4, 1.8), 0.0), ("mpi-ct", (0.1, 0.5, 1.5, 0.9), MOVE_MM)):
        values = np.select([data == label for label in (0, 1, 3, 7)], contrast)
        values = values + 0.02 * random.standard_normal(data.shape)
        affine = labels.affine.copy()
        affine[:3, 3] -= move
        nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), affine), tmp_path / f"{name}.nii.gz")
    protocol = read_protocol(path)
    assert {p.name for p in protocol.files} >= {"ct.nii.gz", "mpi-ct.nii.gz"}
    section = read_inputs(protocol).registration_record()
    # the cylinder is round, so only the liver, tumour and noise tell turns about its axis: the tumour's place is sharp
    np.testing.assert_allclose(section["targets"]["tumour"]["displacement_mm"], MOVE_MM, atol=0.5)
    assert section["method"] == "intensity" and section["residual_mm"] < 0.5


def test_a_scan_of_a_registered_protocol_shows_the_iron_where_it_lies_in_the_anatomy(tmp_path):
    path = with_registration(tmp_path, '"move.tfm"')
    scan_file(path, tmp_path / "scan.nii.gz", ScanRequest(fwhm="2 mm"))
    picture = read_volume(tmp_path / "scan.nii.gz")
    brightest_m = picture.positions_m(np.argwhere(picture.data > 0.9 * picture.data.max())).mean(axis=0)
    np.testing.assert_allclose(brightest_m, [0.0, 0.0, 8e-3], atol=1e-3)


def test_without_a_registration_no_displacement_is_assumed_and_check_says_so(tmp_path):
    path = write_case(tmp_path)
    assert read_inputs(read_protocol(path)).registration_record() is None
    assert "no displacement is assumed" in dict(map(tuple, check_protocol(path)["understood"]))["place"]


def test_a_tumour_whose_place_is_not_known_to_half_its_radius_is_warned_of(tmp_path):
    path = with_registration(tmp_path, '"move.tfm"')
    (tmp_path / "move.tfm").write_text((tmp_path / "move.tfm").read_text().replace("mm = 0.4", "mm = 2.5"))
    notes = read_inputs(read_protocol(path)).notes
    # 4 mm of radius, to the voxel
    assert any("the place of tumour is known to 2.5 mm only" in note for note in notes)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (
            '{ landmarks = "pairs.csv", file = "move.tfm" }',
            "iron.registration: has file and landmarks; expected exactly",
        ),
        ("{ }", "iron.registration: has none of file, landmarks, reference; expected exactly one"),
        ('{ landmarks = "pears.csv" }', 'iron.registration.landmarks = "pears.csv": no such.*did you mean "pairs.csv"'),
        ('{ landmarks = ["mpi.csv", "bodies.csv"] }', 'iron.registration.landmarks = "bodies.csv": no such file'),
        ('{ landmarks = ["a.csv", "b.csv", "c.csv"] }', "iron.registration.landmarks = .*two files of named points"),
        ('{ landmark = "pairs.csv" }', 'iron.registration.landmark: unknown key; did you mean "landmarks"'),
        ('{ landmarks = "pairs.csv", moving = "iron.nii.gz" }', "iron.registration.moving = .*reference = "),
        ('{ reference = "mpi.csv" }', 'iron.registration.reference = "mpi.csv": of no known kind'),
        ("3", "iron.registration = 3: expected a table"),
    ],
)
def test_a_mistaken_registration_is_refused_by_key(tmp_path, way, words):
    path = with_registration(tmp_path, way)
    with pytest.raises(InputError, match=r"protocol\.toml: " + words):
        read_protocol(path)


def test_a_plan_carries_the_registration_and_fits_its_schema(tmp_path):
    path = with_registration(tmp_path, '{ landmarks = "pairs.csv" }')
    text = path.read_text().replace('"10 min"', '"1 min"').replace("[session]\n", '[session]\ncool_down = "0 min"\n')
    path.write_text(text.replace('name = "berkeley-ffp"\ngradient = "2.35 T/m"', 'name = "uniform"'))
    record = simulate(path, quick=True).record
    section = record["iron"]["registration"]
    assert section["targets"]["tumour"]["length_mm"] == pytest.approx(13.0) and len(section["landmarks"]) == 5
    schema = json.loads((files("thermoplan.data") / "schemas" / "plan.schema.json").read_text())
    jsonschema.validate({"iron": record["iron"]}, {**schema, "required": []})
    assert "pairs.csv" in record["provenance"]["inputs"]


def test_a_transform_without_a_residual_is_noted_with_what_it_assumes(tmp_path):
    path = with_registration(tmp_path, '"move.tfm"')
    lines = (tmp_path / "move.tfm").read_text().splitlines()
    (tmp_path / "move.tfm").write_text("\n".join(line for line in lines if "residual" not in line))
    (note,) = (note for note in read_inputs(read_protocol(path)).notes if note.startswith("registration"))
    assert "move.tfm records no residual" in note and "tumour was displaced by 13 mm (4.0 -3.0 12.0 mm, RAS)" in note
