"""Thermal dose and the statistics of a region."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoplan.base.errors import InputError
from thermoplan.goals.damage import DAMAGE, arrhenius_omega
from thermoplan.goals.dose import Dose, cem43_min
from thermoplan.goals.metrics.cem43 import cem43_rate
from thermoplan.goals.metrics.statistics import exceedance, fraction_above, hottest_mean, mean_over
from thermoplan.goals.region_series import RegionSeries, region_table, volume_histograms


def held(temperature_c, minutes):
    return [(0.0, np.array([temperature_c])), (60.0 * minutes, np.array([temperature_c]))]


def sampled(course, minutes, step_s):
    time_s = np.linspace(0.0, 60.0 * minutes, round(60 * minutes / step_s) + 1)
    return [(t, np.array([course(t)])) for t in time_s]


def test_ten_minutes_at_44_is_twenty_cem43():
    assert cem43_min(held(44.0, 10)) == pytest.approx(20.0, rel=1e-12)


@pytest.mark.parametrize(
    ("temperature_c", "minutes", "dose"),
    [
        (43, 60, 60),
        (44, 30, 60),
        (45, 15, 60),
        (42, 240, 60),
        (41, 60, 3.75),
        (40, 60, 0.9375),
        (39, 60, 0.234375),
        (37, 60, 60 / 4**6),
        (50, 1, 128),
    ],
)
def test_constant_temperatures(temperature_c, minutes, dose):
    assert cem43_min(held(temperature_c, minutes)) == pytest.approx(dose, rel=1e-12)


def test_ramp_over_the_kink_is_exact_from_its_ends_alone():
    # 37 to 45 in 10 min: 0.8 K/min; below the kink (1 - 4^-6) / (0.8 ln 4), above it (2^2 - 1) / (0.8 ln 2)
    ramp = [(0.0, np.array([37.0])), (600.0, np.array([45.0]))]
    exact = (1 - 4.0**-6) / (0.8 * np.log(4)) + 3 / (0.8 * np.log(2))
    assert cem43_min(ramp) == pytest.approx(exact, rel=1e-12)
    assert cem43_min(ramp) == pytest.approx(6.311571, abs=5e-7)
    to_43 = [(0.0, np.array([37.0])), (360.0, np.array([43.0]))]
    assert cem43_min(to_43) == pytest.approx(0.721171, abs=5e-7)


@pytest.mark.parametrize(("rise_k", "dose"), [(6.0, 24.60873), (8.0, 101.28830)])
def test_exponential_approach_sampled_every_fifth_of_a_second(rise_k, dose):
    course = sampled(lambda t: 37 + rise_k * (1 - np.exp(-t / 120)), 30, 0.2)
    assert cem43_min(course) == pytest.approx(dose, rel=1e-6)


def test_one_second_samples_keep_half_a_per_cent():
    course = sampled(lambda t: 37 + 8 * (1 - np.exp(-t / 120)), 30, 1.0)
    assert cem43_min(course) == pytest.approx(101.28830, rel=5e-3)


@given(st.floats(20, 55), st.floats(-1e-3, 1e-3))
def test_a_nearly_flat_step_adds_what_a_flat_one_does(temperature_c, drift_k):
    course = [(0.0, np.array([temperature_c])), (60.0, np.array([temperature_c + drift_k]))]
    assert cem43_min(course) == pytest.approx(cem43_rate(temperature_c + drift_k / 2), rel=1e-6)


@given(st.floats(20, 55), st.floats(20, 55), st.floats(0.05, 0.95))
def test_dose_of_a_ramp_does_not_depend_on_where_it_is_cut(first_c, last_c, cut):
    ends = [(0.0, np.array([first_c])), (100.0, np.array([last_c]))]
    between = (100.0 * cut, np.array([first_c + cut * (last_c - first_c)]))
    assert cem43_min([ends[0], between, ends[1]]) == pytest.approx(cem43_min(ends), rel=1e-5)


def test_floor_at_39_counts_the_ramp_from_39_on():
    # 37 to 45 at 0.8 K/min; from 39: (1 - 4^-4) / (0.8 ln 4) + 3 / (0.8 ln 2)
    dose = Dose()
    dose.add(0.0, np.array([37.0, 38.0]))
    dose.add(600.0, np.array([45.0, 38.0]))
    expected = (1 - 4.0**-4) / (0.8 * np.log(4)) + 3 / (0.8 * np.log(2))
    assert dose.map().cem43_floor39_min == pytest.approx([expected, 0.0], rel=1e-12)


def test_peak_and_its_node_and_time_are_kept():
    dose = Dose()
    for time_s, t in [(0.0, [37, 37]), (10.0, [45, 40]), (20.0, [41, 44])]:
        dose.add(time_s, np.array(t, float))
    found = dose.map()
    assert found.peak_c.tolist() == [45, 44]
    assert (found.hottest_node, found.hottest_time_s) == (0, 10.0)


def test_time_that_falls_is_refused():
    dose = Dose()
    dose.add(10.0, np.array([37.0]))
    with pytest.raises(InputError, match="time falls from 10 to 5 s"):
        dose.add(5.0, np.array([37.0]))


def alternating(minutes=30):
    """Two halves of a region, one at 45 and one at 41 degrees C, that change places every minute."""
    for minute in range(minutes):
        t = np.repeat([45.0, 41.0] if minute % 2 else [41.0, 45.0], 50)
        yield 60.0 * minute, t
        yield 60.0 * (minute + 1), t


def test_dose_of_t90_and_ninety_per_cent_dose_differ_when_halves_alternate():
    # T90 is always 41: 30 / 16 min; each half has 15 min at 45 and 15 at 41: 60 + 15 / 16
    series, dose = RegionSeries({"tumour": (np.arange(100), np.full(100, 1e-9))}), Dose()
    for time_s, t in alternating():
        series.add(time_s, t)
        dose.add(time_s, t)
    row = region_table(series, dose.map(), 1800.0)["tumour"]
    assert row["cem43t90_min"] == pytest.approx(1.875, rel=1e-9)
    assert row["cem43_d90_min"] == pytest.approx(60.9375, rel=1e-9)


BOX = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 3, indexing="ij"), -1).reshape(-1, 3)
EDGE = np.where((np.linspace(0, 1, 41) % 1) == 0, 0.5, 1.0)
BOX_WEIGHTS = np.einsum("i,j,k->ijk", EDGE, EDGE, EDGE).ravel() / 40.0**3


@pytest.mark.parametrize(("percent", "at"), [(90, 0.1), (50, 0.5), (10, 0.9)])
def test_linear_field_is_exceeded_by_what_lies_above(percent, at):
    assert exceedance(37 + 8 * BOX[:, 0], BOX_WEIGHTS, percent) == pytest.approx(37 + 8 * at, abs=0.005 * 8)


def test_gaussian_field_has_the_volume_of_the_sphere_above():
    # 8 K exp(-r^2 / 2 s^2) around the middle, s = 0.2: above 8 exp(-q^2 / 2) lies a ball of radius q s
    r2 = ((BOX - 0.5) ** 2).sum(axis=1)
    radii = np.array([0.2, 0.3, 0.4, 0.45])
    above = fraction_above(8 * np.exp(-r2 / 0.08), BOX_WEIGHTS, 8 * np.exp(-(radii**2) / 0.08))
    assert above == pytest.approx(4 / 3 * np.pi * radii**3, abs=0.005)


def test_dose_histogram_of_a_linear_field_is_the_temperature_histogram_at_the_same_points():
    # half an hour at 41 + 4 x: more than 30 * 2^1 min where 41 + 4 x > 44, a quarter of the box
    t = 41 + 4 * BOX[:, 0]
    assert fraction_above(30 * cem43_rate(t), BOX_WEIGHTS, [60.0]) == pytest.approx(0.25, abs=0.005)


def test_a_value_stands_at_the_middle_of_its_own_weight():
    # 40 fills 0 to 0.8 of the weight, 44 the rest: their middles are at 0.4 and 0.9
    values, weights = np.array([44.0, 40.0]), np.array([1.0, 4.0])
    assert exceedance(values, weights, [60, 35, 10, 5]) == pytest.approx([40, 42, 44, 44])


@pytest.mark.parametrize(
    "shape", [lambda x: x, lambda x: x**8, lambda x: np.round(x), lambda x: np.where(x > 0.1001, 1.0, 0.001 * x)]
)
def test_streamed_statistics_are_those_of_a_full_sort(shape):
    rng = np.random.default_rng(0)
    values = 37 + 8 * shape(rng.random(5000))
    weights = np.full(5000, 1e-9)
    weights[values < 37.5] *= 0.49999 * (values >= 37.5).sum() / (values < 37.5).sum() / 0.50001
    series = RegionSeries({"all": (np.arange(5000), weights)})
    series.add(0.0, values)
    course = series.course("all")
    for percent in (90, 50, 10):
        assert course[f"t{percent}_c"][0] == pytest.approx(exceedance(values, weights, percent), abs=1e-6)


def test_weights_count_and_not_nodes():
    assert exceedance(np.array([40.0, 44.0, 44.0]), np.array([8.0, 1.0, 1.0]), 50) < 41.0


def test_hottest_cubic_millimetre_is_a_mean_over_it():
    # the hottest node has 0.4 mm3 at 100, the next 0.6 of its 2 mm3 at 50
    values, weights = np.array([50.0, 1.0, 100.0]), np.array([2e-9, 9e-9, 0.4e-9])
    assert hottest_mean(values, weights) == pytest.approx(0.4 * 100 + 0.6 * 50)
    assert hottest_mean(np.array([3.0]), np.array([0.1e-9])) == 3.0


def test_hold_is_the_last_third_of_heating_and_the_end_is_the_end():
    # 37 + t / 100 s for 900 s, then cooling: at the end 46; over 600 to 900 s on average 44.5
    series, dose = RegionSeries({"all": (np.array([0, 1]), np.array([1e-9, 1e-9]))}), Dose()
    for time_s, t in [(0.0, 37.0), (450.0, 41.5), (900.0, 46.0), (1200.0, 38.0)]:
        series.add(time_s, np.full(2, t))
        dose.add(time_s, np.full(2, t))
    row = region_table(series, dose.map(), 900.0)["all"]
    for key in ("t_min", "t_mean", "t_max", "t90", "t50", "t10"):
        assert row[f"{key}_c"] == pytest.approx(46.0)
        assert row[f"{key}_hold_c"] == pytest.approx(44.5)
    assert row["t_peak_c"] == 46.0
    assert row["volume_mm3"] == pytest.approx(2.0)
    assert row["cem43_max_min"] > row["cem43_floor39_max_min"] > 0.0


def test_a_hot_spot_is_the_peak_of_its_region_and_one_node_of_its_dose():
    """9 mm3 held at 40 degC for 10 min, 0.5 mm3 at 44 for 5 of them: 5 x 2 = 10 min there and 10 / 64 elsewhere."""
    nodes, volumes_m3 = np.arange(3), np.array([4e-9, 0.5e-9, 5e-9])
    series, dose = RegionSeries({"all": (nodes, volumes_m3)}), Dose()
    for time_s, hot_c in [(0.0, 44.0), (300.0, 44.0), (300.0, 40.0), (600.0, 40.0)]:
        for consumer in (series, dose):
            consumer.add(time_s, np.array([40.0, hot_c, 40.0]))
    row = region_table(series, dose.map(), 600.0)["all"]
    spot, rest = 10.0 + 5.0 / 64.0, 10.0 / 64.0
    assert row["t_peak_c"] == 44.0 and row["t_max_c"] == row["t_mean_c"] == 40.0
    assert row["cem43_peak_min"] == pytest.approx(spot)
    assert row["cem43_max_min"] == pytest.approx(0.5 * spot + 0.5 * rest)
    assert row["cem43_d90_min"] == pytest.approx(rest)


def test_mean_over_part_of_an_interval():
    assert mean_over(np.array([0.0, 10.0]), np.array([0.0, 10.0]), 4.0, 6.0) == pytest.approx(5.0)


def test_histograms_fall_from_one_to_nothing():
    regions = {"box": (np.arange(len(BOX)), BOX_WEIGHTS)}
    found = volume_histograms(regions, 37 + 8 * BOX[:, 0], 100 * BOX[:, 1])["box"]
    for edges, share in (("temperature_c", "volume_fraction"), ("cem43_min", "dose_fraction")):
        assert len(found[edges]) == len(found[share])
        assert (np.diff(found[share]) <= 0).all()
        assert (found[share][0], found[share][-1]) == (pytest.approx(1, abs=0.02), pytest.approx(0, abs=0.02))


@pytest.mark.parametrize(
    ("process", "temperature_c", "seconds"),
    [
        ("skin", 43, 4.76e4),
        ("skin", 50, 328),
        ("skin-weaver", 43, 7.24e4),
        ("skin-weaver", 50, 115),
        ("cells", 43, 448),
        ("cells", 50, 2.75),
        ("liver", 43, 510),
        ("liver", 50, 61),
        ("liver", 60, 3.4),
        ("fat", 43, 6.8e4),
        ("fat", 60, 5.4e3),
        ("prostate", 43, 33),
    ],
)
def test_damage_reaches_one_when_it_should(process, temperature_c, seconds):
    assert 1.0 / DAMAGE[process].rate_1_s(temperature_c) == pytest.approx(seconds, rel=0.02)
    omega = arrhenius_omega(
        [(0.0, np.array([float(temperature_c)])), (float(seconds), np.array([float(temperature_c)]))], process
    )
    assert omega == pytest.approx(1.0, rel=0.02)


def test_damage_of_a_ramp_hardly_depends_on_the_step():
    ramp = lambda n: [(t, np.array([40 + t / 60])) for t in np.linspace(0, 600, n)]  # noqa: E731
    assert arrhenius_omega(ramp(11), "liver") == pytest.approx(arrhenius_omega(ramp(2001), "liver"), rel=2e-3)


def test_unknown_damage_process_is_named():
    with pytest.raises(InputError, match='process "marble": expected one of skin'):
        arrhenius_omega([], "marble")
