"""What no plan can exceed is at least what any plan has, and for the coldest spot it is exactly what the best has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, at_least, at_most, case, plan

from thermoplan.goals import resolve
from thermoplan.optimize import CorrectedModel, MeritFunction, highest_percentile_c
from thermoplan.optimize.program.modal_heat import ModalHeat
from thermoplan.optimize.program.search_terms import Iterate

FINE = replace(LOOSE, heat_cost=0.0, peak_cost=0.0, tolerance=1e-5)
LIMITS = [at_most("Tmax", 39.0, "core"), at_most("Tmax", 45.0, "tumour"), at_most("Tmax", 42.0)]


def bound(metric: str, limits=LIMITS, settings=FINE) -> float:
    anatomy, reduced = case()
    resolved = resolve([at_least(metric, 60.0), *limits], anatomy, defaults=False)
    return highest_percentile_c(reduced, resolved, resolved.rows[0], window_edges_s=EDGES, settings=settings)


def reached(metric: str, limits=LIMITS) -> float:
    return plan([at_least(metric, 60.0), *limits], settings=FINE).values[0]


def test_for_the_coldest_spot_the_bound_is_what_the_convex_plan_reaches():
    assert bound("Tmin") == pytest.approx(reached("Tmin"), abs=0.02)


@pytest.mark.parametrize("metric", ["T90", "T50"])
def test_no_plan_reaches_more_than_the_bound_and_the_bound_is_near(metric):
    assert reached(metric) <= bound(metric) + 0.01 < reached(metric) + 3.0


def test_random_plans_within_the_limits_stay_below_the_bound():
    anatomy, reduced = case()
    resolved = resolve([at_least("T90", 60.0), *LIMITS], anatomy, defaults=False)
    most, rng = bound("T90"), np.random.default_rng(2)
    merit = MeritFunction(ModalHeat(reduced, EDGES, 0.0, 60.0), resolved, FINE)
    highest = 0.0
    for _ in range(60):
        pattern = rng.random((3, merit.heat.n_columns)) * (rng.random(merit.heat.n_columns) < 0.2)
        for scale in np.geomspace(0.005, 0.5, 12):
            look = Iterate(merit.heat, scale * pattern)
            found, *values = [term.value_stated(look) for term in merit.terms.required]
            kept = all(value <= limit for value, limit in zip(values, (39.0, 45.0, 42.0), strict=True))
            if kept and look.shares.sum(axis=1).max() <= 1.0:
                highest = max(highest, found)
    assert 38.0 < highest <= most


def test_a_narrower_limit_lowers_the_bound_and_a_dose_limit_below_43_degrees_counts():
    assert bound("T90", [at_most("Tmax", 38.5, "core"), *LIMITS[1:]]) < bound("T90") - 0.1
    liver = [*LIMITS, at_most("CEM43max", 1e-3)]
    assert bound("T90", liver) < bound("T90") - 0.1


def test_where_the_model_has_a_course_of_its_own_nothing_is_claimed():
    anatomy, reduced = case()
    resolved = resolve([at_least("T90", 60.0)], anatomy, defaults=False)
    corrected = CorrectedModel(reduced, np.array([0.0, 600.0]), np.zeros((2, len(reduced.base_c))))
    assert highest_percentile_c(corrected, resolved, resolved.rows[0], window_edges_s=EDGES) is None
