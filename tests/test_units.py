"""Text with a unit becomes SI, and anything else is refused in the house's words."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoplan.base.errors import InputError
from thermoplan.base.units import (
    KINDS,
    NotAQuantity,
    direction,
    iron_factor,
    length_factor,
    metabolic_heat,
    parse,
    perfusion,
    quantity,
    vector,
)


@pytest.mark.parametrize(
    ("text", "kind", "si"),
    [
        ("354 kHz", "frequency", 354e3),
        ("13 mT", "field", 0.013),
        ("130 G", "field", 0.013),
        ("10.345 kA/m", "field", 0.0129999),  # mu0 H: 4e-7 pi x 10345 = 13.0 mT
        ("2.35 T/m", "gradient", 2.35),
        ("36.5 degC", "temperature", 36.5),
        ("310.15 K", "temperature", 37.0),
        ("36.5 °C", "temperature", 36.5),
        ("250 W/g", "slp", 250e3),
        ("250 W/gFe", "slp", 250e3),
        ("2 mg/mL", "iron concentration", 2.0),
        ("100 mmol/L", "iron concentration", 5.5845),  # 100 mol/m3 x 55.845 g/mol
        ("30 min", "time", 1800.0),
        ("1.5 h", "time", 5400.0),
        ("10 W/m^2/K", "heat transfer", 10.0),
        ("10 W/(m² K)", "heat transfer", 10.0),
        ("10 W m^-2 K^-1", "heat transfer", 10.0),
        ("5 µm", "length", 5e-6),
        ("70 %", "fraction", 0.7),
        ("0.7", "fraction", 0.7),
        ("446 kA/m", "magnetization", 446e3),
        ("1 mPa s", "viscosity", 1e-3),
    ],
)
def test_written_quantities_become_si(text, kind, si):
    assert parse(text, kind) == pytest.approx(si, rel=2e-6)


def test_an_si_unit_also_names_what_is_expected():
    assert quantity("13 mT", "T") == 0.013 and quantity("20 nm", "m") == 2e-8


@pytest.mark.parametrize(
    "text",
    [
        "354 mT",
        "354",
        354,
        354.0,
        True,
        None,
        "",
        "kHz",
        "354 kHzz",
        "nan Hz",
        "inf Hz",
        "3 5 kHz",
        "3 1/5 kHz",
        "9^9^9^9 Hz",
        "3 Hz^99",
        "3 (((",
        "1/0 Hz",
        [1],
        "3 __import__",
    ],
)
def test_anything_else_is_refused_in_the_house_form(text):
    with pytest.raises(InputError) as caught:
        quantity(text, "frequency", "mouse.toml: device.frequency")
    message = str(caught.value)
    assert message.startswith("mouse.toml: device.frequency = ")
    assert message.endswith('expected a frequency, such as "354 kHz"')


def test_the_message_is_the_one_that_the_house_style_prints():
    with pytest.raises(InputError) as caught:
        quantity("354 mT", "frequency", "mouse.toml: device.frequency")
    assert str(caught.value) == ('mouse.toml: device.frequency = "354 mT": expected a frequency, such as "354 kHz"')


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-3 mm", "length"),
        ("-300 degC", "temperature"),
        ("1e999 Hz", "frequency"),
        ("-5 min", "time"),
        ("10 W/m^2/degC", "heat transfer"),
    ],
)
def test_what_cannot_be_is_refused(text, kind):
    with pytest.raises(NotAQuantity):
        parse(text, kind)


def test_a_perfusion_below_zero_is_told_from_one_without_a_sense():
    with pytest.raises(NotAQuantity, match=r"expected a perfusion, .*; not less than 0"):
        perfusion("-1 1/s")
    with pytest.raises(NotAQuantity, match=r'or "1e4 W/m.3/K"$'):
        perfusion("1 mT")


def test_every_example_is_a_quantity_of_its_kind():
    for name, kind in KINDS.items():
        assert parse(kind.example.strip('"'), name) > 0


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.eE+-*/^() mTkHzgLdegCWFe%", max_size=30))
def test_no_text_makes_anything_but_a_number_or_a_complaint(text):
    for kind in ("frequency", "temperature", "iron concentration"):
        with contextlib.suppress(NotAQuantity):
            assert abs(parse(text, kind)) < float("inf")


def test_vectors_share_one_unit():
    assert vector("4.1 -2.0 31.5 mm") == (0.0041, -0.002, 0.0315)
    assert vector("4.1, -2.0, 31.5 mm") == (0.0041, -0.002, 0.0315)
    for text in ("4.1 -2.0 mm", "4.1 -2.0 31.5", "4.1 -2.0 31.5 mT", "1 2 3 4 mm", 7):
        with pytest.raises(NotAQuantity, match=r'such as "4\.1 -2\.0 31\.5 mm"'):
            vector(text)


def test_directions_are_letters_or_vectors_of_length_one():
    assert direction("S") == (0.0, 0.0, 1.0) and direction("P") == (0.0, -1.0, 0.0)
    assert direction("0 -2 0") == (0.0, -1.0, 0.0)
    assert direction("2 -3 6") == pytest.approx((2 / 7, -3 / 7, 6 / 7))
    for text in ("Q", "0 0 0", "0 0", 3, "0 -1 0 mm"):
        with pytest.raises(NotAQuantity, match="R L A P S I"):
            direction(text)


@pytest.mark.parametrize(
    ("text", "sink"),
    [
        # tissue 1000 kg/m3, blood 1050 kg/m3 and 3600 J/kg/K: rho_b c_b = 3.78e6 J/m3/K
        ("300 mL/min/kg", 300e-6 / 60 * 1000 * 3.78e6),
        ("30 mL/min/100g", 300e-6 / 60 * 1000 * 3.78e6),
        ("0.005 1/s", 0.005 * 3.78e6),
        ("5 kg/m^3/s", 5 * 3600.0),
        ("1e4 W/m^3/K", 1e4),
    ],
)
def test_perfusion_in_any_of_its_units_is_a_heat_sink(text, sink):
    found = perfusion(text).sink_w_m3_k(density_kg_m3=1000.0, blood_kg_m3=1050.0, blood_j_kg_k=3600.0)
    assert found == pytest.approx(sink, rel=1e-12)


def test_metabolic_heat_is_per_volume_or_mass():
    assert metabolic_heat("700 W/m^3").heat_w_m3(1000.0) == 700.0
    assert metabolic_heat("0.7 W/kg").heat_w_m3(1000.0) == 700.0
    with pytest.raises(NotAQuantity, match=r"0\.7 W/kg"):
        metabolic_heat("0.7 W")


def test_units_of_images_and_meshes_have_factors():
    assert iron_factor("mg/mL") == 1.0 and iron_factor("mmol/L") == 0.055845 and length_factor("mm") == 1e-3
    for wrong in ("mT", "", 1, "3 mg/mL"):
        with pytest.raises(NotAQuantity, match="unit of iron concentration"):
            iron_factor(wrong)


def test_pint_loads_only_when_a_quantity_is_read():
    code = "import sys, thermoplan.base.units; sys.exit('pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=".", check=False).returncode == 0
