"""Images are read as their files mean them: scale, unit, place, order of frames, labels; what is in doubt is said."""

from __future__ import annotations

from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTDoseStorage
from small_case import PROTOCOL, write_case
from test_segments import segments
from test_volumes import RAS, corner_data, nrrd_bytes, place, slice_dataset, write_multiframe, write_series

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.commands.check import check_protocol
from thermoplan.files.images.dicom import read_dicom
from thermoplan.files.images.labels import Label, read_labelled
from thermoplan.files.images.segments import read_segmentation
from thermoplan.files.images.volumes import convert, read_volume, write_volume
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol


def mapping(slope: float, intercept: float = 0.0, unit: str = "mg/mL", **more) -> Dataset:
    """One real-world value mapping, as parametric maps and PET series carry it."""
    found, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    found.MeasurementUnitsCodeSequence = Sequence([code])
    found.RealWorldValueFirstValueMapped, found.RealWorldValueLastValueMapped = 0, 4000
    found.LUTExplanation, found.LUTLabel = "iron", "iron"
    if "table" in more:
        found.RealWorldValueLUTData, found.RealWorldValueFirstValueMapped = more["table"], more["first"]
    else:
        found.RealWorldValueSlope, found.RealWorldValueIntercept = slope, intercept
    return found


def edited(path: Path, change) -> Path:
    import pydicom

    for file in sorted(path.glob("*.dcm")) if path.is_dir() else [path]:
        found = pydicom.dcmread(file)
        change(found)
        found.save_as(file, enforce_file_format=True)
    return path


def plain(path: Path) -> np.ndarray:
    """The stored numbers of an image of the test's own."""

    def without_scale(found: Dataset) -> None:
        for key in ("RescaleSlope", "RescaleIntercept", "RealWorldValueMappingSequence"):
            found.pop(key, None)

    return read_volume(edited(path, without_scale)).data


@pytest.mark.parametrize("where", ["series", "shared", "per frame", "file of frames"])
def test_a_real_world_value_mapping_scales_stored_numbers_before_any_rescale(tmp_path, where):
    path = write_series(tmp_path / "s") if where == "series" else write_multiframe(tmp_path / "a.dcm")

    def change(found: Dataset) -> None:
        if where in ("series", "file of frames"):
            found.RealWorldValueMappingSequence = Sequence([mapping(0.25, 3.0)])
        elif where == "shared":
            found.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Sequence([mapping(0.25, 3.0)])
        else:
            for group in found.PerFrameFunctionalGroupsSequence:
                group.RealWorldValueMappingSequence = Sequence([mapping(0.25, 3.0)])

    notes: list[str] = []
    read = read_volume(edited(path, change), notes=notes)
    assert read.unit == "mg/mL" and any('its values are in "mg/mL"' in note for note in notes)
    for key in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        edited(path, lambda found, key=key: [g.pop("RealWorldValueMappingSequence", None) for g in found.get(key, ())])
    np.testing.assert_allclose(read.data, 0.25 * plain(path) + 3.0, rtol=1e-6)


def test_a_table_of_real_world_values_is_looked_up(tmp_path):
    path, table = write_multiframe(tmp_path / "a.dcm"), [float(v) ** 2 for v in range(-5, 1000)]

    def change(found: Dataset, first: int = -5) -> None:
        found.RealWorldValueMappingSequence = Sequence([mapping(1.0, table=table, first=first)])
        found.RealWorldValueMappingSequence[0]["RealWorldValueFirstValueMapped"].VR = "SS"

    stored = corner_data()
    looked_up = read_volume(edited(path, change)).data
    np.testing.assert_allclose(np.sort(looked_up, axis=None), np.sort(stored.astype(float) ** 2, axis=None))
    with pytest.raises(InputError, match="pixels lie outside the table of its RealWorldValueMapping"):
        read_volume(edited(path, lambda found: change(found, int(stored.min()) + 1)))


def test_scales_that_contradict_each_other_are_refused(tmp_path):
    path = write_multiframe(tmp_path / "a.dcm")

    def two(found: Dataset) -> None:
        found.RealWorldValueMappingSequence = Sequence([mapping(0.25), mapping(2.0, unit="Bq/ml")])

    with pytest.raises(InputError, match=r'has 2 real-world value mappings \("mg/mL", "Bq/ml"\): which one counts'):
        read_volume(edited(path, two))

    def mixed(found: Dataset) -> None:
        found.pop("RealWorldValueMappingSequence", None)
        for number, group in enumerate(found.PerFrameFunctionalGroupsSequence):
            group.RealWorldValueMappingSequence = Sequence([mapping(1.0, unit=("mg/mL", "ug/mL")[number % 2])])

    with pytest.raises(InputError, match=r'its frames have values in "mg/mL" and "ug/mL"'):
        read_volume(edited(path, mixed))

    def lookup(found: Dataset) -> None:
        found.ModalityLUTSequence = Sequence([Dataset()])
        found.ModalityLUTSequence[0].ModalityLUTType = "US"

    with pytest.raises(InputError, match="its scale is a table"):
        read_volume(edited(path, lookup))


