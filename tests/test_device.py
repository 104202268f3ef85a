"""Fields of machines, their frames and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoplan.base.errors import InputError
from thermoplan.device import Device, device_from_dict, traceless, unknown_field
from thermoplan.device.fields.selection import selection_field

X, Y, Z = np.eye(3)
POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [3, -2, 5]]) * 1e-3


def machine(kind: str = "ffp", **changes) -> Device:
    settings = {"drive_axis": Z, "gradient_t_m": 0.0 if kind == "uniform" else 2.0} | changes
    if kind == "ffl":
        settings = {"line_axis": Y} | settings
    return Device("test", kind, amplitude_t=13e-3, frequency_hz=354e3, **settings)


def turned(degrees: float, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0, shift[0]], [0, c, -s, shift[1]], [0, s, c, shift[2]], [0, 0, 0, 1]])


def test_a_point_is_half_as_steep_across_as_along():
    along, across = machine().bias_t(POINTS, (0, 0, 0))
    assert along * 1e3 == pytest.approx([0, 0, 0, 2, 10])
    assert across * 1e3 == pytest.approx([0, 1, 1, 0, math.hypot(3, -2)])


def test_a_point_with_its_strong_axis_across_the_drive():
    along, across = machine(strong_axis=X).bias_t(POINTS, (0, 0, 0))
    assert along * 1e3 == pytest.approx([0, 0, 0, -1, -5])
    assert across * 1e3 == pytest.approx([0, 2, 1, 0, math.hypot(6, 2)])


def test_a_line_along_the_drive_only_has_bias_across():
    along, across = machine("ffl", line_axis=Z).bias_t(POINTS, (0, 0, 0))
    assert along == pytest.approx(0, abs=1e-18)
    assert across * 1e3 == pytest.approx([0, 2, 2, 0, 2 * math.hypot(3, 2)])


def test_a_line_across_the_drive_has_both_kinds():
    along, across = machine("ffl").bias_t(POINTS, (0, 0, 0))
    assert along * 1e3 == pytest.approx([0, 0, 0, 2, 10])
    assert across * 1e3 == pytest.approx([0, 2, 0, 0, 6])


def test_a_direction_turns_the_line():
    along, across = machine("ffl").bias_t(POINTS, (0, 0, 0), direction=X)
    assert across * 1e3 == pytest.approx([0, 0, 2, 0, 4])
    assert along * 1e3 == pytest.approx([0, 0, 0, 2, 10])


def test_a_uniform_field_has_no_bias_anywhere():
    along, across = machine("uniform").bias_t(POINTS, (9, 9, 9), gradient_t_m=5.0)
    assert not along.any() and not across.any()


vectors = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(kind=st.sampled_from(["ffp", "ffl", "uniform"]), drive=vectors, turn=vectors, line=vectors)
def test_every_selection_field_obeys_maxwell(kind, drive, turn, line):
    tensor = machine(kind, drive_axis=drive, line_axis=line).gradient_tensor(turn)
    assert abs(np.trace(tensor)) < 1e-12
    assert np.abs(tensor - tensor.T).max() < 1e-12


@given(kind=st.sampled_from(["ffp", "ffl"]), center=vectors, drive=vectors)
def test_the_field_is_zero_on_its_region_and_moves_with_it(kind, center, drive):
    device = machine(kind, drive_axis=drive)
    here = device.bias_t(np.array([center]), center)
    assert here[0][0] == 0.0 and here[1][0] == 0.0
    moved = device.bias_t(POINTS + center, center)
    rest = device.bias_t(POINTS, (0, 0, 0))
    assert np.allclose(moved, rest, atol=1e-12)


@given(center=vectors, degrees=st.floats(-180, 180))
def test_the_shift_field_cancels_the_selection_field_at_the_centre(center, degrees):
    device = machine(to_device=turned(degrees, (0.01, -0.02, 0.03)))
    isocentre = np.linalg.inv(device.to_device)[:3, 3]
    along, across = device.bias_t(np.array([center]), isocentre)
    shift = device.shift_field_t(center)
    assert np.linalg.norm(shift) == pytest.approx(math.hypot(along[0], across[0]), abs=1e-12)
    machine_axis = device.to_device[:3, :3] @ device.drive_axis
    assert shift @ machine_axis == pytest.approx(-along[0], abs=1e-12)


def test_reach_is_in_the_machines_frame():
    low_high = [[-10e-3, 10e-3], [-10e-3, 10e-3], [-50e-3, 50e-3]]
    device = machine(to_device=turned(90), position_range_m=low_high)  # the anatomy's y is the machine's z
    assert device.reachable([[0, 0.04, 0], [0, 0, 0.04], [0.01, 0, 0]]).tolist() == [True, False, True]


def test_a_violation_names_the_limit_and_its_range():
    device = machine(
        position_range_m=[[-10e-3, 10e-3]] * 3,
        gradient_range_t_m=(0.5, 2.6),
        amplitude_range_t=(0, 15e-3),
        frequency_range_hz=(335e3, 345e3),
    )
    assert device.violations(centers_m=[[0, 0, 0.01]], amplitude_t=15e-3, gradient_t_m=0.5, frequency_hz=340e3) == []
    told = device.violations(
        centers_m=[[0, 0, 0.02], [0, 0, 0]], amplitude_t=[13e-3, 20e-3], gradient_t_m=7, frequency_hz=354e3
    )
    assert len(told) == 4
    assert "1 position(s) out of reach" in told[0] and "z 20.0 mm is outside -10 to 10 mm" in told[0]
    assert "gradient = 7 T/m: outside gradient_range, 0.5 to 2.6 T/m" in told[1]
    assert "amplitude = 20 mT: outside amplitude_range, 0 to 15 mT" in told[2]
    assert "frequency = 354 kHz: outside frequency_range, 335 to 345 kHz" in told[3]


def test_a_uniform_field_reaches_everything():
    assert machine("uniform", position_range_m=[[0, 0]] * 3).reachable([[1, 2, 3]]).all()


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"kind": "fff"}, "kind"),
        ({"gradient_t_m": -2.0}, "gradient"),
        ({"amplitude_t": 0.0}, "amplitude"),
        ({"frequency_hz": -1.0}, "frequency"),
        ({"settle_s": -1.0}, "settle"),
        ({"slew_m_s": 0.0}, "slew"),
        ({"max_duty": 1.5}, "max_duty"),
        ({"min_dwell_s": np.nan}, "min_dwell"),
        ({"to_device": 2 * np.eye(4)}, "to_device"),
        ({"to_device": np.diag([-1, 1, 1, 1])}, "to_device"),
        ({"position_range_m": [[1, 0]] * 3}, "position_range"),
    ],
)
def test_machines_that_cannot_be_are_refused_by_key(changes, key):
    settings = {
        "kind": "ffp",
        "gradient_t_m": 2.0,
        "amplitude_t": 13e-3,
        "frequency_hz": 354e3,
        "drive_axis": Z,
    } | changes
    with pytest.raises(InputError, match=rf"device test: {key}\b.*expected"):
        Device("test", **settings)


def test_a_line_needs_its_direction_and_an_axis_a_length():
    with pytest.raises(InputError, match="line_axis: missing"):
        Device("test", "ffl", 2.0, 13e-3, 354e3, Z)
    with pytest.raises(InputError, match="drive_axis"):
        machine(drive_axis=(0, 0, 0))


def probed(bend: float = 0.0):
    """An ideal point of 3 T/m along z, its field-free point at z = 5 mm, with a harmonic bend of degree 3."""
    points = np.random.default_rng(2).normal(size=(60, 3))
    points *= 0.04 / np.linalg.norm(points, axis=1)[:, None]
    x, y, z = points.T
    ideal = np.stack([-1.5 * x, -1.5 * y, 3.0 * (z - 5e-3)], axis=1)
    return selection_field(points, ideal + bend * np.stack([-2 * x * z, 2 * y * z, y * y - x * x], axis=1))


def test_a_measured_field_without_bend_is_an_ideal_point():
    ideal = machine(gradient_t_m=2.0, to_device=turned(30, (0.001, 0.002, 0.003)), drive_axis=turned(-30)[:3, :3] @ Z)
    own = Device("own", "measured", 2.0, 13e-3, 354e3, ideal.drive_axis, to_device=ideal.to_device, selection=probed())
    assert np.allclose(own.gradient_tensor(), ideal.gradient_tensor(), atol=1e-9)
    for center in ((0, 0, 0), (2e-3, -1e-3, 4e-3)):
        assert np.allclose(own.bias_t(POINTS, center), ideal.bias_t(POINTS, center), atol=1e-14)
    # Its own field-free point is 5 mm off the machine's origin: 10 mT at 2 T/m more to shift.
    more = own.shift_field_t((0, 0, 0)) - ideal.shift_field_t((0, 0, 0))
    assert more == pytest.approx([0, 0, 10e-3], abs=1e-12)


def test_a_measured_field_that_bends_is_still_zero_on_its_centre():
    own = Device("own", "measured", 2.0, 13e-3, 354e3, Z, selection=probed(20.0))
    center = (3e-3, 2e-3, -4e-3)
    along, across = own.bias_t(np.vstack([center, POINTS]), center)
    assert abs(along[0]) < 1e-15 and across[0] < 1e-15
    ideal = machine().bias_t(POINTS, center)
    assert 1e-5 < np.abs(along[1:] - ideal[0]).max() < 2e-4
    assert own.reachable([[0, 0, 0], [0.05, 0, 0]]).tolist() == [True, False]


def test_a_measured_kind_and_a_field_come_together():
    with pytest.raises(InputError, match="selection: "):
        machine("measured")
    with pytest.raises(InputError, match="selection: "):
        machine("ffp", selection=probed())


def test_a_gradient_tensor_with_a_trace_is_refused():
    assert traceless(np.diag([-1.0, -1.0, 2.0])).shape == (3, 3)
    with pytest.raises(InputError, match=r"trace is 0\.5 T/m"):
        traceless(np.diag([-1.0, -1.0, 2.5]))
    with pytest.raises(InputError, match="symmetric"):
        traceless([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])


def test_a_machine_from_its_keys():
    device = device_from_dict(
        {
            "name": "own",
            "kind": "ffl",
            "gradient": 2.0,
            "amplitude": 13e-3,
            "frequency": 354e3,
            "drive_axis": "I",
            "line_axis": "R",
            "settle": 0.2,
            "position_range": [[-1, 1]] * 3,
        },
        "own.toml",
    )
    assert device.drive_axis.tolist() == [0, 0, -1] and device.line_axis.tolist() == [1, 0, 0]
    assert device.settle_s == 0.2
    with pytest.raises(InputError) as caught:
        device_from_dict({"kind": "ffp", "amplitude": 1.0, "frequency": 1.0, "drive_axis": "Q"}, "own.toml")
    assert caught.value.complaints == (
        "own.toml: name: missing",
        "own.toml: gradient: missing",
        'own.toml: drive_axis = "Q": expected one of R L A P S I',
    )


def test_a_turning_line_takes_directions_evenly_over_a_half_turn_about_the_bore():
    device = machine("ffl", rotating=True)  # the line along y turns about z, the drive's and the bore's axis
    lines = np.array(device.line_directions(4))
    half = math.sqrt(0.5)
    assert lines == pytest.approx(np.array([[0, 1, 0], [-half, half, 0], [-1, 0, 0], [-half, -half, 0]]), abs=1e-12)
    assert machine("ffl").line_directions() == (None,) == machine().line_directions()
    turned_device = machine("ffl", rotating=True, to_device=turned(90), line_axis=X, drive_axis=Y)
    assert turned_device.turns_about == pytest.approx(Y)  # the anatomy's y is the machine's z


def test_a_direction_that_the_line_cannot_take_is_named():
    nowhere = [np.nan] * 3
    assert machine("ffl").violations(directions=[Y, -Y, nowhere]) == []
    assert machine("ffl", rotating=True).violations(directions=[X, (1, 1, 0)]) == []
    (fixed,) = machine("ffl").violations(directions=[nowhere, X])
    assert "direction = 1 0 0, 1 stop(s): its line stays along line_axis, 0 1 0" in fixed
    (oblique,) = machine("ffl", rotating=True).violations(directions=[X, Z, (0, 1, 1)])
    assert "direction = 0 0 1, 2 stop(s): its line turns about turn_axis, 0 0 1" in oblique
    (point,) = machine().violations(directions=[Z, X])
    assert "direction = 1 0 0, 1 stop(s): its field does not turn" in point


def test_a_machine_with_its_line_turned_is_the_machine_of_that_direction():
    device = machine("ffl", rotating=True)
    assert device.turned(X).gradient_tensor() == pytest.approx(device.gradient_tensor(X))
    assert device.turned(None) is device


def test_a_line_turns_about_what_it_lies_across_and_only_a_line_turns():
    with pytest.raises(InputError, match="turn_axis: a line turns about an axis at right angles"):
        machine("ffl", line_axis=Z, rotating=True)
    with pytest.raises(InputError, match="rotating = true: only a line turns"):
        machine(rotating=True)


def test_a_point_of_ones_own_shape_is_its_tensor_and_one_with_a_trace_is_refused():
    # 2.5 T/m along the machine's z, 1 and 1.5 T/m across: the tensor's shape, at 2 T/m, in the anatomy's frame
    device = machine(tensor=np.diag([-1.0, -1.5, 2.5]), to_device=turned(90))
    assert device.gradient_tensor() == pytest.approx(np.diag([-0.4, 1.0, -0.6]))
    along, across = machine(tensor=np.diag([-1.0, -1.5, 2.5])).bias_t(np.array([[1e-3, 0, 0], [0, 0, 1e-3]]), (0, 0, 0))
    assert (across[0], along[1]) == pytest.approx((0.8e-3, 2e-3))
    with pytest.raises(InputError, match=r"device test: gradient_tensor: .*trace is 0\.5 T/m"):
        machine(tensor=np.diag([-1.0, -1.0, 2.5]))
    with pytest.raises(InputError, match=r"gradient_tensor: a device of kind \"ffl\" has none"):
        machine("ffl", tensor=np.diag([-1.0, -1.0, 2.0]))


def test_an_animal_that_lies_further_on_has_its_places_further_on_in_the_machine():
    device = machine(to_device=turned(90, (0.001, 0.002, 0.003)))
    moved = device.displaced((0, 0.002, 0))  # the anatomy's y is the machine's z
    assert moved.machine_m((0, 0, 0)) - device.machine_m((0, 0, 0)) == pytest.approx([0, 0, 0.002])
    assert moved.machine_m(moved.origin_m) == pytest.approx([0, 0, 0], abs=1e-15)


def test_a_place_outside_the_measured_ball_is_named():
    own = Device("own", "measured", 2.0, 13e-3, 354e3, Z, selection=probed())
    (told,) = own.violations(centers_m=[[0.05, 0, 0]])
    assert "first: 50.0 0.0 0.0 mm is outside the ball of 41.9 mm" in told and "where its field is known" in told


def test_a_body_beyond_the_measured_ball_is_warned_of():
    own = Device("own", "measured", 2.0, 13e-3, 354e3, Z, selection=probed())
    body = np.outer(np.linspace(0.0, 0.1, 11), Z)  # from the ball's middle on: 42 mm of 100 inside
    (told,) = unknown_field(own, body)
    assert "device own: 55% of the mesh's nodes lie outside the ball of 41.9 mm in which the selection field" in told
    assert unknown_field(own, body[:4]) == [] == unknown_field(machine(), body)
