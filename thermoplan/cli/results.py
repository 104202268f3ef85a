"""What comes of a run folder: report, view, export."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Run, app, say

_PANEL = "What comes of a run"


@app.command(rich_help_panel=_PANEL)
def report(run: Run, as_json: Json = False) -> None:
    """Render the report again, from plan.json and figures/ alone."""
    from ..console.base import show_written
    from ..report import write_report

    page = write_report(run)
    say({"folder": str(run), "files": [str(page)]}, as_json, show_written)


@app.command(rich_help_panel=_PANEL)
def view(
    run: Run,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture, off-screen.")] = None,
) -> None:
    """Show anatomy, iron, FFR path and isotherms in 3D."""
    from .. import scene

    if png is None:
        scene.show(run)
    else:
        scene.write_png(run, png)
        print(f"wrote {png}", file=sys.stderr)


class _To(StrEnum):
    dicom = "dicom"
    slicer = "slicer"
    vtkhdf = "vtkhdf"
    csv = "csv"


@app.command(rich_help_panel=_PANEL)
def export(
    run: Run,
    to: Annotated[_To, typer.Option("--to", help="DICOM, a 3D Slicer scene, fields over time, or tables.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="The folder to write; else one in the run.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run in the files of other programs, from the run folder alone."""
    from ..console.base import show_written
    from ..export import export as write

    files = write(run, to.value, output)
    say({"run": str(run), "to": to.value, "files": [str(path) for path in files]}, as_json, show_written)
