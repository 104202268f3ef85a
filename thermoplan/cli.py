"""The command line: verbs, progress, exit codes. No physics and no arithmetic here."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .errors import ThermoplanError

app = typer.Typer(
    name="thermoplan",
    help="Plan MPI-guided magnetic hyperthermia: iron map and anatomy in, verified trajectory out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Protocol = Annotated[Path, typer.Argument(metavar="PROTOCOL", help="The protocol, a TOML file.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder written by plan or simulate.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="RUN", help="The folder to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the run folder if there is one.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON alone on standard output.")]
Quick = Annotated[bool, typer.Option("--quick", help="A coarse mesh, for a first look.")]


def _say(result: Any, as_json: bool, show: Any) -> None:
    if as_json:
        print(json.dumps(result, indent=2, allow_nan=False))
    else:
        show(result)


def _version(wanted: bool) -> None:
    if wanted:
        from .doctor import versions

        for part, version in {"thermoplan": __version__, **versions()}.items():
            print(f"{part} {version or 'not installed'}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Version of every part.")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")],
    as_json: Json = False,
) -> None:
    """Write a commented protocol and its inputs, ready to run."""
    from .console import show_written
    from .files.starter import write_starter

    written = write_starter(folder)
    _say({"folder": str(folder), "files": [str(path) for path in written]}, as_json, show_written)


@app.command()
def check(protocol: Protocol, as_json: Json = False) -> None:
    """Read everything, say what was understood and every mistake; compute nothing heavy."""
    from .console import show_understood
    from .plan.check import understood

    _say(understood(protocol), as_json, show_understood)


@app.command()
def mesh(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="A labelled volume, NIfTI.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The mesh to write, .vtu or .msh.")],
    table: Annotated[Path, typer.Option("--table", metavar="CSV", help="label,region,tissue")],
    size: Annotated[str, typer.Option(help="Edge length far from the target.")] = "2.5 mm",
    target_size: Annotated[str, typer.Option(help="Edge length in and near the target.")] = "0.8 mm",
    target: Annotated[list[str] | None, typer.Option(help="A region to resolve finely; may repeat.")] = None,
    as_json: Json = False,
) -> None:
    """Turn a labelled volume into tetrahedra with named regions."""
    from .console import listening, show_mesh
    from .plan.check import mesh_file

    with listening() as listener:
        sizes = (size, target_size, tuple(target or ()))
        report = mesh_file(labels, table, out, sizes=sizes, listener=listener)
    _say(report, as_json, show_mesh)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="A", help="An image: MDF, NIfTI, NRRD, DICOM or NumPy.")],
    target: Annotated[Path, typer.Argument(metavar="B", help="The image to write, .mdf, .nii or .nii.gz.")],
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of A's values, such as mg/mL.")] = None,
    as_json: Json = False,
) -> None:
    """Write an image in another format, on its own voxels; with a unit, in mg of iron per mL."""
    from .console import show_converted
    from .plan.check import converted

    _say(converted(source, target, unit), as_json, show_converted)


@app.command()
def simulate(
    protocol: Protocol,
    trajectory: Annotated[Path | None, typer.Option(metavar="T.csv", help="The trajectory to play.")] = None,
    output: Output = None,
    quick: Quick = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Temperatures and dose of a given trajectory, in a run folder like a plan's."""
    from .console import listening, show_run
    from .plan import simulate_and_write

    with listening() as listener:
        run = simulate_and_write(
            protocol, trajectory, output=output, quick=quick, force=force, listener=listener
        )
    _finish(run, as_json, show_run)


@app.command()
def plan(
    protocol: Protocol,
    output: Output = None,
    quick: Quick = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Optimize, sequence, verify with the full model, and report."""
    from .console import listening, show_run
    from .plan import plan_and_write

    with listening() as listener:
        run = plan_and_write(protocol, output=output, quick=quick, force=force, listener=listener)
    _finish(run, as_json, show_run)


def _finish(run: Any, as_json: bool, show: Any) -> None:
    record = {**run.record, "run": str(run.folder)}
    _say(record, as_json, show)
    raise typer.Exit({"ok": 0, "goals-missed": 3, "not-valid": 4, "interrupted": 130}[record["status"]])


@app.command()
def report(run: Run, as_json: Json = False) -> None:
    """Render the report again, from plan.json and figures/ alone."""
    from .console import show_written
    from .report import write_report

    page = write_report(run)
    _say({"folder": str(run), "files": [str(page)]}, as_json, show_written)


@app.command()
def view(
    run: Run,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture, off-screen.")] = None,
) -> None:
    """Show anatomy, iron, FFR path and isotherms in 3D."""
    from . import scene

    if png is None:
        scene.show(run)
    else:
        scene.write_png(run, png)
        print(f"wrote {png}", file=sys.stderr)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, which versions, and what is missing."""
    from .console import show_findings
    from .doctor import as_record, examine

    record = as_record(examine())
    _say(record, as_json, show_findings)
    raise typer.Exit(0 if record["ok"] else 1)


@app.command()
def validate(as_json: Json = False) -> None:
    """Reproduce published and closed-form values, in one table."""
    from .console import show_validation
    from .validate import validation_record

    record = validation_record()
    _say(record, as_json, show_validation)
    raise typer.Exit(0 if record["ok"] else 4)


@app.command()
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
    from .answers import slp_answer
    from .console import show_slp

    fields = {"amplitude": amplitude, "frequency": frequency, "along": along, "across": across}
    _say(slp_answer(tracer, **fields, model=model), as_json, show_slp)


@app.command()
def ffr(
    protocol: Protocol,
    lesion: Annotated[str | None, typer.Option(help='Size of a lesion to cover, such as "8 mm".')] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw SLP against position.")] = None,
    as_json: Json = False,
) -> None:
    """Size of the field-free region for a protocol's tracer and machine."""
    from .answers import ffr_answer
    from .console import show_ffr

    answer = ffr_answer(protocol, lesion=lesion)
    if png is not None:
        from .report.ffr import write_ffr_figure

        write_ffr_figure(png, answer)
        print(f"wrote {png}", file=sys.stderr)
    _say(answer, as_json, show_ffr)


@app.command()
def library(
    what: Annotated[str, typer.Argument(metavar="tracers|devices", help="Which library.")],
    as_json: Json = False,
) -> None:
    """What the package ships, with sources."""
    from .answers import library_answer
    from .console import show_library

    _say(library_answer(what), as_json, show_library)


def main() -> None:
    """Run a verb; a mistake of the user's costs a message, never a traceback."""
    try:
        app()
    except ThermoplanError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except Exception:
        traceback.print_exc()
        print("this is a bug in thermoplan: please report it with the lines above", file=sys.stderr)
        raise SystemExit(1) from None
