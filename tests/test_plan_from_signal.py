"""A protocol with a signal image and its fiducials: the uncertainty of the iron goes all the way to the report."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.files.images.volumes import read_volume
from thermoplan.imaging.calibration import Mass
from thermoplan.plan import simulate
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.power.slp_uncertainty import SlpInterval
from thermoplan.protocol import read_protocol
from thermoplan.report.page import render_page

SENSITIVITY, NOISE_MG_ML = 5.0, 0.1
VIALS = {"a": ((-10.5, -10.5, -20.5), 4.0), "b": ((9.5, -10.5, -20.5), 8.0), "c": ((-10.5, 9.5, 19.5), 16.0)}
UNCALIBRATED = PROTOCOL.replace('unit = "mg/mL"', 'calibration = "fiducials.csv"')
BRIEF = {
    'duration = "10 min"': 'duration = "1 min"\ncool_down = "0 min"',
    'at_least = "2 min"': 'at_least = "0.001 min"',
    'name = "berkeley-ffp"\ngradient = "2.35 T/m"': 'name = "uniform"',
}


def signal_case(folder: Path, text: str = UNCALIBRATED, *, spread: float = 0.0) -> Path:
    """The small case seen by a scanner: 2 x 2 x 2 voxel vials at its edges, noise, and an unknown sensitivity.

    ``spread`` fills the vials with that much more and less than their labels say.
    """
    path = write_case(folder, protocol=text)
    file = nibabel.load(folder / "iron.nii.gz")
    image = read_volume(folder / "iron.nii.gz")
    data = np.asarray(file.dataobj).astype(float)
    rows = ["name,iron_ug,x_mm,y_mm,z_mm,radius_mm"]
    for sign, (name, (place, mg_ml)) in zip((1, -1, 1), VIALS.items(), strict=True):
        low = np.floor(image.indices(1e-3 * np.array(place)) + 0.5).astype(int)
        data[tuple(slice(i, i + 2) for i in low)] = mg_ml * (1.0 + sign * spread)
        middle = 1e3 * image.positions_m(low + 0.5)
        rows.append(f"{name},{8 * mg_ml},{','.join(f'{v:g}' for v in middle)},2.6")
    data = SENSITIVITY * (data + NOISE_MG_ML * np.random.default_rng(1).standard_normal(data.shape))
    nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), file.affine, file.header), folder / "iron.nii.gz")
    (folder / "fiducials.csv").write_text("\n".join(rows) + "\n")
    return path


def brief(text: str) -> str:
    for old, new in BRIEF.items():
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_signal_image_becomes_the_iron_of_the_plan_without_its_vials(tmp_path):
    plain = read_inputs(read_protocol(write_case(tmp_path / "plain"))).iron
    iron = read_inputs(read_protocol(signal_case(tmp_path / "signal"))).iron
    assert iron.mass_kg == pytest.approx(plain.mass_kg, rel=0.02)
    assert 0.0 < iron.relative_uncertainty < 0.02
    assert iron.noise_kg_m3 == pytest.approx(NOISE_MG_ML, rel=0.05)
    assert iron.fwhm_m == 2e-3


def test_what_was_understood_names_the_calibration_and_how_well_the_iron_is_known(tmp_path):
    rows = dict(check_protocol(signal_case(tmp_path, spread=0.1))["understood"])
    assert rows["iron image"].endswith("signal, made iron by fiducials.csv")
    assert 'of the iron, one standard deviation, voxels by the rule "background' in rows["uncertainty"]
    assert float(rows["uncertainty"].split()[0]) > 0.05


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            "name,iron_ug,x_mm,y_mm,z_mm,radius_mm\na,32,-10,-10,-20,2.6\n",
            "iron.nii.gz, fiducials.csv: calibration: a single point",
        ),
        ("iron_ug,signal\n1,2\n1,2\n", "fiducials.csv: rows 1 and 2: the same iron and the same signal"),
    ],
)
def test_a_calibration_that_cannot_be_is_a_complaint_about_the_protocol(tmp_path, rows, words):
    path = signal_case(tmp_path)
    (tmp_path / "fiducials.csv").write_text(rows)
    with pytest.raises(InputError) as caught:
        read_inputs(read_protocol(path))
    assert any(text.startswith(words) for text in caught.value.complaints), caught.value.complaints


def test_two_spreads_are_added_in_quadrature():
    """SLP x 0.7 to 1.3 and iron known to 20 %: 0.3 and 0.392 make 0.4936; nothing heats less than nothing."""
    slp = SlpInterval(250e3, 175e3, 325e3, "stated")
    assert slp.with_iron(0.0) == pytest.approx((0.7, 1.3))
    assert slp.with_iron(0.2) == pytest.approx((0.5064, 1.4936), abs=1e-4)
    assert slp.with_iron(0.6) == pytest.approx((0.0, 1.0 + np.sqrt(0.3**2 + 1.176**2)), abs=1e-4)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The same brief heating, planned on iron and on signal with vials that disagree by 10 %."""
    folder = tmp_path_factory.mktemp("records")
    certain = simulate(write_case(folder / "iron", protocol=brief(PROTOCOL))).record
    known = simulate(
        write_case(
            folder / "known", protocol=brief(PROTOCOL).replace('unit = "mg/mL"', 'unit = "mg/mL"\nuncertainty = "20 %"')
        )
    ).record
    signal = simulate(signal_case(folder / "signal", brief(UNCALIBRATED), spread=0.1)).record
    return certain, known, signal


