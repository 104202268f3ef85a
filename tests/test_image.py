"""An image between its voxels and at its border: nothing is lost to rounding, nor half a voxel at the rim."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image


def turned_image(data: np.ndarray) -> Image:
    """Voxels of 0.3, 0.7 and 1.1 mm, turned 30 degrees about z, far from the origin: no index is a round number."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([0.3e-3, 0.7e-3, 1.1e-3])
    affine[:3, 3] = [0.137, -0.211, 0.0813]
    return Image(data, affine)


@pytest.mark.parametrize("order", [0, 1])
def test_every_voxel_centre_gives_its_own_value_at_the_border_too(order):
    image = turned_image(np.arange(1.0, 61.0).reshape(3, 4, 5))
    centres = image.positions_m(np.argwhere(image.data > 0))
    np.testing.assert_allclose(image.sampled(centres, order=order), image.data.ravel(), rtol=1e-9)


def test_a_label_reaches_to_the_edge_of_its_voxel_and_no_farther():
    image = Image(np.full((2, 2, 2), 7, np.uint8), np.eye(4))
    ends = np.array([[-0.49, 0, 0], [1.49, 1, 1], [0, 1.49, 0], [-0.51, 0, 0], [1.51, 1, 1], [0, 0, -0.6]])
    assert image.sampled(ends, order=0).tolist() == [7, 7, 7, 0, 0, 0]


def test_linear_values_fade_over_one_voxel_beyond_the_outermost_centre():
    image = Image(np.full((2, 1, 1), 8.0), np.eye(4))
    ends = np.array([[-1.0, 0, 0], [-0.75, 0, 0], [-0.5, 0, 0], [1.25, 0, 0], [2.0, 0, 0]])
    # weights 0, 1/4, 1/2, 3/4 and 0 of the outermost voxel
    np.testing.assert_allclose(image.sampled(ends), [0, 2, 4, 6, 0])


@pytest.mark.parametrize("finer", [1, 2, 3])
def test_sampling_on_a_finer_shifted_grid_keeps_the_integral(finer):
    image = turned_image(np.random.default_rng(3).random((4, 5, 6)))
    # hats of width one voxel add to one on any grid that divides it, wherever that grid starts
    step = np.stack(np.meshgrid(*[np.arange(-2, n + 2, 1 / finer) + 0.123 for n in image.shape], indexing="ij"), -1)
    values = image.sampled(image.positions_m(step.reshape(-1, 3)))
    assert values.sum() * image.voxel_volume_m3 / finer**3 == pytest.approx(image.integral(), rel=1e-9)


def test_a_moved_image_has_its_values_where_the_transform_takes_them():
    image = turned_image(np.random.default_rng(4).random((3, 3, 3)))
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [1e-3, 2e-3, 3e-3]
    points = image.positions_m(np.array([[0.2, 1.3, 0.9], [1.0, 0.5, 1.7]]))
    np.testing.assert_allclose(image.moved(move).sampled(points @ move[:3, :3].T + move[:3, 3]), image.sampled(points))


def test_a_flat_or_empty_image_is_refused():
    with pytest.raises(InputError, match="a voxel has no volume"):
        Image(np.zeros((2, 2, 2)), np.diag([1e-3, 1e-3, 0.0, 1.0]))
    with pytest.raises(InputError, match="none empty"):
        Image(np.zeros((2, 0, 2)), np.eye(4))
