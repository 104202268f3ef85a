"""Linearized system of a plan: each perfusion law, and the warming, at the constant value that fits best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ...base.arrays import Array, IntArray
from ...bioheat import Feedback, FeedbackSum, PerfusionFeedback, ThermalSystem, split_warming

_LEAST_K2 = 0.01
"""Least sum of squared rises that a fit is made of: below a tenth of a kelvin the law's slope is rounding."""


def linearize(system: ThermalSystem, feedback: Feedback, temperature_c: Array) -> ThermalSystem:
    """The system with each law's perfusion at the one value that carries off most nearly the heat that it did.

    ``temperature_c (t, n_dof)`` are temperatures of a plan, evenly weighted; the fit is by least squares over them,
    node by node, and nowhere below no perfusion at all. The state before heating stays as it is.
    """
    stiffness = system.stiffness
    for part in feedback.parts if isinstance(feedback, FeedbackSum) else (feedback,):
        if isinstance(part, PerfusionFeedback):
            stiffness = stiffness + _exchange(*_fit_exchange(part, system, temperature_c), system)
    return replace(system, stiffness=csr_array(stiffness))


def fit_regulation_w_k(feedback: Feedback | None, system: ThermalSystem, temperature_c: Array) -> float:
    """Fall of the warming's power with each kelvin of the blood, W/K: least squares over temperatures ``(t, n_dof)`` of
    a plan; none where nothing regulates or the blood hardly moves, and no more than the law's own."""
    warming, _ = split_warming(feedback)
    if warming is None or not len(temperature_c):
        return 0.0
    rise = temperature_c[:, -1] - system.base_c[-1]
    gained = warming.law_w(temperature_c @ warming.probe) - warming.limits_w[2]
    squares = float(rise @ rise)
    return float(np.clip(-(gained @ rise) / squares, 0.0, warming.gain_w_k)) if squares > _LEAST_K2 else 0.0


def steepest_regulation_w_k(feedback: Feedback | None) -> float:
    """The same before any plan is known: as steep as the law is, which holds the core."""
    warming, _ = split_warming(feedback)
    return 0.0 if warming is None else warming.gain_w_k


def _fit_exchange(law: PerfusionFeedback, system: ThermalSystem, temperature_c: Array) -> tuple[IntArray, Array]:
    """Nodes of a law, and at each the exchange with the blood beside the linear system's, W/K."""
    volumes_m3 = law.points.spread(law.points.sizes)
    nodes = np.flatnonzero(volumes_m3)
    at_rest = law.power_w(0.0, system.base_c)[nodes]
    gained = np.array([law.power_w(0.0, state)[nodes] for state in temperature_c]) - at_rest
    rise = temperature_c - system.base_c
    above = rise[:, nodes] - (rise[:, -1:] if system.has_blood else 0.0)
    squares = (above**2).sum(axis=0)
    fitted = -(gained * above).sum(axis=0) / np.maximum(squares, _LEAST_K2)
    fitted = np.where(squares > _LEAST_K2, fitted, 0.0)
    return nodes, np.maximum(fitted, -volumes_m3[nodes] * law.constant_w_m3_k)


def _exchange(nodes: IntArray, exchange_w_k: Array, system: ThermalSystem) -> csr_array:
    """Symmetric matrix of an exchange between nodes and blood, or with blood that is no state."""
    n = system.n_dof
    rows, columns, values = [nodes], [nodes], [exchange_w_k]
    if system.has_blood:
        blood = np.full(len(nodes), n - 1)
        rows += [nodes, blood, blood]
        columns += [blood, nodes, blood]
        values += [-exchange_w_k, -exchange_w_k, exchange_w_k]
    placed = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return csr_array(placed, shape=(n, n))
