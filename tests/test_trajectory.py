"""A sequence plays the shares it was asked for and never asks a machine for what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_heat import phantom

from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.power.heating_basis import Column
from thermoplan.trajectory import Rhythm, Stop, Trajectory, candidate_positions, limit_violations, sequence
from thermoplan.trajectory import positions as positions_module
from thermoplan.trajectory.stops import CycleBlock, move_s
from thermoplan.trajectory.tour import shortest_tour

HOUR_EDGES = np.array([0.0, 300.0, 900.0, 1800.0])


def machine(**changes) -> Device:
    values = {
        "name": "bench",
        "kind": "ffp",
        "gradient_t_m": 2.35,
        "amplitude_t": 13e-3,
        "frequency_hz": 354e3,
        "drive_axis": (0.0, 0.0, 1.0),
        "settle_s": 0.02,
        "min_dwell_s": 0.1,
        "slew_m_s": 0.5,
    }
    return Device(**(values | changes))


def row_of(n: int, step_m=2e-3, amplitude_t=13e-3) -> list[Column]:
    return [Column((i * step_m, 0.0, 0.0), amplitude_t, 2.35) for i in range(n)]


def uneven(n_windows: int, n_columns: int, total: float, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.random((n_windows, n_columns)) + 0.2
    return total * shares / shares.sum(axis=1, keepdims=True)


def test_shares_that_leave_time_to_move_are_achieved_exactly():
    shares = uneven(3, 6, 0.7)
    made = sequence(shares, row_of(6), window_edges_s=HOUR_EDGES, device=machine())
    np.testing.assert_allclose(made.achieved, shares, rtol=1e-9)
    assert limit_violations(made.trajectory, machine()) == []


def test_windows_and_session_end_exactly():
    made = sequence(uneven(3, 5, 0.6), row_of(5), window_edges_s=HOUR_EDGES, device=machine())
    assert [block.end_s for block in made.trajectory.windows] == pytest.approx(HOUR_EDGES[1:], abs=1e-9)
    assert made.trajectory.duration_s == pytest.approx(1800.0, abs=1e-9)


def test_the_cycles_and_the_flat_list_say_the_same():
    made = sequence(uneven(3, 5, 0.6), row_of(5), window_edges_s=HOUR_EDGES, device=machine())
    for block in made.trajectory.windows:
        assert sum(duration for _, duration in block.pieces()) == pytest.approx(block.period_s, rel=1e-12)
    on = sum(
        duration * block.repeats
        for block in made.trajectory.windows
        for column, duration in block.pieces()
        if column >= 0
    )
    assert on == pytest.approx(made.trajectory.dwell_s.sum(), rel=1e-9)


def test_ripple_in_the_hottest_voxel_is_that_of_one_share_of_a_square_wave():
    """Power q for a share d of the period P, and off: q d (1 - d) P peak to peak."""
    rate, share, seconds = 0.26, 0.5, 1.0
    made = sequence(
        np.array([[share]]),
        row_of(1),
        window_edges_s=np.array([0.0, 600.0]),
        device=machine(),
        heating_k_s=np.array([[rate]]),
        rhythm=Rhythm(aim_k=rate * share * (1 - share) * seconds),
    )
    period = made.trajectory.windows[0].period_s
    assert period <= seconds and period > 0.9 * seconds
    assert made.ripple_k[0] == pytest.approx(rate * share * (1 - share) * period, rel=1e-9)


def test_ripple_stays_below_a_quarter_kelvin_and_the_period_is_no_shorter_than_need_be():
    heating = 0.4 * np.exp(-0.5 * ((np.arange(6)[:, None] * 2 - np.linspace(0, 10, 40)) / 2.0) ** 2)
    made = sequence(uneven(3, 6, 0.7), row_of(6), window_edges_s=HOUR_EDGES, device=machine(), heating_k_s=heating)
    assert made.ripple_k.min() > 0.05 and made.ripple_k.max() <= 0.25


def test_a_slow_machine_is_told_that_it_ripples():
    heating = 0.4 * np.eye(4)
    slow = machine(min_dwell_s=10.0, settle_s=2.0)
    made = sequence(uneven(3, 4, 0.6), row_of(4), window_edges_s=HOUR_EDGES, device=slow, heating_k_s=heating)
    assert any("ripple" in note for note in made.notes)
    assert limit_violations(made.trajectory, slow) == []


def test_a_tiny_share_goes_to_its_neighbour_with_its_energy():
    shares = np.array([[0.3, 0.0005, 0.3, 0.2]])
    made = sequence(
        shares,
        row_of(4),
        window_edges_s=np.array([0.0, 600.0]),
        device=machine(min_dwell_s=1.0),
        heating_k_s=0.2 * np.eye(4),
    )
    assert made.achieved[0, 1] == 0.0
    assert made.achieved.sum() == pytest.approx(shares.sum(), rel=1e-6)


def test_full_duty_on_several_places_shrinks_and_says_so():
    made = sequence(
        uneven(1, 4, 1.0),
        row_of(4),
        window_edges_s=np.array([0.0, 600.0]),
        device=machine(settle_s=1.0),
        heating_k_s=0.1 * np.eye(4),
    )
    assert made.achieved.sum() < 1.0 and any("no time" in note for note in made.notes)


def test_one_column_at_full_duty_is_one_long_dwell():
    made = sequence(
        np.array([[1.0]]),
        row_of(1),
        window_edges_s=np.array([0.0, 600.0]),
        device=machine(),
        heating_k_s=np.array([[0.3]]),
    )
    assert len(made.trajectory) == 1 and made.trajectory.dwell_s[0] == pytest.approx(600.0)


def test_no_heat_is_an_empty_sequence_of_full_length():
    made = sequence(np.zeros((3, 4)), row_of(4), window_edges_s=HOUR_EDGES, device=machine())
    assert len(made.trajectory) == 0 and made.trajectory.duration_s == 1800.0


machines = st.builds(
    machine,
    settle_s=st.floats(0.0, 3.0),
    min_dwell_s=st.floats(0.0, 8.0),
    slew_m_s=st.one_of(st.just(np.inf), st.floats(1e-3, 1.0)),
    max_duty=st.floats(0.05, 1.0),
    kind=st.sampled_from(["ffp", "uniform"]),
)


@settings(max_examples=120, deadline=None)
@given(
    device=machines,
    seed=st.integers(0, 10_000),
    n=st.integers(1, 9),
    windows=st.integers(1, 4),
    length=st.floats(5.0, 600.0),
    total=st.floats(0.0, 1.0),
    rate=st.floats(0.0, 1.0),
)
def test_a_sequence_never_breaks_a_machine_limit(device, seed, n, windows, length, total, rate):
    rng = np.random.default_rng(seed)
    shares = rng.random((windows, n)) ** 3 * (rng.random((windows, n)) < 0.7)
    shares *= total * device.max_duty / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    columns = [Column(tuple(rng.uniform(-0.01, 0.01, 3)), 13e-3 * rng.choice([0.5, 1.0]), 2.35) for _ in range(n)]
    made = sequence(
        shares,
        columns,
        window_edges_s=np.arange(windows + 1) * length,
        device=device,
        heating_k_s=rate * rng.random((n, 30)),
    )
    assert limit_violations(made.trajectory, device) == []
    assert made.trajectory.windows[-1].end_s == pytest.approx(windows * length, rel=1e-12)
    assert (made.achieved.sum(axis=1) <= device.max_duty * (1 + 1e-9)).all()


@settings(max_examples=60, deadline=None)
@given(
    device=machines,
    seed=st.integers(0, 10_000),
    n=st.integers(1, 9),
    length=st.floats(5.0, 600.0),
    total=st.floats(0.01, 1.0),
)
def test_a_sequence_never_heats_more_than_it_was_asked_to(device, seed, n, length, total):
    """Dwells that must grow to the machine's shortest are paid for by the others."""
    rng = np.random.default_rng(seed)
    shares = rng.random((3, n)) ** 4
    shares *= total * device.max_duty / shares.sum(axis=1, keepdims=True)
    rates = np.outer(rng.random(n) + 0.1, np.ones(20)) * 0.3
    made = sequence(shares, row_of(n), window_edges_s=np.arange(4) * length, device=device, heating_k_s=rates)
    asked, played = shares @ rates[:, 0], made.achieved @ rates[:, 0]
    assert (played <= asked * (1 + 1e-6)).all()


