"""Copy of the mesh with its fields over time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

NAME = "fields.vtkhdf"


def export_vtkhdf(run: Path, plan: PlanRecord, folder: Path) -> list[Path]:
    """Copy the run's ``fields.vtkhdf``."""
    source, target = run / NAME, folder / NAME
    if not source.is_file():
        raise InputError(
            f"{source}: not found: the run is older than this file; plan again, or open "
            f"{run / 'fields.vtu'}, which has the fields at their peak"
        )
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    return [target]
