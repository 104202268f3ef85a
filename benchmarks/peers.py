"""The same minute of heating by what one would use instead: each a function that is ready to step.

A peer that is not installed is skipped with a message: pip install "thermoplan[bench]".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bodies import SIZE_M, Body
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, cg

RHO_C, K_W_M_K, H_W_M2_K = 1060.0 * 3600.0, 0.5, 10.0
Step = Callable[[], object]


def tuned(body: Body, load: np.ndarray, dt: float) -> Callable[[int], np.ndarray]:
    """Implicit Euler: matrix assembled once, right-hand side a product, conjugate gradients with Jacobi."""
    system = body.system
    matrix = (diags_array(system.capacity_j_k / dt) + system.stiffness).tocsr()
    diagonal, load = matrix.diagonal(), system.loads(load)
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)

    def run(steps: int) -> np.ndarray:
        rise = np.zeros(system.n_dof)
        for _ in range(steps):
            rise, _ = cg(matrix, system.capacity_j_k / dt * rise + load, x0=rise, rtol=1e-8, M=jacobi)
        return system.base_c + rise

    return run


def linear_problem(body: Body, load: np.ndarray, options: dict) -> Step:
    """A step of 1 s as in a first script: DOLFINx's LinearProblem made and solved anew."""
    import basix.ufl
    import dolfinx_solver  # noqa: F401
    import ufl
    from dolfinx import fem
    from dolfinx import mesh as meshes
    from dolfinx.fem.petsc import LinearProblem
    from mpi4py import MPI

    mesh, problem = body.mesh, body.problem
    element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    grid = meshes.create_mesh(MPI.COMM_SELF, mesh.tets, element, np.array(mesh.points_m))
    space, flat = fem.functionspace(grid, ("Lagrange", 1)), fem.functionspace(grid, ("DG", 0))
    u, v, old = ufl.TrialFunction(space), ufl.TestFunction(space), fem.Function(space)
    k, w, c, q = (fem.Function(flat) for _ in range(4))
    order = np.asarray(grid.topology.original_cell_index)
    for function, values in (
        (k, problem.conductivity_w_m_k),
        (w, problem.perfusion_w_m3_k),
        (c, problem.capacity_j_m3_k),
    ):
        function.x.array[:] = values[mesh.region][order]
    q.x.array[:] = (load / mesh.node_volumes_m3)[mesh.tets].mean(axis=1)[order]
    left = (c * u * v + k * ufl.inner(ufl.grad(u), ufl.grad(v)) + w * u * v) * ufl.dx + H_W_M2_K * u * v * ufl.ds
    right = (c * old + q) * v * ufl.dx

    def step() -> None:
        found = LinearProblem(left, right, petsc_options_prefix="bench_", petsc_options=options).solve()
        old.x.array[:] = found.x.array

    return step


def ngsolve(body: Body, load: np.ndarray) -> Step:
    """A step of 1 s on the same mesh, assembled once: conjugate gradients with the diagonal as preconditioner."""
    import ngsolve as ng
    from netgen.meshing import Element2D, Element3D, FaceDescriptor, MeshPoint, Pnt
    from netgen.meshing import Mesh as Netgen

    ng.SetNumThreads(1)
    mesh, problem = body.mesh, body.problem
    grid = Netgen()
    at = [grid.Add(MeshPoint(Pnt(*map(float, p)))) for p in mesh.points_m]
    face = grid.Add(FaceDescriptor(surfnr=1, domin=1, bc=1))
    for triangle in mesh.outer.tolist():
        grid.Add(Element2D(face, [at[i] for i in triangle]))
    for region, tet in zip(mesh.region.tolist(), mesh.tets[:, [0, 2, 1, 3]].tolist(), strict=True):
        grid.Add(Element3D(region + 1, [at[i] for i in tet]))
    grid = ng.Mesh(grid)
    space = ng.H1(grid, order=1)
    u, v = space.TnT()
    k, w, c = (
        ng.CoefficientFunction([float(x) for x in values])
        for values in (problem.conductivity_w_m_k, problem.perfusion_w_m3_k, problem.capacity_j_m3_k)
    )
    step_form, mass = ng.BilinearForm(space, symmetric=False), ng.BilinearForm(space, symmetric=False)
    step_form += (c * u * v + k * ng.grad(u) * ng.grad(v) + w * u * v) * ng.dx + H_W_M2_K * u * v * ng.ds
    mass += c * u * v * ng.dx
    jacobi = ng.Preconditioner(step_form, "local")
    step_form.Assemble()
    mass.Assemble()
    state, right = ng.GridFunction(space), step_form.mat.CreateColVector()
    source = step_form.mat.CreateColVector()
    source.FV().NumPy()[: len(load)] = load

    def step() -> np.ndarray:
        right.data = mass.mat * state.vec + source
        ng.solvers.CG(
            mat=step_form.mat,
            pre=jacobi.mat,
            rhs=right,
            sol=state.vec,
            tol=1e-8,
            initialize=False,
            maxsteps=1000,
            printrates=False,
        )
        return state.vec.FV().NumPy()

    return step


