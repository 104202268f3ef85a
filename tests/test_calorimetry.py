"""From heating curves, SLPs and shots back to what made them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.imaging.psf import fit_core
from thermoplan.tracer.calorimetry import corrected_slope, shot_factor
from thermoplan.tracer.fitting import after_shot, calibrate_efficiency, fit_tracer
from thermoplan.tracer.magnetization import langevin_slope
from thermoplan.tracer.measured_slp import Estimate, MeasuredSlp
from thermoplan.tracer.tracer import Population, Tracer, slp_w_kg

SAMPLE = {"iron_kg": 2e-6, "heat_capacity_j_k": 4.2}  # 1 mL of 2 mg Fe/mL


def curve(slp_w_kg: float = 150e3, loss_w_k: float = 0.02, seconds: float = 300.0) -> tuple[np.ndarray, np.ndarray]:
    """Exact: T = T0 + P/L (1 - exp(-L t / C))."""
    t = np.linspace(0, seconds, 301)
    power = slp_w_kg * SAMPLE["iron_kg"]
    return t, 25 + power / loss_w_k * (1 - np.exp(-loss_w_k * t / SAMPLE["heat_capacity_j_k"]))


def tracer(**changes) -> Tracer:
    return replace(
        Tracer(
            "test",
            (Population(1.0, 15e-9),),
            446e3,
            5180.0,
            0.7236,
            anisotropy_j_m3=12e3,
            viscosity_pa_s=1e-3,
            hydrodynamic_diameter_m=40e-9,
        ),
        **changes,
    )


@pytest.mark.parametrize("seconds", [100, 600])
@pytest.mark.parametrize("loss", [0.001, 0.02, 0.05])
def test_the_corrected_slope_gives_back_the_power_whatever_was_lost(loss, seconds):
    found = corrected_slope(*curve(150e3, loss, seconds), **SAMPLE)
    assert found.slp_w_kg.value == pytest.approx(150e3, rel=2e-3)
    assert found.loss_w_k == pytest.approx(loss, rel=0.02, abs=2e-4)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    t, clean = curve()
    inside = 0
    for _ in range(200):
        found = corrected_slope(t, clean + rng.normal(0, 0.05, t.shape), **SAMPLE, start_c=25.0).slp_w_kg
        inside += found.low <= 150e3 <= found.high
    assert 0.9 <= inside / 200 <= 0.99


def test_the_plain_initial_slope_would_be_low():
    # The mean slope over 300 s at L/C = 0.0048/s is 54 % of the first: what is corrected matters.
    t, temperature = curve()
    plain = (temperature[-1] - temperature[0]) / 300 * SAMPLE["heat_capacity_j_k"] / SAMPLE["iron_kg"]
    assert plain < 0.6 * corrected_slope(t, temperature, **SAMPLE).slp_w_kg.value


def test_records_that_give_no_slp_are_refused():
    t, temperature = curve()
    for bad in ((t[:10], temperature[:10]), (t[::-1], temperature), (t, temperature[::-1])):
        with pytest.raises(InputError, match="calorimetry"):
            corrected_slope(*bad, **SAMPLE)
    with pytest.raises(InputError, match="positive"):
        corrected_slope(t, temperature, iron_kg=0.0, heat_capacity_j_k=4.2)


def readings(truth: Tracer, noise: float, seed: int = 3) -> list[MeasuredSlp]:
    rng = np.random.default_rng(seed)
    points = [(b, f, c) for b in (5e-3, 10e-3, 20e-3) for f in (100e3, 350e3) for c in (0.0, 10e-3)]
    return [
        MeasuredSlp(
            float(slp_w_kg(truth, amplitude_t=b, frequency_hz=f, across_t=c)) * np.exp(noise * rng.normal()),
            "iron",
            "tissue",
            b,
            f,
            across_t=c,
            relative_error=max(noise, 0.01),
        )
        for b, f, c in points
    ]


def test_a_fit_without_noise_gives_back_size_anisotropy_and_efficiency():
    # At 18 nm the Neel time is near the drive's: SLP against frequency fixes the anisotropy.
    truth = tracer(heating_efficiency=0.4, populations=(Population(1.0, 18e-9),))
    start = tracer(anisotropy_j_m3=11e3, populations=(Population(1.0, 18.6e-9),))
    fit = fit_tracer(start, readings(truth, 0.0), ("heating_efficiency", "core_diameter", "anisotropy"))
    values = [fit.estimates[name].value for name in ("heating_efficiency", "core_diameter", "anisotropy")]
    assert values == pytest.approx([0.4, 18e-9, 12e3], rel=5e-3)
    assert fit.misfit_rel < 1e-3
    assert "fit of heating_efficiency, core_diameter, anisotropy to 12" in fit.tracer.effective
    assert fit.tracer.heating_efficiency == pytest.approx(0.4, rel=5e-3)
    assert fit.fitted_w_kg == pytest.approx([m.value_w_kg for m in readings(truth, 0.0)], rel=2e-3)


def test_a_fit_finds_the_right_valley_from_far_away():
    truth = tracer(heating_efficiency=0.4, populations=(Population(1.0, 18e-9),))
    start = tracer(anisotropy_j_m3=16e3, populations=(Population(1.0, 15e-9),))
    fit = fit_tracer(start, readings(truth, 0.02), ("heating_efficiency", "core_diameter", "anisotropy"))
    assert fit.estimates["core_diameter"].value == pytest.approx(18e-9, rel=0.05)
    assert fit.misfit_rel < 0.03


def test_what_measurements_do_not_fix_stays_near_the_tracers_own():
    """At 15 nm, 100 kHz omega tau is 0.03, so only efficiency times relaxation time shows: K has its belief's width."""
    slow = [m for m in readings(tracer(heating_efficiency=0.4), 0.05) if m.frequency_hz == 100e3]
    fit = fit_tracer(tracer(anisotropy_j_m3=11e3), slow, ("heating_efficiency", "core_diameter", "anisotropy"))
    low, high = fit.estimates["anisotropy"].low, fit.estimates["anisotropy"].high
    assert low < 11e3 < high
    assert 3 < high / low < np.exp(2 * 3.1825 * np.log(2)) * 1.01  # Student's t of 6 - 3 degrees of freedom
    assert fit.estimates["core_diameter"].value == pytest.approx(15e-9, rel=0.05)


