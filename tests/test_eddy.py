"""Eddy currents against closed forms: cylinders along and across the field, and a ring of two tissues."""

import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.anatomy.tissue import region_tissues
from thermoplan.base.errors import InputError, SolverError
from thermoplan.power import eddy
from thermoplan.power.eddy import eddy_power, field_potential_t_m, induced_power
from thermoplan.validate.bodies import cylinder, extrude, triangles
from thermoplan.validate.eddy_rows import at_the_tips

OMEGA, AMPLITUDE_T = 2 * np.pi * 354e3, 13e-3
MUSCLE = region_tissues(["muscle"])
SIGMA, RHO = MUSCLE[0].electrical_conductivity_s_m, MUSCLE[0].density_kg_m3
DRIVE = {"frequency_hz": 354e3, "amplitude_t": AMPLITUDE_T}


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


def test_a_potential_of_a_field_has_that_field_as_its_curl_whatever_its_centre():
    def field(p):  # curl and divergence are zero: the gradient of x z^2 - x^3 / 3 + 2 y z
        x, y, z = p.T
        return np.stack([z * z - x * x, 2 * z, 2 * x * z + 2 * y], axis=1)

    points, step = np.random.default_rng(0).uniform(-1, 1, (20, 3)), 1e-5
    for center in (np.zeros(3), np.array([0.3, -0.5, 0.2])):
        slope = np.array(
            [
                (
                    field_potential_t_m(field, points + step * e, center)
                    - field_potential_t_m(field, points - step * e, center)
                )
                / (2 * step)
                for e in np.eye(3)
            ]
        )
        curl = np.stack(
            [slope[1, :, 2] - slope[2, :, 1], slope[2, :, 0] - slope[0, :, 2], slope[0, :, 1] - slope[1, :, 0]], axis=1
        )
        assert curl == pytest.approx(field(points), abs=1e-8)


def test_a_uniform_field_given_as_a_profile_heats_as_the_uniform_field():
    body = cylinder(12.5e-3, 9e-3, 3e-3, cells=12)
    potential = field_potential_t_m(lambda p: np.tile([0, 0, AMPLITUDE_T], (len(p), 1)), body.centroids_m)
    found = induced_power(body, MUSCLE, potential_t_m=potential, **DRIVE)
    plain = eddy_power(body, MUSCLE, drive_axis=[0, 0, 1], **DRIVE)
    assert found.load_w == pytest.approx(plain.load_w, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("center_m", [(0.0, 0.0, 0.0), (20e-3, 5e-3, 0.0)], ids=["centred", "another gauge"])
def test_thin_disc_in_a_drive_that_changes_sign_across_it(center_m):
    # B_z = g x (and B_x = g z, for a field without curl): currents flow round psi = -i w sigma g x (r^2 - a^2) / 8,
    # which vanishes on the edge, so |E|^2 averages w^2 g^2 a^4 / 96 over the disc: 5 <r^4> - 4 a^2 <r^2> + a^4, over 64
    a, g = 12.5e-3, 1.0
    body = cylinder(a, a, 0.6e-3, cells=60, layers=2)

    def field(p):
        return g * np.stack([p[:, 2], np.zeros(len(p)), p[:, 0]], axis=1)

    potential = field_potential_t_m(field, body.centroids_m, np.array(center_m))
    found = induced_power(body, MUSCLE, potential_t_m=potential, **DRIVE)
    assert found.mean_w_kg == pytest.approx(SIGMA * (OMEGA * g * a**2) ** 2 / (192 * RHO), rel=0.01)


def ring(radius_m, width_m, names):
    """A ring of square section, one tissue in each half."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    across = radius_m + width_m * np.linspace(-0.5, 0.5, 4)
    flat = (across[None, :, None] * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]).reshape(-1, 2)
    return extrude(
        flat,
        triangles(240, 4, closed=True),
        np.linspace(0, width_m, 4),
        names=names,
        region_of=lambda middle: (middle[:, 1] > 0).astype(int),
    )


def test_ring_of_two_tissues_divides_the_voltage_by_their_complex_conductivities():
    # one current through both halves: |E_1| = w B R |k_2| / |k_1 + k_2|
    # (with real sigma alone, muscle gets 16 % less)
    names = ("muscle", "liver")
    body, tissues = ring(10e-3, 0.6e-3, names), region_tissues(names)
    found = eddy_power(body, tissues, drive_axis=[0, 0, 1], **DRIVE)
    kappa = [t.electrical_conductivity_s_m + 1j * OMEGA * 8.8541878128e-12 * t.relative_permittivity for t in tissues]
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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amplitude_t": 0.0}, "above zero"),
        ({"frequency_hz": -1.0}, "above zero"),
        ({"drive_axis": [0, 0, 0]}, "drive axis"),
    ],
)
def test_what_cannot_be_used_is_named(changed, said):
    drive = {"drive_axis": [0, 0, 1]} | DRIVE | changed
    with pytest.raises(InputError, match=said):
        eddy_power(cylinder(1e-2, 1e-2, 1e-2, cells=2), MUSCLE, **drive)


def test_one_tissue_a_region_is_due():
    with pytest.raises(InputError, match="expected 1 tissues, got 0"):
        eddy_power(cylinder(1e-2, 1e-2, 1e-2, cells=2), (), drive_axis=[0, 0, 1], **DRIVE)
