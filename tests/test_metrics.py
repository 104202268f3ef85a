"""What a goal is worth is one definition for search and verification, and volumes are the inverse of percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoplan.goals import Goal, GoalRow, Hottest, Meter, row_value
from thermoplan.goals.dose import Dose
from thermoplan.goals.metrics import cem43, statistics
from thermoplan.goals.metrics.statistics import hottest_mean

SIZES = st.integers(3, 30)


def tissue(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(38.0, 48.0, n), rng.uniform(0.2, 3.0, n) * 1e-9


@settings(max_examples=60, deadline=None)
@given(n=SIZES, seed=st.integers(0, 9999), percent=st.floats(15.0, 85.0))
def test_the_volume_above_a_percentile_is_that_per_cent(n, seed, percent):
    values, weights = tissue(n, seed)
    edge = float(statistics.statistic(values, weights, percent))
    middle = (np.cumsum(w := weights[np.argsort(values)]) - 0.5 * w) / w.sum()
    if middle[0] < 1.0 - percent / 100.0 < middle[-1]:
        assert float(statistics.volume_above(values, weights, edge)) == pytest.approx(percent, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(n=SIZES, seed=st.integers(0, 9999), mm3=st.floats(0.1, 60.0))
def test_the_hottest_part_is_the_mean_over_the_hottest_cubic_millimetres(n, seed, mm3):
    """By filling: take the hottest node's volume, then the next, until there are so many."""
    values, weights = tissue(n, seed)
    left, total = min(mm3 * 1e-9, weights.sum()), 0.0
    for i in np.argsort(values)[::-1]:
        taken = min(left, weights[i])
        total, left = total + taken * values[i], left - taken
    expected = total / min(mm3 * 1e-9, weights.sum())
    assert float(statistics.statistic(values, weights, Hottest(mm3))) == pytest.approx(expected, rel=1e-9)
    parts = statistics.hottest_parts(values, weights, mm3 * 1e-9)
    assert parts @ values == pytest.approx(hottest_mean(values, weights, mm3 * 1e-9), rel=1e-9)


def test_a_limit_on_a_volume_takes_its_largest_and_a_goal_its_mean_over_the_hold():
    """Half the volume is above 43 degC throughout, or all of it for half of the hold."""
    times, weights = np.linspace(0.0, 900.0, 901), np.ones(2)
    row = lambda sense: GoalRow(Goal("goal", ("x",), "V43C", 50.0, sense), "x", np.arange(2), weights)  # noqa: E731
    steady = np.column_stack([np.full(901, 44.0), np.full(901, 42.0)])
    late = np.where(times[:, None] >= 750.0, 44.0, 42.0) * np.ones(2)
    assert row_value(row("at_least"), times, steady, 900.0) == pytest.approx(50.0)
    assert row_value(row("at_least"), times, late, 900.0) == pytest.approx(50.0, abs=0.5)
    assert row_value(row("at_most"), times, late, 900.0) == 100.0


def test_the_meter_says_of_a_streamed_history_what_the_search_says():
    rng = np.random.default_rng(1)
    times, temperature = np.linspace(0.0, 1200.0, 121), 38.0 + 8.0 * rng.random((121, 12))
    weights = rng.uniform(0.2, 3.0, 12) * 1e-9
    rows = [
        GoalRow(Goal("goal", ("x",), name, bound, "at_least"), "x", np.arange(12), weights)
        for name, bound in (
            ("V43C", 50.0),
            ("V2CEM43", 50.0),
            ("Thot5mm3", 43.0),
            ("CEM43hot5mm3", 1.0),
            ("CEM43Thot5mm3", 1.0),
        )
    ]
    expected = [row_value(row, times, temperature, 1200.0) for row in rows]
    alone = Meter(rows, 1200.0).consume(zip(times, temperature, strict=True))
    assert alone == pytest.approx(expected, rel=1e-6)
    dose = Dose()
    meter = Meter(rows, 1200.0, dose)
    for time_s, here in zip(times, temperature, strict=True):
        dose.add(time_s, here)
        meter.add(time_s, here)
    assert meter.values() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 60), seed=st.integers(0, 9999), share=st.floats(0.0, 1.0), ties=st.booleans())
def test_the_value_at_a_share_needs_only_the_lowest_nodes(n, seed, share, ties):
    """Against interpolation in the fully sorted weights; equal values, and values equal in single precision, too."""
    rng = np.random.default_rng(seed)
    values, weights = 40.0 + 5.0 * rng.random((7, n)), rng.uniform(0.2, 3.0, n)
    if ties:
        values[1], values[2] = 37.0, 40.0 + 1e-9 * rng.random(n)
    nodes, mix = statistics.between(values, weights, share)
    found = (np.take_along_axis(values, nodes, -1) * mix).sum(axis=-1)
    for row, value in zip(values, found, strict=True):
        order = np.argsort(row)
        upto = np.cumsum(weights[order])
        expected = np.interp(share * upto[-1], upto - 0.5 * weights[order], row[order])
        assert value == pytest.approx(expected, rel=0.0, abs=1e-12)


@pytest.mark.parametrize("block", [1, 50, 10**9])
def test_dose_and_its_slope_do_not_depend_on_how_times_are_divided(block, monkeypatch):
    """Against the streamed dose and finite differences, with flat pieces and crossings of 43 degrees C."""
    monkeypatch.setattr(cem43, "_BLOCK", block)
    rng = np.random.default_rng(3)
    times, temperature = np.cumsum(rng.uniform(1.0, 30.0, 40)), 39.0 + 8.0 * rng.random((40, 6))
    temperature[10:20, 2] = 42.0
    temperature[5:9, 3] = 44.0 + 1e-6 * np.arange(4)
    streamed = Dose()
    for time_s, row in zip(times, temperature, strict=True):
        streamed.add(time_s, row)
    dose, slope = cem43.dose_slope(times, temperature)
    assert dose == pytest.approx(streamed.cem43_min, rel=1e-12)
    assert cem43.dose_min(times, temperature) == pytest.approx(dose, rel=1e-14)
    assert cem43.dose_min(times, temperature[:, 1]) == pytest.approx(dose[1], rel=1e-14)
    for at in range(0, 40, 3):
        moved = 2e-3 * (np.arange(40) == at)[:, None]
        change = cem43.dose_min(times, temperature + moved) - cem43.dose_min(times, temperature - moved)
        assert slope[at] == pytest.approx(change / 4e-3, rel=2e-3)


def test_one_time_alone_is_no_dose():
    dose, slope = cem43.dose_slope(np.array([5.0]), np.full((1, 3), 45.0))
    assert not dose.any() and not slope.any() and cem43.dose_min(np.array([5.0]), np.array([45.0])) == 0.0
