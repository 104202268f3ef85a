"""A trajectory is the same after a round trip, and a bad row is named by row and column."""

from __future__ import annotations

import csv
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.files.run.result_tables import write_tables
from thermoplan.files.run.trajectories import header, read_trajectory, write_machine, write_trajectory
from thermoplan.trajectory import Trajectory

# the machine's x is the anatomy's S, its origin 5 mm from the anatomy's: machine = (S, R, A) + (5, 0, 0) mm
TO_DEVICE = np.array([[0, 0, 1, 5e-3], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def machine(**changes) -> Device:
    return Device(
        **{
            "name": "bench",
            "kind": "ffp",
            "gradient_t_m": 2.0,
            "amplitude_t": 0.013,
            "frequency_hz": 354e3,
            "drive_axis": (0, 0, 1),
            "to_device": TO_DEVICE,
        }
        | changes
    )


def three_stops(**changes) -> Trajectory:
    return Trajectory(
        **{
            "start_s": [0.0, 2.5, 10.123457],
            "dwell_s": [2.0, 3.25, 0.5],
            "frequency_hz": 354e3,
            "duration_s": 60.0,
            "center_m": [[1e-3, 2e-3, 3e-3], [-4.1e-3, 0, 31.5e-3], [0, 0, 0]],
            "amplitude_t": [0.013, 0.0065, 0.013],
            "gradient_t_m": [2.0, 2.0, 2.35],
        }
        | changes
    )


def test_a_round_trip_keeps_every_stop(tmp_path):
    lines = header(machine(), plan_hash="abc", pose="prone, head first", tracer="synomag-d", duration_s=60.0)
    write_trajectory(tmp_path / "t.csv", three_stops(), lines, {"expected_core_c": [36.5, 36.6, 36.7]})
    back, notes = read_trajectory(tmp_path / "t.csv", machine(), 60.0, notes=(notes := [])), notes
    for name in ("start_s", "dwell_s", "center_m", "amplitude_t", "gradient_t_m"):
        np.testing.assert_allclose(getattr(back, name), getattr(three_stops(), name), rtol=0, atol=1e-9)
    assert back.duration_s == 60.0 and notes == []
    text = (tmp_path / "t.csv").read_text()
    assert "# pose: prone, head first\n" in text and "# plan: abc\n" in text and "# frequency_kHz: 354\n" in text
    assert "\nstart_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT,gradient_T_m,expected_core_c\n" in text


def test_stops_that_touch_still_touch_after_rounding(tmp_path):
    start = np.cumsum(np.full(3000, 1 / 7)) - 1 / 7
    tight = three_stops(
        start_s=start,
        dwell_s=np.full(3000, 1 / 7),
        duration_s=3000 / 7,
        center_m=np.zeros((3000, 3)),
        amplitude_t=np.full(3000, 0.01),
        gradient_t_m=np.full(3000, 2),
    )
    write_trajectory(tmp_path / "t.csv", tight, {})
    np.testing.assert_allclose(read_trajectory(tmp_path / "t.csv", machine(), 3000 / 7).start_s, start, atol=1e-8)


def test_directions_survive_and_their_absence_too(tmp_path):
    turned = three_stops(direction=[[0, 1, 0], [np.nan] * 3, [1, 0, 0]])
    write_trajectory(tmp_path / "t.csv", turned, header(machine()))
    back = read_trajectory(tmp_path / "t.csv", machine(), 60.0)
    np.testing.assert_array_equal(back.direction, turned.direction)
    assert back.stops[1].direction is None


def test_the_machine_file_is_in_the_machine_s_frame_with_its_shift_field(tmp_path):
    write_machine(tmp_path / "m.csv", three_stops(), machine(), header(machine()))
    with (tmp_path / "m.csv").open() as stream:
        row = next(csv.DictReader(line for line in stream if not line.startswith("#")))
    # (1, 2, 3) mm in R, A, S is (3 + 5, 1, 2) in the machine
    assert [float(row[f"{axis}_mm"]) for axis in "xyz"] == [8.0, 1.0, 2.0]
    # 2 T/m along the strong axis S, which is the machine's x, and half of it with the other sign across:
    # a field of -G x keeps the region there, so -2 x 8 = -16 mT, +1 x 1 = 1 mT, +1 x 2 = 2 mT
    assert [float(row[f"shift_{axis}_mT"]) for axis in "xyz"] == pytest.approx([-16.0, 1.0, 2.0])


def test_the_shift_field_of_a_stop_is_of_its_own_gradient():
    """The anatomy's origin is 5 mm along the machine's x: -2 T/m x 5 mm at 2 T/m, and -2.35 x 5 where the stop has it;
    the second stop, 31.5 mm up and 4.1 mm left, has 2 T/m."""
    lines, columns = [], [f"shift_{axis}_mT" for axis in "xyz"]
    with TemporaryDirectory() as folder:
        write_machine(f"{folder}/m.csv", three_stops(), machine(), header(machine()))
        with open(f"{folder}/m.csv") as stream:
            lines = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    assert [float(lines[2][name]) for name in columns] == pytest.approx([-2.35 * 5.0, 0.0, 0.0], abs=1e-6)
    assert [float(lines[1][name]) for name in columns] == pytest.approx([-2.0 * 36.5, -4.1, 0.0], abs=1e-6)


def test_directions_are_turned_into_the_machine_s_frame(tmp_path):
    write_machine(
        tmp_path / "m.csv", three_stops(direction=[[0, 0, 1]] * 3), machine(kind="ffl", line_axis=(0, 1, 0)), {}
    )
    with (tmp_path / "m.csv").open() as stream:
        row = next(csv.DictReader(line for line in stream if not line.startswith("#")))
    assert [float(row[f"dir_{axis}"]) for axis in "xyz"] == [1.0, 0.0, 0.0]  # S is the machine's x


def test_a_hand_written_table_takes_the_device_s_gradient_and_gaps_are_rest(tmp_path):
    (tmp_path / "t.csv").write_text("start_s, dwell_s, x_mm, y_mm, z_mm, amplitude_mT\n0,1,0,0,0,13\n5,1,0,0,1,13\n")
    t = read_trajectory(tmp_path / "t.csv", machine(), 10.0)
    assert t.gradient_t_m.tolist() == [2.0, 2.0] and t.duty == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0,1,0,0,0,13\n1,abc,0,0,0,13\n", 'row 2, dwell_s = "abc": expected a number above zero'),
        ("0,0,0,0,0,13\n", 'row 1, dwell_s = "0": expected a number above zero'),
        ("0,1,0,nan,0,13\n", 'row 1, y_mm = "nan": expected a number'),
        ("0,1,0,0,0,-13\n", 'row 1, amplitude_mT = "-13": expected a number that is not negative'),
        ("0,1,0,0\n", "row 1 has 4 cells, 6 columns are named: no cell for z_mm"),
        ("0,2,0,0,0,13\n1,1,0,0,0,13\n", "row 2, start_s = 1: before 2 s, when the row above it ends"),
        ("0,2,0,0,0,13\n59,2,0,0,0,13\n", "row 2, start_s + dwell_s = 61: after the session's 60 s"),
    ],
)
def test_a_bad_row_is_named_by_row_and_column(tmp_path, rows, words):
    (tmp_path / "t.csv").write_text("start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n" + rows)
    with pytest.raises(InputError) as caught:
        read_trajectory(tmp_path / "t.csv", machine(), 60.0)
    assert any(text == f"t.csv: {words}" for text in caught.value.complaints), caught.value


