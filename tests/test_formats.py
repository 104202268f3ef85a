"""One contract for every image format: a bright corner stays in its octant, in mm, and every value in its place."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless
from test_volumes import MAKERS, corner_data, image, nrrd_bytes, slice_dataset, write_multiframe, write_series

import thermoplan
from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.labels import Label, read_labelled
from thermoplan.files.images.suffixes import BARE_ARRAY, FOLDER, LABELS, PLACED_IMAGES, image_suffix
from thermoplan.files.images.volumes import READERS, WRITERS, convert, read_volume, write_volume
from thermoplan.protocol.cross_checks import file_complaints

LPS = np.array([-1.0, -1.0, 1.0])


def turn(x: float, y: float, z: float) -> np.ndarray:
    """``(4, 4)``, metres: about x, then y, then z, and away from the origin; no axis stays where it was."""
    matrix = np.eye(4)
    for (i, j), angle in zip([(1, 2), (2, 0), (0, 1)], (x, y, z), strict=True):
        step = np.eye(4)
        step[i, i] = step[j, j] = np.cos(angle)
        step[i, j], step[j, i] = -np.sin(angle), np.sin(angle)
        matrix = step @ matrix
    matrix[:3, 3] = [3e-3, -8e-3, 12e-3]
    return matrix


OBLIQUE = turn(0.3, -0.5, 0.8)


def oblique_image() -> Image:
    return image().moved(OBLIQUE)


def lps_mm(vector: np.ndarray) -> list[float]:
    """To sixteen characters, as DICOM keeps numbers."""
    return [float(f"{v:.12g}") for v in LPS * vector * 1e3]


def write_oblique_multiframe(path: Path) -> Path:
    """Frames out of order; columns run along the image's third axis, rows along its second, both oblique."""
    whole, found, frames, order = oblique_image(), slice_dataset("1.2.5"), [], (2, 0, 3, 1)
    axes, spacing = whole.affine_m[:3, :3] / whole.spacing_m, whole.spacing_m
    for r in order:
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = lps_mm(whole.positions_m(np.array([r, 0, 0])))
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    turned, pixels, scale, shared = Dataset(), Dataset(), Dataset(), Dataset()
    turned.ImageOrientationPatient = lps_mm(axes[:, 2] * 1e-3) + lps_mm(axes[:, 1] * 1e-3)
    pixels.PixelSpacing = [1e3 * spacing[1], 1e3 * spacing[2]]  # between rows, between columns
    scale.RescaleSlope, scale.RescaleIntercept = 0.5, 10
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([turned]), Sequence([pixels])
    shared.PixelValueTransformationSequence = Sequence([scale])
    found.SharedFunctionalGroupsSequence = Sequence([shared])
    found.PerFrameFunctionalGroupsSequence, found.NumberOfFrames = Sequence(frames), len(order)
    stored = np.stack([(corner_data()[r].astype(np.int16) - 10) * 2 for r in order])
    found.Rows, found.Columns, found.PixelData = *stored.shape[1:], stored.tobytes()
    found.save_as(path, enforce_file_format=True)
    return path


def recoded(path: Path, syntax: pydicom.uid.UID) -> Path:
    found = pydicom.dcmread(path)
    if syntax == RLELossless:
        found.compress(RLELossless)
    else:
        found.file_meta.TransferSyntaxUID = syntax
    found.save_as(path, enforce_file_format=True)
    return path


