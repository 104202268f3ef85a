"""The digital scanner: known iron in, an image of known integral, place, width and noise out."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.imaging.psf import GaussianPsf, LaggingPsf, TensorPsf
from thermoplan.imaging.scanner import simulate_scan

PSF = GaussianPsf(3e-3)


def truth(voxel_m: float = 0.7e-3, turn: np.ndarray | None = None) -> Image:
    """An uneven lump of iron off the origin, on a grid that is not the scanner's."""
    affine = np.diag([voxel_m] * 3 + [1.0])
    affine[:3, :3] = affine[:3, :3] if turn is None else turn @ affine[:3, :3]
    affine[:3, 3] = 5e-3, -3e-3, 11e-3
    data = np.zeros((12, 10, 8))
    data[3:9, 2:8, 1:6] = 2.0
    data[4, 5, 3] = 9.0
    return Image(data, affine)


def centre_of_mass(image: Image) -> np.ndarray:
    index = np.argwhere(image.data != 0)
    weight = image.data[tuple(index.T)]
    return weight @ image.positions_m(index) / weight.sum()


@pytest.mark.parametrize("voxel_m", [1e-3, 2.5e-3, (1e-3, 1e-3, 3e-3)])
@pytest.mark.parametrize(
    "psf", [PSF, TensorPsf(np.array([4000.0]), np.ones(1), np.eye(3), np.array([0, 0, 1.0]))], ids=("gauss", "tensor")
)
def test_without_noise_the_integral_is_sensitivity_times_iron(psf, voxel_m):
    picture = simulate_scan(truth(), psf, voxel_m=voxel_m, sensitivity=12.5)
    assert picture.integral() == pytest.approx(12.5 * truth().integral(), rel=1e-12)
    assert picture.data.min() >= 0.0


def test_the_picture_lies_where_the_iron_lies():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    for source in (truth(), truth(turn=turn), truth(voxel_m=4e-3)):
        picture = simulate_scan(source, PSF, voxel_m=1e-3)
        assert centre_of_mass(picture) == pytest.approx(centre_of_mass(source), abs=1e-6)


def test_voxels_average_and_the_blur_adds_its_variance():
    """Variances add: the iron's, the function's, and of one voxel's box h^2/12."""

    def spread(image: Image) -> np.ndarray:
        index = np.argwhere(image.data != 0)
        weight, place = image.data[tuple(index.T)], image.positions_m(index)
        return (weight @ np.square(place - centre_of_mass(image))) / weight.sum()

    source, voxel = truth(), 1e-3
    sigma = 3e-3 / np.sqrt(8.0 * np.log(2.0))
    picture = simulate_scan(source, PSF, voxel_m=voxel)
    own = spread(source) + 0.7e-3**2 / 12
    assert spread(picture) == pytest.approx(own + sigma**2 + voxel**2 / 12, rel=0.02)


def test_noise_is_that_of_its_seed_and_of_its_size():
    def scan(seed: int) -> np.ndarray:
        return simulate_scan(
            truth(), PSF, voxel_m=1e-3, noise_kg_m3=0.05, rng=np.random.default_rng(seed), sensitivity=3.0
        ).data

    clean = simulate_scan(truth(), PSF, voxel_m=1e-3, sensitivity=3.0).data
    assert np.array_equal(scan(1), scan(1)) and not np.array_equal(scan(1), scan(2))
    noise = scan(1) - clean
    count = noise.size
    assert noise.std() == pytest.approx(0.15, rel=4.0 / np.sqrt(2 * count))
    assert abs(noise.mean()) < 4.0 * 0.15 / np.sqrt(count)


def test_relaxation_moves_the_picture_along_the_scan():
    lag = LaggingPsf(PSF, np.array([0.0, 0.0, 1.0]), 0.8e-3, both_ways=False)
    shift = centre_of_mass(simulate_scan(truth(), lag, voxel_m=1e-3)) - centre_of_mass(
        simulate_scan(truth(), PSF, voxel_m=1e-3)
    )
    assert shift == pytest.approx([0.0, 0.0, 0.8e-3], abs=1e-5)


def test_every_mistake_is_named_at_once():
    with pytest.raises(InputError, match="voxel") as caught:
        simulate_scan(Image(np.zeros((2, 2, 2)), np.diag([1e-3] * 3 + [1.0])), PSF, voxel_m=0.0, noise_kg_m3=-1.0)
    assert len(caught.value.complaints) == 3
    with pytest.raises(InputError, match="give a seed"):
        simulate_scan(truth(), PSF, voxel_m=1e-3, noise_kg_m3=0.1)
