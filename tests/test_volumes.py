"""Image files of every kind, written by hand: what they say of place, scale and names, and what is wrong with them."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.nifti import read_nifti
from thermoplan.files.images.segments import read_segmentation
from thermoplan.files.images.volumes import convert, read_volume, write_volume

SPACING_MM = np.array([0.5, 1.0, 2.0])
ORIGIN_MM = np.array([-10.0, 5.0, 30.0])
BRIGHT_MM = ORIGIN_MM + SPACING_MM * [3, 0, 5]


def corner_data() -> np.ndarray:
    """Bright at the highest R, lowest A, highest S; whole numbers, axes R, A, S."""
    data = np.random.default_rng(1).integers(0, 100, (4, 5, 6)).astype(np.int16)
    data[3, 0, 5] = 900
    return data


def image() -> Image:
    affine = np.diag([*SPACING_MM * 1e-3, 1.0])
    affine[:3, 3] = ORIGIN_MM * 1e-3
    return Image(corner_data(), affine)


def nrrd_bytes(data: np.ndarray, fields: str, encoding: str = "raw") -> bytes:
    packed = {
        "raw": bytes,
        "gzip": lambda raw: gzip.compress(raw, 1),
        "bzip2": bz2.compress,
        "text": lambda raw: " ".join(map(str, np.frombuffer(raw, data.dtype))).encode(),
    }[encoding]
    kind = {"i2": "short", "u1": "uchar", "f4": "float"}[data.dtype.str[1:]]
    sizes = " ".join(map(str, data.shape))
    head = (
        f"NRRD0004\n# a comment\ntype: {kind}\ndimension: {data.ndim}\nsizes: {sizes}\n{fields}endian: little\n"
        f"encoding: {encoding}\n\n"
    )
    return head.encode() + packed(data.astype(data.dtype.newbyteorder("<")).tobytes(order="F"))


RAS = "space: right-anterior-superior\nspace directions: (0.5,0,0) (0,1,0) (0,0,2)\nspace origin: (-10,5,30)\n"
# the same voxels in LPS: the first two coordinates change sign
LPS = "space: left-posterior-superior\nspace directions: (-0.5,0,0) (0,-1,0) (0,0,2)\nspace origin: (10,-5,30)\n"


def write_nrrd(path: Path, fields: str = RAS, encoding: str = "raw") -> Path:
    path.write_bytes(nrrd_bytes(corner_data(), fields, encoding))
    return path


def write_nhdr(path: Path) -> Path:
    raw = nrrd_bytes(corner_data(), LPS)
    head, _, data = raw.partition(b"\n\n")
    (path.parent / "a.raw").write_bytes(data)
    path.write_bytes(head + b"\ndata file: a.raw\n")
    return path


def slice_dataset(uid: str) -> Dataset:
    """What all slices share: rows run along S, columns along A, so that no axis is where it is expected."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = CTImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = f"{uid}.7"
    found.SeriesInstanceUID, found.SamplesPerPixel, found.PhotometricInterpretation = uid, 1, "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 16
    found.HighBit, found.PixelRepresentation = 15, 1
    return found


def place(found: Dataset, r: int) -> Dataset:
    """Position, axes and spacing of the plane at voxel ``r`` along R, in LPS."""
    x, y, z = ORIGIN_MM + np.array([r * SPACING_MM[0], 0, 0])
    found.ImagePositionPatient = [-x, -y, z]
    found.ImageOrientationPatient = [0, -1, 0, 0, 0, 1]  # columns rise to A, rows rise to S
    found.PixelSpacing = [SPACING_MM[2], SPACING_MM[1]]  # between rows, between columns
    return found