def fipy(body: Body, load: np.ndarray) -> Step:
    """A step of 1 s on cubes, as many as the box has nodes, as its examples do it, by preconditioned conjugate
    gradients."""
    import os

    os.environ.setdefault("FIPY_SOLVERS", "scipy")
    from fipy import CellVariable, DiffusionTerm, Grid3D, ImplicitSourceTerm, TransientTerm
    from fipy.solvers import LinearPCGSolver

    counts = _cells(len(body.mesh.points_m))
    steps = np.array(SIZE_M) / counts
    grid = Grid3D(nx=counts[0], ny=counts[1], nz=counts[2], dx=steps[0], dy=steps[1], dz=steps[2])
    rise = CellVariable(mesh=grid, value=0.0, hasOld=True)
    heat = CellVariable(mesh=grid, value=load.sum() / np.prod(SIZE_M))
    equation = (
        TransientTerm(coeff=RHO_C)
        == DiffusionTerm(coeff=K_W_M_K) - ImplicitSourceTerm(coeff=float(body.problem.perfusion_w_m3_k[0])) + heat
    )
    solver = LinearPCGSolver(tolerance=1e-8)

    def step() -> None:
        rise.updateOld()
        equation.solve(var=rise, dt=1.0, solver=solver)

    return step


def voxels(counts: np.ndarray, spacing_m: float, body: Body) -> tuple[Step, float]:
    """A step of explicit finite volumes in cubes of one conductivity, and its length: the longest that is stable."""
    q = np.full(counts, 1e4)
    w, dt = float(body.problem.perfusion_w_m3_k.max()), spacing_m**2 * RHO_C / (6.0 * K_W_M_K) * 0.99
    rise, other = np.zeros((2, *counts))
    try:
        import numba
    except ModuleNotFoundError:
        numba = None
    a, b, c = dt * K_W_M_K / (RHO_C * spacing_m**2), dt * w / RHO_C, dt / RHO_C

    def sweep(now, new, heat, a, b, c):
        nx, ny, nz = now.shape
        for i in range(1, nx - 1):
            for j in range(1, ny - 1):
                for k in range(1, nz - 1):
                    t = now[i, j, k]
                    flow = (
                        now[i - 1, j, k]
                        + now[i + 1, j, k]
                        + now[i, j - 1, k]
                        + now[i, j + 1, k]
                        + now[i, j, k - 1]
                        + now[i, j, k + 1]
                        - 6.0 * t
                    )
                    new[i, j, k] = t + a * flow - b * t + c * heat[i, j, k]

    if numba is not None:
        sweep = numba.njit(sweep, fastmath=True)
    else:

        def sweep(now, new, heat, a, b, c):
            inner = now[1:-1, 1:-1, 1:-1]
            flow = (
                now[:-2, 1:-1, 1:-1]
                + now[2:, 1:-1, 1:-1]
                + now[1:-1, :-2, 1:-1]
                + now[1:-1, 2:, 1:-1]
                + now[1:-1, 1:-1, :-2]
                + now[1:-1, 1:-1, 2:]
                - 6.0 * inner
            )
            new[1:-1, 1:-1, 1:-1] = inner + a * flow - b * inner + c * heat[1:-1, 1:-1, 1:-1]

    pair = [rise, other]

    def step() -> np.ndarray:
        sweep(pair[0], pair[1], q, a, b, c)
        pair.reverse()
        return pair[0]

    return step, dt


def _cells(nodes: int) -> np.ndarray:
    """Cells ``(3,)`` of the box, about as many as nodes and nearly cubes."""
    edge = (np.prod(SIZE_M) / nodes) ** (1.0 / 3.0)
    return np.round(np.array(SIZE_M) / edge).astype(int)