def test_the_intervals_of_a_fit_hold_the_truth():
    truth = tracer(heating_efficiency=0.4)
    held = [
        estimate.low <= value <= estimate.high
        for seed in range(5)
        for fit in [fit_tracer(tracer(), readings(truth, 0.05, seed), ("heating_efficiency", "core_diameter"))]
        for estimate, value in zip(fit.estimates.values(), (0.4, 15e-9), strict=True)
    ]
    assert np.mean(held) >= 0.8


def several(*values: float, error: float | None = None) -> list[MeasuredSlp]:
    return [MeasuredSlp(1e3 * v, "iron", "tissue", 13e-3, 354e3, relative_error=error) for v in values]


def test_several_slps_give_their_mean_and_its_interval():
    # ln 200 and ln 288 are 0.18 either side of ln 240; s of the mean sqrt(2 x 0.1823^2 / 1) / sqrt(2) = 0.1823,
    # Student's t of one degree of freedom 12.706: factors exp(-+ 2.317).
    hot = calibrate_efficiency(tracer(), several(200.0, 288.0))
    at = {"amplitude_t": 13e-3, "frequency_hz": 354e3}
    assert float(slp_w_kg(hot, **at)) == pytest.approx(240e3, rel=1e-9)
    assert hot.calibration.high == pytest.approx(np.exp(12.7062 * 0.182322), rel=1e-3)
    assert hot.calibration.low == pytest.approx(1 / hot.calibration.high)
    assert hot.calibration.misfit_rel == pytest.approx(0.182322, rel=1e-4)
    assert "2 SLPs in tissue at 13 mT, 354 kHz" in hot.slp_source


def test_agreeing_slps_leave_what_their_errors_leave():
    # Three that agree, 6 % each: s = 0.06 / sqrt(3), t of two degrees of freedom 4.3027.
    hot = calibrate_efficiency(tracer(), several(240.0, 240.0, 240.0, error=0.06))
    assert np.log(hot.calibration.high) == pytest.approx(4.30265 * 0.06 / np.sqrt(3), rel=1e-4)


