"""States of a reduced model followed from window to window, against the integral over every window at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoplan.bioheat.engines.reduced import ReducedModel
from thermoplan.optimize.program.modal_heat import ModalHeat

RATES_1_S = np.array([0.0, 1e-9, 1e-4, 3e-3, 0.05, 2.0, 400.0])
COURSES = {
    "even": (np.linspace(0.0, 1800.0, 11), 0.0),
    "uneven, cooled": (np.array([0.0, 5.0, 605.0, 650.0]), 700.0),
    "one window": (np.array([0.0, 30.0]), 0.0),
}


def heat_of(edges_s, cool_down_s: float) -> ModalHeat:
    inputs = np.random.default_rng(0).random((4, len(RATES_1_S)))
    return ModalHeat(
        ReducedModel(RATES_1_S, np.zeros((1, len(RATES_1_S))), inputs, np.zeros(1), 0.0), edges_s, cool_down_s
    )


@pytest.mark.parametrize("course", COURSES)
def test_states_are_the_sum_of_what_each_window_left(course):
    heat = heat_of(*COURSES[course])
    shares = np.random.default_rng(1).random((heat.n_windows, 4))
    whole = np.einsum("twr,wr->tr", heat.windows_to_modes, shares @ heat.model.inputs)
    assert heat.states(shares) == pytest.approx(whole, rel=1e-12, abs=1e-25)


@pytest.mark.parametrize("course", COURSES)
def test_the_adjoint_is_the_transpose_of_the_states(course):
    heat = heat_of(*COURSES[course])
    slopes = np.random.default_rng(2).standard_normal((len(heat.times_s), len(RATES_1_S)))
    whole = np.einsum("twr,tr->wr", heat.windows_to_modes, slopes)
    assert heat.adjoint(slopes) == pytest.approx(whole, rel=1e-9, abs=1e-9 * abs(whole).max())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1.0, 500.0), min_size=1, max_size=6), st.floats(0.0, 400.0), st.integers(0, 99))
def test_objective_and_gradient_agree_for_any_windows(lengths, cool_down_s, seed):
    """A linear objective is its gradient times the shares."""
    heat = heat_of(np.concatenate([[0.0], np.cumsum(lengths)]), cool_down_s)
    rng = np.random.default_rng(seed)
    shares = rng.random((heat.n_windows, 4))
    slopes = rng.random((len(heat.times_s), len(RATES_1_S)))
    value = float((slopes * heat.states(shares)).sum())
    assert float((heat.gradient(heat.adjoint(slopes)) * shares).sum()) == pytest.approx(value, rel=1e-10)
