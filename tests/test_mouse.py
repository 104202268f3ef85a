"""The shipped mouse is a mouse, and someone else's real mouse meshes as well."""

from __future__ import annotations

import csv
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import nibabel
import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.anatomy.meshing import MeshReport, MeshSizes, mesh_labels
from thermoplan.anatomy.meshing.tet_quality import quality
from thermoplan.base.image import Image
from thermoplan.files.images.mdf import read_mdf, read_mdf_info

MESHES = Path(__file__).parents[1] / "meshes"
DIFFUSIVITY = 0.5 / 3.9e6  # k / (rho c) of soft tissue

# Brown 1997, share of body mass (spleen: 0.35 to 0.5 % is quoted), over the density of the tissue in g/mL.
BODY_G = 24.0
BROWN_MM3 = {
    name: 1e3 * BODY_G * share / density
    for name, share, density in (
        ("liver", 0.055, 1.079),
        ("spleen", 0.005, 1.089),
        ("kidneys", 0.017, 1.066),
        ("brain", 0.017, 1.046),
        ("heart", 0.005, 1.081),
        ("bowel", 0.042, 1.03),
        ("lungs", 0.0073, 0.394),
        ("skin", 0.165, 1.109),
    )
}
FULL = MeshSizes(0.5e-3, 1e-3, ("tumour",))
QUICK = MeshSizes(1.2e-3, 2.4e-3, ("tumour",))


def scaled_to_metres(affine_mm: np.ndarray) -> np.ndarray:
    return np.diag([1e-3, 1e-3, 1e-3, 1.0]) @ affine_mm


@cache
def mouse() -> tuple[Image, dict[int, tuple[str, str]]]:
    file = nibabel.load(MESHES / "mouse-labels.nii.gz")
    with open(MESHES / "mouse-labels.csv", encoding="utf-8") as rows:
        table = {int(row["label"]): (row["region"], row["tissue"]) for row in csv.DictReader(rows)}
    return Image(np.asarray(file.dataobj), scaled_to_metres(file.affine)), table


@cache
def meshed(sizes: MeshSizes) -> tuple[Anatomy, MeshReport]:
    return mesh_labels(*mouse(), sizes)


def middle_mm(name: str) -> np.ndarray:
    labels, table = mouse()
    numbers = [label for label, (region, _) in table.items() if region == name]
    return 1e3 * labels.positions_m(np.argwhere(np.isin(labels.data, numbers))).mean(axis=0)


def box_mm(name: str) -> np.ndarray:
    labels, table = mouse()
    numbers = [label for label, (region, _) in table.items() if region == name]
    places = 1e3 * labels.positions_m(np.argwhere(np.isin(labels.data, numbers)))
    return np.stack([places.min(axis=0), places.max(axis=0)])


def sound(anatomy: Anatomy) -> None:
    assert quality(anatomy.points_m, anatomy.tets).min() >= 0.1
    assert len(np.unique(anatomy.tets)) == len(anatomy.points_m)


def faithful(report: MeshReport) -> None:
    for name, wanted in report.label_volume_mm3.items():
        if wanted > 100.0 and report.thickness_elements[name] >= 4.0:
            assert report.volume_mm3[name] == pytest.approx(wanted, rel=0.02), name
    assert report.skin_area_m2 == pytest.approx(report.smoothed_skin_area_m2, rel=0.06)


def explicit_rate_1_s(report: MeshReport) -> float:
    """Largest diagonal of the explicit operator; its spectral radius is 1.05 to 1.3 times that on these meshes."""
    return report.stiffness_1_m2 * DIFFUSIVITY


@pytest.mark.parametrize("organ", BROWN_MM3)
def test_organs_of_the_shipped_mouse_have_the_volumes_of_brown_1997(organ):
    _, report = meshed(QUICK)
    assert report.label_volume_mm3[organ] == pytest.approx(BROWN_MM3[organ], rel=0.10)


def test_the_shipped_mouse_weighs_24_g_and_has_a_mouses_skin():
    labels, table = mouse()
    density = {name: 1.09 for name, _ in table.values()} | {"bone": 1.908, "lungs": 0.394}
    volumes = {name: (labels.data == label).sum() * labels.voxel_volume_m3 * 1e6 for label, (name, _) in table.items()}
    tumour_g = volumes["tumour"] * density["tumour"]
    assert sum(density[name] * ml for name, ml in volumes.items()) - tumour_g == pytest.approx(BODY_G, rel=0.02)
    _, report = meshed(QUICK)
    assert 55e-4 < report.skin_area_m2 < 80e-4


def test_the_shipped_mouse_lies_head_up_with_its_organs_where_they_belong():
    assert middle_mm("brain")[2] > middle_mm("heart")[2] > middle_mm("liver")[2] > middle_mm("kidneys")[2]
    assert middle_mm("spleen")[0] < -3.0 < 3.0 < middle_mm("tumour")[0]  # left; right
    assert box_mm("tumour")[1] - box_mm("tumour")[0] == pytest.approx([8.0] * 3, abs=0.5)
    gap = box_mm("liver")[0, 2] - middle_mm("tumour")[2]
    assert gap == pytest.approx(20.0, abs=1.0)  # caudal of the liver, as in the steering study


