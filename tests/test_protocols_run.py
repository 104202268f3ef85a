"""Every shipped protocol runs as it stands, and shows what its first line says; quick meshes, so wide tolerances."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from thermoplan.plan import Plan, make_plan, simulate
from thermoplan.plan.record.verdict import CHECK_BOUNDS
from thermoplan.protocol import read_protocol

PROTOCOLS = Path(__file__).parents[1] / "protocols"
NAMES = sorted(path.stem for path in PROTOCOLS.glob("*.toml"))


@cache
def quick(name: str) -> Plan:
    protocol = read_protocol(PROTOCOLS / f"{name}.toml")
    return (make_plan if protocol.session.trajectory is None else simulate)(protocol, quick=True)


def region(name: str, which: str) -> dict:
    return quick(name).record["regions"][which]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_protocol_runs_and_passes_its_own_checks(name):
    record = quick(name).record
    assert record["name"] == name
    assert record["status"] in ("ok", "goals-missed")
    for check, value in record["checks"].items():
        assert value is None or value <= CHECK_BOUNDS[check], check


def test_the_table_of_the_readme_lists_every_protocol():
    text = (PROTOCOLS / "README.md").read_text(encoding="utf-8")
    assert len(NAMES) >= 8
    assert re.findall(r"^\| `([\w-]+)\.toml`", text, re.MULTILINE) == sorted(NAMES, key=lambda name: f"{name}.toml")


def test_a_point_heats_one_tumour_and_leaves_the_other_two_centimetres_away():
    # Reference notes: the treated one at T90 44.4, the other stays at 38.3 with 0.02 CEM43.
    assert region("dual-tumour", "tumour")["t90_hold_c"] > 42.0
    assert region("dual-tumour", "tumour-2")["t_peak_c"] < 39.5
    assert region("dual-tumour", "tumour-2")["cem43_max_min"] < 0.2


def test_a_line_through_both_tumours_cannot_treat_one_and_spare_the_other():
    record = quick("dual-tumour-line").record
    assert record["status"] == "goals-missed"
    # It is the limit of the other tumour that holds the plan back: both are as hot.
    assert abs(region("dual-tumour-line", "tumour")["t50_c"] - region("dual-tumour-line", "tumour-2")["t50_c"]) < 2.5


def test_one_of_two_vials_three_millimetres_apart_is_heated_three_times_as_much():
    rise = {name: region("phantoms-3mm", name)["t_mean_c"] - 22.0 for name in ("vial-a", "vial-b")}
    assert rise["vial-a"] > 3.0 * rise["vial-b"] > 0.0


def test_the_imaging_drive_heats_by_less_than_a_fifth_of_a_kelvin():
    record = quick("imaging-only").record
    history = record["history"]["regions"]
    for name in ("tumour", "liver", "spleen"):
        assert max(history[name]["t_max_c"]) - history[name]["t_max_c"][0] < 0.2, name
    assert record["summary"]["duty"] > 0.7
