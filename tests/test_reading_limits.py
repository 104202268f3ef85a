"""Reading takes little memory, and what would unpack beyond the limit is refused before it is unpacked."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from test_volumes import RAS, nrrd_bytes, place, slice_dataset, write_multiframe

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.dicom import read_dicom
from thermoplan.files.images.mdf import read_mdf
from thermoplan.files.images.nifti import read_nifti
from thermoplan.files.images.nrrd import read_nrrd
from thermoplan.files.images.volumes import read_volume, write_volume

MILLION = 1_000_000
MILLIMETRE = np.diag([1e-3, 1e-3, 1e-3, 1.0])


@contextmanager
def at_most(limit_bytes: float):
    """What NumPy and Python take meanwhile stays below."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes, f"{peak / MILLION:.0f} MB"


def noise(shape: tuple[int, int, int], kind: type) -> np.ndarray:
    """Values that pack to about half, so that a packed copy in memory would show."""
    return np.random.default_rng(4).integers(0, 2000, shape).astype(kind)


def scaled_nifti(path: Path, data: np.ndarray) -> None:
    file = nibabel.Nifti1Image(data, np.eye(4))
    file.header.set_slope_inter(0.5, 10.0)
    nibabel.save(file, path)


def written(path: Path, data: np.ndarray) -> Path:
    if "slope" in path.name:
        scaled_nifti(path, data)
    elif path.suffix == ".nrrd":
        encoding = path.name.split("-")[1].removesuffix(".nrrd")
        path.write_bytes(nrrd_bytes(data, RAS, encoding))
    elif path.suffix == ".dcm":
        multiframe(path, data)
    elif path.suffix == "":
        series(path, data)
    else:
        write_volume(path, Image(data, MILLIMETRE))
    return path


def multiframe(path: Path, data: np.ndarray) -> None:
    found = pydicom.dcmread(write_multiframe(path))
    frames = found.PerFrameFunctionalGroupsSequence
    template = frames[0].to_json()
    for r in range(data.shape[0]):
        if r >= len(frames):
            frames.append(pydicom.Dataset.from_json(template))
        frames[r].PlanePositionSequence[0].ImagePositionPatient = [float(r), 0.0, 0.0]
    found.Rows, found.Columns, found.NumberOfFrames = data.shape[1], data.shape[2], data.shape[0]
    found.PixelData = data.tobytes()
    found.save_as(path, enforce_file_format=True)


def series(folder: Path, data: np.ndarray) -> None:
    folder.mkdir()
    for r in range(data.shape[0]):
        found = place(slice_dataset("1.2.3"), r)
        found.Rows, found.Columns, found.PixelData = *data.shape[1:], data[r].tobytes()
        found.save_as(folder / f"{r}.dcm", enforce_file_format=True)


SMALL = [
    ("a.nii", np.int16),
    ("a.nii", np.float32),
    ("slope.nii", np.int16),
    ("a.nii.gz", np.int16),
    ("slope.nii.gz", np.int16),
    ("a.mdf", np.int16),
    ("a.mdf", np.float32),
    ("a.npz", np.int16),
    ("a-raw.nrrd", np.int16),
    ("a-gzip.nrrd", np.int16),
    ("a-gzip.nrrd", np.float32),
    ("a-bzip2.nrrd", np.int16),
    ("a-text.nrrd", np.int16),
    ("a.dcm", np.int16),
    ("series", np.int16),
]


@pytest.mark.parametrize(("name", "kind"), SMALL)
def test_reading_stays_under_three_times_the_image_in_memory(tmp_path, name, kind):
    data = noise((160, 128, 128), kind)
    path = written(tmp_path / name, data)
    with at_most(3 * data.nbytes + 2 * MILLION):  # the interpreter's own, and buffers of a megabyte
        found = read_volume(path)
    assert found.data.size == data.size


