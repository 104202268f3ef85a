"""The standard curve: slope, its error, what lies off the line, what one point cannot tell; and its file."""

from __future__ import annotations

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.files.tables.calibrations import read_fiducials
from thermoplan.imaging.calibration import Mass, Reading, standard_curve

UG = 1e-9
IRON_UG = (5.0, 10.0, 20.0, 40.0, 80.0)
SLOPE = 12.0  # signal per mg/mL


def readings(signal_of=lambda m: SLOPE * m, sd: float = np.nan, iron_ug=IRON_UG) -> list[Reading]:
    return [Reading(f"f{i}", m * UG, signal_of(m) * UG, sd * UG) for i, m in enumerate(iron_ug)]


def drawn(rng: np.random.Generator, sd: float, scatter: float = 0.0, intercept: float = 0.0) -> list[Reading]:
    return readings(
        lambda m: intercept + SLOPE * m * (1.0 + scatter * rng.standard_normal()) + sd * rng.standard_normal(), sd
    )


def test_a_clean_series_gives_its_slope_and_no_uncertainty():
    curve = standard_curve(readings(sd=1.0))
    assert curve.slope == pytest.approx(SLOPE, rel=1e-12)
    assert (curve.intercept, curve.scatter_rel, curve.warnings) == (0.0, 0.0, ())
    assert curve.r2 == pytest.approx(1.0)
    # weighted least squares through zero, equal noise: sd / sqrt(sum m^2) = 1 / sqrt(25 + 100 + 400 + 1600 + 6400)
    assert curve.slope_sd == pytest.approx(1.0 / np.sqrt(8525.0), rel=1e-9)
    assert curve.iron(SLOPE * 33.0 * UG).kg == pytest.approx(33.0 * UG, rel=1e-12)


def test_weights_follow_the_stated_noise():
    """10 ug read 20 % high, 20 ug right, both within their noise: each slope weighs as (iron / noise)^2."""
    pair = [Reading("a", 10 * UG, 1.2 * 10 * SLOPE * UG, 40 * UG), Reading("b", 20 * UG, 20 * SLOPE * UG, 75 * UG)]
    expected = SLOPE * (1.2 * (10 / 40) ** 2 + (20 / 75) ** 2) / ((10 / 40) ** 2 + (20 / 75) ** 2)
    curve = standard_curve([pair[0], pair[1]], through_zero=True)
    assert curve.scatter_rel == 0.0  # the noise explains it
    assert curve.slope == pytest.approx(expected)


def test_the_stated_error_of_a_mass_is_the_spread_of_many_calibrations():
    rng = np.random.default_rng(1)
    masses, stated = [], []
    for _ in range(400):
        curve = standard_curve(drawn(rng, 10.0))
        mass = curve.iron((SLOPE * 50.0 + 10.0 * rng.standard_normal()) * UG, 10.0 * UG)
        masses.append(mass.kg / UG)
        stated.append(mass.sd_kg / UG)
    assert np.mean(masses) == pytest.approx(50.0, abs=0.2)
    assert np.median(stated) == pytest.approx(np.std(masses), rel=0.15)


@pytest.mark.parametrize(
    ("noise", "scatter", "told"), [(10.0, 0.0, True), (10.0, 0.1, True), (30.0, 0.05, True), (10.0, 0.1, False)]
)
def test_intervals_cover_the_truth_nineteen_times_of_twenty(noise, scatter, told):
    """A new sample with the scatter of the others; 400 trials at 95 % have a standard error of 1.1 %.

    Five samples tell little of a scatter, so that with one the truth lies outside nearer to one time in ten.
    """
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        points = drawn(rng, noise, scatter)
        curve = standard_curve(points if told else [Reading(r.name, r.iron_kg, r.signal, np.nan) for r in points])
        signal = SLOPE * 50.0 * (1.0 + scatter * rng.standard_normal()) + noise * rng.standard_normal()
        low, high = curve.iron(signal * UG, noise * UG).interval_kg
        hits += low <= 50.0 * UG <= high
    assert (0.88 if scatter else 0.92) <= hits / 400 <= 0.99


