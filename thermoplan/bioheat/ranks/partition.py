"""Partition of a thermal system, one part a rank: its dofs, their rows of the matrix, and the halo around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ..linalg.krylov import operator
from ..system import ThermalSystem

VECTOR_WORK = 12
"""Cost of the sweeps over a dof's vectors beside its row of the matrix, in entries of the matrix. At twice as much,
ranks would share nodes more evenly and entries less; a node of an organ mesh has about fifteen."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Part of a system that one rank holds. Vectors are of its own dofs; the blood, where it is a state, is the last
    dof of rank 0.

    Parameters
    ----------
    own
        ``(n,)`` its dofs in the whole system, rising.
    system
        The thermal system of these dofs; its ``stiffness`` is the scaled matrix ``A`` among them, the blood's border
        left out.
    root_capacity
        ``(n,)``.
    edge, border
        ``(k,)`` own dofs that touch dofs of others, and ``A (k, n_halo)`` between the two.
    sends, receives
        Rank -> own dofs whose values go to it; rank -> the stretch of the halo that comes from it.
    to_blood
        ``(n_nodes,)`` the blood's border in ``A``; empty where blood is no state.
    widest
        Most dofs of any part.
    typical
        Percentile -> rate of the whole diagonal.
    """

    own: IntArray
    system: ThermalSystem
    root_capacity: Array
    edge: IntArray
    border: csr_array
    sends: dict[int, IntArray]
    receives: dict[int, tuple[int, int]]
    to_blood: Array
    n_dof: int
    widest: int
    typical: dict[float, float]


def owners(stiffness: csr_array, n_nodes: int, count: int) -> IntArray:
    """Rank ``(n_nodes,)`` of each node: equal work, cut across the mesh's long way.

    Reverse Cuthill-McKee numbers a mesh front by front from one end to the other [CuthillMcKee1969]; a stretch of
    its numbers touches its two neighbours alone, along one front each.
    """
    if not 1 <= count <= n_nodes:
        raise InputError(f"{count} ranks for {n_nodes} nodes: expected from 1 to as many as there are nodes")
    tissue = csr_array(stiffness[:n_nodes][:, :n_nodes])
    order = reverse_cuthill_mckee(tissue, symmetric_mode=True)
    upto = np.cumsum(np.diff(tissue.indptr)[order] + VECTOR_WORK)
    found = np.empty(n_nodes, np.int64)
    found[order] = np.minimum((upto - 1) * count // upto[-1], count - 1)
    return found


def parts(system: ThermalSystem, count: int, percentiles: tuple[float, ...] = (95.0,)) -> Iterator[Part]:
    """One part a rank, in turn, so that no more than one need be held beside the whole."""
    n, op = system.n_nodes, operator(system.stiffness, system.capacity_j_k)
    owner = owners(system.stiffness, n, count)
    blood, tissue = np.zeros(0), op.matrix
    if system.has_blood:
        blood, tissue = op.matrix[[n]].toarray()[0], csr_array(op.matrix[:n][:, :n])
    nodes = [np.flatnonzero(owner == rank) for rank in range(count)]
    widest = max(len(own) + (system.has_blood and rank == 0) for rank, own in enumerate(nodes))
    halos = [_halo(tissue, own, owner, rank) for rank, own in enumerate(nodes)]
    typical = {q: op.typical_1_s(q) for q in percentiles}
    for rank, (own, halo) in enumerate(zip(nodes, halos, strict=True)):
        number = np.full(n, -1)
        number[own] = np.arange(len(own))
        rows = csr_array(tissue[own])
        border = csr_array(rows[:, halo])
        edge = np.flatnonzero(np.diff(border.indptr))
        sends = {to: number[theirs[owner[theirs] == rank]] for to, theirs in enumerate(halos)}
        limits = np.searchsorted(owner[halo], np.arange(count + 1)).tolist()
        receives = {a: (limits[a], limits[a + 1]) for a in range(count) if limits[a + 1] > limits[a]}
        bled = system.has_blood and rank == 0
        dofs = np.append(own, n) if bled else own
        within = _within(csr_array(rows[:, own]), blood[n:] if bled else blood[:0])
        yield Part(
            dofs,
            _local(system, dofs, within),
            op.root_capacity[dofs],
            edge,
            csr_array(border[edge]),
            {to: which for to, which in sends.items() if len(which)},
            receives,
            blood[own] if len(blood) else blood,
            system.n_dof,
            widest,
            typical,
        )


def _halo(tissue: csr_array, own: IntArray, owner: IntArray, rank: int) -> IntArray:
    """Nodes of others that the rows of ``own`` reach, by rank and number."""
    reached = np.unique(csr_array(tissue[own]).indices)
    reached = reached[owner[reached] != rank]
    result: IntArray = reached[np.argsort(owner[reached], kind="stable")]
    return result


def _within(matrix: csr_array, blood: Array) -> csr_array:
    """The square of own nodes, with the blood's own entry below it where it is held here; 32-bit indices."""
    n, more = matrix.shape[0], len(blood)
    matrix.sort_indices()
    data, indices = np.append(matrix.data, blood), np.append(matrix.indices, np.full(more, n))
    starts = np.append(matrix.indptr, np.full(more, len(data)))
    return csr_array((data, indices.astype(np.int32), starts.astype(np.int32)), (n + more, n + more))


def _local(system: ThermalSystem, dofs: IntArray, within: csr_array) -> ThermalSystem:
    return ThermalSystem(
        capacity_j_k=system.capacity_j_k[dofs],
        stiffness=within,
        base_c=system.base_c[dofs],
        thermoregulation_w=system.thermoregulation_w,
        perfused_w_k=system.perfused_w_k[dofs],
        boundary_w_k=system.boundary_w_k[dofs],
        n_nodes=int((dofs < system.n_nodes).sum()),
        held=np.flatnonzero(np.isin(dofs, system.held)),
        warming_w=system.warming_w,
    )
