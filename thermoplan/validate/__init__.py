"""Published and closed-form values, reproduced: one table.

A row that counts can fail. Rows that do not count are calibrations: the number went into the model, or
rests on constants that nobody published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..errors import InputError
from ..threads import one_thread
from . import dose, eddy, heat, magnetics
from .row import Row

GROUPS: Mapping[str, Callable[[], Iterator[Row]]] = {
    "magnetics": magnetics.rows,
    "eddy": eddy.rows,
    "bioheat": heat.rows,
    "dose": dose.rows,
}

__all__ = ["GROUPS", "Row", "validate", "validation_record"]


@one_thread
def validate(*groups: str) -> tuple[Row, ...]:
    """Rows of the named groups, or of all."""
    unknown = [name for name in groups if name not in GROUPS]
    if unknown:
        raise InputError(f"validate: {unknown[0]}: expected one of {', '.join(GROUPS)}")
    return tuple(row for name in groups or GROUPS for row in GROUPS[name]())


def validation_record(*groups: str) -> dict[str, object]:
    """The table for the command line: ``ok`` when every row that counts is within its tolerance."""
    rows = validate(*groups)
    return {"ok": all(row.ok for row in rows if row.counts), "rows": [row.record() for row in rows]}
