"""Bad input costs a message that names file, key, value and remedy, exit code 2, and no half-written folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.mdf import write_mdf
from thermoplan.files.images.nifti import write_nifti
from thermoplan.plan import plan_and_write

AFFINE_M = np.diag([2e-3, 2e-3, 2e-3, 1.0])
TABLE = "label,region,tissue\n1,body,muscle\n2,liver,liver\n3,tumour,tumour\n"
PROTOCOL = """
schema = 1
name = "small"

[iron]
image = "iron.mdf"
unit = "mg/mL"
fwhm = "2 mm"
uptake = ["liver"]

[anatomy]
labels = "labels.nii.gz"
label_table = "labels.csv"

[tracer]
name = "synomag-d"

[device]
name = "berkeley-ffp"
frequency = "354 kHz"

[session]
duration = "30 min"

[[goals]]
region = "tumour"
metric = "CEM43T90"
at_least = "10 min"

[[probes]]
name = "centre"
position = "15 11 11 mm"
"""


def labels() -> np.ndarray:
    """A block of 20 mm with a liver and a tumour."""
    data = np.zeros((12, 12, 12), np.uint8)
    data[1:11, 1:11, 1:11] = 1
    data[2:4, 4:8, 4:8] = 2
    data[7:9, 5:7, 5:7] = 3
    return data


def iron() -> np.ndarray:
    return np.where(labels() > 1, 5.0, 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.toml").write_text(PROTOCOL)
    (tmp_path / "labels.csv").write_text(TABLE)
    write_nifti(tmp_path / "labels.nii.gz", Image(labels(), AFFINE_M))
    write_mdf(tmp_path / "iron.mdf", Image(iron(), AFFINE_M))
    return tmp_path


def refused(folder: Path) -> str:
    """The message; the run's place and everything beside it are as they were."""
    before = sorted(os.listdir(folder))
    with pytest.raises(InputError) as caught:
        plan_and_write(folder / "p.toml", output=folder / "run")
    assert caught.value.exit_code == 2
    assert sorted(os.listdir(folder)) == before
    return str(caught.value)


def in_protocol(folder: Path, old: str, new: str) -> None:
    assert PROTOCOL.count(old) == 1
    (folder / "p.toml").write_text(PROTOCOL.replace(old, new))


def with_iron(folder: Path, data: np.ndarray, affine_m: np.ndarray = AFFINE_M) -> None:
    write_mdf(folder / "iron.mdf", Image(data, affine_m))


def with_labels(folder: Path, data: np.ndarray) -> None:
    write_nifti(folder / "labels.nii.gz", Image(data, AFFINE_M))


def one_voxel(value: float) -> np.ndarray:
    data = iron()
    data[7, 5, 5] = value
    return data


def moved(by_m: float) -> np.ndarray:
    affine = AFFINE_M.copy()
    affine[0, 3] = by_m
    return affine


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'frequency = "354 kHz"',
            'frequncy = "354 kHz"',
            'p.toml: device.frequncy: unknown key; did you mean "frequency"?',
        ),
        (
            'duration = "30 min"',
            "duration = 30",
            'p.toml: session.duration = 30: expected a duration, such as "30 min"',
        ),
        (
            'frequency = "354 kHz"',
            'frequency = "354 mT"',
            'p.toml: device.frequency = "354 mT": expected a frequency, such as "354 kHz"',
        ),
        ('duration = "30 min"', 'duration = "0 min"', 'p.toml: session.duration = "0 min": expected a duration'),
        ('image = "iron.mdf"', 'image = "irons.mdf"', 'did you mean "iron.mdf"?'),
        (
            'region = "tumour"',
            'region = "tumor"',
            'p.toml: goals[0].region = "tumor": not a region of labels.csv; did you mean "tumour"?',
        ),
        ('position = "15 11 11 mm"', 'position = "150 11 11 mm"', "outside the body"),
    ],
    ids=["unknown key", "bare number", "wrong unit kind", "zero duration", "missing file", "unknown region", "probe"],
)
def test_a_mistake_in_the_protocol(folder, old, new, words):
    in_protocol(folder, old, new)
    assert words in refused(folder)


@pytest.mark.parametrize("name", ["iron.mdf", "labels.nii.gz"])
def test_a_file_cut_short(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    assert name in refused(folder)


@pytest.mark.parametrize(("value", "shown"), [(-3.0, "-3.0"), (float("nan"), "nan")])
def test_negative_or_missing_iron(folder, value, shown):
    with_iron(folder, one_voxel(value))
    assert f"iron.mdf: 1 voxels are negative or not finite, first (7, 5, 5) = {shown} mg/mL" in refused(folder)


def test_an_image_without_iron(folder):
    with_iron(folder, np.zeros((12, 12, 12)))
    assert "iron.mdf" in refused(folder) and "zero" in refused(folder)


def test_an_iron_map_outside_the_anatomy(folder):
    with_iron(folder, iron(), moved(0.1))
    message = refused(folder)
    assert "iron.mdf" in message and "outside the anatomy" in message and "registration" in message


def test_a_label_that_is_not_in_the_table(folder):
    data = labels()
    data[5, 5, 5] = 9
    with_labels(folder, data)
    message = refused(folder)
    assert "labels.nii.gz: label 9 is not in the label table" in message


def test_an_empty_tumour(folder):
    with_labels(folder, np.where(labels() == 3, 1, labels()).astype(np.uint8))
    message = refused(folder)
    assert "tumour" in message and "is empty: no voxel has its label" in message


def test_an_added_tumour_off_the_body(folder):
    in_protocol(
        folder,
        "[tracer]",
        '[[anatomy.add]]\nregion = "metastasis"\ntissue = "tumour"\nsphere = "90 0 0 mm, 2 mm"\n\n[tracer]',
    )
    assert 'region "metastasis" is empty' in refused(folder)


def test_a_label_volume_that_is_no_label_volume(folder):
    with_labels(folder, labels() + np.float32(0.5))
    assert "labels.nii.gz: 1728 voxels are not whole numbers" in refused(folder)


def test_a_bad_row_in_the_label_table(folder):
    (folder / "labels.csv").write_text(TABLE + "x,spleen,spleen\n2,liver,liver\n")
    message = refused(folder)
    assert 'labels.csv: row 4: label = "x": expected a whole number' in message
    assert "labels.csv: row 5: label = 2: used twice" in message


def test_a_full_folder_is_not_written_into(folder):
    (folder / "run").mkdir()
    (folder / "run" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        plan_and_write(folder / "p.toml", output=folder / "run")
    assert os.listdir(folder / "run") == ["notes.txt"]


def test_the_command_line_says_it_on_standard_error_and_ends_with_two(folder):
    in_protocol(folder, 'duration = "30 min"', 'duration = "30 mT"')
    done = subprocess.run(
        [sys.executable, "-m", "thermoplan", "plan", "p.toml", "-o", "run", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == "" and not (folder / "run").exists()
    assert done.stderr.strip() == 'p.toml: session.duration = "30 mT": expected a duration, such as "30 min"'
