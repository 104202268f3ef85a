"""Goals bound to a mesh: the nodes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from ..anatomy.anatomy import Anatomy
from ..base.arrays import IntArray, freeze
from ..base.errors import InputError
from .defaults import default_limits
from .goal import CORE, EVERYWHERE_ELSE, SKIN, Goal, GoalRow, Resolved, target_regions

_FOCUS_C = 43.0
"""Bound of the T90 that is followed of each target; only its row is used, so that any number would do."""
_ROUNDING = 1e-9
_SAME_PLACE_M = 1e-12
"""A point at the margin itself is within it: both are far above rounding and far below an edge of a mesh."""


def resolve(goals: Sequence[Goal], anatomy: Anatomy, *, core: bool = True, defaults: bool = True) -> Resolved:
    """Bind goals to the mesh; all complaints at once.

    ``core`` says whether the blood is the last degree of freedom, number ``n_nodes``.
    """
    tissues = dict(zip(anatomy.region_names, anatomy.tissue_names, strict=True))
    everything = tuple(goals) + (default_limits(goals, tissues, core=core) if defaults else ())
    targets = target_regions(goals)
    complaints = list(place_complaints(everything, anatomy.region_names, core=core))
    if complaints:
        raise InputError(complaints)
    rows: list[GoalRow] = []
    spared: list[GoalRow] = []
    notes: list[str] = []
    for goal in everything:
        for name in goal.places:
            elsewhere = None
            if name == EVERYWHERE_ELSE:
                elsewhere, near = _cells_elsewhere(everything, targets, goal, anatomy)
                spared.append(_bind(goal, f"tissue within {1e3 * goal.margin_m:g} mm of a target", anatomy, near))
            row = _bind(goal, name, anatomy, elsewhere)
            if len(row.nodes):
                rows.append(row)
            elif name == EVERYWHERE_ELSE:
                margin_mm = goal.margin_m * 1e3
                notes.append(
                    f"everywhere-else is empty: no other tissue is farther than {margin_mm:g} mm from a target"
                )
            else:
                thin = "; a shell must be thicker than the mesh's edges there" if goal.shell_m is not None else ""
                complaints.append(f'region "{name}": has no element, so {goal.metric} cannot be judged{thin}')
    if complaints:
        raise InputError(complaints)
    inside = _cells(anatomy, targets)
    outside_m3 = anatomy.node_volumes_m3 - anatomy.node_weights_m3(inside)
    notes += _shared_node_notes(rows, targets, anatomy)
    return Resolved(
        tuple(rows),
        targets,
        freeze(np.unique(anatomy.tets[inside]), np.int64),
        freeze(np.maximum(outside_m3, 0.0)),
        tuple(dict.fromkeys(notes)),
        tuple(_bind(Goal("goal", (name,), "T90", _FOCUS_C, "at_least"), name, anatomy) for name in targets),
        spared=tuple(row for row in spared if len(row.nodes)),
    )


def tighten(resolved: Resolved, by_k: Mapping[int, float]) -> Resolved:
    """A copy of which some rows ask for more: by so many kelvins, doublings of a dose, or tenths of the volume."""
    rows = list(resolved.rows)
    for i, step in by_k.items():
        rows[i] = replace(rows[i], goal=rows[i].goal.shifted(step))
    return replace(resolved, rows=tuple(rows))


def place_complaints(goals: Sequence[Goal], regions: Sequence[str], *, core: bool) -> Iterator[str]:
    """Complaints about the places of goals among an anatomy's regions; ``core`` is True where blood has a state."""
    known = (*regions, SKIN, EVERYWHERE_ELSE, CORE)
    for name in dict.fromkeys(name for goal in goals for name in goal.region):
        if name not in known:
            yield f'region "{name}": not in the anatomy; it has {", ".join(known)}'
        elif name == CORE and not core:
            yield 'region "core": the blood temperature is fixed; expected physiology.core = "pool"'
    for goal in goals:
        if goal.kind == "goal" and EVERYWHERE_ELSE in goal.region:
            yield 'region "everywhere-else": it is what no goal names; expected a limit'
        joined = goal.as_one or goal.shell_m is not None
        if joined and (wrong := [name for name in goal.region if name in (EVERYWHERE_ELSE, CORE)]):
            yield f'region "{wrong[0]}": has no shell and joins no other; expected regions of the anatomy'


