"""Files of other programs made from a run folder: from plan.json, maps/ and the fields, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import InputError
from ..report.page import read_plan
from .csv_tables import export_csv
from .dicom_maps import export_dicom
from .field_history import export_vtkhdf
from .slicer import export_slicer

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

__all__ = ["KINDS", "export"]

KINDS: dict[str, Callable[[Path, PlanRecord, Path], list[Path]]] = {
    "dicom": export_dicom,
    "slicer": export_slicer,
    "vtkhdf": export_vtkhdf,
    "csv": export_csv,
}


def export(run: Path | str, to: str, folder: Path | str | None = None) -> list[Path]:
    """Write a run as ``to``, one of ``KINDS``, into ``folder`` (else one of that name in the run); returns the files.

    A folder that is there is used as it is: files of the same names are replaced, others are left.
    """
    if to not in KINDS:
        raise InputError(f'--to "{to}": expected one of {", ".join(KINDS)}')
    run = Path(run)
    plan = read_plan(run)
    target = Path(folder) if folder is not None else run / to
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{target}: cannot be written: {problem.strerror}; choose another place with -o") from problem
    return KINDS[to](run, plan, target)
