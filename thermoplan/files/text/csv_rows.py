"""Rows of CSV by the names of their columns; a table whose shape is in doubt is refused.

A row taken by name without a look at its shape gives wrong numbers in silence: a decimal comma parts a number in
two and moves every cell behind it by one, and of two columns of one name only the last is seen.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from .text_files import read_text

MOST_COMPLAINTS = 10
"""Complaints of one table that are shown: a column that is wrong is wrong in every row."""
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of text by column, as many cells in each as there are columns; comments without their ``#``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    comments: tuple[str, ...]

    def require(self, needed: Sequence[str], expected: str) -> None:
        """Refuse a table that lacks one of the ``needed`` columns."""
        missing = [name for name in needed if name not in self.columns]
        if missing:
            have = ", ".join(self.columns) or "none"
            raise InputError(f"{self.name}: has no column {', '.join(missing)}; expected {expected}; it has {have}")


def read_csv(path: Path | str) -> CsvRows:
    """The table of a file: its first line names the columns; lines that start with ``#`` are comments."""
    return parse_csv(read_text(path), Path(path).name)


def parse_csv(text: str, name: str) -> CsvRows:
    """The table of a text; every fault of its shape at once."""
    lines = text.split("\n")
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        head, *rows = list(csv.reader(told, skipinitialspace=True, strict=True)) or [[]]
    except csv.Error as problem:
        raise InputError(f"{name}: cannot be read as CSV: {problem}") from problem
    columns = tuple(cell.strip() for cell in head)
    refuse_faults([*_head_faults(columns, told, name)], name)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    named = columns
    while named and not named[-1]:  # commas that a spreadsheet adds at the end of each line, of names and of cells
        named = named[:-1]
    rows = [_without_padding(row, len(named), len(columns)) for row in rows]
    refuse_faults([*_row_faults(named, rows, name)], name)
    return CsvRows(name, named, tuple(dict(zip(named, row, strict=True)) for row in rows), comments)


def _without_padding(row: list[str], named: int, padded: int) -> list[str]:
    """The row without empty cells under columns that have no name; cells beyond all columns stay, to be refused."""
    return row[:named] if len(row) == padded and not any(cell.strip() for cell in row[named:]) else row


def refuse_faults(complaints: Sequence[str], name: str) -> None:
    """Refuse a table with complaints; the first ones are shown."""
    if complaints:
        more = len(complaints) - MOST_COMPLAINTS
        raise InputError([*complaints[:MOST_COMPLAINTS], *([f"{name}: and {more} more"] if more > 0 else [])])


def number(text: str | None) -> float:
    """A finite number, or NaN where the text is none."""
    value = float(text) if text is not None and _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else math.nan


def number_fault(where: str, column: str, text: str | None, wanted: str = "a number") -> str:
    """Complaint about a cell that holds no number; a decimal comma is named."""
    said = f'{where}, {column} = "{(text or "").strip()}": expected {wanted}'
    if text and _DECIMAL_COMMA.fullmatch(text):
        return f"{said}, with a point for the decimal comma: {text.strip().replace(',', '.')}"
    return said


def _head_faults(columns: tuple[str, ...], told: list[str], name: str) -> Iterator[str]:
    other = next((mark for mark in _OTHER_SEPARATORS if told and mark in told[0]), None)
    if len(columns) == 1 and other:
        yield (
            f"{name}: its columns are parted by {_OTHER_SEPARATORS[other]}: {told[0].strip()}; expected commas between "
            "columns, and points, not decimal commas, in numbers"
        )
    for column, count in Counter(columns).items():
        if column and count > 1:
            yield (
                f"{name}: has {count} columns {column}: which one counts cannot be known; rename or delete "
                f"{'one' if count == 2 else 'all but one'}"
            )


def _row_faults(columns: tuple[str, ...], rows: list[list[str]], name: str) -> Iterator[str]:
    for count, row in enumerate(rows, start=1):
        where = f"{name}: row {count} has {len(row)} cells"
        if len(row) < len(columns):
            yield f"{where}, {len(columns)} columns are named: no cell for {columns[len(row)]}"
        elif len(row) > len(columns):
            yield f"{where}, {len(columns)} columns are named ({', '.join(columns)}){_doubt(columns, row)}"


def _doubt(columns: tuple[str, ...], row: list[str]) -> str:
    """Remedy for a row of too many cells: decimal commas, where they can have parted numbers, or a comma in a text."""
    parts = [cell.strip() for cell in row]
    once: dict[int, Sequence[Sequence[str]]] = {
        len(columns) + 1: list(itertools.pairwise(parts)),
        2 * len(columns): list(itertools.batched(parts, 2)),
    }
    pairs = zip(columns, once.get(len(row), ()), strict=False)
    found = [f'{column} = "{whole},{part}"' for column, (whole, part) in pairs if _joins_to_number(whole, part)]
    if found:
        return f": decimal commas ({' or '.join(found)})? write numbers with a point"
    if any(_joins_to_number(*pair) for pair in itertools.pairwise(parts)):
        return ": decimal commas? write numbers with a point"
    return f': "{parts[len(columns)]}" belongs to none; put a cell that holds a comma in quotes'


def _joins_to_number(whole: str, part: str) -> bool:
    """True if a decimal comma between two cells would make them one number."""
    return bool(re.fullmatch(r"[+-]?\d+", whole, re.ASCII) and re.fullmatch(r"\d+", part, re.ASCII))
