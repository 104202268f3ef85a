"""Details of the search that the verification would hide: a plan would be worse by them, and never unsafe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, at_least, at_most, case, plan

from thermoplan.goals import Goal, GoalRow, resolve, row_value
from thermoplan.goals.metrics.cem43 import cem43_rate
from thermoplan.goals.metrics.statistics import statistic
from thermoplan.optimize import MeritFunction, optimize_shares
from thermoplan.optimize.certificate import _ShortfallCuts
from thermoplan.optimize.priorities import _PriorityOrder
from thermoplan.optimize.program.modal_heat import ModalHeat
from thermoplan.optimize.program.region_nodes import RegionNodes


def test_the_first_three_minutes_after_heating_are_looked_at_as_closely_as_heating():
    times = ModalHeat(case()[1], EDGES, 600.0, 10.0).times_s
    early = times[(times >= EDGES[-1]) & (times <= EDGES[-1] + 180.0)]
    assert np.diff(early).max() == pytest.approx(10.0) and early[-1] == EDGES[-1] + 180.0
    assert np.diff(times[times >= EDGES[-1] + 180.0]).max() > 30.0


@pytest.mark.parametrize("colder", [0.5, 0.7])
def test_a_dose_limit_is_worth_the_same_with_its_cold_nodes_left_out(colder):
    """Nodes of a hundredth of a cubic millimetre, of which the hottest 1 mm3 is a hundred; the bound is that of a node
    than which so much of them is colder."""
    anatomy, reduced = case()
    heat = ModalHeat(reduced, EDGES, 0.0, 60.0)
    shares = np.zeros((3, heat.n_columns))
    shares[:, [9, 13, 17]] = 0.3
    nodes = np.arange(len(anatomy.points_m))
    theta = (np.asarray(reduced.base_c) + heat.states(shares) @ np.asarray(reduced.modes).T)[:, nodes]
    bound = EDGES[-1] / 60.0 * float(cem43_rate(np.quantile(theta.max(axis=0), colder)))
    goal = Goal("limit", ("body",), "CEM43max", bound, "at_most")
    row = GoalRow(goal, "body", nodes, np.full(len(nodes), 1e-11))
    kept, seen = RegionNodes.of([row], heat, EDGES[-1] / 60.0).temperatures(heat, heat.states(shares))
    screened = replace(row, nodes=nodes[kept], weights_m3=row.weights_m3[kept])
    assert 100 < len(kept) < len(nodes)
    assert row_value(screened, heat.times_s, seen, EDGES[-1]) == pytest.approx(
        row_value(row, heat.times_s, theta, EDGES[-1]), rel=1e-6
    )


def test_a_temperature_limit_holds_in_its_window_and_not_after_it():
    goals = [at_least("Tmean", 60.0), at_most("Tmax", 38.0, "core", window=(0.0, 900.0))]
    early, throughout = plan(goals), plan([goals[0], replace(goals[1], window=None)])
    assert early.values[1] <= 38.005 and throughout.values[1] <= 38.005
    assert early.values[0] > throughout.values[0] + 0.3, "after its window the core may be warmer"


@pytest.mark.parametrize(("sense", "held_c", "bound_c"), [("at_least", 41.3, 41.2), ("at_most", 41.3, 41.4)])
def test_what_a_goal_has_reached_is_held_at_a_third_of_its_margin_on_the_easier_side(sense, held_c, bound_c):
    anatomy, reduced = case()
    wish = Goal("goal", ("tumour",), "T90", 43.0 if sense == "at_least" else 40.0, sense)
    resolved = resolve([wish, at_least("T50", 44.0, priority=2)], anatomy, defaults=False)
    settings = replace(LOOSE, limit_margin_k=0.3)
    merit = MeritFunction(ModalHeat(reduced, EDGES, 0.0, 60.0), resolved, settings)
    first = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=replace(settings, max_duty=0.0))
    order = _PriorityOrder(merit, first, anew=False)
    order.held = {0: held_c}
    row = order._row(0, resolved.rows[0], 2)
    assert row.kind == "limit" and row.bound == pytest.approx(bound_c)
    order.held = {0: wish.bound_k}
    assert order._row(0, resolved.rows[0], 2).bound == wish.bound, "one that is met is held at its bound"


@pytest.mark.parametrize("percent", [90.0, 50.0])
def test_the_part_that_may_be_colder_than_a_percentile_counts_half_the_nodes_it_lies_between(percent):
    """Of five nodes of uneven volume more than a tenth may lie below T90, which lies between the middles of two."""
    reduced = case()[1]
    heat, rng = ModalHeat(reduced, EDGES, 0.0, 60.0), np.random.default_rng(6)
    more = 0
    for _ in range(300):
        weights_m3, temperature_c = rng.uniform(0.2, 2.0, 5) * 1e-9, rng.uniform(38.0, 46.0, 5)
        row = GoalRow(at_least(f"T{percent:g}", 43.0), "tumour", np.arange(5), weights_m3)
        below = weights_m3[temperature_c < float(statistic(temperature_c, weights_m3, percent))].sum()
        assert _ShortfallCuts(row, heat).part_m3 >= below
        more += below > (1.0 - percent / 100.0) * weights_m3.sum()
    assert more > 50, "without the half nodes the part would be too small"


def test_a_plan_that_is_short_of_its_bound_does_not_call_itself_the_best():
    """The limit on a dose is not convex and is left out of the bound, which is far away where the dose binds."""
    goals = [at_least("Tmin", 50.0), at_most("Tmax", 38.6, "core"), at_most("CEM43max", 0.01)]
    found, convex = plan(goals), plan(goals[:2])
    assert found.gap > 10.0 and found.status == "converged"
    assert convex.gap < 1e-3 * (1.0 + convex.bound) and convex.status == "optimal"
