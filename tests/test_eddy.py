"""Eddy currents against closed forms: cylinders along and across the field, and a ring of two tissues."""

import numpy as np
import pytest

from thermoplan import eddy
from thermoplan.anatomy import Anatomy
from thermoplan.eddy import eddy_power
from thermoplan.errors import InputError, SolverError
from thermoplan.tissue import region_tissues

OMEGA, AMPLITUDE_T = 2 * np.pi * 354e3, 13e-3
MUSCLE = region_tissues(["muscle"])
SIGMA, RHO = MUSCLE[0].electrical_conductivity_s_m, MUSCLE[0].density_kg_m3
DRIVE = {"frequency_hz": 354e3, "amplitude_t": AMPLITUDE_T}


def extruded(flat, triangles, height_m, layers):
    """Prisms over a flat mesh ``(n, 2)``, each cut into three tetrahedra that fit their neighbours."""
    n, corner = len(flat), np.sort(triangles, axis=1)
    points = np.concatenate([np.c_[flat, np.full(n, z)]
                             for z in np.linspace(-height_m / 2, height_m / 2, layers + 1)])
    tets = []
    for layer in range(layers):
        low, high = corner.T + layer * n, corner.T + (layer + 1) * n
        tets += [np.stack([*low[:k + 1], *high[k:]], axis=1) for k in range(3)]
    tets = np.concatenate(tets)
    turned = np.linalg.det(points[tets[:, 1:]] - points[tets[:, :1]]) < 0
    tets[turned] = tets[turned][:, [0, 2, 1, 3]]
    return points, tets


def strip(nu, nv, closed):
    """Triangles of a grid of ``nu`` by ``nv`` points; the first direction may close on itself."""
    i, j = np.divmod(np.arange((nu if closed else nu - 1) * (nv - 1)), nv - 1)
    a, b, c, d = (((i + di) % nu) * nv + j + dj for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1)))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def cylinder(a_m, b_m, height_m, *, cells=40, layers=3, tissue="muscle"):
    """Elliptic cylinder along z: a square grid, rounded [x sqrt(1 - y^2 / 2), y sqrt(1 - x^2 / 2)]."""
    u, v = (x.ravel() for x in np.meshgrid(*[np.linspace(-1, 1, cells + 1)] * 2, indexing="ij"))
    flat = np.stack([a_m * u * np.sqrt(1 - v**2 / 2), b_m * v * np.sqrt(1 - u**2 / 2)], axis=1)
    points, tets = extruded(flat, strip(cells + 1, cells + 1, False), height_m, layers)
    return Anatomy(points, tets, np.zeros(len(tets), int), ("body",), (tissue,))


def at_the_tips(anatomy, found, a_m, b_m):
    """W/kg at (a, 0) and (0, b): the field is linear, so SAR is p x^2 + q y^2, fitted to all elements."""
    squares = anatomy.centroids_m[:, :2] ** 2
    p, q = np.linalg.lstsq(squares, found.density_w_m3 / RHO, rcond=None)[0]
    return p * a_m**2, q * b_m**2


GAUGES = [None, AMPLITUDE_T * np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])]
"""B x r / 2, and the same field from A = (0, B x, 0)."""


@pytest.mark.parametrize("gauge", GAUGES)
def test_elliptic_cylinder_in_an_axial_field(gauge):
    # E = w B (-a^2 y, b^2 x) / (a^2 + b^2); SAR = sigma |E|^2 / 2 rho
    a, b = 12.5e-3, 9e-3
    body = cylinder(a, b, 3e-3, cells=60)
    found = eddy_power(body, MUSCLE, drive_axis=[0, 0, 1], gauge=gauge, **DRIVE)
    unit = SIGMA * (OMEGA * AMPLITUDE_T) ** 2 / (2 * RHO * (a**2 + b**2) ** 2)
    assert (unit * b**4 * a**2, unit * a**4 * b**2) == pytest.approx((2.922, 5.637), abs=1e-3)
    assert at_the_tips(body, found, a, b) == pytest.approx((2.922, 5.637), rel=0.01)
    assert found.mean_w_kg == pytest.approx(2.140, rel=0.01)


def test_round_mouse_has_6_27_at_its_edge_and_half_of_that_on_average():
    body = cylinder(12.5e-3, 12.5e-3, 3e-3)
    found = eddy_power(body, MUSCLE, drive_axis=[0, 0, 1], **DRIVE)
    assert at_the_tips(body, found, 12.5e-3, 12.5e-3) == pytest.approx((6.27, 6.27), rel=0.01)
    assert found.mean_w_kg == pytest.approx(3.13, rel=0.01)


@pytest.mark.parametrize("gauge", [None, AMPLITUDE_T * np.array([[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0]])])
def test_long_cylinder_across_the_field_carries_current_along_itself(gauge):
    # far from the ends E_z = w B y, so the mean over the ellipse is sigma (w B b / 2)^2 / 2 rho
    a, b = 12.5e-3, 9e-3
    body = cylinder(a, b, 90e-3, cells=20, layers=45)
    found = eddy_power(body, MUSCLE, drive_axis=[1, 0, 0], gauge=gauge, **DRIVE)
    middle = np.abs(body.centroids_m[:, 2]) < 8e-3
    volume = body.volumes_m3[middle]
    mean = found.density_w_m3[middle] @ volume / volume.sum() / RHO
    assert mean == pytest.approx(SIGMA * (OMEGA * AMPLITUDE_T * b / 2) ** 2 / (2 * RHO), rel=0.01)


