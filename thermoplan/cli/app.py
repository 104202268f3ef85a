"""The application that verbs register with, the options they share, and how they answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from .. import __version__
from ..base.errors import InputError, Interrupted
from .answer_stream import answering, keep_for_answers

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter  # typer carries its own click

    from ..plan.result import Run as WrittenRun
    from .show_planning import PrintedRecord

INTERRUPTED = "interrupted: nothing was written"


class _Verbs(TyperGroup):
    """Typer ends without a word where the user interrupts a verb; this says it."""

    def invoke(self, ctx: Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted(INTERRUPTED) from None


class _Verb(TyperCommand):
    """A verb: standard output holds its answer alone, and a flag is shown as one, without a type."""

    def invoke(self, ctx: Context) -> object:
        with keep_for_answers():
            return super().invoke(ctx)

    def get_params(self, ctx: Context) -> list[Parameter]:
        params = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


app = typer.Typer(
    cls=_Verbs,
    name="thermoplan",
    help="Plan MPI-guided magnetic hyperthermia: iron map and anatomy in, verified trajectory out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
verb = partial(app.command, cls=_Verb)
"""Decorator that registers a function as a verb."""

Protocol = Annotated[Path, typer.Argument(metavar="PROTOCOL", help="The protocol, a TOML file.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder written by plan or simulate.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="RUN", help="The folder to write.")]
OldPlace = Annotated[Path | None, typer.Argument(metavar="FILE", hidden=True)]
Force = Annotated[bool, typer.Option("--force", help="Replace the run folder if there is one.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON alone on standard output.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help='Change a key of the protocol, as in "device.gradient=5 T/m"; may repeat.'
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="A coarse mesh, for a first look.")]
EstimateError = Annotated[
    bool,
    typer.Option(
        "--estimate-error", help="Hold the mesh against quadratic elements, and say what it costs in temperature."
    ),
]


def say[Answer: Mapping[str, object]](answer: Answer, as_json: bool, show: Callable[[Answer], None]) -> None:
    """Print an answer of a verb: as JSON alone, or by ``show`` for a reader."""
    with answering():
        if as_json:
            print(json.dumps(answer, indent=2, allow_nan=False))
        else:
            show(answer)


def output_file(place: Path | None, option: Path | None) -> Path:
    """The one file to write: by ``-o``, or as the last argument, as versions before 0.3 had it."""
    if option is not None and place is None:
        return option
    if place is not None and option is None:
        return place
    raise InputError(f"-o: {'given twice' if place else 'missing'}: expected one file to write, -o FILE")


def pair_options(first: Sequence[str], second: Sequence[str], *names: str) -> list[tuple[str, str]]:
    """Two options that repeat together."""
    if len(first) != len(second):
        raise InputError(f"{names[0]} is given {len(first)} times, {names[1]} {len(second)}: expected one for each")
    return list(zip(first, second, strict=True))


def one_of(first: object, second: object, *names: str) -> None:
    """Refuse two arguments of which exactly one is needed."""
    if (first is None) == (second is None):
        have = "neither" if first is None else "both"
        raise InputError(f"expected {names[0]} or {names[1]}, got {have}")


def alone(option: str, **others: object) -> None:
    """Refuse options that say nothing beside another one."""
    given = [f"--{name.replace('_', '-')}" for name, value in others.items() if value]
    if given:
        raise InputError(f"{option} takes no {', '.join(given)}: a simulation goes on as it was begun")


def _version(wanted: bool) -> None:
    if wanted:
        from ..base.installation import versions

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


def finish(run: WrittenRun, as_json: bool, show: Callable[[PrintedRecord], None]) -> None:
    """Print a run and end with the exit code of its status."""
    record: PrintedRecord = {**run.record, "run": str(run.folder)}
    say(record, as_json, show)
    raise typer.Exit({"ok": 0, "goals-missed": 3, "not-valid": 4, "interrupted": 130}[record["status"]])
