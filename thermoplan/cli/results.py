"""Verbs on a run folder: report, view, export, compare."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..commands.answer_types import WrittenAnswer
from .app import Json, Run, one_of, say, verb

_PANEL = "What comes of a run"


@verb(rich_help_panel=_PANEL)
def report(
    run: Run,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it to report.pdf too, through a Chromium.")] = False,
    as_json: Json = False,
) -> None:
    """Render the report again, from plan.json and figures/ alone."""
    from ..report import write_report
    from .show_common import show_written

    pages = [write_report(run)]
    if pdf:
        from ..report.pdf import write_pdf

        pages.append(write_pdf(run))
    answer: WrittenAnswer = {"folder": str(run), "files": [str(page) for page in pages]}
    say(answer, as_json, show_written)


class _Cut(StrEnum):
    R = "R"
    A = "A"
    S = "S"


@verb(rich_help_panel=_PANEL)
def view(
    run: Run,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write a picture (.png) or a film (.mp4, .gif)."),
    ] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture, off-screen.")] = None,
    film: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a film, .mp4 or .gif.")] = None,
    web: Annotated[bool, typer.Option("--web", help="Serve the scene to a browser on this machine.")] = False,
    port: Annotated[int, typer.Option(help="Where --web listens; 0 for any free port.", min=0, max=65535)] = 8081,
    minute: Annotated[float | None, typer.Option(help="The moment of --png; without it the peak of all times.")] = None,
    cut: Annotated[_Cut | None, typer.Option(help="In --png cut away what is to the R, A or S of the hottest.")] = None,
    dose: Annotated[bool, typer.Option("--dose", help="Surfaces of CEM43 in place of temperature.")] = False,
    iron_volume: Annotated[bool, typer.Option("--iron-volume", help="The iron as a volume, not as points.")] = False,
) -> None:
    """Show anatomy, iron, FFR path and isotherms in 3D: in a window, a browser, a picture or a film."""
    from .. import scene
    from .answer_stream import print_answer
    from .show_common import listening, say_wrote

    if output is not None and output.suffix.lower() == ".png":
        one_of(png, output, "--png FILE", "-o FILE")
        png = output
    elif output is not None:
        one_of(film, output, "--film FILE", "-o FILE")
        film = output
    look = scene.ViewOptions(dose=dose, iron_volume=iron_volume)
    if png is not None:
        scene.write_png(run, png, look, minute=minute, cut=cut and cut.value)
    if film is not None:
        with listening() as listener:
            scene.write_film(run, film, look, listener=listener)
    for path in filter(None, (png, film)):
        say_wrote(path)
    if web:
        scene.serve(run, look, port=port, tell=print_answer)
    elif png is None and film is None:
        scene.show(run, look)


class _To(StrEnum):
    dicom = "dicom"
    slicer = "slicer"
    vtkhdf = "vtkhdf"
    csv = "csv"


@verb(rich_help_panel=_PANEL)
def export(
    run: Run,
    to: Annotated[_To, typer.Option("--to", help="DICOM, a 3D Slicer scene, fields over time, or tables.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="The folder to write; else one in the run.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run in the files of other programs, from the run folder alone."""
    from ..export import export as write
    from .show_common import show_written

    files = write(run, to.value, output)
    answer: WrittenAnswer = {"run": str(run), "to": to.value, "files": [str(path) for path in files]}
    say(answer, as_json, show_written)


@verb(rich_help_panel=_PANEL)
def compare(
    a: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, A.")],
    b: Annotated[Path, typer.Argument(metavar="RUN", help="Another, B; differences are B - A.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write a page, such as compare.html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set two runs beside each other: goals, organs, histograms, and maps of the difference."""
    from ..compare import compare_and_write
    from .show_results import show_comparison

    say(compare_and_write(a, b, output), as_json, show_comparison)