def test_each_broken_limit_is_named():
    stops = [Stop(0.0, 0.05, (0.0, 0.0, 0.0), 13e-3, 2.35), Stop(0.06, 5.0, (0.03, 0.0, 0.0), 40e-3, 2.35)]
    device = machine(amplitude_range_t=(0.0, 20e-3), position_range_m=np.array([[-0.02, 0.02]] * 3), max_duty=0.5)
    found = " ".join(limit_violations(Trajectory.of_stops(stops, frequency_hz=354e3, duration_s=6.0), device))
    for name in ("min_dwell", "slew", "amplitude", "position_range", "max_duty"):
        assert name in found


@pytest.mark.parametrize(
    ("starts", "dwells", "word"),
    [([0.0, 0.5], [1.0, 1.0], "ended"), ([0.0, 99.5], [1.0, 1.0], "session"), ([0.0, 1.0], [1.0, 0.0], "dwell")],
)
def test_stops_that_overlap_or_overrun_are_refused(starts, dwells, word):
    with pytest.raises(InputError, match=word):
        Trajectory(np.array(starts), np.array(dwells), np.zeros((2, 3)), np.ones(2), np.ones(2), 354e3, 100.0)


def test_a_round_through_a_ring_is_its_circumference():
    angle = np.random.default_rng(3).permutation(np.arange(12)) * np.pi / 6
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    order = shortest_tour(ring)
    length = np.linalg.norm(np.diff(ring[[*order, order[0]]], axis=0), axis=1).sum()
    assert length == pytest.approx(12 * 2 * np.sin(np.pi / 12))


