"""Steady states of the heat equation: before heating, with feedback, and under a load that is kept for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from ..base.arrays import Array, BoolArray
from ..base.errors import InputError, SolverError
from .feedback import Feedback
from .linalg.conjugate_gradients import solve_cg
from .system import ThermalSystem
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

    The blood stays at its temperature; thermoregulation makes up for what it then loses.
    """
    if feedback is None:
        return system
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
        raise SolverError(
            f"steady state with feedback: still moving by {np.abs(step).max():.1e} K after {STEADY_ROUNDS} rounds"
        )
    drawn = float(feedback.power_w(0.0, state)[n:].sum() + system.perfused_w_k[:n] @ (state - start)[:n])
    return replace(system, base_c=state, thermoregulation_w=system.thermoregulation_w - drawn * system.has_blood)
