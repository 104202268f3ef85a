"""The mesh of a label volume, kept while it is wanted again: studies change everything but the anatomy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from ...anatomy.anatomy import Anatomy
from ...anatomy.meshing import MeshReport, MeshSizes, mesh_labels
from ...base.cache import content_digest
from ...base.image import Image

KEPT = 2
"""Meshes kept in memory: a full one of the shipped mouse takes about 30 MB."""

_kept: OrderedDict[str, tuple[Anatomy, MeshReport]] = OrderedDict()


def cached_mesh(labels: Image, table: Mapping[int, tuple[str, str]], sizes: MeshSizes) -> tuple[Anatomy, MeshReport]:
    """`mesh_labels`, or what it made before of the same labels, table and sizes; both are immutable."""
    key = content_digest(repr((sorted(table.items()), sizes)), (labels.affine_m, labels.data))
    if key not in _kept:
        _kept[key] = mesh_labels(labels, dict(table), sizes)
    _kept.move_to_end(key)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return _kept[key]
