"""Selection fields from measured points."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.device.fields.selection import left_out_rms_t, selection_field


def ball(count: int = 60, radius_m: float = 0.04) -> np.ndarray:
    directions = np.random.default_rng(2).normal(size=(count, 3))
    return radius_m * directions / np.linalg.norm(directions, axis=1)[:, None]


def cubic(points: np.ndarray) -> np.ndarray:
    """Gradient of the potential x y z + 3 (2 z^2 - x^2 - y^2): its Laplacian is zero."""
    x, y, z = points.T
    return np.stack([y * z - 6 * x, x * z - 6 * y, x * y + 12 * z], axis=1)


@pytest.fixture(scope="module")
def measured(shared):
    import h5py

    with h5py.File(shared / "data" / "selection-field-2Tpm" / "Gradient_2Tpm.h5") as file:
        return {
            key: file[name][()]
            for key, name in (("points_m", "positions"), ("fields", "fields"), ("center_m", "positionsCenter"))
        }


def test_a_harmonic_field_is_reproduced_everywhere_inside():
    fit = selection_field(ball(), cubic(ball()))
    inside = np.random.default_rng(4).uniform(-0.02, 0.02, (50, 3))
    assert np.allclose(fit.field_t(inside), cubic(inside), atol=1e-13)
    assert fit.misfit_t < 1e-13
    assert fit.field_free_point_m() == pytest.approx([0, 0, 0], abs=1e-10)
    assert fit.tensor_t_m((0, 0, 0)) == pytest.approx(np.diag([-6, -6, 12]), abs=1e-9)


def test_the_fit_obeys_maxwell_whatever_it_was_fitted_to():
    noisy = cubic(ball()) + np.random.default_rng(0).normal(0, 1e-3, (60, 3))
    fit, step = selection_field(ball(), noisy), 1e-6
    for point in np.random.default_rng(1).uniform(-0.02, 0.02, (5, 3)):
        ahead, behind = np.split(fit.field_t(point + step * np.concatenate([np.eye(3), -np.eye(3)])), 2)
        slope = (ahead - behind) / (2 * step)
        assert abs(np.trace(slope)) < 1e-6 and np.abs(slope - slope.T).max() < 1e-6


def test_beyond_the_ball_the_field_goes_on_growing():
    fit = selection_field(ball(), cubic(ball()), center_m=(0, 0, 0))
    edge = np.array([0, 0, 0.04])
    assert fit.field_t(3 * edge)[0] == pytest.approx(3 * cubic(edge[None])[0], abs=1e-12)


def test_a_measured_field_predicts_the_points_left_out(measured):
    points, fields = measured["points_m"], measured["fields"][0]
    missed = left_out_rms_t(points, fields, center_m=measured["center_m"])
    print(f"\nleft out: {missed * 1e3:.3f} mT rms")
    assert missed < 0.3e-3
    assert missed == pytest.approx(0.265e-3, abs=0.01e-3)


def test_the_measured_field_free_point_does_not_hang_on_one_probe_position(measured):
    points, fields, center = measured["points_m"], measured["fields"][0], measured["center_m"]
    found = np.array(
        [
            selection_field(np.delete(points, i, 0), np.delete(fields, i, 0), center_m=center).field_free_point_m()
            for i in range(len(points))
        ]
    )
    whole = selection_field(points, fields, center_m=center)
    moves = np.linalg.norm(found - whole.field_free_point_m(), axis=1)
    print(
        f"\nwithout one point the field-free point moves by {moves.max() * 1e3:.3f} mm at most, "
        f"from one such fit to the next by {np.linalg.norm(np.diff(found, axis=0), axis=1).max() * 1e3:.3f} mm"
    )
    assert np.linalg.norm(found - whole.field_free_point_m(), axis=1).max() < 0.2e-3
    strengths = np.abs(np.linalg.eigvalsh(whole.tensor_t_m(whole.field_free_point_m())))
    assert strengths.max() == pytest.approx(2.0, rel=0.03)  # 2 T/m by name
    assert np.sort(strengths)[:2] == pytest.approx(1.0, rel=0.03)


def test_a_map_with_sources_is_refused():
    wrong = cubic(ball()) * [1, 1, -1]
    with pytest.raises(InputError, match="not free of sources"):
        selection_field(ball(), wrong)


def test_maps_that_cannot_fix_a_field_are_refused():
    with pytest.raises(InputError, match=r"7 points cannot fix .* expected 8"):
        selection_field(ball(7), cubic(ball(7)))
    with pytest.raises(InputError, match="not finite"):
        selection_field(ball(), np.full((60, 3), np.nan))
    with pytest.raises(InputError, match="expected n x 3"):
        selection_field(ball(60), cubic(ball(59)))
    with pytest.raises(InputError, match="too regularly"):
        line = np.outer(np.linspace(0, 0.04, 60), [0, 0, 1])
        selection_field(line, cubic(line))


def test_a_field_free_point_outside_the_ball_is_refused():
    with pytest.raises(InputError, match="outside the ball"):
        selection_field(ball(), cubic(ball()) + np.array([0, 0, 1.0])).field_free_point_m()