def renamed(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def saved_array(path: Path) -> Path:
    np.save(path, corner_data())
    return path


def oblique_nifti(path: Path) -> Path:
    write_volume(path, oblique_image())
    return path


def nifti_2(path: Path) -> Path:
    write_volume(path, image())
    first = nibabel.load(path)
    nibabel.save(nibabel.Nifti2Image(np.asarray(first.dataobj).copy(), first.affine, first.header), path)
    return path


def oblique_nrrd(path: Path) -> Path:
    """As 3D Slicer writes it, in LPS."""
    affine = oblique_image().affine_m * [[1e3], [1e3], [1e3], [1]]
    columns = " ".join("(" + ",".join(f"{v:.17g}" for v in LPS * affine[:3, k]) + ")" for k in range(3))
    origin = ",".join(f"{v:.17g}" for v in LPS * affine[:3, 3])
    path.write_bytes(
        nrrd_bytes(
            corner_data(),
            f"space: left-posterior-superior\nspace directions: {columns}\nspace origin: ({origin})\n",
            "gzip",
        )
    )
    return path


def mdf_as(path: Path) -> Path:
    """An MDF under a plain HDF5 name."""
    write_volume(path.with_suffix(".mdf"), image())
    return path.with_suffix(".mdf").rename(path)


# name -> (what writes it, where the image lies)
FORMATS = {
    **{name: (make, image) for name, make in MAKERS.items()},
    "npy": (lambda folder: saved_array(folder / "a.npy"), image),
    "h5": (lambda folder: mdf_as(folder / "a.h5"), image),
    "hdf5": (lambda folder: mdf_as(folder / "a.hdf5"), image),
    "dicom multi-frame deflated": (
        lambda folder: recoded(write_multiframe(folder / "a.dcm"), DeflatedExplicitVRLittleEndian),
        image,
    ),
    "dicom multi-frame run-length": (lambda folder: recoded(write_multiframe(folder / "a.dcm"), RLELossless), image),
    "dicom .ima": (lambda folder: renamed(write_multiframe(folder / "a.dcm"), "a.ima"), image),
    "dicom multi-frame oblique": (lambda folder: write_oblique_multiframe(folder / "a.dcm"), oblique_image),
    "nifti 2": (lambda folder: nifti_2(folder / "a.nii"), image),
    "nifti 2 packed": (lambda folder: nifti_2(folder / "a.nii.gz"), image),
    "nifti oblique": (lambda folder: oblique_nifti(folder / "a.nii"), oblique_image),
    "nrrd oblique": (lambda folder: oblique_nrrd(folder / "a.nrrd"), oblique_image),
}


def read(path: Path) -> Image:
    return read_volume(path, affine_m=image().affine_m if path.suffix == ".npy" else None)


def test_every_kind_that_can_be_read_is_held_to_the_contract(tmp_path):
    made = set()
    for number, (make, _) in enumerate(FORMATS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = make(folder)
        made.add(FOLDER if path.is_dir() else image_suffix(path))
    assert made == set(READERS)


def test_the_lists_of_suffixes_are_those_of_the_readers_and_writers():
    assert {*PLACED_IMAGES, BARE_ARRAY, FOLDER} == set(READERS)
    assert set(WRITERS) <= set(PLACED_IMAGES)
    assert set(LABELS) <= set(PLACED_IMAGES)


@pytest.mark.parametrize("suffix", [kind for kind in READERS if kind != FOLDER])
def test_a_protocol_takes_images_and_labels_of_the_suffixes_that_are_listed(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"1")
    for table, key, known in (("iron", "image", PLACED_IMAGES), ("anatomy", "labels", LABELS)):
        complaints = list(file_complaints({table: {key: f"a{suffix}"}}, tmp_path, "p.toml"))
        assert [words for words in complaints if "of no known kind" in words] == complaints
        assert bool(complaints) == (suffix not in known)


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_that_may_hold_labels_is_read_as_labels(tmp_path, name):
    path = FORMATS[name][0](tmp_path)
    if not path.is_dir() and image_suffix(path) in LABELS:
        labels, table = read_labelled(path, {1: Label("liver", "liver")})
        assert labels.data.dtype.kind in "iu" and table == {1: Label("liver", "liver")}
        assert sorted(labels.data.ravel()) == sorted(corner_data().ravel())


def test_no_other_module_lists_suffixes_of_images():
    own = {".mdf", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".dcm", ".ima", ".npz", ".npy"}
    package = Path(thermoplan.__file__).parent
    listing = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Compare)
        for part in ast.iter_child_nodes(node)  # what stands in a list itself, and no file's name put together
        if isinstance(part, ast.Constant) and part.value in own
    }
    assert listing == {"files/images/suffixes.py"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_bright_corner_stays_in_its_octant_and_every_value_in_its_place(tmp_path, name):
    make, where = FORMATS[name]
    found, expected = read(make(tmp_path)), where()
    bright = found.positions_m(np.unravel_index(np.argmax(found.data), found.shape))
    # the corner at the highest index along the first and third axes, the lowest along the second
    np.testing.assert_allclose(bright, expected.positions_m(np.array([3, 0, 5])), atol=1e-8)
    index = found.indices(expected.positions_m(np.argwhere(corner_data() >= 0)))
    np.testing.assert_allclose(index, np.rint(index), atol=1e-5)
    np.testing.assert_array_equal(found.data[tuple(np.rint(index).astype(int).T)], corner_data().ravel())


@pytest.mark.parametrize("name", ["nrrd", "nrrd in LPS", "nrrd oblique", "nhdr", ".nii", ".nii.gz", "nifti oblique"])
def test_simpleitk_sees_every_voxel_of_the_file_where_we_see_it(tmp_path, name):
    path = FORMATS[name][0](tmp_path)
    ours, theirs = read(path), sitk.ReadImage(path)
    assert theirs.GetSize() == ours.shape
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs).transpose(2, 1, 0), ours.data)
    for index in ([0, 0, 0], [3, 0, 5], [1, 4, 2]):
        there = LPS * theirs.TransformIndexToPhysicalPoint(index) * 1e-3
        np.testing.assert_allclose(there, ours.positions_m(np.array(index)), atol=1e-8)


