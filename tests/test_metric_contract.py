"""Contract of the table of metrics: what every metric promises to the search, the verified run and the report.

A new metric needs a line in `EXAMPLES`: its value on a field that is known.
"""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base import units
from thermoplan.goals import METRICS, Goal, GoalRow, Meter, find_metric, row_value
from thermoplan.goals.metrics import DOUBLINGS, KELVINS, METRIC_KINDS, TENTHS, Linearization
from thermoplan.goals.metrics.statistics import between
from thermoplan.optimize.program.row_builders import ROW_BUILDERS
from thermoplan.report.formats import metric as formatted

# Four nodes of 1, 2, 3 and 4 mm3 at 41, 42, 43 and 44 degC for 600 s, and at 37 degC before and after: doses are
# 10 / 16, 10 / 4, 10 and 20 minutes. In order of temperature the middles of their volumes lie at 5, 20, 45 and 80 %.
VOLUMES_M3, HELD_C, HEATING_S = np.array([1.0, 2.0, 3.0, 4.0]) * 1e-9, np.array([41.0, 42.0, 43.0, 44.0]), 600.0
T90_C, T50_C, T10_C = 41.0 + 5 / 15, 43.0 + 5 / 35, 44.0
MEAN_C = (41 + 2 * 42 + 3 * 43 + 4 * 44) / 10
DOSES = np.array([10 / 16, 2.5, 10.0, 20.0])
EXAMPLES = {
    "Tmin": 41.0,
    "Tmean": MEAN_C,
    "Tmax": 44.0,
    "T90": T90_C,
    "T50": T50_C,
    "T10": T10_C,
    "Thot5mm3": (4 * 44 + 43) / 5,
    "CEM43min": 10 / 16,
    "CEM43mean": float(VOLUMES_M3 @ DOSES / VOLUMES_M3.sum()),
    "CEM43max": 20.0,
    "CEM43peak": 20.0,
    "CEM43D90": 10 / 16 + (2.5 - 10 / 16) * 5 / 15,
    "CEM43D50": 10.0 + 10.0 * 5 / 35,
    "CEM43D10": 20.0,
    "CEM43hot5mm3": (4 * 20 + 10) / 5,
    "CEM43Tmin": 10 / 16,
    "CEM43Tmean": 10 * 4 ** (MEAN_C - 43),
    "CEM43Tmax": 20.0,
    "CEM43T90": 10 * 4 ** (T90_C - 43),
    "CEM43T50": 10 * 2 ** (T50_C - 43),
    "CEM43T10": 20.0,
    "V43C": 55.0,
    "V60CEM43": 0.0,
}
SENSES = ("at_least", "at_most")


def bound_of(name: str) -> float:
    return {KELVINS: 42.5, DOUBLINGS: 5.0, TENTHS: 40.0}[find_metric(name).scale]


def row_of(name: str, sense: str) -> GoalRow:
    return GoalRow(Goal("goal", ("tumour",), name, bound_of(name), sense), "tumour", np.arange(4), VOLUMES_M3)


def held() -> tuple[np.ndarray, np.ndarray]:
    """Times and temperatures; a jump at the same time is none, so steps of a nanosecond stand for one."""
    times = np.array([-1e-9, *np.linspace(0.0, HEATING_S, 61), HEATING_S + 1e-9])
    return times, np.vstack([np.full(4, 30.0), np.tile(HELD_C, (61, 1)), np.full(4, 30.0)])


