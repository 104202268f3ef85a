"""Tables of numbers: CSV columns by name, every mistake named by row and column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ..text.csv_rows import number, number_fault, read_csv, refuse_faults


def read_columns(path: Path | str, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Array]:
    """Columns of finite numbers by name; lines that start with ``#`` are comments.

    Each is ``(k,)``, in the unit that its name ends in. A column of ``needed`` that is absent, and every cell that is
    no finite number, is refused with its row.
    """
    table = read_csv(path)
    table.require(needed, ",".join(needed))
    if not table.rows:
        raise InputError(f"{table.name}: has no row")
    wanted = [*needed, *(name for name in optional if name in table.columns)]
    faults = [
        number_fault(f"{table.name}: row {count}", name, row[name])
        for count, row in enumerate(table.rows, start=1)
        for name in wanted
        if math.isnan(number(row[name]))
    ]
    refuse_faults(faults, table.name)
    return {name: np.array([number(row[name]) for row in table.rows]) for name in wanted}
