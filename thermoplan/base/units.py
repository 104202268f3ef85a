"""Text with a unit to SI numbers, once, at the edge of the program (pint stays here).

A quantity in a file is a string such as ``"13 mT"``. ``quantity`` turns it into a float in SI,
temperatures into degrees C; anything else gets a message that says what was expected.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from tokenize import TokenError
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import pint

MU0_T_M_A = 1.25663706127e-6  # CODATA 2022
IRON_KG_MOL = 55.845e-3  # standard atomic weight of iron [Wieser2013]

_DEFINITIONS = """
nano- = 1e-9 = n-
micro- = 1e-6 = u-
milli- = 1e-3 = m-
centi- = 1e-2 = c-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
meter = [length] = m = metre
second = [time] = s = sec
minute = 60 * second = min
hour = 3600 * second = h = hr
gram = [mass] = g
hectogram = 100 * gram
kelvin = [temperature]; offset: 0 = K
degree_Celsius = kelvin; offset: 273.15 = degC = celsius
ampere = [current] = A
mole = [substance] = mol
hertz = 1 / second = Hz
liter = 1e-3 * meter ** 3 = L = l = litre
newton = kilogram * meter / second ** 2 = N
pascal = newton / meter ** 2 = Pa
joule = newton * meter = J
watt = joule / second = W
volt = watt / ampere = V
ohm = volt / ampere = Ohm
siemens = ampere / volt = S
tesla = volt * second / meter ** 2 = T
gauss = 1e-4 * tesla = G
molar = mol / liter = M
percent = 0.01
""".strip().splitlines()


@dataclass(frozen=True, slots=True)
class Kind:
    """Expected quantity of a key: the SI unit of the result, words for it, an example.

    ``also`` lists other dimensions that are understood, with their factor to the SI unit.
    """

    si: str
    words: str
    example: str
    also: tuple[tuple[str, float], ...] = ()
    low: float = -math.inf


_POSITIVE = 0.0
KINDS: dict[str, Kind] = {
    "length": Kind("m", "a length", "3 mm", low=_POSITIVE),
    "time": Kind("s", "a duration", "30 min", low=_POSITIVE),
    "frequency": Kind("Hz", "a frequency", "354 kHz", low=_POSITIVE),
    "field": Kind("T", "a field amplitude", "13 mT", (("A/m", MU0_T_M_A),), low=_POSITIVE),
    "gradient": Kind("T/m", "a field gradient", "2.35 T/m", (("A/m^2", MU0_T_M_A),), low=_POSITIVE),
    "temperature": Kind("degC", "a temperature", "36.5 degC", low=-273.15),
    "temperature difference": Kind("K", "a difference of temperatures", "0.2 K", low=_POSITIVE),
    "mass": Kind("kg", "a mass", "20 g", low=_POSITIVE),
    "velocity": Kind("m/s", "a speed", "20 mm/s", low=_POSITIVE),
    "iron concentration": Kind(
        "kg/m^3", "a concentration of iron", "2 mg/mL", (("mol/m^3", IRON_KG_MOL),), low=_POSITIVE
    ),
    "density": Kind("kg/m^3", "a density", "1050 kg/m^3", low=_POSITIVE),
    "heat capacity": Kind("J/kg/K", "a heat capacity", "3600 J/kg/K", low=_POSITIVE),
    "heat capacity of a sample": Kind("J/K", "heat capacity of sample and vessel", "4.2 J/K", low=_POSITIVE),
    "conductivity": Kind("W/m/K", "a thermal conductivity", "0.55 W/m/K", low=_POSITIVE),
    "electrical conductivity": Kind("S/m", "an electrical conductivity", "0.3 S/m", low=_POSITIVE),
    "heat transfer": Kind("W/m^2/K", "a heat-transfer coefficient", "10 W/m^2/K", low=_POSITIVE),
    "slp": Kind("W/kg", "a loss per mass", "250 W/g", low=_POSITIVE),
    "magnetization": Kind("A/m", "a magnetization", "446 kA/m", (("T", 1.0 / MU0_T_M_A),), low=_POSITIVE),
    "viscosity": Kind("Pa*s", "a viscosity", "1 mPa*s", low=_POSITIVE),
    "anisotropy": Kind("J/m^3", "an anisotropy constant", "11 kJ/m^3", low=_POSITIVE),
    "current": Kind("A", "a current times turns, negative to turn it round", "1e4 A"),
    "field rate": Kind(
        "A/m/s", "a field strength times frequency", "5e9 A/m/s", (("T/s", 1.0 / MU0_T_M_A),), low=_POSITIVE
    ),
    "field rate times length": Kind("A/s", "field strength times frequency times radius", "7e7 A/s", low=_POSITIVE),
    "field times length": Kind("T*m", "a field times radius", "0.5 mT*m", low=_POSITIVE),
    "specific power": Kind("W/kg", "a power per mass of tissue", "4 W/kg", low=_POSITIVE),
    "blood flow": Kind("m^3/s", "a volume of blood per time", "0.5 mL/min", low=_POSITIVE),
    "volume": Kind("m^3", "a volume", "2 mL", low=_POSITIVE),
    "power": Kind("W", "a power", "0.2 W", low=_POSITIVE),
    "fraction": Kind("", "a fraction", '"70 %"', low=_POSITIVE),
}

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})(\s*[^\d\s+.-].*|\s+1\s*/.*|\s*)")
_VECTOR = re.compile(rf"\s*({_NUMBER})[\s,]+({_NUMBER})[\s,]+({_NUMBER})\s*([^\d\s+.,-][^,]*|)")
_SAFE_UNIT = re.compile(r"(?:1\s*/)?(?:[A-Za-z*/ ()]|(?<=[A-Za-z])(?:\^|\*\*)-?\d(?!\d))*")
_SPELLINGS = {
    "²": "^2",
    "³": "^3",
    "⁻¹": "^-1",
    "µ": "u",
    "μ": "u",
    "·": "*",
    "°C": "degC",
    "℃": "degC",
    "Ω": "Ohm",
    "%": "percent",
    "100 g": "hectogram",
    "100g": "hectogram",
}
_AXES = {
    "R": (1.0, 0.0, 0.0),
    "A": (0.0, 1.0, 0.0),
    "S": (0.0, 0.0, 1.0),
    "L": (-1.0, 0.0, 0.0),
    "P": (0.0, -1.0, 0.0),
    "I": (0.0, 0.0, -1.0),
}


class NotAQuantity(ValueError):
    """The text is not what was expected; the message has no file or key yet."""


def expectation(kind: str, example: str | None = None) -> str:
    """``expected a frequency, such as "354 kHz"``."""
    k = KINDS[kind]
    return f'expected {k.words}, such as "{(example or k.example).strip(chr(34))}"'


def parse(text: object, kind: str, *, example: str | None = None) -> float:
    """SI value of ``text``; raises ``NotAQuantity`` with the remedy."""
    k = KINDS[kind]
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise NotAQuantity(expectation(kind, example))
    value = _to_si(float(match[1]), match[2], k)
    if value is None:
        raise NotAQuantity(expectation(kind, example))
    if not math.isfinite(value):
        raise NotAQuantity(f"{expectation(kind, example)}; this number is too large")
    if value < k.low:
        raise NotAQuantity(f"{expectation(kind, example)}; not less than {k.low:g} {k.si}".rstrip())
    return value


def quantity(text: object, kind: str, where: str = "") -> float:
    """SI value of ``text``, a string such as ``"354 kHz"``.

    Parameters
    ----------
    kind
        A key of ``KINDS``, or an SI unit that one of them has (``"T"``).
    where
        File and key, ``"mouse.toml: device.frequency"``, for the message.
    """
    name = kind if kind in KINDS else next((n for n, k in KINDS.items() if k.si == kind), "")
    if not name:
        raise KeyError(f"unknown kind of quantity {kind!r}; known: {', '.join(KINDS)}")
    try:
        return parse(text, name)
    except NotAQuantity as problem:
        raise InputError(f"{where} = {toml_text(text)}: {problem}".lstrip(" =")) from None


def vector(text: object, kind: str = "length") -> tuple[float, float, float]:
    """Three numbers with one unit, ``"4.1 -2.0 31.5 mm"``; SI, any sign."""
    example = f"4.1 -2.0 31.5 {KINDS[kind].example.split()[-1]}"
    match = _VECTOR.fullmatch(text) if isinstance(text, str) else None
    if match is not None:
        x, y, z = (_to_si(float(match[i]), match[4], KINDS[kind]) for i in (1, 2, 3))
        if x is not None and y is not None and z is not None and all(map(math.isfinite, (x, y, z))):
            return x, y, z
    raise NotAQuantity(f'expected three numbers and a unit of length, such as "{example}"')


def direction(text: object) -> tuple[float, float, float]:
    """``"S"`` or another anatomical letter, or ``"0 -1 0"``; unit length, RAS."""
    if isinstance(text, str) and text.strip() in _AXES:
        return _AXES[text.strip()]
    match = _VECTOR.fullmatch(text) if isinstance(text, str) else None
    if match and not match[4]:
        x, y, z = (float(match[i]) for i in (1, 2, 3))
        length = math.sqrt(x * x + y * y + z * z)
        if 0.0 < length < math.inf:
            return x / length, y / length, z / length
    raise NotAQuantity('expected a direction: one of R L A P S I, or a vector such as "0 -1 0"')


def tensor(text: object) -> tuple[tuple[float, ...], ...]:
    """Nine numbers with one unit of gradient, row by row, ``"-1 0 0; 0 -1 0; 0 0 2 T/m"``; SI."""
    rows = text.split(";") if isinstance(text, str) else []
    unit = _VECTOR.fullmatch(rows[-1]) if len(rows) == 3 else None
    try:
        if unit is None or not unit[4].strip():
            raise NotAQuantity
        return tuple(vector(f"{row} {unit[4]}" if i < 2 else row, "gradient") for i, row in enumerate(rows))
    except NotAQuantity:
        raise NotAQuantity(
            'expected three rows of three numbers and a unit, such as "-1 0 0; 0 -1 0; 0 0 2 T/m"'
        ) from None


@dataclass(frozen=True, slots=True)
class Perfusion:
    """Blood flow as it was written: per tissue volume, per tissue mass, or as a heat sink."""

    value: float
    per: str  # "1/s" of tissue volume, "m^3/s/kg" of tissue mass, "kg/m^3/s" of blood, "W/m^3/K"

    def sink_w_m3_k(self, *, density_kg_m3: float, blood_kg_m3: float, blood_j_kg_k: float) -> float:
        """Heat sink per volume and kelvin, from the density of the tissue, density and heat of blood."""
        flow = blood_kg_m3 * blood_j_kg_k
        factor = {"W/m^3/K": 1.0, "kg/m^3/s": blood_j_kg_k, "1/s": flow, "m^3/s/kg": density_kg_m3 * flow}
        return self.value * factor[self.per]


@dataclass(frozen=True, slots=True)
class MetabolicHeat:
    """Metabolic heat as it was written: per volume or per mass of tissue."""

    value: float
    per: str  # "W/m^3" or "W/kg"

    def heat_w_m3(self, density_kg_m3: float) -> float:
        return self.value * (density_kg_m3 if self.per == "W/kg" else 1.0)


def perfusion(text: object) -> Perfusion:
    """``"300 mL/min/kg"``, ``"0.005 1/s"``, ``"5 kg/m^3/s"`` or ``"1e4 W/m^3/K"``."""
    words = 'a perfusion, such as "300 mL/min/kg", "0.005 1/s" or "1e4 W/m^3/K"'
    return Perfusion(*_one_of(text, ("W/m^3/K", "m^3/s/kg", "kg/m^3/s", "1/s"), words))


def metabolic_heat(text: object) -> MetabolicHeat:
    """``"700 W/m^3"`` or ``"0.7 W/kg"``."""
    words = 'metabolic heat, such as "700 W/m^3" or "0.7 W/kg"'
    return MetabolicHeat(*_one_of(text, ("W/m^3", "W/kg"), words))


def iron_factor(unit: object) -> float:
    """kg/m3 of iron for one ``unit`` of concentration, ``"mg/mL"`` or ``"mmol/L"``."""
    try:
        return parse(f"1 {unit}" if isinstance(unit, str) else unit, "iron concentration")
    except NotAQuantity:
        raise NotAQuantity('expected a unit of iron concentration, such as "mg/mL" or "mmol/L"') from None


def length_factor(unit: object) -> float:
    """Metres for one ``unit`` of length."""
    try:
        return parse(f"1 {unit}" if isinstance(unit, str) else unit, "length")
    except NotAQuantity:
        raise NotAQuantity('expected a unit of length, such as "mm"') from None


def toml_text(value: object) -> str:
    """A value as TOML would write it, cut to one line."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.lower() if isinstance(value, bool) else " ".join(text.split())
    return text if len(text) <= 80 else text[:76] + " ..."


