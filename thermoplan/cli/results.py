"""What comes of a run folder: report, view."""

from __future__ import annotations

import sys
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