def test_the_shipped_iron_is_the_stated_truth_blurred():
    labels, table = mouse()
    iron = read_mdf(MESHES / "mouse-mpi.mdf")  # mg/mL
    number = {name: label for label, (name, _) in table.items()}
    truth_mg = sum(
        mg_ml * (labels.data == number[name]).sum() * labels.voxel_volume_m3 * 1e6
        for name, mg_ml in (("tumour", 6.0), ("liver", 3.0), ("spleen", 4.5))
    )
    assert iron.integral() * 1e6 == pytest.approx(truth_mg, rel=1e-3)
    assert iron.data.min() >= 0.0
    for name, low, high in (("tumour", 5.0, 7.0), ("liver", 2.9, 3.05)):
        assert low < iron.sampled(middle_mm(name)[None] * 1e-3)[0] < high
    # sigma = 2 mm / 2.355 = 0.85 mm: half at a flat border, less at a ball's; Phi(-1.5 / 0.85) = 4 % 1.5 mm beyond
    edge = middle_mm("tumour") + np.array([0.0, 0.0, 4.0])
    beyond = edge + np.array([0.0, 0.0, 1.5])
    assert 0.3 < iron.sampled(edge[None] * 1e-3)[0] / 6.0 < 0.55
    assert iron.sampled(beyond[None] * 1e-3)[0] / 6.0 < 0.15


@pytest.mark.parametrize("name", ["mouse", "mouse-dual", "mouse-liver"])
def test_the_recorded_gradient_implies_the_blur_of_the_shipped_picture(name):
    """4.16105 kT/(m G) of 20 nm at 37 degrees, with the G that the file records: the 2 mm it was blurred by."""
    info = read_mdf_info(MESHES / f"{name}-mpi.mdf")
    gradient = np.abs(np.linalg.eigvalsh(info.gradient_t_m)).max()
    width = 4.16105 * 1.380649e-23 * 310.15 / (446e3 * np.pi / 6 * 20e-9**3 * gradient)
    assert (info.tracer, info.topology) == ("synomag-d", "FFL")
    assert width == pytest.approx(2e-3, rel=1e-5)


def test_the_quick_mouse_has_about_ten_thousand_nodes():
    anatomy, report = meshed(QUICK)
    sound(anatomy)
    assert 8_000 < report.nodes < 13_000
    assert report.skin_area_m2 == pytest.approx(report.smoothed_skin_area_m2, rel=0.06)
    assert report.volume_mm3["tumour"] == pytest.approx(report.label_volume_mm3["tumour"], rel=0.02)
    assert explicit_rate_1_s(report) < 40.0


def test_the_full_mouse_is_fine_faithful_and_cheap_to_step():
    anatomy, report = meshed(FULL)
    sound(anatomy)
    faithful(report)
    assert report.nodes >= 60_000
    assert explicit_rate_1_s(report) < 40.0
    for name, wanted in BROWN_MM3.items():
        assert report.volume_mm3[name] == pytest.approx(wanted, rel=0.10), name


def test_the_mouse_builder_makes_its_organs_to_the_voxel():
    sys.path.insert(0, str(MESHES))
    try:
        build_mouse, shapes = import_module("build_mouse"), import_module("shapes")
    finally:
        sys.path.remove(str(MESHES))
    voxel = 0.8
    labels = build_mouse.labels_on(shapes.grid(build_mouse.LOW, build_mouse.HIGH, voxel), voxel, (build_mouse.FLANK,))
    for organ in (*build_mouse.ORGANS, build_mouse.SKIN):
        assert (labels == organ.label).sum() == round(organ.volume_mm3 / voxel**3)


def digimouse_with_a_tumour(atlas: Path) -> tuple[Image, dict[int, tuple[str, str]]]:
    file = nibabel.load(atlas / "digimouse_0p2mm.nii.gz")
    labels = Image(np.asarray(file.dataobj).copy(), scaled_to_metres(file.affine))
    with open(atlas / "labels.csv", encoding="utf-8") as rows:
        table = {int(row["label"]): (row["name"], "soft-tissue") for row in csv.DictReader(rows)}
    del table[0]
    centre = np.array([130, 340, 50])
    low, high = centre - 21, centre + 22
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    near = np.linalg.norm(np.moveaxis(np.indices(high - low), 0, -1) + low - centre, axis=-1) * 0.2 <= 4.0
    data = labels.data.copy()
    data[block][near & (data[block] > 0)] = 22
    return labels.with_data(data), {**table, 22: ("tumour", "tumour")}


@pytest.mark.timeout(300)
def test_a_real_mouse_from_an_atlas_meshes_with_its_volumes_and_its_skin(shared):
    atlas = shared / "data" / "digimouse"
    anatomy, report = mesh_labels(*digimouse_with_a_tumour(atlas), MeshSizes(0.6e-3, 1.25e-3, ("tumour",)))
    sound(anatomy)
    faithful(report)
    assert report.nodes >= 40_000
    assert explicit_rate_1_s(report) < 40.0
    assert report.volume_mm3["tumour"] == pytest.approx(4.0 / 3.0 * np.pi * 4.0**3, rel=0.02)