def test_every_region_has_an_interval_of_its_iron(records):
    certain, known, signal = records
    assert certain["iron"]["regions_interval"] is None
    assert certain["regions"]["tumour"]["iron_sd_mg"] is None
    for record in (known, signal):
        iron = record["iron"]
        for name, (low, high) in iron["regions_interval"].items():
            held = iron["regions_confined"][name]
            assert 0.0 <= low < held < high or low == held == 0.0
        held, sd = (record["regions"]["tumour"][key] for key in ("iron_mg", "iron_sd_mg"))
        assert iron["regions_interval"]["tumour"] == pytest.approx(Mass(held, sd).interval_kg, rel=1e-5)
    assert known["regions"]["tumour"]["iron_sd_mg"] == pytest.approx(0.2 * known["regions"]["tumour"]["iron_mg"])
    assert signal["iron"]["calibrated_by"] == {"file": "fiducials.csv", "roi": "background + 5 sigma, grown"}
    assert any("lack of fit" in text for text in signal["warnings"])
    assert "fiducials.csv" in signal["provenance"]["inputs"]


def test_what_is_unsure_of_the_iron_widens_the_interval_of_the_dose(records):
    certain, known, signal = records
    assert certain["summary"]["heat_factors"] == certain["summary"]["slp_interval"]["shown_factors"]
    for record in (known, signal):
        held, sd = (record["regions"]["tumour"][key] for key in ("iron_mg", "iron_sd_mg"))
        slp = record["summary"]["slp_interval"]["shown_factors"]
        wide = [1.0 - np.hypot(1.0 - slp[0], 1.959964 * sd / held), 1.0 + np.hypot(slp[1] - 1.0, 1.959964 * sd / held)]
        assert record["summary"]["heat_factors"] == pytest.approx(wide)
        assert set(record["history"]) >= {"t90_slp_07_c", "t90_slp_13_c", "t90_slp_low_c", "t90_slp_high_c"}
    (a, b), (c, d) = (record["summary"]["t90_interval_c"] for record in (certain, known))
    assert c < a < b < d
    assert (d - c) / (b - a) == pytest.approx(0.4936 / 0.3, rel=0.05)  # heat is linear in power


def test_the_report_states_it_in_table_caption_and_methods(records, tmp_path):
    certain, known, signal = (render_page(record, tmp_path) for record in records)
    assert "SLP and iron × " not in certain and "one standard uncertainty" not in certain
    assert "and the same plan with the SLP and iron × " in known
    assert "calibration known to ± 20" in known
    assert " ± 0.3" in known  # the tumour's 1.6 mg to a fifth
    assert "voxels of both marked by the rule" in signal
