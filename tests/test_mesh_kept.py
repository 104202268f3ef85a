"""A mesh that is wanted again is not made again, and one of anything else is."""

from __future__ import annotations

import numpy as np

from thermoplan.anatomy.meshing import MeshSizes
from thermoplan.base.image import Image
from thermoplan.plan.case.mesh_cache import KEPT, _kept, cached_mesh

AFFINE = np.diag([1e-3, 1e-3, 1e-3, 1.0])
SIZES = MeshSizes(2e-3, 3e-3, ())


def labels(size: int = 8) -> Image:
    data = np.zeros((12, 12, 12), np.uint8)
    data[2 : 2 + size, 2:10, 2:10] = 1
    data[4:7, 4:8, 4:8] = 2
    return Image(data, AFFINE)


def test_the_same_labels_give_the_same_mesh_and_others_another():
    table = {1: ("body", "muscle"), 2: ("tumour", "tumour")}
    first = cached_mesh(labels(), table, SIZES)
    assert cached_mesh(labels(), table, SIZES)[0] is first[0]
    assert cached_mesh(labels(7), table, SIZES)[0] is not first[0]
    assert cached_mesh(labels(), {1: ("body", "fat"), 2: table[2]}, SIZES)[0] is not first[0]
    assert len(_kept) <= KEPT
