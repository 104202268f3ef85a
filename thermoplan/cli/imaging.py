"""From an image to iron: convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import Json, app, say

_PANEL = "Images and iron"


@app.command(rich_help_panel=_PANEL)
def convert(
    source: Annotated[Path, typer.Argument(metavar="A", help="An image: MDF, NIfTI, NRRD, DICOM or NumPy.")],
    target: Annotated[Path, typer.Argument(metavar="B", help="The image to write, .mdf, .nii or .nii.gz.")],
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of A's values, such as mg/mL.")] = None,
    as_json: Json = False,
) -> None:
    """Write an image in another format, on its own voxels; with a unit, in mg of iron per mL."""
    from ..console.imaging import show_converted
    from ..plan.check import converted

    say(converted(source, target, unit), as_json, show_converted)