def _cells(anatomy: Anatomy, names: Sequence[str]) -> IntArray:
    real = [name for name in names if name not in (EVERYWHERE_ELSE, CORE)]
    return anatomy.cells(*real) if real else np.zeros(0, np.int64)


def _cells_elsewhere(
    goals: Sequence[Goal], targets: Sequence[str], goal: Goal, anatomy: Anatomy
) -> tuple[IntArray, IntArray]:
    """Elements that no limit names: those farther than the goal's margin from every target, and those within it."""
    limited = [other for other in goals if other.kind == "limit"]
    keep = np.ones(len(anatomy.tets), bool)
    for other in limited:
        keep[_cells(anatomy, other.region) if other.shell_m is None else _shell_cells(other, anatomy)] = False
    keep[_cells(anatomy, targets)] = False
    near = np.zeros(len(keep), bool)
    inside = np.unique(anatomy.tets[_cells(anatomy, targets)])
    if len(inside):
        reach = goal.margin_m * (1.0 + _ROUNDING) + _SAME_PLACE_M
        distance = cKDTree(anatomy.points_m[inside]).query(anatomy.points_m, distance_upper_bound=reach)[0]
        near = np.isfinite(distance)[anatomy.tets].any(axis=1)
    return np.flatnonzero(keep & ~near), np.flatnonzero(keep & near)


def _shell_cells(goal: Goal, anatomy: Anatomy) -> IntArray:
    """Elements whose centre lies in the goal's shell around, or inside, its regions taken as one."""
    start, end = goal.shell_m if goal.shell_m is not None else (0.0, 0.0)
    member = np.zeros(len(anatomy.tets), bool)
    member[_cells(anatomy, goal.region)] = True
    distance = np.zeros(len(member))
    for side, sign in ((member, -1.0), (~member, 1.0)):
        if side.any() and (~side).any():
            beyond = cKDTree(anatomy.points_m[np.unique(anatomy.tets[~side])])
            distance[side] = sign * beyond.query(anatomy.centroids_m[side])[0]
    return np.flatnonzero((distance >= start) & (distance <= end))


def _bind(goal: Goal, name: str, anatomy: Anatomy, elsewhere: IntArray | None = None) -> GoalRow:
    """The row of a goal in one of its places."""
    if name == CORE:
        return GoalRow(goal, name, np.array([len(anatomy.points_m)]), np.ones(1))
    if elsewhere is not None:
        cells = elsewhere
    elif goal.shell_m is not None:
        cells = _shell_cells(goal, anatomy)
    else:
        cells = anatomy.cells(*(goal.region if goal.as_one else (name,)))
    weights = anatomy.node_weights_m3(cells)
    nodes = np.flatnonzero(weights)
    return GoalRow(goal, name, nodes, weights[nodes])


def _shared_node_notes(rows: Sequence[GoalRow], targets: Sequence[str], anatomy: Anatomy) -> Iterator[str]:
    """Notes on limits that hold at nodes of a target too."""
    inside = np.zeros(len(anatomy.points_m) + 1, bool)
    inside[np.unique(anatomy.tets[_cells(anatomy, targets)])] = True
    for row in rows:
        mine = row.region in targets or (row.goal.shell_m is not None and set(row.goal.region) <= set(targets))
        limit = row.goal.kind == "limit" and row.goal.sense == "at_most" and not mine
        shared = int(inside[row.nodes].sum()) if limit else 0
        if shared:
            yield (
                f"{row.region} touches a target at {shared} nodes: the limit {row.goal.metric} "
                f"{row.goal.bound:g} {row.goal.unit} holds there too"
            )
