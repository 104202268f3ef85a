"""The verb `scan`: quantities as text in, an image with what the scan knew of itself out."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import small_case

from thermoplan.base.errors import InputError
from thermoplan.commands.scan import ScanRequest, scan_file
from thermoplan.files.images.mdf import read_mdf, read_mdf_info
from thermoplan.files.images.volumes import read_volume


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    small_case.write_case(folder)
    return folder


def test_a_scan_keeps_the_iron_and_records_tracer_and_gradient(case, tmp_path):
    request = ScanRequest(unit="mg/mL", tracer="synomag-d", device="momentum", voxel="1 1 2 mm", sensitivity=3.0)
    record = scan_file(case / "iron.nii.gz", tmp_path / "a.mdf", request)
    truth = read_volume(case / "iron.nii.gz")
    picture, info = read_mdf(tmp_path / "a.mdf"), read_mdf_info(tmp_path / "a.mdf")
    assert picture.integral() == pytest.approx(3.0 * truth.integral(), rel=1e-12)
    assert record["iron_mg"] == pytest.approx(truth.integral() * 1e6, rel=1e-6)
    assert record["signal_mg"] == pytest.approx(record["iron_mg"], rel=1e-9)
    assert picture.spacing_m == pytest.approx([1e-3, 1e-3, 2e-3], rel=1e-9)
    assert (info.tracer, info.topology, "momentum" in info.scanner) == ("synomag-d", "FFL", True)
    assert np.sort(np.linalg.eigvalsh(info.gradient_t_m)) == pytest.approx([-5.7, 0.0, 5.7], abs=1e-9)
    assert 1e3 * info.fwhm_m == pytest.approx(record["fwhm_mm"], rel=1e-12)
    assert record["fwhm_mm"][2] == pytest.approx(1.6732, rel=1e-4)  # 4.16105 kT/(m G), 20 nm, 37 degC, 5.7 T/m


def test_a_format_without_a_place_for_the_width_says_what_a_plan_needs(case, tmp_path):
    record = scan_file(case / "iron.nii.gz", tmp_path / "a.nii.gz", ScanRequest(unit="mg/mL", fwhm="3 mm"))
    assert any('[iron] fwhm = "3 mm"' in note for note in record["notes"])
    assert record["highest"] < 6.0 and record["seed"] is None


def test_a_protocol_brings_its_iron_tracer_and_machine(case, tmp_path):
    record = scan_file(case / "protocol.toml", tmp_path / "a.mdf", ScanRequest(gradient="5 T/m"))
    info = read_mdf_info(tmp_path / "a.mdf")
    assert (info.tracer, info.topology) == ("synomag-d", "FFP")
    assert np.abs(np.linalg.eigvalsh(info.gradient_t_m)).max() == pytest.approx(5.0)
    assert any("as if it were the iron itself" in note for note in record["notes"])


def test_relaxation_is_the_lag_of_the_moving_field_free_point(case, tmp_path):
    """omega tau B/G: 0.1695 at 20 kHz for 1.34877 us, 20 mT over 2.35 T/m."""
    request = ScanRequest(unit="mg/mL", tracer="synomag-d", device="berkeley-imaging", relaxation="one-way")
    record = scan_file(case / "iron.nii.gz", tmp_path / "a.mdf", request)
    lag_mm = 2 * np.pi * 20e3 * 1.34877e-6 * 20e-3 / 2.35 * 1e3
    assert f"relaxation over {lag_mm:.3g} mm (one-way)" in record["psf"]
    plain = scan_file(
        case / "iron.nii.gz",
        tmp_path / "b.mdf",
        ScanRequest(unit="mg/mL", tracer="synomag-d", device="berkeley-imaging"),
    )
    assert record["fwhm_mm"][2] > plain["fwhm_mm"][2]


@pytest.mark.parametrize(
    "request_, words",
    [
        (ScanRequest(), "--unit: missing"),
        (ScanRequest(unit="mg/mL"), "--tracer and --device or --gradient: missing"),
        (ScanRequest(unit="mg/mL", tracer="synomag-d"), "--device or --gradient: missing"),
        (ScanRequest(unit="mg/mL", tracer="synomag-d", device="uniform"), "has no gradient"),
        (ScanRequest(unit="mg/mL", fwhm="3"), "--fwhm"),
        (ScanRequest(unit="mg/mL", fwhm="3 mm", voxel="0.001 mm"), "would not fit in memory"),
        (ScanRequest(unit="mg/mL", fwhm="3 mm", noise="2 mm"), "--noise"),
        (ScanRequest(unit="mg/mL", fwhm="3 mm", relaxation="both"), "needs --tracer and --device"),
        (ScanRequest(unit="mg/mL", fwhm="3 mm", relaxation="some"), "--relaxation"),
        (ScanRequest(unit="mg/mL", tracer="synomag-d", gradient="2 T/m", kind="line"), "--kind"),
        (ScanRequest(unit="mg/mL", tracer="synomag-d", device="momentum", kind="ffp"), "is of kind ffl"),
        (ScanRequest(unit="mg/mL", tracer="synomag-d", gradient="2 T/m", channels="R Q"), "--channels"),
        (ScanRequest(unit="mg/mL", fwhm="3 mm", sensitivity=-1.0), "sensitivity"),
    ],
)
def test_what_a_scan_cannot_be_made_from_is_said(case, tmp_path, request_, words):
    with pytest.raises(InputError, match=words):
        scan_file(case / "iron.nii.gz", tmp_path / "a.mdf", request_)
    assert not (tmp_path / "a.mdf").exists()


def test_the_command_line_scans_and_repeats_itself(case, tmp_path):
    for name in ("a", "b"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "thermoplan",
                "scan",
                str(case / "iron.nii.gz"),
                str(tmp_path / f"{name}.mdf"),
                "--unit",
                "mg/mL",
                "--fwhm",
                "3 mm",
                "--noise",
                "0.05 mg/mL",
                "--seed",
                "7",
                "--json",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(done.stdout)["seed"] == 7
    assert np.array_equal(read_mdf(tmp_path / "a.mdf").data, read_mdf(tmp_path / "b.mdf").data)
