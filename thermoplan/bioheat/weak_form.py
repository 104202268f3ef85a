"""Weak form of the heat equation: coefficients on elements and outer facets, to which its terms add, for any elements.

    C d(T)/dt = div(k grad T) - W (T - T_b) + q    inside,    -k dT/dn = h (T - T_art) - f    on the skin

with blood at ``T_b``, and ``f`` the inflow into a body that is everywhere at the arterial temperature ``T_art``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from ..base.arrays import Array, IntArray
from .capacity import fastest_rate_1_s, redistribute_capacity
from .problem import BioheatProblem
from .skin import facet_owners

if TYPE_CHECKING:
    from ..fem.element_space import ElementSpace  # loads DOLFINx


@dataclass(slots=True, eq=False)
class WeakForm:
    """Coefficients of the heat equation, one value an element ``(m,)`` or an outer facet ``(f,)``.

    Parameters
    ----------
    owner
        ``(f,)`` number of the boundary that each facet is on.
    storage_j_m3_k, conductivity_w_m_k, source_w_m3
        ``(m,)`` heat capacity, conductivity, heat that is set free.
    to_blood_w_m3_k
        ``(m,)`` exchange with the blood.
    transfer_w_m2_k, inflow_w_m2
        ``(f,)`` heat transfer to the outside, and what it brings into a body at the arterial temperature.
    held_c
        ``(f,)`` temperature that a facet is held at, NaN where it is free.
    blood_j_k
        Capacity of the blood where its temperature is a state, else None.
    """

    owner: IntArray
    storage_j_m3_k: Array
    conductivity_w_m_k: Array
    source_w_m3: Array
    to_blood_w_m3_k: Array
    transfer_w_m2_k: Array
    inflow_w_m2: Array
    held_c: Array
    blood_j_k: float | None = None

    @classmethod
    def blank(cls, problem: BioheatProblem) -> WeakForm:
        """Form without a term."""
        m, f = len(problem.anatomy.tets), len(problem.anatomy.outer)
        return cls(
            owner=facet_owners(problem),
            storage_j_m3_k=np.zeros(m),
            conductivity_w_m_k=np.zeros(m),
            source_w_m3=np.zeros(m),
            to_blood_w_m3_k=np.zeros(m),
            transfer_w_m2_k=np.zeros(f),
            inflow_w_m2=np.zeros(f),
            held_c=np.full(f, np.nan),
        )


@dataclass(frozen=True, slots=True, eq=False)
class AssembledForm:
    """Integrals of a weak form on elements with ``n`` unknowns.

    Parameters
    ----------
    tissue
        ``(n, n)`` conduction, exchange with blood at a given temperature, and heat transfer of the skin, W/K.
    capacity
        ``(n,)`` where it is lumped, else ``(n, n)``, J/K.
    perfusion, exchange
        ``(n,)`` sums of the rows of the exchange with blood and of the skin's heat transfer, W/K.
    source
        ``(n,)`` heat that is set free, and the inflow through the skin, W.
    held, held_c
        Unknowns at a given temperature, and it.
    blood_j_k
        Capacity of the blood where its temperature is a state, else None.
    """

    tissue: csr_array
    capacity: Array | csr_array
    perfusion: Array
    exchange: Array
    source: Array
    held: IntArray
    held_c: Array
    blood_j_k: float | None


def assemble(form: WeakForm, space: ElementSpace) -> AssembledForm:
    """Integrate a form on elements of any order."""
    outer = space.anatomy.outer
    exchange = space.facet_load(outer, form.transfer_w_m2_k)
    tissue = space.stiffness(form.conductivity_w_m_k) + space.mass(form.to_blood_w_m3_k)
    tissue = csr_array(tissue + space.facet_mass(outer, form.transfer_w_m2_k))
    source = space.load(form.source_w_m3) + space.facet_load(outer, form.inflow_w_m2)
    held, held_c = _held_unknowns(form, space)
    capacity = space.capacity(form.storage_j_m3_k)
    if isinstance(capacity, np.ndarray):
        free = np.ones(space.n, bool)
        free[held] = False
        fastest = fastest_rate_1_s(tissue.diagonal(), capacity)
        capacity = redistribute_capacity(capacity, tissue, rate_1_s=fastest, free=free)
    perfusion = space.load(form.to_blood_w_m3_k)
    return AssembledForm(tissue, capacity, perfusion, exchange, source, held, held_c, form.blood_j_k)


def _held_unknowns(form: WeakForm, space: ElementSpace) -> tuple[IntArray, Array]:
    """Unknowns on facets that are held, and their temperature; where two boundaries meet, that of the later."""
    facets = np.flatnonzero(np.isfinite(form.held_c))
    facets = facets[np.argsort(form.owner[facets], kind="stable")]
    unknowns = space.facet_unknowns(space.anatomy.outer[facets])
    value = np.full(space.n, np.nan)
    value[unknowns] = form.held_c[facets, None]
    held = np.flatnonzero(np.isfinite(value))
    return held, value[held]
