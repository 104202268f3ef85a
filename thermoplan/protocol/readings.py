"""Compound values of a protocol file: text, lists and tables in, data in SI out."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise

from ..anatomy.tissue import BLOOD_J_KG_K, BLOOD_KG_M3, PERFUSION_LAWS
from ..base import units
from ..base.errors import InputError
from ..base.names import name_fault
from ..base.units import MetabolicHeat, NotAQuantity
from ..base.units import Perfusion as Constant
from ..imaging.roi import EXAMPLES as ROI_EXAMPLES
from ..imaging.roi import roi_rule
from .protocol import PerfusionCourse
from .spans import HIGHEST_METABOLIC_W_M3, HIGHEST_SINK_W_M3_K, SPANS, refuse_outside

MOST_AMPERES = 1e8
"""Ampere-turns of a coil at most: no resistive or superconducting coil has more; our choice."""


def read_name(value: object) -> str:
    """A name of a run, a region, a probe or a vessel."""
    if not isinstance(value, str):
        raise NotAQuantity("expected text in quotes")
    if not value:
        raise NotAQuantity("expected a text that is not empty")
    if fault := name_fault(value):
        raise NotAQuantity(fault)
    return value


def read_names(value: object) -> tuple[str, ...]:
    """One name or several, each once."""
    names = _texts(value)
    if not names or not all(name.strip() for name in names):
        raise NotAQuantity('expected a name or a list of names, such as "tumour" or ["liver", "spleen"]')
    return tuple(dict.fromkeys(names))


def read_one_or_two(value: object) -> tuple[str, ...]:
    """A file of pairs, or two files of points."""
    names = _texts(value)
    if not all(names) or len(names) not in (1, 2):
        raise NotAQuantity(
            'expected a file of pairs, such as "pairs.csv", or two files of named points, the image\'s '
            'first, such as ["mpi.fcsv", "anatomy.fcsv"]'
        )
    return names


def _texts(value: object) -> tuple[str, ...]:
    """A text or a list of texts; empty where it is anything else."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        return ()
    return tuple(parts)


def read_sphere(value: object) -> tuple[tuple[float, float, float], float]:
    """Centre (RAS, m) and radius in m of a text such as "4.1 -2.0 31.5 mm, 4 mm"."""
    centre, _, radius = value.rpartition(",") if isinstance(value, str) else ("", "", "")
    try:
        found = units.vector(centre), units.parse(radius, "length")
    except NotAQuantity:
        found = None
    if found is None or found[1] <= 0.0:
        raise NotAQuantity('expected centre and radius, such as "4.1 -2.0 31.5 mm, 4 mm"')
    refuse_outside(SPANS["place"], *found[0])
    SPANS["sphere"].read(radius)
    return found


def read_position(value: object) -> tuple[float, float, float]:
    """Position in RAS, m, of a text such as "4.1 -2.0 31.5 mm"."""
    found = units.vector(value)
    refuse_outside(SPANS["place"], *found)
    return found


def read_reach(value: object) -> float:
    """One distance along an axis, of either sign."""
    return read_position(f"0 0 {value}")[2]


def read_current(value: object) -> float:
    """Ampere-turns of a text such as "1e4 A", of any sign."""
    found = units.parse(value, "current")
    if abs(found) > MOST_AMPERES:
        raise NotAQuantity(f"{units.expectation('current')}; up to {MOST_AMPERES:g} A (our choice)")
    return found


def read_window(value: object) -> tuple[float, float]:
    """Start and end in s of a text such as "20 min to 30 min"."""
    start, _, end = value.partition(" to ") if isinstance(value, str) else ("", "", "")
    try:
        found = units.parse(start, "time"), units.parse(end, "time")
    except NotAQuantity:
        found = (0.0, 0.0)
    if found[1] <= found[0]:
        raise NotAQuantity('expected a start and a later end, such as "20 min to 30 min"')
    refuse_outside(SPANS["window"], *found)
    return found


def read_shell(value: object) -> tuple[float, float]:
    """Distances from a region's surface, m, negative inside."""
    text = value.strip() if isinstance(value, str) else ""
    start, _, end = text.removeprefix("deeper than ").rpartition(" to ")
    deep = text.startswith("deeper than ")
    try:
        low, high = (units.vector(f"0 0 {part}")[2] for part in (start or "0 mm", end))
    except NotAQuantity:
        low, high = 0.0, 0.0
    refuse_outside(SPANS["margin"], low, high)
    if deep and high > 0.0 and not start:
        return -float("inf"), -high
    if high <= low:
        raise NotAQuantity(
            'expected distances from the surface, such as "3 mm", "3 mm to 6 mm", "-1 mm to 0 mm" for a '
            'rind inside, or "deeper than 1 mm"'
        )
    return low, high


