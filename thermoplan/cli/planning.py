"""From a protocol to a run folder: init, check, mesh, simulate, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..commands.answer_types import WrittenAnswer
from .app import (
    EstimateError,
    Force,
    Json,
    OldPlace,
    Output,
    Protocol,
    Quick,
    Settings,
    alone,
    finish,
    one_of,
    output_file,
    say,
    verb,
)

_PANEL = "Planning"


@verb(rich_help_panel=_PANEL)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")],
    start: Annotated[str, typer.Option("--from", metavar="PROTOCOL", help="A shipped protocol.")] = "mouse-flank",
    notebook: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A shipped notebook, by name or number, with the protocols it uses."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a commented protocol and its inputs, or a notebook and its own, ready to run."""
    from ..files.run.starter import write_starter
    from .show_common import show_written

    written = write_starter(folder, protocol=start, notebook=notebook)
    answer: WrittenAnswer = {"folder": str(folder), "files": [str(path) for path in written]}
    say(answer, as_json, show_written)


@verb(rich_help_panel=_PANEL)
def check(protocol: Protocol, settings: Settings = None, as_json: Json = False) -> None:
    """Read everything, say what was understood and every mistake; compute nothing heavy."""
    from ..commands.check import check_protocol
    from ..protocol.read import protocol_with
    from .show_planning import show_understood

    say(check_protocol(protocol_with(protocol, settings)), as_json, show_understood)


@verb(rich_help_panel=_PANEL)
def mesh(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="A label volume, or a .seg.nrrd.")],
    place: OldPlace = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The mesh to write, .vtu or .msh.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="CSV", help="label,region,tissue; else the names of segments.")
    ] = None,
    size: Annotated[str, typer.Option(help="Edge length far from the target.")] = "2.5 mm",
    target_size: Annotated[str, typer.Option(help="Edge length in and near the target.")] = "0.8 mm",
    target: Annotated[list[str] | None, typer.Option(help="A region to resolve finely; may repeat.")] = None,
    as_json: Json = False,
) -> None:
    """Turn a labelled volume into tetrahedra with named regions."""
    from ..commands.check import mesh_file
    from .show_common import listening
    from .show_planning import show_mesh

    target_file = output_file(place, output)
    with listening() as listener:
        sizes = (size, target_size, tuple(target or ()))
        report = mesh_file(labels, table, target_file, sizes=sizes, listener=listener)
    say(report, as_json, show_mesh)


@verb(rich_help_panel=_PANEL)
def simulate(
    context: typer.Context,
    protocol: Annotated[Path | None, typer.Argument(metavar="PROTOCOL", help="The protocol, a TOML file.")] = None,
    trajectory: Annotated[Path | None, typer.Option(metavar="T.csv", help="The trajectory to play.")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a simulation that was stopped, as it was begun.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="TIME", help="How often a long simulation is saved, so that it can be resumed.")
    ] = "60 s",
    settings: Settings = None,
    output: Output = None,
    quick: Quick = False,
    estimate_error: EstimateError = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Temperatures and dose of a given trajectory, in a run folder like a plan's."""
    from ..base.units import quantity
    from ..plan import resume_and_write, simulate_and_write
    from ..protocol.read import protocol_with
    from .show_common import listening
    from .show_planning import show_run

    every_s = quantity(checkpoint, "time", "--checkpoint")
    one_of(protocol, resume, "PROTOCOL", "--resume RUN")
    if resume is not None:
        alone(
            "--resume",
            trajectory=trajectory,
            set=settings,
            output=output,
            quick=quick,
            force=force,
            estimate_error=estimate_error,
        )
    with listening() as listener:
        if resume is not None:
            run = resume_and_write(resume, checkpoint_s=every_s, crew=context.obj, listener=listener)
        elif protocol is not None:
            run = simulate_and_write(
                protocol_with(protocol, settings),
                trajectory,
                output=output,
                force=force,
                checkpoint_s=every_s,
                crew=context.obj,
                listener=listener,
                quick=quick,
                estimate_error=estimate_error,
            )
    finish(run, as_json, show_run)


@verb(rich_help_panel=_PANEL)
def plan(
    protocol: Protocol,
    settings: Settings = None,
    output: Output = None,
    quick: Quick = False,
    estimate_error: EstimateError = False,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="What the first goal could have for more or less of an organ's dose.")
    ] = False,
    against: Annotated[
        str, typer.Option(metavar="LIMIT", help='The limit to trade it for, such as "liver CEM43max"; with --pareto.')
    ] = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Optimize, sequence, verify with the full model, and report."""
    from ..plan import plan_and_write
    from ..protocol.read import protocol_with
    from .show_common import listening
    from .show_planning import show_run

    with listening() as listener:
        run = plan_and_write(
            protocol_with(protocol, settings),
            output=output,
            quick=quick,
            force=force,
            listener=listener,
            pareto=against if pareto or against else None,
            estimate_error=estimate_error,
        )
    finish(run, as_json, show_run)