@pytest.mark.parametrize(
    ("stated", "unit", "words"),
    [
        ("mg/mL", "mg/mL", None),
        ("ug{Fe}/mL", "ug/mL", None),
        ("mg/mL", "ug/mL", 'its values are in "mg/mL", as it says itself; --unit = "ug/mL": expected "mg/mL"'),
        ("Cel", "mg/mL", 'its values are in "Cel", as it says itself, which is no concentration of iron'),
        ("1", "mmol/L", None),
        ("", "mg/mL", None),
    ],
)
@pytest.mark.parametrize("kind", ["dcm", "nrrd"])
def test_a_unit_that_the_file_states_is_held_against_the_users(tmp_path, kind, stated, unit, words):
    path = tmp_path / f"a.{kind}"
    if kind == "dcm":
        sequence = Sequence([mapping(1.0, unit=stated)])
        edited(write_multiframe(path), lambda found: setattr(found, "RealWorldValueMappingSequence", sequence))
    else:
        path.write_bytes(nrrd_bytes(corner_data(), RAS + f'sample units: "{stated}"\n'))
    if words is None:
        convert(path, tmp_path / "o.nii.gz", unit=unit)
    else:
        with pytest.raises(InputError) as caught:
            convert(path, tmp_path / "o.nii.gz", unit=unit)
        assert words in str(caught.value) and str(caught.value).startswith(path.name)


def test_a_protocols_unit_is_held_against_the_files(tmp_path):
    path = write_case(tmp_path, protocol=PROTOCOL.replace("iron.nii.gz", "iron.nrrd"))
    image = read_volume(tmp_path / "iron.nii.gz")
    x, y, z = 1e3 * image.affine_m[:3, 3]
    place_words = f"space: RAS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: ({x},{y},{z})\n"
    text = place_words + 'sample units: "ug/mL"\n'
    (tmp_path / "iron.nrrd").write_bytes(nrrd_bytes(image.data.astype(np.float32), text))
    with pytest.raises(
        InputError, match=r'iron\.nrrd: its values are in "ug/mL".*\[iron\] unit = "mg/mL": expected "ug/mL"'
    ):
        check_protocol(path)


def dose(path: Path, offsets: list[float], z: float, *, up: float = 1.0) -> Path:
    """An RT Dose of as many frames as offsets, each with its number as value."""
    found = place(slice_dataset("1.2.9"), 0)
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    found.ImagePositionPatient, found.ImageOrientationPatient = [-10, -20, z], [1, 0, 0, 0, up, 0]
    found.GridFrameOffsetVector, found.NumberOfFrames, found.DoseGridScaling = offsets, len(offsets), 0.5
    stored = np.repeat(np.arange(len(offsets), dtype=np.int16), 12)
    found.Rows, found.Columns, found.PixelData = 3, 4, stored.tobytes()
    found.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("up", [1.0, -1.0])
@pytest.mark.parametrize("z", [-31.5, 42.0])
@pytest.mark.parametrize("count", [2, 5])
def test_frame_offsets_are_distances_or_coordinates_by_their_first(tmp_path, up, z, count):
    steps = 2.5 * np.arange(count)
    relative = read_dicom(dose(tmp_path / "r.dcm", steps.tolist(), z, up=up))
    absolute = read_dicom(dose(tmp_path / "a.dcm", (z + up * steps).tolist(), z, up=up))
    np.testing.assert_allclose(absolute.affine_m, relative.affine_m, atol=1e-12)
    np.testing.assert_array_equal(absolute.data, relative.data)
    assert absolute.spacing_m[2] == pytest.approx(2.5e-3)


def test_frame_offsets_that_are_neither_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"GridFrameOffsetVector begins with 7: expected 0, or .* ImagePositionPatient, 42"
    ):
        read_dicom(dose(tmp_path / "a.dcm", [7, 10, 13], 42.0))