def ring(radius_m, width_m, names):
    """A ring of square section, one tissue in each half."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    across = radius_m + width_m * np.linspace(-0.5, 0.5, 4)
    flat = (across[None, :, None] * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]).reshape(-1, 2)
    points, tets = extruded(flat, strip(240, 4, True), width_m, 3)
    half = (points[tets].mean(axis=1)[:, 1] > 0).astype(int)
    return Anatomy(points, tets, half, names, names)


def test_ring_of_two_tissues_divides_the_voltage_by_their_complex_conductivities():
    # one current through both halves: |E_1| = w B R |k_2| / |k_1 + k_2|
    # (with real sigma alone, muscle gets 16 % less)
    names = ("muscle", "liver")
    body, tissues = ring(10e-3, 0.6e-3, names), region_tissues(names)
    found = eddy_power(body, tissues, drive_axis=[0, 0, 1], **DRIVE)
    kappa = [t.electrical_conductivity_s_m + 1j * OMEGA * 8.8541878128e-12 * t.relative_permittivity
             for t in tissues]
    y = body.centroids_m[:, 1]
    for at, other, sign in ((0, 1, -1), (1, 0, 1)):
        far = sign * y > 3e-3
        field = OMEGA * AMPLITUDE_T * 10e-3 * abs(kappa[other]) / abs(sum(kappa))
        expected = 0.5 * tissues[at].electrical_conductivity_s_m * field**2
        assert found.density_w_m3[far].mean() == pytest.approx(expected, rel=0.01)


def test_in_nested_tubes_the_field_is_the_same_and_heat_follows_conductivity():
    plain = cylinder(12.5e-3, 12.5e-3, 3e-3)
    inner = (np.hypot(*plain.centroids_m[:, :2].T) < 6e-3).astype(int)
    names = ("muscle", "fat")
    body = Anatomy(plain.points_m, plain.tets, inner, names, names)
    tissues = region_tissues(names)
    found = eddy_power(body, tissues, drive_axis=[0, 0, 1], **DRIVE)
    sigma = np.array([t.electrical_conductivity_s_m for t in tissues])[inner]
    r = np.hypot(*body.centroids_m[:, :2].T)
    power = 0.5 * sigma * (OMEGA * AMPLITUDE_T * r / 2) ** 2 * body.volumes_m3
    for region in (0, 1):
        mine = (found.density_w_m3 * body.volumes_m3)[inner == region].sum()
        assert mine == pytest.approx(power[inner == region].sum(), rel=0.02)


def test_load_holds_all_the_power_and_amplitude_enters_squared():
    body = cylinder(12.5e-3, 9e-3, 3e-3, cells=8)
    found = eddy_power(body, MUSCLE, drive_axis=[0, 0, 1], **DRIVE)
    assert found.load_w.sum() == pytest.approx(found.density_w_m3 @ body.volumes_m3, rel=1e-12)
    assert found.power_w == pytest.approx(found.mean_w_kg * RHO * body.volumes_m3.sum(), rel=1e-12)
    half = found.scaled(AMPLITUDE_T / 2)
    again = eddy_power(body, MUSCLE, frequency_hz=354e3, amplitude_t=AMPLITUDE_T / 2, drive_axis=[0, 0, 1])
    for key in ("power_w", "mean_w_kg", "local_w_kg", "amplitude_t"):
        assert getattr(half, key) == pytest.approx(getattr(again, key), rel=1e-5)


def test_local_value_lies_between_mean_and_highest():
    found = eddy_power(cylinder(12.5e-3, 9e-3, 3e-3), MUSCLE, drive_axis=[0, 0, 1], **DRIVE)
    assert found.mean_w_kg < 5.0 < found.local_w_kg < found.density_w_m3.max() / RHO


def test_no_convergence_is_an_error_with_iterations_and_residual(monkeypatch):
    monkeypatch.setattr(eddy, "_MOST_ITERATIONS", 3)
    with pytest.raises(SolverError, match="3 iterations left a relative residual of"):
        eddy_power(cylinder(12.5e-3, 9e-3, 3e-3, cells=8), MUSCLE, drive_axis=[0, 0, 1], **DRIVE)


@pytest.mark.parametrize(("changed", "said"), [
    ({"amplitude_t": 0.0}, "above zero"), ({"frequency_hz": -1.0}, "above zero"),
    ({"drive_axis": [0, 0, 0]}, "drive axis")])
def test_what_cannot_be_used_is_named(changed, said):
    drive = {"drive_axis": [0, 0, 1]} | DRIVE | changed
    with pytest.raises(InputError, match=said):
        eddy_power(cylinder(1e-2, 1e-2, 1e-2, cells=2), MUSCLE, **drive)


def test_one_tissue_a_region_is_due():
    with pytest.raises(InputError, match="expected 1 tissues, got 0"):
        eddy_power(cylinder(1e-2, 1e-2, 1e-2, cells=2), (), drive_axis=[0, 0, 1], **DRIVE)
