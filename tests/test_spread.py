"""What a measurement, or the lack of one, leaves open about a tracer's heating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoplan.device import Device
from thermoplan.power.heating_warnings import focus_warnings
from thermoplan.power.slp_uncertainty import plausible_tracers, slp_interval, width_spread_m, with_lag
from thermoplan.tracer.fitting import calibrate_efficiency
from thermoplan.tracer.measured_slp import MeasuredSlp
from thermoplan.tracer.slp_table import slp_table
from thermoplan.tracer.tracer import Population, Tracer, omega_tau, particles, slp_w_kg

DRIVE = {"amplitude_t": 13e-3, "frequency_hz": 354e3}
FFP = Device("ffp", "ffp", 2.35, *DRIVE.values(), (0.0, 0.0, 1.0))
EFFECTIVE = Tracer(
    "effective", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=3.0 / (2 * np.pi * 354e3)
)
FREE = replace(
    EFFECTIVE,
    name="free",
    relaxation_time_s=None,
    anisotropy_j_m3=11e3,
    viscosity_pa_s=0.69e-3,
    hydrodynamic_diameter_m=60e-9,
)


def test_without_a_measurement_the_spread_is_that_of_size_relaxation_and_binding():
    # 855.9 and 901.7 W/g at 20 nm, omega tau 1 and 3, by the table of the drive; a tenth smaller and larger cores
    # at the same relaxation time bracket them: xi goes as the volume, 0.74 and 1.35 times.
    found = slp_interval(EFFECTIVE, FFP)
    assert found.cases["omega tau 1"] / 1e3 == pytest.approx(855.9, rel=2e-3)
    assert found.cases["omega tau 3"] / 1e3 == pytest.approx(901.7, rel=2e-3)
    small = replace(EFFECTIVE, populations=(Population(1.0, 20e-9 * np.exp(-0.1)),))
    assert found.low_w_kg == pytest.approx(float(slp_w_kg(small, **DRIVE)))
    assert found.factors[0] < 1.0 < found.factors[1]
    assert "sizes, relaxation and binding" in str(found)
    assert not any("bound" in name for name in found.cases)  # no anisotropy is known


def test_a_tracer_of_known_anisotropy_may_be_bound():
    cases = dict(plausible_tracers(FREE, 354e3))
    bound = cases["bound to tissue (Neel along fixed axes)"]
    assert bound.model == "neel"
    # A larger core keeps its shell of 20 nm.
    large = cases["cores one standard deviation larger"].populations[0]
    assert large.hydrodynamic_diameter_m - large.core_diameter_m == pytest.approx(40e-9)


def test_a_distribution_moves_by_its_own_spread():
    wide = replace(EFFECTIVE, populations=(Population(1.0, 20e-9, sigma=0.2),))
    small = dict(plausible_tracers(wide, 354e3))["cores one standard deviation smaller"]
    assert small.populations[0].core_diameter_m == pytest.approx(20e-9 * np.exp(-0.2))


@pytest.mark.parametrize("lag", [1.0, 3.0])
def test_a_lag_is_set_for_particles_that_turn_and_for_those_that_do_not(lag):
    assert omega_tau(with_lag(FREE, lag, 354e3), 354e3) == pytest.approx(lag)
    bound = with_lag(replace(FREE, model="neel"), lag, 354e3)
    _, _, found, barrier = particles(bound, 354e3, "neel")
    assert found[0] == pytest.approx(lag)
    assert barrier == pytest.approx(FREE.barriers(np.array([20e-9])))


def test_widths_follow_the_lag_of_bound_particles_too_and_not_where_none_enters():
    widths = width_spread_m(replace(FREE, model="neel"), FFP)
    assert abs(widths[1.0][0] / widths[3.0][0] - 1.0) > 0.05
    assert width_spread_m(replace(FREE, model="blocked"), FFP) == {}
    assert width_spread_m(measured_table(), FFP) == {}


def measured_table() -> Tracer:
    columns = {"amplitude_t": [13e-3], "frequency_hz": [354e3], "slp_w_kg": [250e3]}
    return replace(EFFECTIVE, model="table", table=slp_table(columns))


def test_a_measured_tracer_leaves_what_its_measurement_leaves():
    one = calibrate_efficiency(EFFECTIVE, [MeasuredSlp(250e3, "iron", "tissue", 13e-3, 354e3)])
    found = slp_interval(one, FFP)
    assert (found.low_w_kg, found.value_w_kg, found.high_w_kg) == pytest.approx((175e3, 250e3, 325e3))
    assert found.cases == {} and "without a stated error" in found.basis
    assert slp_interval(measured_table(), FFP).factors == pytest.approx((0.7, 1.3))


def test_temperatures_are_shown_up_to_three_times_the_slp():
    slow = replace(FREE, hydrodynamic_diameter_m=130e-9, populations=(Population(1.0, 21.6e-9),))
    found = slp_interval(slow, FFP)
    assert found.factors[1] > 10.0 and found.shown_factors == (found.factors[0], 3.0)


def test_a_plan_says_whether_the_slp_was_measured_and_how_far_it_may_be_off():
    told = focus_warnings(EFFECTIVE, FFP)[0]
    assert told.startswith("no measured SLP") and f"x {slp_interval(EFFECTIVE, FFP).factors[0]:.2g} to" in told
    once = calibrate_efficiency(EFFECTIVE, [MeasuredSlp(250e3, "iron", "tissue", 13e-3, 354e3)])
    assert not any("SLPs" in text or "no measured" in text for text in focus_warnings(once, FFP))


def test_measurements_that_the_model_does_not_follow_are_told():
    measured = [MeasuredSlp(slp, "iron", "tissue", b, 354e3) for slp, b in ((250e3, 13e-3), (120e3, 6.5e-3))]
    off = calibrate_efficiency(EFFECTIVE, measured)
    # The model falls 3.8 times over these amplitudes, the measurements 2.1: ln(3.8 / 2.1) / 2 = 0.30.
    assert off.calibration.misfit_rel == pytest.approx(0.30, abs=0.01)
    assert "2 measured SLPs are 30% off the model's course" in focus_warnings(off, FFP)[0]
