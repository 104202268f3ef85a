"""How far the mesh is from fine enough: linear against quadratic elements on the same mesh."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..base.arrays import Array
from ..fem import quadratic as elements
from ..fem.quadratic import quadratic_mesh
from .problem import BioheatProblem
from .quadratic_system import quadratic_parts
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
    from ..fem import linear

    anatomy, n = problem.anatomy, system.n_nodes
    density = load_w / anatomy.node_volumes_m3
    load = linear.mass(anatomy, np.ones(len(anatomy.tets))) @ density
    load[system.held] = 0.0
    coarse = solved(csr_array(system.stiffness[:n][:, :n]), load, rtol=RTOL)
    mesh, parts = quadratic_mesh(anatomy), quadratic_parts(problem)
    load = elements.mass(mesh, np.ones(len(anatomy.tets))) @ mesh.linear(density)
    free, rise = np.setdiff1d(np.arange(mesh.n), parts.held), np.zeros(mesh.n)
    rise[free] = solved(csr_array(parts.tissue[free][:, free]), load[free], rtol=RTOL)
    return coarse - rise[:n]
