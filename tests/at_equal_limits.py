"""What the comparison of a plan with those made by hand must show wherever it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def check_comparison(record: Mapping[str, Any]) -> None:
    """Print the table; no plan made by hand may do better by more than 0.05 K of T90 within the same limits, and
    where an organ or the core stops a coil without gradient, the gradient must be worth something."""
    rows = {row["name"]: row for row in record["alternatives"]}
    print(f"\n{record['name']}: highest T90 of the target within the limits")
    for name, row in rows.items():
        print(f"  {name:<22} {row['t90_within_limits_c']:6.2f} degC")
    print(f"  {record['comparison']}")
    mine = rows["this plan"]["t90_within_limits_c"]
    for name, row in rows.items():
        assert mine >= row["t90_within_limits_c"] - 0.05, name
    guarded = ("liver", "spleen", "kidneys", "bowel", "core")
    if any(text.startswith(guarded) for text in rows["no gradient"]["limits_broken"]):
        assert mine > rows["no gradient"]["t90_within_limits_c"] + 0.3
