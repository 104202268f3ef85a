"""Formats of numbers for a reader: a missing one is an en dash, a dose has two digits, more for a near miss."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from ..base.display import tell_apart

if TYPE_CHECKING:
    from ..files.run.plan_record import GoalRecord

NONE = "–"
UNITS = {"degC": "°C", "cm2": "cm²", "mm3": "mm³"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def at(record: object, path: str, default: Any = None) -> Any:
    """Entry of a JSON record at a dotted ``path``, or ``default`` where a step is missing or null."""
    for key in path.split("."):
        record = record.get(key) if isinstance(record, Mapping) else None
    return default if record is None else record


def usable(value: object) -> TypeGuard[float]:
    """True for a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def fixed_point(value: object, digits: int = 1, unit: str = "") -> str:
    """``value`` with ``digits`` decimals, a true minus sign, and its unit after a thin no-break space."""
    if not usable(value):
        return NONE
    words = f"{value:.{digits}f}".replace("-", "−")
    return f"{words}\u202f{unit}" if unit else words


def significant(value: object, digits: int = 3, unit: str = "") -> str:
    """``value`` with ``digits`` significant digits; powers of ten far from one are written out."""
    if not usable(value):
        return NONE
    if value == 0.0:
        words = "0"
    else:
        power = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
        if -4 < power < 6:
            words = f"{round(value, digits - 1 - power):.{max(digits - 1 - power, 0)}f}"
        else:
            words = f"{value / 10.0**power:.{digits - 1}f}\u00a0×\u00a010{str(power).translate(_RAISED)}"
    words = words.replace("-", "−")
    return f"{words}\u202f{unit}" if unit else words


def signed_change(value: object, digits: int = 2) -> str:
    """A change with its sign, to so many significant digits; what is below a hundredth is none."""
    if not usable(value):
        return NONE
    words = significant(value, digits) if abs(value) >= 0.01 else "0"
    return f"+{words}" if value >= 0.01 else words


def dose(value: object, unit: str = "", digits: int = 2) -> str:
    """CEM43 with two digits: below 0.01 it is only said to be below."""
    if usable(value) and 0.0 <= value < 0.01:
        return "<0.01" + (f"\u202f{unit}" if unit else "")
    return significant(value, digits, unit)


def temperature(value: object, unit: str = "°C") -> str:
    """A temperature with one decimal."""
    return fixed_point(value, 1, unit)


def metric(value: object, unit: str | None, *, bare: bool = False, more: int = 0) -> str:
    """A goal's value or bound, by its unit, with so many digits more than usual."""
    if unit == "min":
        return dose(value, "" if bare else "min", 2 + more)
    if unit in ("degC", "°C"):
        return fixed_point(value, 1 + more, "" if bare else "°C")
    return significant(value, 3 + more, "" if bare else unit_text(unit))


def reached_value(goal: GoalRecord) -> str:
    """Value of a goal; where it is missed, with as many digits as tell it from its bound."""
    value, bound, unit = goal.get("value"), goal.get("bound"), goal.get("unit")
    if goal.get("met") or not (usable(value) and usable(bound)):
        return metric(value, unit)
    return tell_apart(lambda x, more: metric(x, unit, more=more), value, bound)


def percent(value: object, digits: int = 0) -> str:
    """A share as a percentage."""
    return fixed_point(100.0 * value, digits, "%") if usable(value) else NONE


def watts(value: object) -> str:
    """A power, below one watt in milliwatts, as they occur in a mouse."""
    if not usable(value):
        return NONE
    if 0.0 < abs(value) < 5e-5:
        return "<0.1\u202fmW"
    digits = 1 if 0.0 < abs(value) < 0.01 else 0
    return significant(value, 3, "W") if abs(value) >= 1.0 else fixed_point(1e3 * value, digits, "mW")


def unit_text(unit: str | None) -> str:
    """A unit as it is printed: raised powers, and the degree sign."""
    return UNITS.get(unit or "") or re.sub(r"\^(-?\d+)", lambda power: power[1].translate(_RAISED), unit or "")


def plain(value: object) -> str:
    """A JSON value in a cell: numbers short, lists joined, nulls as a dash."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if usable(value):
        return group_thousands(value) if 1e4 <= abs(value) < 1e7 else f"{value:.4g}".replace("-", "−")
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(v) for v in value)
    return str(value)


def group_thousands(value: float) -> str:
    """A large number to four digits, in thousands set apart by thin spaces."""
    return f"{float(f'{value:.4g}'):,.0f}".replace(",", "\u202f").replace("-", "−")


def duration(seconds: object) -> str:
    """Seconds as a stage table shows them, minutes from two minutes on."""
    if not usable(seconds):
        return NONE
    return (
        fixed_point(seconds / 60.0, 1, "min") if seconds >= 120 else fixed_point(seconds, 1 if seconds < 10 else 0, "s")
    )


def moment(iso: object) -> str:
    """An ISO time to the minute."""
    words = str(iso or "")
    zone = " UTC" if words.endswith(("Z", "+00:00")) else words[19:]
    return words[:16].replace("T", " ") + zone if len(words) >= 16 else words
