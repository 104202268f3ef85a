"""Values of a protocol file as pydantic types: text with a unit in, SI numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, StrictStr, Tag, WithJsonSchema

from ..anatomy.tissue import PERFUSION_LAWS
from ..base import units
from ..base.units import KINDS, MetabolicHeat, NotAQuantity
from ..base.units import Perfusion as Constant
from ..imaging.roi import DEFAULT as ROI
from . import readings
from .protocol import AROUND_C, CORE_SPAN_C, PerfusionCourse
from .spans import SPANS, NumberSpan, Span

RANGE = ", from "
"""Words between a description and its range in the JSON Schema."""


def text(read: Callable[[object], object], words: str, example: str) -> Reading:
    """Read a string with ``read``; in the JSON Schema it is a string with an example."""
    schema = {"type": "string", "description": words, "examples": [example.strip('"')]}
    return BeforeValidator(read), WithJsonSchema(schema)


type Reading = tuple[BeforeValidator, WithJsonSchema]
"""Metadata of a pydantic type: the function that reads a value of the file, and its place in the JSON Schema."""


def quantity_in_span(name: str) -> tuple[BeforeValidator, WithJsonSchema, Span]:
    """Reading of a quantity in SI, within a sane range of `SPANS`."""
    span = SPANS[name]
    kind = KINDS[span.kind]
    return *text(span.read, f"{kind.words}{RANGE}{span.low} to {span.high}", kind.example), span


def temperature_within(span_c: tuple[float, float]) -> tuple[BeforeValidator, WithJsonSchema, NumberSpan]:
    """Reading of a temperature inside a span."""
    low, high = span_c

    def read(value: object) -> float:
        found = units.parse(value, "temperature")
        if not low <= found <= high:
            raise NotAQuantity(f"{units.expectation('temperature')}; from {low:g} to {high:g} degC")
        return found

    return *text(read, KINDS["temperature"].words, KINDS["temperature"].example), NumberSpan(low, high)


def number(
    low: float, high: float, example: str, *, open_low: bool = True, why: str = ""
) -> tuple[BeforeValidator, WithJsonSchema, NumberSpan]:
    """Reading of a number without a unit, from ``low`` (above it where ``open_low``) to ``high``, and why no other."""

    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            above = low < value if open_low else low <= value
            if above and value <= high and math.isfinite(value):
                return float(value)
        words = f"expected a number {'above' if open_low else 'from'} {low:g}"
        raise NotAQuantity(f"{words} up to {high:g}, such as {example}{f' ({why})' if why else ''}")

    schema = {"type": "number", "exclusiveMinimum" if open_low else "minimum": low, "maximum": high}
    return BeforeValidator(read), WithJsonSchema(schema), NumberSpan(low, high)


def count(most: int, why: str) -> tuple[BeforeValidator, WithJsonSchema, NumberSpan]:
    """Reading of a whole number from 1 to ``most``, and why no more."""

    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise NotAQuantity("expected a whole number of 1 or more")
            if value > most:
                raise NotAQuantity(f"expected a whole number from 1 to {most} ({why})")
            return value
        raise NotAQuantity("expected a whole number, such as 3")

    return (
        BeforeValidator(read),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most}),
        NumberSpan(1, most),
    )


def span(read: Callable[[object], float], example: str) -> Reading:
    """Reading of a low and a high."""

    def both(value: object) -> tuple[float, float]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise NotAQuantity(f"expected a low and a high, such as {example}")
        try:
            low, high = read(value[0]), read(value[1])
        except NotAQuantity as problem:
            raise NotAQuantity(f"expected a low and a high, such as {example}: {problem}") from None
        if low > high:
            raise NotAQuantity(f"expected a low and a high, such as {example}")
        return low, high

    schema = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
    return BeforeValidator(both), WithJsonSchema(schema)


def limits(name: str, example: str) -> tuple[BeforeValidator, WithJsonSchema, Span]:
    """Reading of a low and a high within a sane range."""
    return *span(SPANS[name].read, example), SPANS[name]


ONE = "<one>"
"""Tag in the place of an error that pydantic found in a table where a list may stand; no key is written so."""
MANY = "<many>"
"""The same in a list of tables."""
type OneOrMany[Model] = Annotated[
    Annotated[Model, Tag(ONE)] | Annotated[tuple[Model, ...], Tag(MANY)],
    Discriminator(lambda value: MANY if isinstance(value, list | tuple) else ONE),
]


def safety_bound(kind: str, *sources: str) -> tuple[BeforeValidator, WithJsonSchema, Span]:
    """Reading of a bound of one's own, or of a published one's name; both stand in every plan's table of safety."""

    def read(value: object) -> float | str:
        if value in sources:
            result: float | str = value
            return result
        named = " or ".join(f'"{source}"' for source in sources)
        try:
            return SPANS[kind].read(value)
        except NotAQuantity as problem:
            raise NotAQuantity(f"{problem}, or the published limit {named}") from None

    words = f"{KINDS[kind].words}, or a published limit"
    schema = {"type": "string", "description": words, "examples": [KINDS[kind].example, *sources]}
    return BeforeValidator(read), WithJsonSchema(schema), SPANS[kind]


