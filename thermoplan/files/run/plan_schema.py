"""JSON Schema of ``plan.json``, made from the types of `plan_record`."""

from __future__ import annotations

from .plan_record import PlanRecord

TITLE = "plan.json of a thermoplan run folder, schema 1"


def plan_schema() -> dict[str, object]:
    """The schema that ships as ``data/schemas/plan.schema.json``; ``make schema`` writes it."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(PlanRecord).json_schema()
    parts = {key: _without_titles(value) for key, value in schema.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **parts}


def _without_titles(part: object) -> object:
    """The same without the titles that repeat a field's name."""
    if isinstance(part, list):
        return [_without_titles(p) for p in part]
    if not isinstance(part, dict):
        return part
    repeated = isinstance(part.get("title"), str)
    return {key: _without_titles(value) for key, value in part.items() if not (repeated and key == "title")}
