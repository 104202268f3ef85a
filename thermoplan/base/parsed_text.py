"""TOML and JSON of strangers: nesting without end and numbers of thousands of digits are complaints like others."""

from __future__ import annotations

import json
import math
import tomllib
from typing import Any

from .errors import InputError

_DEEP = "it is nested too deeply"
_MOST_DIGITS = 300
"""Digits of a whole number at most: a float has 308 before the point."""
_SHOWN = 20
_LONG = "it holds a number of too many digits"


def parse_toml(text: str, name: str) -> dict[str, object]:
    """Content of a TOML text; complaints name the file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        reason = str(problem)
    except RecursionError:
        reason = _DEEP
    except ValueError:  # of Python's own limit
        reason = _LONG
    raise InputError(f"{name}: cannot be read as TOML: {reason}")


def parse_json(text: str, name: str, remedy: str) -> Any:
    """Content of a JSON text, which has no NaN and no infinity; complaints name the file."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_short)
    except json.JSONDecodeError as problem:
        reason = str(problem)
    except RecursionError:
        reason = _DEEP
    except ValueError as problem:
        reason = str(problem) if str(problem).startswith("it holds") else _LONG
    raise InputError(f"{name}: cannot be read as JSON: {reason}; {remedy}")


def _refuse(word: str) -> float:
    raise ValueError(f"it holds {word[:_SHOWN]}, which is no finite number")


def _finite(word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _refuse(word)


def _short(word: str) -> int:
    """A whole number that is a float too."""
    return int(word) if len(word) < _MOST_DIGITS else int(_refuse(word))
