"""The engines that take feedback: against the exact one where all apply, against closed forms where only they do."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from heat_cases import RHO, C, box, perfusion_laws, problem, quadratic_system, radiating, rising_law
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from thermoplan.anatomy.tissue import PERFUSION_LAWS
from thermoplan.base.errors import SolverError
from thermoplan.bioheat import (
    Boundary,
    CourseFeedback,
    Cycle,
    EnergyAudit,
    Segment,
    TemperatureCourse,
    choose_engine,
    evolve,
    evolve_coupled,
    evolve_implicit,
    feedback_of,
    play_sequence,
    settle,
    thermal_system,
)
from thermoplan.bioheat.engines.coupled import REFUSED, _Coupling, _split
from thermoplan.bioheat.engines.engine_run import start_run
from thermoplan.bioheat.engines.implicit import _March, _step
from thermoplan.bioheat.linalg.krylov import operator
from thermoplan.fem import linear
from thermoplan.validate import balance

BOTH = pytest.mark.parametrize(
    "engine",
    [partial(evolve_implicit, tolerance_k=1e-4), partial(evolve_coupled, tolerance_k=1e-3)],
    ids=["implicit", "coupled"],
)
AS_PLAYED = pytest.mark.parametrize("engine", [evolve_implicit, evolve_coupled], ids=["implicit", "coupled"])


@pytest.fixture(scope="module")
def body():
    mesh = box((6, 6, 6), (0.012, 0.012, 0.012))
    system = thermal_system(
        problem(
            mesh, perfusion=2e4, metabolic=1e3, core="pool", blood_j_k=4.0, boundaries=(Boundary("robin", 10.0, 25.0),)
        )
    )
    one, two = np.zeros((2, system.n_nodes))
    one[[171, 172]], two[129] = 0.03, 0.08
    return mesh, system, one, two


def test_both_engines_agree_over_dwells_cycles_and_rests(body):
    _, system, one, two = body
    pieces = [Segment(one, 40.0), Cycle((Segment(one, 1.5), Segment(two, 2.0)), 6), Segment(0.0 * one, 60.0)]
    times = [5.0, 40.0, 47.3, 90.0]
    exact = list(evolve(system, pieces, times, tolerance_k=1e-7))
    found = list(evolve_implicit(system, pieces, times, tolerance_k=1e-4))
    assert [t for t, _ in found] == pytest.approx([t for t, _ in exact], abs=1e-9)
    worst = max(abs(a - b).max() for (_, a), (_, b) in zip(exact, found, strict=True))
    print("largest difference", worst, "K of", max((T - system.base_c).max() for _, T in exact))
    assert worst < 2e-3


def test_a_step_is_of_second_order(body):
    # 20 s in steps of 20/n s from rest: errors against the exact engine fall as n^-2
    _, system, one, _ = body
    *_, (_, exact) = evolve(system, [Segment(one, 20.0)], [], tolerance_k=1e-9)
    errors, counts = [], np.array([20, 40, 80, 160])
    for n in counts:
        march = _March(operator(system.stiffness, system.scale_j_k), system, tolerance_k=1e-8)
        load = system.loads(one) / march.op.root_capacity
        rate = load
        for _ in range(n):
            march.y, rate, _, _ = _step(march, load, rate, 20.0 / n)
            march.clock += 20.0 / n
        errors.append(abs(system.base_c + march.y / march.op.root_capacity - exact).max())
    order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    print("errors", errors, "order", order)
    assert 1.9 < order < 2.3


def test_the_error_of_a_step_is_estimated_to_third_order(body):
    # after 20 s all is smooth but for what is fast, which the estimate damps: in h it then falls as h^3
    _, system, one, _ = body
    *_, (_, warm) = evolve(system, [Segment(one, 20.0)], [], tolerance_k=1e-9)
    march = _March(operator(system.stiffness, system.scale_j_k), system, tolerance_k=1e-8)
    march.y = (warm - system.base_c) * march.op.root_capacity
    load = system.loads(one) / march.op.root_capacity
    steps = np.array([0.5, 0.25, 0.125])
    errors = [_step(march, load, load - march.op @ march.y, step)[3] for step in steps]
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    print("estimates", errors, "order", order)
    assert order == pytest.approx(3.0, abs=0.2)


def test_tighter_tolerance_is_kept(body):
    _, system, one, _ = body
    *_, (_, exact) = evolve(system, [Segment(one, 60.0)], [], tolerance_k=1e-9)
    for tolerance in (1e-2, 1e-3, 1e-4):
        *_, (_, found) = evolve_implicit(system, [Segment(one, 60.0)], [], tolerance_k=tolerance)
        assert abs(found - exact).max() < 5.0 * tolerance


@BOTH
@pytest.mark.parametrize("name", sorted(PERFUSION_LAWS))
def test_uniform_tissue_under_a_perfusion_law_follows_its_ordinary_equation(name, engine):
    # rho c dT/dt = q - W(T) (T - 37), no gradients; the rate at 37 degC is what the linear system has
    law, q = PERFUSION_LAWS[name], 6e4
    mesh = box((2, 2, 2), (0.01, 0.01, 0.01))
    case = problem(mesh, perfusion=float(law(np.array(37.0))))
    system = thermal_system(case)
    load = linear.lumped_load(mesh, np.full(len(mesh.tets), q))
    times = np.array([60.0, 300.0, 900.0])
    exact = solve_ivp(
        lambda _, T: (q - law(T) * (T - 37.0)) / (RHO * C), (0.0, 900.0), [37.0], t_eval=times, rtol=1e-10, atol=1e-10
    ).y[0]
    found = list(engine(system, [Segment(load, 900.0)], times, feedback=perfusion_laws(case, {"tissue": law})))[1:]
    print(name, exact)
    for (_, temperature), expected in zip(found, exact, strict=True):
        assert temperature == pytest.approx(np.full(len(temperature), expected), abs=2e-3)


@BOTH
def test_blood_takes_up_what_a_perfusion_law_carries_off(engine):
    # two nodes: C_t T' = P - V W(T) (T - B), C_b B' = V W(T) (T - B)
    mesh, q, blood = box((2, 2, 2), (0.01, 0.01, 0.01)), 1.2e5, 4.5
    case = problem(mesh, perfusion=1e4, core="pool", blood_j_k=blood)
    volume = 1e-6
    load = linear.lumped_load(mesh, np.full(len(mesh.tets), q))

    def rates(_, state):
        drawn = volume * rising_law(state[0]) * (state[0] - state[1])
        return [(q * volume - drawn) / (RHO * C * volume), drawn / blood]

    exact = solve_ivp(rates, (0.0, 600.0), [37.0, 37.0], rtol=1e-10, atol=1e-10).y[:, -1]
    *_, (_, found) = engine(
        thermal_system(case), [Segment(load, 600.0)], [], feedback=perfusion_laws(case, {"tissue": rising_law})
    )
    print("tissue, blood", exact)
    assert found[0] == pytest.approx(exact[0], abs=2e-3)
    assert found[-1] == pytest.approx(exact[1], abs=2e-4)


@BOTH
def test_a_law_that_is_the_constant_changes_nothing(body, engine):
    mesh, system, one, _ = body
    case = problem(
        mesh, perfusion=2e4, metabolic=1e3, core="pool", blood_j_k=4.0, boundaries=(Boundary("robin", 10.0, 25.0),)
    )
    feedback = perfusion_laws(case, {"tissue": lambda t: np.full_like(t, 2e4)})
    *_, (_, plain) = evolve(system, [Segment(one, 60.0)], [])
    *_, (_, same) = engine(system, [Segment(one, 60.0)], [], feedback=feedback)
    assert same == pytest.approx(plain, abs=3e-3)


@AS_PLAYED
def test_energy_closes_to_a_millionth_with_feedback_too(body, engine):
    mesh, _, one, two = body
    case = problem(
        mesh, perfusion=1e4, metabolic=1e3, core="pool", blood_j_k=4.0, boundaries=(Boundary("robin", 5.0, 25.0),)
    )
    feedback = perfusion_laws(case, {"tissue": rising_law})
    feedback = type(feedback)((*feedback.parts, radiating(mesh, mesh.outer, 0.98, 25.0)))
    system = settle(thermal_system(case), feedback)
    pieces = balance.load_sequence(one, two)
    audit = EnergyAudit(system, pieces)
    for _ in engine(system, pieces, np.arange(0.0, 430.0, 10.0), feedback=feedback, ledger=audit):
        pass
    print("energy_balance_rel", audit.balance_rel)
    assert audit.balance_rel < 1e-6


def test_layered_skin_with_radiation_settles_at_the_published_benchmark():
    # DB-3: core at 310.15 K; 3.6 mm k .16, 1.2 mm k .37, both perfused .038 x 3.9962e6; 0.1 mm k .21; 368.1 W/m3
    # everywhere; h = 5 and eps = .98 to 297.15 K. Published: 309.4516 K on the skin, 137.832 W/m2.
    n = 49
    mesh = box((n, 1, 1), (4.9e-3, 1e-3, 1e-3), lambda c: np.searchsorted([3.6e-3, 4.8e-3], c[:, 0]), ("a", "b", "c"))
    side = mesh.points_m[mesh.outer][:, :, 0]
    top, bottom = (mesh.outer[(np.abs(side - x) < 1e-9).all(axis=1)] for x in (4.9e-3, 0.0))
    w = 0.038 * 3.9962e6
    case = problem(
        mesh,
        k=[0.16, 0.37, 0.21],
        perfusion=[w, w, 0.0],
        metabolic=368.1,
        boundaries=(Boundary("robin", 5.0, 24.0, top), Boundary("dirichlet", 0.0, 37.0, bottom)),
    )
    system = settle(thermal_system(case), radiating(mesh, top, 0.98, 24.0))
    skin_k = system.base_c[mesh.points_m[:, 0] > 4.9e-3 - 1e-9].mean() + 273.15
    lost = 5.0 * (skin_k - 297.15) + 0.98 * 5.670374419e-8 * (skin_k**4 - 297.15**4)
    print("skin", skin_k, "K", lost, "W/m2")
    assert skin_k == pytest.approx(309.4516, abs=1e-3)
    assert lost == pytest.approx(137.832, abs=0.05)


def test_radiation_balances_metabolic_heat_at_the_fourth_root():
    # eps sigma A (T^4 - T_inf^4) + h A (T - T_inf) = V q, uniform where conduction is fast; a cube of 1 cm
    mesh = box((3, 3, 3), (0.01, 0.01, 0.01))
    case = problem(mesh, k=500.0, metabolic=1e5, boundaries=(Boundary("robin", 2.0, 25.0),))
    system = settle(thermal_system(case), radiating(mesh, mesh.outer, 0.9, 25.0))

    def missing(t):
        return 6e-4 * (0.9 * 5.670374419e-8 * ((t + 273.15) ** 4 - 298.15**4) + 2.0 * (t - 25.0)) - 0.1

    exact = brentq(missing, 0.0, 100.0)
    assert exact > 40.0
    assert system.base_c == pytest.approx(np.full(system.n_dof, exact), abs=2e-3)


@BOTH
def test_tissue_follows_air_that_warms(engine):
    # C T' = -h A (T - T_air), T_air = 25 + 0.01 t: T - 25 -> 0.01 (t - tau (1 - e^{-t/tau})), tau = C / (h A)
    mesh = box((2, 2, 2), (0.01, 0.01, 0.01))
    system = thermal_system(problem(mesh, k=500.0, boundaries=(Boundary("robin", 100.0, 25.0),)))
    area = linear.lumped_facet_load(mesh, mesh.outer, np.ones(len(mesh.outer)))
    air = CourseFeedback(100.0 * area, TemperatureCourse([0.0, 600.0], [25.0, 31.0]))
    tau = RHO * C * 1e-6 / (100.0 * 6e-4)
    for time, temperature in engine(system, [Segment(0.0 * area, 300.0)], [60.0, 300.0], feedback=air):
        exact = 25.0 + 0.01 * (time + tau * np.expm1(-time / tau))
        assert temperature == pytest.approx(np.full(len(temperature), exact), abs=5e-3)


@BOTH
def test_a_feedback_that_runs_away_is_an_error_not_an_answer(body, engine):
    _, system, one, _ = body

    class Fire:
        def power_w(self, time_s, temperature_c):
            return 1e3 * np.clip(temperature_c - 37.5, 0.0, 1e3) ** 3

        def slope_w_k(self, time_s, temperature_c):
            return np.zeros(len(temperature_c))

    with pytest.raises(SolverError):
        list(engine(system, [Segment(one, 600.0)], [], feedback=Fire()))


def test_the_exact_engine_is_preferred_until_a_few_elements_drive_the_spectrum(body):
    _, system, one, two = body
    pieces = [Segment(one, 180.0), Cycle((Segment(one, 1.0), Segment(two, 0.5)), 100)]
    assert choose_engine(operator(system.stiffness, system.capacity_j_k), pieces).engine == "exact"
    tiny = system.capacity_j_k.copy()
    tiny[171] *= 1e-5
    assert choose_engine(operator(system.stiffness, tiny), [Segment(one, 1800.0)]).engine == "implicit"


def test_playing_is_the_exact_engine_unless_something_feeds_back(body):
    _, system, one, _ = body
    *_, (_, exact) = evolve(system, [Segment(one, 30.0)], [])
    *_, (_, played) = play_sequence(system, [Segment(one, 30.0)], [])
    assert np.abs(played - exact).max() < 1e-5  # the tolerance; the implicit engine is a hundred times as far off
    warm = CourseFeedback(np.full(system.n_dof, 1e-3), TemperatureCourse([0.0, 30.0], [25.0, 35.0]))
    *_, (_, warmed) = play_sequence(system, [Segment(one, 30.0)], [], feedback=warm)
    assert (warmed > exact).all()


def test_cycles_under_a_perfusion_law_agree_between_engines(body):
    """Dwells of a second or two, and perfusion that triples at 41.5 degC: exact with feedback against TR-BDF2."""
    mesh, _, one, two = body
    case = problem(
        mesh, perfusion=1e4, metabolic=1e3, core="pool", blood_j_k=4.0, boundaries=(Boundary("robin", 10.0, 25.0),)
    )
    feedback = perfusion_laws(case, {"tissue": rising_law})
    system = settle(thermal_system(case), feedback)
    pieces = [Cycle((Segment(2 * one, 1.5), Segment(2 * two, 2.0), Segment(0 * one, 0.5)), 40), Segment(0 * one, 100.0)]
    times = np.arange(0.0, 260.0, 7.0)
    coupled = np.array([T for _, T in evolve_coupled(system, pieces, times, feedback=feedback)])
    marched = np.array([T for _, T in evolve_implicit(system, pieces, times, feedback=feedback, tolerance_k=1e-4)])
    linear = np.array([T for _, T in evolve(system, pieces, times)])
    print("feedback is worth", abs(linear - marched).max(), "K; engines differ by", abs(coupled - marched).max())
    assert abs(linear - marched).max() > 0.5
    assert abs(coupled - marched).max() < 5e-3


@pytest.mark.parametrize(
    "part",
    [
        Segment(np.ones(1), 7.8),
        Cycle((Segment(np.ones(1), 3.0), Segment(np.zeros(1), 4.8)), 1),
        Cycle((Segment(np.ones(1), 3.0), Segment(np.zeros(1), 4.8)), 2),
    ],
)
def test_a_stretch_that_was_refused_is_played_in_shorter_ones(part):
    # the stretch after a refusal is at most 0.9 / sqrt(1.5) of the one that was refused
    first, *later = _split(part, 0.9 / np.sqrt(REFUSED) * part.duration_s, [])
    assert first.duration_s < part.duration_s
    assert sum(p.duration_s for p in (first, *later)) == pytest.approx(part.duration_s)


def test_the_coupling_is_of_second_order(body):
    # fixed stretches of 40/n s of rising perfusion, against 40/640 s
    mesh, _, one, _ = body
    case = problem(mesh, perfusion=1e4, boundaries=(Boundary("robin", 10.0, 25.0),))
    feedback = perfusion_laws(case, {"tissue": rising_law})
    system = settle(thermal_system(case), feedback)

    def end(n):
        op = operator(system.stiffness, system.capacity_j_k)
        run = start_run(system, [Segment(one, 40.0)], [], tolerance_k=1e-9, options={"engine": op})
        coupling = _Coupling(run, feedback, 1e3)
        for _ in range(n):
            coupling._play_stretch(Segment(one, 40.0 / n))
        return run.y / run.op.root_capacity

    counts, best = np.array([5, 10, 20, 40]), end(640)
    errors = [abs(end(n) - best).max() for n in counts]
    order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    print("errors", errors, "order", order)
    assert order > 1.8


def test_a_measured_core_course_is_followed():
    # rho c T' = -W (T - B(t)) with B = 37 - 0.005 t: T = B + 0.005 tau (1 - e^{-t/tau}), tau = rho c / W
    mesh = box((2, 2, 2), (0.01, 0.01, 0.01))
    system = thermal_system(problem(mesh, perfusion=2e4))
    course = CourseFeedback(system.perfused_w_k, TemperatureCourse([0.0, 600.0], [37.0, 34.0]))
    tau = RHO * C / 2e4
    rest = [Segment(np.zeros(system.n_nodes), 600.0)]
    for time, temperature in evolve_coupled(system, rest, [60.0, 300.0], feedback=course):
        exact = 37.0 - 0.005 * (time + tau * np.expm1(-time / tau))
        assert temperature == pytest.approx(np.full(len(temperature), exact), abs=1e-4)


@pytest.mark.parametrize(
    ("assembled", "feeding", "engine"),
    [
        (thermal_system, feedback_of, evolve_coupled),
        (thermal_system, feedback_of, evolve_implicit),
        (quadratic_system, feedback_of, evolve_implicit),
    ],
    ids=["coupled", "implicit", "quadratic"],
)
def test_skin_on_a_bed_stays_at_its_temperature_whatever_feeds_back_there(assembled, feeding, engine):
    # three times the perfusion above 41.5 degC, where the bed holds tissue at 42, and a radiating skin beside it
    case = problem(
        box((4, 4, 4), (0.012,) * 3),
        perfusion=1e4,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        laws={"tissue": rising_law},
        boundaries=(Boundary("robin", 10.0, 25.0, emissivity=0.9), Boundary("dirichlet", 0.0, 42.0, normal=(0, -1, 0))),
    )
    system = assembled(case)
    feedback = feeding(case, system)
    system = settle(system, feedback)
    load = np.zeros(system.n_nodes)
    load[60] = 0.05
    pieces = [Segment(load, 40.0), Segment(0.0 * load, 20.0)]
    audit = EnergyAudit(system, pieces)
    for _, found in engine(system, pieces, [20.0, 40.0], feedback=feedback, ledger=audit):
        assert np.abs(found[system.held] - 42.0).max() < 1e-9
    print("energy", audit.balance_rel)
    assert audit.balance_rel < 1e-6
