"""Images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from .base import number, stdout, table_of


def show_converted(record: Mapping[str, Any]) -> None:
    """An image that was written in another format."""
    out = stdout()
    shape, spacing = (" x ".join(f"{v:.4g}" for v in record[key]) for key in ("shape", "spacing_mm"))
    out.print(f"{shape} voxels of {spacing} mm, highest {record['highest']:.4g}, values {record['unit']}")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['image'])}", soft_wrap=True)


def show_registered(record: Mapping[str, Any]) -> None:
    """A registration: what is left, landmark by landmark, and the transform."""
    out = stdout()
    if record["landmarks"]:
        table = table_of("landmark", "left, mm", title="Landmarks")
        for name, left in record["landmarks"].items():
            table.add_row(escape(name), number(left, 2))
        out.print(table)
        without = record["leave_one_out_mm"]
        out.print(f"residual {record['residual_mm']:.3g} mm rms; each landmark from the others "
                  f"{'not known with three' if without is None else f'{without:.3g} mm'}")
    else:
        out.print(f"searches from several starts agree to {record['residual_mm']:.2g} mm")
    out.print(f"turned by {record['turn_deg']:.3g} degrees; image to anatomy, RAS, mm:")
    for row in record["matrix_mm"]:
        out.print("  " + " ".join(f"{value:10.5f}" for value in row))
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['transform'])}", soft_wrap=True)


def show_scanned(record: Mapping[str, Any]) -> None:
    """A digital scan: what went in, what blurred it, what came out."""
    out = stdout()
    shape, spacing, width = (" x ".join(f"{v:.3g}" for v in record[key]) for key in ("shape", "spacing_mm", "fwhm_mm"))
    out.print(f"iron     {record['iron_mg']:.4g} mg; the picture holds signal of {record['signal_mg']:.4g} mg")
    out.print(f"blur     {escape(record['psf'])}; full widths {width} mm along R, A, S")
    out.print(f"picture  {shape} voxels of {spacing} mm, highest {record['highest']:.4g}")
    if record["seed"] is None:
        out.print("noise    none")
    else:
        out.print(f"noise    {record['noise_mg_ml']:.3g} mg/mL a voxel, seed {record['seed']}; the highest voxel is "
                  f"{record['highest_over_noise']:.3g} times that")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['image'])}", soft_wrap=True)