def test_an_intercept_is_used_only_where_it_is_more_than_chance():
    rng = np.random.default_rng(3)
    none = [standard_curve(drawn(rng, 10.0)).intercept == 0.0 for _ in range(200)]
    some = [standard_curve(drawn(rng, 10.0, intercept=60.0)).intercept != 0.0 for _ in range(200)]
    assert np.mean(none) > 0.9
    assert np.mean(some) > 0.9
    curve = standard_curve(drawn(rng, 10.0, intercept=-60.0))
    assert any("lost from weak samples" in text for text in curve.warnings)
    assert curve.iron((SLOPE * 15.0 - 60.0) * UG).kg == pytest.approx(15.0 * UG, rel=0.1)
    assert curve.iron((SLOPE * 30.0 - 120.0) * UG, parts=2).kg == pytest.approx(30.0 * UG, rel=0.1)
    forced = standard_curve(curve.readings, through_zero=True)
    assert forced.intercept == 0.0
    assert "the line through zero is used, as was asked for" in "".join(forced.warnings)


def test_samples_off_the_line_beyond_their_noise_are_a_lack_of_fit_that_joins_the_uncertainty():
    curve = standard_curve(readings(lambda m: SLOPE * m**1.2 / 80**0.2, sd=1.0), through_zero=True)
    # against a line through its own middle the ratios spread as m^0.2 over five doublings: rms of ln 2 * 0.2 * (-2..2)
    assert curve.scatter_rel == pytest.approx(0.2 * np.log(2.0) * np.sqrt(2.5), rel=0.15)
    assert any("lack of fit" in text and "f0, reads 0." in text for text in curve.warnings)
    assert curve.iron(SLOPE * 20 * UG).relative > curve.scatter_rel


def test_samples_below_three_standard_deviations_stay_out_and_are_named():
    points = [*readings(sd=30.0), Reading("faint", 0.5 * UG, 80.0 * UG, 30.0 * UG), Reading("blank", 0.0, 0.0, 30 * UG)]
    curve = standard_curve(points)
    assert curve.used == (False, True, True, True, True, False, False)  # f0: 60 is less than 3 x 30
    assert "f0, faint: below the detection limit" in curve.warnings[0]


def test_the_detection_limit_is_three_standard_deviations_of_a_blank():
    blanks = [Reading(f"blank{i}", 0.0, s * UG, np.nan) for i, s in enumerate((-2.0, 0.0, 2.0))]
    assert standard_curve([*readings(), *blanks]).detection_limit_kg == pytest.approx(3 * 2.0 / SLOPE * UG)
    assert standard_curve(readings(), blank_sd=4.0 * UG).detection_limit_kg == pytest.approx(UG)
    assert np.isnan(standard_curve(readings()).detection_limit_kg)


def test_one_point_is_refused_and_with_a_line_through_zero_asked_for_said_aloud():
    single = readings(sd=1.0, iron_ug=(20.0,))
    for points in (single, [*single, Reading("again", 20.0 * UG, 241.0 * UG, UG)]):
        with pytest.raises(InputError, match="a single point, 20 ug of iron, makes no curve"):
            standard_curve(points)
        assert standard_curve(points, through_zero=True).warnings[0].startswith("ONE POINT")
    unknown = standard_curve(readings(iron_ug=(20.0,)), through_zero=True)
    assert np.isnan(unknown.relative_uncertainty)
    assert any("is not known" in text for text in unknown.warnings)


def test_other_samples_that_read_low_join_the_uncertainty():
    known = readings(lambda m: SLOPE * m * (1.0 if m == 80.0 else 0.6), sd=1.0)
    curve = standard_curve(known[-1:], through_zero=True).checked_against(known)
    # four samples 40 % low: 4 x 0.4^2 / s^2 is 3.357, the median of chi2 with four freedoms
    assert curve.scatter_rel == pytest.approx(0.4 * np.sqrt(4 / 3.357), abs=0.001)
    assert "4 other samples read 0.60 (f" in curve.warnings[-1]
    low, high = curve.iron(known[0].signal, known[0].sd).interval_kg
    assert low < 5.0 * UG < high
    with pytest.raises(InputError, match="no other sample"):
        curve.checked_against(known[-1:])


def test_samples_without_signal_or_iron_make_no_curve():
    with pytest.raises(InputError, match="no sample has a signal above the detection limit"):
        standard_curve(readings(lambda m: 1.0, sd=1.0))
    with pytest.raises(InputError, match="no sample with iron"):
        standard_curve([Reading("blank", 0.0, 1.0, 1.0)])
    with pytest.raises(InputError, match=r"a single point, 80 ug of iron \(4 more lie below the detection limit\)"):
        standard_curve(readings(sd=200.0))


