"""How far the mesh is from fine enough: linear against quadratic elements on the same mesh."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..arrays import Array, IntArray
from .problem import BioheatProblem
from .skin import skin_conditions
from .system import ThermalSystem, solved

RTOL = 1e-7


def spatial_error_k(problem: BioheatProblem, system: ThermalSystem, load_w: Array) -> Array:
    """Error ``(n,)`` of the rise that a load ends in when kept for ever, by quadratic elements of the same mesh.

    Parameters
    ----------
    load_w
        ``(n,)`` nodal power, such as its mean over the session. Both sides take it as a density that is
        linear between nodes, and the blood at its temperature; neither changes where elements are too large.
    """
    from .. import fem

    anatomy, n = problem.anatomy, system.n_nodes
    per_cell = [problem.conductivity_w_m_k[anatomy.region], problem.sink_cells_w_m3_k()]
    held = np.isin(np.arange(n), system.held)
    fine = fem.quadratic(anatomy, *per_cell, _exchange(problem, held), held)
    density = load_w / anatomy.node_volumes_m3
    load = fem.mass(anatomy, np.ones(len(anatomy.tets))) @ density
    load[system.held] = 0.0
    coarse = solved(csr_array(system.stiffness[:n][:, :n]), load, rtol=RTOL)
    rise = solved(fine.matrix, fine.load @ density, rtol=RTOL)
    return coarse - rise[fine.corner]


def _exchange(problem: BioheatProblem, held: Array) -> Array:
    """Heat transfer ``(m,)`` of each element's outer facets that are not held, their mean by area."""
    from .. import fem

    anatomy = problem.anatomy
    skin = skin_conditions(problem)
    _, area = fem.area_vectors_m2(anatomy, anatomy.outer)
    area = np.where(held[anatomy.outer].all(axis=1), 0.0, area)
    owner = _owners(anatomy.tets, anatomy.outer)
    whole = np.bincount(owner, area, len(anatomy.tets))
    total = np.bincount(owner, area * skin.heat_transfer_w_m2_k, len(anatomy.tets))
    return np.divide(total, whole, where=whole > 0.0, out=np.zeros(len(anatomy.tets)))


def _owners(tets: IntArray, facets: IntArray) -> IntArray:
    """Element ``(k,)`` that each outer facet belongs to."""
    base = int(tets.max()) + 1
    faces = np.sort(tets[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]].reshape(-1, 3), axis=1)
    keys, wanted = (np.sort(f, axis=1) @ np.array([base**2, base, 1]) for f in (faces, facets))
    order = np.argsort(keys)
    return order[np.searchsorted(keys, wanted, sorter=order)] // 4
