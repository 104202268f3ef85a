"""The bioheat engine against what one would use instead, side by side in one run on one core.

    python benchmarks/heat.py [S|M|L|XL|mouse|mouse-fine] [forward|peers|kernel|plan|reduced|gradient|positions ...]

Each row is a JSON line in heat.jsonl with the machine; benchmarks/table.py puts them beside their goals. The ratios
are the point, and counts do not depend on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from bodies import Body, body, uniform
from common import quiet, spent, write
from gradient import gradients
from peers import fipy, linear_problem, ngsolve, tuned, voxels
from scipy.linalg.blas import daxpy

from thermoplan.bioheat import ReducedModel, Segment, evolve, evolve_implicit, reduced_model
from thermoplan.bioheat.linalg.krylov import Operator, build_space, operator, spectral_radius_1_s
from thermoplan.bioheat.linalg.symmetric import SymmetricMatrix
from thermoplan.goals.dose import Dose
from thermoplan.plan.case.model_cache import MODES, TOLERANCE_K
from thermoplan.validate.cases import load_of

__all__ = ["PLAN_S", "case", "load_of"]

MINUTE_S, PLAN_S, DWELL_S, LOOK_S = 60.0, 1800.0, 180.0, 5.0
TRIAD_DOUBLES = 8_000_000
MANY = 200_000
"""Nodes above which every node is not looked at each 5 s."""


def case(size: str):
    """Mesh, matrices and problem of the box."""
    b = uniform(size)
    return b.mesh, b.system, b.problem


def last(history):
    *_, (_, temperature) = history
    return temperature


def forward(b: Body) -> Iterator[dict]:
    """A dwell of a minute: exact engine, implicit engine, tuned Euler, LinearProblem each step."""
    load, op = b.foci(1)[0], operator(b.system.stiffness, b.system.capacity_j_k)
    yield {"row": "mesh", "nodes": b.system.n_dof, "spectral_radius_1_s": spectral_radius_1_s(op)}
    reference = last(evolve(b.system, [Segment(load, MINUTE_S)], [], tolerance_k=1e-9, engine=op))

    def measured(name: str, run: Callable[[], np.ndarray], repeats: int = 3) -> dict:
        op.counter.products = 0
        seconds, found = spent(run, repeats)
        return {
            "row": name,
            "s_per_min": seconds,
            "products": op.counter.products // repeats,
            "error_k": float(np.abs(found - reference).max()),
        }

    step = tuned(b, load, 1.0)
    exact = measured("exact engine", lambda: last(evolve(b.system, [Segment(load, MINUTE_S)], [], engine=op)))
    implicit = measured(
        "TR-BDF2, 1 mK a step", lambda: last(evolve_implicit(b.system, [Segment(load, MINUTE_S)], [], engine=op)), 1
    )
    euler = measured("tuned implicit Euler, 1 s", lambda: step(60), 1)
    euler["exact_is_faster"] = euler["s_per_min"] / exact["s_per_min"]
    euler["exact_part_of_error"] = exact["error_k"] / euler["error_k"]
    yield from (exact, implicit, euler)
    iterative = {"ksp_type": "cg", "pc_type": "jacobi", "ksp_rtol": 1e-8}
    direct = {"ksp_type": "preonly", "pc_type": "lu"}
    for name, options in (("iterative", iterative), *([("factorising", direct)] if b.name == "S" else [])):
        run = linear_problem(b, load, options)
        run()
        seconds, _ = spent(run)
        yield {
            "row": f"LinearProblem each step, {name}",
            "s_per_min": 60.0 * seconds,
            "tuned_is_faster": 60.0 * seconds / euler["s_per_min"],
            "stepping_is_faster": 60.0 * seconds / implicit["s_per_min"],
            "exact_is_faster": 60.0 * seconds / exact["s_per_min"],
        }


def peers(b: Body) -> Iterator[dict]:
    """NGSolve on the same mesh, FiPy and explicit voxels on as many cubes: a minute in steps of 1 s or as is stable."""
    load, op = b.foci(1)[0], operator(b.system.stiffness, b.system.capacity_j_k)
    exact, _ = spent(lambda: last(evolve(b.system, [Segment(load, MINUTE_S)], [], engine=op)), 15)
    euler, _ = spent(lambda: tuned(b, load, 1.0)(60))
    yield {"row": "exact engine, beside peers", "s_per_min": exact}
    makers = {"NGSolve, CG + Jacobi": ngsolve} | ({} if b.organs else {"FiPy, PCG": fipy})
    for name, maker in makers.items():
        try:
            step = maker(b, load)
        except ModuleNotFoundError as absent:
            yield {"row": name, "skipped": f'{absent.name} is not installed: pip install "thermoplan[bench]"'}
            continue
        step()
        seconds, _ = spent(lambda: [step() for _ in range(5)])  # noqa: B023
        yield {
            "row": name,
            "s_per_min": 12.0 * seconds,
            "tuned_is_faster": 12.0 * seconds / euler,
            "exact_is_faster": 12.0 * seconds / exact,
        }
    yield from _voxels(b, exact)


def _voxels(b: Body, exact: float) -> Iterator[dict]:
    """On the box cubes as large as its bricks; on an organ mesh cubes as small as the tumour's median edge, in the box
    around the body, as the loop has no mask."""
    volume = float(b.mesh.volumes_m3.sum())
    if b.organs:
        tumour = b.mesh.tets[b.mesh.region == b.mesh.region_names.index("tumour")]
        ends = b.mesh.points_m[tumour]
        edge = float(np.median([np.linalg.norm(ends[:, i] - ends[:, j], axis=1) for i in range(4) for j in range(i)]))
        volume = float(np.prod(np.ptp(b.mesh.points_m, axis=0)))
    else:
        edge = (volume / b.system.n_nodes) ** (1.0 / 3.0)
    cells = int(volume / edge**3)
    side = max(8, round(cells ** (1.0 / 3.0)))
    step, dt = voxels(np.full(3, side), edge, b)
    step()
    seconds, _ = spent(lambda: [step() for _ in range(5)], 15)
    a_minute = seconds / 5.0 * MINUTE_S / dt * cells / side**3
    yield {
        "row": "explicit voxels",
        "s_per_min": a_minute,
        "cells": cells,
        "edge_mm": 1e3 * edge,
        "step_s": dt,
        "exact_is_faster": a_minute / exact,
        "exact_per_node": (exact / b.system.n_nodes) / (a_minute / cells),
    }


def kernel(b: Body) -> Iterator[dict]:
    """A matrix product with its Lanczos vectors, against the bytes that it moves if no cache keeps a vector.

    Twice: with all of the matrix and thirteen passes over vectors, as the study counts them; and with what our step
    moves, half of the matrix, nearly without columns, and six passes.
    """
    op = operator(b.system.stiffness, b.system.capacity_j_k)
    start = b.system.loads(b.foci(1)[0]) / op.root_capacity
    n, nnz = op.matrix.shape[0], op.matrix.nnz
    moved = 12 * nnz + 4 * n + 16 * n + 11 * 8 * n
    ours = sum(part.nbytes for part in SymmetricMatrix.of(op.matrix).parts) + 6 * 8 * n
    x, y = np.random.default_rng(0).random((2, TRIAD_DOUBLES))
    triad, _ = spent(lambda: daxpy(x, y, a=1e-9), 5)
    product, _ = spent(lambda: op @ start, 5)
    op.counter.products = 0
    seconds, _ = spent(lambda: build_space(op, start, MINUTE_S, tolerance=1e-5), 5)
    each = 5.0 * seconds / op.counter.products
    bandwidth = 24.0 * TRIAD_DOUBLES / triad
    yield {
        "row": "Lanczos step",
        "nodes": n,
        "ms": 1e3 * each,
        "product_ms": 1e3 * product,
        "megabytes": moved / 1e6,
        "bandwidth_gb_s": bandwidth / 1e9,
        "share_of_bound": moved / bandwidth / each,
        "megabytes_of_ours": ours / 1e6,
        "share_of_ours": ours / bandwidth / each,
    }


def warm(b: Body, op: Operator) -> None:
    """Compile, and touch what a first run touches."""
    last(evolve(b.system, [Segment(b.foci(1)[0], 1.0)], [], engine=op))
    op.counter.products = 0


def plan(b: Body) -> Iterator[dict]:
    """Thirty minutes of ten dwells, organs each 5 s, and every node each 5 s."""
    op = operator(b.system.stiffness, b.system.capacity_j_k)
    dwells, times = [Segment(load, DWELL_S) for load in b.foci(10)], np.arange(0.0, PLAN_S, LOOK_S)
    warm(b, op)
    for name, rows in ((f"{len(b.watched)} nodes of organs", b.watched), ("every node", None)):
        if rows is None and b.system.n_dof > MANY:
            continue
        op.counter.products = 0
        seconds, _ = spent(lambda: last(evolve(b.system, dwells, times, rows=rows, engine=op)))  # noqa: B023
        yield {
            "row": f"30 minutes of ten dwells, {name} each 5 s",
            "s": seconds,
            "products": op.counter.products,
            "nodes": b.system.n_dof,
        }


@cache
def made(b: Body, positions: int) -> tuple[dict, ReducedModel, np.ndarray, Operator]:
    """The reduced model of some foci as a plan makes it, and what it cost, in full plans with organs each 5 s."""
    op, loads = operator(b.system.stiffness, b.system.capacity_j_k), b.foci(positions)
    dwells, times = [Segment(load, DWELL_S) for load in loads[:10]], np.arange(0.0, PLAN_S, LOOK_S)
    warm(b, op)
    full, _ = spent(lambda: last(evolve(b.system, dwells, times, rows=b.watched, engine=op)), 2)
    products, op.counter.products = op.counter.products // 2, 0
    seconds, model = spent(
        lambda: reduced_model(b.system, loads, PLAN_S, n_modes=MODES, tolerance_k=TOLERANCE_K, engine=op)
    )
    row = {
        "row": f"reduced model of {positions} foci",
        "s": seconds,
        "products": op.counter.products,
        "modes": model.size,
        "error_k": model.error_k,
        "full_plans": op.counter.products / products,
        "full_plans_s": seconds / full,
        "nodes": b.system.n_dof,
    }
    return row, model, loads, op


def reduced(b: Body) -> Iterator[dict]:
    """The reduced model of 64 foci, in full plans, and how far it is from the full model over a random sequence.

    Doses are at twice the power, so that there are some.
    """
    row, model, loads, op = made(b, 64)
    rng, edges, shares = np.random.default_rng(7), np.linspace(0.0, PLAN_S, 11), np.zeros((10, len(loads)))
    for share in shares:
        share[rng.choice(len(loads), 4, replace=False)] = rng.dirichlet(np.ones(4))
    after = edges[:-1, None] + np.array([1.0, 2.0, 5.0])
    times = np.unique(np.concatenate([after.ravel(), np.arange(0.0, PLAN_S + 1.0, 10.0)]))
    states, apart, full, found = model.states(shares, edges, times), [], Dose(), Dose()
    pieces = [Segment(share @ loads, DWELL_S) for share in shares]
    for (time_s, temperature), z in zip(evolve(b.system, pieces, times, engine=op), states, strict=True):
        predicted = b.system.base_c + model.modes @ z
        apart.append(float(np.abs(predicted - temperature).max()))
        full.add(time_s, temperature + temperature - b.system.base_c)
        found.add(time_s, predicted + predicted - b.system.base_c)
    heated = full.cem43_min > 1.0
    yield row | {
        "off_k": max(apart),
        "off_5_s_after_k": max(np.array(apart)[np.isin(times, after[:, 2])]),
        "heated": int(heated.sum()),
        "rise_k": 0.5 * float((full.map().peak_c - b.system.base_c).max()),
        "off_cem43": float(np.abs(found.cem43_min / full.cem43_min - 1.0)[heated].max(initial=0.0)),
    }


def slopes(b: Body) -> Iterator[dict]:
    """An objective with its gradient, reduced and in full."""
    _, model, loads, op = made(b, 64)
    yield from gradients(b, loads, model, op)


def positions(b: Body) -> Iterator[dict]:
    """The reduced model of 16 to 200 foci."""
    for count in (16, 32, 64, 128, 200):
        yield made(b, count)[0]


PARTS = {
    "forward": forward,
    "peers": peers,
    "kernel": kernel,
    "plan": plan,
    "reduced": reduced,
    "gradient": slopes,
    "positions": positions,
}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "S"
    chosen = sys.argv[2:] or ["forward", "peers", "kernel", "plan", "reduced", "gradient"]
    heated = body(name)
    with quiet():
        for part in chosen:
            write(part, name, PARTS[part](heated))


if __name__ == "__main__":
    main()
