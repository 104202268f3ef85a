"""Output of the verbs on a run folder."""

from __future__ import annotations

from rich.markup import escape

from ..compare.comparison import Comparison, ExtremeRecord, Value
from .show_common import dose, number, show_written, stdout, table_of


def show_comparison(record: Comparison) -> None:
    """Two runs beside each other: goals, organs, what was different, and where the maps differ most."""
    out = stdout()
    for letter, side in (("A", record["a"]), ("B", record["b"])):
        out.print(
            f"[bold]{letter}[/bold] {escape(str(side['name']))}, {side['status']}: {escape(side['run'])}",
            soft_wrap=True,
        )
    _goals(record)
    _organs(record)
    _numbers(record)
    for name, found in record["maps"].items():
        if found["highest"] is not None and found["lowest"] is not None:
            out.print(
                f"{name}: B - A from {_at(found['lowest'])} to {_at(found['highest'])}, {found['unit']}", soft_wrap=True
            )
    changed = [f"{row['file']} ({row['state']})" for row in record["inputs"] if row["state"] != "same"]
    if changed:
        out.print(f"input files: {escape(', '.join(changed))}", soft_wrap=True)
    if "files" in record:
        show_written({"files": record["files"]})


def _goals(record: Comparison) -> None:
    table = table_of("goal or limit", "bound", "A", "B", "B - A", title="Goals and limits")
    for row in record["goals"]:
        write = dose if row["unit"] == "min" else number
        bounds = dict.fromkeys(write(bound) for bound in (row["bound_a"], row["bound_b"]) if bound is not None)
        sign = ">=" if row["sense"] == "at_least" else "<="
        sides = ((row["a"], row["met_a"]), (row["b"], row["met_b"]))
        values = [write(_number(value)) + (" missed" if met is False else "") for value, met in sides]
        table.add_row(
            escape(f"{row['region']} {row['metric']}"),
            f"{sign} {' or '.join(bounds)}",
            *values,
            _change(row["difference"]),
        )
    if table.row_count:
        stdout().print(table)


def _organs(record: Comparison) -> None:
    table = table_of("region", "T90 A", "B", "B - A", "peak A", "B", "B - A", "CEM43T90 A", "B", title="Organs")
    for name, row in record["organs"].items():
        cells = []
        for key in ("t90_c", "t_peak_c"):
            pair = row[key]
            cells += [number(_number(pair["a"])), number(_number(pair["b"])), _change(pair["difference"])]
        doses = row["cem43t90_min"]
        table.add_row(escape(name), *cells, *(dose(_number(value)) for value in (doses["a"], doses["b"])))
    stdout().print(table)


def _numbers(record: Comparison) -> None:
    """Only what is not the same."""
    table = table_of("what differs", "A", "B", title="Machine, tracer and parameters")
    for row in [*record["numbers"], *record["parameters"]]:
        if _plain(row["a"]) != _plain(row["b"]):
            unit = f", {row['unit']}" if row["unit"] else ""
            table.add_row(escape(f"{row['name']}{unit}"), _plain(row["a"]), _plain(row["b"]))
    if table.row_count:
        stdout().print(table)


def _number(value: Value) -> float | None:
    """``value`` where it is a number."""
    return value if isinstance(value, int | float) else None


def _plain(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else escape(str(value))


def _change(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2g}" if abs(value) < 0.1 else f"{value:+.1f}"


def _at(extreme: ExtremeRecord) -> str:
    place = " ".join(f"{v:.1f}" for v in extreme["position_mm"])
    return f"{extreme['difference']:.3g} (at {place} mm)"
