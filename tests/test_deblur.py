"""Deblurring keeps mass, stays above zero, sharpens, and grows noise as much as it says."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.imaging.deblur import deblur_image
from thermoplan.imaging.psf import GaussianPsf, LaggingPsf, TensorPsf, blur_image
from thermoplan.imaging.scanner import simulate_scan

PSF = GaussianPsf(3e-3)
RADIUS = 4e-3


def ball(voxel_m: float = 0.5e-3, count: int = 20) -> Image:
    affine = np.diag([voxel_m] * 3 + [1.0])
    affine[:3, 3] = 0.5 * voxel_m * (1 - count)
    place = np.moveaxis(np.indices([count] * 3), 0, -1) @ affine[:3, :3] + affine[:3, 3]
    return Image(np.where(np.linalg.norm(place, axis=-1) < RADIUS, 6.0, 0.0), affine)


def share_inside(image: Image) -> float:
    place = image.positions_m(np.moveaxis(np.indices(image.shape), 0, -1))
    return image.data[np.linalg.norm(place, axis=-1) < RADIUS].sum() / image.data.sum()


def noisy(seed: int = 0, noise_kg_m3: float = 0.05) -> Image:
    return simulate_scan(ball(), PSF, voxel_m=1e-3, noise_kg_m3=noise_kg_m3, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(
    "psf",
    [
        PSF,
        GaussianPsf(np.array([2e-3, 3e-3, 4e-3])),
        TensorPsf(np.array([4000.0]), np.ones(1), np.eye(3), np.array([0, 0, 1.0])),
    ],
    ids=("gauss", "unequal", "tensor"),
)
def test_mass_is_kept_and_nothing_falls_below_zero(psf):
    picture = simulate_scan(ball(), psf, voxel_m=1e-3, noise_kg_m3=0.1, rng=np.random.default_rng(3))
    sharp = deblur_image(picture, psf).image
    assert picture.data.min() < 0.0 <= sharp.data.min()
    assert sharp.integral() == pytest.approx(picture.integral(), rel=1e-12)


def test_the_iron_returns_to_the_ball_it_came_from():
    """Through 3 mm, 37 % of an 8 mm ball lies outside it; most of that comes back."""
    picture = noisy()
    sharp = deblur_image(picture, PSF)
    assert share_inside(picture) == pytest.approx(0.63, abs=0.02)
    assert share_inside(sharp.image) > 0.85
    assert sharp.moved == pytest.approx(0.5 * np.abs(sharp.image.data - picture.data).sum() / picture.data.sum())
    assert (sharp.fwhm_m < 3e-3).all()


def test_more_noise_allowed_leaves_less_blur():
    found = [deblur_image(noisy(), PSF, noise_gain=gain) for gain in (1.5, 3.0, 8.0)]
    widths, gains = [sharp.fwhm_m[0] for sharp in found], [sharp.noise_gain for sharp in found]
    assert gains == pytest.approx([1.5, 3.0, 8.0], rel=1e-3)
    assert widths[0] > widths[1] > widths[2]


@pytest.mark.parametrize("noise_gain", [1.5, 4.0])
def test_the_noise_grows_as_much_as_is_reported(noise_gain):
    """Against trials: an even pedestal far above its noise, judged away from the border."""
    affine, rng = np.diag([1e-3] * 3 + [1.0]), np.random.default_rng(11)
    trials = []
    for _ in range(10):
        image = Image(10.0 + 0.01 * rng.standard_normal((30, 30, 30)), affine)
        trials.append(deblur_image(image, GaussianPsf(2e-3), noise_gain=noise_gain).image.data[10:20, 10:20, 10:20])
    grown = np.std(trials, axis=0, ddof=1)
    assert np.sqrt(np.mean(grown**2)) / 0.01 == pytest.approx(noise_gain, rel=0.05)


def test_where_there_is_no_iron_the_bound_at_zero_holds_the_noise_down():
    far = np.array([deblur_image(noisy(seed), PSF).image.data[0, 0, :] for seed in range(6)])
    assert far.std() < 3.0 * 0.05


def test_the_width_that_is_left_is_that_of_a_sharpened_point():
    """A point on a pedestal goes through blur and sharpening linearly: the bound at zero never acts."""
    pedestal = np.full((41, 41, 41), 50.0)
    pointed = pedestal.copy()
    pointed[20, 20, 20] += 3000.0
    first, second = (
        deblur_image(blur_image(Image(data, np.diag([0.5e-3] * 3 + [1.0])), PSF, border="cut"), PSF, noise_gain=2.0)
        for data in (pedestal, pointed)
    )
    line = (second.image.data - first.image.data)[20:, 20, 20]
    half = np.interp(-0.5 * line[0], -line[:8], np.arange(8)) * 0.5e-3
    assert 2.0 * half == pytest.approx(second.fwhm_m[0], rel=0.03)


def test_what_cannot_be_sharpened_is_refused():
    empty = ball().with_data(np.zeros((20, 20, 20)))
    with pytest.raises(InputError, match="no positive sum"):
        deblur_image(empty, PSF)
    with pytest.raises(InputError, match="more than zero"):
        deblur_image(ball(), PSF, noise_gain=0.0)
    with pytest.raises(InputError, match="not even"):
        deblur_image(ball(), LaggingPsf(PSF, np.array([0, 0, 1.0]), 2e-3, both_ways=False))
