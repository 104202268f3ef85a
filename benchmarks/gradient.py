"""Cost of an objective with its gradient, reduced and in full: 64 foci times ten windows, looked at each 10 s as a
search does, and each 5 s.

The full model goes forward, then backward through the adjoint, with the exact engine or with a tuned implicit loop. Its
adjoint jumps at every look, so the exact engine needs a Krylov space a look where the forward run needs one a window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
from bodies import Body
from common import spent
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, cg

from thermoplan.bioheat import ReducedModel, Segment, evolve
from thermoplan.bioheat.linalg.krylov import Operator, build_space
from thermoplan.bioheat.linalg.phi import decay, phi1
from thermoplan.goals import Goal, GoalRow
from thermoplan.optimize.program.modal_heat import ModalHeat
from thermoplan.optimize.program.penalty import PenalizedBound
from thermoplan.optimize.program.region_nodes import RegionNodes
from thermoplan.optimize.program.search_terms import GoalTerm, Iterate, gradient

PLAN_S, WINDOWS, LOOKS_S, STEP_S = 1800.0, 10, (10.0, 5.0), 5.0
ADJOINT_TOLERANCE = 1e-6
Full = tuple[np.ndarray, np.ndarray]


def gradients(b: Body, loads: np.ndarray, model: ReducedModel, op: Operator) -> Iterator[dict]:
    """Rows of the full objective, and of the reduced one: of the tumour, with the organs' limits, and of every node."""
    shares = np.random.default_rng(0).dirichlet(np.ones(len(loads)), WINDOWS)
    for look_s in LOOKS_S:
        heat = ModalHeat(model, np.linspace(0.0, PLAN_S, WINDOWS + 1), step_s=look_s)
        yield from _rows(b, op, loads, shares, heat)


def _rows(b: Body, op: Operator, loads: np.ndarray, shares: np.ndarray, heat: ModalHeat) -> Iterator[dict]:
    terms = _terms(b, heat)
    found, each, full = _slope(heat, shares, terms["tumour"]), f"looks each {heat.step_s:g} s", {}
    for name, walk in (("exact engine", exact), ("implicit Euler, 5 s", implicit)):
        if walk is implicit and heat.step_s != STEP_S:
            continue
        op.counter.products = 0
        (forward, backward), slope = walk(b, op, loads, shares, heat, terms["tumour"][0])
        full[name] = forward + backward
        turn = float((slope * found).sum() / np.linalg.norm(slope) / np.linalg.norm(found))
        yield {
            "row": f"full objective and gradient, {name}, {each}",
            "forward_s": forward,
            "backward_s": backward,
            "products": op.counter.products,
            "nodes": b.system.n_dof,
            "reduced_one_minus_cosine": 1.0 - turn,
            "reduced_length": float(np.linalg.norm(found) / np.linalg.norm(slope)),
        }
    for name, some in terms.items():
        seconds, _ = spent(lambda some=some: _slope(heat, shares, some), 25)
        yield {
            "row": f"objective and gradient, {name}, {each}",
            "ms": 1e3 * seconds,
            "nodes": sum(len(term.region_nodes.nodes) for term in some),
            "variables": found.size,
            "looks": len(heat.times_s),
            "modes": len(heat.model.rates_1_s),
            **{f"cheaper_than_{walk.split()[0]}": whole / seconds for walk, whole in full.items()},
        }


def _slope(heat: ModalHeat, shares: np.ndarray, terms: tuple[GoalTerm, ...]) -> np.ndarray:
    iterate = Iterate(heat, shares)
    return heat.gradient(heat.adjoint(sum(gradient(term, iterate)[0] for term in terms)))


def _terms(b: Body, heat: ModalHeat) -> dict[str, tuple[GoalTerm, ...]]:
    dose = _term(b, heat, ("tumour",), Goal("goal", ("tumour",), "CEM43T90", 10.0, "at_least"))
    limits = [_term(b, heat, (name,), Goal("limit", (name,), "Tmax", 40.0, "at_most")) for name in ("liver", "spleen")]
    every = Goal("goal", ("tumour",), "CEM43Dmean", 10.0, "at_least")
    return {
        "tumour": (dose,),
        "tumour and limits": (dose, *limits),
        "every organ node": (_term(b, heat, ("tumour", "liver", "spleen"), every),),
    }


