"""Everything wrong with a protocol file, in the house's words: file, key, value, what would do."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ValidationError

from ..base.parsed_text import parse_toml
from ..base.units import toml_text
from ..files.text.text_files import read_text
from .toml_tables import SCHEMA_VERSION, ProtocolTable
from .values import MANY, ONE, RANGE

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS = {
    "string_type": "expected text in quotes",
    "string_too_short": "expected a text that is not empty",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number, such as 3",
    "greater_than_equal": "expected a whole number of 1 or more",
    "tuple_type": "expected a list",
    "model_type": "expected a table",
    "dict_type": "expected a table",
    "model_attributes_type": "expected a table",
    "too_short": "expected more entries",
    "too_long": "expected fewer entries",
}


def read_toml(path: Path) -> tuple[str, dict[str, object]]:
    """Text and content of a TOML file."""
    text = read_text(path)
    return text, parse_toml(text, path.name)


def validate_table[Model: BaseModel](
    model: type[Model], raw: Mapping[str, object], where: str
) -> tuple[Model | None, list[str]]:
    """The filled-in model, or None with every complaint; ``where`` opens each."""
    try:
        return model.model_validate(dict(raw)), []
    except ValidationError as error:
        return None, [_complaint(model, e, where) for e in error.errors(include_url=False)]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` did you mean "x"?`` or the list of what is known."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, 1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"


def _complaint(model: type[BaseModel], error: ErrorDetails, where: str) -> str:
    loc, kind = tuple(part for part in error["loc"] if part not in (ONE, MANY)), error["type"]
    key = _key(loc)
    if kind == "extra_forbidden":
        known = [f.alias or n for n, f in _model_at(model, loc[:-1]).model_fields.items()]
        return f"{where}: {key}: unknown key; {suggestion(str(loc[-1]), known)}"
    if kind == "missing":
        return f"{where}: {key}: missing{_remedy(model, loc)}"
    if loc == ("schema",):
        words = f"this thermoplan reads schema = {SCHEMA_VERSION}; a later one may read more"
    elif kind == "literal_error":
        words = "expected " + error["ctx"]["expected"].replace("'", '"')
    elif kind == "value_error":
        words = str(error["ctx"]["error"])
    else:
        words = _WORDS.get(kind, error["msg"])
    return f"{where}: {key} = {toml_text(error['input'])}: {words}"


def _key(loc: Iterable[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _remedy(model: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    if loc == ("schema",):
        return f": the first line of a protocol is schema = {SCHEMA_VERSION}"
    owner = _model_at(model, loc[:-1])
    entry = owner.model_json_schema()["properties"].get(str(loc[-1]), {})
    if "examples" in entry:
        return f': expected {entry.get("description", "a name").partition(RANGE)[0]}, such as "{entry["examples"][0]}"'
    if "enum" in entry:
        return ": expected one of " + ", ".join(f'"{v}"' for v in entry["enum"])
    return f": expected a table [{loc[-1]}]" if "$ref" in entry else ": expected a text"


def _model_at(model: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel]:
    """The model of the table that ``loc`` points to."""
    for part in loc:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        model = (_table_of(field.annotation) if field else None) or model
    return model


def _table_of(annotation: object) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _table_of(part))), None)


def protocol_schema() -> dict[str, object]:
    """JSON Schema of a protocol, without the nulls that TOML cannot write."""
    schema = _keys_without_null(ProtocolTable.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(part: object) -> object:
    if isinstance(part, list):
        return [_without_null(p) for p in part if p != {"type": "null"}]
    return _keys_without_null(part) if isinstance(part, dict) else part


def _keys_without_null(part: Mapping[str, object]) -> dict[str, object]:
    drop = {"default"} | ({"title"} if isinstance(part.get("title"), str) else set())
    kept = {key: _without_null(value) for key, value in part.items() if key not in drop}
    choices = kept.get("anyOf")
    if isinstance(choices, list) and len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    return kept