def test_a_missing_column_and_another_frequency_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("start_s,dwell_s,x_mm,y_mm,amplitude_mT\n")
    with pytest.raises(InputError, match=r"t\.csv: has no column z_mm; expected start_s,dwell_s"):
        read_trajectory(tmp_path / "t.csv", machine(), 60.0)
    write_trajectory(tmp_path / "t.csv", three_stops(), header(machine()))
    with pytest.raises(InputError, match="made for another drive than the protocol's 100 kHz"):
        read_trajectory(tmp_path / "t.csv", machine(frequency_hz=100e3), 60.0)


def test_a_thousand_bad_rows_make_a_short_message(tmp_path):
    (tmp_path / "t.csv").write_text("start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n" + "0,-1,0,0,0,1\n" * 1000)
    with pytest.raises(InputError) as caught:
        read_trajectory(tmp_path / "t.csv", machine(), 60.0)
    assert len(caught.value.complaints) == 11 and "and 990 more" in caught.value.complaints[-1]


def test_the_tables_of_a_run_say_what_plan_json_says(tmp_path):
    plan = {
        "regions": {"tumour": {"volume_mm3": 268.08, "iron_mg": None}, "liver": {"volume_mm3": 1.0, "t90_c": 38.25}},
        "histograms": {
            "tumour": {
                "temperature_c": [40.0, 41.0],
                "volume_fraction": [1.0, 0.5],
                "cem43_min": [1.0],
                "dose_fraction": [0.9],
            }
        },
        "probes": {"centre": {"time_s": [0.0, 60.0], "temperature_c": [36.5, 40.0]}},
        "core": {"time_s": [0.0, 30.0, 60.0], "temperature_c": [36.5, 36.6, 36.7]},
        "expected": [{"minute": 2, "core_c": 36.6, "stop": "core above 39.5"}],
    }
    write_tables(tmp_path, plan)
    rows = {name: (tmp_path / f"{name}.csv").read_text().splitlines() for name in ("dose", "tvh", "probes", "expected")}
    assert rows["dose"] == ["region,volume_mm3,iron_mg,t90_c", "tumour,268.08,,", "liver,1,,38.25"]
    assert rows["tvh"][1:] == [
        "tumour,temperature_c,40,degC,1",
        "tumour,temperature_c,41,degC,0.5",
        "tumour,cem43_min,1,min,0.9",
    ]
    assert rows["probes"] == ["time_s,centre_c,core_c", "0,36.5,36.5", "30,,36.6", "60,40,36.7"]
    assert rows["expected"] == ["minute,core_c,stop", "2,36.6,core above 39.5"]
