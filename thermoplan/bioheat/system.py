"""From the problem to matrices: ``C d(theta)/dt = -K theta + b``, theta the rise since before heating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import block_diag, bmat, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, cg

from ..base.arrays import Array, IntArray, frozen, put
from ..base.errors import InputError, SolverError
from .capacity import fastest_rate_1_s, redistributed
from .problem import BioheatProblem
from .skin import skin_conditions

BASE_RTOL = 1e-11
BASE_ITERATIONS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class ThermalSystem:
    """Assembled heat problem, in the anatomy's node order; the blood, where it is a state, is the last dof.

    Parameters
    ----------
    capacity_j_k
        ``(n_dof,)`` lumped; see ``capacity`` for where it sits. Of ``mass_j_k``, the sums.
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
        Unknowns in tissue, nodes of the mesh in linear elements; ``n_dof`` is one more with a blood pool.
    held
        Nodes at a given temperature, where ``theta`` stays 0.
    mass_j_k
        ``(n_dof, n_dof)`` capacity that is not lumped, None where it is.
    """

    capacity_j_k: Array
    stiffness: csr_array
    base_c: Array
    thermoregulation_w: float
    perfused_w_k: Array
    boundary_w_k: Array
    n_nodes: int
    held: IntArray
    mass_j_k: csr_array | None = None

    def __post_init__(self) -> None:
        put(self, held=frozen(self.held, np.int64))
        for name in ("capacity_j_k", "base_c", "perfused_w_k", "boundary_w_k"):
            put(self, **{name: frozen(getattr(self, name))})

    @property
    def n_dof(self) -> int:
        return len(self.capacity_j_k)

    @property
    def scale_j_k(self) -> Array:
        """``(n_dof,)`` capacity by which the engines scale, above zero: the diagonal."""
        return self.capacity_j_k if self.mass_j_k is None else self.mass_j_k.diagonal()

    @property
    def has_blood(self) -> bool:
        return self.n_dof > self.n_nodes

    def loads(self, load_w: Array) -> Array:
        """Nodal power ``(..., n_nodes)`` as ``(..., n_dof)``: none for the blood, none on held nodes."""
        if np.shape(load_w)[-1:] != (self.n_nodes,) or not np.isfinite(load_w).all():
            raise InputError(
                f"loads: {np.shape(load_w)} values, {np.count_nonzero(~np.isfinite(load_w))} of them no "
                f"finite number: give the power of each of the {self.n_nodes} nodes in W"
            )
        load = np.zeros((*np.shape(load_w)[:-1], self.n_dof))
        load[..., : self.n_nodes] = load_w
        load[..., self.held] = 0.0
        return load


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Integrals over elements and facets that a system is made of, for any elements with ``n`` unknowns.

    Parameters
    ----------
    tissue
        ``(n, n)`` conduction, perfusion and skin, W/K.
    capacity
        ``(n,)`` where it is lumped, else ``(n, n)``, J/K.
    perfusion, exchange
        ``(n,)`` sums of the rows of perfusion and of skin, W/K.
    source
        ``(n,)`` metabolic heat, and what the skin draws from a body at the arterial temperature, W.
    held, held_c
        Unknowns at a given temperature, and it.
    """

    tissue: csr_array
    capacity: Array | csr_array
    perfusion: Array
    exchange: Array
    source: Array
    held: IntArray
    held_c: Array


def thermal_system(problem: BioheatProblem) -> ThermalSystem:
    """Assemble the problem once on linear elements and find the steady state before heating."""
    from ..fem import linear

    anatomy = problem.anatomy
    per_cell = {
        name: getattr(problem, name)[anatomy.region]
        for name in ("capacity_j_m3_k", "conductivity_w_m_k", "metabolic_w_m3")
    }
    skin, sink = skin_conditions(problem), problem.sink_cells_w_m3_k()
    exchange = linear.lumped_surface(anatomy, anatomy.outer, skin.heat_transfer_w_m2_k)
    tissue = csr_array(
        linear.stiffness(anatomy, per_cell["conductivity_w_m_k"]) + linear.mass(anatomy, sink) + diags_array(exchange)
    )
    capacity = linear.lumped(anatomy, per_cell["capacity_j_m3_k"])
    capacity = redistributed(capacity, tissue, fastest_rate_1_s(tissue.diagonal(), capacity), ~skin.is_held)
    source = linear.lumped(anatomy, per_cell["metabolic_w_m3"])
    source += linear.lumped_surface(
        anatomy, anatomy.outer, skin.heat_transfer_w_m2_k * (skin.temperature_c - problem.arterial_c)
    )
    return joined_system(
        problem, Parts(tissue, capacity, linear.lumped(anatomy, sink), exchange, source, skin.held, skin.held_c)
    )