def test_what_a_whole_file_lacks_is_named(tmp_path):
    for key in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        path = edited(dose(tmp_path / "a.dcm", [0, 3], 1.0), lambda found, key=key: found.pop(key))
        with pytest.raises(InputError, match=f"a.dcm: has no {key}, so where its voxels lie is unknown"):
            read_dicom(path)
    path = edited(dose(tmp_path / "a.dcm", [0, 3], 1.0), lambda found: found.pop("GridFrameOffsetVector"))
    with pytest.raises(InputError, match="has no SpacingBetweenSlices and no SliceThickness"):
        read_dicom(path)


CUBE = corner_data()


def nrrd(path: Path, fields: str, data: np.ndarray = CUBE) -> Path:
    path.write_bytes(nrrd_bytes(data, fields))
    return path


IN_SPACE = (
    "space: RAS\nspace directions: ({x},0,0) (0,{y},0) (0,0,{z})\nspace origin: ({a},0,0)\nspace units: {units}\n"
)


@pytest.mark.parametrize(
    ("words", "metres"),
    [
        (("mm", "mm", "mm"), (1e-3, 1e-3, 1e-3)),
        (("microns", "microns", "microns"), (1e-6, 1e-6, 1e-6)),
        (("mm", "mm", "um"), (1e-3, 1e-3, 1e-6)),
        (("micrometers", "cm", "µm"), (1e-6, 1e-2, 1e-6)),
        (("millimeter", "m", "Micron"), (1e-3, 1.0, 1e-6)),
    ],
)
def test_every_axis_of_nrrd_has_its_own_unit(tmp_path, words, metres):
    size = [1e-3 / m for m in metres]
    units = " ".join(f'"{word}"' for word in words)
    fields = IN_SPACE.format(x=size[0], y=2 * size[1], z=3 * size[2], a=5 * size[0], units=units)
    image = read_volume(nrrd(tmp_path / "a.nrrd", fields))
    np.testing.assert_allclose(image.spacing_m, [1e-3, 2e-3, 3e-3], rtol=1e-9)
    assert image.affine_m[0, 3] == pytest.approx(5e-3)
    own = f"spacings: {size[0]} {2 * size[1]} {3 * size[2]}\nunits: {units}\naxis mins: {4 * size[0]} 0 0\n"
    image = read_volume(nrrd(tmp_path / "b.nrrd", own + "centerings: node cell cell\n"))
    np.testing.assert_allclose(image.spacing_m, [1e-3, 2e-3, 3e-3], rtol=1e-9)
    np.testing.assert_allclose(image.affine_m[:3, 3], [4e-3, 1e-3, 1.5e-3], rtol=1e-9)


def test_an_unknown_unit_on_one_axis_is_refused(tmp_path):
    fields = IN_SPACE.format(x=1, y=1, z=1, a=0, units='"mm" "mm" "furlong"')
    with pytest.raises(InputError, match=r'a\.nrrd: space units = "furlong": expected a unit of length'):
        read_volume(nrrd(tmp_path / "a.nrrd", fields))
    with pytest.raises(InputError, match="expected one unit for each of 3 axes"):
        read_volume(nrrd(tmp_path / "a.nrrd", 'spacings: 1 1 1\nunits: "mm" "mm"\n'))


AXES = [
    "spacings: 1 2 3\naxis mins: 10 20 30\n",
    "spacings: 1 2 3\naxis mins: -10 20 30\ncenterings: cell cell cell\n",
    "spacings: 1 2 3\naxis mins: 10 20 30\ncenterings: node node node\n",
    "spacings: 1 2 3\naxis mins: 10 20 30\naxis maxs: 14 30 48\ncenterings: node cell node\n",
]


@pytest.mark.parametrize("fields", AXES)
def test_axis_mins_place_an_image_as_itk_has_it(tmp_path, fields):
    itk = pytest.importorskip("SimpleITK")
    path = nrrd(tmp_path / "a.nrrd", fields)
    image, other = read_volume(path), itk.ReadImage(str(path))
    np.testing.assert_allclose(1e3 * image.spacing_m, other.GetSpacing())
    np.testing.assert_allclose(1e3 * image.affine_m[:3, 3], other.GetOrigin())


def test_axis_ends_alone_give_the_spacing(tmp_path):
    shape = np.array(CUBE.shape)
    ends = "axis mins: 0 0 0\naxis maxs: {} {} {}\n"
    cells = read_volume(nrrd(tmp_path / "a.nrrd", ends.format(*(shape * [1, 2, 3]))))
    nodes = ends.format(*((shape - 1) * [1, 2, 3])) + "centerings: node node node\n"
    for image in (cells, read_volume(nrrd(tmp_path / "a.nrrd", nodes))):
        np.testing.assert_allclose(1e3 * image.spacing_m, [1, 2, 3])


