"""The heat problem on quadratic elements, with the capacity that they have: nothing is lumped but the blood.

Temperatures at the nodes come first, as in the linear system of the same mesh; those in the middle of edges follow,
and the blood, where it is a state, is last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from ..base.arrays import Array, IntArray
from ..fem import quadratic as elements
from ..fem.quadratic import QuadraticMesh, quadratic_mesh
from .feedback import CourseFeedback, Feedback, PerfusionFeedback, Together
from .problem import BioheatProblem, Boundary
from .radiation import Radiation, linear_w_m2_k
from .skin import Skin, skin_conditions
from .system import Parts, ThermalSystem, joined_system

DEGREE = 3
"""To which the points are exact at which feedback is worked out."""


def quadratic_system(problem: BioheatProblem) -> ThermalSystem:
    """Assemble the problem once on quadratic elements and find the steady state before heating."""
    return joined_system(problem, quadratic_parts(problem))


def quadratic_parts(problem: BioheatProblem) -> Parts:
    """What ``quadratic_system`` is made of."""
    anatomy, mesh, skin = problem.anatomy, quadratic_mesh(problem.anatomy), skin_conditions(problem)
    capacity, conductivity, metabolic = (
        getattr(problem, name)[anatomy.region] for name in ("capacity_j_m3_k", "conductivity_w_m_k", "metabolic_w_m3")
    )
    sink = problem.sink_cells_w_m3_k()
    transfer, outer = skin.heat_transfer_w_m2_k, anatomy.outer
    tissue = elements.stiffness(mesh, conductivity) + elements.mass(mesh, sink)
    tissue = tissue + elements.face_mass(mesh, outer, transfer)
    source = elements.load(mesh, metabolic)
    source += elements.face_load(mesh, outer, transfer * (skin.temperature_c - problem.arterial_c))
    held, held_c = _held(problem, mesh, skin)
    return Parts(
        csr_array(tissue),
        elements.mass(mesh, capacity),
        elements.load(mesh, sink),
        elements.face_load(mesh, outer, transfer),
        source,
        held,
        held_c,
    )


def _held(problem: BioheatProblem, mesh: QuadraticMesh, skin: Skin) -> tuple[IntArray, Array]:
    """Unknowns on facets at a given temperature, and it; where two meet, that of the later boundary."""
    value = np.full(mesh.n, np.nan)
    for number, boundary in enumerate(problem.boundaries):
        if boundary.kind == "dirichlet":
            value[mesh.faces(problem.anatomy.outer[skin.owner == number]).ravel()] = boundary.temperature_c
    held = np.flatnonzero(np.isfinite(value))
    return held, value[held]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Feedback that is worked out at points inside elements and handed to their unknowns.

    Parameters
    ----------
    at
        ``(k, n_dof)``: temperatures at the points, and of the blood where it is a state.
    part
        Feedback of those ``k``, whose weights are parts of the volume or the surface.
    """

    at: csr_array
    part: Feedback

    def power_w(self, time_s: float, temperature_c: Array) -> Array:
        result: Array = self.at.T @ self.part.power_w(time_s, self.at @ temperature_c)
        return result

    def slope_w_k(self, time_s: float, temperature_c: Array) -> Array:
        result: Array = self.at.power(2).T @ self.part.slope_w_k(time_s, self.at @ temperature_c)
        return result


def quadratic_feedback(problem: BioheatProblem, system: ThermalSystem) -> Together | None:
    """As ``feedback_of``, for ``quadratic_system``."""
    mesh, skin = quadratic_mesh(problem.anatomy), skin_conditions(problem)
    parts: list[Feedback] = [_law(problem, mesh, (name, law), system) for name, law in problem.laws.items()]
    if problem.core_course is not None:
        parts.append(CourseFeedback(system.perfused_w_k, problem.core_course))
    for number, boundary in enumerate(problem.boundaries):
        facets = problem.anatomy.outer[skin.owner == number]
        if boundary.course is not None:
            exchange = elements.face_load(mesh, facets, np.full(len(facets), boundary.heat_transfer_w_m2_k))
            blood = np.zeros(system.n_dof - system.n_nodes)
            parts.append(CourseFeedback(np.append(exchange, blood), boundary.course))
        if boundary.emissivity:
            parts.append(_radiation(boundary, mesh, (facets, problem.arterial_c), system))
    return Together(tuple(parts)) if parts else None


def _law(
    problem: BioheatProblem, mesh: QuadraticMesh, law: tuple[str, Callable[[Array], Array]], system: ThermalSystem
) -> Sampled:
    name, course = law
    anatomy = problem.anatomy
    cells = anatomy.cells(name)
    at, volumes = _points(mesh, mesh.cells[cells], anatomy.volumes_m3[cells], system)
    blood = problem.arterial_c if problem.core_course is None else problem.core_course
    constant = problem.perfusion_w_m3_k[anatomy.region_names.index(name)]
    return Sampled(
        at,
        PerfusionFeedback(
            np.arange(len(volumes)), volumes, course, np.full(len(volumes), constant), blood, len(volumes)
        ),
    )


def _radiation(
    boundary: Boundary, mesh: QuadraticMesh, place: tuple[IntArray, float], system: ThermalSystem
) -> Sampled:
    from ..fem import linear

    facets, arterial_c = place
    _, area = linear.area_vectors_m2(mesh.anatomy, facets)
    at, areas = _points(mesh, mesh.faces(facets), area, system)
    around = boundary.temperature_c if boundary.surroundings_c is None else boundary.surroundings_c
    areas = np.append(areas, np.zeros(system.n_dof - system.n_nodes))
    return Sampled(
        at, Radiation(areas, boundary.emissivity, around, linear_w_m2_k(boundary.emissivity, around, arterial_c))
    )


def _points(mesh: QuadraticMesh, unknowns: IntArray, sizes: Array, system: ThermalSystem) -> tuple[csr_array, Array]:
    """Matrix of the values at points of elements or facets, the blood's last, and what each point stands for."""
    from ..fem import linear

    at, weights = linear.quadrature(DEGREE, 4 if unknowns.shape[1] == 10 else 3)
    here = np.tile(elements.shapes(at), (len(unknowns), 1))
    matrix = elements.at_points(mesh, np.repeat(unknowns, len(at), axis=0), here)
    blood = csr_array((np.ones(1), ([0], [system.n_dof - 1])), shape=(1, system.n_dof))
    matrix.resize((matrix.shape[0], system.n_dof))
    whole = vstack([matrix, blood], format="csr") if system.has_blood else matrix
    return csr_array(whole), np.outer(sizes, weights).ravel()
