"""Assembled heat problem: ``C d(theta)/dt = -K theta + b``, theta the rise since before heating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ..base.arrays import Array, IntArray, freeze, put
from ..base.errors import InputError


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
    order
        Order of the elements that it is assembled on.
    warming_w
        Power of a regulated pad or lamp before heating.
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
    order: int = 1
    warming_w: float = 0.0

    def __post_init__(self) -> None:
        put(self, held=freeze(self.held, np.int64))
        for name in ("capacity_j_k", "base_c", "perfused_w_k", "boundary_w_k"):
            put(self, **{name: freeze(getattr(self, name))})

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
