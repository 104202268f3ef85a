"""The table of published values: every row that counts holds, and a wrong value would show."""

import re
from pathlib import Path

import pytest

import thermoplan
from thermoplan.errors import InputError
from thermoplan.validate import GROUPS, Row, validate, validation_record

REFERENCES = (Path(thermoplan.__file__).parent / "data" / "references.bib").read_text()
KNOWN = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES, re.M)) | {"closed form"}


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


def test_record_is_not_ok_when_a_row_that_counts_is_off(monkeypatch):
    def rows_at(worth):
        return (Row("calibration", 1.0, 2.0, 0.1, "closed form", counts=False),
                Row("value", 1.0, worth, 0.1, "closed form"))

    for worth, ok in ((1.05, True), (1.2, False)):
        monkeypatch.setitem(GROUPS, "dose", lambda worth=worth: rows_at(worth))
        assert validation_record("dose")["ok"] is ok


def test_unknown_group_is_named():
    with pytest.raises(InputError, match="validate: astrology: expected one of magnetics"):
        validate("astrology")
