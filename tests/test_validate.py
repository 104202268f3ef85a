"""The table of published values: every row that counts holds, and a wrong value would show."""

import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

import thermoplan
from thermoplan.cli import app
from thermoplan.errors import InputError
from thermoplan.validate import GROUPS, Row, validate, validation_record

REFERENCES = (Path(thermoplan.__file__).parent / "data" / "references.bib").read_text()
KNOWN = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES, re.M)) | {"closed form", "made up", "second solver"}


@pytest.mark.parametrize("group", GROUPS)
def test_every_row_that_counts_is_within_its_tolerance(group):
    rows = validate(group)
    for row in rows:
        print(f"{row.name:70s} {row.published:12.6g} {row.value:12.6g} {row.tolerance:8.1g} {row.ok}")
    assert [row.name for row in rows if row.counts and not row.ok] == []
    assert {row.source for row in rows} <= KNOWN



def test_a_value_outside_its_tolerance_is_off_on_either_side():
    assert [Row("x", -2.0, ours, 0.01, "closed form").ok for ours in (-1.97, -1.981, -2.019, -2.03)] == [
        False, True, True, False]


def test_a_bound_from_one_side_holds_on_that_side_alone():
    orders = [Row("order", 2.0, ours, 1.9, "made up", sense="at_least").ok for ours in (1.89, 1.9, 2.4)]
    errors = [Row("error", 0.0, ours, 1e-6, "made up", sense="at_most").ok for ours in (0.0, 1e-6, 2e-6)]
    assert (orders, errors) == ([False, True, True], [True, True, False])
    assert Row("order", 2.0, 1.89, 1.9, "made up", sense="at_least").record()["bound"] == ">= 1.9"


def test_a_solver_with_one_per_cent_too_much_capacity_is_noticed(monkeypatch):
    # at 120 s periodic warmth is down to 0.42: d ln(0.42) = 0.87 % of it, against a bound of 0.1 %
    module = import_module("thermoplan.validate.heat")
    honest = module.problem
    monkeypatch.setattr(module, "problem", lambda *a, **more: replace(
        found := honest(*a, **more), density_kg_m3=1.01 * found.density_kg_m3))
    monkeypatch.setitem(GROUPS, "bioheat", module._decay)
    assert not validation_record("bioheat")["ok"]


def test_record_is_not_ok_when_a_row_that_counts_is_off(monkeypatch):
    def rows_at(worth):
        return (Row("calibration", 1.0, 2.0, 0.1, "closed form", counts=False),
                Row("value", 1.0, worth, 0.1, "closed form"))

    for worth, ok in ((1.05, True), (1.2, False)):
        monkeypatch.setitem(GROUPS, "dose", lambda worth=worth: rows_at(worth))
        assert validation_record("dose")["ok"] is ok


@pytest.mark.parametrize(("ours", "code"), [(2.03, 0), (1.8, 4)])
def test_the_command_shows_value_error_and_bound_and_ends_with_four_where_a_row_is_off(monkeypatch, ours, code):
    monkeypatch.setitem(GROUPS, "bioheat", lambda: (Row("order", 2.0, ours, 1.9, "made up", sense="at_least"),))
    done = CliRunner().invoke(app, ["validate", "--bioheat", "--json"])
    assert done.exit_code == code
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["published"], row["value"], row["bound"], row["ok"]) == (2.0, ours, ">= 1.9", code == 0)
    assert row["error"] == pytest.approx(ours - 2.0)
    shown = CliRunner().invoke(app, ["validate", "--bioheat"]).stdout
    assert f"{ours}" in shown and ">= 1.9" in shown and f"{1 - code // 4} of 1 hold" in shown


def test_unknown_group_is_named():
    with pytest.raises(InputError, match="validate: astrology: expected one of magnetics"):
        validate("astrology")