def write_series(folder: Path, uid: str = "1.2.3", skip: int | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for r in (2, 0, 3, 1):  # files in no order
        found = place(slice_dataset(uid), r)
        stored = (corner_data()[r].T.astype(np.int16) - 10) * 2
        found.Rows, found.Columns, found.PixelData = *stored.shape, stored.tobytes()
        found.RescaleSlope, found.RescaleIntercept = 0.5, 10
        if r != skip:
            found.save_as(folder / f"{uid}-{r}.dcm", enforce_file_format=True)
    return folder


def write_multiframe(path: Path) -> Path:
    found = slice_dataset("1.2.4")
    found.file_meta.MediaStorageSOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    found.SOPClassUID, frames = MultiFrameGrayscaleWordSecondaryCaptureImageStorage, []
    order = (1, 3, 0, 2)
    for r in order:
        at, frame, position = place(Dataset(), r), Dataset(), Dataset()
        position.ImagePositionPatient = at.ImagePositionPatient
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    axes, pixels, shared = Dataset(), Dataset(), Dataset()
    axes.ImageOrientationPatient, pixels.PixelSpacing = at.ImageOrientationPatient, at.PixelSpacing
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Sequence([axes]), Sequence([pixels])
    found.SharedFunctionalGroupsSequence = Sequence([shared])
    found.PerFrameFunctionalGroupsSequence, found.NumberOfFrames = Sequence(frames), 4
    stored = np.stack([corner_data()[r].T for r in order])
    found.Rows, found.Columns, found.PixelData = *stored.shape[1:], stored.tobytes()
    found.save_as(path, enforce_file_format=True)
    return path


MAKERS = {
    "nrrd": lambda folder: write_nrrd(folder / "a.nrrd"),
    "nrrd in LPS": lambda folder: write_nrrd(folder / "a.nrrd", LPS),
    "nrrd gzip": lambda folder: write_nrrd(folder / "a.nrrd", RAS, "gzip"),
    "nrrd bzip2": lambda folder: write_nrrd(folder / "a.nrrd", RAS, "bzip2"),
    "nrrd text": lambda folder: write_nrrd(folder / "a.nrrd", RAS, "text"),
    "nhdr": lambda folder: write_nhdr(folder / "a.nhdr"),
    "dicom series": lambda folder: write_series(folder / "series"),
    "dicom multi-frame": lambda folder: write_multiframe(folder / "a.dcm"),
    **{
        kind: (lambda folder, kind=kind: (write_volume(folder / f"a{kind}", image()), folder / f"a{kind}")[1])
        for kind in (".nii", ".nii.gz", ".mdf", ".npz")
    },
}


def test_a_missing_slice_and_a_second_series_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"slices are 0.5 to 1 mm apart: one is missing"):
        read_volume(write_series(tmp_path / "gap", skip=1))
    write_series(tmp_path / "two", "1.2.3")
    with pytest.raises(InputError, match="holds 2 series"):
        read_volume(write_series(tmp_path / "two", "1.2.9"))


def test_two_images_in_one_place_and_an_empty_folder_are_refused(tmp_path):
    folder = write_series(tmp_path / "s")
    again = pydicom.dcmread(folder / "1.2.3-1.dcm")
    again.save_as(folder / "again.dcm")
    with pytest.raises(InputError, match="several images lie in one place"):
        read_volume(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no DICOM image in this folder"):
        read_volume(tmp_path / "empty")


def test_an_nrrd_that_would_unpack_beyond_its_header_is_not_unpacked(tmp_path):
    raw = nrrd_bytes(corner_data(), RAS, "gzip").replace(b"sizes: 4 5 6", b"sizes: 9000 9000 90")
    (tmp_path / "a.nrrd").write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.nrrd: unpacks to 13\.6 GiB, over the limit"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"NRRD0004", b"PNG00004", "not an NRRD file"),
        (b"type: short", b"type: block", "no usable 'block'"),
        (b"encoding: raw", b"encoding: hex", "expected raw, gzip, bzip2 or text"),
        (b"space directions: (0.5,0,0) (0,1,0) (0,0,2)\n", b"", "the size of a voxel is unknown"),
        (b"sizes: 4 5 6", b"sizes: 4 0 6", "expected none below 1"),
        (b"(0,0,2)", b"(0,0,0)", "a voxel has no volume"),
    ],
)
def test_an_nrrd_with_a_bad_header_is_refused(tmp_path, old, new, words):
    (tmp_path / "a.nrrd").write_bytes(nrrd_bytes(corner_data(), RAS).replace(old, new))
    with pytest.raises(InputError, match=words):
        read_volume(tmp_path / "a.nrrd")


