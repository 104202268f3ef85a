"""Coil sets as selection fields."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.device.fields.coils import Loop, Magnet, coil_field_t, coil_selection
from thermoplan.power.ffr import ffr_widths_m
from thermoplan.tracer.tracer import Population, Tracer

MU0 = 4e-7 * np.pi
Z = (0.0, 0.0, 1.0)
RADIUS, CURRENT = 0.2, 1e5


def maxwell_pair(axis=Z) -> list[Loop]:
    """Two coils sqrt(3) radii apart with opposed currents: the gradient is flat at the middle."""
    half = np.sqrt(3) / 2 * RADIUS * np.asarray(axis)
    return [Loop(tuple(half), axis, RADIUS, CURRENT), Loop(tuple(-half), axis, RADIUS, -CURRENT)]


def test_a_loop_has_its_textbook_field_on_axis_whichever_way_it_points():
    heights = np.array([-0.3, 0.0, 0.1])
    expected = MU0 * CURRENT * RADIUS**2 / (2 * (RADIUS**2 + heights**2) ** 1.5)
    for axis in np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [0.6, 0, 0.8]]):
        field = coil_field_t([Loop((0, 0, 0), tuple(axis), RADIUS, CURRENT)], np.outer(heights, axis))
        assert field == pytest.approx(np.outer(expected, axis), rel=1e-8, abs=1e-12)


def test_a_magnet_far_away_is_a_dipole():
    magnet = Magnet((0, 0, 0), (0, 1, 0), 0.01, 0.02, 1.2)
    moment = 1.2 / MU0 * np.pi * 0.01**2 * 0.02
    field = coil_field_t([magnet], [[0, 0.5, 0]])
    assert field[0] == pytest.approx([0, MU0 * moment / (2 * np.pi * 0.5**3), 0], rel=1e-3, abs=1e-15)


@pytest.mark.parametrize("axis", [(0, 0, 1), (0, 1, 0), (0.6, 0, 0.8)])
def test_a_maxwell_pair_has_its_known_gradient(axis):
    # (48/49) sqrt(3/7) mu0 I / R^2 along the axis, half of it across, opposite in sign.
    gradient = 48 / 49 * np.sqrt(3 / 7) * MU0 * CURRENT / RADIUS**2
    field = coil_selection(maxwell_pair(axis), ball_m=0.05)
    assert field.misfit_t < 1e-6
    assert field.strength_t_m == pytest.approx(gradient, rel=1e-4)
    n = np.asarray(axis)
    expected = gradient * (1.5 * np.outer(n, n) - 0.5 * np.eye(3))
    assert field.tensor_t_m((0, 0, 0)) == pytest.approx(expected, rel=1e-4, abs=1e-4 * gradient)


def test_the_harmonics_follow_the_coils_inside_the_ball():
    inside = np.random.default_rng(1).uniform(-0.025, 0.025, (50, 3))
    field = coil_selection(maxwell_pair(), ball_m=0.05)
    assert field.field_t(inside) == pytest.approx(coil_field_t(maxwell_pair(), inside), abs=1e-6)


def test_near_its_middle_a_maxwell_pair_is_an_ideal_point():
    tracer = Tracer("20 nm", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=1.34877e-6)
    coils = Device("coils", "measured", 2.35, 13e-3, 354e3, Z, selection=coil_selection(maxwell_pair(), ball_m=0.05))
    ideal = Device("ideal", "ffp", 2.35, 13e-3, 354e3, Z)
    points = np.random.default_rng(2).uniform(-5e-3, 5e-3, (20, 3))
    for own, exact in zip(coils.bias_t(points, (0, 0, 0)), ideal.bias_t(points, (0, 0, 0)), strict=True):
        assert own == pytest.approx(exact, abs=2e-5)
    assert ffr_widths_m(tracer, coils) == pytest.approx(ffr_widths_m(tracer, ideal), rel=1e-3)


def test_a_ball_that_a_conductor_enters_is_refused():
    with pytest.raises(InputError, match="a coil reaches into"):
        coil_selection(maxwell_pair(), ball_m=0.3)
    with pytest.raises(InputError, match="a magnet reaches into"):
        coil_selection([Magnet((0, 0, 0.05), Z, 0.01, 0.02, 1.2)], ball_m=0.045)
    with pytest.raises(InputError, match="radius"):
        Loop((0, 0, 0), Z, 0.0, 1.0)