def test_a_mass_has_a_wide_interval_where_few_freedoms_stand_behind_it():
    assert Mass(10.0, 1.0).interval_kg == pytest.approx((10 - 1.95996, 10 + 1.95996), abs=1e-4)
    assert Mass(10.0, 1.0, 3.0).interval_kg == pytest.approx((10 - 3.18245, 10 + 3.18245), abs=1e-4)
    assert Mass(1.0, 1.0).interval_kg[0] == 0.0


def write(path, text: str):
    path.write_text(text)
    return path


def test_iron_can_be_given_in_three_ways(tmp_path):
    rows = {
        "iron_ug,signal\n44.676,7\n": 44.676,
        "concentration_mg_ml,volume_ul,signal\n5.5845,8,7\n": 44.676,
        "concentration_mmol_l,volume_ul,signal\n100,8,7\n": 44.676,
    }
    for text, iron_ug in rows.items():
        (found,) = read_fiducials(write(tmp_path / "c.csv", text))
        assert found.iron_kg == pytest.approx(iron_ug * UG, rel=1e-4)
        assert (found.name, found.signal, found.per_mm3) == ("1", 7.0, False)


def test_a_fiducial_is_a_ball_in_the_frame_of_the_image_or_a_signal_that_was_read(tmp_path):
    placed = "# vials\n name , iron_ug, x_mm, y_mm, z_mm, radius_mm\nA,10,1,-2,3.5,4\nB,20,11,-2,3.5,4\n"
    a, b = read_fiducials(write(tmp_path / "c.csv", placed))
    assert (a.name, a.center_m, a.radius_m) == ("A", pytest.approx((1e-3, -2e-3, 3.5e-3)), 4e-3)
    assert b.center_m[0] == pytest.approx(11e-3)
    (read,) = read_fiducials(write(tmp_path / "c.csv", "iron_ug,signal_mm3,signal_sd\n10,7,0.5\n"))
    assert (read.signal, read.signal_sd, read.per_mm3) == (7.0, 0.5, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iron_ug\n1\n", "says nothing of signal"),
        ("iron_ug;signal\n1;2\n", "columns are parted by semicolons"),
        ("iron_ug,concentration_mg_ml,volume_ul,signal\n1,1,1,1\n", "has iron_ug and concentration_mg_ml"),
        ("concentration_mg_ml,signal\n1,1\n", "has concentration_mg_ml but no volume_ul"),
        ("iron_ug,x_mm,y_mm\n1,1,1\n", "has x_mm but no z_mm, radius_mm"),
        ("iron_ug,signal\n", "has no row"),
        ("iron_ug,signal\n-1,2\nmany,3\n", 'row 1, iron_ug = "-1": expected iron of zero'),
        ("iron_ug,signal\n-1,2\nmany,3\n", 'row 2, iron_ug = "many": expected a number'),
        ("iron_ug,x_mm,y_mm,z_mm,radius_mm\n1,0,0,0,0\n", 'radius_mm = "0": expected more than zero'),
        ("iron_ug,signal,signal_sd\n1,2,-1\n", 'signal_sd = "-1": expected more than zero'),
        ("name,iron_ug,signal\nA,1,2\nA,2,4\n", 'rows 1 and 2: name = "A": used twice'),
        ("iron_ug,signal\n1,2\n1,2\n", "rows 1 and 2: the same iron and the same signal"),
        ("iron_ug,x_mm,y_mm,z_mm,radius_mm\n1,0,0,0,3\n2,1,0,0,3\n", "rows 1 and 2: the same sample twice"),
    ],
)
def test_a_file_that_cannot_be_a_calibration_says_why(tmp_path, text, words):
    with pytest.raises(InputError, match=r"^c\.csv: ") as caught:
        read_fiducials(write(tmp_path / "c.csv", text))
    assert words in str(caught.value)


def test_two_samples_with_the_same_iron_are_no_duplicates(tmp_path):
    assert len(read_fiducials(write(tmp_path / "c.csv", "iron_ug,signal\n1,2\n1,2.1\n2,4\n"))) == 3
