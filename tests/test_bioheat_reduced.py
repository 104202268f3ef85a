"""The reduced model against the full one, and its own estimate of the difference."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from heat_cases import box, problem

from thermoplan.base.errors import InputError
from thermoplan.bioheat import Boundary, Segment, evolve, reduced_model, thermal_system
from thermoplan.bioheat.capacity import fastest_rate_1_s, redistribute_capacity
from thermoplan.bioheat.engines.reduced import ReducedModel, _response
from thermoplan.bioheat.linalg.krylov import operator
from thermoplan.goals import Goal, GoalRow, row_value
from thermoplan.goals.dose import cem43_min
from thermoplan.optimize.program.modal_heat import ModalHeat
from thermoplan.optimize.program.penalty import PenalizedBound
from thermoplan.optimize.program.region_nodes import RegionNodes
from thermoplan.optimize.program.search_terms import GoalTerm, Iterate, gradient

N_COLUMNS, WINDOW_S = 64, 180.0


@pytest.fixture(scope="module")
def case():
    """A heated ball of 4 mm beside a well perfused half, 64 foci in and around it; rises of about ten kelvin."""
    mesh = box((16, 16, 24), (0.02, 0.02, 0.03), lambda c: (c[:, 2] > 0.02).astype(int), ("body", "liver"))
    system = thermal_system(
        problem(
            mesh,
            perfusion=[1e4, 1.1e5],
            metabolic=2e3,
            core="pool",
            blood_j_k=4.0,
            boundaries=(Boundary("robin", 10.0, 25.0),),
        )
    )
    centre = np.array([0.008, 0.01, 0.014])
    rng = np.random.default_rng(5)
    loads = []
    for focus in centre + rng.uniform(-0.004, 0.004, (N_COLUMNS, 3)):
        apart = np.linalg.norm((mesh.points_m - focus) / [3e-3, 3e-3, 2e-3], axis=1)
        iron = np.linalg.norm(mesh.points_m - centre, axis=1) < 0.004
        loads.append(mesh.node_volumes_m3 * np.where(iron, 4e6, 5e5) / (1.0 + apart**2) ** 2)
    loads = np.array(loads)
    return system, loads, reduced_model(system, loads, 1800.0)


def random_shares(seed=11):
    rng = np.random.default_rng(seed)
    shares = np.zeros((10, N_COLUMNS))
    for row in shares:
        row[rng.choice(N_COLUMNS, 4, replace=False)] = rng.dirichlet(np.ones(4))
    return shares, np.linspace(0.0, 1800.0, 11)


def full_history(system, loads, shares, edges, times):
    pieces = [Segment(row @ loads, edges[1] - edges[0]) for row in shares]
    found = {round(t, 6): T for t, T in evolve(system, pieces, times, tolerance_k=1e-6)}
    return np.array([found[round(t, 6)] for t in times])


def largest_error(model, system, loads, after_s, seed=11):
    """Of a random sequence, over all nodes at times after its switches; and the full model's largest rise."""
    shares, edges = random_shares(seed)
    times = np.unique(np.concatenate([edges[:-1] + dt for dt in after_s]))
    full = full_history(system, loads, shares, edges, times)
    return abs(model.temperature(shares, edges, times) - full).max(), (full - system.base_c).max()


def test_a_random_sequence_is_within_ten_millikelvin_a_second_after_a_switch_too(case):
    system, loads, model = case
    error, rise = largest_error(model, system, loads, (1.0, 2.0, 5.0, 60.0, 180.0))
    print("largest error", error, "K, estimated", model.error_k, "rise", rise)
    assert rise > 5.0
    assert error < 0.01


def test_five_seconds_after_a_switch_it_is_within_five_millikelvin(case):
    system, loads, model = case
    error, _ = largest_error(model, system, loads, (5.0,), seed=3)
    print("largest error 5 s after a switch", error, "K by", model.size, "modes")
    assert model.size <= 200
    assert error < 0.005


