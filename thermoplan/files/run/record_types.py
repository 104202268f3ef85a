"""Types of the fields of a record, with the keywords that they have in the shipped JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, known: value in known,
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "minItems": lambda value, count: len(value) >= count,
    "maxItems": lambda value, count: len(value) <= count,
    "minProperties": lambda value, count: len(value) >= count,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "items": lambda value, part: all(set(part["required"]) <= row.keys() for row in value),
}
"""Keywords of JSON Schema that a value of the field's type is held to, as (value, what the keyword says).

pydantic has most of them as `Field(ge=...)`, which would load it wherever a record's type is named, as in
`import thermoplan`; here it loads where a file is read."""


class Keywords:
    """Keywords of JSON Schema on a field, beside those that its type implies."""

    def __init__(self, description: str = "", **keywords: object) -> None:
        self.keywords = keywords | ({"description": description} if description else {})

    def __get_pydantic_json_schema__(
        self, core: object, handler: Callable[[object], dict[str, object]]
    ) -> dict[str, object]:
        return handler(core) | self.keywords

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The type, whose values also keep to the keywords: a file that is read is held to the whole schema."""
        from pydantic_core.core_schema import no_info_after_validator_function

        known = handler(source)
        return no_info_after_validator_function(self._kept, known) if self.keywords.keys() & _RULES.keys() else known

    def _kept(self, value: object) -> object:
        for key, rule in _RULES.items():
            if key in self.keywords and not rule(value, self.keywords[key]):
                raise ValueError(f"expected {key} = {self.keywords[key]}")
        return value


def one_of(*values: str) -> Keywords:
    """Keyword of a text that is one of a few; the tables of the rooms that make it are the authority."""
    return Keywords(enum=list(values))


PAIR = Keywords(minItems=2, maxItems=2)
AT_LEAST_0 = Keywords(minimum=0)
POSITIVE = Keywords(exclusiveMinimum=0)
Share = Annotated[float, Keywords(minimum=0, maximum=1.000001)]
Dose = Annotated[float, AT_LEAST_0] | None
Pair = Annotated[list[float], PAIR]
Triple = Annotated[list[float], Keywords(minItems=3, maxItems=3)]
Digest = Annotated[str, Keywords(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, AT_LEAST_0]
Numbers = list[float | None]
Status = Literal["ok", "goals-missed", "not-valid", "interrupted"]
Reading = dict[str, float | None]
Readings = Annotated[list[Reading], Keywords(items={"type": "object", "required": ["minute"]})]
