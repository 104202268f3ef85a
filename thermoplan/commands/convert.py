"""Conversion of an image from one format to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..files.images.volumes import ReaderOptions, convert
from ..files.tables.transforms import read_transform
from .answer_types import ConvertAnswer


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """Choice of what is read: frame and channel from 1, a place for a bare array, axes not at right angles."""

    frame: int | None = None
    channel: int | None = None
    affine: Path | None = None
    allow_shear: bool = False

    def reader_options(self) -> ReaderOptions:
        """As the readers take it."""
        return {
            "frame": None if self.frame is None else self.frame - 1,
            "channel": None if self.channel is None else self.channel - 1,
            "affine_m": None if self.affine is None else read_transform(self.affine),
            "allow_shear": self.allow_shear,
        }


def convert_image(source: Path, target: Path, unit: str | None, wanted: ImageChoice | None = None) -> ConvertAnswer:
    """Write an image in another format; what was written, and what is worth a warning."""
    notes: list[str] = []
    image = convert(source, target, unit=unit, notes=notes, **(wanted or ImageChoice()).reader_options())
    return {
        "image": str(target),
        "shape": list(image.shape),
        "spacing_mm": (1e3 * image.spacing_m).tolist(),
        "unit": "as in the source" if unit is None else "mg/mL",
        "sum": float(image.data.sum(dtype=float)),
        "highest": float(image.data.max()),
        "notes": notes,
    }
