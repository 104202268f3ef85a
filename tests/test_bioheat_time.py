"""The full model in time: closed forms, cycles against single dwells, dense output, energy."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from heat_cases import RHO, C, box, problem
from scipy.linalg import expm

from thermoplan.base.errors import InputError
from thermoplan.bioheat import (
    Boundary,
    CheckpointPolicy,
    Cycle,
    EnergyAudit,
    EngineState,
    Segment,
    after,
    cycles,
    evolve,
    evolve_implicit,
    play_sequence,
    thermal_system,
)
from thermoplan.bioheat.linalg.krylov import operator, spectral_radius_1_s
from thermoplan.bioheat.load_sequence import same_loads
from thermoplan.fem import linear
from thermoplan.validate import balance


def uniform(mesh, q_w_m3):
    return linear.lumped_load(mesh, np.full(len(mesh.tets), q_w_m3))


def final(system, pieces, **more):
    *_, (_, temperature) = evolve(system, pieces, [], **more)
    return temperature


def test_perfused_tissue_without_gradients_approaches_q_over_w():
    # theta = Q/W (1 - exp(-W t / rho c)), 0-D
    mesh, w, q = box((2, 2, 2), (0.01, 0.01, 0.01)), 2e4, 1e5
    system = thermal_system(problem(mesh, perfusion=w))
    times = np.array([1.0, 30.0, 400.0])
    history = list(evolve(system, [Segment(uniform(mesh, q), 400.0)], times))[1:]
    for time, temperature in history:
        exact = 37.0 + q / w * -np.expm1(-w * time / (RHO * C))
        assert temperature == pytest.approx(np.full(len(temperature), exact), abs=1e-9)


def test_tissue_and_blood_follow_the_two_node_closed_form_to_a_millionth():
    # s = W (1/C_t + 1/C_b); theta_t - theta_b = P / (C_t s) (1 - e^{-s t}); C_t theta_t + C_b theta_b = P t
    mesh, w, q, blood = box((3, 3, 3), (0.02, 0.02, 0.02)), 2e4, 4e4, 4.5
    volume = 8e-6
    capacity, total, power = RHO * C * volume, w * volume, q * volume
    system = thermal_system(problem(mesh, perfusion=w, core="pool", blood_j_k=blood))
    for time, temperature in evolve(system, [Segment(uniform(mesh, q), 1800.0)], [20.0, 300.0]):
        s = total * (1.0 / capacity + 1.0 / blood)
        apart = power / (capacity * s) * -np.expm1(-s * time)
        core = (power * time - capacity * apart) / (capacity + blood)
        assert temperature[:-1] - 37.0 == pytest.approx(np.full(64, core + apart), abs=1e-6)
        assert temperature[-1] - 37.0 == pytest.approx(core, abs=1e-6)


@pytest.fixture(scope="module")
def body():
    """A small body with skin, blood pool, and two loads; 344 dofs, so that expm is at hand."""
    mesh = box((6, 6, 6), (0.012, 0.012, 0.012), lambda c: (c[:, 0] > 0.006).astype(int), ("a", "b"))
    system = thermal_system(
        problem(
            mesh,
            k=[0.5, 0.2],
            perfusion=[4e3, 6e4],
            metabolic=[1e3, 5e3],
            boundaries=(Boundary("robin", 10.0, 25.0),),
            core="pool",
            blood_j_k=4.0,
        )
    )
    one, two = np.zeros((2, system.n_nodes))
    one[[171, 172]], two[129] = 0.03, 0.08
    return system, one, two, np.zeros(system.n_nodes)


def dense_reference(system, pieces, times):
    """The same by matrix exponentials of the dense system, dwell by dwell."""
    a = system.stiffness.toarray() / system.capacity_j_k[:, None]
    rise, clock, found = np.zeros(system.n_dof), 0.0, {0.0: system.base_c}
    parts = [s for p in pieces for s in (p.segments * p.repeats if isinstance(p, Cycle) else (p,))]
    for part in parts:
        steady = np.linalg.solve(system.stiffness.toarray(), system.loads(part.load_w))
        for time in times[(times > clock) & (times <= clock + part.duration_s + 1e-9)]:
            found[round(time, 6)] = system.base_c + steady + expm(-a * (time - clock)) @ (rise - steady)
        rise = steady + expm(-a * part.duration_s) @ (rise - steady)
        clock += part.duration_s
    return found


def test_dwells_cycles_and_rests_match_matrix_exponentials_at_any_output_time(body):
    system, one, two, rest = body
    turns = (Segment(one, 1.3), Segment(two, 0.9), Segment(rest, 0.5))
    pieces = [Segment(one, 7.0), Cycle(turns, 30), Segment(rest, 60.0), Cycle(turns[1:], 11)]
    times = np.union1d(np.arange(3.0, 160.0, 7.3), [7.0, 7.0 + 2.7 * 5, 7.0 + 2.7 * 30, 148.0 + 15.4])
    exact = dense_reference(system, pieces, times)
    found = {round(t, 6): T for t, T in evolve(system, pieces, times)}
    assert sorted(found) == sorted(exact)
    worst = max(abs(found[t] - exact[t]).max() for t in exact)
    print("largest error", worst, "K of", max(abs(T - system.base_c).max() for T in exact.values()))
    assert worst < 1e-5


def test_a_cycle_is_its_dwells_to_a_millionth_of_a_kelvin(body):
    system, one, two, rest = body
    turns = (Segment(one, 0.7), Segment(rest, 0.2), Segment(two, 1.1))
    times = np.arange(1.0, 80.0, 3.7)
    cycled = list(evolve(system, [Cycle(turns, 40)], times, tolerance_k=1e-7))
    played = list(evolve(system, turns * 40, times, tolerance_k=1e-9))
    assert [t for t, _ in cycled] == pytest.approx([t for t, _ in played], abs=1e-9)
    assert max(abs(a - b).max() for (_, a), (_, b) in zip(cycled, played, strict=True)) < 1e-6


def test_a_cycle_is_not_its_average(body):
    # one node heated half of the time: a saw-tooth of Q/(rho c) d (1-d) P is there, and the average misses it
    system, one, _, rest = body
    pulsed = final(system, [Cycle((Segment(one, 2.0), Segment(rest, 2.0)), 30)])
    mean = final(system, [Segment(one / 2, 120.0)])
    assert abs(pulsed - mean).max() > 0.1


def test_little_memory_means_more_spaces_not_another_answer(body, monkeypatch):
    system, one, two, rest = body
    pieces = [Segment(one, 200.0), Cycle((Segment(one, 0.7), Segment(two, 1.1)), 60), Segment(rest, 400.0)]
    times = np.arange(0.0, 700.0, 13.0)
    roomy = list(evolve(system, pieces, times, tolerance_k=1e-7))
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.krylov"), "BASIS_BYTES", 8 * 344 * 20)
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.krylov"), "FEWEST_VECTORS", 2)
    monkeypatch.setattr(import_module("thermoplan.bioheat.engines.evolve"), "OUTPUT_BYTES", 8 * 344 * 5)
    tight = list(evolve(system, pieces, times, tolerance_k=1e-7))
    assert [t for t, _ in roomy] == pytest.approx([t for t, _ in tight], abs=1e-9)
    assert max(abs(a - b).max() for (_, a), (_, b) in zip(roomy, tight, strict=True)) < 1e-6


def test_history_starts_at_zero_meets_what_was_asked_and_ends_exactly(body):
    system, one, _, rest = body
    asked = [0.0, 0.3, 4.0, 11.0]
    times = [t for t, _ in evolve(system, [Segment(one, 4.0), Segment(rest, 7.1)], asked)]
    assert times == pytest.approx([0.0, 0.3, 4.0, 11.0, 11.1], abs=1e-12)
    assert times[0] == 0.0 and times[-1] == 11.1


def test_an_unheated_body_stays_as_it_is(body):
    system, _, _, rest = body
    assert final(system, [Segment(rest, 1800.0)]) == pytest.approx(system.base_c, abs=0.0)


def test_twice_the_power_is_twice_the_rise(body):
    system, one, _, _ = body
    once, twice = (final(system, [Segment(f * one, 50.0)]) - system.base_c for f in (1.0, 2.0))
    assert twice == pytest.approx(2.0 * once, abs=1e-5)


def test_energy_closes_to_the_tolerance_that_was_asked_for():
    assert balance.balance(*balance.body("pool", bed=False), tolerance_k=1e-5) < 1e-4


@pytest.mark.parametrize("core", ["pool", "fixed"])
@pytest.mark.parametrize("bed", [False, True])
def test_a_run_as_it_is_played_closes_its_energy_to_a_millionth_at_every_step(core, bed):
    found = balance.balance(
        *balance.body(core, bed=bed), engine=lambda *run, tolerance_k, **more: play_sequence(*run, **more)
    )
    print("energy_balance_rel", found)
    assert found < 1e-6


@pytest.mark.parametrize("share", [1e-3, 1e-5])
def test_a_scan_that_hardly_heats_closes_its_energy_as_a_treatment_does(share):
    # 30 and 0.3 microwatts: a tolerance that suits a treatment would leave all of it in the residual
    system, pieces = balance.body("pool", bed=False)
    weak = [replace(p, load_w=share * p.load_w) for p in pieces if isinstance(p, Segment)]
    audit = EnergyAudit(system, weak)
    for _ in play_sequence(system, weak, np.arange(0.0, 330.0, 10.0), ledger=audit):
        pass
    print("energy_balance_rel", audit.balance_rel)
    assert audit.balance_rel < 1e-6


@pytest.mark.parametrize("tolerance_k", [1e-2, 1e-3])
@pytest.mark.parametrize("core", ["pool", "fixed"])
@pytest.mark.parametrize("bed", [False, True])
def test_the_implicit_engine_leaves_no_energy_in_its_residuals_however_loose(core, bed, tolerance_k):
    found = balance.balance(*balance.body(core, bed=bed), engine=evolve_implicit, tolerance_k=tolerance_k)
    print("energy_balance_rel", found)
    assert found < 1e-11


@pytest.mark.parametrize("dropped", ["skin", "perfusion", "blood"])
def test_the_audit_notices_a_term_that_the_solver_drops(dropped, monkeypatch):
    system, pieces = balance.body("pool", bed=False)
    stiffness = system.stiffness.tolil()
    if dropped == "blood":
        stiffness[-1, :] = 0.0
        stiffness[:, -1] = 0.0
    else:
        row = system.boundary_w_k if dropped == "skin" else np.maximum(system.perfused_w_k, 0.0)
        stiffness.setdiag(stiffness.diagonal() - row)
    broken = type(system)(
        system.capacity_j_k,
        stiffness.tocsr(),
        system.base_c,
        system.thermoregulation_w,
        system.perfused_w_k,
        system.boundary_w_k,
        system.n_nodes,
        system.held,
    )
    assert balance.balance(broken, pieces) > 1e-3


def test_the_audit_notices_a_dwell_that_was_not_played(body):
    system, one, two, _ = body
    audit = EnergyAudit(system, [Segment(one, 30.0), Segment(two, 5.0)])
    for _ in evolve(system, [Segment(one, 30.0)], np.arange(0.0, 30.0, 1.0), ledger=audit, tolerance_k=1e-6):
        pass
    assert audit.balance_rel < 1e-6
    audit = EnergyAudit(system, [Segment(one, 30.0), Segment(two, 5.0)])
    for _ in evolve(system, [Segment(one, 35.0)], np.arange(0.0, 35.0, 1.0), ledger=audit):
        pass
    assert audit.balance_rel > 1e-3


def test_repeats_are_found_in_a_flat_list_whatever_its_prelude(body):
    _, one, two, rest = body
    a, b, c = Segment(one, 0.5), Segment(two, 0.7), Segment(rest, 0.3)
    flat = [c, *[a, b] * 5, *[a, b, c] * 40, b, *[c] * 9]
    found = cycles(flat)
    played = [s for p in found for s in (p.segments * p.repeats if isinstance(p, Cycle) else (p,))]
    assert all((p.load_w == s.load_w).all() for p, s in zip(played, flat, strict=True))
    assert [p.duration_s for p in played] == pytest.approx([s.duration_s for s in flat], abs=1e-12)
    assert len(found) <= 6
    assert max(p.repeats for p in found if isinstance(p, Cycle)) >= 39


def test_equal_loads_in_different_arrays_and_rounded_clocks_are_one_dwell(body):
    _, one, two, _ = body
    flat = [s for i in range(8) for s in (Segment(one.copy(), 0.5 + 1e-12 * i), Segment(two.copy(), 0.7))]
    (found,) = cycles(flat)
    assert (len(found.segments), found.repeats) == (2, 8)


def test_different_loads_of_equal_power_are_different_dwells(body):
    _, one, _, _ = body
    other = np.roll(one, 1)
    assert one.sum() == other.sum()
    assert len(cycles([Segment((one, other)[i in (0, 3)], 0.5) for i in range(4)])) > 1
    assert same_loads([Segment(load, 0.5) for load in (one, other, one.copy())]) == [[0, 2], [1]]


def test_dwells_that_differ_by_a_tenth_of_a_millisecond_are_not_one(body):
    _, one, _, _ = body
    assert len(cycles([Segment(one, 0.5 + 1e-4 * i) for i in range(6)])) == 6


def test_matrix_products_grow_with_the_root_of_dwell_and_spectral_radius(body):
    # Lanczos needs about sqrt(rho t) products for a window t; 400 repeats are not 16 times dearer than 25
    system, one, two, _ = body
    turns = (Segment(one, 0.7), Segment(two, 1.1))

    def products(repeats):
        op = operator(system.stiffness, system.capacity_j_k)
        final(system, [Cycle(turns, repeats)], engine=op)
        return op.counter.products

    few, many = products(25), products(400)
    print(
        "products", few, many, "spectral radius", spectral_radius_1_s(operator(system.stiffness, system.capacity_j_k))
    )
    assert many < 5 * few < 400


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_dwell_without_a_length_is_refused(wrong):
    with pytest.raises(InputError, match="dwell ="):
        Segment(np.zeros(3), wrong)


def test_an_output_after_the_end_is_refused(body):
    system, one, _, _ = body
    with pytest.raises(InputError, match="the run is from 0 to 4"):
        list(evolve(system, [Segment(one, 4.0)], [5.0]))


@pytest.mark.parametrize("stopped_s", [12.0, 31.4, 40.2, 138.0, 200.0])
def test_a_run_that_was_stopped_goes_on_from_its_state(body, stopped_s):
    system, one, two, rest = body
    pieces = [Segment(one, 30.0), Cycle((Segment(one, 0.7), Segment(two, 1.1)), 60), Segment(rest, 100.0)]
    times = np.arange(0.0, 238.0, 9.0)
    whole = {round(t, 6): T for t, T in evolve(system, pieces, times, tolerance_k=1e-7)}
    state = next(T for t, T in evolve(system, pieces, [stopped_s], tolerance_k=1e-7) if abs(t - stopped_s) < 1e-9)
    rest_of_it = after(pieces, stopped_s)
    assert sum(p.duration_s for p in rest_of_it) == pytest.approx(238.0 - stopped_s, abs=1e-9)
    later = times[times > stopped_s] - stopped_s
    for time, temperature in evolve(
        system, rest_of_it, later, keeping=CheckpointPolicy(start=EngineState(0.0, state, 0.0)), tolerance_k=1e-7
    ):
        if round(time + stopped_s, 6) in whole:
            assert temperature == pytest.approx(whole[round(time + stopped_s, 6)], abs=1e-6)


def test_nothing_is_left_after_the_end(body):
    _, one, _, _ = body
    assert after([Segment(one, 3.0), Cycle((Segment(one, 1.0),), 4)], 7.0) == []


def test_a_sequence_that_a_file_rounded_to_microseconds_is_cycles_of_the_same_length(body):
    _, one, two, rest = body
    period, n = 0.8938147514998495, 80
    starts = np.round(0.12 + period * np.arange(n)[:, None] + [0.0, 0.51906509], 6).ravel()
    dwells = np.round(np.tile([0.398723369, 0.254408212], n), 6)
    gaps = starts - np.append(0.0, (starts + dwells)[:-1])
    stops = [x for k in range(2 * n) for x in (Segment(rest, gaps[k]), Segment((one, two)[k % 2], dwells[k]))]
    found = cycles(stops)
    assert len(found) <= 8
    assert max(p.repeats for p in found if isinstance(p, Cycle)) >= n - 2
    assert sum(p.duration_s for p in found) == pytest.approx(sum(s.duration_s for s in stops), abs=1e-9)


def test_a_few_rows_are_those_of_the_whole(body):
    system, one, two, rest = body
    pieces = [Segment(one, 30.0), Cycle((Segment(one, 0.7), Segment(two, 1.1)), 60), Segment(rest, 100.0)]
    rows, times = np.array([343, 171, 5]), np.arange(0.0, 238.0, 3.1)
    whole = list(evolve(system, pieces, times))
    few = list(evolve(system, pieces, times, rows=rows))
    assert [t for t, _ in few] == [t for t, _ in whole]
    assert np.array([T for _, T in few]) == pytest.approx(np.array([T[rows] for _, T in whole]), abs=1e-9)


def test_an_audit_of_a_few_rows_is_refused(body):
    system, one, _, _ = body
    pieces = [Segment(one, 3.0)]
    with pytest.raises(InputError, match="needs every row"):
        list(evolve(system, pieces, [], rows=np.array([0]), ledger=EnergyAudit(system, pieces)))
