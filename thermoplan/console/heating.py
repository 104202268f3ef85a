"""Tracers and machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.padding import Padding

from .base import number, show_notes, stdout, table_of


def show_slp(record: Mapping[str, Any]) -> None:
    """One point of SLP."""
    out = stdout()
    out.print(f"{record['slp_w_per_g_fe']:.4g} W per g of iron   {record['energy_kt']:.4g} kT per cycle and particle   "
              f"omega tau {record['omega_tau']:.3g}   ({escape(record['tracer'])}, {record['model']})")
    out.print(f"SLP {escape(record['slp_source'])}")
    show_notes(record["warnings"])


def show_ffr(record: Mapping[str, Any]) -> None:
    """The size of a field-free region."""
    out = stdout()
    table = table_of("", "along the drive", "across", title=f"{record['tracer']} on {record['device']}, "
                                                          f"{record['gradient_t_m']:g} T/m")
    table.add_row("full width at half maximum, mm", number(record["fwhm_along_mm"], 2),
                  number(record["fwhm_across_mm"], 2))
    for lag, (along, across) in record["widths_if_mm"].items():
        table.add_row(f"the same if omega tau were {lag}, mm", number(along, 2), number(across, 2))
    table.add_row(f"share outside {record['lesion_mm']:g} mm, %", number(100 * record["off_target_along"]),
                  number(100 * record["off_target_across"]))
    out.print(table)
    out.print(f"SLP {record['slp_w_per_g_fe']:.4g} W per g of iron; "
              f"{record['slp_imaging_w_per_g_fe']:.3g} at the imaging drive of 20 kHz, 20 mT")
    wanted = record["gradient_for_lesion_t_m"]
    out.print("no gradient of this machine confines every direction" if wanted is None else
              f"at {wanted:.3g} T/m the region is no wider than a lesion of {record['lesion_mm']:g} mm")
    show_notes(record["warnings"])


def show_library(record: Mapping[str, Any]) -> None:
    """The rows of a library, with their sources."""
    rows = record["rows"]
    words = ("notes", "fit", "imaging", "source")
    shown = [key for key in rows[0] if key not in (*words, *_SAID)]
    table = table_of(*(key.replace("_", " ") for key in shown))
    for row in rows:
        table.add_row(*(escape(_cell(row[key])) for key in shown))
    out = stdout()
    out.print(table)
    for row in rows:
        out.print(f"[bold]{escape(row['name'])}[/bold]")
        for key, note in {**{word: row.get(word) for word in words[1:]}, **row.get("notes", {})}.items():
            if note:
                out.print(Padding(escape(note if key == "fit" else f"{key}: {note}"), (0, 0, 0, 4)))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{v:.3g}" for v in value) or "-"
    if value is None or value == "":
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_SAID = ("sensitivity", "sensitivity_unit", "magnetic_nm", "diameter_nm", "diameter_source", "instrument", "reference")
"""Told in the sentence on imaging, not in columns."""
