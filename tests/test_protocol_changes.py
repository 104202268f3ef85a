"""A few keys of a protocol can be changed in a call; the rest stays, comments and all."""

from __future__ import annotations

import tomllib

import pytest
from small_case import write_case

from thermoplan.base.errors import InputError
from thermoplan.protocol import read_protocol
from thermoplan.protocol.change import parse_settings


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("changes"))


def test_a_changed_value_is_read_and_the_text_says_so(case):
    plain = read_protocol(case)
    other = read_protocol(
        case, {"device.gradient": "1.5 T/m", "tissues.tumour.conductivity": "0.4 W/m/K", "goals.0.at_least": "5 min"}
    )
    assert (plain.device.gradient_t_m, other.device.gradient_t_m) == (2.35, 1.5)
    assert other.tissues["tumour"].conductivity_w_m_k == 0.4
    assert other.goals[0].bound == 5.0
    assert tomllib.loads(other.text)["device"]["gradient"] == "1.5 T/m"
    assert plain.session == other.session


def test_none_takes_a_key_away(case):
    assert read_protocol(case).goals[0].source.startswith("protocol")
    assert "drive_axis" not in read_protocol(case, {"device.drive_axis": None}).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device.gradiant": "1 T/m"}, "device.gradiant"),
        ({"device.gradient": "1 mT"}, 'device.gradient = "1 mT": expected'),
        ({"goals.9.at_least": "1 min"}, "cannot change goals.9.at_least: expected a number from 0 to"),
        ({"name.x": "1"}, "cannot change name.x: name is a value, not a table"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_its_key(case, changes, words):
    with pytest.raises(InputError, match=None) as raised:
        read_protocol(case, changes)
    assert any(words in text for text in raised.value.complaints), raised.value.complaints


def test_settings_of_a_command_line_are_toml_where_they_can_be():
    words = ["device.gradient=5 T/m", "steering.windows=4", 'iron.uptake=["liver"]', "iron.confine = false"]
    assert parse_settings(words) == {
        "device.gradient": "5 T/m",
        "steering.windows": 4,
        "iron.uptake": ["liver"],
        "iron.confine": False,
    }
    with pytest.raises(InputError, match="expected KEY=VALUE"):
        parse_settings(["device.gradient"])
