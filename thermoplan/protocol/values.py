"""Values of a protocol file as pydantic types: text with a unit in, SI numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, StrictInt, StrictStr, Tag, WithJsonSchema

from ..anatomy.tissue import PERFUSION_LAWS
from ..base import units
from ..base.errors import InputError
from ..base.units import KINDS, MetabolicHeat, NotAQuantity
from ..base.units import Perfusion as Constant
from ..imaging.roi import DEFAULT as ROI
from ..imaging.roi import EXAMPLES as ROI_EXAMPLES
from ..imaging.roi import roi_rule
from .protocol import AROUND_C, CORE_SPAN_C, PerfusionCourse


def text(read: Callable[[object], object], words: str, example: str) -> Reading:
    """Read a string with ``read``; in the JSON Schema it is a string with an example."""
    schema = {"type": "string", "description": words, "examples": [example.strip('"')]}
    return BeforeValidator(read), WithJsonSchema(schema)


type Reading = tuple[BeforeValidator, WithJsonSchema]
"""Metadata of a pydantic type: the function that reads a value of the file, and its place in the JSON Schema."""


def quantity(kind: str, *, zero: bool = False) -> Reading:
    """Reading of a quantity in SI, above zero unless ``zero`` is allowed or it is a temperature."""

    def read(value: object) -> float:
        number = units.parse(value, kind)
        if number <= 0.0 and not zero and kind != "temperature":
            raise NotAQuantity(f"{units.expected(kind)}; it must be more than zero")
        return number

    return text(read, KINDS[kind].words, KINDS[kind].example)


def temperature_within(span_c: tuple[float, float]) -> Reading:
    """Reading of a temperature inside a span."""
    low, high = span_c

    def read(value: object) -> float:
        found = units.parse(value, "temperature")
        if not low <= found <= high:
            raise NotAQuantity(f"{units.expected('temperature')}; from {low:g} to {high:g} degC")
        return found

    return text(read, KINDS["temperature"].words, KINDS["temperature"].example)


def number(low: float, high: float, example: str, *, open_low: bool = True) -> Reading:
    """Reading of a number without a unit, from ``low`` (above it where ``open_low``) to ``high``."""

    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            above = low < value if open_low else low <= value
            if above and value <= high and math.isfinite(value):
                return float(value)
        words = f"expected a number {'above' if open_low else 'from'} {low:g}"
        raise NotAQuantity(f"{words}{f' up to {high:g}' if high < 1e300 else ''}, such as {example}")

    schema = {"type": "number", "exclusiveMinimum" if open_low else "minimum": low}
    schema |= {"maximum": high} if high < 1e300 else {}
    return BeforeValidator(read), WithJsonSchema(schema)


def _texts(value: object) -> tuple[str, ...]:
    """Texts of one text or of a list; none where anything else stands among them."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(part, str) and part for part in given):
        return ()
    return tuple(given)


