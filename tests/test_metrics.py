"""What a goal is worth is one definition for search and verification, and volumes are the inverse of percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoplan import metrics
from thermoplan.dose import Dose, hottest_mean
from thermoplan.goals import Goal, Hottest, Row

SIZES = st.integers(3, 30)


def tissue(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(38.0, 48.0, n), rng.uniform(0.2, 3.0, n) * 1e-9


@settings(max_examples=60, deadline=None)
@given(n=SIZES, seed=st.integers(0, 9999), percent=st.floats(15.0, 85.0))
def test_the_volume_above_a_percentile_is_that_per_cent(n, seed, percent):
    values, weights = tissue(n, seed)
    edge = float(metrics.statistic(values, weights, percent))
    middle = (np.cumsum(w := weights[np.argsort(values)]) - 0.5 * w) / w.sum()
    if middle[0] < 1.0 - percent / 100.0 < middle[-1]:
        assert float(metrics.volume_above(values, weights, edge)) == pytest.approx(percent, abs=1e-6)


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
    assert float(metrics.statistic(values, weights, Hottest(mm3))) == pytest.approx(expected, rel=1e-9)
    nodes, mix = metrics.dose_mixture(values, weights, Hottest(mm3))
    assert mix @ values[nodes] == pytest.approx(hottest_mean(values, weights, mm3 * 1e-9), rel=1e-9)


def test_a_limit_on_a_volume_takes_its_largest_and_a_goal_its_mean_over_the_hold():
    """Half the volume is above 43 degC throughout, or all of it for half of the hold."""
    times, weights = np.linspace(0.0, 900.0, 901), np.ones(2)
    row = lambda sense: Row(Goal("goal", ("x",), "V43C", 50.0, sense), "x", np.arange(2), weights)  # noqa: E731
    steady = np.column_stack([np.full(901, 44.0), np.full(901, 42.0)])
    late = np.where(times[:, None] >= 750.0, 44.0, 42.0) * np.ones(2)
    assert metrics.value(row("at_least"), times, steady, 900.0) == pytest.approx(50.0)
    assert metrics.value(row("at_least"), times, late, 900.0) == pytest.approx(50.0, abs=0.5)
    assert metrics.value(row("at_most"), times, late, 900.0) == 100.0


def test_the_meter_says_of_a_streamed_history_what_the_search_says():
    rng = np.random.default_rng(1)
    times, temperature = np.linspace(0.0, 1200.0, 121), 38.0 + 8.0 * rng.random((121, 12))
    weights = rng.uniform(0.2, 3.0, 12) * 1e-9
    rows = [Row(Goal("goal", ("x",), name, bound, "at_least"), "x", np.arange(12), weights)
            for name, bound in (("V43C", 50.0), ("V2CEM43", 50.0), ("Thot5mm3", 43.0), ("CEM43hot5mm3", 1.0),
                                ("CEM43Thot5mm3", 1.0))]
    expected = [metrics.value(row, times, temperature, 1200.0) for row in rows]
    alone = metrics.Meter(rows, 1200.0).consume(zip(times, temperature, strict=True))
    assert alone == pytest.approx(expected, rel=1e-6)
    dose = Dose()
    meter = metrics.Meter(rows, 1200.0, dose)
    for time_s, here in zip(times, temperature, strict=True):
        dose.add(time_s, here)
        meter.add(time_s, here)
    assert meter.values() == pytest.approx(expected, rel=1e-6)
