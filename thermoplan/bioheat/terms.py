"""Terms of the bioheat equation [Pennes1948], each once, for elements of any order.

    rho c dT/dt = div(k grad T) - (W(T) + vessels) (T - T_b) + q_met + q              in tissue
    -k dT/dn = h (T - T_air(t)) + eps sigma (T^4 - T_wall^4)    or    T = T_held      on the skin
    C_b dT_b/dt = integral of (W(T) + vessels) (T - T_b)        or    T_b = T_core(t)
    P = clip(P_0 - g (T_read - T_set), 0, P_max)                through a surface that warms the animal

A term adds its constant coefficients to the weak form, and as feedback whatever follows temperature or time, in places
that the element space gives: no term knows the order of the elements. A new term is one entry of ``TERMS``, one example
in ``tests/test_bioheat_terms.py``, and its numbers among the parameters of a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.arrays import Array, IntArray
from .feedback import CourseFeedback, Feedback, PerfusionFeedback
from .problem import BioheatProblem, Boundary
from .radiation import RadiationFeedback, linear_w_m2_k
from .skin import facet_owners
from .system import ThermalSystem
from .vessels import vessels_w_m3_k
from .warming_law import warming_feedback
from .weak_form import WeakForm

if TYPE_CHECKING:
    from ..fem.element_space import ElementSpace  # loads DOLFINx


def _add_nothing(form: WeakForm, problem: BioheatProblem) -> None:
    """A term without constant coefficients."""


def _feed_nothing(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterable[Feedback]:
    """A term that the linear system holds."""
    return ()


@dataclass(frozen=True, slots=True)
class HeatTerm:
    """Term of the bioheat equation.

    Parameters
    ----------
    phrase
        Its name in the methods of a report.
    parameter
        Words in the name or the source of a row of a plan's parameters, by which a reader finds its numbers.
    is_active
        True for a problem that has the term.
    add_to
        Adds its constant coefficients to a weak form.
    feedback
        Power of what follows temperature or time, on top of the linear system.
    """

    phrase: str
    parameter: str
    is_active: Callable[[BioheatProblem], bool]
    add_to: Callable[[WeakForm, BioheatProblem], None] = _add_nothing
    feedback: Callable[[BioheatProblem, ThermalSystem, ElementSpace], Iterable[Feedback]] = _feed_nothing


def active_terms(problem: BioheatProblem) -> dict[str, HeatTerm]:
    """Terms that a problem has."""
    return {name: term for name, term in TERMS.items() if term.is_active(problem)}


def weak_form(problem: BioheatProblem) -> WeakForm:
    """Sum of all terms' constant coefficients."""
    form = WeakForm.blank(problem)
    for term in active_terms(problem).values():
        term.add_to(form, problem)
    return form


def _by_region(problem: BioheatProblem, values: Array) -> Array:
    """Values of the regions, one an element ``(m,)``."""
    result: Array = values[problem.anatomy.region]
    return result


def _add_storage(form: WeakForm, problem: BioheatProblem) -> None:
    form.storage_j_m3_k += _by_region(problem, problem.capacity_j_m3_k)


def _add_conduction(form: WeakForm, problem: BioheatProblem) -> None:
    form.conductivity_w_m_k += _by_region(problem, problem.conductivity_w_m_k)


def _add_perfusion(form: WeakForm, problem: BioheatProblem) -> None:
    form.to_blood_w_m3_k += _by_region(problem, problem.perfusion_w_m3_k)


