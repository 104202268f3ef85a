"""From the problem to matrices: ``C d(theta)/dt = -K theta + b``, theta the rise since before heating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import bmat, csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, cg

from ..arrays import Array, IntArray, frozen, put
from ..errors import InputError, SolverError
from .capacity import fastest_rate_1_s, lent
from .problem import BioheatProblem, Boundary
from .radiation import linear_w_m2_k

BASE_RTOL = 1e-11
BASE_ITERATIONS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class ThermalSystem:
    """Assembled heat problem, in the anatomy's node order; the blood, where it is a state, is the last dof.

    Parameters
    ----------
    capacity_j_k
        ``(n_dof,)`` lumped; see ``capacity`` for where it sits.
    stiffness
        ``(n_dof, n_dof)`` symmetric, W/K: conduction, skin, perfusion and vessels, and the blood's border.
    base_c
        ``(n_dof,)`` steady state before heating.
    thermoregulation_w
        Heat that the unheated animal adds to its blood to stay at its core temperature.
    perfused_w_k, boundary_w_k
        ``(n_dof,)`` rows: times ``theta``, the heat that leaves tissue for blood, and all for the outside.
        Summed from regions and facets, not from ``stiffness``, so that they can contradict it.
    n_nodes
        Nodes of the mesh; ``n_dof`` is one more with a blood pool.
    held
        Nodes at a given temperature, where ``theta`` stays 0.
    """

    capacity_j_k: Array
    stiffness: csr_array
    base_c: Array
    thermoregulation_w: float
    perfused_w_k: Array
    boundary_w_k: Array
    n_nodes: int
    held: IntArray

    def __post_init__(self) -> None:
        put(self, held=frozen(self.held, np.int64))
        for name in ("capacity_j_k", "base_c", "perfused_w_k", "boundary_w_k"):
            put(self, **{name: frozen(getattr(self, name))})

    @property
    def n_dof(self) -> int:
        return len(self.capacity_j_k)

    @property
    def has_blood(self) -> bool:
        return self.n_dof > self.n_nodes

    def loads(self, load_w: Array) -> Array:
        """Nodal power ``(..., n_nodes)`` as ``(..., n_dof)``: none for the blood, none on held nodes."""
        load = np.zeros((*np.shape(load_w)[:-1], self.n_dof))
        load[..., : self.n_nodes] = load_w
        load[..., self.held] = 0.0
        return load


def thermal_system(problem: BioheatProblem) -> ThermalSystem:
    """Assemble the problem once and find the steady state before heating."""
    from .. import fem

    anatomy = problem.anatomy
    n = len(anatomy.points_m)
    per_cell = {name: getattr(problem, name)[anatomy.region] for name in
                ("capacity_j_m3_k", "conductivity_w_m_k", "metabolic_w_m3")}
    skin, sink = skin_conditions(problem), problem.sink_cells_w_m3_k()
    perfused, perfusion = fem.mass(anatomy, sink), fem.lumped(anatomy, sink)
    exchange = fem.lumped_surface(anatomy, anatomy.outer, skin.heat_transfer_w_m2_k)
    conduction = fem.stiffness(anatomy, per_cell["conductivity_w_m_k"])
    capacity = fem.lumped(anatomy, per_cell["capacity_j_m3_k"])
    tissue = csr_array(conduction + perfused + diags_array(exchange))
    capacity = lent(capacity, tissue, fastest_rate_1_s(tissue.diagonal(), capacity), ~skin.is_held)

    source = fem.lumped(anatomy, per_cell["metabolic_w_m3"])
    source += fem.lumped_surface(anatomy, anatomy.outer,
                                 skin.heat_transfer_w_m2_k * (skin.temperature_c - problem.arterial_c))
    rise = _steady_rise(tissue, source, skin, bool((exchange + perfusion).any()))
    into_held = (conduction + perfused)[skin.held].sum(axis=0)
    boundary = np.where(skin.is_held, 0.0, exchange - into_held)
    stiffness = _held_out(tissue, skin.held, capacity)
    perfusion_free = np.where(skin.is_held, 0.0, perfusion)
    base, watched = problem.arterial_c + rise, perfusion_free
    if problem.core == "pool":
        border = csr_array(perfusion_free[:, None])
        total = np.array([[perfusion.sum()]])
        stiffness = bmat([[stiffness, -border], [-border.T, total]], format="csr")
        capacity = np.append(capacity, problem.blood_j_k)
        base, boundary = np.append(base, problem.arterial_c), np.append(boundary, perfusion[skin.held].sum())
        watched = np.append(watched, -perfusion_free.sum())
    stiffness = csr_array(stiffness)
    stiffness.sort_indices()
    return ThermalSystem(
        capacity_j_k=capacity, stiffness=stiffness, base_c=base,
        thermoregulation_w=-float(perfusion @ rise) if problem.core == "pool" else 0.0,
        perfused_w_k=watched, boundary_w_k=boundary, n_nodes=n, held=skin.held)


def steady_rise(system: ThermalSystem, load_w: Array) -> Array:
    """Rise ``(n_dof,)`` over the state before heating that a load ``(n_nodes,)`` ends in if kept for ever."""
    load = system.loads(load_w)
    return solved(system.stiffness, load) if np.any(load) else load


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """What each outer facet and each node of the surface is in touch with; ``owner`` is the boundary's number, -1
    where there is none."""

    owner: IntArray
    heat_transfer_w_m2_k: Array
    temperature_c: Array
    is_held: Array
    held: IntArray
    held_c: Array
    arterial_c: float


def skin_conditions(problem: BioheatProblem) -> Skin:
    """Resolve the boundaries facet by facet; of two on one facet the later holds. Radiation is in as a heat transfer
    to the temperature that balances it with convection."""
    from .. import fem

    anatomy = problem.anatomy
    outer, n = anatomy.outer, len(anatomy.points_m)
    normals, _ = fem.area_vectors_m2(anatomy, outer)
    transfer, outside = np.zeros(len(outer)), np.full(len(outer), problem.arterial_c)
    dirichlet, owner = np.zeros(len(outer), bool), np.full(len(outer), -1)
    for number, boundary in enumerate(problem.boundaries):
        facets = _facets(boundary, outer, normals)
        transfer[facets], outside[facets] = _outside(boundary, problem.arterial_c)
        dirichlet[facets], owner[facets] = boundary.kind == "dirichlet", number
    held_c = np.zeros(n)
    held_c[outer[dirichlet].ravel()] = np.repeat(outside[dirichlet], 3)
    held = np.unique(outer[dirichlet])
    is_held = np.zeros(n, bool)
    is_held[held] = True
    return Skin(owner, transfer, outside, is_held, held, held_c[held], problem.arterial_c)


def _outside(boundary: Boundary, arterial_c: float) -> tuple[float, float]:
    """Heat transfer, and the temperature outside that it is to."""
    if boundary.kind != "robin" or not boundary.emissivity:
        return (boundary.heat_transfer_w_m2_k if boundary.kind == "robin" else 0.0), boundary.temperature_c
    air, around = boundary.temperature_c, boundary.surroundings_c
    around = air if around is None else around
    h, radiant = boundary.heat_transfer_w_m2_k, linear_w_m2_k(boundary.emissivity, around, arterial_c)
    return h + radiant, (h * air + radiant * around) / (h + radiant)


def _facets(boundary, outer: IntArray, normals: Array) -> Array:
    from .problem import FACING_COSINE

    chosen = np.ones(len(outer), bool)
    if boundary.triangles is not None:
        key = {tuple(row) for row in np.sort(boundary.triangles, axis=1).tolist()}
        chosen = np.array([tuple(row) in key for row in np.sort(outer, axis=1).tolist()])
        if chosen.sum() != len(key):
            missing = len(key) - chosen.sum()
            raise InputError(f"boundary: {missing} of {len(key)} triangles are not on the outer surface")
    if boundary.normal is not None:
        chosen &= normals @ boundary.normal >= FACING_COSINE
    if not chosen.any():
        raise InputError("boundary: it means no facet of the outer surface; check its normal or its surface")
    return chosen


def _held_out(matrix: csr_array, held: IntArray, capacity: Array) -> csr_array:
    """Cut rows and columns of held nodes; they keep a diagonal of the middle rate, which no load reaches."""
    if not len(held):
        return matrix
    free = np.ones(matrix.shape[0])
    free[held] = 0.0
    keep = diags_array(free)
    rate = float(np.median(matrix.diagonal() / capacity))
    return (keep @ matrix @ keep + diags_array((1.0 - free) * capacity * rate)).tocsr()


def _steady_rise(tissue: csr_array, source: Array, skin: Skin, sinks: bool) -> Array:
    """Steady ``T - arterial`` with blood at the arterial temperature."""
    rise = np.zeros(len(source))
    rise[skin.held] = skin.held_c - skin.arterial_c
    if not sinks and not len(skin.held):
        if np.any(source):
            raise InputError("steady state before heating: unreachable, as the skin is insulated, nothing is "
                             "perfused and metabolic heat has nowhere to go; give [boundary] skin a heat transfer")
        return rise
    free = np.flatnonzero(~skin.is_held)
    load = source[free] - (tissue @ rise)[free]
    if np.any(load):
        rise[free] = solved(csr_array(tissue[free][:, free]), load)
    return rise


def solved(matrix: csr_array, load: Array, rtol: float = BASE_RTOL, start: Array | None = None) -> Array:
    """Conjugate gradients with Jacobi; raises with iterations and residual if it does not get there."""
    diagonal = matrix.diagonal()
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)
    count = [0]
    found, failed = cg(matrix, load, x0=start, rtol=rtol, maxiter=BASE_ITERATIONS, M=jacobi,
                       callback=lambda _: count.__setitem__(0, count[0] + 1))
    residual = np.linalg.norm(load - matrix @ found) / np.linalg.norm(load)
    if failed or not residual <= 100.0 * rtol:
        raise SolverError(
            f"conjugate gradients: residual {residual:.2e} after {count[0]} iterations, wanted {rtol:.0e}")
    return found
