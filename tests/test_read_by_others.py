"""Every file of a run and of its exports is read by the libraries that people use for it, with our values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import highdicom
import meshio
import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
import pyvista
import SimpleITK as sitk
import slicerio
from small_case import write_case

from thermoplan.export import KINDS, export
from thermoplan.files.images.nifti import read_nifti
from thermoplan.files.images.volumes import read_volume, write_volume
from thermoplan.files.meshes.mesh_files import read_mesh, write_mesh
from thermoplan.files.tables.transforms import read_transform, write_transform
from thermoplan.plan import make_plan

COMMENTED = {"trajectory.csv", "machine.csv", "test-shot.csv"}
"""Files for a machine, which say in comments what they are for: pandas reads them with comment="#"."""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("others")
    make_plan(write_case(folder / "case"), quick=True).write(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def exports(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    for kind in KINDS:
        export(run, kind, folder / kind)
    return folder


def files_of(*folders: Path) -> Iterator[Path]:
    return (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())


READ_BY = {".nii.gz", ".vtu", ".vtkhdf", ".dcm", ".nrrd", ".mrml", ".csv", ".json", ".html", ".png", ".toml", ".log"}


def test_no_kind_of_file_is_written_that_no_test_here_reads(run, exports):
    kinds = {".nii.gz" if path.name.endswith(".nii.gz") else path.suffix for path in files_of(run, exports)}
    assert kinds - READ_BY == set()
    assert {".nii.gz", ".vtu", ".vtkhdf", ".dcm", ".nrrd", ".csv", ".mrml"} <= kinds


def test_pandas_reads_every_table_without_options(run, exports):
    for path in files_of(run, exports):
        if path.suffix != ".csv" or (path.name in COMMENTED and path.parent == run):
            continue
        table = pd.read_csv(path)
        head = path.read_text(encoding="utf-8").splitlines()[0]
        assert list(table.columns) == [name.strip('"') for name in head.split(",")], path
        assert not any(str(name).startswith("Unnamed") for name in table.columns), path
        assert isinstance(table.index, pd.RangeIndex), path


def test_pandas_reads_the_tables_of_a_machine_with_one_word_or_exported_with_none(run, exports):
    for name in sorted(COMMENTED):
        table = pd.read_csv(run / name, comment="#")
        assert (
            len(table)
            and not table.isna().any(axis=None)
            and not table.map(lambda v: isinstance(v, str)).any(axis=None)
        )
        pd.testing.assert_frame_equal(table, pd.read_csv(exports / "csv" / name))


def test_meshio_and_pyvista_read_the_fields(run):
    ours = read_mesh(run / "fields.vtu")
    theirs, seen = meshio.read(run / "fields.vtu"), pyvista.read(run / "fields.vtu")
    np.testing.assert_allclose(theirs.points, ours.points_m)
    np.testing.assert_array_equal(theirs.cells_dict["tetra"], ours.tets)
    np.testing.assert_allclose(seen.points, ours.points_m, rtol=1e-6)
    np.testing.assert_array_equal(seen.cells_dict[pyvista.CellType.TETRA], ours.tets)
    assert theirs.point_data.keys() == set(seen.point_data.keys())
    for name, values in theirs.point_data.items():
        np.testing.assert_array_equal(values, seen.point_data[name])
    np.testing.assert_array_equal(theirs.cell_data["region"][0], seen.cell_data["region"])


def test_pyvista_reads_the_fields_over_time(run, exports):
    still = meshio.read(run / "fields.vtu")
    for path in (run / "fields.vtkhdf", exports / "vtkhdf" / "fields.vtkhdf"):
        found = pyvista.read(path)
        assert found.n_cells == len(still.cells_dict["tetra"]) and "temperature_c" in found.point_data


@pytest.mark.parametrize("suffix", [".vtu", ".msh"])
def test_meshio_and_pyvista_read_a_mesh(run, tmp_path, suffix):
    ours = read_mesh(run / "fields.vtu")
    write_mesh(tmp_path / f"a{suffix}", ours)
    theirs, seen = meshio.read(tmp_path / f"a{suffix}"), pyvista.read(tmp_path / f"a{suffix}")
    for points in (theirs.points, seen.points):
        np.testing.assert_allclose(points, 1e3 * ours.points_m, rtol=1e-6, atol=1e-9)
    assert theirs.cells_dict["tetra"].shape == ours.tets.shape and seen.n_cells >= len(ours.tets)


def test_nibabel_and_itk_read_the_maps(run):
    paths = sorted((run / "maps").glob("*.nii.gz"))
    assert len(paths) == 5
    for path in paths:
        ours, theirs, seen = read_nifti(path), nibabel.load(path), sitk.ReadImage(str(path))
        np.testing.assert_array_equal(theirs.get_fdata(), ours.data)
        np.testing.assert_allclose(theirs.affine[:3], 1e3 * ours.affine_m[:3], atol=1e-5)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(seen).T, ours.data)
        corner = np.array(seen.TransformIndexToPhysicalPoint((1, 2, 3))) * [-1, -1, 1]
        np.testing.assert_allclose(corner, 1e3 * ours.positions_m(np.array([1, 2, 3])), atol=1e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mdf", ".npz"])
def test_images_in_other_formats_are_read_too(run, tmp_path, suffix):
    image = read_nifti(run / "maps" / "cem43.nii.gz")
    write_volume(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(read_volume(tmp_path / f"a{suffix}").data, image.data)
    if suffix == ".npz":
        np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["data"], image.data)


def test_highdicom_pydicom_and_itk_read_the_maps_as_dicom(run, exports):
    paths = sorted((exports / "dicom").glob("*.dcm"))
    assert len(paths) == 7
    for path in paths:
        file = pydicom.dcmread(path)
        ours = read_nifti(run / "maps" / f"{path.stem.removeprefix('rtdose-')}.nii.gz").data
        if path.stem.startswith("rtdose-"):
            highest = float(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).max()) * float(file.DoseGridScaling)
        else:
            volume = highdicom.imread(path).get_volume()
            assert sorted(volume.spatial_shape) == sorted(ours.shape)
            highest = float(volume.array.max())
        assert highest == pytest.approx(float(ours.max()), rel=1e-5), path


def test_slicerio_reads_the_segmentation(run, exports):
    ours = read_mesh(run / "fields.vtu")
    found = slicerio.read_segmentation(str(exports / "slicer" / "regions.seg.nrrd"))
    assert [segment["name"] for segment in found["segments"]] == list(ours.region_names)
    present = {int(value) for value in np.unique(found["voxels"])} - {0}
    assert present == {segment["labelValue"] for segment in found["segments"]}
    image = sitk.ReadImage(str(exports / "slicer" / "regions.seg.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, found["voxels"])


def test_itk_reads_a_transform(tmp_path):
    turn = np.array([[0.0, -1, 0, 0.01], [1, 0, 0, 0.02], [0, 0, 1, 0.03], [0, 0, 0, 1]])
    write_transform(tmp_path / "a.tfm", turn)
    found = sitk.ReadTransform(str(tmp_path / "a.tfm"))
    lps = np.array([-1.0, -1.0, 1.0])
    moving = np.array([1.0, 2.0, 3.0])  # RAS, mm; ITK's transform takes the fixed point to it
    fixed = turn[:3, :3] @ moving + 1e3 * turn[:3, 3]
    np.testing.assert_allclose(np.array(found.TransformPoint(tuple(fixed * lps))) * lps, moving, atol=1e-9)
    np.testing.assert_allclose(read_transform(tmp_path / "a.tfm"), turn, atol=1e-12)


def test_json_is_json_without_extensions(run, exports):
    def refused(word: str) -> None:
        raise AssertionError(word)

    for path in files_of(run, exports):
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"), parse_constant=refused)
