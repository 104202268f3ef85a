"""Validation table: published and closed-form values, reproduced.

A row that counts can fail. Rows that do not count are calibrations: the number went into the model, or
rests on constants that nobody published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..base.errors import InputError
from ..base.threads import one_thread
from . import dose_rows, eddy_rows, heat_rows, magnetics_rows
from .validation_row import ValidationRecord, ValidationRow

GROUPS: Mapping[str, Callable[[], Iterator[ValidationRow]]] = {
    "magnetics": magnetics_rows.rows,
    "eddy": eddy_rows.rows,
    "bioheat": heat_rows.rows,
    "dose": dose_rows.rows,
}

__all__ = ["GROUPS", "ValidationRow", "validate", "validation_record"]


@one_thread
def validate(*groups: str) -> tuple[ValidationRow, ...]:
    """Rows of the named groups, or of all."""
    unknown = [name for name in groups if name not in GROUPS]
    if unknown:
        raise InputError(f"validate: {unknown[0]}: expected one of {', '.join(GROUPS)}")
    return tuple(row for name in groups or GROUPS for row in GROUPS[name]())


def validation_record(*groups: str) -> ValidationRecord:
    """The table for the command line: ``ok`` when every row that counts is within its tolerance."""
    rows = validate(*groups)
    return {"ok": all(row.ok for row in rows if row.counts), "rows": [row.record() for row in rows]}
