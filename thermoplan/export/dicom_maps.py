"""Every map as a Parametric Map, and temperature and dose as relative RT Dose for older viewers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..files.images.dicom_write import Study
from ..files.images.parametric import write_parametric_map
from ..files.images.rtdose import write_rtdose
from ..report.formats import at
from .exported_maps import maps

_AS_DOSE = ("peak-temperature", "cem43")


def export_dicom(run: Path, plan: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write ``<map>.dcm`` and ``rtdose-<map>.dcm``."""
    study, written = study_of(plan), []
    for quantity, _, image in maps(run):
        written.append(folder / f"{quantity.key}.dcm")
        write_parametric_map(written[-1], image, quantity, study)
        if quantity.key in _AS_DOSE:
            written.append(folder / f"rtdose-{quantity.key}.dcm")
            write_rtdose(written[-1], image, quantity, study)
    return written


def study_of(plan: Mapping[str, Any]) -> Study:
    """The study that a plan's files belong to; two exports of one plan are the same study."""
    created = str(at(plan, "created", ""))
    said = json.dumps([at(plan, "name"), created, at(plan, "provenance.inputs")], sort_keys=True)
    return Study(
        str(at(plan, "name", "plan")),
        _moment(created),
        hashlib.sha256(said.encode()).hexdigest(),
        str(at(plan, "provenance.thermoplan", "")),
    )


def _moment(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
