"""JSON Schema of ``plan.json``, made from the types of `plan_record`, and the check of a file against them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ...base.errors import InputError
from ...base.units import toml_text
from .plan_record import PlanRecord

TITLE = "plan.json of a thermoplan run folder, schema 1"
_MOST_TOLD = 10
_COURSES = ("temperature_c", "regions")


def plan_schema() -> dict[str, object]:
    """The schema that ships as ``data/schemas/plan.schema.json``; ``make schema`` writes it."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(PlanRecord).json_schema()
    parts = {key: _without_titles(value) for key, value in schema.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **parts}


def check_plan(plan: object, name: str) -> PlanRecord:
    """``plan`` as the record that it says to be; every fault names its place, and the first ones are told."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(PlanRecord).validate_python(plan, strict=True)
    except ValidationError as problem:
        faults = problem.errors(include_url=False)
        complaints = [f"{name}: {_key(fault['loc'])} = {toml_text(fault['input'])}: {fault['msg']}" for fault in faults]
        more = [f"{name}: and {len(complaints) - _MOST_TOLD} more"] if len(complaints) > _MOST_TOLD else []
        remedy = [f"{name}: is no record of a run: plan again, or restore the file"]
        raise InputError([*complaints[:_MOST_TOLD], *more, *remedy]) from None
    if uneven := next(_uneven_courses(plan), ""):
        raise InputError(f"{name}: {uneven}: is no record of a run: plan again, or restore the file")
    return cast(PlanRecord, plan)


def _uneven_courses(part: object) -> Iterator[str]:
    """Courses, of a probe or of each region, that have another number of values than times."""
    if isinstance(part, dict) and isinstance(times := part.get("time_s"), list):
        courses = {key: part.get(key) for key in _COURSES}
        yield from _uneven(courses, len(times))
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _uneven_courses(inner)


def _uneven(part: dict[str, object], count: int) -> Iterator[str]:
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _uneven(value, count)
        elif isinstance(value, list) and len(value) != count:
            yield f"{key} has {len(value)} values for {count} times"


def _key(parts: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _without_titles(part: object) -> object:
    """The same without the titles that repeat a field's name."""
    if isinstance(part, list):
        return [_without_titles(p) for p in part]
    if not isinstance(part, dict):
        return part
    repeated = isinstance(part.get("title"), str)
    return {key: _without_titles(value) for key, value in part.items() if not (repeated and key == "title")}