def _feed_perfusion_laws(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterator[Feedback]:
    """``(W(T) - W) (T_b - T)`` in the regions whose perfusion follows temperature."""
    anatomy = problem.anatomy
    blood = problem.arterial_c if problem.core_course is None else problem.core_course
    for name, law in problem.laws.items():
        constant = float(problem.perfusion_w_m3_k[anatomy.region_names.index(name)])
        yield PerfusionFeedback(space.cell_points(anatomy.cells(name)), law, constant, blood)


def _add_vessels(form: WeakForm, problem: BioheatProblem) -> None:
    conductivity = _by_region(problem, problem.conductivity_w_m_k)
    form.to_blood_w_m3_k += vessels_w_m3_k(problem.anatomy, problem.vessels, conductivity)


def _add_metabolic_heat(form: WeakForm, problem: BioheatProblem) -> None:
    form.source_w_m3 += _by_region(problem, problem.metabolic_w_m3)


def _add_convection(form: WeakForm, problem: BioheatProblem) -> None:
    for facets, boundary in _surfaces(form.owner, problem, _is_cooled):
        form.transfer_w_m2_k[facets] += boundary.heat_transfer_w_m2_k
        form.inflow_w_m2[facets] += boundary.heat_transfer_w_m2_k * (boundary.temperature_c - problem.arterial_c)


def _feed_ambient_courses(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterator[Feedback]:
    """``h (T_air(t) - T_air(0))`` where the air's temperature is given over time."""
    for facets, boundary in _surfaces(facet_owners(problem), problem, _follows_course):
        areas = space.facet_load(problem.anatomy.outer[facets], np.ones(len(facets)))
        exchange = np.zeros(system.n_dof)
        exchange[: space.n] = boundary.heat_transfer_w_m2_k * areas
        if boundary.course is not None:
            yield CourseFeedback(exchange, boundary.course)


def _add_radiation(form: WeakForm, problem: BioheatProblem) -> None:
    """Linear part, a heat transfer about the middle between core and walls."""
    for facets, boundary in _surfaces(form.owner, problem, _radiates):
        transfer = linear_w_m2_k(boundary.emissivity, boundary.walls_c, problem.arterial_c)
        form.transfer_w_m2_k[facets] += transfer
        form.inflow_w_m2[facets] += transfer * (boundary.walls_c - problem.arterial_c)


def _feed_radiation(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterator[Feedback]:
    """``eps sigma (T^4 - T_wall^4)`` without its linear part."""
    for facets, boundary in _surfaces(facet_owners(problem), problem, _radiates):
        transfer = linear_w_m2_k(boundary.emissivity, boundary.walls_c, problem.arterial_c)
        points = space.facet_points(problem.anatomy.outer[facets])
        yield RadiationFeedback(points, boundary.emissivity, boundary.walls_c, transfer)


def _hold_surface(form: WeakForm, problem: BioheatProblem) -> None:
    for facets, boundary in _surfaces(form.owner, problem, _is_held):
        form.held_c[facets] = boundary.temperature_c


def _mix_blood(form: WeakForm, problem: BioheatProblem) -> None:
    form.blood_j_k = problem.blood_j_k


def _feed_core_course(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterator[Feedback]:
    """``W (T_core(t) - T_core(0))`` where the blood's temperature is given over time."""
    if problem.core_course is not None:
        yield CourseFeedback(system.perfused_w_k, problem.core_course)


def _feed_warming(problem: BioheatProblem, system: ThermalSystem, space: ElementSpace) -> Iterator[Feedback]:
    """``clip(P_0 - g (T_read - T_set), 0, P_max)`` through a surface, or a source that ends where heating begins."""
    warming = warming_feedback(problem, system.n_dof, space)
    if warming is not None:
        yield warming


def _surfaces(
    owner: IntArray, problem: BioheatProblem, kind: Callable[[Boundary], bool]
) -> Iterator[tuple[IntArray, Boundary]]:
    """Facets and boundary of all boundaries of a kind."""
    for number, boundary in enumerate(problem.boundaries):
        if kind(boundary):
            yield np.flatnonzero(owner == number), boundary


def _is_cooled(boundary: Boundary) -> bool:
    return boundary.kind == "robin" and boundary.heat_transfer_w_m2_k > 0.0


def _follows_course(boundary: Boundary) -> bool:
    return boundary.course is not None


def _radiates(boundary: Boundary) -> bool:
    return boundary.emissivity > 0.0


def _is_held(boundary: Boundary) -> bool:
    return boundary.kind == "dirichlet"


def _any_surface(kind: Callable[[Boundary], bool]) -> Callable[[BioheatProblem], bool]:
    return lambda problem: any(map(kind, problem.boundaries))


TERMS: dict[str, HeatTerm] = {
    "storage": HeatTerm("heat storage", "heat capacity", lambda _: True, _add_storage),
    "conduction": HeatTerm("conduction", "conductivity", lambda _: True, _add_conduction),
    "perfusion": HeatTerm("perfusion", "perfusion", lambda p: bool(p.perfusion_w_m3_k.any()), _add_perfusion),
    "vessels": HeatTerm("exchange with single vessels", "vessel", lambda p: bool(p.vessels), _add_vessels),
    "metabolic heat": HeatTerm(
        "metabolic heat", "metabolic heat", lambda p: bool(p.metabolic_w_m3.any()), _add_metabolic_heat
    ),
    "convection": HeatTerm(
        "heat transfer from the surface", "heat transfer", _any_surface(_is_cooled), _add_convection
    ),
    "held surface": HeatTerm("a surface held at its temperature", "held at", _any_surface(_is_held), _hold_surface),
    "blood pool": HeatTerm(
        "a well-mixed pool of blood", "blood: heat capacity", lambda p: p.core == "pool", _mix_blood
    ),
    "perfusion laws": HeatTerm(
        "perfusion that follows temperature",
        "at rest, then as",
        lambda p: bool(p.laws),
        feedback=_feed_perfusion_laws,
    ),
    "core course": HeatTerm(
        "a core temperature given over time",
        "core_course",
        lambda p: p.core_course is not None,
        feedback=_feed_core_course,
    ),
    "ambient course": HeatTerm(
        "an ambient temperature given over time",
        "ambient_course",
        _any_surface(_follows_course),
        feedback=_feed_ambient_courses,
    ),
    "radiation": HeatTerm(
        "radiation from the surface", "emissivity", _any_surface(_radiates), _add_radiation, _feed_radiation
    ),
    "warming": HeatTerm(
        "warming that follows a reading or ends",
        "warming",
        lambda p: p.warming.kind != "constant",
        feedback=_feed_warming,
    ),
}
"""All terms, in the order in which their coefficients and feedbacks are summed."""
