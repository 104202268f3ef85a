"""Scale of DICOM pixels: from stored numbers to values, and the unit of those.

The real-world value mapping (PS3.3, C.7.6.16.2.11) takes stored numbers to values with a unit; where a file has one it
counts before the rescale of its modality, which is for display. RT Dose has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...base.arrays import AnyArray, Array
from ...base.errors import InputError
from .nifti_header import scaled_type

_MAPPING = "RealWorldValueMappingSequence"
_FIRST = ("RealWorldValueFirstValueMapped", "DoubleFloatRealWorldValueFirstValueMapped")


class DicomItem(Protocol):
    """Dataset of pydicom, as far as a scale looks at it."""

    def get(self, key: str, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class PixelScale:
    """Line, or table from ``first`` on, from stored numbers to values in ``unit``, a UCUM code or empty."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    first: int = 0
    table: Array | None = None

    @property
    def is_plain(self) -> bool:
        return self.table is None and (self.slope, self.intercept) == (1.0, 0.0)

    def kind(self, stored: np.dtype[Any]) -> type[np.floating[Any]] | np.dtype[Any]:
        """Type that holds the values."""
        if self.is_plain:
            return stored
        return np.float64 if self.table is not None else scaled_type(stored, self.slope, self.intercept)

    def values(self, stored: AnyArray, name: str) -> AnyArray:
        if self.table is None:
            return stored if self.is_plain else self.slope * stored + self.intercept
        index = stored.astype(np.int64) - self.first
        outside = (index < 0) | (index >= len(self.table))
        if outside.any():
            raise InputError(
                f"{name}: {int(outside.sum())} pixels lie outside the table of its RealWorldValueMapping: export the "
                "image with values that are mapped"
            )
        return self.table[index]


def pixel_scale(groups: Sequence[DicomItem | None], places: Sequence[DicomItem], name: str) -> PixelScale:
    """Scale of a frame: ``groups`` may hold a mapping, ``places`` a rescale; the frame's own come first."""
    if any(place.get("ModalityLUTSequence") for place in places):
        raise InputError(
            f"{name}: its scale is a table (Modality LUT), which is not read: export it with a rescale slope"
        )
    items = next((found for group in groups if group is not None and (found := group.get(_MAPPING))), None)
    if items:
        scales = {(scale.slope, scale.intercept, scale.unit): scale for scale in map(_read_mapping, items)}
        if len(items) > 1 and (len(scales) > 1 or any(scale.table is not None for scale in scales.values())):
            units = ", ".join(f'"{scale.unit or "no unit"}"' for scale in scales.values())
            raise InputError(
                f"{name}: has {len(items)} real-world value mappings ({units}): which one counts cannot be known; "
                "export the image with one"
            )
        return next(iter(scales.values()))
    stated = {key: _first_entry(places, key) for key in ("RescaleSlope", "RescaleIntercept", "DoseGridScaling")}
    slope = stated["DoseGridScaling"] if stated["RescaleSlope"] is None else stated["RescaleSlope"]
    return PixelScale(1.0 if slope is None else slope, stated["RescaleIntercept"] or 0.0)


def shared_unit(scales: Sequence[PixelScale], name: str) -> str:
    """The unit of all frames; frames of several units are refused."""
    units = list(dict.fromkeys(scale.unit for scale in scales))
    if len(units) > 1:
        listed = " and ".join(f'"{unit or "none"}"' for unit in units)
        raise InputError(f"{name}: its frames have values in {listed}: export one quantity by itself")
    return units[0]


def _read_mapping(item: Any) -> PixelScale:
    coded = item.get("MeasurementUnitsCodeSequence")
    unit = str(coded[0].get("CodeValue", "")) if coded else ""
    data = item.get("RealWorldValueLUTData")
    if data is not None:
        first = next((int(item.get(key)) for key in _FIRST if item.get(key) is not None), 0)
        return PixelScale(unit=unit, first=first, table=np.atleast_1d(np.asarray(data, float)))
    slope, intercept = item.get("RealWorldValueSlope"), item.get("RealWorldValueIntercept")
    return PixelScale(1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept), unit)


def _first_entry(places: Sequence[DicomItem], key: str) -> float | None:
    found = next((place.get(key) for place in places if place.get(key) is not None), None)
    return None if found is None else float(found)
