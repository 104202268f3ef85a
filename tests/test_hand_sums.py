"""Numbers of a run that are handed to people and machines, against sums made by hand: two amplitudes, two places."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.plan import simulate
from thermoplan.plan.record import run_writer
from thermoplan.plan.record.results import PROBE_K

SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "6 min"\ncool_down = "0 min"')
STOPS = "start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,180,0,0,8,13\n190,90,0,0,4,6.5\n"
SHARES = np.array([180.0, 90.0]) / 360.0
DUTY = float(SHARES @ [1.0, 0.25])
"""Of the field squared, in that at 13 mT."""


def played(folder, protocol=SHORT):
    path = write_case(folder, protocol=protocol)
    (folder / "t.csv").write_text(STOPS)
    return simulate(path, folder / "t.csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return played(tmp_path_factory.mktemp("two"))


def test_induced_heat_goes_with_the_square_of_the_amplitude_and_its_time(run):
    eddy, safety = run.products.heating_model.eddy, run.record["safety"]
    assert eddy.amplitude_t == pytest.approx(13e-3)
    assert safety["eddy_w"] == pytest.approx(DUTY * eddy.power_w, rel=1e-9)
    assert safety["eddy_mean_w_kg"] == pytest.approx(DUTY * eddy.mean_w_kg, rel=1e-9)
    assert safety["eddy_local_w_kg"] == pytest.approx(DUTY * eddy.local_w_kg, rel=1e-9)
    assert safety["h_f_a_m_s"] == pytest.approx(13e-3 / (4e-7 * np.pi) * 354e3)
    assert safety["absorbed_w"] == pytest.approx(safety["eddy_w"] + sum(safety["iron_w"].values()))


def test_the_map_of_power_is_weighted_by_the_time_at_each_place(run):
    """Its sum is the power absorbed, and near each place it is that of the place alone."""
    heating_model, outcome = run.products.heating_model, run.products.outcome
    volumes = heating_model.case.anatomy.node_volumes_m3
    power = run_writer.nodal_fields(heating_model, outcome)["power_w_m3"] * volumes
    first, second = outcome.basis.load_w
    np.testing.assert_allclose(power, SHARES[0] * first + SHARES[1] * second, rtol=1e-12)
    assert power.sum() == pytest.approx(run.record["safety"]["absorbed_w"], rel=2e-3)


def test_a_tracer_that_heats_less_or_more_is_the_run_with_that_slp_and_the_same_eddy_currents(run, tmp_path):
    history = run.record["history"]
    at = -1
    for key, factor in (("t90_slp_07_c", 0.7), ("t90_slp_13_c", 1.3)):
        other = played(tmp_path / key, SHORT.replace('"250 W/g"', f'"{250 * factor:g} W/g"')).record
        assert other["history"]["time_s"] == history["time_s"]
        there = other["history"]["regions"]["tumour"]["t90_c"][at]
        plain = history["regions"]["tumour"]["t90_c"][at]
        assert abs(there - plain) > 0.3
        assert history[key][at] == pytest.approx(there, abs=0.012), (
            "eddy heat that were scaled too would be 0.035 K off"
        )


def test_readings_to_stop_at_are_three_tenths_above_the_rise_and_half_a_kelvin(run, tmp_path):
    probe = run.record["probes"]["centre"]
    times, course = np.array(probe["time_s"]), np.array(probe["temperature_c"])
    for row in run.record["expected"]:
        read = float(np.interp(60.0 * row["minute"], times, course))
        assert row["centre_c"] == pytest.approx(read)
        assert row["centre_low_c"] == pytest.approx(course[0] + 0.7 * (read - course[0]))
        assert row["centre_stop_above_c"] == pytest.approx(course[0] + 1.3 * (read - course[0]) + 0.5)
    assert [row["minute"] for row in run.record["expected"]] == [2, 5] and PROBE_K == 0.5
    found = run_writer._expected_readings(run.products)
    start = np.array([0.0, 190.0])
    read = np.interp(start, times, course)
    assert found["centre_C"] == pytest.approx(read)
    assert found["centre_stop_above_C"] == pytest.approx(course[0] + 1.3 * (read - course[0]) + 0.5)


def test_shares_duty_and_places_of_the_record_are_those_of_the_table_of_stops(run):
    trajectory = run.record["trajectory"]
    assert trajectory["path_mm"] == [[0.0, 0.0, 8.0], [0.0, 0.0, 4.0]]
    assert trajectory["share"] == pytest.approx(SHARES) and trajectory["duty"] == pytest.approx(SHARES.sum())
    assert (trajectory["stops"], trajectory["positions"]) == (2, 2)
    assert run.record["summary"]["amplitude_mt"] == pytest.approx([6.5, 13.0])
    assert run.record["summary"]["duty"] == pytest.approx(0.75)


def test_iron_of_each_region_is_that_of_its_voxels(run):
    """Spheres of 6 and 4 mm at 3 and 6 mg/mL, counted in voxels of 1 mm3."""
    z = np.argwhere(np.ones((26, 26, 46))) + np.array([-12.5, -12.5, -22.5])
    tumour = np.linalg.norm(z - [0, 0, 8], axis=1) < 4.0
    liver = np.linalg.norm(z - [0, 0, -10], axis=1) < 6.0
    regions, iron = run.record["regions"], run.record["iron"]
    assert iron["image_mg"] == pytest.approx(1e-3 * (6.0 * tumour.sum() + 3.0 * liver.sum()), rel=1e-6)
    assert regions["tumour"]["iron_mg"] == pytest.approx(6e-3 * tumour.sum(), rel=0.02)
    assert regions["liver"]["iron_mg"] == pytest.approx(3e-3 * liver.sum(), rel=0.02)
    assert sum(row["iron_mg"] or 0.0 for row in regions.values()) == pytest.approx(iron["mesh_mg"], rel=1e-6)


def test_tables_of_a_run_hold_the_numbers_of_the_record(run, tmp_path):
    from thermoplan.files.run.result_tables import write_tables

    write_tables(tmp_path, run.record)
    tables = {}
    for name in ("dose", "tvh", "expected", "probes"):
        with (tmp_path / f"{name}.csv").open() as stream:
            tables[name] = list(csv.DictReader(stream))
    for row in tables["dose"]:
        for key, text in row.items():
            value = run.record["regions"][row["region"]].get(key)
            if isinstance(value, float):
                assert float(text) == pytest.approx(value, rel=1e-6), (row["region"], key)
    by_minute = {row["minute"]: row for row in run.record["expected"]}
    for row in tables["expected"]:
        expected = by_minute[int(row["minute"])]
        assert all(float(row[key]) == pytest.approx(value, rel=1e-6) for key, value in expected.items())
