"""The compiled percentile against its definition in `metrics`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoplan.bioheat.linalg.percentiles import between
from thermoplan.goals.metrics import statistics


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 300), seed=st.integers(0, 9999), share=st.floats(0.0, 1.0), heavy=st.booleans())
def test_a_percentile_is_between_the_nodes_that_the_full_order_has(n, seed, share, heavy):
    """Of rows far apart, of equal values, of values a billionth apart, and with a node as heavy as all the others."""
    rng = np.random.default_rng(seed)
    values, weights = 40.0 + 5.0 * rng.random((7, n)), rng.uniform(0.2, 3.0, n)
    values[1], values[2], values[3] = 37.0, 40.0 + 1e-9 * rng.random(n), values[4] + 30.0
    if heavy:
        weights[n // 2] = weights.sum()
    nodes, mix = between(values, weights, share)
    expected, parts = statistics.between(values, weights, share)
    found = (np.take_along_axis(values, nodes, -1) * mix).sum(axis=-1)
    assert found == pytest.approx((np.take_along_axis(values, expected, -1) * parts).sum(axis=-1), rel=0.0, abs=1e-12)
    assert mix.sum(axis=-1) == pytest.approx(1.0, abs=1e-15)


def test_few_nodes_of_many_are_put_in_order_and_they_are_the_right_ones():
    """Two thousand weights of one: a tenth of them ends in the middle of the 200th and 201st smallest."""
    values = np.random.default_rng(1).permutation(2000).astype(float)
    nodes, mix = between(values[None], np.ones(2000), 0.1)
    assert values[nodes[0]].tolist() == [199.0, 200.0]
    assert mix[0] == pytest.approx([0.5, 0.5])
