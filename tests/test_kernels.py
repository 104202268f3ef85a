"""The compiled product of a matrix stored by half, and the Lanczos steps that are made of it, against dense ones."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from heat_cases import box, problem
from scipy.sparse import csr_array, diags_array, random_array

from thermoplan.base.errors import MissingPart, SolverError
from thermoplan.bioheat import Boundary, thermal_system
from thermoplan.bioheat.linalg import krylov
from thermoplan.bioheat.linalg.communicator import SERIAL, Serial
from thermoplan.bioheat.linalg.kernels import subtract
from thermoplan.bioheat.linalg.krylov import Operator, operator
from thermoplan.bioheat.linalg.symmetric import SymmetricMatrix


def symmetric(n, density):
    rng = np.random.default_rng(0)
    some = random_array((n, n), density=density, rng=rng, format="csr")
    return csr_array(some + some.T + diags_array(rng.normal(size=n)))


@pytest.fixture(scope="module")
def bled():
    """The scaled matrix of a block with skin and a pool of blood, whose row and column are full."""
    system = thermal_system(
        problem(
            box((6, 6, 7), (0.012, 0.012, 0.014)),
            perfusion=4e4,
            core="pool",
            blood_j_k=4.0,
            boundaries=(Boundary("robin", 10.0, 25.0),),
        )
    )
    return operator(system.stiffness, system.capacity_j_k)


@pytest.mark.parametrize(("n", "density"), [(1, 0.0), (2, 1.0), (7, 0.0), (400, 0.03), (900, 0.2)])
def test_a_matrix_stored_by_half_multiplies_as_the_whole(n, density):
    whole, rng = symmetric(n, density), np.random.default_rng(1)
    half, dense = SymmetricMatrix.of(whole), whole.toarray()
    assert 2 * np.count_nonzero(half.values) + np.count_nonzero(half.diagonal) == np.count_nonzero(dense)
    for share, less in ((1.0, 0.0), (0.4, 3.0)):
        y, before, out = rng.normal(size=(3, n))
        y.flags.writeable = False
        wanted = share * (dense @ y) - less * before
        along = half.product(y, out, share=share, before=before, less=less)
        size = abs(share) * (abs(dense) @ abs(y)).max() + less * abs(before).max()
        assert np.abs(out - wanted).max() < 1e-14 * size
        assert abs(along - y @ wanted) < 1e-14 * size * np.abs(y).sum()
    assert half.product(y, out) == pytest.approx(y @ dense @ y, rel=1e-11)


def test_equal_patterns_are_laid_out_alike_whatever_their_numbers():
    whole = symmetric(180, 0.1)
    other = csr_array((np.where(np.arange(whole.nnz) % 3, whole.data, 0.0), whole.indices, whole.indptr), whole.shape)
    other = csr_array((0.5 * (other.data + other.T.tocsr().data), whole.indices, whole.indptr), whole.shape)
    first, second = (SymmetricMatrix.of(some) for some in (whole, other))
    joined = replace(first, values=first.values + 2.0 * second.values, diagonal=first.diagonal + 2.0 * second.diagonal)
    y, out = np.random.default_rng(9).normal(size=180), np.empty(180)
    joined.product(y, out)
    assert out == pytest.approx(whole @ y + 2.0 * (other @ y), abs=1e-12)


def test_rows_in_any_order_and_vectors_of_any_layout_multiply_alike():
    whole, rng = symmetric(60, 0.2), np.random.default_rng(2)
    mixed, many = csr_array(whole[rng.permutation(60)]), np.asfortranarray(rng.normal(size=(3, 60)))
    turned = csr_array(mixed.T @ mixed)  # its rows come unsorted
    op = operator(turned, np.ones(60))
    assert op @ many[1] == pytest.approx(turned.toarray() @ many[1], rel=1e-12)
    assert op.counter.products == 1


def test_the_row_of_a_pool_of_blood_is_multiplied_with_the_rest(bled):
    assert np.count_nonzero(bled.matrix.toarray()[-1]) == bled.n_dof
    y = np.random.default_rng(3).normal(size=bled.n_dof)
    assert bled @ y == pytest.approx(bled.matrix.toarray() @ y, abs=1e-13)


def test_what_lies_along_a_vector_is_taken_out_of_another():
    w, y = np.random.default_rng(4).normal(size=(2, 1001))
    wanted = w - 0.7 * y
    assert subtract(w, y, 0.7) == pytest.approx(wanted @ wanted, rel=1e-14)
    assert w == pytest.approx(wanted, abs=1e-15)


def test_lanczos_vectors_are_orthogonal_and_make_the_matrix_tridiagonal(bled):
    # V A V^T is T for unit rows V: what a step returns is on its diagonal, the lengths are beside it
    steps, dense = 9, bled.matrix.toarray()
    basis, spans, diagonal = np.empty((steps + 1, bled.n_dof)), np.zeros(steps + 1), np.zeros(steps)
    basis[0] = 1e3 * np.random.default_rng(5).normal(size=bled.n_dof)
    spans[0] = np.linalg.norm(basis[0])
    for m in range(1, steps + 1):
        diagonal[m - 1] = bled.following(basis, spans, m)
    unit = basis / spans[:, None]
    assert unit @ unit.T == pytest.approx(np.eye(steps + 1), abs=1e-9)
    wanted = np.diag(diagonal) + np.diag(spans[1:steps], 1) + np.diag(spans[1:steps], -1)
    assert unit[:-1] @ dense @ unit[:-1].T == pytest.approx(wanted, abs=1e-9 * diagonal.max())


def test_the_same_steps_twice_are_the_same_to_the_last_bit(bled):
    found = []
    for _ in range(2):
        basis, spans = np.full((6, bled.n_dof), np.nan), np.zeros(6)
        basis[0] = np.random.default_rng(6).normal(size=bled.n_dof)
        spans[0] = np.linalg.norm(basis[0])
        along = [bled.following(basis, spans, m) for m in range(1, 6)]
        found.append(np.concatenate([basis.ravel(), spans, along]))
    assert np.array_equal(*found)


def test_many_steps_in_one_call_are_the_same_steps(bled):
    steps, found = 12, []
    for many in (False, True):
        basis, spans, along = np.full((steps + 1, bled.n_dof), np.nan), np.zeros(steps + 1), np.zeros(steps)
        basis[0] = np.random.default_rng(6).normal(size=bled.n_dof)
        spans[0] = np.linalg.norm(basis[0])
        before = bled.counter.products
        if many:
            assert [bled.extended(basis, spans, along, *ends) for ends in ((0, 1), (1, 7), (7, steps))] == [1, 7, steps]
        else:
            along[:] = [bled.following(basis, spans, m) for m in range(1, steps + 1)]
        assert bled.counter.products - before == steps
        found.append(np.concatenate([basis.ravel(), spans, along]))
    assert np.array_equal(*found)


@pytest.mark.parametrize("alone", [True, False])
def test_steps_end_where_nothing_but_rounding_is_left(alone):
    # three rates: the fourth vector is 0
    matrix = csr_array(np.diag(np.tile([1.0, 2.0, 5.0], 20)))
    op = Operator(matrix, np.ones(60), communicator=SERIAL if alone else Serial())
    basis, spans, along = np.empty((11, 60)), np.zeros(11), np.zeros(10)
    basis[0], spans[0] = 1.0, np.sqrt(60.0)
    assert op.extended(basis, spans, along, 0, 10) == op.counter.products == 3
    assert krylov._ritz(along[:3], spans[1:3])[0] == pytest.approx([1.0, 2.0, 5.0], rel=1e-12)


def test_a_load_that_is_no_number_is_refused(bled):
    load = np.ones(bled.n_dof)
    load[5] = np.nan
    with pytest.raises(SolverError, match="no numbers"):
        krylov.build_space(bled, load, 10.0, tolerance=1e-5)


def test_what_is_no_number_stays_so():
    half, out = SymmetricMatrix.of(symmetric(50, 0.2)), np.empty(50)
    y = np.ones(50)
    y[17] = np.nan
    assert np.isnan(half.product(y, out)) and np.isnan(out[17])
    assert np.isnan(subtract(out, y, 1.0))


def test_a_machine_where_nothing_can_be_kept_compiles_anew_each_time():
    code = (
        "import numpy as np; from scipy.sparse import csr_array; from thermoplan.bioheat.linalg import symmetric as k;"
        "out = np.empty(2); print(k.SymmetricMatrix.of(csr_array([[2.0, 1.0], [1.0, 3.0]])).product(np.ones(2), out),"
        "*out, k.product.stats.cache_path)"
    )
    nowhere = {"NUMBA_CACHE_DIR": "/dev/null/no", "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | nowhere, capture_output=True, text=True, check=False
    )
    assert (said.stdout.split(), said.returncode) == (["7.0", "3.0", "4.0", "None"], 0), said.stderr


def test_a_full_disk_keeps_nothing_and_computes(monkeypatch):
    from numba.core import caching

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    monkeypatch.setattr(caching.IndexDataCacheFile, "load", lambda *_: None)
    monkeypatch.delitem(sys.modules, "thermoplan.bioheat.linalg.kernels")
    fresh = import_module("thermoplan.bioheat.linalg.kernels")
    assert fresh.subtract(np.array([3.0, 4.0]), np.ones(2), 0.0) == 25.0


def test_without_numba_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "thermoplan.bioheat.linalg.compilation")
    with pytest.raises(MissingPart, match=r"numba.* is missing: pip install \"thermoplan\[fem\]\""):
        import_module("thermoplan.bioheat.linalg.compilation")


@pytest.mark.parametrize(("horizon_s", "most_checks"), [(3.0, 1), (60.0, 5), (1800.0, 6)])
def test_the_end_of_a_space_is_found_in_a_few_looks(bled, horizon_s, most_checks, monkeypatch):
    looks, ritz = [], krylov._ritz
    monkeypatch.setattr(krylov, "_ritz", lambda *parts: looks.append(len(parts[0])) or ritz(*parts))
    load = np.zeros(bled.n_dof)
    load[bled.n_dof // 2] = 0.05 / bled.root_capacity[bled.n_dof // 2]
    space = krylov.build_space(bled, load, horizon_s, tolerance=1e-5)
    print(looks)
    assert (space.reach, looks[-1]) == (horizon_s, len(space.basis))
    assert len(looks) <= most_checks
