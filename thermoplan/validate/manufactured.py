"""Manufactured solutions on meshes of falling size: the orders in which errors vanish."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import brentq

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array, IntArray
from ..bioheat import steady_rise, thermal_system
from ..bioheat.engines.implicit import fixed_steps
from ..fem import linear, quadratic
from ..fem.element_space import element_space
from .bodies import box
from .cases import C_J_KG_K, RHO_KG_M3, problem
from .validation_row import ValidationRow

SIDE_M = 0.02
K_W_M_K = np.array([0.5, 0.15])
W_W_M3_K = np.array([3e4, 4e3])
SPLIT_M = SIDE_M / 4.0
LINEAR = (8, 16, 32)
QUADRATIC = (8, 12, 16)
HEATED = (12, 16, 20)
STEPS = (8, 16, 32, 64)
HEATED_S = 60.0
HEATED_STEPS = 24
HEATED_K_S = 0.1


def rows() -> Iterator[ValidationRow]:
    """Fitted orders in space of linear and quadratic elements, and in time of the implicit engine."""
    for name, counts, error, expected, least in (
        ("linear elements, jumps in k and perfusion, order in space", LINEAR, linear_error_k, 2.0, 1.9),
        ("quadratic elements, jumps in k and perfusion, order in space", QUADRATIC, quadratic_error_k, 3.0, 2.9),
        (
            "quadratic elements heated for 60 s, jumps in k and perfusion, order in space",
            HEATED,
            heated_error_k,
            3.0,
            2.9,
        ),
        ("implicit engine, order in time", STEPS, implicit_error_k, 2.0, 1.9),
        ("implicit engine on quadratic elements, order in time", STEPS, quadratic_in_time_error_k, 2.0, 1.9),
    ):
        errors = [error(n) for n in counts]
        order = -float(np.polyfit(np.log(counts), np.log(errors), 1)[0])
        yield ValidationRow(f"made-up solution, {name}", expected, order, least, "made up", sense="at_least")


def manufactured_solution(points_m: Array, which: IntArray) -> tuple[Array, Array]:
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


def _cube(n: int) -> Anatomy:
    return box((n, n, n), (SIDE_M,) * 3, lambda c: (c[:, 0] > SPLIT_M).astype(int), ("a", "b"))


def linear_error_k(n: int) -> float:
    """L2 error over the nodes of ``n^3`` bricks, by the engine's own matrices."""
    mesh = _cube(n)
    system = thermal_system(problem(mesh, k=K_W_M_K, perfusion=W_W_M3_K))
    _, source = manufactured_solution(mesh.centroids_m, mesh.region)
    exact, _ = manufactured_solution(mesh.points_m, (mesh.points_m[:, 0] > SPLIT_M).astype(int))
    gap = steady_rise(system, linear.lumped_load(mesh, source)) - exact
    return float(np.sqrt(mesh.node_volumes_m3 @ gap**2 / mesh.volumes_m3.sum()))


def quadratic_error_k(n: int) -> float:
    """L2 error over the volume of ``n^3`` bricks, by quadratic elements."""
    mesh = _cube(n)
    found = steady_rise(
        thermal_system(problem(mesh, k=K_W_M_K, perfusion=W_W_M3_K), order=2),
        _quadratic_load(mesh, lambda p, which: manufactured_solution(p, which)[1]),
    )
    return _quadratic_gap_k(mesh, found, lambda p, which: manufactured_solution(p, which)[0])


def heated_error_k(n: int) -> float:
    """L2 error over the volume of ``n^3`` bricks on quadratic elements after 60 s of heat in the slowest mode of an
    insulated cube of two tissues.

    With p = pi / L, X = cos(q x) / cos(q L/4) on one side of x = L/4 and cos(q (L - x)) / cos(q 3L/4) on the other,
    X cos(p y) cos(p z) decays at the rate r where rho c r = k (q^2 + 2 p^2) + W on both sides and k X' is continuous.
    A source of rho c times the mode, in K/s, then heats it to (1 - e^(-r t)) / r.
    """
    mesh, (rate, mode) = _cube(n), _slowest_mode()
    system = thermal_system(problem(mesh, k=K_W_M_K, perfusion=W_W_M3_K), order=2)
    load = _quadratic_load(mesh, lambda p, which: RHO_KG_M3 * C_J_KG_K * HEATED_K_S * mode(p, which))
    *_, (_, end) = fixed_steps(system, load, HEATED_S / HEATED_STEPS, HEATED_STEPS, tolerance_k=1e-4)
    grown = HEATED_K_S * -np.expm1(-rate * HEATED_S) / rate
    return _quadratic_gap_k(mesh, end - system.base_c, lambda p, which: grown * mode(p, which))