def test_a_better_measurement_weighs_more():
    measured = [*several(200.0, error=0.02), *several(300.0, error=0.2)]  # weights 100 to 1
    slp = float(slp_w_kg(calibrate_efficiency(tracer(), measured), amplitude_t=13e-3, frequency_hz=354e3))
    assert np.log(slp / 200e3) == pytest.approx(np.log(1.5) / 101, rel=1e-6)


def test_one_slp_leaves_its_error_or_the_usual_span_and_water_its_factor():
    assert (
        calibrate_efficiency(tracer(), several(250.0)).calibration.low,
        calibrate_efficiency(tracer(), several(250.0)).calibration.high,
    ) == (0.7, 1.3)
    stated = calibrate_efficiency(tracer(), several(250.0, error=0.1)).calibration
    assert (stated.low, stated.high) == pytest.approx((np.exp(-0.196), np.exp(0.196)), rel=1e-4)
    water = calibrate_efficiency(
        tracer(), [MeasuredSlp(250e3, "iron", "water", 13e-3, 354e3, relative_error=0.1)]
    ).calibration
    assert (water.low, water.high) == pytest.approx((0.3 / 0.7, 1 / 0.7))
    assert "factor from water to tissue" in water.basis


def test_a_measurement_under_a_bias_calibrates_there():
    at = {"amplitude_t": 13e-3, "frequency_hz": 354e3, "along_t": 5e-3}
    measured = MeasuredSlp(20e3, "iron", "tissue", 13e-3, 354e3, along_t=5e-3)
    assert float(slp_w_kg(calibrate_efficiency(tracer(), [measured]), **at)) == pytest.approx(20e3, rel=1e-9)


def test_fits_that_cannot_be_are_refused():
    few = readings(tracer(), 0.0)[:2]
    with pytest.raises(InputError, match="expected 3 or more"):
        fit_tracer(tracer(), few, ("heating_efficiency", "core_diameter"))
    with pytest.raises(InputError, match="viscosity: expected one of"):
        fit_tracer(tracer(), readings(tracer(), 0.0), ("viscosity",))
    with pytest.raises(InputError, match="relaxation_time: the tracer has none"):
        fit_tracer(tracer(), readings(tracer(), 0.0), ("relaxation_time",))


def test_a_shot_finds_the_factor_and_leaves_eddy_heat_out():
    predicted = np.array([0.5, 1.2, 1.8, 2.2])
    factor = shot_factor(0.7 * predicted + 0.3, predicted, other_rise_k=0.3)
    assert factor.value == pytest.approx(0.7)
    # 1.96 hypot(0.2 K / sqrt(9.77) K, 0.1 x 0.7) = 0.186
    assert factor.high - factor.value == pytest.approx(0.186, abs=1e-3)
    hot = after_shot(tracer(heating_efficiency=0.5), factor)
    assert hot.heating_efficiency == pytest.approx(0.35)


def test_a_shot_that_warmed_nothing_is_refused():
    with pytest.raises(InputError, match="zero is within"):
        after_shot(tracer(), shot_factor([0.05, 0.0], [0.2, 0.3]))
    with pytest.raises(InputError, match="predicted rise"):
        shot_factor([0.5], [0.0])


def test_an_estimate_reads_as_value_and_interval():
    assert str(Estimate(1.0, 0.5, 1.5)) == "1 (0.5 to 1.5)"


def test_the_size_from_a_width_has_that_width():
    # 25 nm at 2.35 T/m and 25 degC: 2.00 mm, 20 nm: 3.90 mm, 15 nm: 9.25 mm.
    for nanometres, millimetres in ((25, 2.00), (20, 3.90), (15, 9.25)):
        assert fit_core(millimetres * 1e-3 * 2.35).core_diameter_m * 1e9 == pytest.approx(nanometres, rel=1e-3)
    assert langevin_slope(0.5 * 4.161049) == pytest.approx(1 / 6, rel=1e-6)
    with pytest.raises(InputError, match="fwhm"):
        fit_core(0.0)
