"""The optimizer finds what an independent search finds, keeps limits, and says what it could not do."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np
import pytest
from scipy.optimize import linprog
from small_heat import grid_of, model, phantom

from thermoplan.base.errors import InputError
from thermoplan.goals import METRICS, Goal, Meter, SafetyBudget, resolve
from thermoplan.goals.metrics.metric import hold_weights
from thermoplan.optimize import (
    CorrectedModel,
    MeritFunction,
    SequentialLP,
    Settings,
    explain,
    optimize_shares,
    sequential_lp,
)
from thermoplan.optimize.program.linear_program import Program
from thermoplan.optimize.program.modal_heat import ModalHeat
from thermoplan.optimize.program.row_builders import build_rows
from thermoplan.optimize.program.search_terms import Iterate, gradient

EDGES = np.array([0.0, 400.0, 900.0, 1800.0])
SHAPE, STEP_M = (12, 5, 5), 2.5e-3
TUMOUR_M = (7e-3, 6.25e-3, 6.25e-3)
PEAK = Goal("goal", ("tumour",), "Tmax", 41.5, "at_most")
LOOSE = Settings(limit_margin_k=0.0, dose_margin=0.0, step_s=60.0, starts=1)


@cache
def case(*, symmetric: bool = False, blood_j_k: float = 60.0):
    anatomy = phantom(SHAPE, STEP_M, symmetric=symmetric)
    center = (SHAPE[0] * STEP_M / 2, *TUMOUR_M[1:]) if symmetric else TUMOUR_M
    return anatomy, model(anatomy, grid_of(center, 2.5e-3, 2.5e-3), spacing_m=STEP_M, blood_j_k=blood_j_k)


def at_least(metric: str, bound: float, region="tumour", **more) -> Goal:
    return Goal("goal", (region,), metric, bound, "at_least", **more)


def at_most(metric: str, bound: float, region="liver", **more) -> Goal:
    return Goal("limit", (region,), metric, bound, "at_most", **more)


def plan(goals, *, settings=LOOSE, anatomy_model=None, **more):
    anatomy, reduced = anatomy_model or case()
    resolved = resolve(goals, anatomy, defaults=False)
    return optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=settings, **more)


def histories(reduced, shares, settings=LOOSE):
    heat = ModalHeat(reduced, EDGES, settings.cool_down_s, settings.step_s)
    return heat.times_s, np.asarray(reduced.base_c) + heat.states(shares) @ np.asarray(reduced.modes).T


def test_a_temperature_plan_equals_one_linear_program_over_all_nodes_and_times():
    """Largest tumour mean over the hold that liver 38.6, core 38.6 and the duty allow, every row written out."""
    anatomy, reduced = case()
    goals = [at_least("Tmean", 60.0), at_most("Tmax", 38.6), at_most("Tmax", 38.6, "core")]
    settings = Settings(max_duty=0.5, limit_margin_k=0.0, step_s=60.0, heat_cost=0.0, peak_cost=0.0)
    found = plan(goals, settings=settings)
    heat = ModalHeat(reduced, EDGES, 0.0, 60.0)
    rows = resolve(goals, anatomy, defaults=False).rows

    def of(nodes, times):
        kernel = np.einsum("twr,nr,cr->tnwc", heat.windows_to_modes[times], reduced.modes[nodes], reduced.inputs)
        return kernel.reshape(len(times) * len(nodes), -1)

    every = np.arange(len(heat.times_s))
    limits = np.vstack([of(rows[1].nodes, every), of(rows[2].nodes, every)])
    room = np.concatenate([np.full(len(every) * len(rows[1].nodes), 38.6 - 36.5), np.full(len(every), 38.6 - 36.5)])
    duty = np.kron(np.eye(3), np.ones(heat.n_columns))
    hold = hold_weights(heat.times_s, 1200.0, 1800.0)
    mean = rows[0].weights_m3 / rows[0].weights_m3.sum()
    worth = np.einsum(
        "t,n,tnwc->wc", hold, mean, of(rows[0].nodes, every).reshape(len(every), len(mean), 3, -1)
    ).ravel()
    best = linprog(-worth, A_ub=np.vstack([limits, duty]), b_ub=np.concatenate([room, np.full(3, 0.5)]))
    assert found.values[0] - 36.5 == pytest.approx(-best.fun, rel=1e-3)
    assert found.status == "optimal" and found.gap < 1e-3 * found.objective
    assert found.values[1] <= 38.603 and found.values[2] <= 38.603
    assert found.shares.sum(axis=1).max() == pytest.approx(0.5)


@pytest.mark.parametrize(("metric", "dose", "most"), [("Tmin", 5.0, 0.05), ("Tmean", 5.0, 0.05), ("Tmin", 0.01, 400.0)])
def test_a_temperature_plan_with_limits_on_doses_has_a_bound_that_no_plan_falls_below(metric, dose, most):
    """Near where the dose is not what binds; where it is, below all the same."""
    anatomy, reduced = case()
    goals = [at_least(metric, 50.0), at_most("Tmax", 38.6, "core"), at_most("CEM43max", dose)]
    found = plan(goals)
    assert found.gap is not None and 0.0 <= found.gap <= most
    merit = MeritFunction(ModalHeat(reduced, EDGES, 0.0, 60.0), resolve(goals, anatomy, defaults=False), LOOSE)
    rng = np.random.default_rng(3)
    for scale in np.linspace(0.0, 1.0, 30):
        shares = rng.random((3, merit.heat.n_columns)) ** 4
        shares *= scale / shares.sum(axis=1, keepdims=True)
        for tried in (shares, 0.5 * (shares + found.shares)):
            assert merit(Iterate(merit.heat, tried)) >= found.bound - 1e-6


def test_two_columns_and_a_dose_goal_agree_with_brute_force():
    anatomy, reduced = case()
    two = reduced.with_columns(reduced.load_w[[4, 22]])
    goals = [at_least("CEM43T90", 100.0), at_most("CEM43max", 0.05), at_most("Tmax", 39.0, "core")]
    resolved = resolve(goals, anatomy, defaults=False)
    edges = np.array([0.0, 1200.0])
    found = optimize_shares(two, resolved, window_edges_s=edges, settings=LOOSE)
    heat = ModalHeat(two, edges, 0.0, 60.0)
    merit = MeritFunction(heat, resolved, LOOSE)
    line = np.linspace(0.0, 1.0, 17)
    best = min(merit(Iterate(heat, np.array([[a, b]]))) for a in line for b in line if 0.5 < a + b <= 1.0)
    assert found.objective <= best * (1.0 + 1e-3)


@pytest.mark.parametrize("colder_k", [0.0, 0.5])
@pytest.mark.parametrize(("metric", "bound"), [("T90", 41.0), ("CEM43T90", 1.0), ("Tmin", 41.0), ("CEM43D90", 1.0)])
def test_a_wanted_percentile_never_falls_short_of_what_its_linear_program_promised(metric, bound, colder_k):
    anatomy, reduced = case()
    if colder_k:
        course = np.outer([0.0, -colder_k], np.ones(len(reduced.base_c)))
        reduced = CorrectedModel(reduced, np.array([0.0, 600.0]), course)
    resolved = resolve([at_least(metric, bound), at_most("Tmax", 38.5, "core")], anatomy, defaults=False)
    merit = MeritFunction(ModalHeat(reduced, EDGES, 0.0, 30.0), resolved, replace(LOOSE, peak_cost=0.0))
    center = np.zeros((3, merit.heat.n_columns))
    center[:, 13] = 0.4
    look = Iterate(merit.heat, center)
    program = Program(
        merit.heat, merit.share_cost, lower=0.0 * center, upper=1.0 + 0.0 * center, max_duty=1.0, active=center > 0.0
    )
    builders = [build_rows(term) for term in merit.terms.all]
    for rows in builders:
        rows.begin(program, look)
    while True:
        optimum = program.solve()
        trial = Iterate(merit.heat, optimum.shares)
        if not sum(rows.cut(program, trial, optimum.variables) for rows in builders):
            break
    term = merit.terms.rows[0]
    assert np.abs(optimum.shares - center).max() > 0.05
    assert term.value_k(trial) >= term.bound.aim_k - term.bound.slack_k(optimum.variables) - 0.01


def test_a_budget_of_safety_is_kept_as_in_one_linear_program_over_all_nodes_and_times():
    """Largest tumour mean over the hold for a mean cost of a tenth, with columns that cost up to twice as much as
    others: the program's optimum, its price for a tenth of the budget, and the same found by Ipopt's slopes."""
    anatomy, reduced = case()
    cost = np.linspace(1.0, 2.0, len(reduced.inputs))
    settings = Settings(max_duty=0.5, limit_margin_k=0.0, step_s=60.0, heat_cost=0.0, peak_cost=0.0)
    resolved = resolve([at_least("Tmean", 60.0)], anatomy, defaults=False)
    resolved = replace(resolved, budgets=(SafetyBudget("power", cost / 0.1),))
    found = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=settings)
    heat = ModalHeat(reduced, EDGES, 0.0, 60.0)
    (row,), length = resolved.rows, np.diff(EDGES) / EDGES[-1]
    hold = hold_weights(heat.times_s, 1200.0, 1800.0)
    mean = row.weights_m3 / row.weights_m3.sum() @ reduced.modes[row.nodes]
    gain = heat.gradient(heat.adjoint(hold[:, None] * mean))
    best = linprog(
        -gain.ravel(),
        A_ub=np.vstack([np.outer(length, cost).ravel(), np.kron(np.eye(3), np.ones(heat.n_columns))]),
        b_ub=[0.1, 0.5, 0.5, 0.5],
    )
    base_c = row.weights_m3 @ reduced.base_c[row.nodes] / row.weights_m3.sum()
    assert found.status == "optimal" and found.values[0] == pytest.approx(base_c - best.fun, abs=2e-3)
    assert found.values[1] == pytest.approx(100.0, abs=0.01) and found.broken == (row.label,)
    merit = MeritFunction(heat, resolved, settings)
    value_k, slope = merit.terms.required[1].share_slope(look := Iterate(heat, found.shares))
    assert value_k == pytest.approx(float((slope * found.shares).sum())) == merit.terms.required[1].value_k(look)
    told = explain(reduced, resolved, found, settings=settings)
    price = -best.ineqlin.marginals[0] * 0.01
    (cost_of_it,) = told.limits
    assert resolved.budgets[0].widening.amount_k * cost_of_it.gain_k == pytest.approx(price, rel=1e-3)
    assert "the hard limit on power a tenth wider" in cost_of_it.sentence
    assert told.relaxations[0].label == "hard limit on power" and told.relaxations[0].to_value > 110.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("sense", ["at_least", "at_most"])
def test_gradients_pass_a_second_order_taylor_test(metric, sense):
    """Halving the step quarters what the gradient leaves; where the nodes of a statistic change it is less."""
    anatomy, reduced = case()
    bound = {"V43C": 30.0, "V60CEM43": 30.0}.get(metric, 1.0 if metric.startswith("CEM") else 40.0)
    resolved = resolve([Goal("goal", ("tumour",), metric, bound, sense)], anatomy, defaults=False)
    heat = ModalHeat(reduced, EDGES, 120.0, 60.0)
    term = MeritFunction(heat, resolved, LOOSE).terms.rows[0]
    rng = np.random.default_rng(1)
    shares = 0.03 * rng.random((3, heat.n_columns))
    direction = 0.03 * rng.random(shares.shape)
    slopes, value = gradient(term, Iterate(heat, shares))
    assert value == pytest.approx(term.value_k(Iterate(heat, shares)), abs=1e-9)
    slope = float((heat.gradient(heat.adjoint(slopes)) * direction).sum())
    left = [abs(term.value_k(Iterate(heat, shares + h * direction)) - value - h * slope) for h in (4e-3, 1e-3)]
    assert left[1] <= left[0] / 10.0 + 1e-8


def test_predicted_values_are_those_of_the_verifying_meter():
    anatomy, reduced = case()
    goals = [
        at_least("CEM43T90", 10.0),
        at_least("T50", 42.0),
        at_least("CEM43D90", 10.0),
        at_least("Tmin", 40.0),
        at_most("Tmax", 42.0),
        at_most("CEM43max", 2.0),
        at_most("Tmax", 39.5, "core"),
        at_most("Tmax", 42.0, "everywhere-else"),
        at_most("T10", 45.0, "tumour"),
    ]
    settings = Settings(cool_down_s=300.0, step_s=30.0, max_iterations=3)
    found = plan(goals, settings=settings)
    meter = Meter(resolve(goals, anatomy, defaults=False), 1800.0)
    times, temperature = histories(reduced, found.shares, settings)
    np.testing.assert_allclose(meter.consume(zip(times, temperature, strict=True)), found.values, rtol=2e-6)


def test_a_reachable_dose_goal_is_met_within_its_limits_and_no_more_than_needed():
    anatomy, reduced = case()
    resolved = resolve([at_least("CEM43T90", 3.0)], anatomy)
    found = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=Settings(cool_down_s=300.0))
    assert found.broken == ()
    assert 3.0 <= found.values[0] <= 3.0 * 2.0**0.2
    assert found.status in ("optimal", "converged")


def test_a_goal_out_of_reach_gives_the_best_compromise_and_names_it():
    found = plan([at_least("CEM43T90", 1e5), at_most("Tmax", 38.5, "core")])
    assert found.broken == ("tumour CEM43T90 >= 100000 min",)
    assert found.values[1] == pytest.approx(38.5, abs=0.005)


def test_limits_that_the_unheated_body_breaks_leave_it_cold_and_are_named():
    found = plan([at_least("T90", 43.0), at_most("Tmax", 36.0, "core")])
    assert found.shares.sum() < 1e-6
    assert "core Tmax <= 36 degC" in found.broken


def test_no_allowed_heating_is_the_zero_plan():
    found = plan([at_least("T90", 43.0)], settings=Settings(max_duty=0.0))
    assert not found.shares.any() and found.broken


def test_shares_never_exceed_the_duty_of_any_window():
    found = plan([at_least("T90", 60.0)], settings=Settings(max_duty=0.35, step_s=60.0))
    assert found.shares.min() >= 0.0
    assert found.shares.sum(axis=1).max() == pytest.approx(0.35, abs=1e-6)


def test_widening_a_limit_never_worsens_a_temperature_plan():
    reached = [
        plan([at_least("Tmean", 60.0), at_most("Tmax", bound, "core")]).values[0] for bound in (37.5, 38.0, 38.5)
    ]
    assert reached[0] < reached[1] < reached[2]


def test_adding_a_candidate_never_worsens_a_temperature_plan():
    anatomy, reduced = case()
    goals = [at_least("Tmin", 60.0), at_most("Tmax", 38.5, "core")]
    few = plan(goals, anatomy_model=(anatomy, reduced.with_columns(reduced.load_w[::3])))
    more = plan(goals, anatomy_model=(anatomy, reduced))
    assert more.objective <= few.objective * (1.0 + 1e-3)


def test_a_dose_plan_started_from_a_narrower_one_is_not_worse():
    narrow = plan([at_least("CEM43T90", 1e3), at_most("Tmax", 38.3, "core")])
    wide = plan([at_least("CEM43T90", 1e3), at_most("Tmax", 38.6, "core")], start=narrow.shares)
    assert wide.values[0] >= narrow.values[0]


def test_adding_a_candidate_never_worsens_a_dose_plan_started_from_the_one_without():
    anatomy, reduced = case()
    goals, few = [at_least("CEM43T90", 1e3), at_most("Tmax", 38.5, "core")], np.arange(0, reduced.load_w.shape[0], 3)
    narrow = plan(goals, anatomy_model=(anatomy, reduced.with_columns(reduced.load_w[few])))
    start = np.zeros((3, reduced.load_w.shape[0]))
    start[:, few] = narrow.shares
    wide = plan(goals, anatomy_model=(anatomy, reduced), start=start)
    assert wide.objective <= narrow.objective and wide.values[0] >= narrow.values[0]
    assert wide.values[0] > 1.05 * narrow.values[0], "the other two thirds are worth something here"


def test_many_windows_are_no_worse_than_the_few_that_they_are_begun_with():
    """Eighteen windows of a hundred seconds; the coarse search has six of three hundred."""
    goals = [at_least("CEM43T90", 1e3), at_most("Tmax", 38.5, "core"), at_most("Tmax", 44.0, "tumour")]
    anatomy, reduced = case()
    resolved = resolve(goals, anatomy, defaults=False)
    few, many = (
        optimize_shares(reduced, resolved, window_edges_s=np.linspace(0.0, 1800.0, n + 1), settings=LOOSE)
        for n in (6, 18)
    )
    assert many.objective <= few.objective and many.shares.shape[0] == 18
    merit = MeritFunction(ModalHeat(reduced, np.linspace(0.0, 1800.0, 19), 0.0, 60.0), resolved, LOOSE)
    begun = SequentialLP(merit).coarse_start()
    assert merit(begun) == pytest.approx(few.objective, rel=0.01), "the same plan, looked at more often"


def test_in_many_windows_a_temperature_plan_is_as_good_as_its_bound():
    """Ten windows in the hold: had the program fewer times than that, a plan could be cold between them unseen."""
    anatomy, reduced = case()
    goals = [at_least("Tmin", 60.0), at_most("Tmax", 39.0, "core"), at_most("Tmax", 44.0, "tumour")]
    resolved = resolve(goals, anatomy, defaults=False)
    found = optimize_shares(
        reduced, resolved, window_edges_s=np.linspace(0.0, 1800.0, 31), settings=replace(LOOSE, step_s=30.0)
    )
    assert found.status == "optimal" and found.gap < 1e-3 * found.objective


def test_control_c_among_few_windows_returns_their_plan_in_the_many_that_were_asked_for():
    anatomy, reduced = case()
    resolved = resolve([at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")], anatomy, defaults=False)

    def stop(progress):
        signal.raise_signal(signal.SIGINT)

    found = optimize_shares(
        reduced, resolved, window_edges_s=np.linspace(0.0, 1800.0, 19), settings=LOOSE, progress=stop
    )
    assert found.status == "interrupted" and found.shares.shape[0] == 18
    assert found.shares.sum() > 0.1 and found.values[0] > 0.01


def test_on_a_symmetric_phantom_the_plan_and_its_mirror_image_are_the_same_but_for_ties():
    anatomy, reduced = case(symmetric=True)
    goals = [at_least("Tmin", 41.0), at_most("Tmax", 39.5, "core")]
    exact = replace(LOOSE, tolerance=1e-7)
    found = plan(goals, anatomy_model=(anatomy, reduced), settings=exact)
    key = {tuple(np.round(p * 1e6).astype(int)): i for i, p in enumerate(reduced.centers_m)}
    mirror = np.array([key[int(SHAPE[0] * STEP_M * 1e6) - p[0], p[1], p[2]] for p in key])
    merit = MeritFunction(ModalHeat(reduced, EDGES, 0.0, 60.0), resolve(goals, anatomy, defaults=False), exact)
    even = 0.5 * (found.shares + found.shares[:, mirror])
    for shares in (found.shares[:, mirror], even):
        assert merit(Iterate(merit.heat, shares)) == pytest.approx(found.objective, rel=1e-5)


def test_without_steering_one_column_is_enough():
    anatomy, reduced = case()
    uniform = reduced.with_columns(reduced.load_w.max(axis=0, keepdims=True))
    found = plan([at_least("T90", 42.0), at_most("Tmax", 50.0, "core")], anatomy_model=(anatomy, uniform))
    assert found.values[0] == pytest.approx(42.0, abs=0.02)


def test_at_equal_limits_steering_beats_parking_and_raster_where_iron_is_uneven():
    """Iron falls fivefold from one end of the tumour to the other, whose peak is what limits all three."""
    anatomy, reduced = case()
    slope = np.exp(-np.log(5.0) * (anatomy.points_m[:, 0] - TUMOUR_M[0] + 4.5e-3) / 9e-3)
    uneven = reduced.with_columns(2.0 * reduced.load_w * slope)
    distance = np.linalg.norm(reduced.centers_m - TUMOUR_M, axis=1)
    ways = {
        "steered": uneven.load_w,
        "parked": uneven.load_w[[distance.argmin()]],
        "raster": uneven.load_w.mean(axis=0, keepdims=True),
    }
    goals = [at_least("T90", 60.0), at_most("Tmax", 41.0, "core"), at_most("Tmax", 46.0, "tumour")]
    reached = {name: plan(goals, anatomy_model=(anatomy, uneven.with_columns(load))) for name, load in ways.items()}
    t90 = {name: found.values[0] for name, found in reached.items()}
    assert t90["steered"] > t90["parked"] + 0.3 and t90["steered"] > t90["raster"] + 0.3
    assert all(found.values[1] <= 41.005 and found.values[2] <= 46.005 for found in reached.values())


def test_a_higher_priority_is_served_first():
    """A tumour with a mean of 42 has a hottest node above 41.5; which of the two wins is the priority's say."""

    def both(mean: int, peak: int):
        return plan([at_least("Tmean", 42.0, priority=mean), replace(PEAK, priority=peak)]).values

    assert both(1, 2)[0] == pytest.approx(42.0, abs=0.01) and both(1, 2)[1] > 42.0
    assert both(2, 1)[1] == pytest.approx(41.5, abs=0.01) and both(2, 1)[0] < 41.5