def test_simpleitk_sees_a_dicom_series_where_we_see_it(tmp_path):
    folder = write_series(tmp_path / "series")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs, ours = reader.Execute(), read(folder)
    values = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    bright = np.unravel_index(np.argmax(values), values.shape)
    there = LPS * theirs.TransformIndexToPhysicalPoint([int(i) for i in bright]) * 1e-3
    np.testing.assert_allclose(there, ours.positions_m(np.unravel_index(np.argmax(ours.data), ours.shape)), atol=1e-8)


def exact_images() -> dict[str, Image]:
    """Values of every kind that is written, at a place that single floats hold exactly."""
    affine = np.diag([0.5e-3, 1e-3, 2e-3, 1.0])
    affine[:3, 3] = [-10e-3, 5e-3, 30e-3]
    random = np.random.default_rng(8).random((4, 5, 6))
    kinds = (np.uint8, np.int16, np.int32, np.float32, np.float64)
    return {np.dtype(kind).name: Image((200 * random).astype(kind), affine) for kind in kinds}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("values", exact_images())
def test_writing_and_reading_back_changes_nothing(tmp_path, kind, values):
    before = exact_images()[values]
    write_volume(tmp_path / f"a{kind}", before)
    after = read_volume(tmp_path / f"a{kind}")
    assert after.data.dtype == before.data.dtype
    np.testing.assert_array_equal(after.data, before.data)
    np.testing.assert_allclose(after.affine_m, before.affine_m, rtol=0, atol=1e-17)  # the last bit of mm to m


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_converts_to_every_kind_that_is_written(tmp_path, name, kind):
    make, where = FORMATS[name]
    source, target = make(tmp_path), tmp_path / "out" / f"b{kind}"
    target.parent.mkdir()
    choice = {"affine_m": image().affine_m} if source.suffix == ".npy" else {}
    if kind == ".mdf" and where is oblique_image:
        with pytest.raises(InputError, match="resample this oblique one first"):
            convert(source, target, **choice)
        return
    convert(source, target, unit="mg/mL", **choice)
    found = read_volume(target)
    points = where().positions_m(np.argwhere(corner_data() >= 0))
    np.testing.assert_array_equal(found.sampled(points, order=0), corner_data().ravel())


def test_a_file_that_nobody_knows_is_refused_with_what_is_known(tmp_path):
    (tmp_path / "a.xyz").write_text("1")
    with pytest.raises(InputError, match=r"a\.xyz: of no known kind; expected one of \.mdf.*or a folder of DICOM"):
        read_volume(tmp_path / "a.xyz")
    write_volume(tmp_path / "a.npz", image())
    with pytest.raises(InputError, match=r"b\.nrrd: cannot write this kind; expected one of \.mdf"):
        convert(tmp_path / "absent.npz", tmp_path / "b.nrrd")  # told before anything is read


FRAMES = {
    ".mdf": ("frame", "channel"),
    ".nii": ("frame", "channel"),
    ".nrrd": ("channel",),
}


def several(path: Path) -> Path:
    """Two frames and two channels where the format has them; frame adds 1000, channel 100."""
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    both = np.stack([np.stack([voxels + 1000 * q + 100 * s for q in (0, 1)], -1) for s in (0, 1)], -1)
    if path.suffix == ".mdf":
        flat = both.reshape(24, 2, 2, order="F").transpose(1, 0, 2)
        with h5py.File(path, "w") as file:
            for key, value in {
                "version": "2.1.0",
                "reconstruction/data": flat,
                "reconstruction/size": [2, 3, 4],
                "reconstruction/fieldOfView": [2e-3, 3e-3, 4e-3],
            }.items():
                file[key] = value
    elif path.suffix == ".nii":
        nibabel.save(nibabel.Nifti1Image(both, np.eye(4)), path)
    else:
        fields = "space: RAS\nkinds: vector domain domain domain\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\n"
        path.write_bytes(nrrd_bytes(np.moveaxis(both[..., 0, :], -1, 0), fields + "space origin: (0,0,0)\n"))
    return path


