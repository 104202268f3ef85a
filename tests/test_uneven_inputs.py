"""Numbers on inputs without symmetry: uneven voxels, correlated noise, lower ends of ranges, the second of two frames.

Each was once broken in a copy of the code and no test saw it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import nibabel
import numpy as np
import pydicom
import pytest
from heat_cases import box
from scipy import ndimage
from small_case import PROTOCOL, write_case
from test_device import machine

from thermoplan.anatomy.tissue import PERFUSION_LAWS
from thermoplan.base.image import Image
from thermoplan.bioheat.vessels import Vessel
from thermoplan.commands.tracer_fits import calorimetry_answer
from thermoplan.files.images.dicom import read_dicom
from thermoplan.files.images.dicom_write import Quantity, Study
from thermoplan.files.images.nifti import read_nifti
from thermoplan.files.images.parametric import write_parametric_map
from thermoplan.files.images.rtdose import write_rtdose
from thermoplan.files.tables.landmarks import read_points
from thermoplan.imaging.background import background_of
from thermoplan.imaging.calibration import Reading, standard_curve
from thermoplan.imaging.quantification import quantify_image
from thermoplan.imaging.roi import labelled_regions
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol
from thermoplan.trajectory import candidate_positions

UNEVEN_MM = np.array([0.5, 1.0, 2.0])
"""Edges of a voxel along R, A and S."""


@pytest.mark.parametrize(
    ("key", "low", "high", "words"),
    [
        ("gradient_t_m", 1.0, 3.0, "gradient = {:g} T/m: outside gradient_range, 1 to 3 T/m"),
        ("amplitude_t", 5e-3, 20e-3, "amplitude = {:g} mT: outside amplitude_range, 5 to 20 mT"),
        ("frequency_hz", 100e3, 400e3, "frequency = {:g} kHz: outside frequency_range, 100 to 400 kHz"),
    ],
)
def test_a_setting_is_refused_beyond_either_end_of_its_range_and_taken_at_both(key, low, high, words):
    name, unit = key.rsplit("_", 1)[0].replace("_t", ""), key.split("_", 1)[1]
    device = machine(**{f"{name}_range_{unit}": (low, high)})
    assert device.violations(**{key: [low, high]}) == []
    for value in (0.98 * low, 1.02 * high):
        shown = value * {"gradient": 1.0, "amplitude": 1e3, "frequency": 1e-3}[name]
        (told,) = device.violations(**{key: value})
        assert words.format(shown) in told


@pytest.mark.parametrize("unit", [0, 2])  # not said, and millimetres
def test_a_nifti_file_without_a_unit_is_in_millimetres(tmp_path, unit):
    affine = np.diag([*UNEVEN_MM, 1.0])
    image = nibabel.Nifti1Image(np.ones((4, 5, 6), np.float32), affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert read_nifti(tmp_path / "a.nii.gz").spacing_m == pytest.approx(1e-3 * UNEVEN_MM)


@pytest.mark.parametrize("write", [write_rtdose, write_parametric_map])
def test_a_map_of_uneven_voxels_is_read_back_in_its_place(tmp_path, write):
    """Rows of a slice run towards P, columns towards L: PixelSpacing states A, then R; slices are 2 mm apart."""
    affine = np.diag([*(1e-3 * UNEVEN_MM), 1.0])
    affine[:3, 3] = -3e-3, 5e-3, 7e-3
    data = np.random.default_rng(1).random((4, 5, 6)).astype(np.float32)
    study = Study("uneven", datetime(2026, 1, 1, tzinfo=UTC), "0" * 16, "0")
    write(tmp_path / "a.dcm", Image(data, affine), Quantity("cem43", "thermal dose", "min", "minute"), study)
    if write is write_rtdose:
        file = pydicom.dcmread(tmp_path / "a.dcm")
        assert list(file.PixelSpacing) == pytest.approx([1.0, 0.5])
        assert list(file.GridFrameOffsetVector) == pytest.approx(2.0 * np.arange(6))
        assert float(file.SliceThickness) == pytest.approx(2.0)
    again = read_dicom(tmp_path / "a.dcm")
    voxels = np.argwhere(np.ones(data.shape, bool))
    there = np.rint(again.indices(Image(data, affine).positions_m(voxels))).astype(int)
    assert sorted(again.spacing_m) == pytest.approx(sorted(1e-3 * UNEVEN_MM))
    assert again.positions_m(there) == pytest.approx(Image(data, affine).positions_m(voxels), abs=1e-8)
    assert again.data[tuple(there.T)] == pytest.approx(data[tuple(voxels.T)], abs=1e-6)


def test_the_second_frame_of_an_iron_image_is_the_one_that_is_planned_on(tmp_path):
    path = write_case(tmp_path / "case", protocol=PROTOCOL.replace('unit = "mg/mL"', 'unit = "mg/mL"\nframe = 2'))
    image = nibabel.load(path.parent / "iron.nii.gz")
    first = np.asarray(image.dataobj)
    nibabel.save(
        nibabel.Nifti1Image(np.stack([first, 0.5 * first, 0.25 * first], -1), image.affine, image.header),
        path.parent / "iron.nii.gz",
    )
    assert read_inputs(read_protocol(path)).iron.image.data.max() == pytest.approx(0.5 * first.max())


def test_markups_that_state_no_frame_are_in_lps_as_3d_slicer_has_them(tmp_path):
    point = {"label": "tip", "position": [10.0, 20.0, 30.0]}
    markups = {"markups": [{"type": "Fiducial", "controlPoints": [point]}]}
    (tmp_path / "a.mrk.json").write_text(json.dumps(markups))
    assert read_points(tmp_path / "a.mrk.json")["tip"] == pytest.approx([-10e-3, -20e-3, 30e-3])


def test_the_noise_of_an_iron_map_is_that_of_a_mean_over_correlated_voxels():
    """Each value is (w_k + w_k+1) / root 2 of white noise w along one axis: a mean over many scatters root 2 times as
    much as of independent voxels. With a slope of 2 a voxel's noise of 0.1 is 0.05 mg/mL."""
    white = np.random.default_rng(3).normal(0.0, 0.1, (25, 24, 24))
    data = (white[1:] + white[:-1]) / np.sqrt(2.0)
    data[10:14, 10:14, 10:14] += 8.0
    image = Image(data, np.diag([1e-3, 1e-3, 1e-3, 1.0]))
    curve = standard_curve([Reading(f"{k}", k * 1e-9, 2.0 * k * 1e-9, 1e-12) for k in (20.0, 50.0, 100.0)])
    found = quantify_image(image, curve, background=background_of(image, ndimage.uniform_filter(data, 9) < 0.1))
    assert found.iron.noise_kg_m3 == pytest.approx(0.05 * np.sqrt(2.0), rel=0.06)


