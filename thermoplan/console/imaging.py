"""Images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from .base import stdout


def show_converted(record: Mapping[str, Any]) -> None:
    """An image that was written in another format."""
    out = stdout()
    shape, spacing = (" x ".join(f"{v:.4g}" for v in record[key]) for key in ("shape", "spacing_mm"))
    out.print(f"{shape} voxels of {spacing} mm, highest {record['highest']:.4g}, values {record['unit']}")
    for note in record["notes"]:
        out.print(f"[yellow]note[/yellow] {escape(note)}")
    out.print(f"wrote {escape(record['image'])}", soft_wrap=True)


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