def test_a_volume_above_a_temperature_is_planned_as_its_percentile():
    """90 % of the tumour above 40 degC and T90 of 40 are the same wish; a volume jumps by a node's share where
    nodes that mirror each other lie at the very edge."""
    limits = [at_most("Tmax", 39.0, "core"), at_most("V42C", 10.0, "tumour")]
    weights_m3 = resolve([at_least("T90", 40.0)], case()[0], defaults=False).rows[0].weights_m3
    jump = 100.0 * weights_m3.max() / weights_m3.sum()
    volume, percentile = (plan([at_least(*wish), *limits]) for wish in (("V40C", 90.0), ("T90", 40.0)))
    np.testing.assert_allclose(volume.shares, percentile.shares)
    assert volume.values[0] == pytest.approx(90.0, abs=jump) and volume.values[2] <= 10.0 + jump
    assert jump < 5.0
    assert volume.values[1] == percentile.values[1]


def test_a_limit_on_the_hottest_part_is_kept_by_a_convex_plan_and_costs_less_than_one_on_the_peak():
    goals = [at_least("Tmean", 60.0), at_most("Tmax", 45.0, "core")]
    part = plan([*goals, at_most("Thot150mm3", 44.0, "tumour")])
    peak = plan([*goals, at_most("Tmax", 44.0, "tumour")])
    assert part.status == "optimal" and part.gap < 1e-3 * part.objective
    assert part.values[2] == pytest.approx(44.0, abs=0.01)
    assert part.values[0] > peak.values[0] + 0.05