def _term(b: Body, heat: ModalHeat, names: tuple[str, ...], goal: Goal) -> GoalTerm:
    regions = [b.mesh.region_names.index(name) for name in names]
    nodes = np.unique(b.mesh.tets[np.isin(b.mesh.region, regions)])
    row = GoalRow(goal, names[0], nodes, b.mesh.node_volumes_m3[nodes])
    return GoalTerm(row, RegionNodes.of([row], heat, PLAN_S / 60.0), _bound(row))


def _bound(row: GoalRow) -> PenalizedBound:
    return PenalizedBound(row.goal.bound_k, row.goal.sense == "at_least", 1.0, 1.0)


def _slopes(temperature: np.ndarray, heat: ModalHeat, term: GoalTerm) -> np.ndarray:
    """Derivative ``(t, k)`` of the term with respect to the temperature of each of its nodes: each its own mode."""
    region_nodes = term.region_nodes
    alone = RegionNodes(
        region_nodes.nodes, region_nodes.weights_m3, np.eye(len(region_nodes.nodes)), region_nodes.base_c
    )
    seen = np.arange(len(region_nodes.nodes)), temperature
    return gradient(GoalTerm(term.row, alone, term.bound), SimpleNamespace(heat=heat, at=lambda _: seen))[0]


def _timed(
    forward: Callable[[], np.ndarray], backward: Callable[[np.ndarray], np.ndarray], heat: ModalHeat, term: GoalTerm
) -> tuple[tuple[float, float], np.ndarray]:
    first, temperature = spent(forward)
    second, found = spent(lambda: backward(_slopes(temperature, heat, term)))
    return (first, second), found


def exact(b: Body, op: Operator, loads: np.ndarray, shares: np.ndarray, heat: ModalHeat, term: GoalTerm):
    """One Krylov space a window forward, one a look backward."""
    system, nodes, times = b.system, term.region_nodes.nodes, heat.times_s

    def forward() -> np.ndarray:
        pieces = [
            Segment(row @ loads, float(length))
            for row, length in zip(shares, np.diff(heat.window_edges_s), strict=True)
        ]
        seen = {round(t, 6): rows for t, rows in evolve(system, pieces, times, rows=nodes, engine=op)}
        return np.array([seen[round(t, 6)] for t in times])

    def backward(slopes: np.ndarray) -> np.ndarray:
        y, past = np.zeros(system.n_dof), np.zeros((WINDOWS, system.n_dof))
        for i in range(len(times) - 1, 0, -1):
            y[nodes] += slopes[i] / op.root_capacity[nodes]
            span = float(times[i] - times[i - 1])
            space = build_space(op, y, span, tolerance=ADJOINT_TOLERANCE * span * max(op.largest_k(y), 1e-300))
            scalar = np.concatenate([decay(space.rates_1_s, [span]), phi1(space.rates_1_s, [span])])
            y, integral = space.weights(scalar) @ space.basis
            past[min(WINDOWS - 1, int(times[i - 1] / PLAN_S * WINDOWS + 1e-9))] += integral
        return past @ (system.loads(loads) / op.root_capacity).T

    return _timed(forward, backward, heat, term)


def implicit(b: Body, op: Operator, loads: np.ndarray, shares: np.ndarray, heat: ModalHeat, term: GoalTerm):
    """Steps of a look each, assembled once: conjugate gradients with Jacobi from the last step's state."""
    system, nodes, times = b.system, term.region_nodes.nodes, heat.times_s
    heavy = system.capacity_j_k / STEP_S
    matrix = (diags_array(heavy) + system.stiffness).tocsr()
    diagonal, power = matrix.diagonal(), system.loads(loads)
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)
    window = np.minimum(WINDOWS - 1, (times[:-1] / PLAN_S * WINDOWS + 1e-9).astype(int))

    def step(right: np.ndarray, start: np.ndarray) -> np.ndarray:
        found, _ = cg(matrix, right, x0=start, rtol=1e-8, M=jacobi)
        return found

    def forward() -> np.ndarray:
        rise, seen = np.zeros(system.n_dof), [np.zeros(len(nodes))]
        for i in window:
            rise = step(heavy * rise + shares[i] @ power, rise)
            seen.append(rise[nodes])
        return system.base_c[nodes] + np.array(seen)

    def backward(slopes: np.ndarray) -> np.ndarray:
        weight, past = np.zeros(system.n_dof), np.zeros((WINDOWS, system.n_dof))
        for i in range(len(times) - 1, 0, -1):
            right = heavy * weight
            right[nodes] += slopes[i]
            weight = step(right, weight)
            past[window[i - 1]] += weight
        return past @ power.T

    return _timed(forward, backward, heat, term)
