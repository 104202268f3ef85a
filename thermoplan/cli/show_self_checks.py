"""The installation itself."""

from __future__ import annotations

from rich.markup import escape

from ..base.installation import FindingsAnswer
from ..validate.validation_row import ValidationRecord
from .show_common import stdout, table_of


def show_findings(record: FindingsAnswer) -> None:
    """Print the parts that are installed and those that are missing, with the remedy."""
    table = table_of("part", "version", "", "remedy")
    for row in record["findings"]:
        table.add_row(
            escape(row["part"]),
            row["version"] or "-",
            "ok" if row["ok"] else "[red]missing[/red]",
            escape(row["remedy"] or ""),
        )
    stdout().print(table)


def show_validation(record: ValidationRecord) -> None:
    """Published values beside ours, and how many of them hold."""
    table = table_of("what", "expected", "ours", "error", "bound", "", "source")
    for row in record["rows"]:
        verdict = ("ok" if row["ok"] else "[red]off[/red]") if row["counts"] else "not counted"
        table.add_row(
            escape(row["name"]),
            f"{row['published']:.7g}",
            f"{row['value']:.7g}",
            f"{row['error']:.1e}",
            row["bound"],
            verdict,
            escape(row["source"]),
        )
    stdout().print(table)
    counted = [row for row in record["rows"] if row["counts"]]
    stdout().print(f"{sum(row['ok'] for row in counted)} of {len(counted)} hold.")
