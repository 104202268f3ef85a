"""Tables of the numbers of plan.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.run.result_tables import write_rows, write_tables
from ..report.formats import at

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

_GOALS = ("kind", "region", "metric", "sense", "bound", "value", "unit", "met", "margin", "default", "source")
_COMMENTED = ("trajectory.csv", "machine.csv", "test-shot.csv")
_COURSES = ("t90_c", "t50_c", "t10_c", "t_max_c")


def export_csv(run: Path, plan: PlanRecord, folder: Path) -> list[Path]:
    """Write the tables of the run folder, without comments, and goals, courses of regions, parameters and the path."""
    write_tables(folder, plan)
    history = at(plan, "history.regions", {})
    tables = {
        "goals": (at(plan, "goals", []), _GOALS),
        "history": (_history_rows(plan), ["time_s", *(f"{name} {key}" for name in history for key in _COURSES)]),
        "parameters": (at(plan, "parameters", []), ("name", "value", "unit", "source")),
        "path": (_position_rows(plan), ("R_mm", "A_mm", "S_mm", "share")),
        "alternatives": (at(plan, "alternatives", []), ("name", "t90_c", "cem43t90_min", "core_c", "limits_broken")),
    }
    for name, (rows, columns) in tables.items():
        write_rows(
            folder / f"{name}.csv", ({key: _join_list(row.get(key)) for key in columns} for row in rows), list(columns)
        )
    plain = [_write_without_comments(run / name, folder / name) for name in _COMMENTED if (run / name).is_file()]
    return [*(folder / f"{name}.csv" for name in ("dose", "tvh", "probes", "expected", *tables)), *plain]


def _write_without_comments(source: Path, target: Path) -> Path:
    """Table of a machine without the lines that say which it is for: any reader of CSV takes it as it is."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    target.write_text("".join(line for line in lines if not line.startswith("#")), encoding="utf-8", newline="\n")
    return target


def _history_rows(plan: PlanRecord) -> Iterator[dict[str, object]]:
    """A row a time, a column a region and statistic."""
    history = at(plan, "history.regions", {})
    for k, time_s in enumerate(at(plan, "history.time_s", [])):
        yield {
            "time_s": time_s,
            **{f"{name} {key}": row[key][k] for name, row in history.items() for key in _COURSES if key in row},
        }


def _position_rows(plan: PlanRecord) -> Iterator[dict[str, object]]:
    for point, share in zip(at(plan, "trajectory.path_mm", []), at(plan, "trajectory.share", []), strict=False):
        yield {**dict(zip(("R_mm", "A_mm", "S_mm"), point, strict=True)), "share": share}


def _join_list(value: object) -> object:
    """Join a list into one cell."""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return value
