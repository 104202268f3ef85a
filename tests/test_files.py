"""Every reader puts a bright corner where it belongs, and gives back what was written."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.mdf import read_mdf, read_mdf_info, write_mdf
from thermoplan.files.images.nifti import read_nifti, write_nifti
from thermoplan.files.images.voxel_values import as_labels
from thermoplan.imaging.iron_map import check_iron

SPACING_M = np.array([0.5e-3, 1.0e-3, 2.0e-3])
ORIGIN_M = np.array([-10e-3, 5e-3, 30e-3])


def corner_image() -> Image:
    """Bright at the highest R, lowest A, highest S: three axes that no mix-up leaves alone."""
    data = np.random.default_rng(1).random((4, 5, 6)).astype(np.float32)
    data[3, 0, 5] = 9.0
    affine = np.diag([*SPACING_M, 1.0])
    affine[:3, 3] = ORIGIN_M
    return Image(data, affine)


MILLIMETRE = np.diag([1e-3, 1e-3, 1e-3, 1.0])
BRIGHT_M = ORIGIN_M + SPACING_M * [3, 0, 5]


def brightest_m(image: Image) -> np.ndarray:
    return image.positions_m(np.unravel_index(np.argmax(image.data), image.shape))


@pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        ("a.nii", write_nifti, read_nifti),
        ("a.nii.gz", write_nifti, read_nifti),
        ("a.mdf", write_mdf, read_mdf),
    ],
)
def test_round_trip_is_exact_and_the_bright_corner_stays_in_its_octant(tmp_path, name, write, read):
    image = corner_image()
    write(tmp_path / name, image)
    back = read(tmp_path / name)
    np.testing.assert_array_equal(back.data, image.data)
    assert back.data.dtype == image.data.dtype
    np.testing.assert_allclose(back.affine_m, image.affine_m, rtol=0, atol=1e-9)  # NIfTI keeps float32 mm
    np.testing.assert_allclose(brightest_m(back), BRIGHT_M, atol=1e-9)


def test_axes_that_run_left_and_posterior_are_turned_when_mdf_is_written(tmp_path):
    image = corner_image()
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, image.shape[0] - 1
    # a cycle of three axes, which is not its own inverse
    turned = Image(np.flip(image.data, 0).transpose(1, 2, 0), (image.affine_m @ flip)[:, [1, 2, 0, 3]])
    write_mdf(tmp_path / "a.mdf", turned)
    back = read_mdf(tmp_path / "a.mdf")
    np.testing.assert_array_equal(back.data, image.data)
    np.testing.assert_allclose(back.affine_m, image.affine_m, atol=1e-12)


def test_an_oblique_image_is_not_written_as_mdf(tmp_path):
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(InputError, match="oblique"):
        write_mdf(tmp_path / "a.mdf", corner_image().moved(turn))


def test_the_same_image_makes_the_same_mdf_bytes(tmp_path):
    from datetime import UTC, datetime

    when = datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("a.mdf", "b.mdf"):
        write_mdf(tmp_path / name, corner_image(), created=when)
    assert (tmp_path / "a.mdf").read_bytes() == (tmp_path / "b.mdf").read_bytes()


def nifti(path: Path, data: np.ndarray, *, sform=None, qform=None, unit="mm") -> Path:
    file = nibabel.Nifti1Image(data, None)
    file.header.set_xyzt_units(unit)
    file.set_sform(sform, code=0 if sform is None else 1)
    file.set_qform(qform, code=0 if qform is None else 1)
    nibabel.save(file, path)
    return path


def test_sform_wins_and_a_differing_qform_is_noted(tmp_path):
    notes: list[str] = []
    sform, qform = np.diag([2.0, 2, 2, 1]), np.diag([2.0, 2, 2, 1])
    qform[0, 3] = 7.0
    image = read_nifti(nifti(tmp_path / "a.nii", np.ones((3, 3, 3), np.float32), sform=sform, qform=qform), notes=notes)
    np.testing.assert_allclose(image.affine_m[:3, 3], 0)
    assert len(notes) == 1 and "differ by up to 7 mm" in notes[0]


def test_equal_sform_and_qform_make_no_note(tmp_path):
    notes: list[str] = []
    write_nifti(tmp_path / "a.nii.gz", corner_image())
    read_nifti(tmp_path / "a.nii.gz", notes=notes)
    assert notes == []


def test_a_header_in_microns_is_read_in_microns(tmp_path):
    affine = np.diag([250.0, 250, 250, 1])
    image = read_nifti(nifti(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32), sform=affine, unit="micron"))
    np.testing.assert_allclose(image.spacing_m, 250e-6)


def test_shear_is_refused_unless_asked_for(tmp_path):
    sheared = np.diag([1.0, 1, 1, 1])
    sheared[0, 1] = 0.2
    path = nifti(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32), sform=sheared)
    with pytest.raises(InputError, match=r"a\.nii: .*shear"):
        read_nifti(path)
    assert read_nifti(path, allow_shear=True).shape == (2, 2, 2)


def test_labels_keep_whole_numbers_and_refuse_others():
    affine = np.eye(4)
    for label in (3, 614454277):  # ids of an atlas are large
        read = as_labels(Image(np.full((1, 1, 2), float(label)), affine), "l.nii").data
        assert read.dtype.kind == "i" and (read == label).all()
    with pytest.raises(InputError, match=r"l\.nii: 1 voxels are not whole numbers, first \(0, 0, 1\) = 2\.5"):
        as_labels(Image(np.array([[[1.0, 2.5]]]), affine), "l.nii")


def test_scaled_integers_are_unscaled(tmp_path):
    file = nibabel.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    file.header.set_slope_inter(0.5, 1.0)
    nibabel.save(file, tmp_path / "a.nii")
    np.testing.assert_allclose(read_nifti(tmp_path / "a.nii").data.ravel(), 1.0 + 0.5 * np.arange(8))


def test_a_file_that_would_unpack_beyond_the_limit_is_refused_before_it_is(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", Image(np.zeros((100, 100, 100), np.float32), MILLIMETRE))
    with pytest.raises(InputError, match="over the limit"):
        read_nifti(tmp_path / "a.nii.gz", limit_bytes=3_999_999)
    assert read_nifti(tmp_path / "a.nii.gz", limit_bytes=4_000_000).shape == (100, 100, 100)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mdf"])
def test_reading_stays_under_three_times_the_image_in_memory(tmp_path, name):
    image = Image(np.random.default_rng(4).random((128, 128, 128)).astype(np.float32), MILLIMETRE)
    (write_mdf if name.endswith("mdf") else write_nifti)(tmp_path / name, image)
    tracemalloc.start()
    (read_mdf if name.endswith("mdf") else read_nifti)(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * image.data.nbytes


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mdf"])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.95])
def test_a_file_cut_short_is_refused_by_name(tmp_path, name, keep):
    data = np.random.default_rng(2).random((20, 20, 20)).astype(np.float32)
    (write_mdf if name.endswith("mdf") else write_nifti)(tmp_path / name, Image(data, MILLIMETRE))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(InputError, match=name):
        (read_mdf if name.endswith("mdf") else read_nifti)(tmp_path / name)


@pytest.mark.parametrize(("value", "shown"), [(-3.0, r"-3\.0"), (np.nan, "nan"), (np.inf, "inf")])
def test_bad_iron_is_counted_and_located(value, shown):
    data = np.ones((2, 2, 2))
    data[1, 0, 1] = value
    words = rf"m\.mdf: 1 voxels are negative or not finite, first \(1, 0, 1\) = {shown} mg/mL"
    with pytest.raises(InputError, match=words):
        check_iron(Image(data, np.eye(4)), "m.mdf", "mg/mL")


def mdf(path: Path, **fields) -> Path:
    """A minimal MDF: 2 frames, 2 x 3 x 4 voxels, 2 channels; frame and channel told by thousands."""
    voxels = np.arange(24, dtype=np.float32)
    data = np.stack([np.stack([voxels + 1000 * q + 100 * s for s in (0, 1)], -1) for q in (0, 1)])
    content = {
        "version": "2.1.0",
        "reconstruction/data": data,
        "reconstruction/size": [2, 3, 4],
        "reconstruction/fieldOfView": [2e-3, 6e-3, 12e-3],
        "reconstruction/fieldOfViewCenter": [0.0, 1e-3, 2e-3],
    } | fields
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if value is not None:
                file[key.replace("__", "/")] = value
    return path


def test_x_varies_fastest_in_mdf_and_voxels_are_centred_on_the_field_of_view(tmp_path):
    image = read_mdf(mdf(tmp_path / "a.mdf"), frame=1, channel=1)
    # voxel (1, 2, 3) is number 1 + 2*2 + 6*3 = 23; frame 1 adds 1000, channel 1 adds 100
    assert image.data[1, 2, 3] == 1123 and image.data[1, 0, 0] == 1101 and image.data[0, 0, 1] == 1106
    np.testing.assert_allclose(image.spacing_m, [1e-3, 2e-3, 3e-3])
    middle = image.positions_m(np.array([0.5, 1.0, 1.5]))
    np.testing.assert_allclose(middle, [0, 1e-3, 2e-3], atol=1e-15)


def test_another_order_of_axes_is_followed(tmp_path):
    image = read_mdf(mdf(tmp_path / "a.mdf", reconstruction__order="zyx"), frame=0, channel=0)
    # now z is fastest: voxel (1, 2, 3) is 3 + 2*4 + 1*12 = 23 and (0, 0, 1) is number 1
    assert image.shape == (2, 3, 4) and image.data[0, 0, 1] == 1 and image.data[1, 0, 0] == 12


def test_overscan_voxels_count_as_no_signal_and_are_noted(tmp_path):
    mask, notes = np.zeros(24, np.int8), []
    mask[23] = 1
    path = mdf(tmp_path / "a.mdf", reconstruction__isOverscanRegion=mask)
    image = read_mdf(path, notes=notes, frame=0, channel=0)
    assert image.data[1, 2, 3] == 0 and image.data[0, 2, 3] == 22
    # 23 of 0 + 1 + ... + 23 = 276 is 8.3 %
    assert any("1 voxels are overscan" in n and "8.3%" in n for n in notes)


def test_stored_positions_place_the_voxels_whatever_their_order(tmp_path):
    axes = [0.0, 1e-3], [-1e-3, 1e-3, 3e-3], [0.0, 3e-3, 6e-3, 9e-3]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    shuffle = np.random.default_rng(3).permutation(24)
    image = read_mdf(mdf(tmp_path / "a.mdf", reconstruction__positions=grid[shuffle]), frame=0, channel=0)
    number = 17
    np.testing.assert_allclose(image.sampled(grid[shuffle][number][None], order=0), [number])


def test_what_is_absent_is_noted_and_what_has_several_is_chosen_from(tmp_path):
    notes: list[str] = []
    with pytest.raises(InputError, match=r"a\.mdf: has 2 frames; expected one image: say which"):
        read_mdf(mdf(tmp_path / "a.mdf"), notes=notes)
    with pytest.raises(InputError, match=r"a\.mdf: has 2 channels; expected one image: say which"):
        read_mdf(mdf(tmp_path / "a.mdf"), frame=0, notes=notes)
    read_mdf(mdf(tmp_path / "a.mdf"), frame=0, channel=0, notes=notes)
    text = "\n".join(notes)
    assert "/tracer" in text
    assert "x, y, z are taken as R, A, S" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reconstruction/data": None}, "no /reconstruction/data"),
        ({"reconstruction/size": [2, 3, 5]}, "does not match 24 voxels"),
        ({"reconstruction/fieldOfView": [2e-3, 0.0, 1e-2]}, "no volume"),
        ({"reconstruction/fieldOfView": [2e-3, -1e-3, 1e-2]}, "no volume"),
        ({"reconstruction/fieldOfView": None}, "has no fieldOfView"),
        ({"reconstruction/order": "xxy"}, 'order = "xxy"'),
        ({"reconstruction/isOverscanRegion": np.zeros(7, np.int8)}, "7 entries for 24 voxels"),
    ],
)
def test_a_foreign_or_inconsistent_hdf5_is_refused(tmp_path, fields, words):
    with pytest.raises(InputError, match=r"a\.mdf: .*" + words):
        read_mdf(mdf(tmp_path / "a.mdf", **fields), frame=0, channel=0)


def test_a_frame_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="has 2 frames, not a number 3"):
        read_mdf(mdf(tmp_path / "a.mdf"), frame=2, channel=0)


def test_tracer_scanner_and_gradient_are_read(tmp_path):
    gradient = np.diag([-1.0, -1.0, 2.0])
    write_mdf(tmp_path / "a.mdf", corner_image(), tracer="synomag-d", gradient_t_m=gradient)
    info = read_mdf_info(tmp_path / "a.mdf")
    assert (info.tracer, info.version, info.frames, info.channels) == ("synomag-d", "2.1.0", 1, 1)
    np.testing.assert_array_equal(info.gradient_t_m, gradient)
