"""One point of SLP, and the field-free region of a tracer on a machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.power.ffr import ffr_profile, ffr_widths_m, gradient_for_t_m
from thermoplan.power.heating_warnings import focus_warnings, model_warnings, slow_warnings
from thermoplan.power.slp_point import slp_fields, slp_point
from thermoplan.power.slp_uncertainty import width_spread_m
from thermoplan.tracer.tracer import Population, Tracer

Z = (0.0, 0.0, 1.0)
FFP = Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z)
DRIVE = {"amplitude_t": 13e-3, "frequency_hz": 354e3}


def tracer(lag: float = 3.0, diameter_m: float = 20e-9, **changes) -> Tracer:
    return replace(
        Tracer(
            "test", (Population(1.0, diameter_m),), 446e3, 5180.0, 0.7236, relaxation_time_s=lag / (2 * np.pi * 354e3)
        ),
        **changes,
    )


def test_one_point_is_energy_times_frequency_over_the_iron_of_a_particle():
    point = slp_point(tracer(), **DRIVE, along_t=5e-3)
    core_kg = 5180.0 * np.pi / 6 * (20e-9) ** 3
    assert point.slp_w_kg == pytest.approx(point.energy_kt * 1.380649e-23 * 310.15 * 354e3 / core_kg / 0.7236)
    assert point.omega_tau == pytest.approx(3.0)
    assert point.valid and point.warnings == ()


def test_a_point_outside_a_models_range_is_not_valid_and_says_why():
    point = slp_point(tracer(), **DRIVE, model="linear")
    assert not point.valid
    assert "tracer test, 20 nm: xi = 5.67: linear response holds below 1" in point.warnings


def test_a_slow_brownian_tracer_warns_and_a_bound_one_does_not():
    assert "does not quench" in model_warnings(tracer(70.0), **DRIVE)[0]
    assert model_warnings(tracer(4.9), **DRIVE) == []
    bound = tracer(relaxation_time_s=None, anisotropy_j_m3=11e3)
    assert model_warnings(bound, **DRIVE, model="neel") == []


def test_the_profile_falls_to_half_at_half_its_width():
    profile = ffr_profile(tracer(), FFP, reach_m=0.02, count=401)
    middle = profile.along_w_kg.max()
    for curve, width in ((profile.along_w_kg, profile.fwhm_along_m), (profile.across_w_kg, profile.fwhm_across_m)):
        assert curve.argmax() == 200 or curve is profile.across_w_kg
        assert np.interp(width / 2, profile.position_m, curve) == pytest.approx(middle / 2, rel=2e-3)


def test_less_lies_off_target_the_wider_the_target():
    profile = ffr_profile(tracer(), FFP)  # the sample in the middle holds 3 %
    assert profile.off_target(0.0)[0] == pytest.approx(1.0, abs=0.04)
    shares = np.array([profile.off_target(r) for r in (2e-3, 5e-3, 20e-3)])
    assert (np.diff(shares, axis=0) < 0).all() and shares.min() > 0


def test_the_gradient_for_a_lesion_gives_its_width():
    gradient = gradient_for_t_m(tracer(), FFP, 8e-3)
    assert max(ffr_widths_m(tracer(), FFP, gradient_t_m=gradient)) == pytest.approx(8e-3, rel=1e-9)
    with pytest.raises(InputError, match="no gradient confines"):
        gradient_for_t_m(tracer(), Device("coil", "uniform", 0.0, 13e-3, 354e3, Z), 8e-3)


def test_widths_are_given_for_omega_tau_1_and_3():
    spread = width_spread_m(tracer(70.0), FFP)
    # Half-widths of 9.29 and 8.27 mT along, 10.09 and 18.58 mT across at half the gradient.
    assert np.ravel(list(spread.values())) == pytest.approx(
        np.array([9.29, 2 * 10.09, 8.27, 2 * 18.58]) * 2e-3 / 2.35, rel=3e-3
    )
    assert list(spread) == [1.0, 3.0]


def test_a_plan_is_told_how_sharp_its_focus_may_be():
    told = focus_warnings(tracer(), FFP)
    assert told[1:] == [
        "SLP under bias was not measured: along and across the drive the focus would be "
        "7.9 by 17.2 mm if omega tau is 1, 7.0 by 31.6 mm if omega tau is 3"
    ]
    assert len(focus_warnings(tracer(), Device("coil", "uniform", 0.0, 13e-3, 354e3, Z))) == 1


def test_the_imaging_drive_hardly_heats():
    # 17 times slower at 1.5 times the field: at omega tau 3 / 17.7 a small part is left.
    slp = slp_fields(tracer(), FFP)
    assert slp["imaging"] < 0.05 * slp["heating"] < slp["heating"] < slp["bound"]


def test_the_energy_of_two_modes_is_a_mean_over_particles_not_over_iron():
    # As much iron in 10 nm as in 20 nm cores means eight times as many of the small.
    small, large = (slp_point(tracer(1.0, d), **DRIVE).energy_kt for d in (10e-9, 20e-9))
    both = replace(tracer(1.0), populations=(Population(0.5, 10e-9), Population(0.5, 20e-9)))
    assert slp_point(both, **DRIVE).energy_kt == pytest.approx((8 * small + large) / 9, rel=1e-9)


def test_the_exact_model_says_what_its_table_costs_a_plan():
    slow = replace(tracer(3.0), model="fokker-planck")
    assert "some 8 s an amplitude for 1 size(s)" in slow_warnings(slow)[0]
    assert slow_warnings(tracer(3.0)) == []
