"""Where lumping puts the heat capacity: a few tiny elements shall not set the pace of the whole mesh.

On a lattice mesh of a mouse with 74,000 nodes, 0.5 % of them settle in less than 50 ms and drive the spectral
radius from 25 to 308 per second, and the cost of a run with its root. Lumping is a choice of where in an
element its capacity sits; these nodes borrow some from their neighbours, so that none settles faster than
``FASTEST_1_S``. What is lent is 5e-5 of the animal; the sum is kept to the last bit and steady states
do not change.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..base.arrays import Array

FASTEST_1_S = 20.0
BULK_PERCENTILE = 95.0
ROUNDS = 20


def fastest_rate_1_s(stiffness_diagonal: Array, capacity_j_k: Array) -> float:
    """Rate above which a node borrows: 20/s, or twice that of the bulk where the whole mesh is fine."""
    return max(FASTEST_1_S, 2.0 * float(np.percentile(stiffness_diagonal / capacity_j_k, BULK_PERCENTILE)))


def redistributed(capacity_j_k: Array, stiffness: csr_array, rate_1_s: float, free: Array | None = None) -> Array:
    """Capacity ``(n,)`` after nodes that settle faster than ``rate_1_s`` have borrowed from their neighbours.

    A node lends at most half of what it can spare in a round; what cannot be had is left wanting. Only
    ``free (n,)`` nodes take part, all if None.
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
        given = asked @ diags_array(np.minimum(1.0, 0.5 * spare / np.maximum(total, 1e-300)))
        capacity[needy] += given.sum(axis=1)
        capacity -= given.sum(axis=0)
    return capacity