def _names(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if not names or not all(name.strip() for name in names):
        raise NotAQuantity('expected a name or a list of names, such as "tumour" or ["liver", "spleen"]')
    return tuple(dict.fromkeys(names))


def _one_or_two(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if len(names) not in (1, 2):
        raise NotAQuantity(
            'expected a file of pairs, such as "pairs.csv", or two files of named points, the image\'s '
            'first, such as ["mpi.fcsv", "anatomy.fcsv"]'
        )
    return names


def _sphere(value: object) -> tuple[tuple[float, float, float], float]:
    centre, _, radius = value.rpartition(",") if isinstance(value, str) else ("", "", "")
    try:
        found = units.vector(centre), units.parse(radius, "length")
    except NotAQuantity:
        found = None
    if found is None or found[1] <= 0.0:
        raise NotAQuantity('expected centre and radius, such as "4.1 -2.0 31.5 mm, 4 mm"')
    return found


def _window(value: object) -> tuple[float, float]:
    start, _, end = value.partition(" to ") if isinstance(value, str) else ("", "", "")
    try:
        found = units.parse(start, "time"), units.parse(end, "time")
    except NotAQuantity:
        found = (0.0, 0.0)
    if found[1] <= found[0]:
        raise NotAQuantity('expected a start and a later end, such as "20 min to 30 min"')
    return found


def _shell(value: object) -> tuple[float, float]:
    """Distances from a region's surface, m, negative inside."""
    text = value.strip() if isinstance(value, str) else ""
    start, _, end = text.removeprefix("deeper than ").rpartition(" to ")
    deep = text.startswith("deeper than ")
    try:
        low, high = (units.vector(f"0 0 {part}")[2] for part in (start or "0 mm", end))
    except NotAQuantity:
        low, high = 0.0, 0.0
    if deep and high > 0.0 and not start:
        return -float("inf"), -high
    if high <= low:
        raise NotAQuantity(
            'expected distances from the surface, such as "3 mm", "3 mm to 6 mm", "-1 mm to 0 mm" for a '
            'rind inside, or "deeper than 1 mm"'
        )
    return low, high


def percent(value: object) -> float:
    """A part of a volume, "90 %" -> 90.0."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        found = float(text.removesuffix("%")) if text.endswith("%") else -1.0
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 100.0:
        raise NotAQuantity('expected a part of the volume, such as "90 %"')
    return found


def _roi(value: object) -> str:
    """A rule for a region of interest, in its own words."""
    try:
        return str(roi_rule(value)) if isinstance(value, str) else ""
    except InputError:
        raise NotAQuantity(
            "expected a rule for a region of interest, such as " + ", ".join(f'"{words}"' for words in ROI_EXAMPLES)
        ) from None


def _uncertainty(value: object) -> float:
    found = units.parse(value, "fraction", example="6 %")
    if not 0.0 < found < 1.0:
        raise NotAQuantity('expected a relative standard uncertainty between 0 and 100 %, such as "6 %"')
    return found


def _when(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)
    if not isinstance(found, datetime):
        raise NotAQuantity('expected a date and time, such as "2026-05-04 10:30"')
    return found


def _perfusion(value: object) -> Constant | PerfusionCourse:
    """A number with a unit, a law by name, or a table ``{ law, rest }`` or ``{ temperature, perfusion }``."""
    if isinstance(value, str) and value and not any(c.isdigit() for c in value):
        return PerfusionCourse(_law(value))
    if not isinstance(value, dict):
        return units.perfusion(value)
    if "law" in value and value.keys() <= {"law", "rest"}:
        return PerfusionCourse(_law(value["law"]), units.perfusion(value["rest"]) if "rest" in value else None)
    if value.keys() == {"temperature", "perfusion"}:
        return _perfusion_table(value["temperature"], value["perfusion"])
    raise NotAQuantity(
        'expected law and rest, such as { law = "lang-tumour", rest = "1e4 W/m^3/K" }, or temperature '
        'and perfusion, such as { temperature = ["37 degC", "43 degC"], '
        'perfusion = ["1e4 W/m^3/K", "2e4 W/m^3/K"] }'
    )


def _law(name: object) -> str:
    if name not in PERFUSION_LAWS:
        raise NotAQuantity(f'expected a perfusion, such as "300 mL/min/kg", or a law: {", ".join(PERFUSION_LAWS)}')
    return str(name)


def _perfusion_table(temperatures: object, perfusions: object) -> PerfusionCourse:
    if not (
        isinstance(temperatures, list)
        and isinstance(perfusions, list)
        and len(temperatures) == len(perfusions)
        and len(temperatures) >= 2
    ):
        raise NotAQuantity("expected as many perfusions as temperatures, two or more of each")
    degrees = tuple(units.parse(part, "temperature") for part in temperatures)
    if any(b <= a for a, b in pairwise(degrees)):
        raise NotAQuantity("expected temperatures that rise")
    return PerfusionCourse(temperature_c=degrees, perfusion=tuple(units.perfusion(part) for part in perfusions))


def _matrix(value: object) -> object:
    rows = value if isinstance(value, list) else []
    good = len(rows) == 4 and all(isinstance(r, list) and len(r) == 4 for r in rows)
    if not isinstance(value, str) and not (good and all(isinstance(x, int | float) for r in rows for x in r)):
        raise NotAQuantity("expected four rows of four numbers (RAS, mm), or a file that holds them")
    return value


def span(read: Callable[[object], float], example: str) -> Reading:
    """Reading of a low and a high."""

    def both(value: object) -> tuple[float, float]:
        try:
            low, high = (read(part) for part in (value if isinstance(value, list | tuple) else ()))
        except (NotAQuantity, TypeError, ValueError):
            low, high = 1.0, 0.0
        if low > high:
            raise NotAQuantity(f"expected a low and a high, such as {example}")
        return low, high

    schema = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
    return BeforeValidator(both), WithJsonSchema(schema)


def limits(kind: str, example: str) -> Reading:
    """Reading of the range of a quantity."""
    return span(lambda part: units.parse(part, kind), example)


ONE = "<one>"
"""Tag in the place of an error that pydantic found in a table where a list may stand; no key is written so."""
MANY = "<many>"
"""The same in a list of tables."""
type OneOrMany[Model] = Annotated[
    Annotated[Model, Tag(ONE)] | Annotated[tuple[Model, ...], Tag(MANY)],
    Discriminator(lambda value: MANY if isinstance(value, list | tuple) else ONE),
]


def safety_bound(kind: str, *sources: str) -> Reading:
    """Reading of a bound of one's own, or of a published one's name; both stand in every plan's table of safety."""

    def read(value: object) -> float | str:
        if value in sources:
            result: float | str = value
            return result
        named = " or ".join(f'"{source}"' for source in sources)
        try:
            found = units.parse(value, kind)
        except NotAQuantity as problem:
            raise NotAQuantity(f"{problem}, or the published limit {named}") from None
        if found <= 0.0:
            raise NotAQuantity(f"{units.expected(kind)}, or the published limit {named}; it must be more than zero")
        return found

    words = f"{KINDS[kind].words}, or a published limit"
    schema = {"type": "string", "description": words, "examples": [KINDS[kind].example, *sources]}
    return BeforeValidator(read), WithJsonSchema(schema)


Length = Annotated[float, *quantity("length")]
LengthOrZero = Annotated[float, *quantity("length", zero=True)]
Time = Annotated[float, *quantity("time")]
TimeOrZero = Annotated[float, *quantity("time", zero=True)]
Frequency = Annotated[float, *quantity("frequency")]
Field_ = Annotated[float, *quantity("field")]
FieldOrZero = Annotated[float, *quantity("field", zero=True)]
GradientOrZero = Annotated[float, *quantity("gradient", zero=True)]
CoreTemperature = Annotated[float, *temperature_within(CORE_SPAN_C)]
AroundTemperature = Annotated[float, *temperature_within(AROUND_C)]
Temperature = Annotated[float, *quantity("temperature")]
Mass = Annotated[float, *quantity("mass")]
Velocity = Annotated[float, *quantity("velocity")]
BloodFlow = Annotated[float, *quantity("blood flow")]
Concentration = Annotated[float, *quantity("iron concentration")]
Density = Annotated[float, *quantity("density")]
HeatCapacity = Annotated[float, *quantity("heat capacity")]
Conductivity = Annotated[float, *quantity("conductivity")]
ElectricalConductivity = Annotated[float, *quantity("electrical conductivity", zero=True)]
HeatTransfer = Annotated[float, *quantity("heat transfer", zero=True)]
Slp = Annotated[float, *quantity("slp")]
Magnetization = Annotated[float, *quantity("magnetization")]
Viscosity = Annotated[float, *quantity("viscosity")]
Anisotropy = Annotated[float, *quantity("anisotropy")]
Current = Annotated[float, *text(lambda v: units.parse(v, "current"), KINDS["current"].words, "1e4 A")]
FieldRateBound = Annotated[float | str, *safety_bound("field rate", "Brezovich1988", "HergtDutz2007")]
FieldRateLengthBound = Annotated[float | str, *safety_bound("field rate times length", "Brezovich1988")]
FieldLengthBound = Annotated[float | str, *safety_bound("field times length", "Saritas2013")]
SpecificPowerBound = Annotated[float | str, *safety_bound("specific power", "IEC60601")]
PowerBound = Annotated[float | str, *safety_bound("power", "Kleiber1947")]
GradientTensor = Annotated[
    tuple[tuple[float, ...], ...], *text(units.tensor, "gradient tensor, machine frame", "-1 0 0; 0 -1 0; 0 0 2 T/m")
]
Roi = Annotated[str, *text(_roi, "rule for a region of interest", ROI)]
Uncertainty = Annotated[float, *text(_uncertainty, "a relative standard uncertainty", "6 %")]
Position = Annotated[tuple[float, float, float], *text(units.vector, "RAS position", "4.1 -2.0 31.5 mm")]
Direction = Annotated[tuple[float, float, float], *text(units.direction, "direction, RAS", "S")]
Sphere = Annotated[
    tuple[tuple[float, float, float], float], *text(_sphere, "centre and radius", "4.1 -2.0 31.5 mm, 4 mm")
]
Window = Annotated[tuple[float, float], *text(_window, "span of time", "20 min to 30 min")]
Shell = Annotated[tuple[float, float], *text(_shell, "distances from a region's surface", "3 mm to 6 mm")]
When = Annotated[datetime, *text(_when, "date and time", "2026-05-04 10:30")]
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 2}
_PERFUSION = {
    "description": "perfusion, or a law of temperature",
    "examples": ["300 mL/min/kg", *PERFUSION_LAWS],
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"law": {"enum": list(PERFUSION_LAWS)}, "rest": {"type": "string"}},
            "required": ["law"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"temperature": _TEXTS, "perfusion": _TEXTS},
            "required": ["temperature", "perfusion"],
            "additionalProperties": False,
        },
    ],
}
Perfusion = Annotated[Constant | PerfusionCourse, BeforeValidator(_perfusion), WithJsonSchema(_PERFUSION)]
MetabolicText = Annotated[MetabolicHeat, *text(units.metabolic_heat, "metabolic heat", "700 W/m^3")]
IronUnit = Annotated[str, *text(lambda v: units.iron_factor(v) and v, "unit of the image's values", "mg/mL")]
LengthUnit = Annotated[str, *text(lambda v: units.length_factor(v) and v, "unit of length", "mm")]
_NAME = {"type": "string", "minLength": 1}
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}),
]
_ROW = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
Matrix = Annotated[
    str | list[list[float]],
    BeforeValidator(_matrix),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _ROW, "minItems": 4, "maxItems": 4}]}),
]
Text = Annotated[StrictStr, Field(min_length=1)]
TextOrPair = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_two),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 2, "maxItems": 2}]}),
]
NoiseGain = Annotated[float, *number(1.0, 50.0, "3", open_low=False)]
Share = Annotated[float, *number(0.0, 1.0, "0.9")]
Factor = Annotated[float, *number(0.0, 1.5, "0.7")]
Weight = Annotated[float, *number(0.0, float("inf"), "1.0")]
Reach = Annotated[tuple[float, float], *span(lambda part: units.vector(f"0 0 {part}")[2], '["-20 mm", "20 mm"]')]
GradientRange = Annotated[tuple[float, float], *limits("gradient", '["0.5 T/m", "2.6 T/m"]')]
FieldRange = Annotated[tuple[float, float], *limits("field", '["0 mT", "20 mT"]')]
FrequencyRange = Annotated[tuple[float, float], *limits("frequency", '["340 kHz", "360 kHz"]')]
MetricName = Annotated[str, Field(min_length=1, strict=True, examples=["CEM43T90", "Tmax"])]
_BOUND = {"type": "string", "description": "minutes of a dose, a temperature, or a part of the volume"}
Bound = Annotated[float | None, WithJsonSchema({**_BOUND, "examples": ["10 min", "42 degC", "90 %"]})]
Deviation = Annotated[float, *number(0.0, 1.0, "0.1", open_low=False)]
Count = Annotated[StrictInt, Field(ge=1)]
