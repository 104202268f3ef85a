"""Sane range of every quantity of a protocol, each with its reason; a value outside is a mistyped unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..base import units
from ..base.errors import InputError
from ..base.units import NotAQuantity, toml_text

_ROUNDING = 1e-9
"""Relative reach beyond an end, so that the end itself passes in every unit; ten times more changes nothing."""


@dataclass(frozen=True)
class Span:
    """Range of a quantity, both ends included, as a protocol would write them, and the reason for them."""

    kind: str
    low: str
    high: str
    why: str

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Both ends in SI."""
        return units.parse(self.low, self.kind), units.parse(self.high, self.kind)

    @property
    def words(self) -> str:
        """The range and its reason, for a message."""
        return f"from {self.low} to {self.high} ({self.why})"

    def read(self, value: object) -> float:
        """The value in SI; raises ``NotAQuantity`` where it is another quantity or outside."""
        number = units.parse(value, self.kind)
        low, high = self.ends
        if low * (1.0 - _ROUNDING * (low > 0.0)) <= number <= high * (1.0 + _ROUNDING):
            return number
        if number <= 0.0 < low and self.kind != "temperature":
            raise NotAQuantity(f"{units.expectation(self.kind)}; it must be more than zero")
        raise NotAQuantity(f"{units.expectation(self.kind)}; {self.words}")

    def within(self, number: float) -> bool:
        """True where a number in SI lies in the range."""
        return self.ends[0] <= number <= self.ends[1]


@dataclass(frozen=True, slots=True)
class NumberSpan:
    """Range of a number as it stands, of a key that has no unit or one unit alone."""

    low: float
    high: float


