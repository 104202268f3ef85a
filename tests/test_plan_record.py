"""plan.json, its types and its JSON Schema: one shape."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from thermoplan.files.run.plan_schema import plan_schema
from thermoplan.goals import METRICS, find_metric
from thermoplan.power.safety import QUANTITIES

SCHEMA = files("thermoplan.data").joinpath("schemas", "plan.schema.json")


def closed(part: Any) -> Any:
    """A schema that allows no key it does not know."""
    if isinstance(part, list):
        return [closed(p) for p in part]
    if not isinstance(part, dict):
        return part
    more = {"additionalProperties": False} if "properties" in part else {}
    return {key: closed(value) for key, value in part.items()} | more


def choices(record: str, key: str) -> set[str]:
    """Texts that a field of a record may have."""
    return set(plan_schema()["$defs"][record]["properties"][key]["enum"])


def test_the_shipped_schema_is_that_of_the_types():
    assert json.loads(SCHEMA.read_text()) == plan_schema(), "make schema"


def test_the_record_knows_every_quantity_of_safety():
    assert choices("SafetyLimitRecord", "quantity") == set(QUANTITIES)


def test_the_record_knows_the_unit_of_every_metric():
    units = {find_metric(name).scale.unit for name in METRICS}
    assert units <= choices("GoalRecord", "unit")
