"""The tracers and devices that ship: every number has its source, or says that it is a fit or a guess."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from thermoplan import library
from thermoplan.calorimetry import core_diameter_from_fwhm_m
from thermoplan.focus import ffr_profile
from thermoplan.sar import ffr_widths_m
from thermoplan.tracer import omega_tau, slp_bound_w_kg, slp_w_kg

DATA = Path(library.__file__).parent / "data"
TRACERS = tomllib.loads((DATA / "tracers.toml").read_text(encoding="utf-8"))
DEVICES = tomllib.loads((DATA / "devices.toml").read_text(encoding="utf-8"))
REFERENCES = set(re.findall(r"@\w+\{([^,]+),", (DATA / "references.bib").read_text(encoding="utf-8")))
REVIEWED = {"resovist": 9.6, "vivotrax": 11.4, "vivotrax-plus": 7.9, "feraheme": 39.5, "perimag": 7.3}
SOURCED = ("gradient", "amplitude", "frequency", "drive_axis", "line_axis", "strong_axis", "position_range", "settle",
           "min_dwell", "slew", "max_duty", "bore_radius")


@pytest.mark.parametrize("name", DEVICES)
def test_every_limit_of_a_device_has_its_note(name):
    device = DEVICES[name]
    missing = [key for key in SOURCED if key in device and key not in device["notes"]]
    assert [k for k in missing if not (name == "uniform" and k in ("gradient", "drive_axis"))] == []
    assert device["source"]


@pytest.mark.parametrize("name", TRACERS)
def test_every_tracer_says_what_is_a_fit_and_where_the_rest_is_from(name):
    assert re.match(r"(fit|assumed|hypothetical): ", TRACERS[name]["effective"])
    assert TRACERS[name]["source"]


def test_every_source_named_in_the_libraries_is_in_the_references():
    text = (DATA / "tracers.toml").read_text(encoding="utf-8") + (DATA / "devices.toml").read_text(encoding="utf-8")
    assert set(re.findall(r"\[([A-Z]\w+\d{4})\]", text)) <= REFERENCES


@pytest.mark.parametrize("name", TRACERS)
def test_every_tracer_heats_below_its_bound(name):
    tracer, drive = library.library_tracers()[name], {"amplitude_t": 13e-3, "frequency_hz": 354e3}
    assert 0 < float(slp_w_kg(tracer, **drive)) < slp_bound_w_kg(tracer, **drive)


@pytest.mark.parametrize("name", DEVICES)
def test_every_device_keeps_its_own_limits(name):
    device = library.library_devices()[name]
    assert device.violations(centers_m=[[0, 0, 0]], amplitude_t=device.amplitude_t,
                             gradient_t_m=[] if device.kind == "uniform" else device.gradient_t_m,
                             frequency_hz=device.frequency_hz) == []


@pytest.mark.parametrize("name, fwhm_mt", REVIEWED.items())
def test_a_size_from_fwhm_is_what_it_says(name, fwhm_mt):
    tracer = library.library_tracers()[name]
    assert f"FWHM {fwhm_mt} mT" in tracer.effective
    size = tracer.populations[0].core_diameter_m
    assert size == pytest.approx(core_diameter_from_fwhm_m(fwhm_mt * 1e-3), abs=0.06e-9)


def test_the_effective_synomag_has_the_published_focus():
    """A calibration, not a check: the tracer was chosen so that 7 mm at 2.35 T/m comes out."""
    tracer, device = library.library_tracers()["synomag-d"], library.library_devices()["berkeley-ffp"]
    assert omega_tau(tracer, 354e3) == pytest.approx(3.0, rel=1e-4)
    along, _ = ffr_widths_m(tracer, device)
    assert along == pytest.approx(7.0e-3, rel=0.01)
    seven = library.library_devices()["what-if-7tpm"]
    assert ffr_widths_m(tracer, seven)[0] == pytest.approx(2.3e-3, rel=0.05)


def test_a_line_heats_along_itself():
    tracer, device = library.library_tracers()["synomag-d"], library.library_devices()["berkeley-ffl"]
    along, across = device.bias_t(np.outer([-0.02, 0.0, 0.02], device.line_axis), (0, 0, 0))
    assert not along.any() and not across.any()
    profile = ffr_profile(tracer, device)
    assert profile.fwhm_along_m < profile.fwhm_across_m < 0.02