def test_an_error_stated_for_iron_and_heat_capacity_is_one_standard_error_on_either_side(tmp_path):
    """Of an exact curve nothing else is left: 95 % of a normal distribution lie within 1.96 of 10 %."""
    t = np.arange(0.0, 300.0)
    rise = 15.0 * -np.expm1(-0.02 * t / 4.2)
    (tmp_path / "c.csv").write_text(
        "\n".join(["time_s,temperature_C", *(f"{a:g},{b:.7f}" for a, b in zip(t, 25.0 + rise, strict=True))])
    )
    sample = {"iron": "2 mg", "heat_capacity": "4.2 J/K", "error": "10 %"}
    slp = calorimetry_answer(tmp_path / "c.csv", sample, {"amplitude": "13 mT", "frequency": "354 kHz"})[
        "slp_w_per_g_fe"
    ]
    assert slp["value"] == pytest.approx(150.0, rel=2e-3)
    assert (slp["value"] - slp["low"], slp["high"] - slp["value"]) == pytest.approx([29.4, 29.4], rel=0.02)


@pytest.mark.parametrize(
    ("law", "celsius", "kg_m3_s"),
    [
        ("lang-muscle", 41.0, 1.38577),  # 0.45 + 3.55 exp(-16/12)
        ("lang-muscle", 50.0, 4.0),
        ("lang-fat", 41.0, 0.454895),  # 0.36 + 0.36 exp(-16/12)
        ("lang-tumour", 40.0, 0.797129),  # 0.833 - 3^4.8 / 5438
        ("lang-tumour", 43.0, 0.416),
    ],
)
def test_a_perfusion_law_has_the_published_value_at_a_temperature(law, celsius, kg_m3_s):
    """Lang et al. 1999, in kg of blood per m3 and s; blood holds 3617 J/kg/K."""
    assert PERFUSION_LAWS[law](np.array([celsius])) == pytest.approx([3617.0 * kg_m3_s], rel=1e-5)