def _one_of(text: object, units: tuple[str, ...], words: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NotAQuantity(f"expected {words}")
    for unit in units:
        value = _to_si(float(match[1]), match[2], Kind(unit, "", ""))
        if value is not None and 0.0 <= value < math.inf:
            return value, unit
        if value is not None:
            raise NotAQuantity(
                f"expected {words}; not less than 0" if value < 0.0 else f"expected {words}; this number is too large"
            )
    raise NotAQuantity(f"expected {words}")


def _to_si(number: float, unit: str, kind: Kind) -> float | None:
    """``number`` of ``unit`` in SI, or None where the unit is of another kind or unknown."""
    source = _unit(unit)
    if source is None:
        return None
    for target, factor in ((kind.si, 1.0), *kind.also):
        ours = _unit(target)
        if ours is not None and source.dimensionality == ours.dimensionality and _same_nature(source, ours):
            value = factor * float(_registry().Quantity(number, source).to(ours).magnitude)
            return float(f"{value:.15g}")  # "13 mT" is 0.013, not 0.013000000000000001
    return None


def _same_nature(source: pint.Unit, target: pint.Unit) -> bool:
    """Offset temperatures only where one is due: a kelvin in a coefficient is a difference."""
    return str(target) == "degree_Celsius" or "degree_Celsius" not in str(source)


@lru_cache(maxsize=512)
def _unit(text: str) -> pint.Unit | None:
    """The unit, None when unknown; only what ``_SAFE_UNIT`` lets through reaches pint's evaluator."""
    import pint

    clean = re.sub(r"(?<=g)\s*\(?Fe\)?(?![A-Za-z])", "", text)
    for old, new in _SPELLINGS.items():
        clean = clean.replace(old, new)
    clean = clean.strip().removeprefix("1").strip()
    clean = f"dimensionless{clean}" if clean.startswith("/") else clean
    if len(clean) > 40 or not _SAFE_UNIT.fullmatch(clean):
        return None
    try:
        return _registry().Unit(clean)
    except (
        pint.PintError,
        TokenError,
        SyntaxError,
        ArithmeticError,
        LookupError,
        AttributeError,
        AssertionError,
        TypeError,
        ValueError,
    ):
        return None


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[float]:
    """A registry of the units that this field writes; a hundred times quicker than pint's whole table."""
    import pint

    registry = pint.UnitRegistry(None, autoconvert_offset_to_baseunit=True)
    registry.load_definitions(_DEFINITIONS)
    return registry