def _slowest_mode() -> tuple[float, Callable[[Array, IntArray], Array]]:
    """Rate in 1/s, and the mode of points ``(..., 3)`` on the sides ``which (...,)``."""
    p, capacity = np.pi / SIDE_M, RHO_KG_M3 * C_J_KG_K
    widths = np.array([SPLIT_M, SIDE_M - SPLIT_M])

    def waves(rate: float) -> Array:
        result: Array = np.sqrt((capacity * rate - W_W_M3_K) / K_W_M_K - 2.0 * p**2 + 0j)
        return result

    def flow(rate: float) -> float:
        q = waves(rate)
        return float((K_W_M_K * q * np.tan(q * widths)).sum().real)

    floors = (W_W_M3_K + 2.0 * K_W_M_K * p**2) / capacity
    pole = (floors + K_W_M_K * (0.5 * np.pi / widths) ** 2 / capacity)[floors.argmin()]
    rate = brentq(flow, floors.min() * (1.0 + 1e-9), min(pole, floors.max()) * (1.0 - 1e-9), xtol=1e-15, rtol=1e-14)
    q = waves(rate)

    def mode(points: Array, which: IntArray) -> Array:
        away = np.where(which == 0, points[..., 0], SIDE_M - points[..., 0])
        side = np.cos(p * points[..., 1]) * np.cos(p * points[..., 2])
        result: Array = (np.cos(q[which] * away) / np.cos(q * widths)[which]).real * side
        return result

    return rate, mode


def _quadratic_load(mesh: Anatomy, source: Callable[[Array, IntArray], Array]) -> Array:
    """Integral ``(N,)`` of a source of points and sides times each quadratic shape function."""
    at, weights = linear.quadrature(7)
    cells = quadratic.quadratic_space(mesh)
    share = (source(*_places(mesh, at)) * weights) @ quadratic.shapes(at) * mesh.volumes_m3[:, None]
    return np.bincount(cells.cells.ravel(), share.ravel(), cells.n)


def _quadratic_gap_k(mesh: Anatomy, found: Array, exact: Callable[[Array, IntArray], Array]) -> float:
    at, weights = linear.quadrature(7)
    gap = found[quadratic.quadratic_space(mesh).cells] @ quadratic.shapes(at).T - exact(*_places(mesh, at))
    volume = mesh.volumes_m3[:, None]
    return float(np.sqrt((gap**2 * weights * volume).sum() / volume.sum()))


def _places(mesh: Anatomy, at: Array) -> tuple[Array, IntArray]:
    """Points ``(m, q, 3)`` of every element, and the side that each is on."""
    points = np.einsum("qi,mid->mqd", at, mesh.points_m[mesh.tets])
    return points, np.broadcast_to(mesh.region[:, None], points.shape[:2])


def implicit_error_k(n: int) -> float:
    """Error after ``n`` equal steps in a minute of even heat in tissue whose blood is a state: two nodes."""
    return _two_nodes_error_k(n, order=1)


def quadratic_in_time_error_k(n: int) -> float:
    """The same on quadratic elements."""
    return _two_nodes_error_k(n, order=2)


def _two_nodes_error_k(n: int, *, order: int) -> float:
    mesh, w, q, blood, time_s = box((2, 2, 2), (0.02,) * 3), 2e4, 4e4, 4.5, 60.0
    volume = 8e-6
    capacity, power = RHO_KG_M3 * C_J_KG_K * volume, q * volume
    system = thermal_system(problem(mesh, perfusion=w, core="pool", blood_j_k=blood), order)
    load = element_space(mesh, order).load(np.full(len(mesh.tets), q))
    *_, (_, found) = fixed_steps(system, load, time_s / n, n)
    s = w * volume * (1.0 / capacity + 1.0 / blood)
    gap = power / (capacity * s) * -np.expm1(-s * time_s)
    return float(abs(found[0] - found[-1] - gap))
