"""Which width a plan takes for an image's blur, and what it says of sharpening."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.commands.scan import ScanRequest, scan_file
from thermoplan.files.images.mdf import write_mdf
from thermoplan.files.images.scan_facts import ScanFacts, write_scan
from thermoplan.files.images.volumes import read_volume
from thermoplan.imaging.iron_map import IronMap
from thermoplan.plan.case.image_blur import image_blur, sharpen_iron
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol

LINE = np.diag([1.0, -1.0, 0.0])
NO_WIDTH = small_case.PROTOCOL.replace('fwhm = "2 mm"\n', "").replace("iron.nii.gz", "scan.mdf")


def case(folder: Path, text: str, write) -> Path:
    """The small case with an MDF image that ``write(path, iron)`` makes."""
    path = small_case.write_case(folder, protocol=text)
    write(folder / "scan.mdf", read_volume(folder / "iron.nii.gz"))
    return path


def recorded(gradient_t_m=None, tracer="synomag-d", fwhm_m=None):
    facts = ScanFacts(tracer=tracer, gradient_t_m=gradient_t_m, fwhm_m=fwhm_m)
    return lambda path, image: write_scan(path, image, facts)


def blur_of(path: Path) -> tuple[float | None, list[str]]:
    notes: list[str] = []
    return image_blur(read_protocol(path), notes).fwhm_m, notes


def test_what_was_measured_of_the_recorded_tracer_over_the_recorded_gradient_is_the_width(tmp_path):
    """Synomag-D is 9.2 mT wide; a line of 5.7 T/m makes that 1.61 mm."""
    width, notes = blur_of(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE)))
    assert width == pytest.approx(9.2e-3 / 5.7, rel=1e-9)
    assert any("1.61 mm is taken, the 9.2 mT measured of synomag-d" in note and "5.7 T/m" in note for note in notes)


def test_without_a_measurement_the_tracers_sizes_imply_the_width(tmp_path):
    """4.16105 kT/(m G) of 25 nm at 37 degrees across a line of 5.7 T/m."""
    width, notes = blur_of(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE, tracer="high-slp")))
    moment = 446e3 * np.pi / 6 * 25e-9**3
    assert width == pytest.approx(4.16105 * 1.380649e-23 * 310.15 / (moment * 5.7), rel=1e-5)
    assert any("5.7 T/m implies" in note for note in notes)


def test_the_width_that_the_scan_recorded_is_worth_more_than_the_one_implied(tmp_path):
    width, notes = blur_of(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE, fwhm_m=np.array([2e-3, 2e-3, 4e-3]))))
    assert width == pytest.approx(16 ** (1 / 3) * 1e-3)
    assert any("2 x 2 x 4 mm" in note for note in notes)


def test_the_protocols_width_is_worth_most_and_a_contradiction_is_said(tmp_path):
    given = NO_WIDTH.replace("[anatomy]", 'fwhm = "3 mm"\n[anatomy]', 1)
    width, notes = blur_of(case(tmp_path, given, recorded(5.7 * LINE)))
    assert width == 3e-3 and any("fwhm = 3 mm is taken, though 1.61 mm" in note for note in notes)
    agreed = NO_WIDTH.replace("[anatomy]", 'fwhm = "1.6 mm"\n[anatomy]', 1)
    assert blur_of(case(tmp_path, agreed, recorded(5.7 * LINE))) == (1.6e-3, [])


def test_the_recorded_tracer_counts_and_another_one_in_the_protocol_is_said(tmp_path):
    width, notes = blur_of(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE, tracer="Perimag")))
    own, _ = blur_of(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE, tracer="something of ours")))
    assert width == pytest.approx(own * 7.3 / 9.2, rel=1e-6)  # mT, measured
    assert any("recorded with perimag; the protocol heats synomag-d" in note for note in notes)


def test_without_any_record_the_width_is_unknown_and_nothing_is_moved(tmp_path):
    path = case(tmp_path, NO_WIDTH, write_mdf)
    width, notes = blur_of(path)
    assert width is None and any("is not known" in note for note in notes)
    said = dict(check_protocol(path)["understood"])
    assert said["blur"] == "not known: the image is used as it is"


def test_check_says_where_the_width_comes_from(tmp_path):
    blur = dict(check_protocol(case(tmp_path, NO_WIDTH, recorded(5.7 * LINE)))["understood"])["blur"]
    assert blur.startswith("FWHM 1.61 mm, the 9.2 mT measured of synomag-d over the recorded gradient of 5.7 T/m;")


def test_the_picture_of_the_digital_scanner_brings_its_own_width(tmp_path):
    def write(path, image):
        scan_file(path.with_name("iron.nii.gz"), path, ScanRequest(unit="mg/mL", fwhm="3 mm"))

    assert blur_of(case(tmp_path, NO_WIDTH, write))[0] == pytest.approx(3e-3, rel=1e-6)


def test_sharpening_is_off_unless_asked_for_and_loud_when_it_is_on(tmp_path):
    def write(path, image):
        scan_file(path.with_name("iron.nii.gz"), path, ScanRequest(unit="mg/mL", fwhm="3 mm"))

    plain = read_inputs(read_protocol(case(tmp_path, NO_WIDTH, write)))
    sharp = read_inputs(read_protocol(case(tmp_path, NO_WIDTH.replace("[anatomy]", "deblur = 3\n[anatomy]", 1), write)))
    assert sharp.iron.mass_kg == pytest.approx(plain.iron.mass_kg, rel=1e-9)
    assert sharp.iron.image.data.max() > plain.iron.image.data.max() and sharp.iron.image.data.min() >= 0.0
    assert sharp.iron.fwhm_m < plain.iron.fwhm_m == pytest.approx(3e-3, rel=1e-6)
    assert [note for note in sharp.notes if note.startswith("DEBLURRED") and "CAN INVENT IRON" in note]
    assert not [note for note in plain.notes if "DEBLURRED" in note]
    said = dict(check_protocol(tmp_path / "protocol.toml")["understood"])
    assert "after sharpening ([iron] deblur = 3)" in said["blur"]


def test_the_uncertainty_of_a_voxel_grows_with_the_noise(tmp_path):
    protocol = read_protocol(case(tmp_path, NO_WIDTH.replace("[anatomy]", "deblur = 3\n[anatomy]", 1), write_mdf))
    iron = IronMap(read_volume(tmp_path / "iron.nii.gz"), fwhm_m=3e-3, noise_kg_m3=0.02)
    assert sharpen_iron(iron, protocol, []).noise_kg_m3 == pytest.approx(0.06, rel=1e-3)


def test_sharpening_needs_a_width(tmp_path):
    path = case(tmp_path, NO_WIDTH.replace("[anatomy]", "deblur = 3\n[anatomy]", 1), write_mdf)
    with pytest.raises(InputError, match=r"iron\.deblur = 3: the width of the image's blur is not known"):
        read_inputs(read_protocol(path))
    with pytest.raises(InputError, match=r"iron\.deblur = 0\.5: expected a number from 1 up to 50"):
        read_protocol(case(tmp_path, NO_WIDTH.replace("[anatomy]", "deblur = 0.5\n[anatomy]", 1), write_mdf))
