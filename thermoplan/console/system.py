"""The installation itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from .base import stdout, table_of


def show_findings(record: Mapping[str, Any]) -> None:
    """What is installed and what is missing, with the remedy."""
    table = table_of("part", "version", "", "remedy")
    for row in record["findings"]:
        table.add_row(escape(row["part"]), row["version"] or "-", "ok" if row["ok"] else "[red]missing[/red]",
                      escape(row["remedy"] or ""))
    stdout().print(table)


def show_validation(record: Mapping[str, Any]) -> None:
    """Published values beside ours."""
    table = table_of("value", "published", "ours", "tolerance", "", "source")
    for row in record["rows"]:
        verdict = "ok" if row["ok"] else "[red]off[/red]"
        table.add_row(escape(row["name"]), f"{row['published']:.6g}", f"{row['value']:.6g}",
                      f"{row['tolerance']:.2g}", verdict, escape(row["source"]))
    stdout().print(table)
