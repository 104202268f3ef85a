"""The only DOLFINx plumbing: mesh, spaces and assembly, handed back in the anatomy's own node order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from .anatomy import Anatomy
from .arrays import Array, IntArray
from .errors import InputError, MissingPart

try:
    with suppress(ModuleNotFoundError):
        import dolfinx_solver  # noqa: F401  (its wheel has to be imported before dolfinx)
    import basix.ufl
    import ufl
    from dolfinx import fem, mesh
    from mpi4py import MPI
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """Linear elements on one mesh; the compiled form is kept, so a new coefficient only re-assembles."""

    node_of_dof: IntArray
    cell_of_dof: IntArray
    coefficient: Any
    form: Any


@lru_cache(maxsize=2)
def _space(anatomy: Anatomy) -> _Space:
    linear = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
    grid = mesh.create_mesh(MPI.COMM_SELF, anatomy.tets, linear, np.array(anatomy.points_m))
    nodal = fem.functionspace(grid, ("Lagrange", 1))
    coefficient = fem.Function(fem.functionspace(grid, ("DG", 0)))
    u, v = ufl.TrialFunction(nodal), ufl.TestFunction(nodal)
    form = fem.form(coefficient * ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx)
    node_of_dof = np.empty(len(anatomy.points_m), np.int64)
    geometry = grid.geometry
    node_of_dof[nodal.dofmap.list.ravel()] = geometry.input_global_indices[geometry.dofmaps[0].ravel()]
    cell_of_dof = np.asarray(grid.topology.original_cell_index, np.int64)
    return _Space(node_of_dof, cell_of_dof, coefficient, form)


def stiffness(anatomy: Anatomy, coefficient_cells: Array) -> csr_array:
    """Integral of ``k grad u . grad v``, ``(n, n)`` in the anatomy's node order.

    Parameters
    ----------
    coefficient_cells
        ``(m,)`` value of ``k`` in each element; with a conductivity in W/m/K the result is in W/K.
    """
    if np.shape(coefficient_cells) != (len(anatomy.tets),):
        raise InputError(f"stiffness: expected one coefficient an element, got {np.shape(coefficient_cells)}")
    space = _space(anatomy)
    space.coefficient.x.array[:] = np.asarray(coefficient_cells)[space.cell_of_dof]
    assembled = fem.assemble_matrix(space.form)
    assembled.scatter_reverse()
    found = assembled.to_scipy().tocoo()
    n = len(anatomy.points_m)
    return csr_array((found.data, (space.node_of_dof[found.row], space.node_of_dof[found.col])), shape=(n, n))


def gradients(anatomy: Anatomy) -> Array:
    """Gradients ``(m, 4, 3)`` in 1/m of the four linear shape functions of each element."""
    corner = anatomy.points_m[anatomy.tets]
    inverse = np.linalg.inv(corner[:, 1:] - corner[:, :1])
    rest = np.swapaxes(inverse, 1, 2)
    return np.concatenate([-rest.sum(axis=1, keepdims=True), rest], axis=1)


def lumped(anatomy: Anatomy, coefficient_cells: Array) -> Array:
    """Integral of ``c phi_i`` ``(n,)``: each element hands a quarter of itself to each of its nodes."""
    share = np.repeat(coefficient_cells * anatomy.volumes_m3 / 4.0, 4)
    return np.bincount(anatomy.tets.ravel(), share, len(anatomy.points_m))


def mass(anatomy: Anatomy, coefficient_cells: Array) -> csr_array:
    """Integral of ``c phi_i phi_j``, ``(n, n)``: exact on a tetrahedron, V/20 off and V/10 on the diagonal."""
    n, local = len(anatomy.points_m), (np.ones((4, 4)) + np.eye(4)) / 20.0
    values = (coefficient_cells * anatomy.volumes_m3)[:, None, None] * local
    rows, columns = np.repeat(anatomy.tets, 4, axis=1), np.tile(anatomy.tets, (1, 4))
    return csr_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(n, n))


def lumped_surface(anatomy: Anatomy, triangles: IntArray, coefficient: Array) -> Array:
    """Surface integral of ``h phi_i`` ``(n,)`` over triangles ``(k, 3)`` with one value ``(k,)`` each."""
    share = np.repeat(coefficient * area_vectors_m2(anatomy, triangles)[1] / 3.0, 3)
    return np.bincount(triangles.ravel(), share, len(anatomy.points_m))


def area_vectors_m2(anatomy: Anatomy, triangles: IntArray) -> tuple[Array, Array]:
    """Unit normals ``(k, 3)``, outward for ``anatomy.outer``, and areas ``(k,)`` of surface triangles."""
    a, b, c = (anatomy.points_m[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a) / 2.0
    area = np.linalg.norm(normal, axis=1)
    return normal / area[:, None], area
