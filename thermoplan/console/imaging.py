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
