"""Linearized system of a plan: each perfusion law at the constant value that fits best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ...base.arrays import Array
from ...bioheat import Feedback, PerfusionFeedback, ThermalSystem, Together

_LEAST_K2 = 0.01


def linearize(system: ThermalSystem, feedback: Feedback, temperature_c: Array) -> ThermalSystem:
    """The system with each law's perfusion at the one value that carries off most nearly the heat that it did.

    ``temperature_c (t, n_dof)`` are temperatures of a plan, evenly weighted; the fit is by least squares over them,
    node by node, and nowhere below no perfusion at all. The state before heating stays as it is.
    """
    stiffness = system.stiffness
    for part in feedback.parts if isinstance(feedback, Together) else (feedback,):
        if isinstance(part, PerfusionFeedback):
            stiffness = stiffness + _exchange(part, _fitted(part, system, temperature_c), system)
    return replace(system, stiffness=csr_array(stiffness))


def _fitted(law: PerfusionFeedback, system: ThermalSystem, temperature_c: Array) -> Array:
    """Exchange with the blood beside the linear system's, W/K at each of the law's nodes."""
    at_rest = law.power_w(0.0, system.base_c)[law.nodes]
    gained = np.array([law.power_w(0.0, state)[law.nodes] for state in temperature_c]) - at_rest
    rise = temperature_c - system.base_c
    above = rise[:, law.nodes] - (rise[:, -1:] if system.has_blood else 0.0)
    squares = (above**2).sum(axis=0)
    fitted = -(gained * above).sum(axis=0) / np.maximum(squares, _LEAST_K2)
    return np.maximum(np.where(squares > _LEAST_K2, fitted, 0.0), -law.volumes_m3 * law.constant_w_m3_k)


def _exchange(law: PerfusionFeedback, exchange_w_k: Array, system: ThermalSystem) -> csr_array:
    """Symmetric matrix of an exchange between nodes and blood, or with blood that is no state."""
    n, nodes = system.n_dof, law.nodes
    rows, columns, values = [nodes], [nodes], [exchange_w_k]
    if system.has_blood:
        blood = np.full(len(nodes), n - 1)
        rows += [nodes, blood, blood]
        columns += [blood, nodes, blood]
        values += [-exchange_w_k, -exchange_w_k, exchange_w_k]
    placed = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return csr_array(placed, shape=(n, n))