def test_control_c_returns_the_best_so_far_and_says_so():
    def stop(progress):
        if progress.iteration == 2:
            signal.raise_signal(signal.SIGINT)

    found = plan([at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")], progress=stop)
    assert found.status == "interrupted" and found.iterations == 2
    assert found.values[0] > 0.01
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_control_c_during_a_search_is_an_interrupt_as_ever():
    def stop(progress):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        plan([at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")], progress=stop)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_search_stops_when_it_is_asked_to_and_then_control_c_is_left_alone():
    """Off the main thread too, where no signal comes; the plan is the one that an uninterrupted search had by then."""
    goals, seen = [at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")], []

    def asked():
        seen.append(signal.getsignal(signal.SIGINT))
        return len(seen) > 3

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(plan, goals, should_stop=asked).result()
        whole = pool.submit(plan, goals).result()
    assert found.status == "interrupted" and whole.status == "converged"
    assert found.iterations < whole.iterations and found.objective > whole.objective
    assert set(seen) == {signal.default_int_handler}


def test_a_search_ends_with_its_budget_of_iterations_whatever_the_clock_says(monkeypatch):
    """On a machine a thousand times as slow the plan is the same, and so is one whose budget is spent."""
    goals = [at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")]
    free, short = plan(goals), plan(goals, settings=replace(LOOSE, iteration_budget=3))
    assert short.status == "iteration limit" and short.iterations == 3 and free.iterations > 3
    clock = count(step=3600.0)
    monkeypatch.setattr(sequential_lp.time, "perf_counter", lambda: next(clock))
    slow = plan(goals)
    np.testing.assert_array_equal(slow.shares, free.shares)
    assert (slow.status, slow.iterations) == (free.status, free.iterations) and slow.seconds >= 3600.0


def test_progress_tells_a_falling_objective_and_the_worst_limit():
    seen = []
    plan([at_least("CEM43T90", 1e4), at_most("Tmax", 38.5, "core")], progress=seen.append)
    objectives = [p.objective for p in seen]
    assert objectives == sorted(objectives, reverse=True)
    assert seen[-1].worst_limit.startswith("core") and abs(seen[-1].worst_limit_k) < 0.01


@pytest.mark.parametrize(("metric", "bound"), [("CEM43T90", 1e4), ("T90", 60.0), ("CEM43D50", 1e4)])
def test_a_search_for_what_is_out_of_reach_ends_soon_after_its_last_gain(metric, bound):
    """Two looks at each of three bands of freer percentiles, one that promises nothing more, and of a dose five at each
    of three parts of the session."""
    seen = []
    found = plan(
        [at_least(metric, bound), at_most("Tmax", 38.5, "core"), at_most("Tmax", 44.0, "tumour")], progress=seen.append
    )
    idle = [p.objective <= found.objective * (1.0 + LOOSE.tolerance) for p in seen]
    parts = 3 if metric.startswith("CEM43") else 0
    assert idle.count(True) <= 2 * 3 + 2 + 5 * parts and found.iterations <= 20 + 5 * parts


def test_a_start_of_the_wrong_shape_is_refused():
    with pytest.raises(InputError, match="windows of"):
        plan([at_least("T90", 42.0)], start=np.zeros((1, 2)))


def test_planning_with_a_correction_meets_the_goal_of_the_fuller_model():
    """The fuller model here is linear too: a tumour four times as perfused. Plan, verify, correct."""
    anatomy, reduced = case()
    fuller = model(
        anatomy,
        grid_of(TUMOUR_M, 2.5e-3, 2.5e-3),
        spacing_m=STEP_M,
        blood_j_k=60.0,
        perfusion={"body": 2e4, "tumour": 4e4, "liver": 1.1e5},
    )
    resolved = resolve([at_least("T90", 40.5), at_most("Tmax", 44.5, "tumour")], anatomy, defaults=False)
    used, gaps = reduced, []
    for _ in range(4):
        found = optimize_shares(used, resolved, window_edges_s=EDGES, settings=LOOSE)
        times, verified = histories(fuller, found.shares)
        _, predicted = histories(reduced, found.shares)
        values = Meter(resolved, 1800.0).consume(zip(times, verified, strict=True))
        gaps.append(abs(values[0] - found.values[0]))
        used = CorrectedModel(reduced, times, verified - predicted)
    assert gaps[0] > 0.3 and gaps[-1] < 0.1
    assert values[0] == pytest.approx(40.5, abs=0.1)


def test_a_correction_of_the_wrong_shape_is_refused():
    with pytest.raises(InputError, match="correction"):
        CorrectedModel(case()[1], np.arange(3.0), np.zeros((3, 4)))


def test_the_public_gradient_of_any_weighted_sum_of_temperatures_is_exact():
    reduced = case()[1]
    heat = ModalHeat(reduced, EDGES, 300.0, 60.0)
    rng = np.random.default_rng(5)
    shares, weights = rng.random((3, heat.n_columns)), rng.random((len(heat.times_s), len(reduced.base_c)))
    slope = heat.gradient(heat.adjoint(weights @ reduced.modes))
    rise = heat.states(shares) @ reduced.modes.T
    assert (slope * shares).sum() == pytest.approx((weights * rise).sum(), rel=1e-10)


@pytest.mark.parametrize("metric", ["Tmin", "T90"])
def test_no_share_is_smaller_than_asked_and_little_is_lost(metric):
    goals = [at_least(metric, 60.0), at_most("Tmax", 42.5, "tumour")]
    free, coarse = (plan(goals, settings=replace(LOOSE, min_share=share)) for share in (0.0, 0.05))
    assert free.shares[free.shares > 0.0].min() < 0.05 <= coarse.shares[coarse.shares > 0.0].min() + 1e-12
    assert coarse.values[0] > free.values[0] - 0.1 and coarse.values[1] <= 42.503
