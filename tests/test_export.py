"""A run in the files of other programs, read back by libraries that are not ours: octant, values, units, names."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
from report_sample import REGIONS, TUMOUR_M, sample_anatomy, sample_fields, write_sample, write_sample_fields

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.export import KINDS, export
from thermoplan.files.images.dicom_write import axial_stack
from thermoplan.files.images.nifti import write_nifti
from thermoplan.files.images.segments import read_segmentation
from thermoplan.files.meshes.mesh_files import write_history
from thermoplan.files.meshes.vtkhdf import Steps

SHAPE, STEP_MM, CORNER_MM = (24, 20, 52), 1.0, np.array([-11.5, -9.5, -25.5])
WARM = (17, 7, 15)  # this voxel alone is warmest: 5.5, -2.5, -10.5 mm, in the tumour, to the right, behind, below
WARM_MM = CORNER_MM + STEP_MM * np.array(WARM)
UCUM = {"peak-temperature": "Cel", "end-temperature": "Cel", "cem43": "min", "power": "W/m3", "iron": "mg/mL"}


def value_of(name: str) -> float:
    return {"peak-temperature": 46.25, "end-temperature": 45.5, "cem43": 120.5, "power": 2.5e5, "iron": 6.5}[name]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose maps are even but for one voxel, off every plane of symmetry."""
    run = write_sample(tmp_path_factory.mktemp("export") / "run")
    anatomy = sample_anatomy()
    fields = sample_fields(anatomy)
    write_sample_fields(run, anatomy, fields)
    times = np.array([0.0, 900.0])
    frames = {
        k: np.array([0.5 * fields[f], fields[f]])
        for k, f in (("temperature_c", "temperature_peak_c"), ("cem43_min", "cem43_min"))
    }
    write_history(run / "fields.vtkhdf", anatomy, Steps(times, frames), fields)
    affine = np.diag([1e-3 * STEP_MM] * 3 + [1.0])
    affine[:3, 3] = 1e-3 * CORNER_MM
    (run / "maps").mkdir()
    for name in UCUM:
        data = np.full(SHAPE, 0.5 * value_of(name), np.float32)
        data[WARM] = value_of(name)
        write_nifti(run / "maps" / f"{name}.nii.gz", Image(data, affine))
    return run


