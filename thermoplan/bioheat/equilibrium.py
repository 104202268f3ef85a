"""Steady states of the heat equation: before heating, with feedback, and under a load that is kept for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from ..base.arrays import Array, BoolArray
from ..base.errors import InputError, SolverError
from .feedback import Feedback, FeedbackSum
from .linalg.conjugate_gradients import solve_cg
from .system import ThermalSystem
from .warming_law import WarmingFeedback, split_warming
from .weak_form import AssembledForm

STEADY_TOLERANCE_K = 1e-9
"""Last step of Newton's method over the nodes. Its steps fall quadratically: twice as much hardly saves a round."""
STEADY_ROUNDS = 60
"""Most rounds of Newton's method, many times what smooth laws take; twice as many would only delay the message about a
law that jumps."""
NEWTON_RTOL = 1e-8
"""Residual of a Newton step. The next round corrects what is left: twice as much costs a round more at most."""


def rise_before_heating(form: AssembledForm, arterial_c: float) -> Array:
    """Steady ``T - arterial`` ``(n,)`` with blood at the arterial temperature."""
    tissue, source = form.tissue, form.source
    rise = np.zeros(len(source))
    rise[form.held] = form.held_c - arterial_c
    stuck = _without_sink(form) & (source != 0.0)
    if stuck.any():
        raise InputError(
            f"steady state before heating: unreachable: in {stuck.sum()} of {len(source)} unknowns the skin is "
            "insulated, nothing is perfused and metabolic heat has nowhere to go; give the skin a heat transfer, "
            "or join the parts of the mesh"
        )
    is_free = np.ones(len(source), bool)
    is_free[form.held] = False
    free = np.flatnonzero(is_free)
    load = source[free] - (tissue @ rise)[free]
    if np.any(load):
        rise[free] = solve_cg(csr_array(tissue[free][:, free]), load)
    return rise


def _without_sink(form: AssembledForm) -> BoolArray:
    """Unknowns ``(n,)`` of parts of the body, one or several, from which no heat can leave."""
    count, part = connected_components(form.tissue, directed=False)
    sink = np.bincount(part, form.exchange + form.perfusion, count) > 0.0
    sink[part[form.held]] = True
    result: BoolArray = np.logical_not(sink[part])
    return result


def steady_rise(system: ThermalSystem, load_w: Array) -> Array:
    """Rise ``(n_dof,)`` over the state before heating that a load ``(n_nodes,)`` ends in if kept for ever."""
    load = system.loads(load_w)
    return solve_cg(system.stiffness, load) if np.any(load) else load


def settle(system: ThermalSystem, feedback: Feedback | None) -> ThermalSystem:
    """System with the steady state before heating that a feedback leads to; itself without one.

    The blood stays at its temperature, and thermoregulation makes up for what it then loses, unless a pad or lamp warms
    the animal: then the blood is at what that holds (see `settle_warming`).
    """
    return settle_warming(system, feedback)[0]


def settle_warming(system: ThermalSystem, feedback: Feedback | None) -> tuple[ThermalSystem, Feedback | None]:
    """As `settle`, with the feedback whose warming knows the power that it then gives.

    A regulated source gives what holds its set point, or as much of it as it can; nothing then comes in through the
    blood. One that is switched off where heating begins leaves the state that it held.
    """
    warming, others = split_warming(feedback)
    if warming is None:
        return (system if feedback is None else _settle_tissue(system, feedback)), feedback
    if warming.is_regulated:
        system, power_w, needed_w = _settle_regulator(system, warming, others)
        if warming.max_power_w == 0.0:
            return system, others
        begun = warming.begun(needed_w, power_w)
    else:
        system = system if others is None else _settle_tissue(system, others)
        begun = warming.begun(system.thermoregulation_w, system.thermoregulation_w)
    return system, FeedbackSum((begun,)) if others is None else FeedbackSum((*_parts(others), begun))


def _parts(feedback: Feedback) -> tuple[Feedback, ...]:
    return feedback.parts if isinstance(feedback, FeedbackSum) else (feedback,)


def _settle_tissue(system: ThermalSystem, feedback: Feedback) -> ThermalSystem:
    """System with the steady state at the blood's temperature."""
    n, start = system.n_nodes, system.base_c
    tissue, state = csr_array(system.stiffness[:n][:, :n]), system.base_c.copy()
    for _ in range(STEADY_ROUNDS):
        power = feedback.power_w(0.0, state)
        missing = power[:n] - tissue @ (state - start)[:n]
        slope = feedback.slope_w_k(0.0, state)[:n]
        missing[system.held], slope[system.held] = 0.0, 0.0
        if not missing.any():
            break
        step = solve_cg(csr_array(tissue - diags_array(slope)), missing, rtol=NEWTON_RTOL)
        state[:n] += step
        if np.abs(step).max() < STEADY_TOLERANCE_K:
            break
    else:
        raise _no_steady_state(step)
    drawn = float(feedback.power_w(0.0, state)[n:].sum() + system.perfused_w_k[:n] @ (state - start)[:n])
    return replace(system, base_c=state, thermoregulation_w=system.thermoregulation_w - drawn * system.has_blood)


def _settle_regulator(
    system: ThermalSystem, warming: WarmingFeedback, others: Feedback | None
) -> tuple[ThermalSystem, float, float]:
    """System with the steady state of a regulated source, the power that it gives, and what would hold its set point.

    The state is ``K^-1`` of all power, the source's among it, which is chosen so that the reading is the set point; a
    power outside the source's range is held at its end.
    """
    start, state, power_w = system.base_c, system.base_c.copy(), 0.0
    load = warming.load.copy()
    load[system.held] = 0.0
    given = np.zeros(system.n_dof)
    given[system.n_nodes :] = -system.thermoregulation_w
    for _ in range(STEADY_ROUNDS):
        fed = np.zeros(system.n_dof) if others is None else others.power_w(0.0, state)
        slope = np.zeros(system.n_dof) if others is None else others.slope_w_k(0.0, state)
        missing = given + fed + power_w * load - system.stiffness @ (state - start)
        missing[system.held], slope[system.held] = 0.0, 0.0
        matrix = csr_array(system.stiffness - diags_array(slope))
        step = solve_cg(matrix, missing, rtol=NEWTON_RTOL) if missing.any() else missing
        per_watt = solve_cg(matrix, load)
        lacking_w = (warming.set_point_c - warming.reading_c(state + step)) / float(warming.probe @ per_watt)
        needed_w = power_w + lacking_w
        most_w = np.inf if warming.max_power_w is None else warming.max_power_w
        now_w = min(max(needed_w, 0.0), most_w)
        step = step + (now_w - power_w) * per_watt
        state, power_w = state + step, now_w
        if np.abs(step).max() < STEADY_TOLERANCE_K:
            break
    else:
        raise _no_steady_state(step)
    return replace(system, base_c=state, thermoregulation_w=0.0, warming_w=power_w), power_w, needed_w


def _no_steady_state(step_k: Array) -> SolverError:
    return SolverError(
        f"steady state with feedback: still moving by {np.abs(step_k).max():.1e} K after {STEADY_ROUNDS} rounds"
    )
