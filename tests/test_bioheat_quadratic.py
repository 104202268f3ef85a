"""Quadratic elements in time: against scikit-fem, matrix exponentials, closed forms, finer linear meshes; energy."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import RHO, C, box, load_of, problem, quadratic_system, rising_law
from scipy.integrate import solve_ivp
from scipy.linalg import expm, solve
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.bioheat import (
    Boundary,
    CheckpointPolicy,
    EnergyAudit,
    Segment,
    TemperatureCourse,
    evolve_implicit,
    feedback_of,
    play_sequence,
    settle,
    thermal_system,
)
from thermoplan.fem import quadratic
from thermoplan.fem.quadratic import quadratic_space
from thermoplan.validate import balance
from thermoplan.validate.manufactured import _quadratic_load

BED = Boundary("dirichlet", temperature_c=38.0, normal=(0, -1, 0))


def even(mesh, q_w_m3):
    return quadratic_space(mesh).load(np.full(len(mesh.tets), q_w_m3))


def uneven():
    """A block whose nodes lie anywhere near their places."""
    mesh = box((3, 3, 4), (0.01, 0.012, 0.016))
    moved = mesh.points_m + np.random.default_rng(0).normal(size=mesh.points_m.shape) * 2e-4
    return Anatomy(moved, mesh.tets, mesh.region, mesh.region_names, mesh.tissue_names)


def test_matrices_are_those_of_another_library():
    from skfem import Basis, BilinearForm, ElementTetP0, ElementTetP2, FacetBasis, MeshTet
    from skfem.helpers import dot, grad

    mesh, rng = uneven(), np.random.default_rng(1)
    k, w = rng.uniform(0.2, 0.6, len(mesh.tets)), rng.uniform(1e3, 1e4, len(mesh.tets))
    ours, h = quadratic_space(mesh), rng.uniform(5.0, 50.0, len(mesh.outer))
    found = ours.stiffness(k) + ours.mass(w) + ours.facet_mass(mesh.outer, h)
    grid = MeshTet(*(np.ascontiguousarray(a.T) for a in (mesh.points_m, mesh.tets)), sort_t=False)
    inside, skin = Basis(grid, ElementTetP2()), FacetBasis(grid, ElementTetP2())
    facets = np.sort(grid.facets[:, skin.find], axis=0).T.tolist()
    number = {tuple(triangle): i for i, triangle in enumerate(np.sort(mesh.outer, axis=1).tolist())}
    h = h[[number[tuple(triangle)] for triangle in facets]]
    theirs = BilinearForm(lambda u, v, p: p.k * dot(grad(u), grad(v)) + p.w * u * v).assemble(
        inside,
        k=inside.with_element(ElementTetP0()).interpolate(k),
        w=inside.with_element(ElementTetP0()).interpolate(w),
    )
    theirs = theirs + BilinearForm(lambda u, v, p: h[:, None] * u * v).assemble(skin)
    apart, which = cKDTree(inside.doflocs.T).query(ours.points_m)
    assert apart.max() < 1e-12 and sorted(which) == list(range(ours.n))
    assert abs(found - csr_array(theirs)[which][:, which]).max() < 1e-13 * abs(found).max()


def test_nodes_keep_their_numbers_and_middles_follow():
    mesh = quadratic_space(uneven())
    nodes = mesh.anatomy.points_m
    assert (mesh.points_m[: len(nodes)] == nodes).all()
    assert (mesh.cells[:, :4] == mesh.anatomy.tets).all()
    middles = nodes[mesh.anatomy.tets[:, quadratic.EDGES]].mean(axis=2)
    assert mesh.points_m[mesh.cells[:, 4:]] == pytest.approx(middles, abs=1e-15)
    outer = mesh.anatomy.outer
    assert mesh.points_m[mesh.facet_unknowns(outer)[:, 3:]] == pytest.approx(
        nodes[outer[:, quadratic.SIDES]].mean(axis=2)
    )


@pytest.fixture(scope="module")
def body():
    """Two tissues, skin in air and a bed, blood as a state: small enough for dense matrices."""
    mesh = box((3, 3, 3), (0.012, 0.012, 0.012), lambda c: (c[:, 0] > 0.008).astype(int), ("a", "b"))
    system = quadratic_system(
        problem(
            mesh,
            k=[0.5, 0.2],
            perfusion=[4e3, 6e4],
            metabolic=[1e3, 5e3],
            core="pool",
            boundaries=(Boundary("robin", 10.0, 25.0), BED),
            blood_j_k=4.0,
        )
    )
    ours = quadratic_space(mesh)
    one, two = (
        ours.load(np.where(np.arange(len(mesh.tets)) // 30 == part, q, 0.0)) for part, q in ((2, 1e6), (3, 2e6))
    )
    return mesh, system, one, two


def test_dwells_and_rests_match_matrix_exponentials_at_the_very_times_that_were_asked_for(body):
    _, system, one, two = body
    pieces = [Segment(one, 9.0), Segment(two, 4.3), Segment(0.0 * one, 30.0)]
    asked = [2.0, 9.0, 11.7, 13.3, 20.0]
    mass, k = system.mass_j_k.toarray(), system.stiffness.toarray()
    history = list(evolve_implicit(system, pieces, asked, tolerance_k=1e-5))
    assert [t for t, _ in history] == pytest.approx([0.0, *asked, 43.3], abs=1e-12)
    assert history[0][0] == 0.0 and history[-1][0] == 43.3
    rise, clock, exact = np.zeros(system.n_dof), 0.0, {}
    for piece in pieces:
        steady = solve(k, system.loads(piece.load_w))
        for t in [*asked, 43.3]:
            if clock < t <= clock + piece.duration_s + 1e-9:
                exact[t] = steady + expm(-solve(mass, k) * (t - clock)) @ (rise - steady)
        clock = round(clock + piece.duration_s, 9)
        rise = exact[clock]
    worst = max(abs(T - system.base_c - exact[round(t, 9)]).max() for t, T in history[1:])
    print("largest error", worst, "K of", max(abs(theta).max() for theta in exact.values()))
    assert worst < 1e-4
    assert all((T[system.held] == 38.0).all() for _, T in history)


def test_tissue_and_blood_follow_the_two_node_closed_form():
    # s = W (1/C_t + 1/C_b); theta_t - theta_b = P / (C_t s) (1 - e^{-s t}); C_t theta_t + C_b theta_b = P t
    mesh, w, q, blood = box((2, 2, 2), (0.02, 0.02, 0.02)), 2e4, 4e4, 4.5
    capacity, total, power = RHO * C * 8e-6, w * 8e-6, q * 8e-6
    system = quadratic_system(problem(mesh, perfusion=w, core="pool", blood_j_k=blood))
    s = total * (1.0 / capacity + 1.0 / blood)
    for time, temperature in play_sequence(system, [Segment(even(mesh, q), 900.0)], [20.0, 300.0]):
        apart = power / (capacity * s) * -np.expm1(-s * time)
        core = (power * time - capacity * apart) / (capacity + blood)
        assert temperature[:-1] - 37.0 == pytest.approx(np.full(system.n_nodes, core + apart), abs=1e-3)
        assert temperature[-1] - 37.0 == pytest.approx(core, abs=1e-3)
        assert np.ptp(temperature[:-1]) < 1e-4


@pytest.mark.parametrize("core", ["pool", "fixed"])
@pytest.mark.parametrize("bed", [(), (BED,)])
def test_energy_closes_at_every_step(core, bed):
    mesh = box((3, 3, 3), (0.012, 0.012, 0.012))
    system = quadratic_system(
        problem(
            mesh,
            perfusion=4e3,
            metabolic=1e3,
            core=core,
            blood_j_k=4.0,
            boundaries=(Boundary("robin", 10.0, 25.0), *bed),
        )
    )
    one, two = (
        quadratic_space(mesh).load(np.where(np.arange(len(mesh.tets)) // 20 == part, q, 0.0))
        for part, q in ((3, 4e5), (4, 1e6))
    )
    pieces = [Segment(one, 30.0), *[Segment(one, 0.7), Segment(two, 1.1)] * 4, Segment(0.0 * one, 60.0)]
    found = balance.balance(system, pieces, engine=evolve_implicit, tolerance_k=1e-2)
    print("energy_balance_rel", found)
    assert found < 1e-11


def warm(points):
    """A warm place off the middle of a cube of 12 mm, W/m3."""
    away = points - np.array([0.005, 0.006, 0.007])
    return 3e6 * np.exp(-(away**2).sum(axis=-1) / 0.0025**2)


def test_they_beat_linear_elements_of_half_the_size():
    # 30 s of a warm place in perfused tissue in air, at the 2,197 nodes of the coarsest mesh; order two of linear
    # elements takes the error of 24 and 36 bricks a side to none
    found, time_s = {}, 30.0
    case = {"perfusion": 2e4, "boundaries": (Boundary("robin", 10.0, 25.0),)}
    for n in (12, 24, 36):
        mesh = box((n, n, n), (0.012, 0.012, 0.012))
        system = thermal_system(problem(mesh, **case))
        *_, (_, end) = play_sequence(system, [Segment(load_of(mesh, warm), time_s)], [])
        at = mesh.points_m * 12 / 0.012
        common = np.flatnonzero((abs(at - at.round()) < 1e-6).all(axis=1))
        order = np.lexsort(at[common].round().T)
        found[n] = (end - system.base_c)[common][order]
    mesh = box((12, 12, 12), (0.012, 0.012, 0.012))
    system = quadratic_system(problem(mesh, **case))
    *_, (_, end) = evolve_implicit(system, [Segment(_quadratic_load(mesh, lambda p, _: warm(p)), time_s)], [])
    ours = (end - system.base_c)[: len(mesh.points_m)][np.lexsort((mesh.points_m * 12 / 0.012).round().T)]
    best = found[36] + (found[36] - found[24]) / (1.5**2 - 1.0)
    errors = [float(abs(rise - best).max()) for rise in (found[12], found[24], ours)]
    print("linear 12 and 24 bricks a side, quadratic 12:", errors, "K of", best.max())
    assert best.max() > 5.0
    assert errors[2] < 0.5 * errors[1] < 0.2 * errors[0]


def test_a_held_and_a_cooled_face_of_a_slab_have_the_profile_of_a_hyperbolic_cosine():
    # before heating, T - 37 = -12 factor cosh(lam x): 12 mm of which x = 12 mm is at 25 degC, or cooled to it
    w, h, a, k = 2e4, 40.0, 0.012, 0.5
    mesh = box((6, 1, 1), (a, 0.002, 0.002))
    face = mesh.outer[(mesh.points_m[mesh.outer][:, :, 0] > a - 1e-9).all(axis=1)]
    lam = np.sqrt(w / k)
    cosh, sinh = np.cosh(lam * a), np.sinh(lam * a)
    for kind, factor in (("dirichlet", 1.0 / cosh), ("robin", h / (h * cosh + k * lam * sinh))):
        system = quadratic_system(problem(mesh, perfusion=w, boundaries=(Boundary(kind, h, 25.0, face),)))
        x = quadratic_space(mesh).points_m[:, 0]
        exact = -12.0 * factor * np.cosh(lam * x)
        print(kind, abs(system.base_c - 37.0 - exact).max())
        assert system.base_c - 37.0 == pytest.approx(exact, abs=1e-3 * 12.0)


def ready(case):
    system = quadratic_system(case)
    feedback = feedback_of(case, system)
    return settle(system, feedback), feedback


def test_perfusion_that_follows_temperature_and_mixed_blood_are_two_ordinary_equations():
    # C_t T' = P - V W(T) (T - B), C_b B' = V W(T) (T - B), without gradients
    mesh, q, blood, volume = box((2, 2, 2), (0.01, 0.01, 0.01)), 1.2e5, 4.5, 1e-6
    system, feedback = ready(problem(mesh, perfusion=1e4, core="pool", blood_j_k=blood, laws={"tissue": rising_law}))

    def rates(_, state):
        drawn = volume * rising_law(state[0]) * (state[0] - state[1])
        return [(q * volume - drawn) / (RHO * C * volume), drawn / blood]

    exact = solve_ivp(rates, (0.0, 600.0), [37.0, 37.0], rtol=1e-10, atol=1e-10).y[:, -1]
    *_, (_, found) = play_sequence(system, [Segment(even(mesh, q), 600.0)], [], feedback=feedback)
    assert found[:-1] == pytest.approx(np.full(system.n_nodes, exact[0]), abs=3e-3)
    assert found[-1] == pytest.approx(exact[1], abs=3e-4)


def test_layered_skin_with_radiation_settles_at_the_published_benchmark():
    # DB-3, as in test_bioheat_feedback, with a seventh of the elements: 309.4516 K on the skin
    n = 7
    mesh = box((n, 1, 1), (4.9e-3, 1e-3, 1e-3), None, ("a",))
    points = mesh.points_m.copy()
    points[:, 0] = np.interp(
        points[:, 0], np.linspace(0, 4.9e-3, n + 1), [0, 1.2e-3, 2.4e-3, 3.6e-3, 4.2e-3, 4.8e-3, 4.85e-3, 4.9e-3]
    )
    middle = points[mesh.tets].mean(axis=1)[:, 0]
    names = ("a", "b", "c")
    mesh = Anatomy(points, mesh.tets, np.searchsorted([3.6e-3, 4.8e-3], middle), names, names)
    side = mesh.points_m[mesh.outer][:, :, 0]
    top, bottom = (mesh.outer[(np.abs(side - x) < 1e-9).all(axis=1)] for x in (4.9e-3, 0.0))
    w = 0.038 * 3.9962e6
    system, _ = ready(
        problem(
            mesh,
            k=[0.16, 0.37, 0.21],
            perfusion=[w, w, 0.0],
            metabolic=368.1,
            boundaries=(Boundary("robin", 5.0, 24.0, top, emissivity=0.98), Boundary("dirichlet", 0.0, 37.0, bottom)),
        )
    )
    skin_k = system.base_c[quadratic_space(mesh).points_m[:, 0] > 4.9e-3 - 1e-9].mean() + 273.15
    print("skin", skin_k, "K")
    assert skin_k == pytest.approx(309.4516, abs=1e-3)


def test_every_kind_of_surroundings_at_once_closes_its_energy_and_goes_on_from_a_mark():
    mesh = box((3, 3, 3), (0.012, 0.012, 0.012))
    air = TemperatureCourse([0.0, 120.0], [25.0, 30.0])
    system, feedback = ready(
        problem(
            mesh,
            perfusion=1e4,
            metabolic=1e3,
            core="pool",
            blood_j_k=4.0,
            laws={"tissue": rising_law},
            boundaries=(
                Boundary("robin", 5.0, 25.0, emissivity=0.98, course=air),
                Boundary("robin", 100.0, 37.0, normal=(0, -1, 0)),
            ),
        )
    )
    load = quadratic_space(mesh).load(np.where(np.arange(len(mesh.tets)) // 20 == 3, 4e6, 0.0))
    pieces, times, marks = [Segment(load, 40.0), Segment(0.0 * load, 20.0)], np.arange(0.0, 60.0, 5.0), []
    audit = EnergyAudit(system, pieces)
    whole = list(
        play_sequence(
            system, pieces, times, feedback=feedback, ledger=audit, keeping=CheckpointPolicy(mark=marks.append)
        )
    )
    print("energy_balance_rel", audit.balance_rel, "hottest", max(T.max() for _, T in whole))
    assert max(T.max() for _, T in whole) > 45.0
    assert audit.balance_rel < 1e-6
    left = list(
        play_sequence(system, pieces, times, feedback=feedback, keeping=CheckpointPolicy(start=marks[len(marks) // 2]))
    )[1:]
    assert len(left) > 3
    assert max(abs(a - b).max() for (_, a), (_, b) in zip(left, whole[-len(left) :], strict=True)) < 1e-9
