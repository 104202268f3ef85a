"""Assembly of a heat problem: its terms summed to a weak form, integrated on elements, and joined with the blood."""

from __future__ import annotations

import numpy as np
from scipy.sparse import block_diag, bmat, csr_array, diags_array

from ..base.arrays import Array, IntArray
from .equilibrium import rise_before_heating, settle_warming
from .feedback import Feedback, FeedbackSum
from .problem import BioheatProblem
from .system import ThermalSystem
from .terms import active_terms, weak_form
from .weak_form import AssembledForm, assemble


def thermal_system(problem: BioheatProblem, order: int = 1) -> ThermalSystem:
    """Assemble the problem once on elements of an order and find the steady state before heating.

    Unknowns at the nodes come first, in the anatomy's order; those of quadratic elements in the middle of edges follow.
    """
    return _join_blood(problem, assembled_form(problem, order), order)


def steady_system(problem: BioheatProblem, order: int = 1) -> tuple[ThermalSystem, Feedback | None]:
    """Assembled problem in its steady state before heating, and what feeds back into it, None where nothing does."""
    system = thermal_system(problem, order)
    return settle_warming(system, feedback_of(problem, system))


def assembled_form(problem: BioheatProblem, order: int) -> AssembledForm:
    """Integrals of all terms of a problem on elements of an order."""
    from ..fem.element_space import element_space  # loads DOLFINx

    return assemble(weak_form(problem), element_space(problem.anatomy, order))


def feedback_of(problem: BioheatProblem, system: ThermalSystem) -> FeedbackSum | None:
    """Feedback of a problem on the elements of its system: laws, courses, radiation; None where there is none."""
    from ..fem.element_space import element_space  # loads DOLFINx

    space = element_space(problem.anatomy, system.order)
    parts = [part for term in active_terms(problem).values() for part in term.feedback(problem, system, space)]
    return FeedbackSum(tuple(parts)) if parts else None


def _join_blood(problem: BioheatProblem, form: AssembledForm, order: int) -> ThermalSystem:
    """Hold what is held, join the blood where it is a state, and find the steady state before heating."""
    tissue, held, n = form.tissue, form.held, len(form.source)
    is_held = np.zeros(n, bool)
    is_held[held] = True
    free = np.logical_not(is_held)
    rise = rise_before_heating(form, problem.arterial_c)
    capacity = form.capacity if isinstance(form.capacity, np.ndarray) else form.capacity.diagonal()
    boundary = np.where(free, form.exchange - tissue[held].sum(axis=0), 0.0)
    stiffness = _cut_held_nodes(tissue, held, capacity)
    perfusion_free = np.where(free, form.perfusion, 0.0)
    base, perfused = problem.arterial_c + rise, perfusion_free
    pool = form.blood_j_k is not None
    if form.blood_j_k is not None:
        border = csr_array(perfusion_free[:, None])
        total = np.array([[form.perfusion.sum()]])
        stiffness = bmat([[stiffness, -border], [-border.T, total]], format="csr")
        capacity = np.append(capacity, form.blood_j_k)
        base, boundary = np.append(base, problem.arterial_c), np.append(boundary, form.perfusion[held].sum())
        perfused = np.append(perfused, -perfusion_free.sum())
    stiffness = csr_array(stiffness)
    stiffness.sort_indices()
    mass = None if isinstance(form.capacity, np.ndarray) else _mass(form.capacity, free, form.blood_j_k)
    return ThermalSystem(
        capacity_j_k=capacity if mass is None else mass.sum(axis=0),
        stiffness=stiffness,
        base_c=base,
        thermoregulation_w=-float(form.perfusion @ rise) if pool else 0.0,
        perfused_w_k=perfused,
        boundary_w_k=boundary,
        n_nodes=n,
        held=held,
        mass_j_k=mass,
        order=order,
    )


def _mass(capacity: csr_array, free: Array, blood_j_k: float | None) -> csr_array:
    """Capacity between unknowns that are free, held ones on their own, and the blood."""
    keep = diags_array(free.astype(float))
    mass = keep @ capacity @ keep + diags_array(np.where(free, 0.0, capacity.diagonal()))
    return csr_array(mass if blood_j_k is None else block_diag([mass, [[blood_j_k]]], format="csr"))


def _cut_held_nodes(matrix: csr_array, held: IntArray, capacity: Array) -> csr_array:
    """Cut rows and columns of held nodes; they keep a diagonal of the middle rate, which no load reaches."""
    if not len(held):
        return matrix
    free = np.ones(matrix.shape[0])
    free[held] = 0.0
    keep = diags_array(free)
    rate = float(np.median(matrix.diagonal() / capacity))
    return csr_array((keep @ matrix @ keep + diags_array((1.0 - free) * capacity * rate)).tocsr())
