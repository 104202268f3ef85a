"""Solutions made up to be exact, on meshes of falling size: the orders in which errors vanish."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import roots_jacobi

from .. import fem
from ..arrays import Array
from ..bioheat import steady_rise, thermal_system
from ..bioheat.implicit import fixed_steps
from ..bioheat.system import solved
from .bodies import box
from .cases import C_J_KG_K, RHO_KG_M3, load_of, problem
from .row import Row

SIDE_M, K_W_M_K, W_W_M3_K = 0.02, np.array([0.5, 0.15]), np.array([3e4, 4e3])
SPLIT_M = SIDE_M / 4.0
LINEAR, QUADRATIC = (8, 16, 32), (8, 12, 16)
STEPS = (8, 16, 32, 64)


def rows() -> Iterator[Row]:
    """Fitted orders in space of linear and quadratic elements, and in time of the implicit engine."""
    for name, counts, error, expected, least in (
            ("linear elements, jumps in k and perfusion, order in space", LINEAR, linear_error_k, 2.0, 1.9),
            ("quadratic elements, jumps in k and perfusion, order in space", QUADRATIC, quadratic_error_k, 3.0, 2.9),
            ("implicit engine, order in time", STEPS, implicit_error_k, 2.0, 1.9)):
        errors = [error(n) for n in counts]
        order = -float(np.polyfit(np.log(counts), np.log(errors), 1)[0])
        yield Row(f"made-up solution, {name}", expected, order, least, "made up", sense="at_least")


def made_up(points_m: Array, which: Array) -> tuple[Array, Array]:
    """Rise and source ``(...,)`` at points ``(..., 3)`` on side ``which (...,)`` of a jump in k and W, in an insulated
    cube.

    u = X(x) cos(pi y/L) cos(pi z/L) with X = s/k + c, s = 0.3 sin(2 pi (x - L/4)/L), c = 1 - cos(4 pi (x - L/4)/L):
    u and k u' are continuous at x = L/4 because s and c' vanish there, and all of u' vanishes on the faces.
    The source is -k lap u + W u; -lap of sin(2q x) cos cos is 6 q^2 times itself, of cos(4q x) cos cos it is 18 q^2,
    of 1 cos cos 2 q^2.
    """
    q = np.pi / SIDE_M
    phase = 2.0 * q * (points_m[..., 0] - SPLIT_M)
    side = np.cos(q * points_m[..., 1]) * np.cos(q * points_m[..., 2])
    k, w = K_W_M_K[which], W_W_M3_K[which]
    s, c, bent = 0.3 * np.sin(phase) / k * side, (1.0 - np.cos(2.0 * phase)) * side, np.cos(2.0 * phase) * side
    return s + c, k * (6.0 * q**2 * s + 2.0 * q**2 * (c + bent) - 18.0 * q**2 * bent) + w * (s + c)


def _cube(n: int):
    return box((n, n, n), (SIDE_M,) * 3, lambda c: (c[:, 0] > SPLIT_M).astype(int), ("a", "b"))


def linear_error_k(n: int) -> float:
    """L2 error over the nodes of ``n^3`` bricks, by the engine's own matrices."""
    mesh = _cube(n)
    system = thermal_system(problem(mesh, k=K_W_M_K, perfusion=W_W_M3_K))
    _, source = made_up(mesh.centroids_m, mesh.region)
    exact, _ = made_up(mesh.points_m, (mesh.points_m[:, 0] > SPLIT_M).astype(int))
    gap = steady_rise(system, fem.lumped(mesh, source)) - exact
    return float(np.sqrt(mesh.node_volumes_m3 @ gap**2 / mesh.volumes_m3.sum()))


def quadratic_error_k(n: int) -> float:
    """L2 error over the volume of ``n^3`` bricks, by the quadratic elements that error estimates rest on."""
    mesh = _cube(n)
    k, w, none = K_W_M_K[mesh.region], W_W_M3_K[mesh.region], np.zeros(len(mesh.tets))
    fine = fem.quadratic(mesh, k, w, none, np.zeros(len(mesh.points_m), bool))
    corners, weights = _quadrature(4)
    shape = _shapes(corners)
    at = np.einsum("qi,mid->mqd", corners, fine.points_m[fine.cells[:, :4]])
    exact, source = made_up(at, np.broadcast_to(mesh.region[:, None], at.shape[:2]))
    volume = mesh.volumes_m3[:, None]
    share = (source * weights) @ shape * volume
    load = np.bincount(fine.cells.ravel(), share.ravel(), len(fine.points_m))
    found = solved(fine.matrix, load, rtol=1e-9)
    gap = found[fine.cells] @ shape.T - exact
    return float(np.sqrt((gap**2 * weights * volume).sum() / volume.sum()))


def implicit_error_k(n: int) -> float:
    """Error after ``n`` equal steps in a minute of even heat in tissue whose blood is a state: two nodes."""
    mesh, w, q, blood, time_s = box((2, 2, 2), (0.02,) * 3), 2e4, 4e4, 4.5, 60.0
    volume = 8e-6
    capacity, power = RHO_KG_M3 * C_J_KG_K * volume, q * volume
    system = thermal_system(problem(mesh, perfusion=w, core="pool", blood_j_k=blood))
    *_, (_, found) = fixed_steps(system, load_of(mesh, lambda p: np.full(p.shape[:-1], q)), time_s / n, n)
    s = w * volume * (1.0 / capacity + 1.0 / blood)
    gap = power / (capacity * s) * -np.expm1(-s * time_s)
    return float(abs(found[0] - found[-1] - gap))


def _quadrature(n: int) -> tuple[Array, Array]:
    """Barycentric points ``(n^3, 4)`` and weights that sum to one, exact to degree ``2 n - 1`` on a tetrahedron: a cube
    folded to it, each direction by its own Gauss rule."""
    (a, wa), (b, wb), (c, wc) = (roots_jacobi(n, power, 0) for power in (2, 1, 0))
    x, y, z = (grid.ravel() for grid in np.meshgrid((1 + a) / 2, (1 + b) / 2, (1 + c) / 2, indexing="ij"))
    weights = (wa[:, None, None] * wb[:, None] * wc).ravel()
    one, two, three = x, y * (1 - x), z * (1 - x) * (1 - y)
    return np.stack([1 - one - two - three, one, two, three], axis=1), weights / weights.sum()


def _shapes(corners: Array) -> Array:
    """The ten quadratic shape functions ``(q, 10)`` in the order of `fem.Quadratic.cells`."""
    edges = ((2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1))
    return np.concatenate([corners * (2.0 * corners - 1.0),
                           np.stack([4.0 * corners[:, i] * corners[:, j] for i, j in edges], axis=1)], axis=1)