def read_percent(value: object) -> float:
    """A part of a volume, "90 %" -> 90.0."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        found = float(text.removesuffix("%")) if text.endswith("%") else -1.0
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 100.0:
        raise NotAQuantity('expected a part of the volume, such as "90 %"')
    return found


def read_roi(value: object) -> str:
    """A rule for a region of interest, in its own words."""
    try:
        return str(roi_rule(value)) if isinstance(value, str) else ""
    except InputError:
        raise NotAQuantity(
            "expected a rule for a region of interest, such as " + ", ".join(f'"{words}"' for words in ROI_EXAMPLES)
        ) from None


def read_uncertainty(value: object) -> float:
    """Relative standard uncertainty, between 0 and 1, of a text such as "6 %"."""
    found = units.parse(value, "fraction", example="6 %")
    if not 0.0 < found < 1.0:
        raise NotAQuantity('expected a relative standard uncertainty between 0 and 100 %, such as "6 %"')
    return found


def read_when(value: object) -> datetime:
    """Date and time of a TOML date or of a text such as "2026-05-04 10:30"; of a date its midnight."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)
    if not isinstance(found, datetime):
        raise NotAQuantity('expected a date and time, such as "2026-05-04 10:30"')
    return found


def read_perfusion(value: object) -> Constant | PerfusionCourse:
    """A number with a unit, a law by name, or a table ``{ law, rest }`` or ``{ temperature, perfusion }``."""
    if isinstance(value, str) and value and not any(c.isdigit() for c in value):
        return PerfusionCourse(read_law(value))
    if not isinstance(value, dict):
        return read_constant(value)
    if "law" in value and value.keys() <= {"law", "rest"}:
        return PerfusionCourse(read_law(value["law"]), read_constant(value["rest"]) if "rest" in value else None)
    if value.keys() == {"temperature", "perfusion"}:
        return read_perfusion_table(value["temperature"], value["perfusion"])
    raise NotAQuantity(
        'expected law and rest, such as { law = "lang-tumour", rest = "1e4 W/m^3/K" }, or temperature '
        'and perfusion, such as { temperature = ["37 degC", "43 degC"], '
        'perfusion = ["1e4 W/m^3/K", "2e4 W/m^3/K"] }'
    )


def read_constant(value: object) -> Constant:
    """Constant perfusion of a text such as "300 mL/min/kg"."""
    found = units.perfusion(value)
    if found.sink_w_m3_k(density_kg_m3=1e3, blood_kg_m3=BLOOD_KG_M3, blood_j_kg_k=BLOOD_J_KG_K) > HIGHEST_SINK_W_M3_K:
        raise NotAQuantity(f'expected a perfusion, such as "300 mL/min/kg"; {HIGHEST_SINK_W_M3_K:g} W/m^3/K at most')
    return found


def read_metabolic(value: object) -> MetabolicHeat:
    """Metabolic heat of a text such as "700 W/m^3"."""
    found = units.metabolic_heat(value)
    if found.heat_w_m3(1e3) > HIGHEST_METABOLIC_W_M3:
        raise NotAQuantity(f'expected metabolic heat, such as "700 W/m^3"; {HIGHEST_METABOLIC_W_M3:g} W/m^3 at most')
    return found


def read_tensor(value: object) -> tuple[tuple[float, ...], ...]:
    """Gradient tensor, three rows in T/m in the machine's frame."""
    found = units.tensor(value)
    refuse_outside(SPANS["gradient"], *(part for row in found for part in row))
    return found


def read_law(name: object) -> str:
    """Name of a law of perfusion."""
    if name not in PERFUSION_LAWS:
        raise NotAQuantity(f'expected a perfusion, such as "300 mL/min/kg", or a law: {", ".join(PERFUSION_LAWS)}')
    return str(name)


def read_perfusion_table(temperatures: object, perfusions: object) -> PerfusionCourse:
    """Course of perfusion over rising temperatures, two or more of each."""
    if (
        not isinstance(temperatures, list)
        or not isinstance(perfusions, list)
        or len(temperatures) != len(perfusions)
        or len(temperatures) < 2
    ):
        raise NotAQuantity("expected as many perfusions as temperatures, two or more of each")
    degrees = tuple(units.parse(part, "temperature") for part in temperatures)
    if not all(SPANS["judged temperature"].within(t) for t in degrees):
        raise NotAQuantity(f"expected temperatures {SPANS['judged temperature'].words}")
    if any(b <= a for a, b in pairwise(degrees)):
        raise NotAQuantity("expected temperatures that rise")
    return PerfusionCourse(temperature_c=degrees, perfusion=tuple(read_constant(part) for part in perfusions))


def read_matrix(value: object) -> object:
    """Four rows of four numbers (RAS, mm), or the name of a file that holds them, as they were written."""
    rows = value if isinstance(value, list) else []
    good = len(rows) == 4 and all(isinstance(r, list) and len(r) == 4 for r in rows)
    if not isinstance(value, str) and not (good and all(isinstance(x, int | float) for r in rows for x in r)):
        raise NotAQuantity("expected four rows of four numbers (RAS, mm), or a file that holds them")
    if not isinstance(value, str):
        refuse_outside(SPANS["place"], *(1e-3 * row[3] for row in rows[:3]))
    return value
