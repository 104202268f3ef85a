"""A plan says what its limits cost, and the price is the one that widening them fetches."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, PEAK, at_least, at_most, case, plan

from thermoplan.goals import resolve
from thermoplan.optimize import explain, lbfgsb_shares, optimize_shares, pareto_front

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
    monkeypatch.setattr(sys.modules["thermoplan.optimize.explain"], "weighted_shares", lambda *_, **__: shares)
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
    front = pareto_front(reduced, resolved, window_edges_s=EDGES, limit=1, bounds=bounds, settings=LOOSE)
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
