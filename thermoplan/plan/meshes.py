"""The mesh of a label volume, kept while it is wanted again: studies change everything but the anatomy."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from ..anatomy import Anatomy
from ..image import Image
from ..meshing import MeshReport, MeshSizes, mesh_labels

KEPT = 2
"""Meshes kept in memory: a full one of the shipped mouse takes about 30 MB."""

_kept: OrderedDict[str, tuple[Anatomy, MeshReport]] = OrderedDict()


def meshed(labels: Image, table: Mapping[int, tuple[str, str]], sizes: MeshSizes) -> tuple[Anatomy, MeshReport]:
    """`mesh_labels`, or what it made before of the same labels, table and sizes; both are immutable."""
    digest = hashlib.sha256(repr((labels.shape, labels.data.dtype.str, sorted(table.items()), sizes)).encode())
    digest.update(np.ascontiguousarray(labels.affine_m))
    digest.update(np.ascontiguousarray(labels.data))
    key = digest.hexdigest()
    if key not in _kept:
        _kept[key] = mesh_labels(labels, dict(table), sizes)
    _kept.move_to_end(key)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return _kept[key]
