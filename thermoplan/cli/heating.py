"""Tracers and machines: slp, ffr, library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Protocol, app, say

_PANEL = "Tracers and machines"


@app.command(rich_help_panel=_PANEL)
def slp(
    tracer: Annotated[str, typer.Option(metavar="NAME|FILE", help="A tracer of the library, or a TOML file.")],
    amplitude: Annotated[str, typer.Option(help='Peak drive field, such as "13 mT".')],
    frequency: Annotated[str, typer.Option(help='Such as "354 kHz".')],
    along: Annotated[str, typer.Option(help="Static field along the drive.")] = "0 mT",
    across: Annotated[str, typer.Option(help="Static field across the drive.")] = "0 mT",
    model: Annotated[str | None, typer.Option(help="mrsh, linear, fokker-planck, neel, blocked, table.")] = None,
    as_json: Json = False,
) -> None:
    """Solve one point of a tracer's heating, never from a table."""
    from ..answers import slp_answer
    from ..console.heating import show_slp

    fields = {"amplitude": amplitude, "frequency": frequency, "along": along, "across": across}
    say(slp_answer(tracer, **fields, model=model), as_json, show_slp)


@app.command(rich_help_panel=_PANEL)
def ffr(
    protocol: Protocol,
    lesion: Annotated[str | None, typer.Option(help='Size of a lesion to cover, such as "8 mm".')] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw SLP against position.")] = None,
    as_json: Json = False,
) -> None:
    """Size of the field-free region for a protocol's tracer and machine."""
    from ..answers import ffr_answer
    from ..console.heating import show_ffr

    answer = ffr_answer(protocol, lesion=lesion)
    if png is not None:
        from ..report.ffr import write_ffr_figure

        write_ffr_figure(png, answer)
        print(f"wrote {png}", file=sys.stderr)
    say(answer, as_json, show_ffr)


@app.command(rich_help_panel=_PANEL)
def library(
    what: Annotated[str, typer.Argument(metavar="tracers|devices", help="Which library.")],
    as_json: Json = False,
) -> None:
    """What the package ships, with sources."""
    from ..answers import library_answer
    from ..console.heating import show_library

    say(library_answer(what), as_json, show_library)
