"""Linearized system of a plan: each perfusion law at the constant value that fits best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ...base.arrays import Array, IntArray
from ...bioheat import Feedback, FeedbackSum, PerfusionFeedback, ThermalSystem

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
