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


def show_calorimetry(record: Mapping[str, Any]) -> None:
    """What a heating curve says, and the line for a protocol."""
    out, slp = stdout(), record["slp_w_per_g_fe"]
    out.print(f"[bold]{slp['value']:.4g} W per g of iron[/bold], {slp['low']:.4g} to {slp['high']:.4g} (95 %)")
    out.print(f"{record['samples']} readings from {record['from_s']:g} to {record['to_s']:g} s; "
              f"{record['power_mw']:.4g} mW heat the sample, {record['loss_mw_k']:.3g} mW per kelvin above "
              f"{record['start_c']:.2f} degC are lost")
    out.print("for a protocol's \\[tracer] or a tracer file:")
    out.print(f"measured_slp = {record['measured_slp']}", markup=False, soft_wrap=True)
    show_notes(record["warnings"])


def show_fit(record: Mapping[str, Any]) -> None:
    """A fitted tracer: its parameters, and each measurement beside the fit."""
    out = stdout()
    table = table_of("fitted", "value", "from", "to (95 %)", title=f"{record['tracer']}, {record['model']}")
    for name, estimate in record["estimates"].items():
        table.add_row(name.replace("_", " "), *(f"{estimate[key]:.4g}" for key in ("value", "low", "high")))
    out.print(table)
    fields = ("amplitude_mt", "frequency_khz", "along_mt", "across_mt", "slp_w_per_g", "fitted_w_per_g")
    table = table_of("mT", "kHz", "along, mT", "across, mT", f"measured, W per g of {record['basis']}", "fitted")
    for row in record["measurements"]:
        table.add_row(*(f"{row[key]:.4g}" for key in fields))
    out.print(table)
    out.print(f"rms difference {record['misfit_rel']:.1%}; {record['medium']}, factor to tissue "
              f"{record['tissue_factor']:g}")
    if record["file"] is not None:
        out.print(f"wrote {escape(record['file'])}: \\[tracer] file = \"{escape(record['file'])}\"", soft_wrap=True)
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