@pytest.fixture(scope="module")
def dicom(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom")
    export(run, "dicom", folder)
    return folder


@pytest.fixture(scope="module")
def slicer(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slicer")
    export(run, "slicer", folder)
    return folder


def ras(lps: np.ndarray) -> np.ndarray:
    return np.asarray(lps)[:3] * [-1.0, -1.0, 1.0]


@pytest.mark.parametrize("name", UCUM)
def test_highdicom_finds_the_warm_voxel_in_its_octant_with_its_value(dicom: Path, name: str) -> None:
    import highdicom

    volume = highdicom.imread(dicom / f"{name}.dcm").get_volume()
    where = np.array(np.unravel_index(np.argmax(volume.array), volume.array.shape))
    assert ras(volume.affine @ [*where, 1.0]) == pytest.approx(WARM_MM, abs=1e-4)
    assert volume.array.max() == pytest.approx(value_of(name), rel=1e-6)
    assert np.median(volume.array) == pytest.approx(0.5 * value_of(name), rel=1e-6)


@pytest.mark.parametrize(("name", "unit"), UCUM.items())
def test_a_parametric_map_says_its_unit_in_ucum(dicom: Path, name: str, unit: str) -> None:
    import pydicom

    file = pydicom.dcmread(dicom / f"{name}.dcm")
    mapping = file.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    code = mapping.MeasurementUnitsCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == (unit, "UCUM")
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert file.SOPClassUID.name == "Parametric Map Storage"


@pytest.mark.parametrize("name", ["peak-temperature", "cem43"])
def test_itk_finds_the_warm_voxel_in_the_relative_dose(dicom: Path, name: str) -> None:
    import pydicom
    import SimpleITK

    path = dicom / f"rtdose-{name}.dcm"
    file = pydicom.dcmread(path)
    assert (file.DoseUnits, file.Modality) == ("RELATIVE", "RTDOSE")
    image = SimpleITK.ReadImage(str(path))
    values = SimpleITK.GetArrayFromImage(image) * float(file.DoseGridScaling)  # slices, rows, columns
    where = np.unravel_index(np.argmax(values), values.shape)[::-1]
    assert ras(image.TransformIndexToPhysicalPoint([int(v) for v in where])) == pytest.approx(WARM_MM, abs=1e-4)
    assert values.max() == pytest.approx(value_of(name), rel=1e-6)
    assert np.median(values) == pytest.approx(0.5 * value_of(name), rel=1e-6)


def test_our_own_reader_takes_a_relative_dose_back_to_its_values(dicom: Path) -> None:
    from thermoplan.files.images.dicom import read_dicom

    image = read_dicom(dicom / "rtdose-cem43.dcm")
    assert image.data.max() == pytest.approx(value_of("cem43"), rel=1e-6)
    assert image.sampled(1e-3 * WARM_MM[None], order=0) == pytest.approx(value_of("cem43"), rel=1e-6)


def test_the_same_plan_exported_twice_is_the_same_study_and_its_files_differ(run: Path, dicom: Path, tmp_path) -> None:
    import pydicom

    export(run, "dicom", tmp_path)
    first, again = (
        {p.name: pydicom.dcmread(p, stop_before_pixels=True) for p in folder.glob("*.dcm")}
        for folder in (dicom, tmp_path)
    )
    files = list(first.values())
    assert len(files) == 7
    assert len({f.StudyInstanceUID for f in files}) == len({f.FrameOfReferenceUID for f in files}) == 1
    assert len({f.SOPInstanceUID for f in files}) == len({f.SeriesInstanceUID for f in files}) == 7
    assert {n: f.SOPInstanceUID for n, f in first.items()} == {n: f.SOPInstanceUID for n, f in again.items()}


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SRA", "ILA", "PIL"])
def test_slices_are_axial_whatever_the_order_of_the_voxels(axes: str) -> None:
    """Columns run to the left, rows to the back, slices to the head; a marked voxel stays where it is."""
    data = np.zeros((3, 4, 5), np.float32)
    data[2, 1, 3] = 1.0
    affine = np.eye(4)
    for k, letter in enumerate(axes):
        affine[:3, k] = 0.0
        affine[{"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}[letter], k] = (1 if letter in "RAS" else -1) * 1e-3
    affine[:3, 3] = [5e-3, 6e-3, 7e-3]
    stack = axial_stack(Image(data, affine))
    slice_, row, column = np.argwhere(stack.values)[0]
    across, down = np.reshape(stack.orientation, (2, 3))
    lps = stack.origins_mm[slice_] + column * stack.spacing_mm[2] * across + row * stack.spacing_mm[1] * down
    assert stack.orientation == (1, 0, 0, 0, 1, 0)
    assert ras(lps) == pytest.approx(1e3 * (affine @ [2, 1, 3, 1])[:3])


def test_itk_finds_the_tumours_segment_where_the_mesh_has_it(slicer: Path) -> None:
    import SimpleITK

    image = SimpleITK.ReadImage(str(slicer / "regions.seg.nrrd"))
    values = SimpleITK.GetArrayFromImage(image)
    names = {
        image.GetMetaData(f"Segment{k}_Name"): int(image.GetMetaData(f"Segment{k}_LabelValue"))
        for k in range(len(REGIONS))
    }
    assert tuple(names) == REGIONS
    inside = np.argwhere(values == names["tumour"])[:, ::-1]
    places = [ras(image.TransformIndexToPhysicalPoint([int(v) for v in index])) for index in inside]
    assert np.mean(places, axis=0) == pytest.approx(1e3 * TUMOUR_M, abs=0.3)
    assert len(places) == pytest.approx(4 / 3 * np.pi * 4.0**3, rel=0.15)  # cubic millimetres of a ball of 4 mm


def test_the_segmentation_comes_back_through_our_own_reader(slicer: Path) -> None:
    labels, names = read_segmentation(slicer / "regions.seg.nrrd")
    assert tuple(names.values()) == REGIONS
    assert labels.sampled(TUMOUR_M[None], order=0)[0] == 1 + REGIONS.index("tumour")


def test_every_file_that_the_scene_names_lies_beside_it(slicer: Path) -> None:
    root = ElementTree.parse(slicer / "scene.mrml").getroot()
    files = [node.get("fileName") for node in root if node.get("fileName")]
    assert set(files) == {path.name for path in slicer.iterdir()} - {"scene.mrml"}
    ids = [node.get("id") for node in root]
    assert len(ids) == len(set(ids))
    named = {key for node in root for key in re.findall(r"vtkMRML\w+?Node\d+", node.get("references") or "")}
    assert named <= set(ids)
    shown = {node.get("backgroundVolumeID") for node in root if node.tag == "SliceComposite"}
    assert shown <= set(ids)


def test_the_scenes_maps_are_those_of_the_run(run: Path, slicer: Path) -> None:
    for name in UCUM:
        assert (slicer / f"{name}.nii.gz").read_bytes() == (run / "maps" / f"{name}.nii.gz").read_bytes()
    peak = nibabel.load(slicer / "peak-temperature.nii.gz")
    where = np.unravel_index(np.argmax(peak.get_fdata()), peak.shape)
    assert nibabel.affines.apply_affine(peak.affine, where) == pytest.approx(WARM_MM, abs=1e-4)


def test_the_points_are_in_ras_millimetres(slicer: Path) -> None:
    markup = json.loads((slicer / "probes.mrk.json").read_text())["markups"][0]
    assert (markup["coordinateSystem"], markup["coordinateUnits"]) == ("RAS", "mm")
    assert markup["controlPoints"][0]["position"] == pytest.approx(1e3 * TUMOUR_M)


def test_a_point_of_the_path_is_labelled_with_its_share_of_the_time_in_percent(run: Path, slicer: Path) -> None:
    shares = json.loads((run / "plan.json").read_text())["trajectory"]["share"]
    markup = json.loads((slicer / "ffr-path.mrk.json").read_text())["markups"][0]
    shown = [float(re.fullmatch(r"\d+: (\d+) %", point["label"])[1]) for point in markup["controlPoints"]]
    assert shown == pytest.approx([100.0 * share for share in shares], abs=0.5)
    assert max(shown) > 5.0


def test_a_name_with_angle_brackets_does_not_break_the_scene(run: Path, tmp_path: Path) -> None:
    from thermoplan.files.images.slicer_scene import write_scene

    write_scene(tmp_path / "scene.mrml", [], "regions.seg.nrrd", {'<probe> "&"': "probes.mrk.json"})
    names = [node.get("name") for node in ElementTree.parse(tmp_path / "scene.mrml").getroot()]
    assert '<probe> "&"' in names


def test_the_tables_hold_the_plans_numbers(run: Path, tmp_path: Path) -> None:
    plan = json.loads((run / "plan.json").read_text())
    export(run, "csv", tmp_path)
    with (tmp_path / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    at_end = next(row for row in rows if float(row["time_s"]) == 1800.0)
    k = plan["history"]["time_s"].index(1800.0)
    wanted = plan["history"]["regions"]["tumour"]["t90_c"][k]
    assert float(at_end["tumour t90_c"]) == pytest.approx(wanted, abs=1e-4)
    with (tmp_path / "goals.csv").open() as stream:
        goals = list(csv.DictReader(stream))
    assert [(g["region"], g["metric"]) for g in goals] == [(g["region"], g["metric"]) for g in plan["goals"]]
    with (tmp_path / "path.csv").open() as stream:
        shares = [float(row["share"]) for row in csv.DictReader(stream)]
    assert sum(shares) == pytest.approx(sum(plan["trajectory"]["share"]))


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_folder_the_export_lies_in_the_run(run: Path, kind: str) -> None:
    files = export(run, kind)
    assert files
    assert all(path.parent == run / kind and path.stat().st_size > 0 for path in files)


@pytest.mark.parametrize(("kind", "words"), [("dicom", "holds no map"), ("vtkhdf", r"fields\.vtkhdf: not found")])
def test_what_a_run_lacks_is_named_with_a_remedy(tmp_path: Path, kind: str, words: str) -> None:
    run = write_sample(tmp_path / "run")
    with pytest.raises(InputError, match=words + ".*plan again"):
        export(run, kind, tmp_path / "out")
