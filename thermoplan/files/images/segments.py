"""Segmentations that 3D Slicer writes as NRRD: labels, and the names of their segments."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from ...base.image import Image
from ..size_guard import LIMIT_BYTES
from ..text.text_files import existing
from .nrrd import Nrrd, affine_m, axes_of, open_nrrd, read_raw
from .orientation import place_voxels
from .suffixes import NRRD

_SEGMENT = re.compile(r"segment(\d{1,9})_", re.ASCII)


class _Segment(NamedTuple):
    name: str
    label: int
    layer: int


def read_segmentation(
    path: Path | str,
    *,
    notes: list[str] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> tuple[Image, dict[int, str]]:
    """Labels and their names, ``{label: name}``, of a Slicer segmentation.

    Labels are those of the file where it has one layer; of several layers they are numbered from 1 in the
    order of the segments, and where segments overlap the later one counts.
    """
    notes = notes if notes is not None else []
    file = read_raw(existing(path), limit_bytes)
    segments = _segments(file.header, file.name)
    layered = len(file.spatial) < file.data.ndim
    labels = _merge_layers(file, segments, notes) if layered else file.data
    return place_voxels(labels, affine_m(file, notes), file.name), _number_labels(segments, layered)


def _merge_layers(file: Nrrd, segments: list[_Segment], notes: list[str]) -> AnyArray:
    layers = np.moveaxis(file.data, next(iter(set(range(4)) - set(file.spatial))), 0)
    labels = np.zeros(layers.shape[1:], np.int32)
    whole: list[int] = []
    covered: Counter[tuple[int, int]] = Counter()
    for number, segment in enumerate(segments, start=1):
        if not 0 <= segment.layer < len(layers):
            raise InputError(
                f"{file.name}: segment {segment.name}: Layer = {segment.layer}: the file has "
                f"{len(layers)} layers: save the segmentation anew"
            )
        inside = layers[segment.layer] == segment.label
        under, voxels = np.unique(labels[inside], return_counts=True)
        covered.update({(number, int(k)): int(n) for k, n in zip(under, voxels, strict=True) if k > 0})
        whole.append(int(inside.sum()))
        labels[inside] = number
    _note_cover(covered, whole, labels, names=[s.name for s in segments], file=file.name, notes=notes)
    return labels


def _note_cover(
    covered: Mapping[tuple[int, int], int],
    whole: Sequence[int],
    labels: AnyArray,
    *,
    names: Sequence[str],
    file: str,
    notes: list[str],
) -> None:
    """A note for each segment that a later one covers in part; one that is covered whole is refused."""
    left = np.bincount(labels.ravel(), minlength=len(names) + 1)
    faults = []
    for (upper, lower), voxels in covered.items():
        words = f"segment {names[upper - 1]} covers {voxels} of {whole[lower - 1]} voxels of segment {names[lower - 1]}"
        if left[lower] or not whole[lower - 1]:
            notes.append(f"{file}: {words}; where segments overlap the later one counts")
        else:
            faults.append(
                f"{file}: {words}, which has none left: where segments overlap the later one counts; put "
                f"{names[lower - 1]} behind {names[upper - 1]} in the list of segments"
            )
    if faults:
        raise InputError(faults)


def _segments(header: dict[str, str], name: str) -> list[_Segment]:
    """The segments, in the order of the file."""
    numbers = sorted({int(m[1]) for key in header if (m := _SEGMENT.match(key))})
    if not numbers:
        raise InputError(
            f"{name}: names no segment; expected a segmentation of 3D Slicer (.seg.nrrd), or beside it a "
            "table of label,region,tissue (label_table)"
        )

    def entry(n: int, key: str, default: str) -> str:
        return header.get(f"segment{n}_{key}", default)

    try:
        return [
            _Segment(entry(n, "name", f"segment-{n}"), int(entry(n, "labelvalue", "1")), int(entry(n, "layer", "0")))
            for n in numbers
        ]
    except ValueError as problem:
        raise InputError(f"{name}: a segment's label or layer is not a whole number: {problem}") from problem


def names_segments(path: Path) -> bool:
    """True if a file, by its suffix, may name its segments."""
    return path.suffix.lower() in NRRD


def has_segments(path: Path | str) -> bool:
    """True if a file, by its header, is a segmentation of 3D Slicer."""
    path = Path(path)
    if not names_segments(path) or not os.path.isfile(path):
        return False
    try:
        with open_nrrd(path) as (_, header, _):
            return any(_SEGMENT.match(key) for key in header)
    except InputError:
        return False


def read_segment_names(path: Path | str) -> dict[int, str]:
    """``{label: name}`` of a Slicer segmentation, from its header alone."""
    with open_nrrd(existing(path)) as (name, header, _):
        segments = _segments(header, name)
        return _number_labels(segments, len(axes_of(header, name)[1]) > 3)


def _number_labels(segments: list[_Segment], layered: bool) -> dict[int, str]:
    """Labels as the file has them, or numbered from 1 where layers must be merged."""
    if layered:
        return {number: segment.name for number, segment in enumerate(segments, start=1)}
    return {segment.label: segment.name for segment in segments}