def test_the_dose_of_a_random_sequence_is_within_one_percent(case):
    system, loads, model = case
    shares, edges = random_shares(4)
    times = np.arange(0.0, 1801.0, 10.0)
    full = full_history(system, loads, shares, edges, times)
    dose, expected = (
        cem43_min(zip(times, found, strict=True)) for found in (model.temperature(shares, edges, times), full)
    )
    heated = expected > 1.0
    worst = abs(dose / expected - 1.0)[heated].max()
    print("largest relative error of CEM43", worst, "over", heated.sum(), "nodes, up to", expected.max(), "min")
    assert heated.sum() > 100
    assert worst < 0.01


def full_bytes(system, products: int) -> int:
    """What a run reads and writes at least: the matrix once a product, and six vectors beside."""
    matrix = system.stiffness
    return products * (12 * matrix.nnz + 6 * 8 * matrix.shape[0])


def test_an_objective_with_its_gradient_moves_a_two_hundredth_of_the_bytes_of_a_run_and_its_adjoint(case):
    # the full model's grow as n^(4/3), this one's with the nodes of the tumour; benchmarks/heat.py measures M
    system, loads, model = case
    op = operator(system.stiffness, system.capacity_j_k)
    shares, edges = random_shares()
    for _ in evolve(system, [Segment(row @ loads, WINDOW_S) for row in shares], [], engine=op):
        pass
    middle = np.array([0.008, 0.01, 0.014])
    points = box((16, 16, 24), (0.02, 0.02, 0.03)).points_m
    tumour = np.flatnonzero(np.linalg.norm(points - middle, axis=1) < 0.004)
    row = GoalRow(Goal("goal", ("body",), "CEM43T90", 10.0, "at_least"), "tumour", tumour, np.ones(len(tumour)))
    heat = ModalHeat(model, edges)
    tissue = RegionNodes.of([row], heat, 30.0)
    look = Iterate(heat, shares)
    slopes, value = gradient(GoalTerm(row, tissue, PenalizedBound(row.goal.bound_k, True, 1.0, 1.0)), look)
    found = heat.gradient(heat.adjoint(slopes))
    assert np.isfinite(value) and found.shape == shares.shape
    temperatures = look.at(tissue)[1]
    # decay and growth, there and back; slopes, states and what is between; modes of all nodes, and of two a time
    moved = 4 * slopes.nbytes + 8 * slopes.nbytes + tissue.modes.nbytes + 2 * slopes.nbytes + 8 * temperatures.nbytes
    full = full_bytes(system, op.counter.products)
    ratio = 2 * full / moved
    print(f"{len(tumour)} nodes: {moved / 1e6:.1f} MB against 2 x {full / 1e6:.0f} MB, ratio {ratio:.0f}")
    assert ratio > 200.0


def test_the_slope_of_a_dose_is_that_of_the_full_model(case):
    """With more or less of each of the 640 shares, by two runs of the full model on either side."""
    system, loads, model = case
    shares, edges = random_shares()
    points = box((16, 16, 24), (0.02, 0.02, 0.03)).points_m
    tumour = np.flatnonzero(np.linalg.norm(points - [0.008, 0.01, 0.014], axis=1) < 0.004)
    row = GoalRow(Goal("goal", ("body",), "CEM43T90", 10.0, "at_least"), "tumour", tumour, np.ones(len(tumour)))
    heat = ModalHeat(model, edges)
    term = GoalTerm(row, RegionNodes.of([row], heat, 30.0), PenalizedBound(row.goal.bound_k, True, 1.0, 1.0))
    slopes, _ = gradient(term, Iterate(heat, shares))
    direction = np.random.default_rng(8).random(shares.shape) / 32

    def doublings(step: float) -> float:
        full = full_history(system, loads, shares + step * direction, edges, heat.times_s)
        return float(np.log2(row_value(row, heat.times_s, full[:, tumour], heat.heating_s)))

    expected = (doublings(1e-2) - doublings(-1e-2)) / 2e-2
    found = float((heat.gradient(heat.adjoint(slopes)) * direction).sum())
    print("slope", found, "of the full model", expected)
    assert found == pytest.approx(expected, rel=0.005)


