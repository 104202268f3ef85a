"""Iron of a protocol: its table of the file as data in SI, with the registration that needs no image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..base.units import iron_factor
from ..imaging.registration import Registration, rigid_from_landmarks
from ..imaging.roi import DEFAULT as ROI
from .protocol import IronInput

if TYPE_CHECKING:  # pydantic loads only when a protocol is read
    from .toml_tables import IronTable, RegistrationTable

LONG_DELAY_H = 2.0
"""Time from scan to heating that is noted: clearance from blood takes tens of minutes to hours; our choice."""


def iron_of(table: IronTable, folder: Path, notes: list[str]) -> IronInput:
    """Iron of a protocol's table, and notes on it; files that it names lie in the folder."""
    way = table.registration
    notes += _delay_notes(table)
    return IronInput(
        folder / table.image,
        table.unit,
        iron_factor(table.unit) if table.unit else None,
        calibration=folder / table.calibration if table.calibration else None,
        uncertainty=table.uncertainty,
        roi=table.roi or ROI,
        registration=_registration(way, folder, notes) if way else None,
        reference=folder / way.reference if way and way.reference else None,
        moving=folder / way.moving if way and way.moving else None,
        confine=table.confine is not False,
        fwhm_m=table.fwhm,
        deblur=table.deblur,
        uptake=table.uptake or (),
        scanned_at=table.scanned_at,
        heating_at=table.heating_at,
        frame=None if table.frame is None else table.frame - 1,
        channel=None if table.channel is None else table.channel - 1,
        allow_shear=table.allow_shear is True,
    )


def _delay_notes(table: IronTable) -> list[str]:
    """Note on the time between scan and heating, in which tracer spreads and is cleared."""
    if table.scanned_at is None or table.heating_at is None:
        given = "iron.heating_at" if table.scanned_at is None else "iron.scanned_at"
        alone = table.scanned_at is not None or table.heating_at is not None
        return [f"{given}: says nothing without the other of scanned_at and heating_at"] if alone else []
    hours = (table.heating_at - table.scanned_at).total_seconds() / 3600.0
    if hours < LONG_DELAY_H:
        return []
    return [
        f"iron.heating_at: {hours:.3g} h after iron.scanned_at: tracer spreads and is cleared meanwhile, and "
        "the plan has it where and as much as it was imaged; scan again shortly before"
    ]


def _registration(way: RegistrationTable, folder: Path, notes: list[str]) -> Registration | None:
    """From a file or from landmarks; images are registered when they are read."""
    from ..files.tables.landmarks import read_both, read_pairs
    from ..files.tables.transforms import read_transform_file

    if way.file:
        found = read_transform_file(folder / way.file, notes=notes)
        return Registration(found.matrix_m, "file", way.file, found.residual_m)
    if not way.landmarks:
        return None
    paths = [folder / name for name in way.landmarks]
    landmarks = read_both(paths[0], paths[1], notes=notes) if len(paths) == 2 else read_pairs(paths[0])
    registration = rigid_from_landmarks(landmarks, " and ".join(way.landmarks))
    notes.extend(registration.notes)
    return registration
