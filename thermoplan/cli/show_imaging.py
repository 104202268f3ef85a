"""Images."""

from __future__ import annotations

import math

from rich.markup import escape
from rich.table import Table

from ..commands.answer_types import ConvertAnswer, CurveAnswer, QuantifyAnswer, RegisterAnswer, ScanAnswer
from .show_common import number, say_wrote, show_notes, stdout, table_of


def show_converted(record: ConvertAnswer) -> None:
    """An image that was written in another format."""
    out = stdout()
    shape, spacing = (" x ".join(f"{v:.4g}" for v in record[key]) for key in ("shape", "spacing_mm"))
    out.print(f"{shape} voxels of {spacing} mm, highest {record['highest']:.4g}, values {record['unit']}")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    say_wrote(record["image"])


def show_registered(record: RegisterAnswer) -> None:
    """A registration: what is left, landmark by landmark, and the transform."""
    out = stdout()
    if record["landmarks"]:
        table = table_of("landmark", "left, mm", title="Landmarks")
        for name, left in record["landmarks"].items():
            table.add_row(escape(name), number(left, 2))
        out.print(table)
        without = record["leave_one_out_mm"]
        out.print(
            f"residual {record['residual_mm']:.3g} mm rms; each landmark from the others "
            f"{'not known with three' if without is None else f'{without:.3g} mm'}"
        )
    else:
        out.print(f"residual {record['residual_mm']:.2g} mm: searches from several starts, and a voxel's own spread")
    out.print(f"turned by {record['turn_deg']:.3g} degrees; image to anatomy, RAS, mm:")
    for row in record["matrix_mm"]:
        out.print("  " + " ".join(f"{value:10.5f}" for value in row))
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    say_wrote(record["transform"])


def show_scanned(record: ScanAnswer) -> None:
    """A digital scan: what went in, what blurred it, what came out."""
    out = stdout()
    shape, spacing, width = (" x ".join(f"{v:.3g}" for v in record[key]) for key in ("shape", "spacing_mm", "fwhm_mm"))
    out.print(f"iron     {record['iron_mg']:.4g} mg; the picture holds signal of {record['signal_mg']:.4g} mg")
    out.print(f"blur     {escape(record['psf'])}; full widths {width} mm along R, A, S")
    out.print(f"picture  {shape} voxels of {spacing} mm, highest {record['highest']:.4g}")
    if record["seed"] is None:
        out.print("noise    none")
    else:
        out.print(
            f"noise    {record['noise_mg_ml']:.3g} mg/mL a voxel, seed {record['seed']}; the highest voxel is "
            f"{record['highest_over_noise']:.3g} times that"
        )
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    say_wrote(record["image"])


def show_quantified(record: QuantifyAnswer) -> None:
    """The standard curve, the detection limit, and a row a region."""
    out = stdout()
    out.print(_curve_table(record["curve"]))
    for line in _curve_words(record["curve"]):
        out.print(line)
    ground = record["background"]
    out.print(
        f"background {ground['level']:.3g} +- {ground['sigma']:.3g} in {ground['voxels']} voxels"
        + (
            f", noise of neighbours correlated (variance of sums x {ground['correlation']:.2g})"
            if ground["correlation"] > 1.2
            else ""
        )
    )
    region = record["curve"]["detection_limit_ug"]
    out.print(
        f"[bold]detection limit[/bold] {_short(record['detection_limit_mg_ml'])} mg/mL in a voxel"
        + ("" if region is None else f", {_short(region)} ug in a region the size of a fiducial")
        + "\n"
    )
    out.print(_region_table(record))
    out.print("+- is one standard uncertainty: noise, curve, lack of fit; S/N is the mean signal over a voxel's noise")
    show_notes(record["warnings"])
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    for path in record["files"]:
        say_wrote(path)


def _curve_table(curve: CurveAnswer) -> Table:
    table = table_of("fiducial", "iron, ug", "signal, mm3", "read, ug", "read / iron", "", title="Standard curve")
    for point in curve["points"]:
        iron = point["iron_ug"]
        said = "" if point["used"] else "blank" if iron == 0.0 else "below the limit"
        table.add_row(
            escape(point["name"]),
            _short(iron),
            _short(point["signal_mm3"]),
            _short(point["read_ug"]),
            f"{point['read_ug'] / iron:.2f}" if iron else "-",
            said,
        )
    return table


def _curve_words(curve: CurveAnswer) -> list[str]:
    slope, error = curve["slope_per_mg_ml"], curve["slope_sd_per_mg_ml"]
    known = "uncertainty not known" if error is None else f"+- {_short(error)} ({error / slope:.1%})"
    fit = "" if curve["r2"] is None else f"   R2 {curve['r2']:.4f}"
    words = [f"slope {slope:.4g} {known} per mg/mL{fit}   lack of fit {curve['lack_of_fit']:.1%}"]
    if curve["intercept_ug"] is not None:
        words.append(
            f"intercept {_short(curve['intercept_ug'])} +- {_short(curve['intercept_sd_ug'])} ug: "
            + ("used" if curve["intercept_used"] else "not used, the line goes through zero")
        )
    return words


def _region_table(record: QuantifyAnswer) -> Table:
    table = table_of(
        "region",
        "voxels",
        "mm3",
        "mg Fe",
        "+-",
        "95 % interval",
        "mg/mL",
        "highest",
        "S/N",
        title=f'Iron, by the rule "{escape(record["rule"])}"',
    )
    for row in record["regions"]:
        sd, low, high = row["iron_sd_mg"], row["iron_low_mg"], row["iron_high_mg"]
        found = _beside(row["iron_mg"], sd) if row["detected"] else f"< {_short(row['limit_mg'])}"
        interval = "-" if low is None or high is None else f"{_beside(low, sd)} to {_beside(high, sd)}"
        table.add_row(
            escape(row["region"]),
            str(row["voxels"]),
            _short(row["volume_mm3"]),
            found,
            _beside(sd, sd),
            interval,
            _short(row["concentration_mg_ml"]),
            _short(row["highest_mg_ml"]),
            _short(row["snr"]),
        )
    return table


def _beside(value: float | None, error: float | None) -> str:
    """A value to the place of its error's second digit."""
    if not error or value is None or not 1e-6 < error < 1e6:
        return _short(value)
    return f"{value:.{max(0, 1 - math.floor(math.log10(error)))}f}"


def _short(value: float | None) -> str:
    """Three digits, without powers of ten where a reader can do without."""
    if value is None:
        return "-"
    if value == 0.0:
        return "0"
    return f"{float(f'{value:.3g}'):.10f}".rstrip("0").rstrip(".") if 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
