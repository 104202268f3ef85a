"""An image file that cannot be used costs a message with its file, key, value and remedy, whatever its kind."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
import pytest
from test_formats import FORMATS
from test_volumes import RAS, corner_data, nrrd_bytes, place, slice_dataset, write_multiframe

from thermoplan.base.errors import InputError
from thermoplan.files.images.mdf import read_mdf, read_mdf_info
from thermoplan.files.images.nrrd import read_nrrd
from thermoplan.files.images.volumes import read_volume


def nifti(path: Path, *, pixdim: tuple[float, float, float] = (1, 1, 1), unit: str = "mm", **forms) -> Path:
    file = nibabel.Nifti1Image(corner_data(), None)
    file.header.set_xyzt_units(unit)
    for name in ("sform", "qform"):
        matrix = forms.get(name)
        getattr(file, f"set_{name}")(matrix, code=0 if matrix is None else 1)
    nibabel.save(file, path)
    packed = path.suffix == ".gz"
    raw = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    struct.pack_into("<3f", raw, 80, *pixdim)  # pixdim[1:4]
    path.write_bytes(gzip.compress(bytes(raw)) if packed else bytes(raw))
    return path


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((0, 1, 1), "0, 1, 1"),
        ((1, -2, 1), "1, -2, 1"),
        ((1, 1, np.nan), "1, 1, nan"),
    ],
)
def test_a_nifti_with_a_voxel_of_no_size_is_refused(tmp_path, size, shown):
    words = rf"the voxel size is zero or negative: pixdim = {shown}; expected lengths above zero"
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(InputError, match=rf"{name}: {words}"):
            read_volume(nifti(tmp_path / name, pixdim=size))


def test_a_nifti_whose_sform_is_flat_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.nii: .*the affine is singular: a voxel has no volume"):
        read_volume(nifti(tmp_path / "a.nii", sform=np.diag([1.0, 1, 0, 1])))


def test_the_qform_places_an_image_without_sform_and_neither_is_noted(tmp_path):
    notes: list[str] = []
    qform = np.diag([2.0, 2, 2, 1])
    qform[:3, 3] = [5, 6, 7]
    image = read_volume(nifti(tmp_path / "a.nii", pixdim=(2, 2, 2), qform=qform), notes=notes)
    np.testing.assert_allclose(image.affine_m[:3, 3], [5e-3, 6e-3, 7e-3])
    assert notes == []
    image = read_volume(nifti(tmp_path / "b.nii"), notes=notes)
    # 4 x 5 x 6 voxels of 1 mm: the middle, index 1.5 2 2.5, lies at the origin
    np.testing.assert_allclose(image.positions_m(np.array([1.5, 2.0, 2.5])), 0, atol=1e-9)
    assert len(notes) == 1 and notes[0].startswith("b.nii: has neither sform nor qform; the image's centre is taken")


def test_a_qform_that_differs_at_one_corner_only_is_noted(tmp_path):
    """Turned about the far corner: that one stays, the near one moves 0.1 rad times 4 mm, and by 3 mm across."""
    c, s = np.cos(0.1), np.sin(0.1)
    turn, far = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), np.array([3.0, 4.0, 5.0])
    qform = np.eye(4)
    qform[:3, :3], qform[:3, 3] = turn, far - turn @ far
    notes: list[str] = []
    image = read_volume(nifti(tmp_path / "a.nii", sform=np.eye(4), qform=qform), notes=notes)
    np.testing.assert_allclose(image.affine_m[:3, 3], 0, atol=1e-12)
    # 2 sin(0.05) times 5 mm, the diagonal of 3 by 4
    assert notes == ["a.nii: sform and qform differ by up to 0.5 mm at the corners; sform is used"]


DIRECTIONS = "space directions: (0.5,0,0) (0,1,0) (0,0,2)"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (DIRECTIONS, "spacings: 0.5 -1 2", "spacings = 0.5 -1 2: expected three lengths"),
        (DIRECTIONS, "spacings: 0.5 0 2", "spacings = 0.5 0 2: expected three lengths"),
        (DIRECTIONS, "spacings: 0.5 1", "the size of a voxel is unknown"),
        ("(0,1,0)", "(0,0,0)", r"space directions = .*\(0,0,0\).*: a voxel has no volume"),
        ("(0,1,0)", "(1,0,0)", "singular: a voxel has no volume"),
        ("(0,1,0)", "(x,1,0)", "the size of a voxel is unknown"),
        (
            "space origin",
            'space units: "inch" "inch" "inch"\nspace origin',
            'space units = "inch": expected a unit of length',
        ),
    ],
)
def test_an_nrrd_with_a_voxel_of_no_size_is_refused(tmp_path, old, new, words):
    assert RAS.count(old) == 1
    (tmp_path / "a.nrrd").write_bytes(nrrd_bytes(corner_data(), RAS.replace(old, new)))
    with pytest.raises(InputError, match=r"a\.nrrd: .*" + words):
        read_nrrd(tmp_path / "a.nrrd")


def test_an_nrrd_that_states_neither_frame_nor_origin_is_noted(tmp_path):
    notes: list[str] = []
    (tmp_path / "a.nrrd").write_bytes(nrrd_bytes(corner_data(), "spacings: 0.5 1 2\n"))
    read_nrrd(tmp_path / "a.nrrd", notes=notes)
    assert notes == [
        'a.nrrd: space "" has no anatomical axes; its axes are taken as R, A, S: in others the image is turned or '
        "mirrored",
        "a.nrrd: has no space origin and no axis mins; its first voxel is put at 0 0 0",
    ]


def test_big_endian_values_are_turned(tmp_path):
    raw = nrrd_bytes(corner_data(), RAS)
    head, _, values = raw.partition(b"\n\n")
    turned = np.frombuffer(values, "<i2").astype(">i2").tobytes()
    (tmp_path / "a.nrrd").write_bytes(head.replace(b"endian: little", b"endian: big") + b"\n\n" + turned)
    np.testing.assert_array_equal(read_nrrd(tmp_path / "a.nrrd").data, corner_data())


def test_an_nrrd_header_without_end_is_not_read_for_ever(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n" + b"# again\n" * 3_000_000)
    with pytest.raises(InputError, match=r"a\.nrrd: its header does not end within 16 MiB"):
        read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "PixelSpacing",
            [0, 1],
            r"the voxel size is zero or negative: PixelSpacing = 0, 1; expected two lengths above",
        ),
        ("PixelSpacing", [1, -1], r"PixelSpacing = 1, -1"),
        (
            "SliceThickness",
            0,
            r"one slice, and SliceThickness = 0.*: its height is unknown; expected a length above zero",
        ),
        ("SliceThickness", -2, r"SliceThickness = -2"),
        ("SliceThickness", None, "SliceThickness = None"),
        ("ImageOrientationPatient", None, "has no ImageOrientationPatient"),
        ("SamplesPerPixel", 3, "holds colours; expected one number per pixel"),
    ],
)
def test_a_dicom_slice_without_a_volume_is_refused(tmp_path, key, value, words):
    found = place(slice_dataset("1.2.3"), 0)
    found.SliceThickness = 1.0
    stored = corner_data()[0].copy()
    found.Rows, found.Columns, found.PixelData = *stored.shape, stored.tobytes()
    if value is None:
        delattr(found, key)
    else:
        setattr(found, key, value)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"a\.dcm: .*" + words):
        read_volume(tmp_path / "a.dcm")


def hdf5(path: Path, entries: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        for key, value in entries.items():
            if value is None:
                file.create_group(key)
            else:
                file[key] = value
    return path


GOOD = {
    "version": "2.1.0",
    "reconstruction/data": np.ones((1, 24, 1)),
    "reconstruction/size": [2, 3, 4],
    "reconstruction/fieldOfView": [2e-3, 3e-3, 4e-3],
}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            {"fields": np.ones(3), "positions": np.ones((36, 3))},
            "has no /reconstruction/data, so no image; it holds /fields, /positions: reconstruct the measurement first",
        ),
        ({"version": "2.1.0", "measurement/data": np.ones(9)}, "it holds /measurement, /version"),
        ({}, "it holds nothing"),
        ({"reconstruction": np.ones(24)}, "no /reconstruction/data"),
        ({"reconstruction/data": None}, "no /reconstruction/data"),
        (GOOD | {"reconstruction/data": np.ones((2, 2))}, r"/reconstruction/data has shape \(2, 2\); expected frames"),
        (GOOD | {"reconstruction/data": np.ones((0, 24, 1))}, "has 0 frames, not a number 1"),
        (GOOD | {"reconstruction/data": np.ones((1, 24, 1), complex)}, "holds complex128; expected one real number"),
        (GOOD | {"reconstruction/data": np.array([b"x"] * 24).reshape(1, 24, 1)}, "expected one real number"),
        (GOOD | {"reconstruction/size": [b"a", b"b", b"c"]}, "/reconstruction/size holds no numbers: expected three"),
        (GOOD | {"reconstruction/size": None}, "/reconstruction/size holds no numbers: expected three"),
        (GOOD | {"reconstruction/size": [2, 3]}, r"/reconstruction/size = \[2.0, 3.0\]: expected three numbers"),
        (GOOD | {"reconstruction/size": [2, 0, 12]}, r"/size = \[2.0, 0.0, 12.0\] .* no volume: expected whole"),
        (
            GOOD | {"reconstruction/fieldOfView": [2e-3, -3e-3, 4e-3]},
            r"fieldOfView = \[0.002, -0.003, 0.004\] m: a voxel",
        ),
        (GOOD | {"reconstruction/fieldOfView": [2e-3, np.nan, 4e-3]}, r"/reconstruction/fieldOfView = .*nan"),
        (GOOD | {"reconstruction/size": [2, 3, 5]}, r"/size = \(2, 3, 5\) does not match 24 voxels .* product"),
        (GOOD | {"reconstruction/isOverscanRegion": None}, "isOverscanRegion has 0 entries for 24 voxels"),
        (GOOD | {"reconstruction/positions": np.zeros((24, 3))}, "positions do not fill a regular grid|fieldOfView"),
    ],
)
def test_a_foreign_or_broken_hdf5_is_refused_by_group_and_value(tmp_path, entries, words):
    with pytest.raises(InputError, match=r"a\.mdf: .*(" + words + ")"):
        read_mdf(hdf5(tmp_path / "a.mdf", entries))


def test_other_groups_may_be_absent_and_are_named(tmp_path):
    notes: list[str] = []
    assert read_mdf(hdf5(tmp_path / "a.mdf", GOOD), notes=notes).shape == (2, 3, 4)
    absent = "/study, /experiment, /tracer, /scanner, /acquisition"
    assert f"a.mdf: has no {absent}: part of how it was scanned is unknown" in notes
    assert read_mdf_info(tmp_path / "a.mdf").tracer == ""


def test_what_the_tracer_and_the_calibration_say_is_read(tmp_path):
    path = hdf5(
        tmp_path / "a.mdf",
        GOOD | {"tracer/name": ["perimag"], "tracer/concentration": [0.1], "calibration/method": "robot"},
    )
    info = read_mdf_info(path)
    assert (info.tracer, info.calibration) == ("perimag", "robot")
    np.testing.assert_array_equal(info.concentration_mol_l, [0.1])


def test_the_measured_selection_field_is_no_image(shared):
    with pytest.raises(InputError, match=r"Gradient_2Tpm\.h5: has no /reconstruction/data.*/fields"):
        read_volume(shared / "data" / "selection-field-2Tpm" / "Gradient_2Tpm.h5")


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("nhdr", "dicom series")])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.9, 0.98])
def test_a_file_cut_short_is_refused_by_name(tmp_path, name, keep):
    path = FORMATS[name][0](tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError, match=path.name):
        read_volume(path, affine_m=np.diag([1e-3, 1e-3, 1e-3, 1.0]))


def test_a_detached_file_that_is_cut_short_or_gone_is_refused(tmp_path):
    path = FORMATS["nhdr"][0](tmp_path)
    raw = (tmp_path / "a.raw").read_bytes()
    (tmp_path / "a.raw").write_bytes(raw[:-3])
    with pytest.raises(InputError, match=r"a\.nhdr: is cut short"):
        read_volume(path)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(InputError, match=r"a\.raw: no such file"):
        read_volume(path)


def test_a_multi_frame_file_without_pixels_is_refused(tmp_path):
    found = pydicom.dcmread(write_multiframe(tmp_path / "a.dcm"))
    del found.PixelData
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"a\.dcm: holds no image"):
        read_volume(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", [".nii.gz", "nrrd gzip", "nrrd bzip2", ".npz"])
def test_packed_values_that_do_not_match_their_checksum_are_refused(tmp_path, name):
    """A bit that flips in a packed file must not become iron: refused, or without effect."""
    path = FORMATS[name][0](tmp_path)
    whole, refused = path.read_bytes(), 0
    for bit in range(8):
        broken = bytearray(whole)
        broken[len(whole) * 9 // 10 if name != ".npz" else 150] ^= 1 << bit
        path.write_bytes(bytes(broken))
        try:
            same = np.array_equal(read_volume(path).data, corner_data())
        except InputError:
            refused += 1
        else:
            assert same
    assert refused >= 4


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "dicom series"])
def test_bytes_that_are_not_what_they_should_be_make_a_complaint_and_nothing_else(tmp_path, name):
    path, random = FORMATS[name][0](tmp_path), np.random.default_rng(11)
    whole = path.read_bytes()
    for _ in range(40):
        broken = bytearray(whole)
        for place_of in random.integers(0, min(len(whole), 700), 2):
            broken[place_of] = random.integers(0, 256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(InputError):
            read_volume(path, affine_m=np.diag([1e-3, 1e-3, 1e-3, 1.0]))
