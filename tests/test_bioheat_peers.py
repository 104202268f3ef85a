"""The engine against another library's quadratic elements, and its own estimate of error against its error; voxels and
solutions made up to be exact are rows of `thermoplan validate`."""

from __future__ import annotations

import numpy as np
import pytest
from heat_cases import box, load_of, problem
from scipy.sparse import diags_array
from scipy.sparse.linalg import cg

from thermoplan.bioheat import Boundary, spatial_error_k, steady_rise, thermal_system
from thermoplan.fem import linear
from thermoplan.validate.voxels import NAMES, PROPERTIES, SIZE_M, heat, layers


def test_quadratic_elements_of_another_library_agree_within_a_percent():
    from skfem import Basis, BilinearForm, ElementTetP2, LinearForm, MeshTet
    from skfem.helpers import dot, grad

    mesh = box((24, 24, 36), SIZE_M, layers, NAMES)
    rise = steady_rise(thermal_system(problem(mesh, **PROPERTIES)), load_of(mesh, heat))
    coarse = box((16, 16, 24), SIZE_M, layers, NAMES)
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
    coarse, fine = (box((n, n, 3 * n // 2), SIZE_M, layers, NAMES) for n in (8, 24))
    boundaries = (Boundary("robin", 50.0, 37.0), Boundary("dirichlet", 0.0, 37.0, normal=(0, 0, -1)))
    cases = [problem(mesh, **PROPERTIES, boundaries=boundaries) for mesh in (coarse, fine)]
    systems = [thermal_system(case) for case in cases]
    load = coarse.node_volumes_m3 * heat(coarse.points_m)
    estimate = spatial_error_k(cases[0], systems[0], load)
    number = np.ravel_multi_index(np.round(coarse.points_m / SIZE_M * [24, 24, 36]).astype(int).T, (25, 25, 37))
    cell, weights = coarse.located(fine.points_m)
    density = (heat(coarse.points_m)[coarse.tets[cell]] * weights).sum(axis=1)
    best = steady_rise(systems[1], linear.mass(fine, np.ones(len(fine.tets))) @ density)
    same = linear.mass(coarse, np.ones(len(coarse.tets))) @ heat(coarse.points_m)
    error = steady_rise(systems[0], same) - best[number]
    norm = [np.sqrt(coarse.node_volumes_m3 @ e**2) for e in (estimate, error)]
    print("estimated", abs(estimate).max(), "error", abs(error).max(), "K of", best.max(), "norms", norm)
    assert norm[0] == pytest.approx(norm[1], rel=0.4)
    assert np.corrcoef(estimate, error)[0, 1] > 0.9


def test_a_finer_mesh_has_a_quarter_of_the_estimated_error_at_half_the_size():
    norms = []
    for n in (8, 16):
        mesh = box((n, n, 3 * n // 2), SIZE_M, layers, NAMES)
        case = problem(mesh, **PROPERTIES)
        estimate = spatial_error_k(case, thermal_system(case), mesh.node_volumes_m3 * heat(mesh.points_m))
        norms.append(np.sqrt(mesh.node_volumes_m3 @ estimate**2))
    print(norms, norms[0] / norms[1])
    assert 3.0 < norms[0] / norms[1] < 5.5
