"""Tables of numbers: CSV columns by name, every mistake named by row and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ..images.size_guard import existing

_MOST_COMPLAINTS = 10


def read_columns(path: Path | str, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Array]:
    """Columns of finite numbers by name; lines that start with ``#`` are comments."""
    path = existing(path)
    names, rows = read_rows(path)
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(f"{path.name}: has no column {', '.join(missing)}; expected {','.join(needed)}")
    if not rows:
        raise InputError(f"{path.name}: has no row")
    wanted = [*needed, *(name for name in optional if name in names)]
    complaints = list(_complaints(rows, wanted, path.name))
    if complaints:
        more = len(complaints) - _MOST_COMPLAINTS
        raise InputError(complaints[:_MOST_COMPLAINTS] + ([f"{path.name}: and {more} more"] if more > 0 else []))
    return {name: np.array([float(row[name]) for row in rows]) for name in wanted}


def read_rows(path: Path | str) -> tuple[list[str], list[dict[str, str]]]:
    """Names of the columns and rows of text; lines that start with ``#`` are comments."""
    path = existing(path)
    try:
        lines = [
            line
            for line in path.read_text(encoding="utf-8-sig").splitlines()
            if line.strip() and not line.startswith("#")
        ]
        reader = csv.DictReader(lines, skipinitialspace=True)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        return list(reader.fieldnames), list(reader)
    except (csv.Error, UnicodeDecodeError) as problem:
        raise InputError(f"{path.name}: cannot be read as CSV: {problem}") from problem


def number(text: str | None) -> float:
    """A finite number, or NaN where the text is none."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _complaints(rows: list[dict[str, str]], names: Sequence[str], where: str) -> Iterator[str]:
    for count, row in enumerate(rows, start=1):
        for name in names:
            if math.isnan(number(row.get(name))):
                yield f'{where}: row {count}, {name} = "{(row.get(name) or "").strip()}": expected a number'
