"""A label volume and its table: which label is which region, made of which tissue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...anatomy.body import refuse_thin
from ...anatomy.tissue import canonical_tissue
from ...base.errors import InputError
from ...base.image import Image
from ..text.csv_rows import read_csv, refuse_faults
from .segments import has_segments, read_segment_names, read_segmentation
from .volumes import read_volume
from .voxel_values import as_labels

_COLUMNS = ("label", "region", "tissue")


class Label(NamedTuple):
    region: str
    tissue: str


def read_label_table(path: Path | str) -> dict[int, Label]:
    """``label,region,tissue`` rows as ``{label: (region, tissue)}``; further columns are left alone.

    Label 0 is outside the body and needs no row. Several labels may make one region, of one tissue.
    """
    found = read_csv(path)
    found.require(_COLUMNS, ",".join(_COLUMNS))
    table: dict[int, Label] = {}
    refuse_faults(list(_fill(table, found.rows, found.name)), found.name)
    if not table:
        raise InputError(f"{found.name}: no label; expected rows such as 3,liver,liver")
    return table


def read_labelled(
    path: Path | str, table: Mapping[int, Label] | None = None, *, notes: list[str] | None = None
) -> tuple[Image, dict[int, Label]]:
    """A label volume of any format and its table; the segments of a Slicer segmentation are its regions.

    A table that is given counts before the segments' names; it must then have a row for every label.
    """
    path, notes = Path(path), notes if notes is not None else []
    if not has_segments(path):
        labels = as_labels(read_volume(path, notes=notes), path.name, table or ())
        if table is None:
            raise InputError(
                f"{path.name}: label_table: missing: expected a table of label,region,tissue, such as "
                '"mouse-labels.csv", or a segmentation of 3D Slicer (.seg.nrrd), which has names'
            )
        refuse_thin(labels, path.name)
        return labels, dict(table)
    labels = as_labels(read_segmentation(path, notes=notes)[0], path.name, table or ())
    refuse_thin(labels, path.name)
    if table is None:
        table = segment_table(path)
        guessed = [f"{region} is made of {tissue}" for region, tissue in table.values() if not _table_name(region)]
        if guessed:
            notes.append(f"{path.name}: by the words in its segments' names, {', '.join(guessed)}")
    return labels, dict(table)


def segment_table(path: Path | str) -> dict[int, Label]:
    """The table that a Slicer segmentation stands for: a region a segment, its tissue by the segment's name.

    A name counts whole, else by the one word in it that is a tissue: "flank tumour" is tumour.
    """
    path = Path(path)
    table, complaints = {}, []
    for label, name in read_segment_names(path).items():
        found = _tissues_in(name)
        if len(found) == 1:
            table[label] = Label(name, found.pop())
        else:
            said = "names several tissues" if found else "names no tissue"
            complaints.append(
                f'{path.name}: segment "{name}": {said}: rename it after one, or give label_table with a '
                f"row such as {label},{name},muscle"
            )
    if complaints:
        raise InputError(complaints)
    return table


def _tissues_in(name: str) -> set[str]:
    whole = _table_name(name)
    return {whole} if whole else {tissue for word in re.split(r"[\W_\d]+", name) if (tissue := _table_name(word))}


def _table_name(name: str) -> str:
    """The table's name of a tissue, or nothing."""
    try:
        return canonical_tissue(name)
    except InputError:
        return ""


def regions_of(table: Mapping[int, Label | tuple[str, str]]) -> dict[str, str]:
    """``{region: tissue}`` in the order of the table."""
    return dict(table.values())


def _fill(table: dict[int, Label], rows: Sequence[Mapping[str, str]], name: str) -> Iterator[str]:
    tissue_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        label, region, tissue = (row[key].strip() for key in _COLUMNS)
        where = f"{name}: row {number}"
        if not re.fullmatch(r"[+-]?\d{1,18}", label, re.ASCII):
            yield f'{where}: label = "{label}": expected a whole number, such as 3'
            continue
        value = int(label)
        if value < 1:
            yield f"{where}: label = {value}: expected 1 or more; 0 is outside the body"
        elif value in table:
            yield f"{where}: label = {value}: used twice"
        elif not region or not tissue:
            yield f'{where}: {"tissue" if region else "region"}: missing: expected a name, such as "liver"'
        elif tissue_of.setdefault(region, tissue) != tissue:
            yield f'{where}: tissue = "{tissue}": region {region} is made of {tissue_of[region]} already'
        else:
            table[value] = Label(region, tissue)
