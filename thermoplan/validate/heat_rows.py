"""The bioheat engine: closed forms, a published benchmark, made-up solutions, energy, and a second solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..bioheat import (
    Boundary,
    CheckpointPolicy,
    EngineState,
    Segment,
    Vessel,
    evolve,
    feedback_of,
    settle,
    steady_rise,
    thermal_system,
)
from ..bioheat.vessels import BLOOD_W_M_K, NUSSELT
from ..fem import linear
from . import balance, manufactured, spheres, voxels
from .bodies import column, cylinder
from .cases import BLOOD_J_M3_K, C_J_KG_K, RHO_KG_M3, problem
from .validation_row import ValidationRow

STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
_Q = 1e5
_K = 0.5
_SKIN = ((1.0, 309.451643, 137.8321), (0.1, 308.236899, 123.8040), (10.0, 309.890950, 142.9284))
"""Factor on perfusion; temperature of the surface in K; heat lost in W/m2."""


def rows() -> Iterator[ValidationRow]:
    """Spheres, a point, decays, slabs, mixed blood, layered skin; then orders, energy and voxels."""
    yield from spheres.rows()
    yield from _decay()
    yield from _slab()
    yield from _blood_pool()
    yield from _layered_skin()
    yield from _vessel()
    yield from manufactured.rows()
    yield from balance.rows()
    yield from voxels.rows()


def _decay() -> Iterator[ValidationRow]:
    """Between insulated faces cos(q z) falls as exp(-(k q^2 + W) t / rho c), q = pi / 24 mm; a source S cos(q z) adds
    S / (k q^2 + W) times what is missing; and even warmth, q = 0, is carried away by perfusion alone."""
    length, w, time_s = 24e-3, 5e-3 * BLOOD_J_M3_K, 120.0
    anatomy = column(np.linspace(0.0, length, 97), 1e-3)
    system = thermal_system(problem(anatomy, perfusion=w))
    for name, q in (("periodic warmth", np.pi / length), ("even warmth, perfusion alone,", 0.0)):
        wave, stiff = np.cos(q * anatomy.points_m[:, 2]), _K * q**2 + w
        left = float(np.exp(-stiff / (RHO_KG_M3 * C_J_KG_K) * time_s))
        rest, warm = Segment(0.0 * wave, time_s), CheckpointPolicy(start=EngineState(0.0, 37.0 + wave))
        *_, (_, end) = evolve(system, [rest], [], keeping=warm)
        yield ValidationRow(f"{name} after 120 s, part that is left", left, float(end[0] - 37.0), 1e-3, "closed form")
        load = linear.lumped_load(anatomy, _Q * np.cos(q * anatomy.centroids_m[:, 2]))
        *_, (_, end) = evolve(system, [Segment(load, time_s)], [])
        yield ValidationRow(
            f"{name} heated for 120 s, K", _Q / stiff * (1.0 - left), float(end[0] - 37.0), 1e-3, "closed form"
        )


def _slab() -> Iterator[ValidationRow]:
    """theta = Q/W [1 - f cosh(lam x)], a = 12 mm; f = 1 / cosh(lam a) where the face is held, or
    h / (h cosh(lam a) + k lam sinh(lam a)) where it is cooled by h."""
    a, h, w = 12e-3, 40.0, 5e-3 * BLOOD_J_M3_K
    anatomy = column(np.linspace(0.0, a, 49), 1e-3)
    face = anatomy.outer[(anatomy.points_m[anatomy.outer][:, :, 2] > a - 1e-9).all(axis=1)]
    lam = np.sqrt(w / _K)
    cosh, sinh = np.cosh(lam * a), np.sinh(lam * a)
    for kind, factor, place, x in (
        ("robin", h / (h * cosh + _K * lam * sinh), "at the face", a),
        ("dirichlet", 1.0 / cosh, "in its middle", 0.0),
    ):
        system = thermal_system(problem(anatomy, perfusion=w, boundaries=(Boundary(kind, h, 37.0, face),)))
        rise = steady_rise(system, linear.lumped_load(anatomy, np.full(len(anatomy.tets), _Q)))
        exact = _Q / w * (1.0 - factor * np.cosh(lam * x))
        node = int(np.abs(anatomy.points_m[:, 2] - x).argmin())
        yield ValidationRow(
            f"perfused slab, {kind} face, {place}, K", float(exact), float(rise[node]), 2e-3, "closed form"
        )


def _blood_pool() -> Iterator[ValidationRow]:
    """Tissue and blood as two nodes: s = W (1/C_t + 1/C_b), theta_t - theta_b = P/(C_t s) (1 - e^(-s t)),
    C_t theta_t + C_b theta_b = P t."""
    anatomy, w, blood, time_s = column(np.linspace(0.0, 20e-3, 5), 20e-3), 2e4, 4.5, 300.0
    volume = float(anatomy.volumes_m3.sum())
    capacity, power = RHO_KG_M3 * C_J_KG_K * volume, 0.32
    case = problem(anatomy, perfusion=w, core="pool", blood_j_k=blood)
    load = linear.lumped_load(anatomy, np.full(len(anatomy.tets), power / volume))
    *_, (_, temperature) = evolve(thermal_system(case), [Segment(load, time_s)], [])
    s = w * volume * (1.0 / capacity + 1.0 / blood)
    gap = power / (capacity * s) * -np.expm1(-s * time_s)
    core = (power * time_s - capacity * gap) / (capacity + blood)
    for name, exact, node in (("tissue", core + gap, 0), ("blood", core, -1)):
        yield ValidationRow(
            f"two-node body with mixed blood, {name} at {time_s:g} s, K",
            float(exact),
            float(temperature[node] - 37.0),
            1e-6,
            "closed form",
        )


def _layered_skin() -> Iterator[ValidationRow]:
    """Three layers over a core at 310.15 K, air and radiation outside [DB3], by the radiation of a protocol."""
    air_k, emissivity, transfer = 297.15, 0.98, 5.0
    heights = (
        np.concatenate([np.linspace(0, 3.6, 73), 3.6 + np.linspace(0, 1.2, 49)[1:], 4.8 + np.linspace(0, 0.1, 5)[1:]])
        * 1e-3
    )
    anatomy = column(
        heights,
        1e-3,
        names=("subcutis", "dermis", "epidermis"),
        region_of=lambda x: np.searchsorted([3.6e-3, 4.8e-3], x[:, 2]),
    )
    level = anatomy.points_m[anatomy.outer][:, :, 2]
    top, bottom = (anatomy.outer[(np.abs(level - z) < 1e-9).all(axis=1)] for z in (heights[-1], 0.0))
    skin = Boundary("robin", transfer, air_k - 273.15, top, emissivity=emissivity)
    perfusion = 0.038 * 3.9962e6
    for times, kelvins, watts in _SKIN:
        w = times * perfusion
        case = problem(
            anatomy,
            k=(0.16, 0.37, 0.21),
            perfusion=(w, w, 0.0),
            metabolic=368.1,
            boundaries=(skin, Boundary("dirichlet", temperature_c=37.0, triangles=bottom)),
        )
        system = thermal_system(case)
        found = float(settle(system, feedback_of(case, system)).base_c[-1]) + 273.15
        lost = transfer * (found - air_k) + emissivity * STEFAN_BOLTZMANN_W_M2_K4 * (found**4 - air_k**4)
        name = f"layered skin, perfusion x {times:g}"
        yield ValidationRow(f"{name}: surface, K", kelvins, found, 1e-3 / kelvins, "DB3")
        yield ValidationRow(f"{name}: heat lost, W/m2", watts, lost, 0.05 / watts, "DB3")


def _vessel() -> Iterator[ValidationRow]:
    """A vessel along the axis of a cylinder of radius b held 5 K warmer than its blood takes up
    5 K / (1 / (Nu pi k_b) + ln(b / a) / (2 pi k)) a length, by its wall and by the tissue one after the other."""
    b, height = 10e-3, 2e-3
    anatomy = cylinder(b, b, height, cells=32, layers=3)
    side = anatomy.outer[np.ptp(anatomy.points_m[anatomy.outer][:, :, 2], axis=1) > 1e-9]
    held = Boundary("dirichlet", temperature_c=42.0, triangles=side)
    for diameter in (0.4e-3, 1e-3):
        vessel = Vessel("axis", np.array([[0.0, 0.0, -height], [0.0, 0.0, height]]), diameter)
        system = thermal_system(problem(anatomy, boundaries=(Boundary("insulated"), held), vessels=(vessel,)))
        resistance = 1.0 / (NUSSELT * np.pi * BLOOD_W_M_K) + np.log(2.0 * b / diameter) / (2.0 * np.pi * _K)
        yield ValidationRow(
            f"vessel of {1e3 * diameter:g} mm in a cylinder: heat that its blood takes up, W/m",
            5.0 / resistance,
            float(system.perfused_w_k @ (system.base_c - 37.0)) / height,
            0.02,
            "closed form",
        )
