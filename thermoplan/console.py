"""What a person sees: progress on standard error, tables on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .progress import Listener

_GOOD, _BAD = "[green]met[/green]", "[bold red]missed[/bold red]"


def _out() -> Console:
    width = None if sys.stdout.isatty() else 110
    return Console(width=width, highlight=False, soft_wrap=False)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener that draws on standard error: a live line on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _plain
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("[dim]{task.fields[text]}"),
               TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None, text="")

        def listener(stage: str, fraction: float | None, text: str) -> None:
            bar.update(task, description=stage, text=text)
            if fraction == 1.0:
                bar.console.print(f"[dim]{escape(stage):<28} {escape(text)}")

        yield listener


def _plain(stage: str, fraction: float | None, text: str) -> None:
    if fraction == 1.0 or (fraction is None and text):
        print(f"{stage:<28} {text}", file=sys.stderr, flush=True)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def dose(value: float | None) -> str:
    """A thermal dose with two digits, because a third would be pretence."""
    if value is None:
        return "-"
    if value < 0.01:
        return "<0.01"
    return f"{float(f'{value:.2g}'):g}"


def show_run(record: Mapping[str, Any]) -> None:
    """Summary of a plan or a simulation: verdict, organs, goals, checks, warnings, files."""
    out = _out()
    quick = " (quick: coarse mesh)" if record.get("quick") else ""
    out.print(f"[bold]{escape(record['name'])}[/bold]{quick}: {escape(record['summary']['verdict'])}\n")
    out.print(_organ_table(record))
    out.print(_goal_table(record))
    checks = record["checks"]
    out.print("checks  " + "  ".join(f"{k} {v:.2g}" for k, v in checks.items() if v is not None))
    for warning in record["warnings"]:
        out.print(f"[yellow]warning[/yellow] {escape(warning)}")
    stages = record["provenance"]["stages"]
    out.print(_stage_table(stages))
    out.print(f"peak memory {record['provenance']['peak_memory_mb']:.0f} MB")
    if "run" in record:
        run = escape(record["run"])
        out.print(f"run folder {run}\nreport     {run}/report.html", soft_wrap=True)


def _organ_table(record: Mapping[str, Any]) -> Table:
    table = _table("region", "mm3", "mg Fe", "T90 C", "T50 C", "Tmax C", "peak C", "CEM43T90", "CEM43max",
                   title="Regions: temperatures at the end of heating, doses in CEM43 minutes")
    for name, row in record["regions"].items():
        table.add_row(
            escape(name), _number(row["volume_mm3"], 0), _number(row["iron_mg"], 3), _number(row["t90_c"]),
            _number(row["t50_c"]), _number(row["t_max_c"]), _number(row["t_peak_c"]),
            dose(row["cem43t90_min"]), dose(row["cem43_max_min"]),
        )
    if record.get("core"):
        core = record["core"]["temperature_c"]
        table.add_row("core (blood)", "-", "-", "-", "-", "-", _number(max(core)), "-", "-")
    return table


def _goal_table(record: Mapping[str, Any]) -> Table:
    table = _table("region", "metric", "bound", "value", "", title="Goals and limits")
    for row in record["goals"]:
        sense = ">=" if row["sense"] == "at_least" else "<="
        show = dose if row["unit"] == "min" else _number
        value = "-" if row["value"] is None else show(row["value"])
        name = f"{row['kind']}: {row['region']}" + (" (default)" if row["default"] else "")
        table.add_row(escape(name), row["metric"], f"{sense} {show(row['bound'])} {row['unit']}",
                      f"{value} {row['unit']}", _GOOD if row["met"] else _BAD)
    return table


def _stage_table(stages: list[Mapping[str, Any]]) -> Table:
    table = _table("stage", "s", title="Time")
    for stage in stages:
        table.add_row(escape(stage["name"]), f"{stage['seconds']:.1f}")
    table.add_row("all", f"{sum(s['seconds'] for s in stages):.1f}")
    return table


def show_understood(record: Mapping[str, Any]) -> None:
    """What `check` understood: a row per input, then notes."""
    out = _out()
    table = _table("what", "understood as", title=f"{escape(record['name'])}: every input can be read")
    table.columns[1].justify = "left"
    for what, text in record["understood"]:
        table.add_row(escape(what), escape(text))
    out.print(table)
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")


def show_mesh(record: Mapping[str, Any]) -> None:
    """Size, quality and region volumes of a mesh that was written."""
    out = _out()
    table = _table("region", "label mm3", "mesh mm3", "off %", title="Regions")
    for row in record["regions"]:
        table.add_row(escape(row["name"]), _number(row["label_mm3"]), _number(row["mesh_mm3"]),
                      f"{row['relative'] * 100:+.1f}")
    out.print(table)
    bars = record["quality_histogram"]
    peak = max(bars) or 1
    out.print("element quality (3 inradius / circumradius, 1 is the regular tetrahedron)")
    for number, count in enumerate(bars):
        low = number / len(bars)
        out.print(f"  {low:.1f}-{low + 1 / len(bars):.1f} {'#' * round(40 * count / peak):<40} {count}")
    out.print(f"{record['nodes']} nodes, {record['tetrahedra']} tetrahedra, "
              f"worst quality {record['quality_min']:.2f}, outer surface {record['skin_area_cm2']:.1f} cm2 "
              f"(labels, smoothed: {record['label_skin_area_cm2']:.1f})")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['mesh'])}")


def show_converted(record: Mapping[str, Any]) -> None:
    """An image that was written in another format."""
    out = _out()
    shape, spacing = (" x ".join(f"{v:.4g}" for v in record[key]) for key in ("shape", "spacing_mm"))
    out.print(f"{shape} voxels of {spacing} mm, highest {record['highest']:.4g}, values {record['unit']}")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['image'])}", soft_wrap=True)


def show_written(record: Mapping[str, Any]) -> None:
    """The files that a verb wrote."""
    for path in record["files"]:
        _out().print(f"wrote {escape(path)}", soft_wrap=True)


def show_findings(record: Mapping[str, Any]) -> None:
    """What is installed and what is missing, with the remedy."""
    table = _table("part", "version", "", "remedy")
    for row in record["findings"]:
        table.add_row(escape(row["part"]), row["version"] or "-", "ok" if row["ok"] else "[red]missing[/red]",
                      escape(row["remedy"] or ""))
    _out().print(table)


def show_validation(record: Mapping[str, Any]) -> None:
    """Published values beside ours."""
    table = _table("value", "published", "ours", "tolerance", "", "source")
    for row in record["rows"]:
        verdict = "ok" if row["ok"] else "[red]off[/red]"
        table.add_row(escape(row["name"]), f"{row['published']:.6g}", f"{row['value']:.6g}",
                      f"{row['tolerance']:.2g}", verdict, escape(row["source"]))
    _out().print(table)


def show_slp(record: Mapping[str, Any]) -> None:
    """One point of SLP."""
    out = _out()
    out.print(f"{record['slp_w_per_g_fe']:.4g} W per g of iron   {record['energy_kt']:.4g} kT per cycle and particle   "
              f"omega tau {record['omega_tau']:.3g}   ({escape(record['tracer'])}, {record['model']})")
    out.print(f"SLP {escape(record['slp_source'])}")
    _notes(record["warnings"])


def show_ffr(record: Mapping[str, Any]) -> None:
    """The size of a field-free region."""
    out = _out()
    table = _table("", "along the drive", "across", title=f"{record['tracer']} on {record['device']}, "
                                                          f"{record['gradient_t_m']:g} T/m")
    table.add_row("full width at half maximum, mm", _number(record["fwhm_along_mm"], 2),
                  _number(record["fwhm_across_mm"], 2))
    for lag, (along, across) in record["widths_if_mm"].items():
        table.add_row(f"the same if omega tau were {lag}, mm", _number(along, 2), _number(across, 2))
    table.add_row(f"share outside {record['lesion_mm']:g} mm, %", _number(100 * record["off_target_along"]),
                  _number(100 * record["off_target_across"]))
    out.print(table)
    out.print(f"SLP {record['slp_w_per_g_fe']:.4g} W per g of iron; "
              f"{record['slp_imaging_w_per_g_fe']:.3g} at the imaging drive of 20 kHz, 20 mT")
    wanted = record["gradient_for_lesion_t_m"]
    out.print("no gradient of this machine confines every direction" if wanted is None else
              f"at {wanted:.3g} T/m the region is no wider than a lesion of {record['lesion_mm']:g} mm")
    _notes(record["warnings"])


def show_library(record: Mapping[str, Any]) -> None:
    """The rows of a library, with their sources."""
    rows = record["rows"]
    words = ("notes", "fit", "source")
    shown = [key for key in rows[0] if key not in words]
    table = _table(*(key.replace("_", " ") for key in shown))
    for row in rows:
        table.add_row(*(escape(_cell(row[key])) for key in shown))
    out = _out()
    out.print(table)
    for row in rows:
        out.print(f"[bold]{escape(row['name'])}[/bold]: " + escape("; ".join(filter(None, map(row.get, words[1:])))))
        for key, note in row.get("notes", {}).items():
            out.print(f"    {escape(key)}: {escape(note)}")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{v:.3g}" for v in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _notes(texts: Sequence[str]) -> None:
    for text in texts:
        _out().print(f"[yellow]warning[/yellow] {escape(text)}")
