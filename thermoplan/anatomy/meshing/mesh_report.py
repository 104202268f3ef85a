"""Quality report of a mesh: volumes, areas, shape of its elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ...base.arrays import Array
from ..anatomy import Anatomy
from .tet_mesh import FACES, Draft
from .tet_quality import cross, norm, quality, stiffness, volumes_m3

_CLOSE = 0.02
"""Relative error of a region's volume from which a warning says so."""
_AREA_CLOSE = 0.06
"""The same of the skin's area, which convection follows."""


@dataclass(frozen=True, slots=True)
class MeshReport:
    """Sizes, shapes, and how near the mesh is to the labels.

    Parameters
    ----------
    quality_min, quality_histogram
        Of three times inradius over circumradius; elements in tenths from 0 to 1.
    stiffness_1_m2
        Largest diagonal of the Laplacian over its lumped volume. Times k / (rho c), and by about 1.3, it is the
        spectral radius of the conduction operator.
    volume_mm3, label_volume_mm3, thickness_elements
        Per region: of the mesh, of what it stands for, and how many elements fit across its thickest place.
    skin_area_m2, smoothed_skin_area_m2
        Of the mesh's outer surface, and of the labels' smoothed outline; None without labels.
    """

    nodes: int
    tetrahedra: int
    quality_min: float
    quality_histogram: tuple[int, ...]
    stiffness_1_m2: float
    volume_mm3: Mapping[str, float]
    label_volume_mm3: Mapping[str, float]
    thickness_elements: Mapping[str, float]
    skin_area_m2: float
    smoothed_skin_area_m2: float | None
    warnings: tuple[str, ...]


def region_volumes_m3(draft: Draft, count: int) -> tuple[Array, Array, float]:
    """Per region its volume and the area of its border, and the area of the skin.

    In m3 ``(count,)``, m2 ``(count,)`` and m2.
    """
    volume = volumes_m3(draft.points, draft.tets)
    other = np.where(draft.across >= 0, draft.region[draft.across], count)
    cell, face = np.nonzero(other != draft.region[:, None])
    area = triangle_areas_m2(draft.points[draft.tets[cell[:, None], FACES[face]]])
    border = np.bincount(draft.region[cell], area, count)
    return np.bincount(draft.region, volume, count), border, float(area[other[cell, face] == count].sum())


def triangle_areas_m2(corners: Array) -> Array:
    """Areas ``(k,)`` of triangles by their corners ``(k, 3, 3)`` in m."""
    return 0.5 * norm(cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))


def describe_mesh(
    anatomy: Anatomy, draft: Draft, volumes: Array, area: float | None, notes: tuple[str, ...]
) -> MeshReport:
    """Report on a mesh beside the volumes ``(r,)`` in m3 of its regions by labels, and the skin's ``area`` in m2 by
    labels."""
    names = anatomy.region_names
    shape = quality(anatomy.points_m, anatomy.tets)
    have, _, skin = region_volumes_m3(draft, len(names))
    thick = _thickness(draft, len(names))
    warnings = [*notes]
    off = [
        f"{name} {h / w - 1.0:+.1%} ({t:.1f} elements thick)"
        for name, h, w, t in zip(names, have, volumes, thick, strict=True)
        if abs(h / w - 1.0) > _CLOSE
    ]
    if off:
        warnings.append(
            f"mesh: volumes differ from the labels': {', '.join(off)}: lower [mesh] size, or name the region in a goal"
        )
    if area is not None and abs(skin / area - 1.0) > _AREA_CLOSE:
        warnings.append(
            f"mesh: the skin has {1e4 * skin:.3g} cm2, {skin / area - 1.0:+.1%} of the labels' smoothed "
            "outline; heat loss is off by as much: lower [mesh] size"
        )
    return MeshReport(
        nodes=len(anatomy.points_m),
        tetrahedra=len(anatomy.tets),
        quality_min=float(shape.min()),
        quality_histogram=tuple(int(n) for n in np.histogram(shape, np.linspace(0.0, 1.0, 11))[0]),
        stiffness_1_m2=float(stiffness(anatomy.points_m, anatomy.tets).max()),
        volume_mm3=dict(zip(names, (1e9 * have).tolist(), strict=True)),
        label_volume_mm3=dict(zip(names, (1e9 * volumes).tolist(), strict=True)),
        thickness_elements=dict(zip(names, thick, strict=True)),
        skin_area_m2=skin,
        smoothed_skin_area_m2=area,
        warnings=tuple(warnings),
    )


def _thickness(draft: Draft, count: int) -> list[float]:
    """Twice the greatest depth of a node under its region's border, over the mean edge there; at least 1."""
    other = np.where(draft.across >= 0, draft.region[draft.across], count)
    cell, face = np.nonzero(other != draft.region[:, None])
    thick = []
    for region in range(count):
        mine = draft.region[cell] == region
        rim = np.unique(draft.tets[cell[mine, None], FACES[face[mine]]])
        tets = draft.tets[draft.region == region]
        p = draft.points[tets]
        edge = np.linalg.norm(p[:, [1, 2, 3, 2, 3, 3]] - p[:, [0, 0, 0, 1, 1, 2]], axis=2).mean()
        depth = cKDTree(draft.points[rim]).query(draft.points[np.unique(tets)])[0].max() if len(rim) else np.inf
        thick.append(max(float(2.0 * depth / edge), 1.0))
    return thick
