"""The table of a label volume: which label is which region, made of which tissue."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from .images import existing

_COLUMNS = ("label", "region", "tissue")


class Label(NamedTuple):
    region: str
    tissue: str


def read_label_table(path: Path | str) -> dict[int, Label]:
    """``label,region,tissue`` rows as ``{label: (region, tissue)}``; further columns are left alone.

    Label 0 is outside the body and needs no row. Several labels may make one region, of one tissue.
    """
    path = existing(path)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            lines = (line for line in stream if not line.startswith("#"))
            reader = csv.DictReader(lines, skipinitialspace=True)
            header, rows = [name.strip() for name in reader.fieldnames or []], list(reader)
        except (csv.Error, UnicodeDecodeError) as problem:
            raise InputError(f"{path.name}: cannot be read as CSV: {problem}") from problem
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        have = ", ".join(header) or "none"
        raise InputError(f"{path.name}: has columns {have}; expected label,region,tissue")
    table: dict[int, Label] = {}
    complaints = list(_fill(table, rows, path.name))
    if complaints or not table:
        raise InputError(complaints or f"{path.name}: no label; expected rows such as 3,liver,liver")
    return table


def regions_of(table: Mapping[int, Label | tuple[str, str]]) -> dict[str, str]:
    """``{region: tissue}`` in the order of the table."""
    return dict(table.values())


def _fill(table: dict[int, Label], rows: list[dict[str, str]], name: str) -> Iterator[str]:
    tissue_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        label, region, tissue = ((row.get(key) or "").strip() for key in _COLUMNS)
        where = f"{name}: row {number}"
        try:
            value = int(label)
        except ValueError:
            yield f'{where}: label = "{label}": expected a whole number, such as 3'
            continue
        if value < 1:
            yield f"{where}: label = {value}: expected 1 or more; 0 is outside the body"
        elif value in table:
            yield f"{where}: label = {value}: used twice"
        elif not region or not tissue:
            yield f'{where}: {"tissue" if region else "region"}: missing: expected a name, such as "liver"'
        elif tissue_of.setdefault(region, tissue) != tissue:
            yield f'{where}: tissue = "{tissue}": region {region} is made of {tissue_of[region]} already'
        else:
            table[value] = Label(region, tissue)
