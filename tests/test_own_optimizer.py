"""The page for those who bring their own optimizer runs as it stands, and what it says is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan import simulate

PAGE = Path(__file__).parents[1] / "docs" / "bring-your-own-optimizer.md"
SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "10 min"\ncool_down = "0 min"')


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Every block of the page, one after the other, in one namespace and an empty folder."""
    folder = tmp_path_factory.mktemp("own")
    names = {"protocol": write_case(folder, protocol=SHORT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
            exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_states_times_modes_are_the_temperatures_of_the_model(run):
    model, problem = run["model"], run["problem"]
    again = model.temperature(run["a"], problem.edges_s, run["heat"].times_s)
    np.testing.assert_allclose(run["temperature_c"], again, atol=1e-9)
    basis = run["basis"]
    np.testing.assert_allclose(basis.load_w.sum(axis=1), basis.iron_w + basis.eddy_w, rtol=1e-9)
    assert len(basis.columns) == run["count"] < len(problem.basis.columns)


def test_the_slope_of_the_page_is_that_of_its_value(run):
    rng = np.random.default_rng(0)
    direction = rng.random(run["a"].shape)
    (low, slope), (high, _) = (run["value_and_slope"](run["a"] + h * direction) for h in (0.0, 0.01))
    assert high - low == pytest.approx(0.01 * float((slope * direction).sum()), rel=1e-9)


def test_a_plan_of_another_optimizer_is_played_by_the_full_model_as_its_program_said(run):
    mine, count = run["mine"], run["count"]
    assert run["found"].status == 0 and mine[:, count:].max() == 0.0
    assert mine.sum(axis=1).max() <= run["device"].max_duty + 1e-9
    problem, played = run["problem"], run["played"]
    shares = np.zeros_like(mine)
    shares[:, :count] = played.achieved
    promised = run["value_and_slope"](shares)[0]
    record = simulate(run["protocol"], Path(run["protocol"]).parent / "mine.csv", quick=True)
    end_c = record.products.outcome.end_c
    row = problem.resolved.rows[0]
    assert end_c[row.nodes] @ row.weights_m3 / row.weights_m3.sum() == pytest.approx(promised, abs=0.2)  # ripple
    assert end_c.max() < 44.0 + 0.5
    assert run["theirs"].status in ("optimal", "converged", "iteration limit")
