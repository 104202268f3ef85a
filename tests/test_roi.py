"""Which voxels count: rules in words, thresholds, what a threshold loses, regions by label."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.imaging.background import background_of, voxel_sum
from thermoplan.imaging.roi import (
    DEFAULT,
    EXAMPLES,
    choose_voxels,
    cut_short,
    grow,
    kept_share,
    labelled_regions,
    roi_rule,
    sphere,
)

AFFINE = np.diag([1e-3, 1e-3, 1e-3, 1.0])
SIGMA_VOXELS = 3.0


def image(data: np.ndarray) -> Image:
    return Image(data, AFFINE)


def point(height: float = 1.0, shape: tuple[int, int, int] = (41, 41, 41)) -> np.ndarray:
    """A Gaussian point in the middle."""
    offset = [np.arange(n) - (n - 1) / 2 if n > 1 else np.zeros(1) for n in shape]
    return height * np.exp(-sum(np.ix_(*(o**2 for o in offset))) / (2 * SIGMA_VOXELS**2))


def noise(seed: int, shape: tuple[int, int, int] = (41, 41, 41)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def everywhere(data: np.ndarray) -> dict[str, np.ndarray]:
    return {"all": np.ones(data.shape, bool)}


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_rule_that_a_message_offers_is_understood_and_said_again_in_the_same_words(text):
    assert str(roi_rule(str(roi_rule(text)))) == str(roi_rule(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "half",
        "120 % of maximum",
        "0 % of maximum",
        "k-means 1",
        "background + sigma",
        "threshold",
        "half-maximum, grown 2",
        "half-maximum grown",
    ],
)
def test_words_that_are_no_rule_are_refused_with_those_that_are(text):
    with pytest.raises(InputError, match=r'roi = ".*expected one of "background \+ 5 sigma, grown"'):
        roi_rule(text)


@pytest.mark.parametrize(("shape", "share"), [((41, 41, 41), 0.29125), ((61, 61, 1), 0.5), ((101, 1, 1), 0.76097)])
def test_half_maximum_keeps_29_percent_of_a_point_in_space_50_in_a_plane_76_on_a_line(shape, share):
    """chi2 of 3, 2, 1 freedoms up to 2 ln 2; and the same counted on a Gaussian point of voxels."""
    assert kept_share(0.5, len([n for n in shape if n > 1])) == pytest.approx(share, abs=5e-6)
    data = point(shape=shape)
    mask = choose_voxels(image(data), roi_rule("half-maximum"), background_of(image(data)), everywhere(data))["all"]
    assert data[mask].sum() / data.sum() == pytest.approx(share, abs=0.03)  # voxels at the edge are in or out


def test_what_a_threshold_would_lose_is_told_and_nothing_is_lost_where_it_is_grown():
    data = point(100.0) + noise(1)
    picture, background = image(data), background_of(image(data))
    shares = {text: cut_short(picture, roi_rule(text), background, everywhere(data)["all"]) for text in EXAMPLES}
    assert shares["half-maximum"] == pytest.approx(0.291, abs=0.001)
    assert shares["40 % of maximum"] == pytest.approx(stats.chi2.cdf(2 * np.log(2.5), 3), rel=1e-9)
    assert shares[DEFAULT] is shares["everything"] is None


def test_a_grown_threshold_keeps_the_whole_point():
    total = point(100.0).sum()
    kept = {}
    for text in ("background + 5 sigma", DEFAULT, "background + 5 sigma, grown 6 mm"):
        data = point(100.0) + noise(2)
        background = background_of(image(data))
        mask = choose_voxels(image(data), roi_rule(text), background, everywhere(data))["all"]
        kept[text] = voxel_sum(image(data), mask, background) / total
    # 5 sigma is 5 % of the peak: chi2 of 3 freedoms up to 2 ln 20 is 0.888; the rest is noise of the sum
    assert kept["background + 5 sigma"] == pytest.approx(0.888, abs=0.02)
    assert kept[DEFAULT] == pytest.approx(1.0, abs=0.01)
    assert kept["background + 5 sigma, grown 6 mm"] == pytest.approx(1.0, abs=0.01)


def test_each_region_has_its_own_maximum_and_its_own_clusters():
    data = point(100.0)
    data += 10.0 * np.roll(point(), 14, axis=0)
    halves = {"bright": np.zeros(data.shape, bool), "dim": np.zeros(data.shape, bool)}
    halves["bright"][:29], halves["dim"][29:] = True, True
    for text in ("half-maximum", "k-means", "k-means 3"):
        found = choose_voxels(image(data), roi_rule(text), background_of(image(data)), halves)
        assert found["bright"][20, 20, 20]
        assert found["dim"][34, 20, 20]
    alone = choose_voxels(image(data), roi_rule("half-maximum"), background_of(image(data)), everywhere(data))["all"]
    assert not alone[34, 20, 20]


def test_k_means_parts_a_bright_disc_from_its_ground():
    data = 0.05 * noise(3)
    disc = np.hypot(*np.meshgrid(np.arange(41) - 20, np.arange(41) - 20)) < 7
    data[disc] += 2.0
    mask = choose_voxels(image(data), roi_rule("k-means"), background_of(image(data)), everywhere(data))["all"]
    assert (mask == np.broadcast_to(disc[..., None], data.shape)).all()


def test_background_is_found_beside_the_tracer_and_its_noise_is_known_to_two_percent():
    data = 3.0 + 0.2 * noise(4) + point(50.0)
    found = background_of(image(data))
    assert (found.level, found.sigma) == (pytest.approx(3.0, abs=0.004), pytest.approx(0.2, rel=0.008))
    told = background_of(image(data), sphere(image(data), (3e-3, 3e-3, 3e-3), 4e-3))
    assert (told.level, told.sigma) == (pytest.approx(3.0, abs=0.05), pytest.approx(0.2, rel=0.2))


def test_noise_cut_off_at_zero_is_read_from_what_stands_alone():
    data = np.maximum(noise(5) + point(50.0), 0.0)
    found = background_of(image(data))
    assert found.sigma == pytest.approx(1.0, rel=0.05)
    assert found.level == pytest.approx(1.0 / np.sqrt(2.0 * np.pi), abs=0.02)  # mean of max(0, x)


def test_an_image_without_noise_has_none():
    data = point(50.0, (61, 61, 61))
    data[data < 1e-3] = 0.0
    for truth in (data, ndimage.zoom(np.pad(np.ones((4, 4, 4)), 10), 2, order=0)):
        assert background_of(image(truth)).sigma == 0.0


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_noise_adds_up_over_a_region_as_its_correlation_says(smooth):
    """Sums over separate 6 x 6 x 6 cubes, 729 of them, are the truth; their spread is known to 2.6 %."""
    data = noise(6, (54, 54, 54))
    data = ndimage.gaussian_filter(data, smooth) if smooth else data
    cubes = data.reshape(9, 6, 9, 6, 9, 6).sum(axis=(1, 3, 5))
    mask = np.zeros(data.shape, bool)
    mask[6:12, 6:12, 6:12] = True
    assert background_of(image(data)).sum_sd(mask) == pytest.approx(cubes.std(), rel=0.08)


def test_the_background_of_a_sum_over_itself_has_no_error():
    """The level is the mean of the same voxels: what is above and what is below it cancel."""
    data = noise(7)
    background = background_of(image(data))
    assert voxel_sum(image(data), background.where, background) == pytest.approx(0.0, abs=1e-6)
    assert background.sum_sd(background.where) == pytest.approx(0.0, abs=1e-6)


def test_noise_alone_passes_the_limit_of_a_peak_in_one_image_of_a_hundred():
    hits = sum(
        background_of(image(data)).peak_limit < data.max()
        for data in (noise(seed, (20, 20, 20)) for seed in range(400))
    )
    assert hits <= 12  # 4 expected; 13 or more in one of ten thousand such tests


def test_regions_come_by_label_from_another_grid():
    picture = image(np.ones((20, 20, 20)))
    fine = np.zeros((40, 40, 40), np.uint8)
    fine[10:20], fine[20:30] = 3, 7
    affine = np.diag([0.5e-3, 0.5e-3, 0.5e-3, 1.0])
    affine[:3, 3] = -0.25e-3
    masks = labelled_regions(picture, Image(fine, affine), {3: "liver", 7: "tumour", 9: "spleen"})
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {"liver": 5 * 400, "tumour": 5 * 400}
    assert masks["liver"][5:10].all()


@pytest.mark.parametrize(
    ("shift_mm", "words"), [(100.0, "not in the frame of the image"), (12.0, "lies off the image")]
)
def test_labels_in_another_frame_are_refused(shift_mm, words):
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[4:16, 4:16, 4:16] = 1
    affine = AFFINE.copy()
    affine[0, 3] = 1e-3 * shift_mm
    with pytest.raises(InputError, match=words):
        labelled_regions(image(np.ones((20, 20, 20))), Image(labels, affine), {1: "tumour"})


def test_a_region_that_the_image_does_not_cover_is_left_out_and_noted():
    labels = np.zeros((40, 20, 20), np.uint8)
    labels[4:16, 4:16, 4:16], labels[5:9, 5:9, 5:9], labels[30:38, 4:16, 4:16] = 1, 2, 3
    notes: list[str] = []
    masks = labelled_regions(
        image(np.ones((20, 20, 20))),
        Image(labels, AFFINE),
        {1: "body", 2: "tumour", 3: "brain"},
        "mouse.nii",
        notes=notes,
    )
    assert sorted(masks) == ["body", "tumour"]
    assert notes == ["mouse.nii: 100% of region brain lies off the image: left out"]


def test_an_empty_label_volume_is_refused():
    picture = image(np.ones((5, 5, 5)))
    with pytest.raises(InputError, match="no voxel has a label of the table"):
        labelled_regions(picture, Image(np.zeros((5, 5, 5), np.uint8), AFFINE), {1: "tumour"})


def test_a_sphere_is_the_voxels_within_reach_on_a_turned_grid_too():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1e-3, 2e-3, 1e-3])
    picture = Image(np.zeros((30, 15, 30)), affine)
    place = picture.positions_m(np.moveaxis(np.indices(picture.shape), 0, -1))
    centre = picture.positions_m(np.array([14, 7, 3]))
    wanted = np.linalg.norm(place - centre, axis=-1) <= 6.1e-3
    assert (sphere(picture, centre, 6.1e-3) == wanted).all()
    assert not sphere(picture, centre + 1.0, 6.1e-3).any()


def test_growing_by_millimetres_knows_the_voxels_are_not_cubes():
    picture = Image(np.zeros((11, 11, 11)), np.diag([1e-3, 2e-3, 1e-3, 1.0]))
    seed = np.zeros(picture.shape, bool)
    seed[5, 5, 5] = True
    wide = grow(picture, seed, 2e-3, background_of(Image(noise(8, (11, 11, 11)), AFFINE)))
    assert [int(wide.any(axis=axes).sum()) for axes in ((1, 2), (0, 2), (0, 1))] == [5, 3, 5]
