"""What a problem says of its surroundings: radiation, air and cores that follow a course, perfusion laws, beds."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import RHO, C, box, problem, rising_law
from scipy.integrate import solve_ivp

from thermoplan.base.errors import InputError
from thermoplan.bioheat import (
    Boundary,
    EnergyAudit,
    Segment,
    TemperatureCourse,
    feedback_of,
    play_sequence,
    settle,
    thermal_system,
)
from thermoplan.fem import linear

SIGMA = 5.670374419e-8
CUBE_M2, CUBE_J_K = 6e-4, RHO * C * 1e-6


def ready(case):
    """System in the steady state before heating, and what feeds back into it."""
    system = thermal_system(case)
    feedback = feedback_of(case, system)
    return (system if feedback is None else settle(system, feedback)), feedback


def played(case, pieces, times, **more):
    system, feedback = ready(case)
    return list(play_sequence(system, pieces, times, feedback=feedback, **more))


def cube(**more):
    """1 cm3 in which heat spreads at once."""
    return problem(box((2, 2, 2), (0.01, 0.01, 0.01)), k=5000.0, **more)


def test_a_body_cools_by_radiation_to_walls_colder_than_the_air():
    # C T' = P - A [h (T - 25) + eps sigma (T^4 - T_wall^4)], walls at 10 degC, from its steady state at P = 0
    case = cube(boundaries=(Boundary("robin", 3.0, 25.0, emissivity=0.9, surroundings_c=10.0),))

    def loss(t):
        return CUBE_M2 * (3.0 * (t - 25.0) + 0.9 * SIGMA * ((t + 273.15) ** 4 - 283.15**4))

    system, feedback = ready(case)
    assert abs(loss(system.base_c[0])) < 1e-9
    load = linear.lumped_load(case.anatomy, np.full(len(case.anatomy.tets), 1e5))
    exact = solve_ivp(
        lambda _, t: (0.1 - loss(t)) / CUBE_J_K,
        (0.0, 900.0),
        system.base_c[:1],
        t_eval=[300.0, 900.0],
        rtol=1e-10,
        atol=1e-10,
    ).y[0]
    assert exact[1] - system.base_c[0] > 10.0
    for (_, found), t in zip(
        play_sequence(system, [Segment(load, 900.0)], [300.0], feedback=feedback), [None, *exact], strict=True
    ):
        assert t is None or found == pytest.approx(np.full(len(found), t), abs=5e-3)


def test_air_that_warms_reaches_only_the_skin_that_it_touches():
    # one of the cube's six faces is on a bed at 30 degC: C T' = h A (air - T) + h_bed A_bed (30 - T)
    course = TemperatureCourse([0.0, 600.0], [25.0, 31.0])
    bed = Boundary("robin", 200.0, 30.0, normal=(0, -1, 0))
    case = cube(boundaries=(Boundary("robin", 100.0, 25.0, course=course), bed))
    skin, bed = 100.0 * 5e-4, 200.0 * 1e-4
    start = (skin * 25.0 + bed * 30.0) / (skin + bed)
    exact = solve_ivp(
        lambda s, t: (skin * (25.0 + 0.01 * s - t) + bed * (30.0 - t)) / CUBE_J_K,
        (0.0, 300.0),
        [start],
        t_eval=[60.0, 300.0],
        rtol=1e-10,
        atol=1e-10,
    ).y[0]
    rest = Segment(np.zeros(len(case.anatomy.points_m)), 300.0)
    found = played(case, [rest], [60.0])
    for (_, temperature), t in zip(found, [start, *exact], strict=True):
        assert temperature == pytest.approx(np.full(len(temperature), t), abs=5e-3)


def test_tissue_under_a_law_follows_a_core_that_is_given():
    # rho c T' = q - W(T) (T - B(t)): perfusion triples at 41.5 degC while the core falls from 37 to 34 degC
    course = TemperatureCourse([0.0, 600.0], [37.0, 34.0])
    case = cube(perfusion=1e4, core_course=course, laws={"tissue": rising_law})
    load = linear.lumped_load(case.anatomy, np.full(len(case.anatomy.tets), 1.2e5))
    exact = solve_ivp(
        lambda s, t: (1.2e5 - rising_law(t) * (t - 37.0 + 0.005 * s)) / (RHO * C),
        (0.0, 600.0),
        [37.0],
        t_eval=[200.0, 600.0],
        rtol=1e-10,
        atol=1e-10,
    ).y[0]
    assert exact.max() > 41.0
    for (_, found), t in zip(played(case, [Segment(load, 600.0)], [200.0])[1:], exact, strict=True):
        assert found == pytest.approx(np.full(len(found), t), abs=5e-3)


def test_thermoregulation_makes_up_for_what_is_radiated_and_what_a_law_lets_through():
    # steady: metabolic heat + P_th is what convection and radiation shed, node by node of the skin
    mesh = box((4, 4, 4), (0.012, 0.012, 0.012))
    case = problem(
        mesh,
        perfusion=5e3,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        laws={"tissue": rising_law},
        boundaries=(Boundary("robin", 5.0, 25.0, emissivity=0.98),),
    )
    unlit, system = thermal_system(case), ready(case)[0]
    areas = linear.lumped_facet_load(mesh, mesh.outer, np.ones(len(mesh.outer)))
    skin_c = system.base_c[:-1]
    lost_w = areas @ (5.0 * (skin_c - 25.0) + 0.98 * SIGMA * ((skin_c + 273.15) ** 4 - 298.15**4))
    assert system.base_c[-1] == 37.0 and abs(skin_c - unlit.base_c[:-1]).max() > 0.1
    assert system.thermoregulation_w + 1e3 * mesh.volumes_m3.sum() == pytest.approx(lost_w, rel=1e-7)


def test_energy_closes_with_every_kind_of_surroundings_at_once():
    mesh = box((6, 6, 6), (0.012, 0.012, 0.012))
    air = TemperatureCourse([0.0, 120.0], [25.0, 30.0])
    boundaries = (
        Boundary("robin", 5.0, 25.0, emissivity=0.98, course=air),
        Boundary("robin", 100.0, 37.0, normal=(0, -1, 0)),
    )
    case = problem(
        mesh,
        perfusion=1e4,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        laws={"tissue": rising_law},
        boundaries=boundaries,
    )
    system, feedback = ready(case)
    load = np.zeros(system.n_nodes)
    load[[171, 172]] = 0.03
    pieces = [Segment(load, 60.0), Segment(0.0 * load, 60.0)]
    audit = EnergyAudit(system, pieces)
    for _ in play_sequence(system, pieces, np.arange(0.0, 120.0, 10.0), feedback=feedback, ledger=audit):
        pass
    print("energy_balance_rel", audit.balance_rel)
    assert audit.balance_rel < 1e-6


def test_a_problem_without_laws_courses_or_radiation_feeds_nothing_back():
    case = cube(boundaries=(Boundary("robin", 10.0, 25.0), Boundary("dirichlet", 0.0, 38.0, normal=(0, -1, 0))))
    assert feedback_of(case, thermal_system(case)) is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "robin", "emissivity": 1.2}, "emissivity = 1.2: expected 0 to 1"),
        ({"kind": "dirichlet", "emissivity": 0.9}, 'kind = "dirichlet": expected "robin"'),
        (
            {"kind": "robin", "temperature_c": 20.0, "course": TemperatureCourse([0, 1], [25, 26])},
            "at the start, 25 degC",
        ),
    ],
)
def test_surroundings_that_contradict_themselves_are_refused(given, says):
    with pytest.raises(InputError, match=says):
        Boundary(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"core": "pool", "blood_j_k": 4.0, "core_course": TemperatureCourse([0, 1], [37, 36])}, 'expected "fixed"'),
        ({"core_course": TemperatureCourse([0, 1], [35, 36])}, "at the start, 35 degC"),
        ({"laws": {"liver": rising_law}}, 'perfusion law of "liver": not a region; expected one of tissue'),
    ],
)
def test_a_core_or_a_law_that_fits_nothing_is_refused(given, says):
    with pytest.raises(InputError, match=says):
        cube(**given)


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.0], [1.0, 0.5]])
def test_a_course_whose_times_do_not_rise_is_refused(times):
    with pytest.raises(InputError, match="two or more times that rise"):
        TemperatureCourse(times, np.full(len(times), 25.0))
