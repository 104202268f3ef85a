"""A second solver that shares no code with the first: explicit voxels, on a heterogeneous body with mixed blood."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..base.arrays import Array, IntArray
from ..bioheat import Boundary, Segment, evolve, thermal_system
from ..goals.metrics.statistics import exceedance
from .bodies import box
from .cases import C_J_KG_K, RHO_KG_M3, load_of, problem
from .validation_row import ValidationRow

SIZE_M = (0.016, 0.016, 0.024)
BLOOD_J_K = 4.0
AIR_W_M2_K = 10.0
NAMES = ("muscle", "fat", "organ")
PROPERTIES = {"k": np.array([0.5, 0.21, 0.52]), "perfusion": np.array([2e4, 2e3, 1.1e5])}
MIDDLE_M = np.array([0.008, 0.008, 0.01])
NEAR_M = 4e-3


def layers(points_m: Array) -> IntArray:
    """Fat under the skin at x = 0, an organ from z = 16 mm on, muscle elsewhere."""
    return np.where(points_m[..., 0] < 0.002, 1, np.where(points_m[..., 2] > 0.016, 2, 0))


def heat(points_m: Array) -> Array:
    """W/m3 of a focus in the muscle."""
    result: Array = 8e5 * np.exp(-(((points_m - MIDDLE_M) / [3e-3, 3e-3, 2.5e-3]) ** 2).sum(axis=-1))
    return result


def rows() -> Iterator[ValidationRow]:
    """Peak, T90 around the focus and core after four minutes; T90 as a difference."""
    found, other = by_elements(240.0), by_voxels(0.5e-3, 240.0)
    source = "second solver"
    yield ValidationRow("explicit voxels of 0.5 mm, peak rise at 240 s, K", other[0], found[0], 0.01, source)
    yield ValidationRow(
        "explicit voxels of 0.5 mm, T90 of 4 mm around the focus, difference, K",
        0.0,
        abs(found[1] - other[1]),
        0.05,
        source,
        sense="at_most",
    )
    yield ValidationRow("explicit voxels of 0.5 mm, core at 240 s, K", other[2], found[2], 0.01, source)


def by_elements(seconds: float) -> tuple[float, float, float]:
    """Peak, T90 and core by the engine; bricks of 2/3 mm have nodes on the borders of the layers."""
    mesh = box((24, 24, 36), SIZE_M, layers, NAMES)
    face = mesh.outer[(mesh.points_m[mesh.outer][:, :, 0] < 1e-9).all(axis=1)]
    system = thermal_system(
        problem(
            mesh,
            k=PROPERTIES["k"],
            perfusion=PROPERTIES["perfusion"],
            core="pool",
            blood_j_k=BLOOD_J_K,
            boundaries=(Boundary("robin", AIR_W_M2_K, 37.0, face),),
        )
    )
    *_, (_, found) = evolve(system, [Segment(load_of(mesh, heat), seconds)], [])
    rise = found - 37.0
    near = np.linalg.norm(mesh.points_m - MIDDLE_M, axis=1) < NEAR_M
    t90 = exceedance(rise[:-1][near], mesh.node_volumes_m3[near], 90.0)
    return float(rise.max()), float(t90), float(rise[-1])


def by_voxels(spacing: float, seconds: float) -> tuple[float, float, float]:
    """The same by finite volumes in cubes, explicit in time, with a well-mixed blood and convection on x = 0."""
    counts = np.round(np.array(SIZE_M) / spacing).astype(int)
    centres = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) * spacing for n in counts], indexing="ij"), -1)
    rho_c, region = RHO_KG_M3 * C_J_KG_K, layers(centres)
    k, w, q = PROPERTIES["k"][region], PROPERTIES["perfusion"][region], heat(centres)
    rise, blood, steps = np.zeros(counts), 0.0, int(np.ceil(seconds * 0.52 / (0.15 * spacing**2 * rho_c)))
    dt = seconds / steps
    faces = []
    for axis in range(3):
        one, two = (tuple(slice(*s) if a == axis else slice(None) for a in range(3)) for s in ((0, -1), (1, None)))
        faces.append((one, two, 2.0 * k[one] * k[two] / (k[one] + k[two]) / spacing**2))
    skin = 1.0 / (1.0 / AIR_W_M2_K + spacing / (2.0 * k[0])) / spacing
    for _ in range(steps):
        rate = q - w * (rise - blood)
        rate[0] -= skin * rise[0]
        for one, two, conductance in faces:
            flow = conductance * (rise[two] - rise[one])
            rate[one] += flow
            rate[two] -= flow
        taken = (w * (rise - blood)).sum() * spacing**3
        rise = rise + dt * rate / rho_c
        blood += dt * taken / BLOOD_J_K
    close = np.linalg.norm(centres - MIDDLE_M, axis=-1) < NEAR_M
    return float(rise.max()), float(exceedance(rise[close], np.ones(close.sum()), 90.0)), float(blood)
