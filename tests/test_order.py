"""What a goal of a higher priority has reached is not traded for one of a lower, whatever the lower is worth."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, PEAK, at_least, at_most, case, plan

from thermoplan.goals import Goal, resolve
from thermoplan.optimize import HELD_K, Settings, optimize_shares, weighted_shares


def by_weight(goals):
    anatomy, reduced = case()
    return weighted_shares(reduced, resolve(goals, anatomy, defaults=False), window_edges_s=EDGES, settings=LOOSE)


COOL_LIVER = Goal("goal", ("liver",), "Tmax", 37.0, "at_most")


def test_a_lower_priority_does_not_move_a_higher_one_however_much_it_would_gain():
    """A kelvin of the liver is worth over one doubling of the tumour's dose: at a tenth of the weight, which is only
    among goals of one priority, factors of ten sell it."""
    goals = [replace(COOL_LIVER, weight=0.1), at_least("CEM43T90", 1e3, priority=2)]
    assert by_weight(goals).values[0] > 37.0 + 0.3
    found = plan(goals)
    assert found.values[0] <= 37.0 + HELD_K
    as_limit = plan([replace(COOL_LIVER, kind="limit"), at_least("CEM43T90", 1e3)])
    assert as_limit.values[0] <= 37.0 + HELD_K
    assert np.log2(found.values[1]) == pytest.approx(np.log2(as_limit.values[1]), abs=0.1), "it has all that is left"


def test_a_limit_is_not_sold_either_whatever_a_goal_weighs():
    limit = replace(COOL_LIVER, kind="limit")
    for weight in (1.0, 1e3):
        assert plan([limit, at_least("CEM43T90", 1e3, weight=weight)]).values[0] <= 37.0 + 0.02


def test_a_goal_that_is_missed_keeps_what_it_could_have():
    limit = at_most("Tmax", 38.5, "core")
    alone = plan([at_least("T90", 60.0), limit]).values[0]
    found = plan([at_least("T90", 60.0), limit, replace(PEAK, priority=2, weight=100.0)])
    assert found.values[0] >= alone - HELD_K - 0.01 and found.values[1] <= 38.503


def test_doses_and_volumes_are_held_too_in_the_order_of_three_priorities():
    goals = [
        at_least("CEM43T90", 1e3),
        at_most("Tmax", 38.5, "core"),
        replace(PEAK, metric="V41C", bound=50.0, priority=2, weight=50.0),
        at_least("Tmean", 60.0, priority=3, weight=500.0),
    ]
    first = plan(goals[:2]).values[0]
    two = plan(goals[:3]).values
    three = plan(goals).values
    assert np.log2(two[0]) >= np.log2(first) - HELD_K - 0.03
    assert np.log2(three[0]) >= np.log2(first) - HELD_K - 0.03 and three[1] <= 38.503


@pytest.mark.parametrize(
    "goals",
    [
        [at_least("T90", 60.0), at_most("Tmax", 38.5, "core")],
        [at_least("Tmean", 39.0), replace(PEAK, bound=60.0, priority=2)],
    ],
)
def test_one_priority_or_none_that_is_missed_is_planned_as_by_weight(goals):
    np.testing.assert_array_equal(plan(goals).shares, by_weight(goals).shares)


def test_control_c_on_the_way_returns_what_was_found_for_the_higher_priority():
    goals = [at_least("Tmean", 42.0), replace(PEAK, priority=2, weight=1e3)]
    seen = []

    def stop(progress):
        if seen and progress.iteration < seen[-1]:
            signal.raise_signal(signal.SIGINT)
        seen.append(progress.iteration)

    found = plan(goals, progress=stop)
    assert found.status == "interrupted" and found.shares.any()


def test_nothing_is_heated_where_nothing_may_be():
    goals = [at_least("T90", 43.0), at_least("Tmean", 44.0, priority=2)]
    assert not plan(goals, settings=Settings(max_duty=0.0)).shares.any()


def test_a_given_start_and_a_reach_are_kept_in_every_priority():
    goals = [replace(PEAK, priority=1), at_least("Tmean", 42.0, priority=2, weight=1e3)]
    anatomy, reduced = case()
    start = np.zeros((3, len(reduced.inputs)))
    start[:, 13] = 0.05
    found = optimize_shares(
        reduced,
        resolve(goals, anatomy, defaults=False),
        window_edges_s=EDGES,
        settings=replace(LOOSE, reach=0.02),
        start=start,
    )
    assert np.abs(found.shares - start).max() <= 3 * 0.02 + 1e-9
