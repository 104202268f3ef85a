"""Point-spread functions against closed forms that were derived or integrated otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.imaging.psf import (
    GaussianPsf,
    LaggingPsf,
    TensorPsf,
    blur_image,
    device_psf,
    fwhm_m,
    implied_fwhm_m,
    kernel_on,
    normal_width,
    signal_sizes,
    tangential_width,
    tracer_psf,
)
from thermoplan.protocol.library import library_devices, library_tracers

X, Y, Z = np.eye(3)
POINT = np.diag([-0.5, -0.5, 1.0])  # of an ideal field-free point, strong along z


def one_size(xi_per_t: float, gradient_t_m: np.ndarray, channels: np.ndarray) -> TensorPsf:
    return TensorPsf(np.array([xi_per_t]), np.ones(1), gradient_t_m, channels)


def sphere(radius_m: float = 4e-3, voxel_m: float = 0.5e-3, half: int = 14) -> Image:
    affine = np.diag([voxel_m] * 3 + [1.0])
    affine[:3, 3] = -half * voxel_m
    index = np.moveaxis(np.indices([2 * half + 1] * 3), 0, -1)
    inside = np.linalg.norm((index - half) * voxel_m, axis=-1) < radius_m
    return Image(inside.astype(float), affine)


def test_the_widths_of_langevins_derivative_and_chord():
    assert tangential_width() == pytest.approx(4.16105, abs=1e-5)
    assert normal_width() == pytest.approx(9.46664, abs=1e-5)


def test_one_channel_is_sharp_along_the_drive_and_wide_across():
    k, gradient = 500.0, 2.0
    psf = one_size(k, gradient * np.eye(3), Z)
    assert fwhm_m(psf, Z) == pytest.approx(4.16105 / (k * gradient), rel=1e-5)
    assert fwhm_m(psf, X) == pytest.approx(9.46664 / (k * gradient), rel=1e-5)


def test_a_point_is_half_as_steep_sideways_and_a_turning_line_is_not():
    tracer, devices = library_tracers()["synomag-d"], library_devices()
    point, line = (device_psf(tracer, devices[name]) for name in ("berkeley-ffp", "berkeley-ffl"))
    assert fwhm_m(point, Z) == pytest.approx(fwhm_m(line, Z), rel=1e-9)
    assert fwhm_m(point, X) == pytest.approx(2.0 * fwhm_m(line, X), rel=1e-9)


def test_a_line_that_stands_still_only_projects():
    still = library_devices()["berkeley-ffl"].gradient_tensor()
    with pytest.raises(InputError, match="projection"):
        tracer_psf(library_tracers()["synomag-d"], 2.35 * still, [Z])


def test_the_tensor_is_the_derivative_of_the_magnetization():
    """Integrated along the drive it has to give back the magnetization, off the axis and askew too."""
    k, gradient, drive = 700.0, 3.0 * POINT, np.array([0.6, 0.0, 0.8])
    psf = one_size(k, gradient, drive)

    def magnetization(place: np.ndarray) -> float:
        xi = k * np.linalg.norm(gradient @ place)
        return (1.0 / np.tanh(xi) - 1.0 / xi) * drive @ (gradient @ place) * k / xi

    start, path = np.array([0.3e-3, -0.2e-3, 0.1e-3]), np.linalg.solve(gradient, drive) * 3e-3
    found = quad(lambda s: float(psf.at(start + s * path)), 0.0, 1.0, epsabs=1e-12)[0]
    per_metre = k * 3e-3 / 3.0  # L'(0) = 1/3 is the value at the point
    assert found * per_metre == pytest.approx(magnetization(start + path) - magnetization(start), rel=1e-7)


def test_three_channels_make_the_trace():
    k, place = 700.0, np.array([1.1e-3, -0.4e-3, 0.7e-3])
    three = one_size(k, 2.0 * np.eye(3), np.eye(3))
    single = [one_size(k, 2.0 * np.eye(3), axis) for axis in np.eye(3)]
    assert three.at(place) == pytest.approx(np.mean([psf.at(place) for psf in single]), rel=1e-12)
    xi = k * 2.0 * np.linalg.norm(place)
    slope, chord = 1.0 / xi**2 - 1.0 / np.sinh(xi) ** 2, (1.0 / np.tanh(xi) - 1.0 / xi) / xi
    assert three.at(place) == pytest.approx(slope + 2.0 * chord, rel=1e-10)  # over its value at the point, 1
    assert fwhm_m(three, X) == pytest.approx(fwhm_m(three, (1.0, 2.0, -1.0)), rel=1e-9)


def test_large_cores_lead_the_signal():
    """Equal iron in 8.2 and 19.3 nm: m/kT grows with the cube, and the signal with it."""
    xi, weight = signal_sizes(library_tracers()["synomag-d-bimodal"])
    small = weight[xi < np.sqrt(xi.min() * xi.max())].sum()
    assert small == pytest.approx((8.2 / 19.3) ** 3 / (1.0 + (8.2 / 19.3) ** 3), rel=1e-6)
    sharp, wide = (one_size(k, np.eye(3), Z) for k in (xi.max(), xi.min()))
    mixed = tracer_psf(library_tracers()["synomag-d-bimodal"], np.eye(3), [Z])
    assert fwhm_m(sharp, Z) < fwhm_m(mixed, Z) < fwhm_m(wide, Z)


def test_the_width_that_a_scan_implies():
    """20 nm at 37 degrees: 4.16105 kT/(m G), of a point with G, G/2, G/2 the geometric mean."""
    tracer, thermal = library_tracers()["synomag-d"], 1.380649e-23 * 310.15
    along = 4.16105 * thermal / (446e3 * np.pi / 6 * 20e-9**3 * 2.35)
    assert implied_fwhm_m(tracer, 2.35 * POINT) == pytest.approx(along * 4 ** (1 / 3), rel=1e-5)
    assert implied_fwhm_m(tracer, 2.35 * np.diag([1.0, -1.0, 0.0])) == pytest.approx(along, rel=1e-5)
    with pytest.raises(InputError, match="zero"):
        implied_fwhm_m(tracer, np.zeros((3, 3)))


def test_a_blurred_sphere_is_the_integral_of_its_closed_form():
    """A uniform ball seen through a Gaussian, at its centre and at its edge."""
    radius, width = 4e-3, 3e-3
    sigma = width / np.sqrt(8.0 * np.log(2.0))

    def value(r: float) -> float:
        a, b = (radius - r) / (np.sqrt(2) * sigma), (radius + r) / (np.sqrt(2) * sigma)
        return 0.5 * (erf(a) + erf(b)) - sigma / r / np.sqrt(2 * np.pi) * (np.exp(-(a**2)) - np.exp(-(b**2)))

    picture = blur_image(sphere(voxel_m=0.25e-3, half=18), GaussianPsf(width))
    radii = np.array([0.5e-3, 2e-3, 4e-3, 6e-3])
    assert picture.sampled(radii[:, None] * X) == pytest.approx([value(r) for r in radii], abs=6e-3)
    squared = np.square(picture.positions_m(np.moveaxis(np.indices(picture.shape), 0, -1))).sum(axis=-1)
    outside = picture.data[squared > radius**2].sum() / picture.data.sum()
    assert outside == pytest.approx(0.37, abs=0.01)  # of an 8 mm tumour's iron, through 3 mm


@pytest.mark.parametrize(
    "psf",
    [
        GaussianPsf(3e-3),
        GaussianPsf(0.2e-3),
        GaussianPsf(np.array([2e-3, 3e-3, 5e-3])),
        one_size(4000.0, np.eye(3), Z),
        one_size(4000.0, POINT, np.eye(3)),
        LaggingPsf(GaussianPsf(3e-3), Z, 1e-3, both_ways=False),
    ],
    ids=("gauss", "narrow", "unequal", "one-channel", "trace", "lagging"),
)
def test_a_blur_neither_makes_nor_loses_iron(psf):
    source = sphere()
    grown, kept = blur_image(source, psf), blur_image(source, psf, border="cut")
    assert grown.integral() == pytest.approx(source.integral(), rel=1e-12)
    assert grown.data.min() >= 0.0 and kept.shape == source.shape
    assert kept.integral() <= source.integral() * (1.0 + 1e-12)


def test_a_cut_border_loses_what_is_carried_over_it():
    affine = np.diag([1e-3] * 3 + [1.0])
    slab = Image(np.ones((1, 81, 81)), affine)
    sigma = 4e-3 / np.sqrt(8.0 * np.log(2.0))
    middle = blur_image(slab, GaussianPsf(4e-3), border="cut").data[0, 40, 40]
    assert middle == pytest.approx(erf(0.5e-3 / (np.sqrt(2) * sigma)), rel=0.02)  # a layer's share of the line
    with pytest.raises(InputError, match='"grow" or "cut"'):
        blur_image(slab, GaussianPsf(4e-3), border="wrap")


def test_a_kernel_has_the_moments_of_its_function_on_an_oblique_grid():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    axes = turn @ np.diag([0.7e-3, 0.5e-3, 1.0e-3])
    kernel = kernel_on(GaussianPsf(4e-3), axes)
    place = (np.moveaxis(np.indices(kernel.shape), 0, -1) - np.array(kernel.shape) // 2) @ axes.T
    spread = np.einsum("ijk,ijka,ijkb->ab", kernel, place, place)
    assert kernel.sum() == pytest.approx(1.0, rel=1e-12)
    assert spread == pytest.approx(np.eye(3) * (4e-3**2 / (8.0 * np.log(2.0))), abs=2e-8)


def test_a_lag_shifts_one_way_and_only_broadens_both_ways():
    """An exponential of mean l moves the mean by l and adds l^2 to the variance, both ways 2 l^2."""
    lag, plain = 0.8e-3, kernel_on(GaussianPsf(3e-3), np.eye(3) * 0.4e-3)
    for both, mean, added in ((False, lag, lag**2), (True, 0.0, 2.0 * lag**2)):
        kernel = kernel_on(LaggingPsf(GaussianPsf(3e-3), Z, lag, both_ways=both), np.eye(3) * 0.4e-3)
        moments = []
        for array in (plain, kernel):
            line, z = array.sum(axis=(0, 1)), (np.arange(array.shape[2]) - array.shape[2] // 2) * 0.4e-3
            moments.append((line @ z, line @ z**2 - (line @ z) ** 2))
        assert moments[1][0] - moments[0][0] == pytest.approx(mean, abs=2e-5)
        assert moments[1][1] - moments[0][1] == pytest.approx(added, rel=0.05)
    assert fwhm_m(LaggingPsf(GaussianPsf(3e-3), Z, lag), X) == pytest.approx(3e-3, rel=1e-6)
