"""The bioheat engine against closed forms and a published benchmark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq

from .. import fem
from ..anatomy import Anatomy
from ..arrays import Array
from ..bioheat import (
    BioheatProblem,
    Boundary,
    Segment,
    ThermalSystem,
    evolve,
    steady_rise,
    thermal_system,
)
from .bodies import column, octant
from .row import Row

_BLOOD = 1050.0 * 3617.0
_RADIUS_M, _FAR_M, _Q, _K, _RHO, _C = 5e-3, 20e-3, 1e5, 0.5, 1060.0, 3600.0


def rows() -> Iterator[Row]:
    """Spheres, a point, a decay, a slab, mixed blood, layered skin."""
    yield from _sphere()
    yield from _decay()
    yield from _slab()
    yield from _blood_pool()
    yield from _layered_skin()


def _problem(anatomy: Anatomy, boundaries: tuple[Boundary, ...], body: dict | None = None,
             **values: object) -> BioheatProblem:
    table = {"density_kg_m3": _RHO, "heat_capacity_j_kg_k": _C, "conductivity_w_m_k": _K,
             "perfusion_w_m3_k": 0.0, "metabolic_w_m3": 0.0} | values
    one_each = {key: np.broadcast_to(value, len(anatomy.region_names)) for key, value in table.items()}
    return BioheatProblem(anatomy, **one_each, boundaries=boundaries,
                          **({"arterial_c": 37.0, "core": "fixed"} | (body or {})))


def _ball(k: tuple[float, float], w: tuple[float, float]) -> tuple[Anatomy, ThermalSystem]:
    """An eighth of a ball of 5 mm in one of 20 mm, of perfusion ``w`` (1/s) and conductivity ``k`` inside and
    out; the outer sphere sheds what exp(-lam r) / r sheds there."""
    radii = np.concatenate([np.linspace(0.0, _RADIUS_M, 15), np.geomspace(_RADIUS_M, _FAR_M, 19)[1:]])
    anatomy = octant(radii, inner=14)
    distance = np.linalg.norm(anatomy.points_m, axis=1)
    outer = anatomy.outer[(distance[anatomy.outer] > _FAR_M - 1e-9).all(axis=1)]
    lam = np.sqrt(w[1] * _BLOOD / k[1])
    skin = Boundary("robin", k[1] * (lam + 1.0 / _FAR_M), 37.0, outer)
    problem = _problem(anatomy, (skin,), conductivity_w_m_k=k, perfusion_w_m3_k=np.array(w) * _BLOOD)
    return anatomy, thermal_system(problem)


def _at(anatomy: Anatomy, radius_m: float, rise: Array) -> float:
    here = np.abs(np.linalg.norm(anatomy.points_m, axis=1) - radius_m) < 1e-9
    return float(np.average(rise[here], weights=anatomy.node_volumes_m3[here]))


def _sphere() -> Iterator[Row]:
    """Uniform heat in the ball, of one tissue and of two; a point of 50 mW in its middle."""
    anatomy, system = _ball((_K, _K), (5e-3, 5e-3))
    load = fem.lumped(anatomy, np.where(anatomy.region == 0, _Q, 0.0))
    rise = steady_rise(system, load)
    for name, radius_m, exact in (("centre", 0.0, 1.341948), ("R", _RADIUS_M, 0.690814), ("4 R", _FAR_M, 0.009285)):
        yield Row(f"heated sphere in perfused tissue, steady, {name}, K", exact, _at(anatomy, radius_m, rise), 0.01,
                  "closed form")
    times = (60.0, 300.0)
    history = dict(evolve(system, [Segment(load, 300.0)], times))
    for time_s, exact in zip(times, (0.934695, 1.312053), strict=True):
        yield Row(f"heated sphere in perfused tissue, centre at {time_s:g} s, K", exact,
                  _at(anatomy, 0.0, history[time_s] - 37.0), 0.01, "closed form")
    point = np.zeros(len(anatomy.points_m))
    point[0] = 50e-3 / 8.0
    rise = steady_rise(system, point)
    for radius_m, exact in ((5e-3, 0.600678), (10e-3, 0.113353)):
        yield Row(f"point of 50 mW in perfused tissue, {radius_m * 1e3:g} mm away, K", exact,
                  _at(anatomy, radius_m, rise), 0.01, "closed form")
    anatomy, system = _ball((0.55, 0.50), (1e-3, 5e-3))
    rise = steady_rise(system, load)
    for name, radius_m, exact in (("centre", 0.0, 1.528716), ("R", _RADIUS_M, 0.808939), ("2 R", 10e-3, 0.152654)):
        yield Row(f"heated sphere of another tissue, steady, {name}, K", exact, _at(anatomy, radius_m, rise), 0.01,
                  "closed form")


def _decay() -> Iterator[Row]:
    """A cosine between insulated faces falls as exp(-(k q^2 + W) t / rho c), q = pi / 24 mm."""
    length, w, time_s = 24e-3, 5e-3 * _BLOOD, 120.0
    anatomy = column(np.linspace(0.0, length, 97), 1e-3)
    system = thermal_system(_problem(anatomy, (Boundary("insulated"),), perfusion_w_m3_k=w))
    start = np.cos(np.pi / length * anatomy.points_m[:, 2])
    *_, (_, end) = evolve(system, [Segment(np.zeros(len(start)), time_s)], [], start_c=37.0 + start)
    exact = np.exp(-(_K * (np.pi / length) ** 2 + w) / (_RHO * _C) * time_s)
    yield Row("periodic warmth after 120 s, part that is left", float(exact), float(end[0] - 37.0), 1e-3,
              "closed form")


def _slab() -> Iterator[Row]:
    """theta = Q/W [1 - h cosh(lam x) / (h cosh(lam a) + k lam sinh(lam a))], a = 12 mm, face cooled by h."""
    a, h, w = 12e-3, 40.0, 5e-3 * _BLOOD
    anatomy = column(np.linspace(0.0, a, 49), 1e-3)
    face = anatomy.outer[(anatomy.points_m[anatomy.outer][:, :, 2] > a - 1e-9).all(axis=1)]
    system = thermal_system(_problem(anatomy, (Boundary("robin", h, 37.0, face),), perfusion_w_m3_k=w))
    rise = steady_rise(system, fem.lumped(anatomy, np.full(len(anatomy.tets), _Q)))
    lam = np.sqrt(w / _K)
    exact = _Q / w * (1.0 - h * np.cosh(lam * a) / (h * np.cosh(lam * a) + _K * lam * np.sinh(lam * a)))
    yield Row("perfused slab cooled on its face, at the face, K", float(exact), float(rise[-1]), 2e-3,
              "closed form")


def _blood_pool() -> Iterator[Row]:
    """Tissue and blood as two nodes: s = W (1/C_t + 1/C_b), theta_t - theta_b = P/(C_t s) (1 - e^(-s t)),
    C_t theta_t + C_b theta_b = P t."""
    anatomy, w, blood, time_s = column(np.linspace(0.0, 20e-3, 5), 20e-3), 2e4, 4.5, 300.0
    volume = float(anatomy.volumes_m3.sum())
    capacity, power = _RHO * _C * volume, 0.32
    problem = _problem(anatomy, (Boundary("insulated"),), {"core": "pool", "blood_j_k": blood},
                       perfusion_w_m3_k=w)
    load = fem.lumped(anatomy, np.full(len(anatomy.tets), power / volume))
    *_, (_, temperature) = evolve(thermal_system(problem), [Segment(load, time_s)], [])
    s = w * volume * (1.0 / capacity + 1.0 / blood)
    gap = power / (capacity * s) * -np.expm1(-s * time_s)
    exact = (power * time_s - capacity * gap) / (capacity + blood)
    yield Row("core of a mixed blood pool after 300 s of 0.32 W, K", float(exact),
              float(temperature[-1] - 37.0), 1e-6, "closed form")


def _layered_skin() -> Iterator[Row]:
    """Three layers over a core at 310.15 K, air and radiation outside [DB3]; the radiation's coefficient is
    that of the surface temperature it leads to."""
    air_k, emissivity = 297.15, 0.98 * 5.670374419e-8
    heights = np.concatenate([np.linspace(0, 3.6, 73), 3.6 + np.linspace(0, 1.2, 49)[1:],
                              4.8 + np.linspace(0, 0.1, 5)[1:]]) * 1e-3
    anatomy = column(heights, 1e-3, names=("subcutis", "dermis", "epidermis"),
                     region_of=lambda x: np.searchsorted([3.6e-3, 4.8e-3], x[:, 2]))
    level = anatomy.points_m[anatomy.outer][:, :, 2]
    top, bottom = (anatomy.outer[(np.abs(level - z) < 1e-9).all(axis=1)] for z in (heights[-1], 0.0))
    perfusion = 0.038 * 3.9962e6

    def surface_k(guess_k: float) -> float:
        radiation = emissivity * (guess_k**2 + air_k**2) * (guess_k + air_k)
        skin = Boundary("robin", 5.0 + radiation, air_k - 273.15, top)
        core = Boundary("dirichlet", temperature_c=37.0, triangles=bottom)
        problem = _problem(anatomy, (skin, core), conductivity_w_m_k=(0.16, 0.37, 0.21),
                           perfusion_w_m3_k=(perfusion, perfusion, 0.0), metabolic_w_m3=368.1)
        return float(thermal_system(problem).base_c[-1]) + 273.15

    found = brentq(lambda t: surface_k(t) - t, 305.0, 311.0, xtol=1e-7)
    lost = 5.0 * (found - air_k) + emissivity * (found**4 - air_k**4)
    yield Row("layered skin: surface, K", 309.4516, found, 1e-3 / 309.45, "DB3")
    yield Row("layered skin: heat lost, W/m2", 137.832, lost, 0.05 / 137.8, "DB3")
