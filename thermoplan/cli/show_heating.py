"""Tracers and machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.markup import escape
from rich.padding import Padding

from ..commands.answer_types import (
    CalorimetryAnswer,
    DeviceRow,
    Ends,
    FfrAnswer,
    FitAnswer,
    LibraryAnswer,
    ModelRow,
    ShotAnswer,
    SlpAnswer,
    TracerRow,
)
from .show_common import number, say_wrote, show_notes, stdout, table_of


def show_slp(record: SlpAnswer) -> None:
    """One point of SLP."""
    out = stdout()
    out.print(
        f"{record['slp_w_per_g_fe']:.4g} W per g of iron   {record['energy_kt']:.4g} kT per cycle and particle   "
        f"omega tau {record['omega_tau']:.3g}   ({escape(record['tracer'])}, {record['model']})"
    )
    out.print(f"SLP {escape(record['slp_source'])}")
    out.print(f"{escape(record['model'])} holds {escape(record['validity'])}")
    show_notes(record["warnings"])


def show_ffr(record: FfrAnswer) -> None:
    """The size of a field-free region."""
    out = stdout()
    table = table_of(
        "",
        "along the drive",
        "across",
        title=f"{record['tracer']} on {record['device']}, {record['gradient_t_m']:g} T/m",
    )
    table.add_row(
        "full width at half maximum, mm", number(record["fwhm_along_mm"], 2), number(record["fwhm_across_mm"], 2)
    )
    for lag, (along, across) in record["widths_if_mm"].items():
        table.add_row(f"the same if omega tau were {lag}, mm", number(along, 2), number(across, 2))
    table.add_row(
        f"share outside {record['lesion_mm']:g} mm, %",
        number(100 * record["off_target_along"]),
        number(100 * record["off_target_across"]),
    )
    out.print(table)
    out.print(
        f"SLP {record['slp_w_per_g_fe']:.4g} W per g of iron; "
        f"{record['slp_imaging_w_per_g_fe']:.3g} at the imaging drive of 20 kHz, 20 mT"
    )
    wanted = record["gradient_for_lesion_t_m"]
    out.print(
        "no gradient of this machine confines every direction"
        if wanted is None
        else f"at {wanted:.3g} T/m the region is no wider than a lesion of {record['lesion_mm']:g} mm"
    )
    show_notes(record["warnings"])


def show_calorimetry(record: CalorimetryAnswer) -> None:
    """Print the SLP of a heating curve, and the line for a protocol."""
    out, slp = stdout(), record["slp_w_per_g_fe"]
    out.print(f"[bold]{slp['value']:.4g} W per g of iron[/bold], {slp['low']:.4g} to {slp['high']:.4g} (95 %)")
    out.print(
        f"{record['samples']} readings from {record['from_s']:g} to {record['to_s']:g} s; "
        f"{record['power_mw']:.4g} mW heat the sample, {record['loss_mw_k']:.3g} mW per kelvin above "
        f"{record['start_c']:.2f} degC are lost"
    )
    out.print("for a protocol's \\[tracer] or a tracer file:")
    out.print(f"measured_slp = {record['measured_slp']}", markup=False, soft_wrap=True)
    show_notes(record["warnings"])


def show_fit(record: FitAnswer) -> None:
    """A fitted tracer: its parameters, and each measurement beside the fit."""
    out = stdout()
    table = table_of("fitted", "value", "from", "to (95 %)", title=f"{record['tracer']}, {record['model']}")
    for name, estimate in record["estimates"].items():
        table.add_row(name.replace("_", " "), *(f"{estimate[key]:.4g}" for key in ("value", "low", "high")))
    out.print(table)
    table = table_of("mT", "kHz", "along, mT", "across, mT", f"measured, W per g of {record['basis']}", "fitted")
    for row in record["measurements"]:
        fields = row["amplitude_mt"], row["frequency_khz"], row["along_mt"], row["across_mt"]
        table.add_row(*(f"{value:.4g}" for value in (*fields, row["slp_w_per_g"], row["fitted_w_per_g"])))
    out.print(table)
    out.print(
        f"rms difference {record['misfit_rel']:.1%}; {record['medium']}, factor to tissue {record['tissue_factor']:g}"
    )
    if record["file"] is not None:
        out.print(f'for the protocol: \\[tracer] file = "{escape(record["file"])}"', soft_wrap=True)
        say_wrote(record["file"])
    show_notes(record["warnings"])


def show_shot(record: ShotAnswer) -> None:
    """Print the factor that a test shot gives, and the line for the protocol."""
    out, factor, slp = stdout(), record["factor"], record["slp_w_per_g_fe"]
    table = table_of("test shot", "reads, °C", "expected", "rise, K", "expected")
    for row in record["readings"]:
        table.add_row(
            f"{record['probe']} at {row['at_s'] / 60:.3g} min",
            *(f"{row[key]:.2f}" for key in ("reads_c", "expected_c", "rise_k", "expected_rise_k")),
        )
    out.print(table)
    out.print(
        f"[bold]SLP x {factor['value']:.3g}[/bold] of the plan's, {factor['low']:.3g} to {factor['high']:.3g} "
        f"(95 %): {slp['value']:.4g} W per g of iron at {record['amplitude_mt']:g} mT in this animal, "
        f"{slp['low']:.4g} to {slp['high']:.4g}"
    )
    if record["stands"]:
        out.print("the plan is within what the shot says; to plan again with its SLP:")
    else:
        out.print("plan again before full power, with this in the protocol's \\[tracer]:")
    out.print(f"measured_slp = {record['measured_slp']}", markup=False, soft_wrap=True)
    show_notes(record["warnings"])


def show_library(record: LibraryAnswer) -> None:
    """The rows of a library, with their sources."""
    if record["library"] == "devices":
        _show_devices(record["rows"])
    elif record["library"] == "models":
        _show_models(record["rows"])
    else:
        _show_tracers(record["rows"])


def _show_tracers(rows: Sequence[TracerRow]) -> None:
    """A table of numbers, then the words on each tracer."""
    shown = [key for key in rows[0] if key not in (*_WORDS, *_SAID)]
    table = table_of(*(key.replace("_", " ") for key in shown))
    for row in rows:
        cells: Mapping[str, object] = row
        table.add_row(*(escape(_cell(cells[key])) for key in shown))
    out = stdout()
    out.print(table)
    for model, range_ in {row["model"]: row["validity"] for row in rows}.items():
        out.print(f"model {escape(model)} holds {escape(range_)}")
    for row in rows:
        out.print(f"[bold]{escape(row['name'])}[/bold]")
        for head, words in (("", row["fit"]), ("imaging: ", row["imaging"]), ("source: ", row["source"])):
            if words:
                out.print(Padding(escape(head + words), (0, 0, 0, 4)))


def _show_models(rows: Sequence[ModelRow]) -> None:
    """A block a model: what it is and where it holds."""
    out = stdout()
    for row in rows:
        out.print(f"[bold]{escape(row['name'])}[/bold]: {escape(row['what'])}")
        out.print(Padding(f"holds {escape(row['validity'])}", (0, 0, 0, 4)))


def _show_devices(rows: Sequence[DeviceRow]) -> None:
    """A block a machine: what it can do, and where each number comes from. Fields are peak."""
    out = stdout()
    for row in rows:
        table = table_of(row["name"], row["kind"], "", title=None)
        table.columns[1].justify = table.columns[2].justify = "left"
        for label, (key, words) in _MACHINE.items():
            value = words(row)
            if value:
                table.add_row(label, escape(value), escape(row["notes"].get(key, "")))
        out.print(table)
        out.print(escape(row["source"]) + "\n")


def _value(value: float, ends: Ends, unit: str) -> str:
    """A number, and the range that it may be set in."""
    low, high = ends
    words = "" if high is None else " only" if low == high else f", {low:g} to {high:g}"
    return f"{value:g} {unit}{words}"


def _along(axis: Sequence[float] | None) -> str:
    """The letter of an anatomical axis, or the vector."""
    if axis is None:
        return ""
    letters: dict[tuple[float, ...], str] = {(1.0, 0.0, 0.0): "R", (0.0, 1.0, 0.0): "A", (0.0, 0.0, 1.0): "S"}
    return letters.get(tuple(axis), " ".join(f"{v:.2g}" for v in axis))


def _reach(row: DeviceRow) -> str:
    ranges = zip("xyz", row["position_range_mm"], strict=True)
    return "; ".join(f"{axis} {low:g} to {high:g}" for axis, (low, high) in ranges if high is not None)


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:g} {unit}"


def _gradient(row: DeviceRow) -> str:
    gradient = row["gradient_t_m"]
    return "" if gradient == 0.0 else _value(gradient, row["gradient_range_t_m"], "T/m")


_MACHINE: dict[str, tuple[str, Callable[[DeviceRow], str]]] = {
    "gradient": ("gradient", _gradient),
    "amplitude": ("amplitude", lambda row: _value(row["amplitude_mt"], row["amplitude_range_mt"], "mT")),
    "frequency": ("frequency", lambda row: _value(row["frequency_khz"], row["frequency_range_khz"], "kHz")),
    "drive along (RAS)": ("drive_axis", lambda row: _along(row["drive_axis"])),
    "line along (RAS)": ("line_axis", lambda row: _along(row["line_axis"]) + (", turns" if row["rotating"] else "")),
    "steepest along (RAS)": ("strong_axis", lambda row: _along(row["strong_axis"])),
    "reach, machine's mm": ("position_range", _reach),
    "slew": ("slew", lambda row: _with_unit(row["slew_mm_s"], "mm/s") + (", a stage" if row["moves_stage"] else "")),
    "settle": ("settle", lambda row: _with_unit(row["settle_s"], "s")),
    "shortest dwell": ("min_dwell", lambda row: _with_unit(row["min_dwell_s"], "s")),
    "duty at most": ("max_duty", lambda row: f"{row['max_duty']:g}"),
    "bore radius": ("bore_radius", lambda row: _with_unit(row["bore_radius_mm"], "mm")),
}


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"{v:.3g}" for v in value) or "-"
    if value is None or value == "":
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_WORDS = ("validity", "fit", "imaging", "source")
"""Sentences, which stand under the table."""
_SAID = ("sensitivity", "sensitivity_unit", "magnetic_nm", "diameter_nm", "diameter_source", "instrument", "reference")
"""Told in the sentence on imaging, not in columns."""