def test_the_skin_of_a_body_without_one_is_the_elements_that_have_a_face_on_its_surface():
    """Of six tetrahedra of a brick two stand on each face, so that a third of the outermost layer is skin: all of it,
    2.4 times as much, would be what touches the surface with a corner."""
    sides_mm = np.array([20.0, 24.0, 30.0])
    body = box((20, 24, 30), tuple(1e-3 * sides_mm))
    area_mm2 = 2.0 * (sides_mm.prod() / sides_mm).sum()
    assert 1e9 * body.volume_m3("skin") == pytest.approx(area_mm2 / 3.0, rel=0.06)


def test_a_region_at_the_first_and_last_voxels_of_an_image_is_on_it():
    """Labels at a third of the image's spacing: the outer voxels reach half a spacing beyond their centres."""
    image = Image(np.zeros((4, 5, 6)), np.diag([3e-3, 3e-3, 3e-3, 1.0]))
    affine = np.diag([1e-3, 1e-3, 1e-3, 1.0])
    affine[:3, 3] = -3e-3
    labels = np.zeros((16, 19, 22), np.uint8)  # the image's voxels are 2 to 13, 2 to 16, 2 to 19
    labels[2:4, 2:17, 2:20] = 1  # first voxels, as far as their middles
    labels[12:14, 2:17, 2:20] = 2  # last, from their middles
    labels[4:12, 0:2, 2:20] = 3  # beyond the edge
    labels[4:12, 4:6, 0:3] = 4  # two parts of three beyond the edge
    labels[4:12, 7:14, 2:20] = 5
    notes: list[str] = []
    names = {1: "first", 2: "last", 3: "beyond", 4: "mostly beyond", 5: "middle"}
    found = labelled_regions(image, Image(labels, affine), names, notes=notes)
    assert list(found) == ["first", "last", "middle"]
    assert [tuple(np.flatnonzero(found[name].any(axis=(1, 2)))) for name in ("first", "last")] == [(0,), (3,)]
    assert sum("67% of region mostly beyond lies off the image" in note for note in notes) == 1


def test_how_far_the_blood_of_a_known_vessel_takes_on_the_temperature_around():
    """20 mm of vessel at 0.06 mL/min. Its wall, 48/11 pi 0.517 = 7.085 W/m/K, and tissue to ten radii,
    ln 10 / (2 pi 0.5), are 0.8741 m K/W; its blood carries 1049.75 x 3617 J/m3/K x 1e-9 m3/s, and so
    1 - exp(-0.020 / (0.8741 x 3.797e-3))."""
    vessel = Vessel("vein", np.array([[0.0, 0.0, 0.0], [0.0, 12e-3, 0.0], [0.0, 12e-3, 8e-3]]), 0.5e-3)
    assert vessel.equilibrated is None
    assert replace(vessel, flow_m3_s=1e-9).equilibrated == pytest.approx(0.99758, abs=2e-5)
    assert replace(vessel, flow_m3_s=1e-7).equilibrated == pytest.approx(0.058468, rel=1e-3)


def test_a_grid_of_positions_is_fine_along_the_strongest_axis_also_where_its_value_is_negative():
    """Values -2, 1, 1 T/m about R: every 1 mm along R, every 3 mm along A and S."""
    body = box((12, 12, 12), (12e-3, 12e-3, 12e-3), lambda c: np.ones(len(c), int), ("body", "tumour"))
    for sign in (1.0, -1.0):
        device = machine(tensor=sign * np.diag([-1.0, 0.5, 0.5]))
        places = candidate_positions(
            body, ["tumour"], device=device, spacing_m=(1.01e-3, 3.01e-3, 3.01e-3), most=10_000
        )
        steps = [np.diff(np.unique(np.round(1e3 * axis, 6))).max() for axis in places.T]
        assert steps == pytest.approx([1.0, 3.0, 3.0])