def joined_system(problem: BioheatProblem, parts: Parts) -> ThermalSystem:
    """Hold what is held, join the blood where it is a state, and find the steady state before heating."""
    tissue, held, n = parts.tissue, parts.held, len(parts.source)
    is_held = np.zeros(n, bool)
    is_held[held] = True
    rise = _steady_rise(parts, is_held, problem.arterial_c)
    lumped = isinstance(parts.capacity, np.ndarray)
    capacity = parts.capacity if lumped else parts.capacity.diagonal()
    boundary = np.where(is_held, 0.0, parts.exchange - tissue[held].sum(axis=0))
    stiffness = _held_out(tissue, held, capacity)
    perfusion_free = np.where(is_held, 0.0, parts.perfusion)
    base, watched = problem.arterial_c + rise, perfusion_free
    pool = problem.core == "pool"
    if pool:
        border = csr_array(perfusion_free[:, None])
        total = np.array([[parts.perfusion.sum()]])
        stiffness = bmat([[stiffness, -border], [-border.T, total]], format="csr")
        capacity = np.append(capacity, problem.blood_j_k)
        base, boundary = np.append(base, problem.arterial_c), np.append(boundary, parts.perfusion[held].sum())
        watched = np.append(watched, -perfusion_free.sum())
    stiffness = csr_array(stiffness)
    stiffness.sort_indices()
    mass = None if lumped else _mass(parts.capacity, is_held, problem.blood_j_k if pool else None)
    return ThermalSystem(
        capacity_j_k=capacity if mass is None else mass.sum(axis=0),
        stiffness=stiffness,
        base_c=base,
        thermoregulation_w=-float(parts.perfusion @ rise) if pool else 0.0,
        perfused_w_k=watched,
        boundary_w_k=boundary,
        n_nodes=n,
        held=held,
        mass_j_k=mass,
    )


def _mass(capacity: csr_array, is_held: Array, blood_j_k: float | None) -> csr_array:
    """Capacity between unknowns that are not held, those on their own, and the blood."""
    free = diags_array((~is_held).astype(float))
    mass = free @ capacity @ free + diags_array(np.where(is_held, capacity.diagonal(), 0.0))
    return csr_array(mass if blood_j_k is None else block_diag([mass, [[blood_j_k]]], format="csr"))


def steady_rise(system: ThermalSystem, load_w: Array) -> Array:
    """Rise ``(n_dof,)`` over the state before heating that a load ``(n_nodes,)`` ends in if kept for ever."""
    load = system.loads(load_w)
    return solved(system.stiffness, load) if np.any(load) else load


def _held_out(matrix: csr_array, held: IntArray, capacity: Array) -> csr_array:
    """Cut rows and columns of held nodes; they keep a diagonal of the middle rate, which no load reaches."""
    if not len(held):
        return matrix
    free = np.ones(matrix.shape[0])
    free[held] = 0.0
    keep = diags_array(free)
    rate = float(np.median(matrix.diagonal() / capacity))
    return (keep @ matrix @ keep + diags_array((1.0 - free) * capacity * rate)).tocsr()


def _steady_rise(parts: Parts, is_held: Array, arterial_c: float) -> Array:
    """Steady ``T - arterial`` with blood at the arterial temperature."""
    tissue, source = parts.tissue, parts.source
    rise = np.zeros(len(source))
    rise[parts.held] = parts.held_c - arterial_c
    stuck = _without_sink(parts) & (source != 0.0)
    if stuck.any():
        raise InputError(
            f"steady state before heating: unreachable: in {stuck.sum()} of {len(source)} unknowns the skin is "
            "insulated, nothing is perfused and metabolic heat has nowhere to go; give the skin a heat transfer, "
            "or join the parts of the mesh"
        )
    free = np.flatnonzero(~is_held)
    load = source[free] - (tissue @ rise)[free]
    if np.any(load):
        rise[free] = solved(csr_array(tissue[free][:, free]), load)
    return rise


def _without_sink(parts: Parts) -> Array:
    """Unknowns ``(n,)`` of parts of the body, one or several, from which no heat can leave."""
    count, part = connected_components(parts.tissue, directed=False)
    sink = np.bincount(part, parts.exchange + parts.perfusion, count) > 0.0
    sink[part[parts.held]] = True
    result: Array = ~sink[part]
    return result


def solved(matrix: csr_array, load: Array, rtol: float = BASE_RTOL, start: Array | None = None) -> Array:
    """Conjugate gradients with Jacobi; raises with iterations and residual if it does not get there."""
    diagonal = matrix.diagonal()
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)
    count = [0]
    found, failed = cg(
        matrix,
        load,
        x0=start,
        rtol=rtol,
        maxiter=BASE_ITERATIONS,
        M=jacobi,
        callback=lambda _: count.__setitem__(0, count[0] + 1),
    )
    residual = np.linalg.norm(load - matrix @ found) / np.linalg.norm(load)
    if failed or not residual <= 100.0 * rtol:
        raise SolverError(
            f"conjugate gradients: residual {residual:.2e} after {count[0]} iterations, wanted {rtol:.0e}"
        )
    result: Array = found
    return result
