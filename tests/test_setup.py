"""A plan chooses among gradients and directions of the line, and takes no longer than its goals need."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.device import Device
from thermoplan.goals import Goal
from thermoplan.plan import make_plan
from thermoplan.plan.steering.search_setup import STEP_S, variants
from thermoplan.protocol import read_protocol

WISH = Goal("goal", ("tumour",), "CEM43T90", 2.0, "at_least")
SHORT = PROTOCOL.replace('duration = "10 min"', 'duration = "10 min"\ncool_down = "0 min"\nshortest = true')
CHOICE = SHORT.replace("[session]", '[steering]\ngradients = ["0.2 T/m", "2.35 T/m"]\n\n[session]')


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return make_plan(write_case(tmp_path_factory.mktemp("choice"), protocol=CHOICE)).record


def test_the_gradient_that_serves_the_goals_best_is_taken_and_told(record):
    machines = record["optimizer"]["chosen"]["machines"]
    best = min(machines, key=lambda row: row["objective"])
    assert [row["gradient_t_m"] for row in machines] == [0.2, 2.35]
    assert best["chosen"] and record["device"]["gradient_t_m"] == best["gradient_t_m"] == 2.35
    told = next(text for text in record["explanation"]["sentences"] if "the plan takes 2.35 T/m" in text)
    for row in machines:
        reached = WISH.said(row["goals"]["tumour CEM43T90"])
        assert f"{row['gradient_t_m']:g} T/m (tumour CEM43T90 {reached})" in told


def test_the_shortest_session_meets_the_goals_and_a_step_less_does_not(record):
    sessions = {row["duration_s"]: row["met"] for row in record["optimizer"]["chosen"]["sessions"]}
    taken = min(duration for duration, met in sessions.items() if met)
    assert record["timing"]["heating_end_s"] == taken < 600.0
    assert record["status"] == "ok"
    longest_short = max(duration for duration, met in sessions.items() if not met)
    assert taken - longest_short <= max(STEP_S, 0.02 * taken) + 1e-9
    json.dumps(record["optimizer"])


def test_every_gradient_and_direction_is_a_machine():
    line = Device("line", "ffl", 2.0, 13e-3, 354e3, (0.0, 0.0, 1.0), line_axis=(0.0, 1.0, 0.0))
    asked = SimpleNamespace(
        device=line, steering=SimpleNamespace(gradients_t_m=(1.0, 2.0), directions=((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    )
    found = [(d.gradient_t_m, tuple(d.line_axis.tolist())) for d in variants(asked)]
    assert len(set(found)) == 4 and (2.0, (1.0, 0.0, 0.0)) in found
    alone = SimpleNamespace(device=line, steering=SimpleNamespace(gradients_t_m=None, directions=None))
    assert [d.gradient_t_m for d in variants(alone)] == [2.0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[session]", '[steering]\ngradients = ["9 T/m"]\n\n[session]', "gradient = 9 T/m: outside gradient_range"),
        ("[session]", '[steering]\ndirections = ["A", "R"]\n\n[session]', "those that a line may be mounted in"),
        ("[session]", "[steering]\ngradients = []\n\n[session]", "steering.gradients: is empty"),
        (
            'at_least = "2 min"',
            'at_least = "2 min"\nwindow = "5 min to 10 min"',
            "has no place in a session whose length",
        ),
    ],
)
def test_choices_that_are_none_are_refused(tmp_path, old, new, words):
    with pytest.raises(InputError, match=words):
        check_protocol(write_case(tmp_path / "case", protocol=SHORT.replace(old, new)))


def test_a_protocol_says_whether_its_session_may_be_shorter(tmp_path):
    path = write_case(tmp_path / "case", protocol=CHOICE)
    protocol = read_protocol(path)
    assert protocol.session.shortest and protocol.steering.gradients_t_m == (0.2, 2.35)
    assert not read_protocol(path, {"session.shortest": None}).session.shortest
