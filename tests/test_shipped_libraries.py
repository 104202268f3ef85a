"""The tracers and devices that ship: every number has its source, or says that it is a fit or a guess."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermoplan.commands.point_queries import library_answer
from thermoplan.imaging.psf import fit_core
from thermoplan.power.ffr import ffr_profile, ffr_widths_m
from thermoplan.protocol import library
from thermoplan.tracer.tracer import omega_tau, slp_bound_w_kg, slp_w_kg

DATA = Path(library.__file__).parents[1] / "data"
TRACERS = tomllib.loads((DATA / "tracers.toml").read_text(encoding="utf-8"))
DEVICES = tomllib.loads((DATA / "devices.toml").read_text(encoding="utf-8"))
REFERENCES = set(re.findall(r"@\w+\{([^,]+),", (DATA / "references.bib").read_text(encoding="utf-8")))
REVIEWED = {"resovist": 9.6, "vivotrax": 11.4, "vivotrax-plus": 7.9, "feraheme": 39.5, "perimag": 7.3}
SOURCED = (
    "gradient",
    "amplitude",
    "frequency",
    "drive_axis",
    "line_axis",
    "strong_axis",
    "position_range",
    "settle",
    "min_dwell",
    "slew",
    "max_duty",
    "bore_radius",
)


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
    assert (
        device.violations(
            centers_m=[[0, 0, 0]],
            amplitude_t=device.amplitude_t,
            gradient_t_m=[] if device.kind == "uniform" else device.gradient_t_m,
            frequency_hz=device.frequency_hz,
        )
        == []
    )


@pytest.mark.parametrize("name, fwhm_mt", REVIEWED.items())
def test_a_size_from_fwhm_is_what_it_says(name, fwhm_mt):
    tracer = library.library_tracers()[name]
    assert f"FWHM {fwhm_mt} mT" in tracer.effective
    size = tracer.populations[0].core_diameter_m
    assert size == pytest.approx(fit_core(fwhm_mt * 1e-3).core_diameter_m, abs=0.06e-9)


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


# Table 1 of the review: FWHM in mT, sensitivity and its unit, magnetic diameters in nm.
TABLE_1 = {
    "resovist": (9.6, 13.74, "mV/mg Fe", ()),
    "vivotrax": (11.4, 8.83, "mV/mg Fe", ()),
    "vivotrax-plus": (7.9, 2.4, "times that of VivoTrax", ()),
    "ferucarbotran": (11.2, 25.8, "a.u.", (7.6, 22.1)),
    "synomag-d": (9.2, 87.8, "a.u.", (8.2, 19.3)),
    "feraheme": (39.5, 2.12, "mV/mg Fe", ()),
    "precision-mrx": (12.4, 13.89, "mV/mg Fe", (24.4,)),
    "perimag": (7.3, 29.49, "mV/mg Fe", ()),
}


@pytest.mark.parametrize("name, row", TABLE_1.items())
def test_the_eight_tracers_of_the_review_say_what_its_table_says(name, row):
    found = library.library_tracers()[name].imaging
    fwhm_mt, sensitivity, unit, sizes_nm = row
    assert found.fwhm_t == pytest.approx(fwhm_mt * 1e-3)
    assert (found.sensitivity, found.sensitivity_unit) == (sensitivity, unit)
    assert found.magnetic_diameters_m == pytest.approx([d * 1e-9 for d in sizes_nm])
    assert found.diameter_m is not None and found.diameter_source
    assert "20 kHz, 20 mT" in found.instrument and "45 kHz, 16 mT, 5.7 T/m" in found.instrument
    assert found.reference == "Kumar2025"


@pytest.mark.parametrize("name", ["ferucarbotran", "synomag-d-bimodal"])
def test_where_the_table_gives_two_sizes_the_tracer_has_two_modes_of_them(name):
    tracer = library.library_tracers()[name]
    assert [mode.core_diameter_m for mode in tracer.populations] == pytest.approx(tracer.imaging.magnetic_diameters_m)


def test_the_library_prints_what_imaging_says_with_its_source():
    rows = {row["name"]: row for row in library_answer("tracers")["rows"]}
    assert rows["perimag"]["fwhm_mt"] == pytest.approx(7.3) and rows["high-slp"]["fwhm_mt"] is None
    words = rows["ferucarbotran"]["imaging"]
    for part in ("FWHM 11.2 mT", "25.8 a.u.", "7.6 and 22.1 nm", "60 nm (assumed)", "MOMENTUM", "[Kumar2025]"):
        assert part in words


def test_what_imaging_says_does_not_enter_the_physics():
    tracer, drive = library.library_tracers()["perimag"], {"amplitude_t": 13e-3, "frequency_hz": 354e3}
    bare = replace(tracer, imaging=None)
    assert float(slp_w_kg(bare, **drive)) == float(slp_w_kg(tracer, **drive))
