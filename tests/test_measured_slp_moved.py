"""A measured SLP belongs to its tracer, drive and medium: what changes one of them without it is refused."""

from __future__ import annotations

import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.power.heating_warnings import focus_warnings
from thermoplan.protocol import read_protocol
from thermoplan.protocol.read import protocol_with

SLP = {"value": "90 W/g", "basis": "iron", "medium": "tissue", "amplitude": "13 mT", "frequency": "354 kHz"}
NAMED = PROTOCOL.replace("measured_slp = { value", 'measured_slp = { tracer = "Synomag D", value')


def refused(path, changes) -> str:
    with pytest.raises(InputError) as caught:
        read_protocol(path, changes)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [PROTOCOL, NAMED], ids=["of the tracer it stands with", "named"])
def test_another_tracer_does_not_keep_the_slp_of_the_first(tmp_path, protocol):
    path = write_case(tmp_path, protocol=protocol)
    words = refused(path, {"tracer.name": "vivotrax"})
    assert words.startswith("protocol.toml: tracer.measured_slp") and "--set tracer.measured_slp=" in words
    assert "vivotrax" in words
    both = read_protocol(path, {"tracer.name": "vivotrax", "tracer.measured_slp": SLP})
    assert both.tracer.calibration.measured[0].tracer == "vivotrax"
    assert read_protocol(path, {"tracer.name": "vivotrax", "tracer.measured_slp": None}).tracer.calibration is None
    assert protocol_with(path, ["tracer.name=vivotrax", "tracer.measured_slp="]).tracer.calibration is None


def test_a_measurement_that_names_another_tracer_is_refused_in_the_file_itself(tmp_path):
    path = write_case(tmp_path, protocol=NAMED.replace('name = "synomag-d"', 'name = "vivotrax"'))
    assert 'tracer.measured_slp.tracer = "Synomag D": was measured of another tracer' in refused(path, {})
    assert read_protocol(write_case(tmp_path / "own", protocol=NAMED)).tracer.calibration is not None


@pytest.mark.parametrize(
    ("key", "value"), [("medium", "water"), ("amplitude", "5 mT"), ("frequency", "100 kHz"), ("basis", "oxide")]
)
def test_a_value_stays_with_what_it_was_measured_at(tmp_path, key, value):
    path = write_case(tmp_path)
    words = refused(path, {f"tracer.measured_slp.{key}": value})
    assert words.startswith(f'protocol.toml: tracer.measured_slp.{key} = "{value}": value = "250 W/g" was measured')
    changed = read_protocol(path, {f"tracer.measured_slp.{key}": value, "tracer.measured_slp.value": "10 W/g"})
    assert changed.tracer.calibration is not None


@pytest.mark.parametrize(("key", "value"), [("device.amplitude", "5 mT"), ("device.frequency", "345 kHz")])
def test_another_drive_than_the_measured_one_has_to_be_said(tmp_path, key, value):
    path = write_case(tmp_path)
    words = refused(path, {key: value})
    assert words.startswith(f'protocol.toml: {key} = "{value}"') and "13 mT, 354 kHz" in words
    assert "extrapolate = true" in words
    carried = read_protocol(path, {key: value, "tracer.measured_slp.extrapolate": True})
    told = [w for w in focus_warnings(carried.tracer, carried.device) if "the model carries it there" in w]
    assert len(told) == 1
    assert read_protocol(path, {key: value, "tracer.measured_slp": None}).tracer.calibration is None


def test_a_drive_between_two_measured_ones_and_the_drive_itself_pass(tmp_path):
    path = write_case(tmp_path)
    two = {"tracer.measured_slp": [SLP | {"amplitude": "4 mT", "value": "9 W/g"}, SLP]}
    assert read_protocol(path, {"device.amplitude": "6 mT", **two}).device.amplitude_t == 6e-3
    assert read_protocol(path, {"device.amplitude": "13.1 mT"}).device.amplitude_t == 13.1e-3
    assert "13 mT" in PROTOCOL and read_protocol(path, {"device.frequency": "354 kHz"}).device.frequency_hz == 354e3
