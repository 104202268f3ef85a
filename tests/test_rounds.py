"""Plan and verification are brought to agree where perfusion follows temperature, and limits are kept as verified."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import box, perfusion_laws, problem
from small_case import PROTOCOL, write_case

from thermoplan.anatomy.tissue import PERFUSION_LAWS
from thermoplan.bioheat import Boundary, thermal_system
from thermoplan.goals import Goal, GoalRow, Resolved, tighten
from thermoplan.plan import make_plan
from thermoplan.plan.case.linearized import linearize
from thermoplan.plan.steering.rounds import AGREED_K, CycleMeans

LAW = PROTOCOL.replace(
    'perfusion = "1e4 W/m^3/K"',
    'perfusion = { law = "lang-tumour", rest = "1e4 W/m^3/K" }\n\n[tissues.muscle]\nperfusion = "lang-muscle"',
)
LAW = LAW.replace('duration = "10 min"', 'duration = "10 min"\ncool_down = "0 min"')


def body(perfusion: float, core: str):
    mesh = box((4, 4, 4), (0.012, 0.012, 0.012))
    given = problem(
        mesh, perfusion=perfusion, metabolic=1e3, core=core, blood_j_k=4.0, boundaries=(Boundary("robin", 10.0, 25.0),)
    )
    return given, thermal_system(given)


@pytest.mark.parametrize("core", ["pool", "fixed"])
def test_a_law_that_is_a_constant_is_linearized_to_the_system_that_has_it(core):
    """Laws sit on the nodes, the assembled perfusion on the elements: the sums of their rows are the same."""
    given, system = body(2e4, core)
    _, other = body(3e4, core)
    law = perfusion_laws(given, {"tissue": lambda t: np.full_like(t, 3e4)})
    rng = np.random.default_rng(0)
    states = system.base_c + rng.random((5, system.n_dof)) * 5.0
    found = linearize(system, law, states)
    tissue = np.where(np.arange(system.n_dof) < system.n_nodes, 1.0, 0.0)
    np.testing.assert_allclose(found.stiffness @ tissue, other.stiffness @ tissue, atol=1e-12)
    assert abs(found.stiffness - found.stiffness.T).max() < 1e-15
    np.testing.assert_array_equal(found.base_c, system.base_c)


def test_a_linearized_law_carries_off_what_it_did_at_the_temperature_it_was_taken_at():
    given, system = body(2e4, "pool")
    feedback = perfusion_laws(given, {"tissue": PERFUSION_LAWS["sigmoid-tumour"]})
    state = np.full(system.n_dof, 43.0)
    state[-1] = 38.0
    rise = state - system.base_c
    exact = (feedback.power_w(0.0, state) - feedback.power_w(0.0, system.base_c))[: system.n_nodes]
    linear = ((system.stiffness - linearize(system, feedback, state[None]).stiffness) @ rise)[: system.n_nodes]
    np.testing.assert_allclose(linear, exact, rtol=1e-9)


def test_means_are_over_the_samples_of_their_group_and_no_others():
    means = CycleMeans([np.array([0.0]), np.array([1.0, 2.0]), np.array([5.0])])
    for time_s in (0.0, 0.5, 1.0, 2.0, 3.0, 5.0):
        means.add(time_s, np.array([time_s, 10.0 * time_s]))
    np.testing.assert_allclose(means.mean_c, [[0.0, 0.0], [1.5, 15.0], [5.0, 50.0]])
    np.testing.assert_allclose(means.times_s, [0.0, 1.5, 5.0])


@pytest.fixture(scope="module")
def coupled(tmp_path_factory):
    return make_plan(write_case(tmp_path_factory.mktemp("law"), protocol=LAW)).record


def test_where_perfusion_follows_temperature_plan_and_verification_come_to_agree(coupled):
    rounds = coupled["optimizer"]["rounds"]
    assert rounds[0]["prediction_k"] > AGREED_K, "the linear model alone would not have done"
    last = next(row for row in rounds if row.get("reported"))
    assert last["prediction_k"] <= AGREED_K and coupled["checks"]["prediction_k"] == last["prediction_k"]
    assert len(rounds) <= 6


def test_the_coupled_plan_meets_its_goal_in_the_full_model(coupled):
    assert coupled["status"] == "ok"
    goal = next(row for row in coupled["goals"] if row["kind"] == "goal")
    assert goal["met"] and goal["value"] < 2.0 * goal["bound"]


def test_a_plan_drawn_in_asks_more_of_exactly_the_rows_that_broke():
    def row(metric, bound, sense):
        return GoalRow(Goal("limit", ("x",), metric, bound, sense), "x", np.arange(1), np.ones(1))

    rows = (
        row("Tmax", 42.0, "at_most"),
        row("CEM43max", 8.0, "at_most"),
        row("T90", 42.0, "at_least"),
        row("V43C", 10.0, "at_most"),
        row("Tmax", 50.0, "at_most"),
    )
    resolved = Resolved(rows, ("x",), np.arange(1), np.zeros(1))
    found = [r.goal.bound for r in tighten(resolved, {0: 0.1, 1: 1.0, 2: 0.5, 3: 0.2}).rows]
    assert found == pytest.approx([41.9, 4.0, 42.5, 8.0, 50.0])
