"""A ball heated evenly, and a point, in perfused tissue without end: steady and in time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..base.arrays import Array
from ..bioheat import Boundary, Segment, ThermalSystem, evolve, steady_rise, thermal_system
from ..fem import linear
from .bodies import octant
from .cases import BLOOD_J_M3_K, problem
from .validation_row import ValidationRow

RADIUS_M = 5e-3
FAR_M = 20e-3
POWER_W_M3 = 1e5
POINT_W = 50e-3
PERFUSION_1_S = 5e-3
STEADY_K = {
    0.0: (2.5, 1.666667, 0.833333, 0.416667),
    5e-4: (2.041207, 1.236363, 0.454250, 0.122638),
    1e-3: (1.879778, 1.098557, 0.355256, 0.074304),
    5e-3: (1.341948, 0.690814, 0.130363, 0.009285),
    1.5e-2: (0.882833, 0.405451, 0.037492),
}
"""Rise at 0, R, 2 R and 4 R for perfusions in 1/s; at the last, the rise at 4 R is below a millikelvin."""
TIMES_S = (10.0, 60.0, 300.0, 600.0, 1800.0)
CENTRE_K = {
    1e-3: (0.259786, 1.025544, 1.655461, 1.790098, 1.871242),
    5e-3: (0.254705, 0.934695, 1.312053, 1.338902, 1.341946),
}
"""Rise in the middle at `TIMES_S`."""
TWO_TISSUES_K = (1.528716, 0.808939, 0.152654, 0.010872)
"""0.55 W/m/K and 1e-3 1/s inside, 0.5 W/m/K and 5e-3 1/s outside; at 0, R, 2 R, 4 R."""
POINT_K = {2e-3: (2.694566, 2.224451), 5e-3: (0.600678, 0.276351), 10e-3: (0.113353, 0.007302)}
"""Distance to steady rise, and rise after a minute: there is so little at 10 mm then that it may be 2 % off."""
AT = (("centre", 0.0), ("R", RADIUS_M), ("2 R", 2.0 * RADIUS_M), ("4 R", FAR_M))


def rows() -> Iterator[ValidationRow]:
    """Steady in one tissue and in two, in time, and around a point."""
    for w, table in STEADY_K.items():
        yield from _steady(f"heated sphere, perfusion {w:g} 1/s, steady", (0.5, 0.5), (w, w), table)
    yield from _steady("heated sphere of another tissue, steady", (0.55, 0.50), (1e-3, 5e-3), TWO_TISSUES_K)
    yield from _in_time()
    yield from _point()


@cache
def _mesh() -> Anatomy:
    radii = np.concatenate([np.linspace(0.0, RADIUS_M, 16), np.geomspace(RADIUS_M, FAR_M, 19)[1:]])
    return octant(radii, inner=15)


def ball(k: tuple[float, float], w: tuple[float, float]) -> tuple[Anatomy, ThermalSystem]:
    """An eighth of a ball of 5 mm in one of 20 mm, of perfusion ``w`` (1/s) and conductivity ``k`` inside and
    out; the outer sphere sheds what exp(-lam r) / r sheds there."""
    anatomy = _mesh()
    distance = np.linalg.norm(anatomy.points_m, axis=1)
    outer = anatomy.outer[(distance[anatomy.outer] > FAR_M - 1e-9).all(axis=1)]
    lam = np.sqrt(w[1] * BLOOD_J_M3_K / k[1])
    skin = Boundary("robin", k[1] * (lam + 1.0 / FAR_M), 37.0, outer)
    case = problem(anatomy, k=k, perfusion=np.array(w) * BLOOD_J_M3_K, boundaries=(skin,))
    return anatomy, thermal_system(case)


def ball_load(anatomy: Anatomy) -> Array:
    """Nodal power of heat that is even inside."""
    return linear.lumped_load(anatomy, np.where(anatomy.region == 0, POWER_W_M3, 0.0))


def shell_mean(anatomy: Anatomy, radius_m: float, rise: Array) -> float:
    """Mean over the shell of nodes at a radius."""
    here = np.abs(np.linalg.norm(anatomy.points_m, axis=1) - radius_m) < 1e-9
    return float(np.average(rise[here], weights=anatomy.node_volumes_m3[here]))


def _steady(
    name: str, k: tuple[float, float], w: tuple[float, float], table: tuple[float, ...]
) -> Iterator[ValidationRow]:
    anatomy, system = ball(k, w)
    rise = steady_rise(system, ball_load(anatomy))
    for (place, radius_m), exact in zip(AT, table, strict=False):
        yield ValidationRow(f"{name}, {place}, K", exact, shell_mean(anatomy, radius_m, rise), 0.01, "closed form")


def _in_time() -> Iterator[ValidationRow]:
    for w, table in CENTRE_K.items():
        anatomy, system = ball((0.5, 0.5), (w, w))
        history = dict(evolve(system, [Segment(ball_load(anatomy), TIMES_S[-1])], TIMES_S))
        for time_s, exact in zip(TIMES_S, table, strict=True):
            yield ValidationRow(
                f"heated sphere, perfusion {w:g} 1/s, centre at {time_s:g} s, K",
                exact,
                shell_mean(anatomy, 0.0, history[time_s] - 37.0),
                0.01,
                "closed form",
            )


def _point() -> Iterator[ValidationRow]:
    anatomy, system = ball((0.5, 0.5), (PERFUSION_1_S, PERFUSION_1_S))
    load = np.zeros(len(anatomy.points_m))
    load[0] = POINT_W / 8.0
    steady = steady_rise(system, load)
    *_, (_, minute) = evolve(system, [Segment(load, 60.0)], [])
    for radius_m, values in POINT_K.items():
        for when, rise, exact in zip(("steady", "at 60 s"), (steady, minute - 37.0), values, strict=True):
            yield ValidationRow(
                f"point of 50 mW in perfused tissue, {radius_m * 1e3:g} mm away, {when}, K",
                exact,
                shell_mean(anatomy, radius_m, rise),
                0.02 if exact < 0.01 else 0.01,
                "closed form",
            )
