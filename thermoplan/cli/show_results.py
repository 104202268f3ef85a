"""Output of the verbs on a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from .show_common import dose, number, show_written, stdout, table_of


def show_comparison(record: Mapping[str, Any]) -> None:
    """Two runs beside each other: goals, organs, what was different, and where the maps differ most."""
    out = stdout()
    for letter in "ab":
        side = record[letter]
        out.print(
            f"[bold]{letter.upper()}[/bold] {escape(str(side['name']))}, {side['status']}: {escape(side['run'])}",
            soft_wrap=True,
        )
    _goals(record)
    _organs(record)
    _numbers(record)
    for name, found in record["maps"].items():
        if found["highest"] is not None:
            out.print(
                f"{name}: B - A from {_at(found['lowest'])} to {_at(found['highest'])}, {found['unit']}", soft_wrap=True
            )
    changed = [f"{row['file']} ({row['state']})" for row in record["inputs"] if row["state"] != "same"]
    if changed:
        out.print(f"input files: {escape(', '.join(changed))}", soft_wrap=True)
    if "files" in record:
        show_written(record)


def _goals(record: Mapping[str, Any]) -> None:
    table = table_of("goal or limit", "bound", "A", "B", "B - A", title="Goals and limits")
    for row in record["goals"]:
        write = dose if row["unit"] == "min" else number
        bounds = dict.fromkeys(write(row[f"bound_{k}"]) for k in "ab" if row[f"bound_{k}"] is not None)
        sign = ">=" if row["sense"] == "at_least" else "<="
        values = [write(row[k]) + {True: "", False: " missed", None: ""}[row[f"met_{k}"]] for k in "ab"]
        table.add_row(
            escape(f"{row['region']} {row['metric']}"),
            f"{sign} {' or '.join(bounds)}",
            *values,
            _change(row["difference"]),
        )
    if table.row_count:
        stdout().print(table)


def _organs(record: Mapping[str, Any]) -> None:
    table = table_of("region", "T90 A", "B", "B - A", "peak A", "B", "B - A", "CEM43T90 A", "B", title="Organs")
    for name, row in record["organs"].items():
        cells = []
        for key in ("t90_c", "t_peak_c"):
            cells += [number(row[key]["a"]), number(row[key]["b"]), _change(row[key]["difference"])]
        table.add_row(escape(name), *cells, *(dose(row["cem43t90_min"][k]) for k in "ab"))
    stdout().print(table)


def _numbers(record: Mapping[str, Any]) -> None:
    """Only what is not the same."""
    table = table_of("what differs", "A", "B", title="Machine, tracer and parameters")
    for row in [*record["numbers"], *record["parameters"]]:
        if _plain(row["a"]) != _plain(row["b"]):
            unit = f", {row['unit']}" if row["unit"] else ""
            table.add_row(escape(f"{row['name']}{unit}"), *(_plain(row[k]) for k in "ab"))
    if table.row_count:
        stdout().print(table)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else escape(str(value))


def _change(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2g}" if abs(value) < 0.1 else f"{value:+.1f}"


def _at(extreme: Mapping[str, Any]) -> str:
    place = " ".join(f"{v:.1f}" for v in extreme["position_mm"])
    return f"{extreme['difference']:.3g} (at {place} mm)"
