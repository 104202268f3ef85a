"""A plan says what its limits cost, and the price is the one that widening them fetches."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, PEAK, at_least, at_most, case, plan

from thermoplan.goals import resolve
from thermoplan.optimize import TradedLimit, explain, lbfgsb_shares, optimize_shares, pareto_front, promote
from thermoplan.plan.steering.steer import apart_k

FINE = replace(LOOSE, tolerance=1e-5, heat_cost=0.0, peak_cost=0.0)


def explained(goals, settings=LOOSE, **more):
    anatomy, reduced = case()
    resolved = resolve(goals, anatomy, defaults=False)
    shares = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=settings)
    return shares, explain(reduced, resolved, shares, settings=settings, **more)


def test_the_price_of_a_temperature_limit_is_what_widening_it_fetches():
    def reached(bound: float) -> float:
        return plan([at_least("Tmean", 60.0), at_most("Tmax", bound, "core")], settings=FINE).values[0]

    _, why = explained([at_least("Tmean", 60.0), at_most("Tmax", 38.5, "core")], FINE, relax=False)
    widened = (reached(38.52) - reached(38.48)) / 0.04
    assert why.limits[0].gain == pytest.approx(widened, rel=0.02)
    assert "K of tumour Tmean per K of core Tmax" in why.limits[0].sentence


def test_the_price_of_duty_is_what_more_of_it_fetches():
    goals = [at_least("Tmean", 80.0), at_most("Tmax", 90.0, "core")]

    def reached(duty: float) -> float:
        return plan(goals, settings=replace(FINE, max_duty=duty)).values[0]

    _, why = explained(goals, replace(FINE, max_duty=0.3), relax=False)
    assert why.duty_gain == pytest.approx((reached(0.31) - reached(0.29)) / 0.02 * 0.1, rel=0.02)
    assert why.limits[0].gain == 0.0 and not why.limits[0].active


def test_the_price_of_a_limit_on_a_dose_goal_is_what_widening_it_fetches():
    def reached(bound: float) -> float:
        return np.log2(plan([at_least("CEM43mean", 1e4), at_most("Tmax", bound, "core")], settings=FINE).values[0])

    _, why = explained([at_least("CEM43mean", 1e4), at_most("Tmax", 38.5, "core")], FINE, relax=False)
    assert why.limits[0].gain == pytest.approx((reached(38.52) - reached(38.48)) / 0.04, rel=0.05)


def test_the_limit_that_stands_against_a_goal_is_named_and_its_relaxation_tried():
    goals = [at_least("T90", 42.0), at_most("Tmax", 38.0, "core"), at_most("Tmax", 45.0)]
    shares, why = explained(goals)
    assert shares.broken == why.missed == ("tumour T90 >= 42 degC",)
    assert "core Tmax" in why.conflicts[0] and "liver" not in why.conflicts[0]
    assert [r.label for r in why.relaxations] == ["core Tmax <= 38 degC"]
    assert why.relaxations[0].goals_met and 38.0 < why.relaxations[0].to_value < 40.0


def test_a_relaxation_that_helps_nothing_is_not_offered(monkeypatch):
    """A search that finds the same plan again, whatever is allowed to yield."""
    goals = [at_least("T90", 42.0), at_most("Tmax", 38.0, "core")]
    shares, _ = explained(goals, relax=False)
    monkeypatch.setattr(sys.modules["thermoplan.optimize.relaxations"], "weighted_shares", lambda *_, **__: shares)
    _, why = explained(goals)
    assert why.missed and why.relaxations == ()


def test_a_plan_that_meets_its_goals_needs_no_excuse():
    goals = [at_least("T90", 38.0), at_most("Tmax", 39.5, "core")]
    shares, why = explained(goals, replace(LOOSE, limit_margin_k=0.05))
    assert shares.broken == why.missed == why.conflicts == why.relaxations == ()


def test_a_plan_that_meets_its_goal_is_told_how_far_it_could_go_and_what_then_stops_it():
    goals = [at_least("T90", 38.0), at_most("Tmax", 39.0, "core"), at_most("Tmax", 45.0)]
    _, why = explained(goals, FINE)

    def most(bound: float) -> float:
        return plan([at_least("T90", 60.0), at_most("Tmax", bound, "core")], settings=FINE).values[0]

    assert why.goal.label == "tumour T90 >= 38 degC"
    assert why.reach == pytest.approx(most(39.0), abs=0.01)
    assert why.limits[0].label == "core Tmax <= 39 degC" and not why.limits[0].active
    assert why.limits[0].gain == pytest.approx((most(39.02) - most(38.98)) / 0.04, rel=0.05)
    assert why.limits[1].gain == 0.0 and why.limits[1].sentence == ""


def test_below_43_degrees_a_kelvin_is_two_doublings_of_dose():
    """R is 0.25 there: a kelvin more is four times the dose."""
    shares, why = explained([at_least("CEM43T90", 1e3), at_most("Tmax", 37.5, "core")], FINE, relax=False)
    assert shares.values[0] < 2.0, "15 min at 41.5 degrees C"
    assert why.limits[0].gain_k == pytest.approx(why.limits[0].gain / 2.0, rel=1e-3)
    assert "K of tumour T90 (CEM43T90 x" in why.limits[0].sentence


def test_goals_that_stand_against_each_other_are_both_named():
    """A tumour whose mean is 42 has a hottest node above 41.5."""
    shares, why = explained([replace(PEAK, weight=100.0), at_least("Tmean", 42.0)])
    assert shares.values[0] < 41.51 and shares.values[1] < 41.5
    assert "tumour Tmean >= 42 degC" in why.missed
    costs = {cost.label: cost for cost in why.limits}
    asked_mean = why.goal.label.startswith("tumour Tmean")
    rival = costs["tumour Tmax <= 41.5 degC" if asked_mean else "tumour Tmean >= 42 degC"]
    assert rival.gain > 0.1 and rival.label in why.conflicts[0]


def test_where_time_is_short_a_longer_session_is_tried():
    goals = [at_least("CEM43T90", 2.0), at_most("Tmax", 50.0, "tumour")]
    shares, why = explained(goals, replace(LOOSE, max_duty=0.07))
    assert shares.broken and why.duty_gain_k > 0.1
    longer = next(r for r in why.relaxations if r.label == "session")
    assert longer.to_value == pytest.approx(1.5 * longer.from_bound) and longer.goal_values[0] > 1.2 * shares.values[0]


def test_the_front_rises_with_the_limit_and_keeps_it():
    anatomy, reduced = case()
    resolved = resolve([at_least("CEM43T90", 10.0), at_most("Tmax", 39.0, "core")], anatomy, defaults=False)
    bounds = [37.6, 38.0, 38.4, 38.8]
    front = pareto_front(reduced, resolved, window_edges_s=EDGES, traded=TradedLimit(1, bounds), settings=LOOSE)
    assert (np.diff(front.goal_values) > 0.0).all()
    assert (front.limit_values <= np.array(bounds) + 0.005).all()
    assert (front.limit_values >= np.array(bounds) - 0.05).all()


@pytest.mark.parametrize(
    "goals",
    [
        [at_least("CEM43T90", 1e3), at_most("Tmax", 38.5, "core")],
        [at_least("CEM43D90", 1e3), at_most("Tmax", 38.5, "core"), at_most("CEM43max", 0.02)],
        [at_least("T50", 41.0), at_most("Tmax", 39.0, "core"), at_most("Tmax", 42.5, "tumour")],
    ],
)
def test_a_second_method_finds_nothing_better(goals):
    anatomy, reduced = case()
    resolved = resolve(goals, anatomy, defaults=False)
    first = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=replace(LOOSE, starts=2))
    other = lbfgsb_shares(reduced, resolved, window_edges_s=EDGES, settings=LOOSE)
    from_there = lbfgsb_shares(reduced, resolved, window_edges_s=EDGES, settings=LOOSE, start=first.shares)
    assert first.objective <= other.objective * (1.0 + 1e-3)
    assert first.objective <= from_there.objective * (1.0 + 3e-3)
    assert other.objective < first.objective + 150.0, "not even near: no check at all"


def test_the_dearest_limits_are_searched_anew_each_way_and_told_two_sided():
    """Core and tumour peak bind together: a wider core stops at the peak, which a price to first order ignores."""
    core_c, peak_c = 38.3, 42.2

    def reached(core: float, peak: float) -> float:
        goals = [at_least("T90", 60.0), at_most("Tmax", core, "core"), at_most("Tmax", peak, "tumour")]
        return plan(goals, settings=FINE).values[0]

    goals = [at_least("T90", 60.0), at_most("Tmax", core_c, "core"), at_most("Tmax", peak_c, "tumour")]
    _, why = explained(goals, FINE)
    here, (core, peak) = reached(core_c, peak_c), why.limits
    assert [cost.label for cost in (core, peak)] == ["core Tmax <= 38.3 degC", "tumour Tmax <= 42.2 degC"]
    for cost, wide, narrow in (
        (core, reached(core_c + 1.0, peak_c), reached(core_c - 1.0, peak_c)),
        (peak, reached(core_c, peak_c + 1.0), reached(core_c, peak_c - 1.0)),
    ):
        assert cost.wider.goal_value == pytest.approx(wide, abs=0.03)
        assert cost.wider.gain_k == pytest.approx(wide - here, abs=0.03)
        assert cost.narrower.gain_k == pytest.approx(narrow - here, abs=0.03)
    assert core.wider.gain_k < 0.3 * core.gain_k and -core.narrower.gain_k > 1.5 * core.gain_k
    gain, loss = f"{core.wider.gain_k:.2g} K more of tumour T90", f"{-core.narrower.gain_k:.2g} K less"
    assert core.sentence == f"core Tmax 1 K wider: {gain}; 1 K narrower: {loss} (searched anew)"


def test_what_a_dose_gains_by_a_new_search_is_told_in_kelvins_of_its_temperature_and_as_a_factor():
    shares, why = explained([at_least("CEM43T90", 1e4), at_most("CEM43max", 0.02, "liver")], FINE)
    cost = why.limits[0]
    wide, narrow = (
        plan([at_least("CEM43T90", 1e4), at_most("CEM43max", bound, "liver")], settings=FINE).values[0]
        for bound in (0.04, 0.01)
    )
    assert np.log2(cost.wider.goal_value / wide) == pytest.approx(0.0, abs=0.05)
    assert np.log2(cost.narrower.goal_value / narrow) == pytest.approx(0.0, abs=0.05)
    assert 0.0 < cost.wider.gain_k < np.log2(wide / shares.values[0]), "a doubling is half a kelvin to one"
    assert cost.sentence.startswith("liver CEM43max twice as wide: ") and "; half as wide: " in cost.sentence
    assert f"K more (CEM43T90 x {cost.wider.goal_value / shares.values[0]:.2g}) of tumour T90" in cost.sentence


@pytest.mark.parametrize(("priority", "weight"), [(1, 0.01), (2, 1.0), (3, 1.0), (3, 0.05)])
def test_what_would_help_is_told_of_a_missed_goal_whatever_its_priority_and_weight(priority, weight):
    """Before it stands a goal of the first priority that is met, and must not be sold."""
    met = at_least("Tmean", 38.0)
    goals = [at_least("T90", 42.0, priority=priority, weight=weight), at_most("Tmax", 38.0, "core"), met]
    _, why = explained(goals)
    assert why.missed == ("tumour T90 >= 42 degC",)
    core = why.relaxations[0]
    assert core.label == "core Tmax <= 38 degC" and core.goals_met and 38.0 < core.to_value < 40.0
    assert why.limits[0].label == "core Tmax <= 38 degC" and why.limits[0].gain > 0.5
    _, first = explained([at_least("T90", 42.0), *goals[1:]])
    assert core.to_value == pytest.approx(first.relaxations[0].to_value, abs=0.05)


def test_of_two_missed_goals_of_one_priority_neither_becomes_a_limit():
    goals = [at_least("T90", 60.0), at_least("T50", 60.0), at_most("Tmax", 38.3, "core")]
    anatomy, _ = case()
    resolved = resolve(goals, anatomy, defaults=False)
    assert [row.kind for row in promote(resolved, 0).rows] == ["goal", "goal", "limit"]
    heavier = resolve([goals[0], replace(goals[1], weight=2.0), goals[2]], anatomy, defaults=False)
    assert [row.kind for row in promote(heavier, 0).rows] == ["goal", "limit", "limit"]
    _, why = explained(goals)
    assert why.missed[0] == "tumour T90 >= 60 degC" and len(why.missed) == 2
    assert why.conflicts[1] == "tumour T50 >= 60 degC is missed too, and comes after it"


def test_a_goal_of_the_first_priority_that_gives_way_to_the_second_is_told_as_given_way():
    """The peak is a wish that is met, and what the second wish lacks is offered at the price of the first alone."""
    goals = [replace(PEAK, bound=41.0), at_least("T90", 41.5, priority=2), at_most("Tmax", 45.0, "core")]
    _, why = explained(goals, replace(LOOSE, limit_margin_k=0.1))
    assert why.missed == ("tumour T90 >= 41.5 degC",)
    (relaxation,) = why.relaxations
    assert relaxation.label == "tumour Tmax <= 41 degC" and "all other goals are met" in relaxation.sentence


@pytest.mark.parametrize("priority", [1, 3])
def test_how_far_apart_searches_ended_is_in_kelvins_of_the_missed_goal_whatever_its_priority(priority):
    """The same search by another number of its priority, alone or after a goal that is met."""
    anatomy, reduced = case()
    for others in ([], [at_least("Tmean", 37.5)]):
        goals = [at_least("T90", 60.0, priority=priority), at_most("Tmax", 42.5, "tumour"), *others]
        resolved = resolve(goals, anatomy, defaults=False)
        settings = replace(LOOSE, starts=3)
        found = optimize_shares(reduced, resolved, window_edges_s=EDGES, settings=settings)
        ends = [values[0] for values in found.start_values_k]
        assert len(ends) == len(found.starts) >= 3
        assert apart_k(found, resolved) == max(ends) - min(ends)
        assert max(ends) == pytest.approx(found.values[0], abs=0.05), "the best of them is the plan"
        alone = plan([replace(goals[0], priority=1), *goals[1:2]], settings=settings)
        assert apart_k(found, resolved) == pytest.approx(np.ptp([v[0] for v in alone.start_values_k]), abs=0.03)
