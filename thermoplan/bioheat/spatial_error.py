"""Estimate of the discretization error in space: linear against quadratic elements on the same mesh."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..base.arrays import Array
from .assembly import assembled_form
from .linalg.conjugate_gradients import solve_cg
from .problem import BioheatProblem
from .system import ThermalSystem

RTOL = 1e-7
"""Residual of both solutions, far below their difference, which is about a percent of either and shown with two digits;
ten times as much would still do, and save a seventh of the iterations."""


def spatial_error_k(problem: BioheatProblem, system: ThermalSystem, load_w: Array) -> Array:
    """Error ``(n,)`` of the rise that a load ends in when kept for ever, by quadratic elements of the same mesh.

    Parameters
    ----------
    load_w
        ``(n,)`` nodal power, such as its mean over the session. Both sides take it as a density that is
        linear between nodes, and the blood at its temperature; neither changes where elements are too large.
    """
    from ..fem import linear, quadratic

    anatomy, n = problem.anatomy, system.n_nodes
    density = load_w / anatomy.node_volumes_m3
    load = linear.mass(anatomy, np.ones(len(anatomy.tets))) @ density
    load[system.held] = 0.0
    coarse = solve_cg(csr_array(system.stiffness[:n][:, :n]), load, rtol=RTOL)
    mesh, fine = quadratic.quadratic_space(anatomy), assembled_form(problem, 2)
    load = mesh.mass(np.ones(len(anatomy.tets))) @ mesh.linear(density)
    free, rise = np.setdiff1d(np.arange(mesh.n), fine.held), np.zeros(mesh.n)
    rise[free] = solve_cg(csr_array(fine.tissue[free][:, free]), load[free], rtol=RTOL)
    return coarse - rise[:n]
