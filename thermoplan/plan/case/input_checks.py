"""Cross-checks of a protocol's inputs: names, tissues, probes, and iron against the anatomy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from ...anatomy.body import Body
from ...anatomy.tissue import canonical_tissue
from ...base.errors import InputError
from ...base.names import name_fault
from ...base.units import toml_text
from ...goals import CORE, EVERYWHERE_ELSE, SKIN
from ...imaging.iron_map import IronMap
from ...protocol import Protocol

OUTSIDE_WARNING = 0.05
"""Share of iron off the skin that is worth a warning; a well registered scan loses less by its blur."""
OUTSIDE_REFUSAL = 0.20
"""Share of iron off the skin that cannot be planned on: scan and anatomy are not in one frame."""


def input_complaints(protocol: Protocol, iron: IronMap, body: Body) -> Iterator[str]:
    """Everything that is wrong between a protocol, its iron and its body."""
    yield from _unknown_regions(protocol, body)
    for region, tissue in body.tissues.items():
        if fault := name_fault(region):
            yield f"{_source(protocol)}: region {toml_text(region)}: {fault}"
        try:
            canonical_tissue(tissue)
        except InputError as error:
            yield f"region {region}: {error}"
    yield from _misplacements(protocol, iron, body)


def _source(protocol: Protocol) -> str:
    """File that names the body's regions."""
    anatomy = protocol.anatomy
    path = anatomy.mesh or anatomy.labels
    return "anatomy" if path is None else path.name


def _unknown_regions(protocol: Protocol, body: Body) -> Iterator[str]:
    known = (*body.tissues, SKIN, EVERYWHERE_ELSE, CORE)
    listed = {name for goal in protocol.goals for name in goal.region}
    for name in [*listed, *protocol.iron.uptake]:
        if name not in known:
            where = "iron.uptake" if name in protocol.iron.uptake else "goals and limits"
            why = "is empty: no voxel has its label" if name in body.empty_regions else "is not in the anatomy"
            yield f'{where}: region = "{name}": {why}; expected one of {", ".join(known)}'


def _misplacements(protocol: Protocol, iron: IronMap, body: Body) -> Iterator[str]:
    """Probes off the body, and iron that does not lie where the anatomy is."""
    for probe in protocol.probes:
        if body.region_of(np.array([probe.position_m]))[0] < 0:
            place = " ".join(f"{1e3 * v:.1f}" for v in probe.position_m)
            yield (
                f'probes.{probe.name}: position = "{place} mm": outside the body; expected a place in it, RAS '
                "millimetres of the anatomy's frame"
            )
    share = outside_share(iron, body)
    if share > OUTSIDE_REFUSAL:
        yield (
            f"iron.image: {share:.0%} of the iron of {iron.name} lies outside the anatomy (20 % is the "
            "limit): the two images are not in one frame; give [iron] registration"
        )


def outside_share(iron: IronMap, body: Body) -> float:
    """Share of the iron that lies off the skin by more than the image's blur, judged by voxels."""
    index = np.argwhere(iron.image.data > 0)
    values = iron.image.data[tuple(index.T)]
    points = iron.image.positions_m(index)
    off = body.region_of(points) < 0
    if not off.any():
        return 0.0
    reach = iron.reach_m
    distance = cKDTree(body.skin_points_m()).query(points[off], distance_upper_bound=reach)[0]
    return float(values[off][~np.isfinite(distance)].sum() / values.sum())
