"""The bioheat engine against what one would use instead, side by side in one run.

    python benchmarks/heat.py [S|M|L]

The box of the study: 30 x 30 x 80 mm, liver and spleen perfused, skin cooled by air, one core. Each row is a JSON line
in results.jsonl with the machine; the ratios are the point, and counts do not depend on the machine.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, cg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from heat_cases import box, load_of  # noqa: E402

from thermoplan.bioheat import (  # noqa: E402
    BioheatProblem,
    Boundary,
    Segment,
    evolve,
    evolve_implicit,
    reduced_model,
    thermal_system,
)
from thermoplan.bioheat.krylov import operator, spectral_radius_1_s  # noqa: E402

SIZE_M = (0.03, 0.03, 0.08)
COUNTS = {"S": (18, 18, 48), "M": (36, 36, 96), "L": (54, 54, 144)}
MINUTE_S, PLAN_S, DWELL_S = 60.0, 1800.0, 180.0


def organs(centre):
    """Muscle, with liver and spleen as balls, and a tumour between them."""
    found = np.zeros(len(centre), int)
    for region, (middle, radius) in enumerate((((8, 15, 50), 7), ((24, 15, 40), 4), ((15, 15, 38), 4)), 1):
        found[np.linalg.norm(centre * 1e3 - middle, axis=1) < radius] = region
    return found


def case(size: str):
    mesh = box(COUNTS[size], SIZE_M, organs, ("muscle", "liver", "spleen", "tumour"))
    w = 1e-3 * np.array([2.0, 12.0, 16.0, 2.5]) * 3.8e6
    problem = BioheatProblem(mesh, np.full(4, 1060.0), np.full(4, 3600.0), np.full(4, 0.5), w, np.zeros(4),
                             (Boundary("robin", 10.0, 25.0),), 37.0, "fixed")
    return mesh, thermal_system(problem), problem


def foci(mesh, count: int):
    rng = np.random.default_rng(1)
    spread = np.array([1.8e-3, 1.8e-3, 1.2e-3])
    centres = np.array([0.015, 0.015, 0.038]) + rng.uniform(-4e-3, 4e-3, (count, 3))
    return np.array([load_of(mesh, lambda p, c=c: 2e6 * np.exp(-0.5 * (((p - c) / spread) ** 2).sum(-1)))
                     for c in centres])


def timed(action: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def last(history):
    *_, (_, temperature) = history
    return temperature


def tuned_steps(system, load, steps: int, dt: float):
    """Implicit Euler: matrix assembled once, right-hand side a product, conjugate gradients with Jacobi."""
    matrix = (diags_array(system.capacity_j_k / dt) + system.stiffness).tocsr()
    diagonal, rise = matrix.diagonal(), np.zeros(system.n_dof)
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)
    for _ in range(steps):
        rise, _ = cg(matrix, system.capacity_j_k / dt * rise + load, x0=rise, rtol=1e-8, M=jacobi)
    return system.base_c + rise


def linear_problem(mesh, problem, load, options: dict) -> Callable[[], None]:
    """A step as in a first script: DOLFINx's LinearProblem made and solved anew; mesh and spaces are not timed."""
    import basix.ufl
    import dolfinx_solver  # noqa: F401
    import ufl
    from dolfinx import fem
    from dolfinx import mesh as meshes
    from dolfinx.fem.petsc import LinearProblem
    from mpi4py import MPI

    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    grid = meshes.create_mesh(MPI.COMM_SELF, mesh.tets, element, np.array(mesh.points_m))
    space, flat = fem.functionspace(grid, ("Lagrange", 1)), fem.functionspace(grid, ("DG", 0))
    u, v, old = ufl.TrialFunction(space), ufl.TestFunction(space), fem.Function(space)
    w, q = fem.Function(flat), fem.Function(flat)
    order = np.asarray(grid.topology.original_cell_index)
    w.x.array[:] = problem.perfusion_w_m3_k[mesh.region][order]
    q.x.array[:] = (load / mesh.node_volumes_m3)[mesh.tets].mean(axis=1)[order]
    c = 1060.0 * 3600.0
    left = (c * u * v + 0.5 * ufl.inner(ufl.grad(u), ufl.grad(v)) + w * u * v) * ufl.dx + 10.0 * u * v * ufl.ds
    right = (c * old + q) * v * ufl.dx

    def step() -> None:
        found = LinearProblem(left, right, petsc_options_prefix="bench_", petsc_options=options).solve()
        old.x.array[:] = found.x.array

    step()
    return step


def rows(size: str):
    mesh, system, problem = case(size)
    loads = foci(mesh, 64)
    op = operator(system.stiffness, system.capacity_j_k)
    yield {"row": "mesh", "nodes": system.n_dof, "spectral_radius_1_s": spectral_radius_1_s(op)}
    reference = last(evolve(system, [Segment(loads[0], MINUTE_S)], [], tolerance_k=1e-9, engine=op))

    def error(found):
        return float(np.abs(found - reference).max())

    op.products = 0
    krylov_s, found = timed(lambda: last(evolve(system, [Segment(loads[0], MINUTE_S)], [], engine=op)))
    yield {"row": "exact, one dwell of a minute", "s_per_min": krylov_s, "products": op.products,
           "error_k": error(found)}
    op.products = 0
    seconds, found = timed(lambda: last(evolve_implicit(system, [Segment(loads[0], MINUTE_S)], [], engine=op)))
    yield {"row": "TR-BDF2, 1 mK a step", "s_per_min": seconds, "products": op.products, "error_k": error(found)}
    tuned_s, found = timed(lambda: tuned_steps(system, system.loads(loads[0]), 60, 1.0))
    yield {"row": "tuned implicit Euler, 1 s", "s_per_min": tuned_s, "error_k": error(found),
           "exact_is_faster": tuned_s / krylov_s}
    direct = {"ksp_type": "preonly", "pc_type": "lu"}
    for name, options in (("conjugate gradients", {"ksp_type": "cg", "pc_type": "jacobi", "ksp_rtol": 1e-8}),
                          *([("LU", direct)] if size == "S" else [])):
        seconds, _ = timed(linear_problem(mesh, problem, loads[0], options))
        yield {"row": f"LinearProblem a step, {name}", "s_per_min": 60.0 * seconds,
               "tuned_is_faster": 60.0 * seconds / tuned_s, "exact_is_faster": 60.0 * seconds / krylov_s}
    op.products = 0
    dwells = [Segment(load, DWELL_S) for load in loads[:10]]
    seconds, _ = timed(lambda: last(evolve(system, dwells, np.arange(0.0, PLAN_S, 5.0), engine=op)))
    yield {"row": "30-minute plan of ten dwells, every node each 5 s", "s": seconds, "products": op.products}
    plan_products, op.products = op.products, 0
    if size != "L":
        seconds, model = timed(lambda: reduced_model(system, loads, PLAN_S, engine=op))
        yield {"row": "reduced model of 64 foci", "s": seconds, "products": op.products, "modes": model.size,
               "error_k": model.error_k, "full_plans": op.products / plan_products}


def main() -> None:
    size = sys.argv[1] if len(sys.argv) > 1 else "S"
    machine = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.machine(),
               "python": platform.python_version(), "size": size}
    with (HERE / "results.jsonl").open("a", encoding="utf-8") as stream:
        for row in rows(size):
            print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
            stream.write(json.dumps(machine | row) + "\n")


if __name__ == "__main__":
    main()