SPANS: dict[str, Span] = {
    "blur": Span("length", "0.05 mm", "100 mm", "sharper or wider than any MPI image; our choice"),
    "edge": Span("length", "0.02 mm", "100 mm", "a capillary's distance to an arm's width; our choice"),
    "spacing": Span("length", "0.05 mm", "200 mm", "finer than any focus, wider than any body's radius; our choice"),
    "margin": Span("length", "0 mm", "200 mm", "no wider than a body; our choice"),
    "place": Span("length", "0 mm", "5 m", "the distance of any point from a frame's origin; our choice"),
    "sphere": Span("length", "0.05 mm", "500 mm", "a voxel's part to a body; our choice"),
    "core": Span("length", "1 nm", "500 nm", "an iron oxide cell of 0.84 nm to a multicore particle; our choice"),
    "shell": Span("length", "1 nm", "20 um", "a core's own to a microbead's; our choice"),
    "coil": Span("length", "0.1 mm", "10 m", "a wire's width to a room; our choice"),
    "bore": Span("length", "5 mm", "5 m", "a tube for a sample to a room; our choice"),
    "vessel": Span("length", "0.01 mm", "60 mm", "a capillary to a widened aorta; our choice"),
    "session": Span("time", "1 s", "24 h", "no one is heated longer in one go; our choice"),
    "cool-down": Span("time", "0 s", "24 h", "expected a day at most; our choice"),
    "look": Span("time", "1 ms", "24 h", "no thermometer is faster; our choice"),
    "window": Span("time", "0 s", "48 h", "session and cool-down; our choice"),
    "dwell": Span("time", "0 s", "24 h", "no longer than a session; our choice"),
    "settle": Span("time", "0 s", "1 h", "no longer than most sessions; our choice"),
    "shot": Span("time", "1 s", "1 h", "faster tells nothing, longer treats; our choice"),
    "relaxation": Span("time", "1e-12 s", "1 s", "an attempt time to a blocked particle; our choice"),
    "attempt": Span("time", "1e-14 s", "1e-6 s", "1e-12 to 1e-9 s are reported; our choice, wider"),
    "frequency": Span(
        "frequency", "10 Hz", "50 MHz", "slower heats nothing, faster is no quasi-static field; our choice"
    ),
    "drive": Span(
        "field", "0.001 mT", "1 T", "the earth's field is 0.05 mT, no coil drives a body with a tesla; our choice"
    ),
    "drive or none": Span("field", "0 mT", "1 T", "no coil drives a body with a tesla; our choice"),
    "bias": Span("field", "0 mT", "20 T", "no magnet of a laboratory holds more; our choice"),
    "remanence": Span("field", "1 mT", "3 T", "iron saturates at 2.2 T; our choice"),
    "width": Span("field", "0.01 mT", "1 T", "narrower or wider than any tracer's response; our choice"),
    "gradient": Span("gradient", "0 T/m", "200 T/m", "no MPI machine has more than 10 T/m; our choice, for studies"),
    "tracer temperature": Span("temperature", "-50 degC", "150 degC", "frozen to boiling; our choice"),
    "body mass": Span("mass", "1 g", "1000 kg", "less than a newborn mouse to a horse; our choice"),
    "sample iron": Span("mass", "0.001 ng", "1 kg", "a few cells to more than any coil heats; our choice"),
    "warming power": Span("power", "1 mW", "2 kW", "a mouse's rest to an operating room's blanket; our choice"),
    "warming band": Span("temperature difference", "0.01 K", "10 K", "a thermometer's step to a fever; our choice"),
    "slew": Span("velocity", "0.001 mm/s", "100 km/s", "a stage to a field that shifts without inertia; our choice"),
    "blood flow": Span("blood flow", "1e-9 mL/min", "40 L/min", "a capillary to a heart at work; our choice"),
    "iron": Span(
        "iron concentration", "1e-6 mg/mL", "5000 mg/mL", "less than any image shows to solid oxide; our choice"
    ),
    "tissue density": Span("density", "50 kg/m^3", "10000 kg/m^3", "inflated lung to a metal implant; our choice"),
    "tracer density": Span(
        "density", "1000 kg/m^3", "10000 kg/m^3", "lighter or heavier than any iron compound; our choice"
    ),
    "heat capacity": Span("heat capacity", "50 J/kg/K", "10000 J/kg/K", "metals have 130 and water 4186; our choice"),
    "conductivity": Span("conductivity", "0.005 W/m/K", "500 W/m/K", "foam to silver; our choice"),
    "electrical conductivity": Span("electrical conductivity", "0 S/m", "100 S/m", "sea water has 5 S/m; our choice"),
    "heat transfer": Span("heat transfer", "0 W/m^2/K", "1e5 W/m^2/K", "boiling water has 1e5 at most; our choice"),
    "slp": Span("slp", "1e-4 W/g", "1e5 W/g", "the best particles reach 1e4; our choice"),
    "magnetization": Span("magnetization", "1 kA/m", "2500 kA/m", "iron-cobalt, the strongest, has 1900; our choice"),
    "viscosity": Span("viscosity", "0.01 mPa*s", "1e9 Pa*s", "thinner than any liquid to pitch; our choice"),
    "anisotropy": Span("anisotropy", "1 J/m^3", "1e8 J/m^3", "samarium-cobalt has 2e7; our choice"),
    "field rate": Span("field rate", "1e3 A/m/s", "1e14 A/m/s", "10 Hz and a gauss to 50 MHz and a tesla; our choice"),
    "field rate times length": Span(
        "field rate times length", "1 A/s", "1e15 A/s", "the same times a body's radius; our choice"
    ),
    "field times length": Span("field times length", "1e-9 T*m", "10 T*m", "a tesla times ten bodies; our choice"),
    "specific power": Span("specific power", "1e-6 W/kg", "1e6 W/kg", "boils a body in a second; our choice"),
    "power": Span("power", "1e-9 W", "1e5 W", "what a mouse's ear makes to a furnace; our choice"),
    "dose": Span("time", "1e-6 min", "1e9 min", "CEM43 of a second at 30 to one of an hour at 70 degC; our choice"),
    "judged temperature": Span("temperature", "-50 degC", "150 degC", "frozen to boiling; our choice"),
}
"""By name; a key of the protocol has one of them (`values`)."""

HIGHEST_SINK_W_M3_K = 1e7
"""Perfusion of tissue at most: a kidney has 2.7e5 [ITIS5]; our choice, beyond any."""
HIGHEST_METABOLIC_W_M3 = 1e9
"""Metabolic heat at most: a mouse's heart has 1e5, and this boils tissue in half a second; our choice."""


def value_in_span(text: object, name: str, where: str) -> float:
    """Value in SI of an option of the command line, in a range of this table."""
    try:
        return SPANS[name].read(text)
    except NotAQuantity as problem:
        raise InputError(f"{where} = {toml_text(text)}: {problem}") from None


def refuse_outside(span: Span, *numbers: float) -> None:
    """Raise where a number in SI lies outside a range by its size."""
    if any(abs(number) > span.ends[1] for number in numbers):
        raise NotAQuantity(f"expected numbers up to {span.high} ({span.why})")