@pytest.mark.parametrize("kind", FRAMES)
def test_of_several_frames_and_channels_the_one_wanted_is_read_and_a_choice_not_made_is_refused(tmp_path, kind):
    path = several(tmp_path / f"a{kind}")
    first = dict.fromkeys(FRAMES[kind], 0)
    assert read_volume(path, **first).data[1, 2, 3] == 23
    for what in FRAMES[kind]:
        with pytest.raises(InputError, match=rf"has 2 {what}s; expected one image: say which"):
            read_volume(path, **{key: 0 for key in FRAMES[kind] if key != what})
    assert read_volume(path, **first | {"channel": 1}).data[1, 2, 3] == 123
    if "frame" in FRAMES[kind]:
        assert read_volume(path, frame=1, channel=1).data[1, 2, 3] == 1123
    for what in ("frame", "channel"):
        count = 2 if what in FRAMES[kind] else 1
        with pytest.raises(InputError, match=rf"a\{kind}: has {count} {what}s?, not a number {count + 1}"):
            read_volume(path, **first | {what: count})


@pytest.mark.parametrize("name", ["npy", "dicom multi-frame", ".npz"])
def test_a_second_frame_of_a_format_that_has_one_is_refused(tmp_path, name):
    path = FORMATS[name][0](tmp_path)
    with pytest.raises(InputError, match=r"has 1 frame, not a number 2"):
        read_volume(path, frame=1, affine_m=image().affine_m)


def sheared(path: Path) -> Path:
    affine = np.diag([1.0, 1, 1, 1])
    affine[0, 1] = 0.2
    if path.suffix == ".nrrd":
        path.write_bytes(
            nrrd_bytes(
                corner_data(), "space: RAS\nspace directions: (1,0,0) (0.2,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
            )
        )
    elif path.suffix == ".npz":
        np.savez(path, data=corner_data(), affine=affine)
    else:
        file = nibabel.Nifti1Image(corner_data(), None)
        file.header.set_xyzt_units("mm")
        file.set_sform(affine, code=1)
        nibabel.save(file, path)
    return path


@pytest.mark.parametrize("kind", [".nii", ".nii.gz", ".nrrd", ".npz"])
def test_shear_is_refused_unless_it_is_asked_for(tmp_path, kind):
    path = sheared(tmp_path / f"a{kind}")
    with pytest.raises(InputError, match=r"not at right angles \(shear\): resample.*--allow-shear"):
        read_volume(path)
    found = read_volume(path, allow_shear=True)
    np.testing.assert_allclose(found.positions_m(np.array([0, 1, 0])), [0.2e-3, 1e-3, 0], atol=1e-10)


@pytest.mark.parametrize("name", ["dicom series", "dicom multi-frame"])
def test_a_tilted_gantry_shears_and_is_refused_unless_it_is_asked_for(tmp_path, name):
    path = FORMATS[name][0](tmp_path)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        found = pydicom.dcmread(file)
        places = (
            [found]
            if path.is_dir()
            else [group.PlanePositionSequence[0] for group in found.PerFrameFunctionalGroupsSequence]
        )
        for place in places:
            x, y, z = place.ImagePositionPatient
            place.ImagePositionPatient = [x, y, z + 0.3 * x]
        found.save_as(file, enforce_file_format=True)
    notes: list[str] = []
    with pytest.raises(InputError, match="shear"):
        read_volume(path)
    assert read_volume(path, allow_shear=True, notes=notes).shape == (5, 6, 4)
    assert any("gantry tilt" in note for note in notes)


def test_a_dicom_folder_may_hold_other_things_beside_its_series(tmp_path):
    folder = write_series(tmp_path / "series")
    (folder / "notes.txt").write_text("scanned on Monday")
    (folder / ".DS_Store").write_bytes(b"\x00")
    shutil.copy(folder / "notes.txt", folder / "empty.dcm")
    assert read_volume(folder).shape == (5, 6, 4)
