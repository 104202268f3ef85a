"""An effective magnetic size from a measured width: a fit, and called one wherever it goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.commands.point_queries import named_tracer
from thermoplan.imaging.psf import fit_core, fwhm_m, tracer_psf
from thermoplan.protocol.library import chosen_tracer, library_tracers
from thermoplan.protocol.toml_tables import TracerTable
from thermoplan.tracer.relaxometry import Relaxometry
from thermoplan.tracer.tracer import Population

AXIS = (1.0, 0.0, 0.0)
FILE = """
schema = 1
name = "mine"
fwhm = "9.6 mT"
saturation_magnetization = "446 kA/m"
density = "5180 kg/m^3"
iron_fraction = 0.7236
relaxation_time = "1 us"
effective = "assumed: relaxation time"

[imaging]
fwhm = "9.6 mT"
sensitivity = 13.7
sensitivity_unit = "mV/mg Fe"
"""


def test_one_size_follows_from_the_width_by_hand():
    # m = 4.16105 * 1.380649e-23 J/K * 298.15 K / 9.6 mT = 1.78423e-18 A m2; V = m / 446 kA/m = 4.0005e-24 m3
    # d = (6 V / pi)^(1/3) = 19.695 nm
    assert fit_core(9.6e-3).core_diameter_m * 1e9 == pytest.approx(19.695, abs=2e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("fwhm_mt", [7.3, 39.5])
def test_the_fitted_core_images_as_wide_as_was_measured(fwhm_mt, sigma):
    fit = fit_core(fwhm_mt * 1e-3, core_sigma=sigma)
    mode = Population(1.0, fit.core_diameter_m, sigma)
    tracer = replace(library_tracers()["high-slp"], populations=(mode,), temperature_c=25.0)
    # at 2 T/m a width of the field is half as many metres
    assert fwhm_m(tracer_psf(tracer, 2.0 * np.eye(3), [AXIS]), AXIS) == pytest.approx(fwhm_mt * 1e-3 / 2.0, rel=1e-6)


def test_with_a_spread_the_median_is_smaller_because_large_cores_lead_the_signal():
    # iron times m/kT weighs d^6 of the number distribution: its median is exp(6 s^2) larger than that by number
    one, spread = fit_core(9.6e-3), fit_core(9.6e-3, core_sigma=0.05)
    assert np.log(one.core_diameter_m / spread.core_diameter_m) == pytest.approx(6 * 0.05**2, rel=0.15)


def test_a_fit_says_that_it_is_one_with_what_it_rests_on():
    assert str(fit_core(9.6e-3, core_sigma=0.1)) == (
        "fit: size from FWHM 9.6 mT with an assumed spread of 0.1, without relaxation"
    )


@pytest.mark.parametrize("fwhm_t", [0.0, -1e-3, float("nan"), 1e3, 1e-7])
def test_a_width_that_no_core_has_is_refused(fwhm_t):
    with pytest.raises(InputError, match=r"fwhm = .* mT: .*expected a .*9.6 mT"):
        fit_core(fwhm_t)


def test_a_tracer_file_may_give_the_width_instead_of_the_core(tmp_path):
    (tmp_path / "mine.toml").write_text(FILE)
    tracer = named_tracer(str(tmp_path / "mine.toml"))
    assert tracer.populations[0].core_diameter_m == fit_core(9.6e-3).core_diameter_m
    assert tracer.effective == "fit: size from FWHM 9.6 mT, without relaxation; assumed: relaxation time"
    assert tracer.imaging == Relaxometry(9.6e-3, 13.7, "mV/mg Fe")


def test_a_tracer_file_with_width_and_core_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text(FILE.replace("fwhm", 'core_diameter = "20 nm"\nfwhm', 1))
    with pytest.raises(InputError, match=r"mine: has fwhm and core_diameter; expected one of the two"):
        named_tracer(str(tmp_path / "mine.toml"))


def test_a_protocol_may_put_a_width_over_the_librarys_core_and_a_core_over_a_width():
    wide = chosen_tracer(TracerTable(name="resovist", fwhm="11.4 mT"), Path(), "p.toml")
    assert wide.populations[0].core_diameter_m == pytest.approx(18.6e-9, abs=0.06e-9)
    assert wide.effective.startswith("fit: size from FWHM 11.4 mT")
    two = chosen_tracer(TracerTable(name="synomag-d-bimodal", fwhm="9.2 mT"), Path(), "p.toml")
    assert len(two.populations) == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sensitivity = 13.7", 'sensitivity = "13.7 mV"', "imaging.sensitivity = "),
        ('fwhm = "9.6 mT"\nsens', 'fwhm = "9.6 mm"\nsens', 'imaging.fwhm = "9.6 mm": expected'),
        ('sensitivity_unit = "mV/mg Fe"\n', "", "imaging.sensitivity_unit: missing"),
        ("[imaging]", "[image]", 'image: unknown key; did you mean "imaging"'),
    ],
)
def test_a_mistake_in_what_imaging_says_is_refused_by_key(tmp_path, old, new, words):
    assert FILE.count(old) == 1
    (tmp_path / "mine.toml").write_text(FILE.replace(old, new))
    with pytest.raises(InputError, match=r"mine.*: .*" + words):
        named_tracer(str(tmp_path / "mine.toml"))