def test_candidates_cover_the_target_and_its_margin_within_reach():
    anatomy = phantom()
    positions = candidate_positions(anatomy, ["tumour"], device=machine(), spacing_m=2e-3, margin_m=2e-3)
    tumour = anatomy.points_m[anatomy.nodes("tumour")]
    gap = np.linalg.norm(positions[None] - tumour[:, None], axis=2)
    assert gap.min(axis=1).max() <= 2e-3 * np.sqrt(3) / 2 + 1e-9
    assert gap.min(axis=0).max() <= 2e-3 + 2e-3
    near = machine(position_range_m=np.array([[-1.0, 6e-3], [-1.0, 1.0], [-1.0, 1.0]]))
    assert candidate_positions(anatomy, ["tumour"], device=near, spacing_m=2e-3)[:, 0].max() <= 6e-3 + 1e-9


def test_candidates_are_at_most_as_many_as_asked():
    assert len(candidate_positions(phantom(), ["tumour"], device=machine(), spacing_m=3e-4, most=50)) <= 50


def test_a_grid_far_too_fine_is_widened_before_it_is_made(monkeypatch):
    wanted = candidate_positions(phantom(), ["tumour"], device=machine(), spacing_m=2e-4, most=50)
    sizes, made = [], positions_module._grid
    monkeypatch.setattr(positions_module, "_grid", lambda *args: sizes.append(len(found := made(*args))) or found)
    fine = candidate_positions(phantom(), ["tumour"], device=machine(), spacing_m=1e-5, most=50)
    assert max(sizes) <= positions_module.MOST_PLACES and 0.5 * len(wanted) < len(fine) <= 50
    monkeypatch.setattr(positions_module, "MOST_PLACES", 20_000)
    assert (candidate_positions(phantom(), ["tumour"], device=machine(), spacing_m=2e-4, most=50) == wanted).all()


def test_a_line_is_moved_only_across_itself_and_a_uniform_field_not_at_all():
    line = machine(kind="ffl", line_axis=(0.0, 1.0, 0.0))
    positions = candidate_positions(phantom(), ["tumour"], device=line, spacing_m=2e-3, margin_m=1e-3)
    assert np.ptp(positions[:, 1]) < 1e-12 and np.ptp(positions[:, 0]) > 4e-3 and np.ptp(positions[:, 2]) > 4e-3
    assert len(candidate_positions(phantom(), ["tumour"], device=machine(kind="uniform"), spacing_m=2e-3)) == 1


def test_a_target_out_of_reach_is_explained():
    far = machine(position_range_m=np.array([[0.5, 0.6]] * 3))
    with pytest.raises(InputError, match="reach"):
        candidate_positions(phantom(), ["tumour"], device=far, spacing_m=2e-3)


def test_times_rounded_to_microseconds_are_still_a_trajectory_that_the_machine_can_play():
    made = sequence(uneven(3, 5, 0.97), row_of(5), window_edges_s=HOUR_EDGES, device=machine(settle_s=1e-3))
    t = made.trajectory
    rounded = Trajectory(
        t.start_s.round(6), t.dwell_s.round(6), t.center_m, t.amplitude_t, t.gradient_t_m, t.frequency_hz, t.duration_s
    )
    assert limit_violations(rounded, machine(settle_s=1e-3)) == []


def test_a_move_takes_its_way_and_then_the_time_to_settle():
    """10 mm at 0.5 m/s are 20 ms, and 20 ms to settle; where only the field changes it is those alone."""
    here, there, weaker = (
        Stop(0.0, 1.0, (x, 0.0, 0.0), amplitude, 2.35) for x, amplitude in ((0.0, 13e-3), (10e-3, 13e-3), (0.0, 6e-3))
    )
    assert move_s(machine(), here, there) == pytest.approx(0.04)
    assert move_s(machine(), here, weaker) == pytest.approx(0.02) and move_s(machine(), here, here.later(5.0)) == 0.0


def test_the_duty_is_kept_in_every_window_and_not_on_the_whole_alone():
    """One window on for nine tenths of its time and one empty: 0.45 on the whole, 0.9 where the coil is hot."""
    stop = Stop(0.0, 0.9, (0.0, 0.0, 0.0), 13e-3, 2.35, column=0)
    busy, idle = CycleBlock(0.0, 0.0, (stop,), 1.0, 100), CycleBlock(100.0, 0.0, (), 100.0, 1)
    played = Trajectory.of_blocks([busy, idle], frequency_hz=354e3)
    assert played.duty == pytest.approx(0.45)
    (said,) = limit_violations(played, machine(max_duty=0.6))
    assert said == "device bench: max_duty = 0.6: the field is on for 0.9 of the time"
    assert limit_violations(played, machine(max_duty=0.95)) == []