def test_the_estimate_is_within_a_factor_of_five_of_the_error(case):
    # a model of 12 modes is poor on purpose, so that there is an error to estimate
    system, loads, _ = case
    model = reduced_model(system, loads, 1800.0, n_modes=12)
    error, _ = largest_error(model, system, loads, (5.0, 20.0, 60.0, 180.0))
    print("error", error, "estimated", model.error_k)
    assert error > 0.02
    assert 0.2 < model.error_k / error < 5.0


def test_half_as_many_modes_keep_what_is_soon_after_a_switch_and_what_is_late(case):
    # 27 mK; 37 mK where early snapshots count as little as they are small, 34 mK where a stage forgets those before it
    system, loads, _ = case
    model = reduced_model(system, loads, 1800.0, n_modes=100)
    error, _ = largest_error(model, system, loads, (1.0, 5.0, 60.0, 180.0))
    print("error of 100 modes", error, "estimated", model.error_k)
    assert error < 0.031
    assert error < 2.0 * model.error_k


def test_more_modes_are_taken_where_the_estimate_asks_for_them(case):
    system, loads, _ = case
    few, more, most = (reduced_model(system, loads, 1800.0, n_modes=120, tolerance_k=k) for k in (1.0, 0.02, 1e-9))
    assert [few.size, more.size, most.size] == [120, 150, 180]
    assert few.error_k > 0.02 >= more.error_k > most.error_k
    assert largest_error(more, system, loads, (5.0,))[0] < 0.02


def test_the_core_is_a_row_of_the_reduced_model(case):
    system, loads, model = case
    shares, edges = random_shares(2)
    times = np.array([30.0, 600.0, 1800.0])
    core = model.temperature(shares, edges, times, rows=np.array([system.n_dof - 1]))[:, 0]
    full = full_history(system, loads, shares, edges, times)[:, -1]
    assert full[-1] - system.base_c[-1] > 0.3
    assert core == pytest.approx(full, abs=1e-3)


def test_one_long_window_ends_in_what_many_short_ones_do(case):
    _, _, model = case
    share = np.full((1, N_COLUMNS), 1.0 / N_COLUMNS)
    once = model.temperature(share, [0.0, 900.0], [400.0, 900.0])
    often = model.temperature(np.repeat(share, 9, axis=0), np.linspace(0.0, 900.0, 10), [400.0, 900.0])
    assert once == pytest.approx(often, abs=1e-9)


def test_a_mode_left_alone_follows_its_exponentials():
    # unit input from 10 to 30 s at 0.05/s: (1 - e^{-1})/0.05 at 30 s, then times e^{-0.05 (t - 30)}
    model = ReducedModel([0.05], [[1.0]], [[1.0]], [0.0], 0.0)
    g = model.response([10.0, 30.0], [5.0, 30.0, 50.0])[:, 0, 0]
    assert g == pytest.approx([0.0, -np.expm1(-1.0) / 0.05, -np.expm1(-1.0) / 0.05 * np.exp(-1.0)], abs=1e-12)


def test_a_mode_that_never_settles_integrates_its_input():
    model = ReducedModel([0.0], [[1.0]], [[2.0]], [37.0], 0.0)
    assert model.temperature([[1.0]], [0.0, 10.0], [4.0, 10.0, 20.0])[:, 0] == pytest.approx([45.0, 57.0, 57.0])


