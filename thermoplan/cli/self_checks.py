"""The installation itself: doctor, validate."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import Json, say, verb

_PANEL = "This installation"


@verb(rich_help_panel=_PANEL)
def doctor(as_json: Json = False) -> None:
    """Say what is installed, which versions, and what is missing."""
    from ..base.installation import as_record, examine
    from .show_self_checks import show_findings

    record = as_record(examine())
    say(record, as_json, show_findings)
    raise typer.Exit(0 if record["ok"] else 1)


@verb(rich_help_panel=_PANEL)
def validate(
    bioheat: Annotated[bool, typer.Option("--bioheat", help="Only the heat engine's verification.")] = False,
    as_json: Json = False,
) -> None:
    """Reproduce published and closed-form values, in one table."""
    from ..validate import validation_record
    from .show_self_checks import show_validation

    record = validation_record(*(["bioheat"] if bioheat else []))
    say(record, as_json, show_validation)
    raise typer.Exit(0 if record["ok"] else 4)
