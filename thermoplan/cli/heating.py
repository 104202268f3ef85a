"""Tracers and machines: slp, ffr, library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import Json, Protocol, Run, pair_options, say, verb

_PANEL = "Tracers and machines"


@verb(rich_help_panel=_PANEL)
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
    from ..commands.point_queries import slp_answer
    from .show_heating import show_slp

    fields = {"amplitude": amplitude, "frequency": frequency, "along": along, "across": across}
    say(slp_answer(tracer, **fields, model=model), as_json, show_slp)


@verb(rich_help_panel=_PANEL)
def ffr(
    protocol: Protocol,
    lesion: Annotated[str | None, typer.Option(help='Size of a lesion to cover, such as "8 mm".')] = None,
    png: Annotated[
        Path | None, typer.Option("-o", "--output", "--png", metavar="FILE", help="Draw SLP against position, .png.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Size of the field-free region for a protocol's tracer and machine."""
    from ..commands.point_queries import ffr_answer
    from .show_common import say_wrote
    from .show_heating import show_ffr

    answer = ffr_answer(protocol, lesion=lesion)
    if png is not None:
        from ..report.ffr_figure import write_ffr_figure

        write_ffr_figure(png, answer)
        say_wrote(png)
    say(answer, as_json, show_ffr)


@verb(rich_help_panel=_PANEL)
def calorimetry(
    curve: Annotated[Path, typer.Argument(metavar="CURVE.csv", help="A heating curve: time_s,temperature_C.")],
    iron: Annotated[str, typer.Option(help='Iron in the sample, such as "2 mg".')],
    heat_capacity: Annotated[str, typer.Option(help='Of the sample with its vessel, such as "4.2 J/K".')],
    amplitude: Annotated[str, typer.Option(help='Peak drive field, such as "13 mT".')],
    frequency: Annotated[str, typer.Option(help='Such as "354 kHz".')],
    medium: Annotated[str, typer.Option(help="water, immobilised or tissue.")] = "water",
    tissue_factor: Annotated[str | None, typer.Option(help='From water to tissue, such as "0.7".')] = None,
    start: Annotated[
        str | None, typer.Option(help="Temperature of the room; else the mean before --from, or the first reading.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help='When the field went on, such as "30 s".')] = None,
    to: Annotated[str | None, typer.Option(help="When it went off.")] = None,
    error: Annotated[str | None, typer.Option(help='Of iron and heat capacity together, such as "3 %".')] = None,
    png: Annotated[
        Path | None,
        typer.Option("-o", "--output", "--png", metavar="FILE", help="Draw the curve and its corrected slope, .png."),
    ] = None,
    as_json: Json = False,
) -> None:
    """SLP of a heating curve with its interval, by the corrected-slope method."""
    from ..commands.tracer_fits import calorimetry_answer
    from .show_common import say_wrote
    from .show_heating import show_calorimetry

    sample = {
        "iron": iron,
        "heat_capacity": heat_capacity,
        "medium": medium,
        "tissue_factor": tissue_factor,
        "start": start,
        "from": from_,
        "to": to,
        "error": error,
    }
    answer = calorimetry_answer(curve, sample, {"amplitude": amplitude, "frequency": frequency})
    if png is not None:
        from ..report.calorimetry_figure import write_curve_figure

        write_curve_figure(png, answer)
        say_wrote(png)
    say(answer, as_json, show_calorimetry)


@verb(rich_help_panel=_PANEL)
def fit_tracer(
    measurements: Annotated[
        Path,
        typer.Argument(
            metavar="MEASUREMENTS.csv",
            help="amplitude_mT,frequency_kHz,slp_W_g, and where known along_mT,across_mT,relative_error.",
        ),
    ],
    tracer: Annotated[str, typer.Option(metavar="NAME|FILE", help="The tracer to start from.")],
    basis: Annotated[str, typer.Option(help="What a gram is of: iron or oxide.")],
    medium: Annotated[str, typer.Option(help="water, immobilised or tissue.")],
    tissue_factor: Annotated[str | None, typer.Option(help='From water to tissue, such as "0.7".')] = None,
    fit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARAMETER", help="heating_efficiency, core_diameter, anisotropy, relaxation_time; may repeat."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="mrsh, fokker-planck, neel, linear, blocked.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="A tracer file.")] = None,
    as_json: Json = False,
) -> None:
    """Size, anisotropy and efficiency of a tracer from measured SLPs, as a tracer file."""
    from ..commands.tracer_fits import fit_answer
    from .show_heating import show_fit

    stated = {"basis": basis, "medium": medium, "tissue_factor": tissue_factor}
    answer = fit_answer(measurements, tracer, stated=stated, free=tuple(fit or ()), model=model, output=output)
    say(answer, as_json, show_fit)


@verb(rich_help_panel=_PANEL)
def test_shot(
    run: Run,
    probe: Annotated[str, typer.Option(help="The probe that was read, by its name in the protocol.")],
    at: Annotated[list[str], typer.Option(help='When, from the start of the shot, such as "2 min"; may repeat.')],
    reads: Annotated[list[str], typer.Option(help='What it read, such as "38.1 degC"; one for each --at.')],
    before: Annotated[str | None, typer.Option(help="What it read just before the shot.")] = None,
    thermometer: Annotated[str, typer.Option(help="Standard error of a reading.")] = "0.2 K",
    tip: Annotated[
        str | None,
        typer.Option(help='Error of the prediction for an uncertain tip, such as "10 %"; else what a millimetre does.'),
    ] = None,
    as_json: Json = False,
) -> None:
    """SLP in the animal from a short low-power shot and one probe, before full power."""
    from ..commands.test_shot import shot_answer
    from .show_heating import show_shot

    pairs = pair_options(at, reads, "--at", "--reads")
    say(shot_answer(run, probe, pairs, before=before, thermometer=thermometer, tip=tip), as_json, show_shot)


@verb(rich_help_panel=_PANEL)
def library(
    what: Annotated[str, typer.Argument(metavar="tracers|devices|models", help="Which library.")],
    as_json: Json = False,
) -> None:
    """Print the shipped tracers, devices or models, with sources."""
    from ..commands.point_queries import library_answer
    from .show_heating import show_library

    say(library_answer(what), as_json, show_library)
