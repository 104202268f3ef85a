"""A label volume becomes a mesh that keeps its volumes, its skin and its elements' shapes."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.anatomy.meshing import MeshReport, MeshSizes, default_sizes, lattice, mesh_function, mesh_labels
from thermoplan.anatomy.meshing.relax import _descent
from thermoplan.anatomy.meshing.smoothed_surface import smoothed_area_m2
from thermoplan.anatomy.meshing.tet_mesh import neighbours
from thermoplan.anatomy.meshing.tet_quality import quality
from thermoplan.base.errors import InputError
from thermoplan.base.image import Image

BALL_M = 5e-3
TABLE = {1: ("medium", "muscle"), 2: ("ball", "tumour")}
SIZES = MeshSizes(1e-3, 2e-3, ("ball",), margin_m=1e-3)
DIFFUSIVITY = 0.5 / 3.9e6


def distance(image: Image, centre_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    places = image.positions_m(np.moveaxis(np.indices(image.shape), 0, -1))
    return np.linalg.norm(places - centre_m, axis=-1)


def grid(half_m: float, voxel_m: float) -> Image:
    n = round(2 * half_m / voxel_m)
    affine = np.diag([voxel_m] * 3 + [1.0])
    affine[:3, 3] = (0.5 - n / 2) * voxel_m
    return Image(np.zeros((n, n, n), np.uint8), affine)


def ball_in_a_ball(image: Image, outer_m: float = 9e-3) -> Image:
    r = distance(image)
    return image.with_data(np.where(r < BALL_M, 2, np.where(r < outer_m, 1, 0)).astype(np.uint8))


def sound(anatomy: Anatomy) -> None:
    """No inverted or poor element, no orphan, no hanging node, one piece."""
    assert quality(anatomy.points_m, anatomy.tets).min() >= 0.1
    assert len(np.unique(anatomy.tets)) == len(anatomy.points_m)
    faces = np.sort(anatomy.tets[:, [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]].reshape(-1, 3), axis=1)
    assert np.unique(faces, axis=0, return_counts=True)[1].max() == 2
    p = anatomy.points_m[anatomy.outer]  # a closed surface encloses what the elements fill
    enclosed = np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])).sum() / 6.0
    assert enclosed == pytest.approx(anatomy.volumes_m3.sum(), rel=1e-9)


def faithful(report: MeshReport) -> None:
    for name, wanted in report.label_volume_mm3.items():
        if wanted > 100.0 and report.thickness_elements[name] >= 4.0:
            assert report.volume_mm3[name] == pytest.approx(wanted, rel=0.02), name
    assert report.skin_area_m2 == pytest.approx(report.smoothed_skin_area_m2, rel=0.06)


def test_the_graded_lattice_fills_its_box_without_hanging_nodes():
    centre = np.array([3.0, 4.0, 5.0])
    leaves = lattice.octree((6, 7, 8), 3, lambda at, edge: np.linalg.norm(at - centre, axis=1) < 1.0 + 2.0 * edge)
    nodes, tets = lattice.tetrahedra((6, 7, 8), leaves)
    points = nodes / 2.0**4
    tets = lattice.orient(points, tets)
    volumes = np.linalg.det(points[tets[:, 1:]] - points[tets[:, :1]]) / 6.0
    assert volumes.sum() == pytest.approx(6 * 7 * 8, rel=1e-12)
    assert quality(points, tets).min() > 0.6
    anatomy = Anatomy(points, tets, np.zeros(len(tets), int), ("box",), ("muscle",))
    p = points[anatomy.outer]
    area = 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).sum()
    assert area == pytest.approx(2 * (6 * 7 + 7 * 8 + 8 * 6), rel=1e-12)  # a hanging node would add to it
    sound(anatomy)


def test_quality_is_one_for_the_regular_element_and_known_for_a_corner():
    regular = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    assert quality(regular, np.array([[0, 1, 3, 2]]))[0] == pytest.approx(1.0)
    inradius, circumradius = 1.0 / (3.0 + np.sqrt(3.0)), np.sqrt(3.0) / 2.0
    assert quality(corner, np.array([[0, 1, 2, 3]]))[0] == pytest.approx(3.0 * inradius / circumradius)
    assert quality(corner, np.array([[0, 2, 1, 3]]))[0] == -1.0


def test_a_step_down_makes_a_poor_element_better_and_is_of_the_size_of_its_edges():
    """A cap whose fourth corner lies almost in the plane of the others, among elements that share its corners."""
    points = 1e-3 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.04], [0.5, 0.3, -0.8], [0.5, 0.3, 1.0]])
    tets = np.array([[0, 1, 2, 3], [0, 2, 1, 4], [3, 1, 2, 5]])
    shape = quality(points, tets)
    assert shape[0] < 0.2
    step, worst = _descent(points, tets, shape, 0.3)
    assert worst[3] == shape[0]
    assert 1e-4 < np.linalg.norm(step, axis=1).max() < 1e-2
    assert quality(points + 0.02 * step, tets[:1])[0] > shape[0] + 0.02


@pytest.mark.parametrize("radius", [8.3, 20.0])
def test_the_smoothed_outline_of_a_ball_has_its_area(radius):
    # blurring with sigma shifts the half level of a ball inwards by about sigma^2 / R, and trilinear cells
    # cut a little off too: 4 % at 8 voxels, 1 % at 20
    n = int(radius) + 4
    r = np.linalg.norm(np.moveaxis(np.indices((2 * n,) * 3), 0, -1) - n + 0.3, axis=-1)
    area = smoothed_area_m2(r < radius, np.eye(4))
    assert area == pytest.approx(4.0 * np.pi * radius**2, rel=0.3 / radius)


def test_a_ball_in_a_ball_keeps_volumes_skin_and_shape():
    anatomy, report = mesh_labels(ball_in_a_ball(grid(10e-3, 0.5e-3)), TABLE, SIZES)
    sound(anatomy)
    faithful(report)
    assert anatomy.volume_m3("ball") == pytest.approx(4.0 / 3.0 * np.pi * BALL_M**3, rel=0.02)
    assert report.skin_area_m2 == pytest.approx(4.0 * np.pi * 9e-3**2, rel=0.03)
    assert report.nodes == len(anatomy.points_m) and sum(report.quality_histogram) == len(anatomy.tets)
    assert not report.warnings


def test_an_oblique_anisotropic_scan_gives_the_same_body_in_the_same_place():
    centre = np.array([12e-3, -7e-3, 31e-3])
    turn, _ = np.linalg.qr(np.array([[2.0, 1.0, 0.5], [-1.0, 2.0, 0.3], [0.2, -0.4, 2.0]]))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.4e-3, 0.5e-3, 0.9e-3])
    shape = np.array([52, 42, 24])
    affine[:3, 3] = centre - affine[:3, :3] @ (shape / 2.0 - 0.3)
    image = Image(np.zeros(shape, np.uint8), affine)
    r = distance(image, tuple(centre))
    image = image.with_data(np.where(r < BALL_M, 2, np.where(r < 9e-3, 1, 0)).astype(np.uint8))
    anatomy, report = mesh_labels(image, TABLE, SIZES)
    sound(anatomy)
    faithful(report)
    cells = anatomy.cells("ball")
    middle = np.average(anatomy.centroids_m[cells], axis=0, weights=anatomy.volumes_m3[cells])
    assert middle == pytest.approx(centre, abs=0.1e-3)


def test_labels_that_skip_numbers_and_share_a_region_are_one_region():
    image = grid(9e-3, 0.5e-3)
    x = image.positions_m(np.moveaxis(np.indices(image.shape), 0, -1))[..., 0]
    r = distance(image)
    labels = np.where(r < 4e-3, np.where(x < 0, 300, 7), np.where(r < 8e-3, 41, 0)).astype(np.int16)
    table = {41: ("body", "muscle"), 7: ("liver", "liver"), 300: ("liver", "liver")}
    anatomy, _ = mesh_labels(image.with_data(labels), table, MeshSizes(1e-3, 1e-3))
    sound(anatomy)
    assert anatomy.region_names == ("body", "liver") and anatomy.tissue_names == ("muscle", "liver")
    assert anatomy.volume_m3("liver") == pytest.approx(4.0 / 3.0 * np.pi * 4e-3**3, rel=0.03)


def test_a_body_without_background_that_touches_the_border_is_closed_there():
    image = grid(6e-3, 0.5e-3)
    labels = np.where(distance(image) < 3.5e-3, 0, 5).astype(np.uint8)  # 0 is a tissue here: the table says so
    anatomy, report = mesh_labels(
        image.with_data(labels), {0: ("core", "tumour"), 5: ("rest", "muscle")}, MeshSizes(1e-3, 1e-3)
    )
    sound(anatomy)
    faithful(report)
    assert anatomy.volumes_m3.sum() == pytest.approx(12e-3**3, rel=0.02)
    assert np.abs(anatomy.points_m).max() < 6.3e-3


def test_a_skin_thinner_than_an_element_becomes_a_layer():
    image = grid(10e-3, 0.25e-3)
    r = distance(image)
    labels = np.where(r < 4e-3, 2, np.where(r < 8.5e-3, 1, np.where(r < 9e-3, 3, 0))).astype(np.uint8)
    table = {**TABLE, 3: ("skin", "skin")}
    anatomy, report = mesh_labels(image.with_data(labels), table, MeshSizes(1e-3, 2e-3, ("ball",), margin_m=1e-3))
    sound(anatomy)
    faithful(report)
    shell = 4.0 / 3.0 * np.pi * (9e-3**3 - 8.5e-3**3)
    assert anatomy.volume_m3("skin") == pytest.approx(shell, rel=0.06)
    assert report.skin_area_m2 == pytest.approx(4.0 * np.pi * 9e-3**2, rel=0.03)
    skin = anatomy.cells("skin")
    assert set(anatomy.region[neighbours(anatomy.tets).min(axis=1) < 0]) == {anatomy.region[skin[0]]}


def test_edges_are_short_in_the_target_and_grow_away_from_it():
    sizes = MeshSizes(0.8e-3, 3.2e-3, ("ball",), margin_m=1e-3)
    shapes = {"ball": ("tumour", lambda at: 3e-3 - np.linalg.norm(at, axis=1))}
    anatomy, _ = mesh_function(np.array([[-13e-3] * 3, [13e-3] * 3]), shapes, sizes)
    corners = anatomy.points_m[anatomy.tets]
    edge = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    r = np.linalg.norm(anatomy.centroids_m, axis=1)
    assert np.median(edge[r < 4e-3]) <= 0.8e-3 * 1.01
    assert np.median(edge[r > 12e-3]) > 2.0e-3
    assert edge.max() < 4.8e-3  # stretched at most by half on the way to the box


def test_the_explicit_rate_stays_small_where_borders_pass_through_the_lattice():
    # a perfect lattice of 1 mm cells has 8 / a^2 = 8e6 1/m2 on the diagonal; poor elements at the borders
    # would raise it to hundreds
    _, report = mesh_labels(ball_in_a_ball(grid(10e-3, 0.5e-3)), TABLE, SIZES)
    assert report.stiffness_1_m2 * DIFFUSIVITY < 8.0
    assert report.stiffness_1_m2 >= 0.99 * 8.0 / 1e-3**2


def test_shapes_in_a_box_leave_its_faces_flat_and_meet_their_volume():
    bounds = np.array([[-10e-3, -9e-3, -8e-3], [10e-3, 9e-3, 8e-3]])
    shapes = {"ball": ("tumour", lambda at: BALL_M - np.linalg.norm(at, axis=1))}
    anatomy, report = mesh_function(bounds, shapes, SIZES)
    sound(anatomy)
    assert anatomy.volumes_m3.sum() == pytest.approx(20e-3 * 18e-3 * 16e-3, rel=1e-12)
    assert report.skin_area_m2 == pytest.approx(2 * (20 * 18 + 18 * 16 + 16 * 20) * 1e-6, rel=1e-9)
    assert anatomy.volume_m3("ball") == pytest.approx(4.0 / 3.0 * np.pi * BALL_M**3, rel=0.01)
    assert anatomy.region_names == ("medium", "ball")


def test_loose_crumbs_are_left_out_and_reported():
    image = ball_in_a_ball(grid(10e-3, 0.5e-3))
    data = image.data.copy()
    data[0, 0, :3] = 1
    anatomy, report = mesh_labels(image.with_data(data), TABLE, SIZES)
    sound(anatomy)
    assert any("3 voxels" in line for line in report.warnings)


def test_regions_too_thin_for_the_mesh_are_reported():
    image = grid(10e-3, 0.5e-3)
    r, z = distance(image), image.positions_m(np.moveaxis(np.indices(image.shape), 0, -1))[..., 2]
    labels = np.where((r < 7e-3) & (np.abs(z) < 0.6e-3), 2, np.where(r < 9e-3, 1, 0)).astype(np.uint8)
    _, report = mesh_labels(image.with_data(labels), TABLE, MeshSizes(2.5e-3, 2.5e-3))
    assert report.thickness_elements["ball"] < 4.0
    off = abs(report.volume_mm3["ball"] / report.label_volume_mm3["ball"] - 1.0)
    assert (off > 0.02) == any("ball" in line for line in report.warnings)


def test_a_region_smaller_than_an_element_is_left_out_with_a_warning_unless_it_is_the_target():
    image = ball_in_a_ball(grid(10e-3, 0.5e-3))
    data = image.data.copy()
    data[20, 20, 20] = 3
    table, coarse = {**TABLE, 3: ("seed", "tumour")}, MeshSizes(2.5e-3, 2.5e-3)
    anatomy, report = mesh_labels(image.with_data(data), table, coarse)
    sound(anatomy)
    assert anatomy.region_names == ("medium", "ball")
    assert any("seed" in line and "[mesh] size" in line for line in report.warnings)
    with pytest.raises(InputError, match=r"seed.*smaller than an element"):
        mesh_labels(image.with_data(data), table, MeshSizes(2.5e-3, 2.5e-3, ("seed",), margin_m=0.0))


def test_default_target_edge_is_an_eighth_of_the_radius_and_at_most_800_um():
    image = ball_in_a_ball(grid(10e-3, 0.5e-3))
    assert default_sizes(image, TABLE, ("ball",)).target_m == pytest.approx(BALL_M / 8.0, rel=0.01)
    assert default_sizes(image, TABLE, ("medium",)).target_m == 0.8e-3
    assert default_sizes(image, TABLE, ("ball",)).size_m == 2.5e-3


def organs_without_a_body() -> Image:
    image = grid(10e-3, 1e-3)
    data = np.zeros(image.shape, np.uint8)
    data[1:6, 1:6, 1:6], data[12:17, 12:17, 12:17] = 1, 2
    return image.with_data(data)


@pytest.mark.parametrize(
    ("labels", "table", "words"),
    [
        (ball_in_a_ball(grid(10e-3, 1e-3)), {1: ("medium", "muscle")}, ("label 2", "not in the table", "add a row")),
        (ball_in_a_ball(grid(10e-3, 1e-3)), {**TABLE, 9: ("lens", "eye")}, ("label 9", "lens", "no voxel")),
        (ball_in_a_ball(grid(10e-3, 1e-3)), {1: ("a", "muscle"), 2: ("a", "fat")}, ('"a"', "two tissues")),
        (ball_in_a_ball(grid(10e-3, 1e-3)), {}, ("label 1", "label 2", "no label")),
        (grid(5e-3, 1e-3).with_data(np.full((10, 10, 10), 0.5)), TABLE, ("whole numbers",)),
        (grid(5e-3, 1e-3).with_data(np.full((10, 10, 10), np.nan)), TABLE, ("whole numbers",)),
        (grid(5e-3, 1e-3), {}, ("no label",)),
        (organs_without_a_body(), TABLE, ("2 separate pieces", "no body", "1,body,muscle")),
    ],
)
def test_a_volume_that_cannot_be_meshed_is_refused_with_the_remedy(labels, table, words):
    with pytest.raises(InputError) as refusal:
        mesh_labels(labels, table, MeshSizes(2e-3, 2e-3))
    assert all(word in str(refusal.value) for word in words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target_regions": ("ball", "gall")}, ('"gall"', "medium, ball")),
        ({"size_m": 1e-6, "target_m": 1e-6}, ("too fine", "[mesh] size")),
    ],
)
def test_sizes_that_do_not_fit_the_anatomy_are_refused(change, words):
    sizes = MeshSizes(**{"target_m": 1e-3, "size_m": 2e-3, "target_regions": (), **change})
    with pytest.raises(InputError) as refusal:
        mesh_labels(ball_in_a_ball(grid(10e-3, 1e-3)), TABLE, sizes)
    assert all(word in str(refusal.value) for word in words)


@pytest.mark.parametrize("wrong", [{"target_m": 0.0}, {"size_m": np.inf}, {"skin_m": -1e-3}, {"margin_m": -1.0}])
def test_lengths_must_be_above_zero(wrong):
    with pytest.raises(InputError):
        MeshSizes(**{"target_m": 1e-3, "size_m": 2e-3, **wrong})
