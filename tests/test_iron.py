import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.imaging.iron_map import IronMap
from thermoplan.power.mesh_iron import iron_on_mesh

_CUBE = np.array([[0, 1, 3, 7], [0, 5, 1, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7]])


def box(n: int = 12, size_m: float = 24e-3, radius_m: float = 5e-3) -> Anatomy:
    """A cube of Kuhn tetrahedra about the origin; what lies within ``radius_m`` is the tumour."""
    axis = np.linspace(-size_m / 2, size_m / 2, n + 1)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    step = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    nodes = np.ravel_multi_index(np.moveaxis(corner[:, None] + step, -1, 0), (n + 1,) * 3)
    tets = nodes[:, _CUBE].reshape(-1, 4)
    flip = np.linalg.det(points[tets[:, 1:]] - points[tets[:, :1]]) < 0
    tets[flip] = tets[flip][:, [0, 2, 1, 3]]
    inside = np.linalg.norm(points[tets].mean(axis=1), axis=1) < radius_m
    return Anatomy(points, tets, inside.astype(int), ("body", "tumour"), ("muscle", "tumour"))


def blob(anatomy: Anatomy, *, shift_m: float = 0.0, width_m: float = 3e-3) -> IronMap:
    affine = np.diag([1e-3, 1e-3, 1e-3, 1.0])
    affine[:3, 3] = -14e-3
    index = np.argwhere(np.ones((29, 29, 29)))
    r = np.linalg.norm(index * 1e-3 - 14e-3 - [shift_m, 0, 0], axis=1)
    data = np.where(r < 12e-3, 5.0 * np.exp(-((r / width_m) ** 2)), 0.0).reshape(29, 29, 29)
    return IronMap(Image(data, affine), fwhm_m=2e-3)


def test_no_iron_is_lost_between_image_and_nodes():
    anatomy = box()
    iron = iron_on_mesh(blob(anatomy), anatomy, ["tumour"])
    assert iron.mass_rel < 1e-12
    assert iron.outside_kg == pytest.approx(0.0, abs=1e-12 * iron.image_kg)
    assert np.allclose(np.asarray(iron.deposit.sum(axis=0)), 1.0)


def test_the_centre_of_mass_stays_where_the_image_has_it():
    anatomy = box()
    source = blob(anatomy, shift_m=2e-3)
    iron = iron_on_mesh(source, anatomy, confine=False)
    centre = iron.node_mass_kg @ anatomy.points_m / iron.node_mass_kg.sum()
    assert centre == pytest.approx([2e-3, 0, 0], abs=2e-5)


def test_confinement_moves_only_what_lies_within_one_fwhm_and_keeps_the_mass():
    anatomy = box()
    raw = iron_on_mesh(blob(anatomy), anatomy, ["tumour"], confine=False)
    confined = iron_on_mesh(blob(anatomy), anatomy, ["tumour"])
    before, after = raw.region_kg(anatomy), confined.region_kg(anatomy)
    assert after["tumour"] - before["tumour"] == pytest.approx(confined.moved_kg, rel=1e-9)
    assert confined.mass_kg.sum() == pytest.approx(raw.mass_kg.sum(), rel=1e-12)
    stray = confined.points_m[anatomy.region[confined.cell] == 0]
    assert np.linalg.norm(stray, axis=1).min() > 5e-3 + 2e-3 - 1.2e-3
    assert confined.raw_kg == raw.raw_kg


def test_iron_off_the_skin_is_counted_not_hidden():
    anatomy = box()
    source = blob(anatomy, shift_m=11e-3)
    iron = iron_on_mesh(source, anatomy, ["tumour"])
    x = source.image.positions_m(np.argwhere(source.image.data > 0))[:, 0]
    mass = source.image.data[source.image.data > 0] * source.image.voxel_volume_m3
    half_voxels = mass[np.isclose(x, 14e-3)].sum() / 2  # the skin is at 12 mm, one FWHM is 2 mm
    assert iron.outside_kg == pytest.approx(mass[x > 14.1e-3].sum() + half_voxels, rel=3e-2)
    assert iron.mass_rel < 1e-12


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_bad_voxels_are_counted_and_the_first_is_named(value):
    data = np.ones((3, 3, 3))
    data[1, 0, 1] = value
    with pytest.raises(InputError, match=r"1 voxels are negative or not finite, first \(1, 0, 1\)"):
        IronMap(Image(data, np.diag([1e-3, 1e-3, 1e-3, 1.0])))


def test_a_point_is_found_in_the_element_that_holds_it():
    anatomy = box(6)
    points = np.random.default_rng(1).uniform(-11.9e-3, 11.9e-3, (500, 3))
    cell, weights = anatomy.located(points)
    assert (cell >= 0).all()
    back = np.einsum("pk,pkd->pd", weights, anatomy.points_m[anatomy.tets[cell]])
    assert np.allclose(back, points, atol=1e-12)
    assert (anatomy.located(points + np.array([30e-3, 0, 0]))[0] == -1).all()
