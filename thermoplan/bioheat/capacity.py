"""Redistribution of lumped heat capacity, so that a few tiny elements do not set the spectral radius of a whole mesh.

On a lattice mesh of a mouse with 74,000 nodes, 0.5 % of them settle in less than 50 ms and drive the spectral
radius from 25 to 308 per second, and the cost of a run with its root. Lumping leaves open at which nodes of an
element its capacity sits: these nodes are given some of their neighbours', so that none settles faster than
``FASTEST_1_S``. That moves 5e-5 of the animal; the sum is kept, and steady states do not change.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..base.arrays import Array, BoolArray

FASTEST_1_S = 20.0
"""Fastest rate that a node may have. Twice as much costs 1.4 times as many matrix products in long dwells; nothing that
a plan shows moves within 50 ms."""
BULK_PERCENTILE = 95.0
"""Percentile of the rates that stands for the bulk of a mesh."""
TIMES_BULK = 2.0
"""Fastest rate over that of the bulk, where the whole mesh is fine; nearer 1, ordinary nodes would take part."""
ROUNDS = 20
"""Rounds of giving; a node whose neighbours have nothing left stays as it is."""
MOST_GIVEN = 0.5
"""Of the capacity that a node can spare, the most that it gives in a round, so that none is emptied for one
neighbour."""


def fastest_rate_1_s(stiffness_diagonal: Array, capacity_j_k: Array) -> float:
    """Rate above which a node is given capacity: 20/s, or twice that of the bulk where the whole mesh is fine."""
    return max(FASTEST_1_S, TIMES_BULK * float(np.percentile(stiffness_diagonal / capacity_j_k, BULK_PERCENTILE)))


def redistribute_capacity(
    capacity_j_k: Array, stiffness: csr_array, *, rate_1_s: float, free: BoolArray | None = None
) -> Array:
    """Capacity ``(n,)`` after nodes that settle faster than ``rate_1_s`` were given some of their neighbours'.

    Only ``free (n,)`` nodes take part, all if None.
    """
    capacity = capacity_j_k.copy()
    needed = stiffness.diagonal() / rate_1_s
    taking_part = np.ones(len(capacity), bool) if free is None else free
    needy = np.flatnonzero((needed > capacity) & taking_part)
    links = csr_array(stiffness[needy])
    links.data[:] = 1.0
    for _ in range(ROUNDS):
        wanting = np.maximum(needed[needy] - capacity[needy], 0.0)
        spare = np.where(taking_part, np.maximum(capacity - needed, 0.0), 0.0)
        if not wanting.any():
            break
        offered = links @ spare
        asked = diags_array(np.divide(wanting, offered, where=offered > 0.0, out=np.zeros(len(needy)))) @ links
        asked = asked @ diags_array(spare)
        total = asked.sum(axis=0)
        given = asked @ diags_array(np.minimum(1.0, MOST_GIVEN * spare / np.maximum(total, 1e-300)))
        capacity[needy] += given.sum(axis=1)
        capacity -= given.sum(axis=0)
    return capacity