SEGMENTS = """Segment0_Name:=liver
Segment0_LabelValue:=1
Segment0_Layer:=0
Segment1_Name:=flank tumour
Segment1_LabelValue:=1
Segment1_Layer:=1
"""


def test_a_segmentation_of_slicer_gives_labels_and_names(tmp_path):
    layers = np.zeros((2, 4, 5, 6), np.uint8)
    layers[0, :2], layers[1, 1:3] = 1, 1  # they overlap in the plane at 1
    fields = RAS.replace("directions:", "directions: none") + "kinds: list domain domain domain\n"
    raw = nrrd_bytes(layers, fields + SEGMENTS)
    (tmp_path / "a.seg.nrrd").write_bytes(raw)
    notes: list[str] = []
    labels, names = read_segmentation(tmp_path / "a.seg.nrrd", notes=notes)
    assert names == {1: "liver", 2: "flank tumour"}
    assert labels.data[:, 0, 0].tolist() == [1, 2, 2, 0]
    assert "covers 30 of 60 voxels of segment liver" in notes[0]  # a plane of 5 x 6


def test_numpy_needs_a_place(tmp_path):
    np.save(tmp_path / "a.npy", corner_data())
    with pytest.raises(InputError, match=r"a\.npy: does not say where its voxels lie"):
        read_volume(tmp_path / "a.npy")
    assert read_volume(tmp_path / "a.npy", affine_m=image().affine_m).shape == (4, 5, 6)


def test_converting_turns_the_unit_into_mg_per_ml_and_keeps_the_place(tmp_path):
    write_volume(tmp_path / "a.npz", image())
    convert(tmp_path / "a.npz", tmp_path / "b.nii.gz", unit="mmol/L")
    back = read_nifti(tmp_path / "b.nii.gz")
    np.testing.assert_allclose(back.data, corner_data() * 0.055845)
    np.testing.assert_allclose(back.affine_m, image().affine_m, atol=1e-9)
    with pytest.raises(InputError, match="expected a unit of iron concentration"):
        convert(tmp_path / "a.npz", tmp_path / "b.nii.gz", unit="mT")
    for wrong in ("a.txt", "b.nrrd"):
        with pytest.raises(InputError, match="expected one of"):
            convert(tmp_path / "a.npz", tmp_path / wrong)


def test_a_protocol_takes_an_iron_image_of_any_kind_and_lists_every_file_of_a_series(tmp_path):
    from test_bad_input import AFFINE_M, PROTOCOL, TABLE, iron, labels

    from thermoplan.plan.case.inputs import read_inputs
    from thermoplan.protocol import read_protocol

    (tmp_path / "labels.csv").write_text(TABLE)
    write_volume(tmp_path / "labels.nii.gz", Image(labels(), AFFINE_M))
    write_volume(tmp_path / "iron.npz", Image(iron(), AFFINE_M))
    (tmp_path / "p.toml").write_text(PROTOCOL.replace("iron.mdf", "iron.npz"))
    # 40 voxels of 8 mm3 at 5 mg/mL are 1.6 mg
    assert read_inputs(read_protocol(tmp_path / "p.toml")).iron.mass_kg == pytest.approx(1.6e-6)
    write_series(tmp_path / "series")
    (tmp_path / "p.toml").write_text(PROTOCOL.replace("iron.mdf", "series"))
    assert len(read_protocol(tmp_path / "p.toml").files) == 1 + 4 + 2
