"""Assembly: in the anatomy's order, and equal to what the gradients say."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from heat_cases import box
from scipy.sparse import csr_array

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.fem import linear


def shuffled(anatomy: Anatomy) -> Anatomy:
    rng = np.random.default_rng(3)
    order, cells = rng.permutation(len(anatomy.points_m)), rng.permutation(len(anatomy.tets))
    place = np.argsort(order)
    return Anatomy(
        anatomy.points_m[order],
        place[anatomy.tets[cells]],
        anatomy.region[cells],
        anatomy.region_names,
        anatomy.tissue_names,
    )


BOX = shuffled(box((4, 3, 5), (0.01, 0.02, 0.015)))


def test_stiffness_is_in_the_order_of_the_anatomy_whatever_dolfinx_does_to_the_mesh():
    # K_ij = sum over elements of k V grad_i . grad_j, from gradients taken without DOLFINx
    k = np.linspace(0.1, 1.0, len(BOX.tets))
    g = linear.gradients(BOX)
    local = np.einsum("mid,mjd->mij", g, g) * (k * BOX.volumes_m3)[:, None, None]
    rows, columns = np.repeat(BOX.tets, 4, axis=1).ravel(), np.tile(BOX.tets, (1, 4)).ravel()
    expected = csr_array((local.ravel(), (rows, columns)), shape=(len(BOX.points_m),) * 2)
    assert abs(linear.stiffness(BOX, k) - expected).max() < 1e-12 * abs(expected).max()


def test_a_linear_field_stores_k_volume_times_its_gradient_squared():
    # f = 2x - 3y + z: |grad f|^2 = 14, volume = 3e-6 m3, k = 0.7
    f = BOX.points_m @ np.array([2.0, -3.0, 1.0])
    stored = f @ (linear.stiffness(BOX, np.full(len(BOX.tets), 0.7)) @ f)
    assert stored == pytest.approx(0.7 * 14.0 * 3e-6, rel=1e-12)


def test_gradients_find_the_slope_of_a_linear_field_in_every_element():
    f = BOX.points_m @ np.array([2.0, -3.0, 1.0])
    slope = np.einsum("mid,mi->md", linear.gradients(BOX), f[BOX.tets])
    assert np.allclose(slope, [2.0, -3.0, 1.0], atol=1e-12)


def test_lumped_shares_add_up_to_volume_and_surface():
    # box of 10 x 20 x 15 mm: 3e-6 m3 and 2 (200 + 300 + 150) = 1300 mm2
    assert linear.lumped_load(BOX, np.ones(len(BOX.tets))).sum() == pytest.approx(3e-6, rel=1e-12)
    surface = linear.lumped_facet_load(BOX, BOX.outer, np.ones(len(BOX.outer)))
    assert surface.sum() == pytest.approx(1300e-6, rel=1e-12)


def test_outer_normals_point_outward():
    normals, _ = linear.area_vectors_m2(BOX, BOX.outer)
    centre = BOX.points_m[BOX.outer].mean(axis=1)
    assert (np.einsum("kd,kd->k", normals, centre - np.array([0.005, 0.01, 0.0075])) > 0.0).all()


def test_a_coefficient_of_the_wrong_length_is_refused():
    with pytest.raises(InputError, match="one coefficient an element"):
        linear.stiffness(BOX, np.ones(3))


def test_a_process_that_is_told_to_end_ends_without_a_word():
    script = "import os, signal, thermoplan.fem.linear; os.kill(os.getpid(), signal.SIGTERM)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout + done.stderr == ""
