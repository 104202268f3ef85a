"""A case on quadratic elements of its mesh, which a simulation plays where its protocol has ``[mesh] order = 2``.

The test shot, and the share of eddy currents in a scaled SLP, are of linear elements still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...anatomy.anatomy import Anatomy
from ...base.arrays import Array, IntArray
from ...base.errors import InputError
from ...bioheat import Feedback, ThermalSystem, steady_system
from ...fem import quadratic as elements
from ...fem.quadratic import QuadraticSpace, quadratic_space
from ...power.eddy import EddyPower
from ...power.mesh_iron import MeshIron
from ...protocol import Protocol
from .case import Case


@dataclass(frozen=True, slots=True, eq=False)
class SecondOrderCase:
    """Matrices in the state before heating and what feeds back into them; iron and eddy currents on the unknowns.

    ``shown`` are the unknowns that sit on nodes, in their order, and the blood where it is a state.
    """

    system: ThermalSystem
    feedback: Feedback | None
    iron: MeshIron
    eddy: EddyPower | None
    shown: IntArray


def refuse_unfit(protocol: Protocol, *, estimate_error: bool, among_ranks: bool = False) -> None:
    """Refuse quadratic elements beside something that only linear ones have."""
    if protocol.mesh.order == 1:
        return
    wrong = []
    if among_ranks:
        wrong.append(
            f"{protocol.path.name}: mesh.order = 2: several ranks share linear elements only; leave out "
            "mpiexec, or the order"
        )
    if estimate_error:
        wrong.append(
            f"{protocol.path.name}: mesh.order = 2: --estimate-error holds linear elements against quadratic "
            "ones; leave out the option, or the order"
        )
    if wrong:
        raise InputError(wrong)


def second_order_case(case: Case, eddy: EddyPower | None) -> SecondOrderCase:
    """The same heat problem, iron and eddy currents on quadratic elements."""
    problem, mesh, n = case.problem(), quadratic_space(case.anatomy), len(case.anatomy.points_m)
    system, feedback = steady_system(problem, order=2)
    if eddy is not None:
        eddy = replace(eddy, load_w=mesh.load(eddy.density_w_m3))
    shown = np.append(np.arange(n), np.arange(system.n_nodes, system.n_dof))
    return SecondOrderCase(system, feedback, replace(case.iron, deposit=_deposit(case.iron, mesh)), eddy, shown)


def _deposit(iron: MeshIron, mesh: QuadraticSpace) -> object:
    """Spreads the iron's points over the unknowns of their elements; a point in the middle stands for its element,
    evenly."""
    at = _barycentric(iron, mesh.anatomy)
    weights = elements.shapes(at)
    weights[(at == 0.25).all(axis=1)] = elements.means()
    return mesh.at_points(mesh.cells[iron.cell], weights).T.tocsr()


def _barycentric(iron: MeshIron, anatomy: Anatomy) -> Array:
    """``(s, 4)``."""
    points = iron.deposit.T.tocsr()
    rows = np.repeat(np.arange(len(iron.cell)), 4)
    return np.asarray(points[rows, anatomy.tets[iron.cell].ravel()]).reshape(-1, 4)
