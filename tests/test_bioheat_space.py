"""Steady heat against closed forms of physics.md section 7, and the state before heating."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import BLOOD, box, octant, outer_sphere, problem

from thermoplan.base.errors import InputError
from thermoplan.bioheat import Boundary, steady_rise, thermal_system
from thermoplan.fem import linear

R, Q, K = 5e-3, 1e5, 0.5


def sphere_rise(anatomy, w_1_s, k=(K, K)):
    """Rise at the nodes; the outer surface sheds exactly what exp(-lam r)/r sheds there."""
    w_in, w_out = np.broadcast_to(w_1_s, 2)
    lam = np.sqrt(w_out * BLOOD / k[1])
    edge = np.linalg.norm(anatomy.points_m, axis=1).max()
    skin = Boundary("robin", k[1] * (lam + 1.0 / edge), 37.0, outer_sphere(anatomy))
    case = problem(anatomy, k=k, perfusion=np.array([w_in, w_out]) * BLOOD, boundaries=(skin,))
    load = linear.lumped_load(anatomy, np.where(anatomy.region == 0, Q, 0.0))
    return steady_rise(thermal_system(case), load)


def exact_sphere(r, w_1_s: float):
    lam = np.sqrt(w_1_s * BLOOD / K)
    r = np.maximum(r, 1e-9)
    inside = 1.0 - (1.0 + lam * R) * np.exp(-lam * R) * np.sinh(lam * r) / (lam * r)
    outside = (lam * R * np.cosh(lam * R) - np.sinh(lam * R)) * np.exp(-lam * r) / (lam * r)
    return Q / (K * lam**2) * np.where(r <= R, inside, outside)


def test_the_sphere_is_approached_with_order_two():
    errors, sizes = [], []
    for h in (1.25e-3, 0.625e-3, 0.4e-3):
        mesh = octant(R, 3 * R, h, 2 * h)
        rise = sphere_rise(mesh, 5e-3)
        gap = rise - exact_sphere(np.linalg.norm(mesh.points_m, axis=1), 5e-3)
        errors.append(np.sqrt(mesh.node_volumes_m3 @ gap**2))
        sizes.append(len(mesh.points_m) ** (-1 / 3))
    order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    print("L2 errors", errors, "order", order)
    assert 1.8 < order < 2.6


def slab(n=24):
    """Half of a slab of 2 a = 24 mm: x = 0 is its plane of symmetry, x = 12 mm its face."""
    mesh = box((n, 2, 2), (0.012, 0.002, 0.002))
    face = mesh.outer[(mesh.points_m[mesh.outer][:, :, 0] > 0.012 - 1e-9).all(axis=1)]
    return mesh, face


@pytest.mark.parametrize("kind", ["dirichlet", "robin"])
def test_a_perfused_slab_has_the_profile_of_a_hyperbolic_cosine(kind):
    # theta = Q/W (1 - cosh(lam x)/cosh(lam a)), or with k theta' + h theta = 0 at a the factor
    # 1/cosh(lam a) becomes h / (h cosh(lam a) + k lam sinh(lam a))
    mesh, face = slab()
    w, h, a = 5e-3 * BLOOD, 40.0, 0.012
    case = problem(mesh, perfusion=w, boundaries=(Boundary(kind, h, 37.0, face),))
    rise = steady_rise(thermal_system(case), linear.lumped_load(mesh, np.full(len(mesh.tets), Q)))
    lam = np.sqrt(w / K)
    factor = {"dirichlet": 1 / np.cosh(lam * a), "robin": h / (h * np.cosh(lam * a) + K * lam * np.sinh(lam * a))}[kind]
    exact = Q / w * (1.0 - factor * np.cosh(lam * mesh.points_m[:, 0]))
    print(kind, "largest error", abs(rise - exact).max(), "of", exact.max())
    assert abs(rise - exact).max() < 2e-3 * exact.max()


def test_the_animal_before_heating_is_at_its_core_temperature_where_blood_is_plentiful():
    # T - T_a = (T_inf - T_a) h cosh(lam x) / (h cosh(lam a) + k lam sinh(lam a)), T_a = 37, T_inf = 25 degC
    mesh, face = slab()
    w, h, a = 5e-3 * BLOOD, 10.0, 0.012
    case = problem(mesh, perfusion=w, boundaries=(Boundary("robin", h, 25.0, face),))
    lam = np.sqrt(w / K)
    whole = h * np.cosh(lam * a) + K * lam * np.sinh(lam * a)
    exact = -12.0 * h * np.cosh(lam * mesh.points_m[:, 0]) / whole
    assert thermal_system(case).base_c == pytest.approx(37.0 + exact, abs=0.01)


def test_thermoregulation_makes_up_for_what_the_skin_loses_beyond_metabolism():
    # steady: skin loss = metabolic heat + P_th, with the loss taken from facets
    mesh, face = slab()
    case = problem(
        mesh,
        perfusion=2e4,
        metabolic=5e3,
        boundaries=(Boundary("robin", 10.0, 25.0, face),),
        core="pool",
        blood_j_k=4.0,
    )
    system = thermal_system(case)
    a, b, c = np.moveaxis(mesh.points_m[face], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0
    lost = (10.0 * area * (system.base_c[face].mean(axis=1) - 25.0)).sum()
    assert system.base_c[-1] == 37.0
    assert system.thermoregulation_w + 5e3 * mesh.volumes_m3.sum() == pytest.approx(lost, rel=1e-9)


def test_the_blood_border_is_symmetric_and_conserves_heat():
    mesh, _ = slab(6)
    k = thermal_system(problem(mesh, perfusion=2e4, core="pool", blood_j_k=4.0)).stiffness
    assert abs(k - k.T).max() < 1e-15 * abs(k).max()
    assert abs(k.sum(axis=0)).max() < 1e-12 * abs(k).max()


def test_a_bed_holds_only_the_skin_that_faces_it():
    mesh = box((4, 4, 4), (0.01, 0.01, 0.01))
    bed = Boundary("dirichlet", temperature_c=38.0, normal=(0, -1, 0))
    system = thermal_system(problem(mesh, perfusion=1e3, boundaries=(Boundary("robin", 10.0, 25.0), bed)))
    assert set(system.held) == set(np.flatnonzero(mesh.points_m[:, 1] < 1e-9))
    assert (system.base_c[system.held] == 38.0).all()


def test_bad_coefficients_are_all_named_with_their_region():
    mesh = box((1, 1, 1), (0.01, 0.01, 0.01), names=("liver",))
    with pytest.raises(InputError) as caught:
        problem(mesh, k=-0.5, perfusion=-1.0, core="pool")
    assert caught.value.complaints == (
        "liver: conductivity = -0.5 W/m/K: expected more than zero",
        "liver: perfusion = -1 W/m^3/K: expected zero or more",
        "blood capacity = 0.0 J/K: expected more than zero, such as 4.5",
    )


def test_metabolic_heat_with_nowhere_to_go_is_refused():
    mesh = box((1, 1, 1), (0.01, 0.01, 0.01))
    with pytest.raises(InputError, match="unreachable"):
        thermal_system(problem(mesh, metabolic=1e3))


def test_triangles_inside_the_body_are_not_a_boundary():
    mesh = box((2, 2, 2), (0.01, 0.01, 0.01))
    with pytest.raises(InputError, match="1 of 1 triangles are not on the outer surface"):
        thermal_system(problem(mesh, boundaries=(Boundary("robin", 1.0, 25.0, [[0, 13, 26]]),)))


@pytest.mark.parametrize(
    ("given", "says"),
    [({"kind": "windy"}, 'kind = "windy"'), ({"kind": "robin", "heat_transfer_w_m2_k": -1.0}, "-1.0 W/m.2/K")],
)
def test_a_boundary_that_cannot_be_is_refused(given, says):
    with pytest.raises(InputError, match=says):
        Boundary(**given)