Blur = Annotated[float, *quantity_in_span("blur")]
Edge = Annotated[float, *quantity_in_span("edge")]
Spacing = Annotated[float, *quantity_in_span("spacing")]
Margin = Annotated[float, *quantity_in_span("margin")]
Core = Annotated[float, *quantity_in_span("core")]
ParticleShell = Annotated[float, *quantity_in_span("shell")]
CoilLength = Annotated[float, *quantity_in_span("coil")]
Bore = Annotated[float, *quantity_in_span("bore")]
VesselWidth = Annotated[float, *quantity_in_span("vessel")]
SessionTime = Annotated[float, *quantity_in_span("session")]
CoolDown = Annotated[float, *quantity_in_span("cool-down")]
LookStep = Annotated[float, *quantity_in_span("look")]
Dwell = Annotated[float, *quantity_in_span("dwell")]
Settle = Annotated[float, *quantity_in_span("settle")]
ShotTime = Annotated[float, *quantity_in_span("shot")]
Relaxation = Annotated[float, *quantity_in_span("relaxation")]
Attempt = Annotated[float, *quantity_in_span("attempt")]
Frequency = Annotated[float, *quantity_in_span("frequency")]
Drive = Annotated[float, *quantity_in_span("drive")]
Bias = Annotated[float, *quantity_in_span("bias")]
Remanence = Annotated[float, *quantity_in_span("remanence")]
Width = Annotated[float, *quantity_in_span("width")]
Gradient = Annotated[float, *quantity_in_span("gradient")]
TracerTemperature = Annotated[float, *quantity_in_span("tracer temperature")]
WarmingPower = Annotated[float, *quantity_in_span("warming power")]
WarmingBand = Annotated[float, *quantity_in_span("warming band")]
Mass = Annotated[float, *quantity_in_span("body mass")]
Velocity = Annotated[float, *quantity_in_span("slew")]
BloodFlow = Annotated[float, *quantity_in_span("blood flow")]
Concentration = Annotated[float, *quantity_in_span("iron")]
TissueDensity = Annotated[float, *quantity_in_span("tissue density")]
TracerDensity = Annotated[float, *quantity_in_span("tracer density")]
HeatCapacity = Annotated[float, *quantity_in_span("heat capacity")]
Conductivity = Annotated[float, *quantity_in_span("conductivity")]
ElectricalConductivity = Annotated[float, *quantity_in_span("electrical conductivity")]
HeatTransfer = Annotated[float, *quantity_in_span("heat transfer")]
Slp = Annotated[float, *quantity_in_span("slp")]
Magnetization = Annotated[float, *quantity_in_span("magnetization")]
Viscosity = Annotated[float, *quantity_in_span("viscosity")]
Anisotropy = Annotated[float, *quantity_in_span("anisotropy")]
CoreTemperature = Annotated[float, *temperature_within(CORE_SPAN_C)]
AroundTemperature = Annotated[float, *temperature_within(AROUND_C)]
Current = Annotated[
    float,
    *text(readings.read_current, KINDS["current"].words, "1e4 A"),
    NumberSpan(-readings.MOST_AMPERES, readings.MOST_AMPERES),
]
FieldRateBound = Annotated[float | str, *safety_bound("field rate", "Brezovich1988", "HergtDutz2007")]
FieldRateLengthBound = Annotated[float | str, *safety_bound("field rate times length", "Brezovich1988")]
FieldLengthBound = Annotated[float | str, *safety_bound("field times length", "Saritas2013")]
SpecificPowerBound = Annotated[float | str, *safety_bound("specific power", "IEC60601")]
PowerBound = Annotated[float | str, *safety_bound("power", "Kleiber1947")]
GradientTensor = Annotated[
    tuple[tuple[float, ...], ...],
    *text(readings.read_tensor, "gradient tensor, machine frame", "-1 0 0; 0 -1 0; 0 0 2 T/m"),
]
Roi = Annotated[str, *text(readings.read_roi, "rule for a region of interest", ROI)]
Uncertainty = Annotated[float, *text(readings.read_uncertainty, "a relative standard uncertainty", "6 %")]
Position = Annotated[
    tuple[float, float, float], *text(readings.read_position, "RAS position", "4.1 -2.0 31.5 mm"), SPANS["place"]
]
Direction = Annotated[tuple[float, float, float], *text(units.direction, "direction, RAS", "S")]
Sphere = Annotated[
    tuple[tuple[float, float, float], float], *text(readings.read_sphere, "centre and radius", "4.1 -2.0 31.5 mm, 4 mm")
]
Window = Annotated[tuple[float, float], *text(readings.read_window, "span of time", "20 min to 30 min")]
Shell = Annotated[tuple[float, float], *text(readings.read_shell, "distances from a region's surface", "3 mm to 6 mm")]
When = Annotated[datetime, *text(readings.read_when, "date and time", "2026-05-04 10:30")]
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
Perfusion = Annotated[Constant | PerfusionCourse, BeforeValidator(readings.read_perfusion), WithJsonSchema(_PERFUSION)]
MetabolicText = Annotated[MetabolicHeat, *text(readings.read_metabolic, "metabolic heat", "700 W/m^3")]
IronUnit = Annotated[str, *text(lambda v: units.iron_factor(v) and v, "unit of the image's values", "mg/mL")]
LengthUnit = Annotated[str, *text(lambda v: units.length_factor(v) and v, "unit of length", "mm")]
_NAME = {"type": "string", "minLength": 1}
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(readings.read_names),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}),
]
_ROW = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
Matrix = Annotated[
    str | list[list[float]],
    BeforeValidator(readings.read_matrix),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _ROW, "minItems": 4, "maxItems": 4}]}),
]
Text = Annotated[StrictStr, Field(min_length=1)]
Name = Annotated[str, BeforeValidator(readings.read_name), WithJsonSchema({"type": "string", "minLength": 1})]
TextOrPair = Annotated[
    tuple[str, ...],
    BeforeValidator(readings.read_one_or_two),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 2, "maxItems": 2}]}),
]
NoiseGain = Annotated[float, *number(1.0, 50.0, "3", open_low=False)]
Share = Annotated[float, *number(0.0, 1.0, "0.9")]
Factor = Annotated[float, *number(0.0, 1.5, "0.7")]
Weight = Annotated[float, *number(0.0, 1e6, "1.0", why="a millionth is nothing; our choice")]
Figure = Annotated[float, *number(0.0, 1e15, "12.5", why="a figure in any unit; our choice")]
Efficiency = Annotated[float, *number(0.0, 1e3, "1.0", why="a model is not off by more; our choice")]
Permittivity = Annotated[float, *number(0.0, 1e9, "3000", why="tissue has 1e7 at 10 Hz [Gabriel1996]; our choice")]
Nusselt = Annotated[float, *number(0.0, 1e4, "4.36", why="developed laminar flow has 4.36; our choice")]
Reach = Annotated[tuple[float, float], *span(readings.read_reach, '["-20 mm", "20 mm"]'), SPANS["place"]]
GradientRange = Annotated[tuple[float, float], *limits("gradient", '["0.5 T/m", "2.6 T/m"]')]
FieldRange = Annotated[tuple[float, float], *limits("drive or none", '["0 mT", "20 mT"]')]
FrequencyRange = Annotated[tuple[float, float], *limits("frequency", '["340 kHz", "360 kHz"]')]
MetricName = Annotated[str, Field(min_length=1, strict=True, examples=["CEM43T90", "Tmax"])]
_BOUND = {"type": "string", "description": "minutes of a dose, a temperature, or a part of the volume"}
Bound = Annotated[float | None, WithJsonSchema({**_BOUND, "examples": ["10 min", "42 degC", "90 %"]})]
Deviation = Annotated[float, *number(0.0, 1.0, "0.1", open_low=False)]
Windows = Annotated[int, *count(60, "each is a copy of every position in the search; our choice")]
Priority = Annotated[int, *count(100, "each is a search; our choice")]
Order = Annotated[int, *count(1000, "1 or 2")]
Frame = Annotated[int, *count(1_000_000, "no image has more; our choice")]
