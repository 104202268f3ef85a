"""Shared output of the verbs: progress on standard error, tables and notes on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..base.progress import Listener
from ..commands.answer_types import WrittenAnswer


def stdout() -> Console:
    width = None if sys.stdout.isatty() else 110
    return Console(width=width, highlight=False, soft_wrap=False)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener that draws on standard error: a live line on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _plain
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[text]}"),
        TimeElapsedColumn(),
    )
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


def table_of(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def dose(value: float | None, digits: int = 2) -> str:
    """A thermal dose with two digits, because a third would be pretence."""
    if value is None:
        return "-"
    if value < 0.01:
        return "<0.01"
    return f"{float(f'{value:.{digits}g}'):g}"


def show_notes(texts: Sequence[str]) -> None:
    for text in texts:
        stdout().print(f"[yellow]warning[/yellow] {escape(text)}")


def say_wrote(path: object) -> None:
    """Tell which file was written, on standard error: it is no part of the answer."""
    print(f"wrote {path}", file=sys.stderr)


def show_written(record: WrittenAnswer) -> None:
    """The files that a verb wrote."""
    for path in record["files"]:
        say_wrote(path)