def test_a_field_that_is_said_twice_is_refused_and_a_byte_order_mark_is_none(tmp_path):
    with pytest.raises(InputError, match="its header says space origin twice"):
        read_volume(nrrd(tmp_path / "a.nrrd", RAS + "space origin: (0,0,0)\n"))
    path = nrrd(tmp_path / "a.nrrd", RAS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(read_volume(path).data, CUBE)


def frames(path: Path, count: int) -> Path:
    """An image of several frames, in the format of its suffix."""
    data = np.stack([CUBE * (k + 1) for k in range(count)], axis=-1).astype(np.float32)
    if path.suffix == ".nrrd":
        text = RAS.replace("space directions: ", "space directions: none ")
        path.write_bytes(nrrd_bytes(np.moveaxis(data, -1, 0), text))
    elif path.suffix == ".nii":
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    else:
        write_volume(path, Image(CUBE, np.diag([1e-3, 1e-3, 1e-3, 1.0])))
        with h5py.File(path, "r+") as file:
            flat = file["reconstruction/data"][()]
            del file["reconstruction/data"]
            file["reconstruction/data"] = np.concatenate([flat * (k + 1) for k in range(count)], axis=0)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".mdf", ".nrrd"])
@pytest.mark.parametrize("count", [2, 3])
def test_of_several_frames_one_must_be_chosen(tmp_path, suffix, count):
    path, what = frames(tmp_path / f"a{suffix}", count), "channel" if suffix == ".nrrd" else "frame"
    with pytest.raises(InputError, match=rf"has {count} {what}s; expected one image: say which, from 1 .*--{what} 1"):
        read_volume(path)
    one = read_volume(path, **{what: 1}).data
    np.testing.assert_allclose(one, 2 * read_volume(path, **{what: 0}).data)
    with pytest.raises(InputError, match=f"has {count} {what}s"):
        read_labelled(path, {1: Label("body", "muscle")})


def test_a_protocol_with_several_frames_names_the_key(tmp_path):
    path = write_case(tmp_path)
    image = nibabel.load(tmp_path / "iron.nii.gz")
    data = np.asarray(image.dataobj)
    nibabel.save(nibabel.Nifti1Image(np.stack([data, data], axis=-1), image.affine), tmp_path / "iron.nii.gz")
    with pytest.raises(
        InputError, match=r"iron\.nii\.gz: has 2 frames; expected one image: say which, from 1 \(\[iron\] frame"
    ):
        check_protocol(path)
    path.write_text(path.read_text().replace("[iron]\n", "[iron]\nframe = 2\n"))
    check_protocol(path)


def nifti(path: Path, data: np.ndarray, *, spacing: float = 1.0, code: int = 0) -> Path:
    file = nibabel.Nifti1Image(data, None)
    file.header.set_zooms((spacing,) * 3)
    if code:
        file.set_sform(np.diag([spacing, spacing, spacing, 1]), code)
    nibabel.save(file, path)
    return path


def test_what_an_image_without_codes_may_be_is_said(tmp_path):
    notes = []
    read_volume(nifti(tmp_path / "a.nii", CUBE), notes=notes)
    assert any("its first axis (x) to run to the left" in note and "the image is mirrored" in note for note in notes)


@pytest.mark.parametrize(("spacing", "guess"), [(0.001, "metres"), (1000.0, "micrometres"), (1.0, None), (0.05, None)])
def test_voxels_that_no_mpi_image_has_are_said(tmp_path, spacing, guess):
    notes = []
    read_volume(nifti(tmp_path / "a.nii", CUBE, spacing=spacing, code=2), notes=notes)
    said = [note for note in notes if "which no MPI image has" in note]
    assert len(said) == (guess is not None) and all(f"are its lengths in {guess}?" in note for note in said)


def body() -> np.ndarray:
    labels = np.zeros((8, 7, 6), np.int64)
    labels[1:7, 1:6, 1:5], labels[2:4, 2:4, 2:4], labels[4:6, 4, 2] = 1, 2, 3
    return labels


IDS = {1: 997, 2: 614454277, 3: 549009199}
TABLE = {ident: Label(name, name) for ident, name in zip(IDS.values(), ("muscle", "liver", "tumour"), strict=True)}


@pytest.mark.parametrize("kind", [np.uint32, np.int64, np.float32, np.float64])
def test_labels_count_by_the_table_whatever_their_size_and_type(tmp_path, kind):
    labels = np.vectorize(lambda v: IDS.get(v, 0))(body())
    np.savez(tmp_path / "a.npz", data=labels.astype(kind), affine=np.eye(4))
    image, _ = read_labelled(tmp_path / "a.npz", TABLE)
    np.testing.assert_array_equal(image.data, labels)


