"""DICOM files of every map: Parametric Map, and for older viewers relative RT Dose of temperature and dose."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.images.dicom_write import Study
from ..files.images.parametric import write_parametric_map
from ..files.images.rtdose import write_rtdose
from ..report.formats import at
from .exported_maps import run_maps

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

_AS_DOSE = ("peak-temperature", "cem43")


def export_dicom(run: Path, plan: PlanRecord, folder: Path) -> list[Path]:
    """Write ``<map>.dcm`` and ``rtdose-<map>.dcm``."""
    study, written = plan_study(plan), []
    for quantity, _, image in run_maps(run):
        written.append(folder / f"{quantity.key}.dcm")
        write_parametric_map(written[-1], image, quantity, study)
        if quantity.key in _AS_DOSE:
            written.append(folder / f"rtdose-{quantity.key}.dcm")
            write_rtdose(written[-1], image, quantity, study)
    return written


def plan_study(plan: PlanRecord) -> Study:
    """Study that a plan's files belong to; two exports of one plan are the same study."""
    created = str(at(plan, "created", ""))
    identity = json.dumps([at(plan, "name"), created, at(plan, "provenance.inputs")], sort_keys=True)
    return Study(
        str(at(plan, "name", "plan")),
        _parse_time(created),
        hashlib.sha256(identity.encode()).hexdigest(),
        str(at(plan, "provenance.thermoplan", "")),
    )


def _parse_time(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