PROBE = """
import resource, sys
import nibabel, h5py, pydicom, scipy.ndimage, nibabel.arrayproxy, pydicom.pixels
from thermoplan.files.images.volumes import read_volume
def peak(): return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
image = read_volume(sys.argv[1])
print(image.data.size, peak() - before)
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("slope.nii.gz", np.int16),
        ("a.nii", np.float32),
        ("a.mdf", np.float32),
        ("a-gzip.nrrd", np.int16),
        ("a.dcm", np.int16),
    ],
)
def test_a_volume_of_256_cubed_takes_less_than_three_times_its_size_of_the_machine(tmp_path, name, kind):
    """Measured from outside, so that what HDF5 and zlib take counts too."""
    data = np.zeros((256, 256, 256), kind)
    data[::2] = noise((128, 256, 256), kind)
    path = written(tmp_path / name, data)
    done = subprocess.run([sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True)
    size, taken = map(int, done.stdout.split())
    assert size == data.size and taken < 3 * data.nbytes


def nifti_head(shape: tuple[int, ...], *, offset: float = 352.0) -> bytes:
    head = nibabel.Nifti1Header()
    head.set_data_dtype(np.float32)
    head.set_data_shape(shape)
    raw = bytearray(head.binaryblock)
    struct.pack_into("<f", raw, 108, offset)
    raw[344:348] = b"n+1\x00"
    return bytes(raw)


def test_a_packed_nifti_is_refused_by_its_header_before_it_is_unpacked(tmp_path):
    # 2000^3 single floats are 32e9 bytes, 29.8 GiB; the file holds a few
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(nifti_head((2000, 2000, 2000)) + bytes(4096)))
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.nii\.gz: unpacks to 29\.8 GiB, over"):
        read_nifti(tmp_path / "a.nii.gz")


def test_a_packed_nifti_with_gigabytes_of_notes_before_its_values_is_refused(tmp_path):
    zeros = gzip.compress(bytes(100 * MILLION), 1)
    note = struct.pack("<ii", 16 * 6 * MILLION, 6)  # one note of 96 MB, which would be read whole
    raw = gzip.compress(nifti_head((2, 2, 2), offset=100e6) + b"\x01\x00\x00\x00" + note)
    (tmp_path / "a.nii.gz").write_bytes(raw + zeros)  # a gzip file may have several parts
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.nii\.gz: vox_offset = 1e\+08: would unpack"):
        read_nifti(tmp_path / "a.nii.gz")


def test_a_stream_that_goes_on_after_the_image_is_not_unpacked_further(tmp_path):
    data = np.ones((4, 5, 6), np.int16)
    head, _, _ = nrrd_bytes(data, RAS, "gzip").partition(b"\n\n")
    (tmp_path / "a.nrrd").write_bytes(head + b"\n\n" + gzip.compress(data.tobytes() + bytes(200 * MILLION), 1))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(nifti_head((4, 5, 6)) + bytes(200 * MILLION), 1))
    with at_most(20 * MILLION):
        assert read_nrrd(tmp_path / "a.nrrd").data.sum() == 120
        assert read_nifti(tmp_path / "a.nii.gz").data.sum() == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"sizes: 4 5 6", b"sizes: 2000 2000 2000", r"unpacks to 14\.9 GiB, over the limit of 4"),  # 16e9 bytes
        (b"encoding", b"byte skip: 9000000000\nencoding", "byte skip = 9000000000: would unpack more than 16 MiB"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_a_packed_nrrd_is_refused_by_its_header_before_it_is_unpacked(tmp_path, old, new, words, encoding):
    raw = nrrd_bytes(np.ones((4, 5, 6), np.int16), RAS, encoding)
    (tmp_path / "a.nrrd").write_bytes(raw.replace(old, new, 1))
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.nrrd: " + words):
        read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize("text", [b"7" * (4 * MILLION), b"1 2 x " * 100, b"\x00" * 1000])
def test_text_that_is_no_numbers_is_refused(tmp_path, text):
    head, _, _ = nrrd_bytes(np.ones((4, 5, 6), np.int16), RAS, "text").partition(b"\n\n")
    (tmp_path / "a.nrrd").write_bytes(head + b"\n\n" + text)
    with pytest.raises(InputError, match=r"a\.nrrd: "):
        read_nrrd(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("key", "shape", "chunk", "words"),
    [
        ("data", (1, 2_000_000_000, 1), (1, MILLION, 1), r"/reconstruction/data: unpacks to 7\.5 GiB"),
        ("data", (2_000_000_000,), (MILLION,), r"/reconstruction/data: unpacks to 7\.5 GiB"),
        ("positions", (1_000_000_000, 3), (MILLION, 3), r"/reconstruction/positions: unpacks to 11\.2 GiB"),
        ("isOverscanRegion", (9_000_000_000,), (MILLION,), r"/reconstruction/isOverscanRegion: unpacks to 33\.5 GiB"),
    ],
)
def test_an_hdf5_is_refused_by_what_it_says_of_its_datasets(tmp_path, key, shape, chunk, words):
    """A dataset of HDF5 takes no room in the file until something is written into it."""
    with h5py.File(tmp_path / "a.mdf", "w") as file:
        entries = {"version": "2.1.0", "reconstruction/size": [2, 3, 4], "reconstruction/fieldOfView": [1.0, 1.0, 1.0]}
        for name, value in entries.items():
            file[name] = value
        if key != "data":
            file["reconstruction/data"] = np.ones((1, 24, 1), np.float32)
        file.create_dataset(f"reconstruction/{key}", shape, np.float32, chunks=chunk, compression="gzip")
    assert (tmp_path / "a.mdf").stat().st_size < MILLION
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.mdf: " + words):
        read_mdf(tmp_path / "a.mdf")


def test_a_chunk_that_would_be_unpacked_whole_for_one_frame_is_counted(tmp_path):
    with h5py.File(tmp_path / "a.mdf", "w") as file:
        file.create_dataset("reconstruction/data", (100, 24, 1), np.float32, chunks=(100, 24, 1), compression="gzip")
    with pytest.raises(InputError, match=r"one chunk of /reconstruction/data: unpacks"):
        read_mdf(tmp_path / "a.mdf", limit_bytes=9000)  # the chunk is 9600 bytes, a frame 96


def test_large_entries_that_describe_the_scan_are_left_alone(tmp_path):
    write_volume(tmp_path / "a.mdf", Image(np.ones((2, 3, 4), np.float32), MILLIMETRE))
    with h5py.File(tmp_path / "a.mdf", "a") as file:
        file.create_dataset("acquisition/gradient", (1_000_000_000,), np.float64, chunks=(MILLION,))
        del file["tracer/name"]
        file.create_dataset("tracer/name", (1_000_000_000,), h5py.string_dtype(), chunks=(MILLION,))
    from thermoplan.files.images.mdf import read_mdf_info

    with at_most(20 * MILLION):
        info = read_mdf_info(tmp_path / "a.mdf")
    assert info.gradient_t_m is None and info.tracer == ""


def deflated(path: Path, extra: int) -> Path:
    """A deflated multi-frame file, its pixels followed by ``extra`` bytes of nothing in a private element."""
    found = pydicom.dcmread(write_multiframe(path))
    found.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    found.add_new(0x00091010, "OB", bytes(extra))
    found.save_as(path, enforce_file_format=True)
    return path


def test_a_deflated_dicom_is_counted_before_it_is_unpacked(tmp_path):
    path = deflated(tmp_path / "a.dcm", 100 * MILLION)
    assert path.stat().st_size < MILLION
    # 50e6 bytes are 47.7 MiB
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.dcm: unpacks to .* MiB, over .* 47\.7 MiB"):
        read_dicom(path, limit_bytes=50 * MILLION)
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.dcm: unpacks"):
        folder = tmp_path / "folder"
        folder.mkdir()
        path.rename(folder / "a.dcm")
        read_dicom(folder, limit_bytes=50 * MILLION)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("NumberOfFrames", 70_000, "NumberOfFrames = 70000: 4 are described"),
        ("NumberOfFrames", 5, "NumberOfFrames = 5: 4 are described: the file may be damaged"),
        ("Rows", 0, "NumberOfFrames = 4, Rows = 0, Columns = 5: expected 1 or more"),
    ],
)
def test_a_dicom_that_says_more_than_it_holds_is_refused(tmp_path, key, value, words):
    found = pydicom.dcmread(write_multiframe(tmp_path / "a.dcm"))
    setattr(found, key, value)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"a\.dcm: " + words):
        read_dicom(tmp_path / "a.dcm")


def test_a_dicom_is_refused_by_rows_columns_and_frames_before_pixels_are_decoded(tmp_path):
    found = pydicom.dcmread(write_multiframe(tmp_path / "a.dcm"))
    found.Rows, found.Columns = 50_000, 50_000  # by 4 frames of 4 bytes: 40e9, 37.3 GiB
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.dcm: unpacks to 37\.3 GiB"):
        read_dicom(tmp_path / "a.dcm")


def numpy_head(shape: tuple[int, ...]) -> bytes:
    words = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    words += " " * (117 - len(words)) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words.encode()


@pytest.mark.parametrize("key", ["data", "affine"])
def test_a_numpy_file_is_refused_by_its_header_before_it_is_unpacked(tmp_path, key):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("data", "affine"):
            packed.writestr(f"{name}.npy", numpy_head((2000, 2000, 2000) if name == key else (4, 4, 4)) + bytes(4096))
    with at_most(20 * MILLION), pytest.raises(InputError, match=rf"a\.npz: {key}: unpacks to 59\.6 GiB"):  # 64e9 bytes
        read_volume(tmp_path / "a.npz")


def test_a_bare_numpy_array_is_refused_by_its_header(tmp_path):
    (tmp_path / "a.npy").write_bytes(numpy_head((2000, 2000, 2000)) + bytes(100))
    with at_most(20 * MILLION), pytest.raises(InputError, match=r"a\.npy: unpacks to 59\.6 GiB"):
        read_volume(tmp_path / "a.npy", affine_m=MILLIMETRE)


def test_what_was_pickled_is_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_volume(tmp_path / "a.npy", affine_m=MILLIMETRE)
