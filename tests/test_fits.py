"""Measurements through the command line: a calorimeter's curve and SLPs over the fields, into tracer files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from thermoplan.base.errors import InputError
from thermoplan.cli import app
from thermoplan.commands.point_queries import named_tracer
from thermoplan.commands.tracer_fits import calorimetry_answer, fit_answer
from thermoplan.files.tables.tracer_toml import measured_toml, tracer_toml
from thermoplan.protocol.library import library_tracers
from thermoplan.tracer.measured_slp import MeasuredSlp
from thermoplan.tracer.tracer import slp_w_kg

DRIVE = {"amplitude": "13 mT", "frequency": "354 kHz"}
SAMPLE = {"iron": "2 mg", "heat_capacity": "4.2 J/K"}
START = """\
schema = 1
name = "start"
core_diameter = "18.5 nm"
saturation_magnetization = "446 kA/m"
density = "5180 kg/m^3"
iron_fraction = 0.7236
hydrodynamic_diameter = "40 nm"
viscosity = "1 mPa*s"
anisotropy = "11 kJ/m^3"
"""


def words(options: dict[str, str]) -> list[str]:
    return [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]


def said(*given: str) -> dict:
    result = CliRunner().invoke(app, [*given, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def curve(tmp_path) -> Path:
    """150 W/g on 2 mg in 4.2 J/K losing 20 mW/K: on at 30 s, off at 330 s, 25 degrees C before, 50 mK of noise."""
    t = np.arange(0.0, 420.0)
    on = 25.0 + np.where(t > 30, 15.0 * -np.expm1(-0.02 * (t - 30) / 4.2), 0.0)
    off = 25.0 + 15.0 * -np.expm1(-0.02 * 300 / 4.2) * np.exp(-0.02 * (t - 330) / 4.2)
    noise = np.random.default_rng(1).normal(0.0, 0.05, t.shape)
    path = tmp_path / "curve.csv"
    rows = "\n".join(f"{a:g},{b:.3f}" for a, b in zip(t, np.where(t > 330, off, on) + noise, strict=True))
    path.write_text(f"time_s,temperature_C\n{rows}\n")
    return path


def test_a_curve_gives_its_slp_with_an_interval_and_a_line_for_the_protocol(curve, tmp_path):
    picture = tmp_path / "curve.png"
    found = said(
        "calorimetry", str(curve), *words(SAMPLE | DRIVE), "--from", "30 s", "--to", "330 s", "--png", str(picture)
    )
    slp = found["slp_w_per_g_fe"]
    assert slp["low"] < 150.0 < slp["high"] and slp["value"] == pytest.approx(150.0, rel=0.03)
    assert found["loss_mw_k"] == pytest.approx(20.0, rel=0.1)
    assert found["start_c"] == pytest.approx(25.0, abs=0.03)  # mean of the 30 s before
    assert picture.read_bytes()[:4] == b"\x89PNG"
    own = tmp_path / "own.toml"
    own.write_text(START + f"measured_slp = {found['measured_slp']}\n")
    tracer = named_tracer(str(own))
    hot = float(slp_w_kg(tracer, amplitude_t=13e-3, frequency_hz=354e3)) / 1e3
    assert hot == pytest.approx(0.7 * slp["value"], rel=1e-4)  # in water: the factor to tissue


def test_the_errors_of_iron_and_heat_capacity_widen_the_interval(curve):
    plain = calorimetry_answer(curve, SAMPLE | {"from": "30 s", "to": "330 s"}, DRIVE)["slp_w_per_g_fe"]
    wide = calorimetry_answer(curve, SAMPLE | {"from": "30 s", "to": "330 s", "error": "5 %"}, DRIVE)
    reach = np.hypot(plain["high"] - plain["value"], 1.96 * 0.05 * plain["value"])
    assert wide["slp_w_per_g_fe"]["high"] - wide["slp_w_per_g_fe"]["value"] == pytest.approx(reach)
    assert "relative_error = 0.05" in wide["measured_slp"]


def test_what_a_curve_cannot_give_is_said(curve):
    early = calorimetry_answer(curve, SAMPLE | {"from": "5 s", "to": "60 s"}, DRIVE)  # on at 30 s
    assert any("heat loss comes out negative" in text for text in early["warnings"])
    short = calorimetry_answer(curve, SAMPLE | {"from": "30 s", "to": "54 s"}, DRIVE)
    assert any("interval is wider" in text for text in short["warnings"])
    with pytest.raises(InputError, match="does not warm"):
        calorimetry_answer(curve, SAMPLE | {"from": "331 s"}, DRIVE)
    with pytest.raises(InputError) as caught:
        calorimetry_answer(curve, {"iron": "2 mL", "heat_capacity": "4.2"}, {"amplitude": "0 mT", "frequency": "x"})
    text = "\n".join(caught.value.complaints)
    assert '--iron = "2 mL": expected a mass' in text
    assert '--heat-capacity = "4.2": expected heat capacity of sample and vessel, such as "4.2 J/K"' in text
    with pytest.raises(InputError, match="no reading lies in this part; the record runs from 0 s to 419 s"):
        calorimetry_answer(curve, SAMPLE | {"from": "500 s"}, DRIVE)


@pytest.fixture
def measurements(tmp_path) -> Path:
    """An 18 nm tracer of 12 kJ/m3 at 0.4 of its model, in water; 3 % of noise."""
    (tmp_path / "start.toml").write_text(START)
    truth = replace(named_tracer(str(tmp_path / "start.toml")), anisotropy_j_m3=12e3, heating_efficiency=0.4)
    truth = replace(truth, populations=(replace(truth.populations[0], core_diameter_m=18e-9),))
    rng, lines = np.random.default_rng(8), ["amplitude_mT,frequency_kHz,slp_W_g,across_mT"]
    for b, f, c in ((b, f, c) for b in (5, 10, 20) for f in (100, 350) for c in (0, 10)):
        slp = float(slp_w_kg(truth, amplitude_t=b * 1e-3, frequency_hz=f * 1e3, across_t=c * 1e-3))
        lines.append(f"{b},{f},{slp / 1e3 / 0.7 * np.exp(0.03 * rng.normal()):.4f},{c}")
    path = tmp_path / "slps.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_slps_give_a_tracer_file_that_can_be_used_at_once(measurements):
    folder = measurements.parent
    out = folder / "mine.toml"
    found = said(
        "fit-tracer",
        str(measurements),
        "--tracer",
        str(folder / "start.toml"),
        "--basis",
        "iron",
        "--medium",
        "water",
        "-o",
        str(out),
    )
    truth = {"core_diameter_nm": 18.0, "anisotropy_kj_m3": 12.0, "heating_efficiency": 0.4}
    assert set(found["estimates"]) == set(truth)
    assert all(e["low"] < truth[name] < e["high"] for name, e in found["estimates"].items())
    assert found["misfit_rel"] < 0.05
    point = said("slp", "--tracer", str(out), "--amplitude", "10 mT", "--frequency", "350 kHz")
    row = next(
        r for r in found["measurements"] if (r["amplitude_mt"], r["frequency_khz"], r["across_mt"]) == (10, 350, 0)
    )
    assert point["slp_w_per_g_fe"] == pytest.approx(0.7 * row["fitted_w_per_g"], rel=1e-3)
    assert "12 SLPs in water" in point["slp_source"]
    shown = CliRunner().invoke(
        app,
        [
            "fit-tracer",
            str(measurements),
            "--tracer",
            str(folder / "start.toml"),
            "--basis",
            "iron",
            "--medium",
            "water",
            "--fit",
            "heating_efficiency",
        ],
    )
    assert shown.exit_code == 0 and "heating efficiency" in shown.stdout and "core diameter" not in shown.stdout


def test_few_measurements_fit_little_and_none_is_refused(measurements):
    start = str(measurements.parent / "start.toml")
    lines = measurements.read_text().splitlines()
    measurements.write_text("\n".join(lines[:4]) + "\n")
    stated = {"basis": "iron", "medium": "tissue", "tissue_factor": None}
    assert fit_answer(measurements, start, stated=stated)["free"] == ["heating_efficiency", "core_diameter"]
    measurements.write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(InputError, match="1 measurements cannot fix 1 parameters"):
        fit_answer(measurements, start, stated=stated)


def test_bad_measurements_are_named_by_row_and_nothing_is_overwritten(measurements):
    start, stated = str(measurements.parent / "start.toml"), {"basis": "iron", "medium": "gel"}
    measurements.write_text("amplitude_mT,frequency_kHz,slp_W_g\n10,100,50\n-10,100,60\n")
    with pytest.raises(InputError) as caught:
        fit_answer(measurements, start, stated=stated)
    text = "\n".join(caught.value.complaints)
    assert re.search(r"slps.csv: row 2: amplitude = .*expected a peak field", text)
    assert "row 1: medium = 'gel'" in text
    taken = measurements.parent / "taken.toml"
    taken.write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        fit_answer(measurements, start, stated=stated, output=taken)
    assert taken.read_text() == "mine"


def test_a_tracer_with_a_measured_table_has_nothing_to_fit(measurements):
    table = measurements.parent / "table.csv"
    table.write_text("amplitude_mT,frequency_kHz,slp_W_g\n10,350,50\n")
    own = measurements.parent / "own.toml"
    own.write_text(START + 'table = "table.csv"\n')
    with pytest.raises(InputError, match="name a --model"):
        fit_answer(measurements, str(own), stated={"basis": "iron", "medium": "water"})


@pytest.mark.parametrize("name", sorted(library_tracers()))
def test_every_tracer_survives_its_own_file(name, tmp_path):
    tracer = library_tracers()[name]
    path = tmp_path / f"{name}.toml"
    path.write_text(tracer_toml(tracer, ["a comment"]))
    again = named_tracer(str(path))
    assert again.sizes()[0] == pytest.approx(tracer.sizes()[0], rel=1e-8)
    assert again.sizes()[1] == pytest.approx(tracer.sizes()[1], rel=1e-8)
    assert again.sizes()[2] == pytest.approx(tracer.sizes()[2], rel=1e-7)
    assert again.imaging == tracer.imaging
    assert (
        replace(
            again, populations=tracer.populations, relaxation_time_s=tracer.relaxation_time_s, imaging=tracer.imaging
        )
        == tracer
    )


def test_a_measured_slp_survives_its_own_line(tmp_path):
    measured = MeasuredSlp(
        151.25e3,
        "oxide",
        "water",
        12.5e-3,
        340e3,
        tissue_factor=0.5,
        source='a "curve"',
        along_t=3e-3,
        across_t=4.5e-3,
        relative_error=0.04,
        tracer="start",
        extrapolate=True,
    )
    (tmp_path / "own.toml").write_text(START + f"measured_slp = [{measured_toml(measured)}]\n")
    assert named_tracer(str(tmp_path / "own.toml")).calibration.measured == (measured,)
