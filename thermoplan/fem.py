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
from .launched import launched

try:
    with suppress(ModuleNotFoundError):
        import dolfinx_solver  # noqa: F401  (its wheel has to be imported before dolfinx)
    from mpi4py import MPI

    with suppress(ModuleNotFoundError):
        import petsc4py

        # a signal means what it means to Python; and of several ranks none waits until all have loaded this
        petsc4py.init(["thermoplan", "-no_signal_handler"], comm=MPI.COMM_SELF if launched()[1] > 1 else None)
    import basix.ufl
    import ufl
    from dolfinx import fem, mesh
except ModuleNotFoundError as absent:
    raise MissingPart(f'{absent.name} is missing: pip install "thermoplan[fem]"') from absent


HELD_W_M2_K = 1e6


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
    node_of_dof[nodal.dofmap.list.ravel()] = _nodes(grid).ravel()
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
    found = _assembled(space.form).tocoo()
    n = len(anatomy.points_m)
    return csr_array((found.data, (space.node_of_dof[found.row], space.node_of_dof[found.col])), shape=(n, n))


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """The steady heat problem on quadratic elements of the same mesh.

    Parameters
    ----------
    matrix
        ``(N, N)`` conduction, sink and exchange, W/K.
    load
        ``(N, n)``: times a density at the nodes of the mesh, linear between them, the load in W.
    corner
        ``(n,)`` unknown that sits on each node.
    points_m
        ``(N, 3)`` where each unknown sits.
    cells
        ``(m, 10)`` unknowns of each element of the mesh, in its order: four corners, then the middles of the
        edges between corners 2-3, 1-3, 1-2, 0-3, 0-2, 0-1.
    """

    matrix: csr_array
    load: csr_array
    corner: IntArray
    points_m: Array
    cells: IntArray


def quadratic(anatomy: Anatomy, conductivity: Array, sink: Array, exchange: Array, held: Array) -> Quadratic:
    """Assemble ``k grad u . grad v + W u v`` and ``h u v`` on the surface, with one value ``(m,)`` an element each.

    ``exchange`` is read in the elements that touch the surface; facets whose nodes are all ``held (n,)`` are
    kept at 0 by a heat transfer far above ``k`` over an edge.
    """
    space = _space(anatomy)
    grid = space.coefficient.function_space.mesh
    fine, coarse = (fem.functionspace(grid, ("Lagrange", degree)) for degree in (2, 1))
    k, w, h = (fem.Function(space.coefficient.function_space) for _ in range(3))
    for function, values in ((k, conductivity), (w, sink), (h, exchange)):
        function.x.array[:] = values[space.cell_of_dof]
    u, v, q = ufl.TrialFunction(fine), ufl.TestFunction(fine), ufl.TrialFunction(coarse)
    ds = ufl.Measure("ds", domain=grid, subdomain_data=_facets_by_kind(grid, held))
    energy = (k * ufl.inner(ufl.grad(u), ufl.grad(v)) + w * u * v) * ufl.dx + h * u * v * ds(0)
    if held.any():
        energy += fem.Constant(grid, HELD_W_M2_K) * u * v * ds(1)
    matrix, load = (_assembled(fem.form(form)) for form in (energy, q * v * ufl.dx))
    corner = np.empty(len(anatomy.points_m), np.int64)
    corner[_nodes(grid).ravel()] = fine.dofmap.list[:, :4].ravel()
    of_dof = np.empty(len(anatomy.points_m), np.int64)
    of_dof[coarse.dofmap.list.ravel()] = _nodes(grid).ravel()
    cells = fine.dofmap.list[np.argsort(space.cell_of_dof)].astype(np.int64)
    return Quadratic(matrix, csr_array(load[:, np.argsort(of_dof)]), corner, fine.tabulate_dof_coordinates(), cells)


def _facets_by_kind(grid: Any, held: Array) -> Any:
    """Tags of the outer facets: 1 where all nodes are held, else 0."""
    grid.topology.create_connectivity(2, 3)
    facets = mesh.exterior_facet_indices(grid.topology)
    corners = np.asarray(grid.geometry.input_global_indices)[mesh.entities_to_geometry(grid, 2, facets)]
    return mesh.meshtags(grid, 2, facets, held[corners].all(axis=1).astype(np.int32))


def _assembled(form: Any) -> csr_array:
    matrix = fem.assemble_matrix(form)
    matrix.scatter_reverse()
    return csr_array(matrix.to_scipy())


def _nodes(grid: Any) -> IntArray:
    """``(m, 4)`` the anatomy's number of each corner of DOLFINx's elements, in its own order of both."""
    return np.asarray(grid.geometry.input_global_indices)[grid.geometry.dofmaps[0]]


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