def test_labels_that_a_float_cannot_tell_apart_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.full((3, 3, 3), 614454277, np.float32), affine=np.eye(4))
    table = TABLE | {614454278: Label("spleen", "spleen")}
    with pytest.raises(InputError, match=r"a\.npz: its float32 cannot tell label 614454277 from 614454278"):
        read_labelled(tmp_path / "a.npz", table)


@pytest.mark.parametrize("error", [-3e-7, 2e-5, 0.0])
def test_labels_in_floats_may_be_a_little_off(tmp_path, error):
    stored = (body() * (1.0 + error)).astype(np.float32)
    np.savez(tmp_path / "a.npz", data=stored, affine=np.eye(4))
    image, _ = read_labelled(tmp_path / "a.npz", {k: Label(name, name) for k, name in enumerate("xab", 0)})
    np.testing.assert_array_equal(image.data, body())
    np.savez(tmp_path / "a.npz", data=stored + np.float32(0.01) * (stored > 0), affine=np.eye(4))
    with pytest.raises(InputError, match=r"a\.npz: \d+ voxels are not whole numbers"):
        read_labelled(tmp_path / "a.npz", TABLE)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("padded", [False, True])
def test_one_slice_is_no_anatomy(tmp_path, axis, padded):
    thin = np.take(body(), [2], axis)
    thin = np.pad(thin, 1) if padded else thin
    np.savez(tmp_path / "a.npz", data=thin, affine=np.eye(4))
    words = rf"a\.npz: the body is one voxel thin along the {('first', 'second', 'third')[axis]} axis.*no volume"
    with pytest.raises(InputError, match=words):
        read_labelled(tmp_path / "a.npz", {k: Label(name, name) for k, name in ((1, "muscle"), (2, "liver"))})


def test_one_slice_is_refused_by_check(tmp_path):
    path = write_case(tmp_path)
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    data = np.asarray(labels.dataobj)
    middle = data.shape[2] // 2
    nibabel.save(nibabel.Nifti1Image(data[:, :, middle : middle + 1], labels.affine), tmp_path / "labels.nii.gz")
    with pytest.raises(InputError, match=r"labels\.nii\.gz: the body is one voxel thin"):
        check_protocol(path)


def layers(path: Path, names: list[str], masks: list[np.ndarray]) -> Path:
    text = "space: RAS\nspace directions: none (1,0,0) (0,1,0) (0,0,1)\nkinds: list domain domain domain\n"
    numbers = {number: number - 1 for number in range(1, len(names) + 1)}
    text += segments(dict(enumerate(names, start=1)), numbers)
    path.write_bytes(nrrd_bytes(np.stack(masks).astype(np.uint8), text))
    return path


def test_what_a_segment_covers_is_named_with_how_much(tmp_path):
    masks = [body() == 2, body() == 3, body() == 1]
    masks[1] = masks[1] | np.roll(masks[0], 1, axis=0)  # half of the liver, and the tumour
    notes = []
    read_segmentation(layers(tmp_path / "a.seg.nrrd", ["liver", "tumour", "muscle"], masks), notes=notes)
    told = [note for note in notes if "covers" in note]
    assert told == [
        f"a.seg.nrrd: segment {upper} covers {voxels} of {whole} voxels of segment {lower}; where segments overlap the "
        "later one counts"
        for upper, voxels, whole, lower in (("tumour", 4, 8, "liver"), ("muscle", 4, 10, "tumour"))
    ]
    whole = [body() == 2, body() == 3, body() > 0]
    with pytest.raises(InputError) as caught:
        read_segmentation(layers(tmp_path / "a.seg.nrrd", ["liver", "tumour", "muscle"], whole))
    assert [line.partition(",")[0] for line in caught.value.complaints] == [
        "a.seg.nrrd: segment muscle covers 8 of 8 voxels of segment liver",
        "a.seg.nrrd: segment muscle covers 2 of 2 voxels of segment tumour",
    ]


def test_what_an_added_region_covers_is_named_with_how_much(tmp_path):
    added = '[[anatomy.add]]\nregion = "second"\ntissue = "tumour"\nsphere = "0 0 8 mm, 2 mm"\n'
    path = write_case(tmp_path, protocol=PROTOCOL + "\n" + added)
    notes: list[str] = []
    inputs = read_inputs(read_protocol(path))
    notes = [note for note in check_protocol(path)["notes"] if "covers" in note]
    assert len(notes) == 1 and notes[0].startswith("anatomy.add: region second covers ")
    assert notes[0].endswith(" mm3 of tumour") and inputs.volumes_mm3()["second"] > 0.0
