"""The engine against solutions made up to be exact, and against solvers that share none of its code."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import RHO, C, box, load_of, problem
from scipy.sparse import diags_array
from scipy.sparse.linalg import cg

from thermoplan import fem
from thermoplan.bioheat import Boundary, Segment, evolve, spatial_error_k, steady_rise, thermal_system
from thermoplan.metrics import exceeded_by

L, K, W = 0.02, (0.5, 0.15), (3e4, 4e3)
SPLIT = L / 4


def made_up(n):
    """Largest L2 error of a rise with a kink where k and W jump, on an insulated cube of n^3 bricks.

    u = X(x) cos(pi y/L) cos(pi z/L) with X = s/k + c, s = sin(2 pi (x - L/4)/L), c = 1 - cos(4 pi (x - L/4)/L):
    u and k u' are continuous at x = L/4 because s and c' vanish there, and all of u' vanishes on the faces.
    The source is -k lap u + W u.
    """
    mesh = box((n, n, n), (L, L, L), lambda c: (c[:, 0] > SPLIT).astype(int), ("a", "b"))
    system = thermal_system(problem(mesh, k=K, perfusion=W))
    k, w = np.array(K)[mesh.region], np.array(W)[mesh.region]

    def parts(points, k):
        phase = 2.0 * np.pi * (points[:, 0] - SPLIT) / L
        side = np.cos(np.pi * points[:, 1] / L) * np.cos(np.pi * points[:, 2] / L)
        return 0.3 * np.sin(phase) / k * side, (1.0 - np.cos(2.0 * phase)) * side, np.cos(2.0 * phase) * side

    at = mesh.centroids_m
    s, c, bent = parts(at, k)
    q = np.pi / L
    # -lap of sin(2q x) cos cos is 6 q^2 times itself; of cos(4q x) cos cos it is 18 q^2, of 1 cos cos 2 q^2
    source = k * (6.0 * q**2 * s + 2.0 * q**2 * (c + bent) - 18.0 * q**2 * bent) + w * (s + c)
    load = fem.lumped(mesh, source)
    nodal = np.where(mesh.points_m[:, 0] > SPLIT, K[1], K[0])
    exact = sum(parts(mesh.points_m, nodal)[:2])
    gap = steady_rise(system, load) - exact
    return np.sqrt(mesh.node_volumes_m3 @ gap**2 / mesh.volumes_m3.sum())


def test_jumps_in_conductivity_and_perfusion_keep_order_two():
    counts = np.array([8, 16, 32])
    errors = [made_up(n) for n in counts]
    order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    print("L2 errors", errors, "order", order)
    assert order > 1.9
    assert errors[-1] < 0.02


def test_a_cosine_between_insulated_faces_decays_as_fourier_says():
    # theta = cos(pi x/L) e^{-(alpha (pi/L)^2 + W/rho c) t}: 7.5 of physics.md, one period being twice the box
    mesh = box((60, 2, 2), (0.02, 0.001, 0.001))
    system = thermal_system(problem(mesh, perfusion=1e4))
    wave = np.cos(np.pi * mesh.points_m[:, 0] / 0.02)
    rate = (0.5 * (np.pi / 0.02) ** 2 + 1e4) / (RHO * C)
    rest = [Segment(np.zeros(len(wave)), 300.0)]
    for time, temperature in evolve(system, rest, [30.0, 300.0], start_c=37.0 + wave):
        assert temperature - 37.0 == pytest.approx(wave * np.exp(-rate * time), abs=1e-3)


def test_a_constant_source_between_insulated_faces_settles_as_fourier_says():
    # S cos(pi x/L): theta = S/(k q^2 + W) (1 - e^{-rate t}) cos
    mesh = box((40, 2, 2), (0.02, 0.001, 0.001))
    system = thermal_system(problem(mesh, perfusion=1e4))
    stiff = 0.5 * (np.pi / 0.02) ** 2 + 1e4
    load = fem.lumped(mesh, 1e5 * np.cos(np.pi * mesh.centroids_m[:, 0] / 0.02))
    wave = np.cos(np.pi * mesh.points_m[:, 0] / 0.02)
    for time, temperature in evolve(system, [Segment(load, 200.0)], [20.0]):
        exact = 1e5 / stiff * -np.expm1(-stiff / (RHO * C) * time) * wave
        assert temperature - 37.0 == pytest.approx(exact, abs=5e-3 * 1e5 / stiff)


SIZE, BLOOD_J_K, H = (0.016, 0.016, 0.024), 4.0, 10.0


def layers(centre):
    """Fat under the skin at x = 0, an organ from z = 16 mm on, muscle elsewhere."""
    return np.where(centre[..., 0] < 0.002, 1, np.where(centre[..., 2] > 0.016, 2, 0))


PROPERTIES = {"k": np.array([0.5, 0.21, 0.52]), "perfusion": np.array([2e4, 2e3, 1.1e5])}


def heat(points):
    apart = (points - [0.008, 0.008, 0.01]) / [3e-3, 3e-3, 2.5e-3]
    return 8e5 * np.exp(-(apart**2).sum(axis=-1))


def voxels(spacing, seconds):
    """Finite volumes in cubes, explicit in time, a well-mixed blood, and convection on the face x = 0."""
    counts = np.round(np.array(SIZE) / spacing).astype(int)
    centres = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) * spacing for n in counts], indexing="ij"), -1)
    region = layers(centres)
    k, w, q = PROPERTIES["k"][region], PROPERTIES["perfusion"][region], heat(centres)
    rise, blood, dt = np.zeros(counts), 0.0, 0.15 * spacing**2 * RHO * C / 0.52
    faces = []
    for axis in range(3):
        one, two = (tuple(slice(*s) if a == axis else slice(None) for a in range(3)) for s in ((0, -1), (1, None)))
        faces.append((one, two, 2.0 * k[one] * k[two] / (k[one] + k[two]) / spacing**2))
    skin = 1.0 / (1.0 / H + spacing / (2.0 * k[0])) / spacing
    steps = int(np.ceil(seconds / dt))
    dt = seconds / steps
    for _ in range(steps):
        rate = q - w * (rise - blood)
        rate[0] -= skin * rise[0]
        for one, two, conductance in faces:
            flow = conductance * (rise[two] - rise[one])
            rate[one] += flow
            rate[two] -= flow
        taken = (w * (rise - blood)).sum() * spacing**3
        rise = rise + dt * rate / (RHO * C)
        blood += dt * taken / BLOOD_J_K
    return centres, rise, blood


def test_explicit_voxels_agree_in_peak_t90_and_core():
    seconds = 240.0
    # bricks of 2/3 mm have nodes on the borders of the layers, at 2 and 16 mm
    mesh = box((24, 24, 36), SIZE, layers, ("muscle", "fat", "organ"))
    face = mesh.outer[(mesh.points_m[mesh.outer][:, :, 0] < 1e-9).all(axis=1)]
    system = thermal_system(problem(mesh, **PROPERTIES, core="pool", blood_j_k=BLOOD_J_K,
                                    boundaries=(Boundary("robin", H, 37.0, face),)))
    load = load_of(mesh, heat)
    *_, (_, found) = evolve(system, [Segment(load, seconds)], [])
    rise = found - 37.0
    centres, other, blood = voxels(0.5e-3, seconds)
    near = np.linalg.norm(mesh.points_m - [0.008, 0.008, 0.01], axis=1) < 4e-3
    close = np.linalg.norm(centres - [0.008, 0.008, 0.01], axis=-1) < 4e-3
    t90 = (exceeded_by(rise[:-1][near], mesh.node_volumes_m3[near], 90.0),
           exceeded_by(other[close], np.ones(close.sum()), 90.0))
    print("peak", rise.max(), other.max(), "T90", t90, "core", rise[-1], blood)
    assert rise.max() == pytest.approx(other.max(), rel=0.01)
    assert t90[0] == pytest.approx(t90[1], abs=0.05)
    assert rise[-1] == pytest.approx(blood, rel=0.01)


def test_quadratic_elements_of_another_library_agree_within_a_percent():
    from skfem import Basis, BilinearForm, ElementTetP2, LinearForm, MeshTet
    from skfem.helpers import dot, grad

    mesh = box((24, 24, 36), SIZE, layers, ("muscle", "fat", "organ"))
    rise = steady_rise(thermal_system(problem(mesh, **PROPERTIES)), load_of(mesh, heat))
    coarse = box((16, 16, 24), SIZE, layers, ("muscle", "fat", "organ"))
    basis = Basis(MeshTet(*(np.ascontiguousarray(a.T) for a in (coarse.points_m, coarse.tets))), ElementTetP2())

    @BilinearForm
    def form(u, v, p):
        at = layers(np.moveaxis(p.x, 0, -1))
        return PROPERTIES["k"][at] * dot(grad(u), grad(v)) + PROPERTIES["perfusion"][at] * u * v

    @LinearForm
    def source(v, p):
        return heat(np.moveaxis(p.x, 0, -1)) * v

    matrix = form.assemble(basis)
    other, failed = cg(matrix, source.assemble(basis), rtol=1e-10, M=diags_array(1.0 / matrix.diagonal()))
    assert not failed
    shared = (np.abs(mesh.points_m / 2e-3 - np.round(mesh.points_m / 2e-3)) < 1e-9).all(axis=1)
    expected = basis.probes(np.ascontiguousarray(mesh.points_m[shared].T)) @ other
    print("peak", rise[shared].max(), expected.max(), "largest difference", abs(rise[shared] - expected).max())
    assert abs(rise[shared] - expected).max() < 0.01 * expected.max()


def test_the_estimated_error_of_the_mesh_is_its_error():
    # quadratic elements of the same mesh against a mesh of three times the fineness, in the L2 norm
    coarse, fine = (box((n, n, 3 * n // 2), SIZE, layers, ("muscle", "fat", "organ")) for n in (8, 24))
    boundaries = (Boundary("robin", 50.0, 37.0), Boundary("dirichlet", 0.0, 37.0, normal=(0, 0, -1)))
    cases = [problem(mesh, **PROPERTIES, boundaries=boundaries) for mesh in (coarse, fine)]
    systems = [thermal_system(case) for case in cases]
    load = coarse.node_volumes_m3 * heat(coarse.points_m)
    estimate = spatial_error_k(cases[0], systems[0], load)
    number = np.ravel_multi_index(np.round(coarse.points_m / SIZE * [24, 24, 36]).astype(int).T, (25, 25, 37))
    cell, weights = coarse.located(fine.points_m)
    density = (heat(coarse.points_m)[coarse.tets[cell]] * weights).sum(axis=1)
    best = steady_rise(systems[1], fem.mass(fine, np.ones(len(fine.tets))) @ density)
    same = fem.mass(coarse, np.ones(len(coarse.tets))) @ heat(coarse.points_m)
    error = steady_rise(systems[0], same) - best[number]
    norm = [np.sqrt(coarse.node_volumes_m3 @ e**2) for e in (estimate, error)]
    print("estimated", abs(estimate).max(), "error", abs(error).max(), "K of", best.max(), "norms", norm)
    assert norm[0] == pytest.approx(norm[1], rel=0.4)
    assert np.corrcoef(estimate, error)[0, 1] > 0.9


def test_a_finer_mesh_has_a_quarter_of_the_estimated_error_at_half_the_size():
    norms = []
    for n in (8, 16):
        mesh = box((n, n, 3 * n // 2), SIZE, layers, ("muscle", "fat", "organ"))
        case = problem(mesh, **PROPERTIES)
        estimate = spatial_error_k(case, thermal_system(case), mesh.node_volumes_m3 * heat(mesh.points_m))
        norms.append(np.sqrt(mesh.node_volumes_m3 @ estimate**2))
    print(norms, norms[0] / norms[1])
    assert 3.0 < norms[0] / norms[1] < 5.5
