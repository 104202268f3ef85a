"""Assembly by DOLFINx, in the anatomy's own node order, and linear elements; no other module knows DOLFINx."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray
from ..base.errors import InputError, MissingPart
from ..base.mpi_launch import under_mpiexec

try:
    with suppress(ModuleNotFoundError):
        import dolfinx_solver  # noqa: F401  (its wheel has to be imported before dolfinx)
    from mpi4py import MPI

    with suppress(ModuleNotFoundError):
        import petsc4py

        # a signal means what it means to Python; and of several ranks none waits until all have loaded this
        petsc4py.init(["thermoplan", "-no_signal_handler"], comm=MPI.COMM_SELF if under_mpiexec()[1] > 1 else None)
    import basix
    import basix.ufl
    import ufl
    from dolfinx import fem, mesh
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """Elements of one degree on one mesh; compiled forms are kept, so a new coefficient only re-assembles.

    ``dofs`` are DOLFINx's numbers of the unknowns of its elements, ``cell`` the anatomy's numbers of these."""

    dofs: IntArray
    cell: IntArray
    coefficient: Any
    forms: dict[str, Any]


@lru_cache(maxsize=2)
def _grid(anatomy: Anatomy) -> Any:
    linear: Any = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    return mesh.create_mesh(MPI.COMM_SELF, anatomy.tets, linear, np.array(anatomy.points_m))


@lru_cache(maxsize=4)
def _space(anatomy: Anatomy, degree: int) -> _Space:
    grid = _grid(anatomy)
    space = fem.functionspace(grid, ("Lagrange", degree))
    coefficient = fem.Function(fem.functionspace(grid, ("DG", 0)))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    forms = {
        "stiffness": coefficient * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx,
        "mass": coefficient * u * v * ufl.dx,
    }
    cell = np.asarray(grid.topology.original_cell_index, np.int64)
    return _Space(space.dofmap.list, cell, coefficient, {name: fem.form(form) for name, form in forms.items()})


def stiffness(anatomy: Anatomy, coefficient_cells: Array, unknowns: IntArray | None = None) -> csr_array:
    """Integral of ``k grad u . grad v``, ``(n, n)`` in the anatomy's node order.

    Parameters
    ----------
    coefficient_cells
        ``(m,)`` value of ``k`` in each element; with a conductivity in W/m/K the result is in W/K.
    unknowns
        ``(m, 10)`` numbers of the unknowns of quadratic elements: corners, then the middles of edges in the order of
        ``quadratic.EDGES``. Linear elements on the nodes if None.
    """
    return _matrix("stiffness", anatomy, coefficient_cells, unknowns)


def mass(anatomy: Anatomy, coefficient_cells: Array, unknowns: IntArray | None = None) -> csr_array:
    """Integral of ``c u v``, as ``stiffness``.

    With a heat capacity ``c`` in J/m3/K, ``(m,)`` over the elements, the result is in J/K.
    """
    return _matrix("mass", anatomy, coefficient_cells, unknowns)


def _matrix(name: str, anatomy: Anatomy, coefficient_cells: Array, unknowns: IntArray | None) -> csr_array:
    if np.shape(coefficient_cells) != (len(anatomy.tets),):
        raise InputError(f"{name}: expected one coefficient an element, got {np.shape(coefficient_cells)}")
    numbers = anatomy.tets if unknowns is None else unknowns
    space = _space(anatomy, 1 if unknowns is None else 2)
    space.coefficient.x.array[:] = np.asarray(coefficient_cells)[space.cell]
    found = fem.assemble_matrix(space.forms[name])
    found.scatter_reverse()
    number = np.empty(space.dofs.max() + 1, np.int32)
    number[space.dofs] = numbers[space.cell]  # corners stand in DOLFINx's elements as in the anatomy's
    found = found.to_scipy().tocoo()
    return csr_array((found.data, (number[found.row], number[found.col])), shape=found.shape)


def quadrature(degree: int, corners: int = 4) -> tuple[Array, Array]:
    """Barycentric points and weights that sum to one, exact to a degree, on an element or on a face of three
    corners."""
    cell = basix.CellType.tetrahedron if corners == 4 else basix.CellType.triangle
    rule = basix.make_quadrature(cell, degree, basix.QuadratureType.gauss_jacobi)  # all weights above zero
    at, weights = (np.asarray(part, float) for part in rule)
    return np.concatenate([1.0 - at.sum(axis=1, keepdims=True), at], axis=1), weights / weights.sum()


def gradients(anatomy: Anatomy) -> Array:
    """Gradients ``(m, 4, 3)`` in 1/m of the four linear shape functions of each element."""
    corner = anatomy.points_m[anatomy.tets]
    inverse = np.linalg.inv(corner[:, 1:] - corner[:, :1])
    rest = np.swapaxes(inverse, 1, 2)
    return np.concatenate([-rest.sum(axis=1, keepdims=True), rest], axis=1)


def lumped_load(anatomy: Anatomy, coefficient_cells: Array) -> Array:
    """Integral of ``c phi_i`` ``(n,)``: each element hands a quarter of itself to each of its nodes."""
    share = np.repeat(coefficient_cells * anatomy.volumes_m3 / 4.0, 4)
    return np.bincount(anatomy.tets.ravel(), share, len(anatomy.points_m))


def lumped_facet_load(anatomy: Anatomy, triangles: IntArray, coefficient: Array) -> Array:
    """Surface integral of ``h phi_i`` ``(n,)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    share = np.repeat(coefficient * area_vectors_m2(anatomy, triangles)[1] / 3.0, 3)
    return np.bincount(triangles.ravel(), share, len(anatomy.points_m))


def area_vectors_m2(anatomy: Anatomy, triangles: IntArray) -> tuple[Array, Array]:
    """Unit normals ``(k, 3)``, outward for ``anatomy.outer``, and areas ``(k,)`` of surface triangles."""
    a, b, c = (anatomy.points_m[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a) / 2.0
    area = np.linalg.norm(normal, axis=1)
    return normal / area[:, None], area