def wandering(seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A rise of each node that keeps their order and no two alike, within 4 K of 43 degrees C."""
    rng, times = np.random.default_rng(seed), np.linspace(0.0, HEATING_S, 41)
    return times, HELD_C - 1.0 + 0.3 * rng.random((41, 4)) + np.linspace(-2.0, 2.0, 41)[:, None]


def test_every_line_of_the_table_has_examples_and_every_example_a_known_value():
    assert all(kind.examples for kind in METRIC_KINDS.values())
    assert set(EXAMPLES) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("sense", SENSES)
def test_a_metric_has_the_value_of_a_known_field(name, sense):
    times, temperature_c = held()
    assert row_value(row_of(name, sense), times, temperature_c, HEATING_S) == pytest.approx(EXAMPLES[name], rel=1e-6)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("sense", SENSES)
def test_the_verified_run_streams_the_value_that_the_search_sees(name, sense):
    (times, temperature_c), row = wandering(), row_of(name, sense)
    (streamed,) = Meter([row], HEATING_S).consume(zip(times, temperature_c, strict=True))
    assert streamed == pytest.approx(row_value(row, times, temperature_c, HEATING_S), rel=1e-9)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("sense", SENSES)
def test_the_slope_of_what_is_searched_is_that_of_finite_differences(name, sense):
    times, temperature_c = wandering()
    goal = row_of(name, sense).goal.searched
    metric, judged = goal.measure, goal.judged(times, HEATING_S)
    value_k, slope = metric.slope(temperature_c, VOLUMES_M3, judged, between)

    def value_at(temperature: np.ndarray) -> float:
        return goal.in_k(row_value(GoalRow(goal, "tumour", np.arange(4), VOLUMES_M3), times, temperature, HEATING_S))

    assert value_k == pytest.approx(value_at(temperature_c), abs=1e-12)
    nodes = np.broadcast_to(slope.nodes, slope.mix.shape)
    in_time = np.ones(len(times)) if slope.in_time is None else slope.in_time
    rng = np.random.default_rng(4)
    for step in 1e-4 * rng.standard_normal((5, *temperature_c.shape)):
        promised = float((in_time[:, None] * slope.mix * np.take_along_axis(step, nodes, 1)).sum())
        found = value_at(temperature_c + step) - value_at(temperature_c - step)
        assert found == pytest.approx(2.0 * promised, rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("sense", SENSES)
def test_what_is_searched_asks_for_the_same_on_a_scale_of_kelvins_or_doublings(name, sense):
    """A percentile at its bound is a volume at its own, to the volume of one node."""
    goal = row_of(name, sense).goal
    searched, again = goal.searched, goal.searched.searched
    assert again == searched and find_metric(searched.measure.name) == searched.measure
    assert searched.measure.scale in (KELVINS, DOUBLINGS)
    assert goal.measure.scale.is_temperature <= searched.measure.scale.is_temperature


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("sense", SENSES)
def test_a_row_builder_exists_and_a_convex_metric_is_convex(name, sense):
    metric, at_least = row_of(name, sense).goal.searched.measure, sense == "at_least"
    assert set(ROW_BUILDERS) == set(Linearization) and metric.linearization(at_least=at_least) in ROW_BUILDERS
    (times, low), (_, high) = wandering(1), wandering(7)
    for below_43_c in (False, True):
        if not metric.is_convex(at_least=at_least, below_43_c=below_43_c):
            continue
        cold = 3.0 if below_43_c else 0.0
        at = [low - cold, high[:, ::-1] - cold, 0.5 * (low + high[:, ::-1]) - cold]
        row = GoalRow(row_of(name, sense).goal.searched, "tumour", np.arange(4), VOLUMES_M3)
        first, second, middle = (row.goal.in_k(row_value(row, times, t, HEATING_S)) for t in at)
        sign = -1.0 if at_least else 1.0
        assert sign * middle <= sign * 0.5 * (first + second) + 1e-9


@pytest.mark.parametrize("name", METRICS)
def test_a_node_below_the_harmless_temperature_moves_no_limit(name):
    """Such a node, hot throughout, has at most half of the bound: a kelvin is two doublings or less below 43 degC."""
    goal = row_of(name, "at_most").goal.searched
    harmless_c = goal.measure.harmless_below_c(goal.bound, HEATING_S / 60.0)
    if harmless_c is None:
        return
    times, alone = np.linspace(0.0, HEATING_S, 11), GoalRow(goal, "tumour", np.arange(1), VOLUMES_M3[:1])
    at = [row_value(alone, times, np.full((11, 1), harmless_c + step), HEATING_S) for step in (-0.01, 0.01)]
    assert at[0] < goal.bound < at[1]


@pytest.mark.parametrize("name", METRICS)
def test_units_scale_and_words_of_a_metric_fit_together(name):
    scale, goal = find_metric(name).scale, row_of(name, "at_least").goal
    bound = goal.bound
    assert scale.from_k(scale.in_k(bound)) == pytest.approx(bound, rel=1e-12)
    assert goal.shifted(1.0).bound_k == pytest.approx(goal.bound_k + 1.0, rel=1e-12)
    assert not list(scale.complaints(bound)) and list(scale.complaints(np.nan))
    if scale.quantity:
        assert units.parse(scale.example, scale.quantity, example=scale.example) / scale.si_per_unit > 0.0
    assert goal.said(bound).endswith(f" {scale.unit}") and goal.said(bound).split()[0] == scale.digits(bound)


@pytest.mark.parametrize("name", METRICS)
def test_the_report_writes_value_and_unit_of_every_metric(name):
    unit = find_metric(name).scale.unit
    assert formatted(42.0, unit) == {"degC": "42.0\u202f°C", "min": "42\u202fmin", "%": "42.0\u202f%"}[unit]