def test_building_costs_no_more_products_than_five_full_plans(case):
    system, loads, _ = case
    build, plan = (operator(system.stiffness, system.capacity_j_k) for _ in range(2))
    reduced_model(system, loads, 1800.0, engine=build)
    shares, _ = random_shares()
    for _ in evolve(system, [Segment(row @ loads, WINDOW_S) for row in shares], [], engine=plan):
        pass
    print("products: build", build.counter.products, "plan", plan.counter.products)
    assert build.counter.products <= 5 * plan.counter.products


def test_little_memory_means_more_spaces_not_another_response(case, monkeypatch):
    system, loads, _ = case
    op = operator(system.stiffness, system.capacity_j_k)
    rate, times = loads[0] / op.root_capacity[:-1], np.array([1.0, 5.0, 40.0, 180.0])
    rate = np.append(rate, 0.0)
    *whole, left = _response(op, rate, times, 1e-3)
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.krylov"), "BASIS_BYTES", 0)
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.krylov"), "FEWEST_VECTORS", 10)
    cramped = operator(system.stiffness, system.capacity_j_k)
    *parts, rest = _response(cramped, rate, times, 1e-3)
    whole, parts = np.array(whole), np.array(parts)
    print(
        "products",
        op.counter.products,
        cramped.counter.products,
        "apart",
        op.largest_k(whole - parts),
        "K of",
        op.largest_k(whole),
    )
    assert cramped.counter.products > 1.3 * op.counter.products and op.largest_k(whole) > 5.0
    assert op.largest_k(whole - parts) < 2e-3
    assert op.largest_k(left - rest) < 1e-3 * op.largest_k(rate)


def test_columns_that_heat_nothing_are_refused(case):
    system, loads, _ = case
    with pytest.raises(InputError, match="no column heats"):
        reduced_model(system, 0.0 * loads, 1800.0)


def needle():
    """A mesh with one node a hundred times closer to its neighbour than the rest."""
    mesh = box((6, 6, 6), (0.006, 0.006, 0.006))
    points = mesh.points_m.copy()
    middle, beside = np.ravel_multi_index([(3, 3), (3, 3), (3, 4)], (7, 7, 7))
    points[beside] = points[middle] + 0.05 * (points[beside] - points[middle])
    return type(mesh)(points, mesh.tets, mesh.region, ("tissue",), ("tissue",))


def test_borrowed_capacity_slows_the_fastest_nodes_and_keeps_the_sum():
    mesh = needle()
    system = thermal_system(problem(mesh, perfusion=1e4))
    whole = 1060.0 * 3600.0 * mesh.node_volumes_m3
    found = redistribute_capacity(whole, system.stiffness, rate_1_s=3.0)
    assert (system.stiffness.diagonal() / whole).max() > 6.0
    assert (system.stiffness.diagonal() / found).max() == pytest.approx(3.0, rel=1e-6)
    assert found.sum() == pytest.approx(whole.sum(), rel=1e-14)
    assert found.min() > 0.0
    assert (found != whole).sum() < 30


def test_a_mesh_that_is_fine_everywhere_lends_nothing():
    mesh = box((6, 6, 6), (6e-4, 6e-4, 6e-4))
    system = thermal_system(problem(mesh))
    whole = 1060.0 * 3600.0 * mesh.node_volumes_m3
    assert fastest_rate_1_s(system.stiffness.diagonal(), whole) > 100.0
    assert system.capacity_j_k == pytest.approx(whole, rel=1e-12)


def test_nodes_that_are_held_neither_lend_nor_borrow():
    mesh = needle()
    stiffness = thermal_system(problem(mesh)).stiffness
    whole = 1060.0 * 3600.0 * mesh.node_volumes_m3
    touched = redistribute_capacity(whole, stiffness, rate_1_s=3.0) != whole
    free = np.ones(len(whole), bool)
    free[np.flatnonzero(touched)[::2]] = False
    found = redistribute_capacity(whole, stiffness, rate_1_s=3.0, free=free)
    assert (found[~free] == whole[~free]).all()
    assert (found != whole).any()
