"""Tissue properties: sourced, complete, and adding up to a whole animal."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

import thermoplan
from thermoplan.anatomy.tissue import (
    PERFUSION_LAWS,
    anaesthetise,
    canonical_tissue,
    region_tissues,
    scaled_law,
    scaled_metabolism,
    sigmoid_law,
    species_facts,
    table_law,
    tissue_table,
)
from thermoplan.base.errors import InputError

DATA = Path(thermoplan.__file__).parent / "data"
SPECIES = ("mouse", "human")
NAMES = {
    "muscle",
    "soft-tissue",
    "skin",
    "fat",
    "liver",
    "spleen",
    "kidney",
    "lung",
    "heart",
    "bowel",
    "stomach",
    "pancreas",
    "brain",
    "bone",
    "bladder",
    "testis",
    "gland",
    "blood",
    "tumour",
    "eye",
}


@pytest.mark.parametrize("species", SPECIES)
def test_every_tissue_has_every_property_within_its_interval(species):
    table = tissue_table(species)
    assert set(table) >= NAMES
    for tissue in table.values():
        assert set(tissue.sources) == set(tissue.intervals) == set(tissue.notes)
        for key, (low, high) in tissue.intervals.items():
            assert low <= getattr(tissue, key) <= high, (tissue.name, key)


def test_every_source_of_a_value_is_in_the_references():
    known = set(re.findall(r"^@\w+\{([^,]+),", (DATA / "references.bib").read_text(), re.M))
    used = set()
    for name in ("tissues.csv", "dielectric.csv"):
        with (DATA / name).open(newline="") as stream:
            used |= {row["source"] for row in csv.DictReader(stream)}
    used |= {fact.source for s in SPECIES for fact in species_facts(s).facts.values()}
    assert used <= known


@pytest.mark.parametrize(
    ("name", "frequency_hz", "sigma_s_m"),
    [
        ("muscle", 100e3, 0.36185),
        ("fat", 100e3, 0.02441),
        ("blood", 100e3, 0.70292),
        ("muscle", 354e3, 0.4185),
        ("liver", 354e3, 0.130),
        ("spleen", 354e3, 0.138),
        ("kidney", 354e3, 0.210),
        ("skin", 354e3, 0.155),
        ("heart", 354e3, 0.262),
        ("bowel", 354e3, 0.667),
        ("bone", 354e3, 0.0216),
    ],
)
def test_conductivity_follows_the_published_dispersions(name, frequency_hz, sigma_s_m):
    digits = len(str(sigma_s_m).split(".")[1])
    found = tissue_table("human", frequency_hz)[name].electrical_conductivity_s_m
    assert found == pytest.approx(sigma_s_m, abs=0.51 * 10.0**-digits)


@pytest.mark.parametrize(
    ("name", "ratio"), [("muscle", 0.22), ("kidney", 0.39), ("spleen", 0.43), ("liver", 0.54), ("skin", 0.65)]
)
def test_displacement_current_is_a_fifth_to_two_thirds_of_conduction(name, ratio):
    tissue = tissue_table("mouse")[name]
    omega_eps = 2 * np.pi * 354e3 * 8.8541878128e-12 * tissue.relative_permittivity
    assert omega_eps / tissue.electrical_conductivity_s_m == pytest.approx(ratio, abs=0.005)


def test_human_liver_perfusion_is_860_ml_per_min_and_kg():
    liver = tissue_table("human")["liver"]
    assert liver.perfusion_1_s * 6e7 / liver.density_kg_m3 == pytest.approx(860.5, rel=1e-4)


def test_mouse_muscle_is_perfused_eight_times_as_the_human_one():
    mouse, human = (tissue_table(s)["muscle"].perfusion_w_m3_k for s in SPECIES)
    assert mouse / human == pytest.approx(8.3, abs=0.1)


def test_value_of_the_protocol_replaces_one_property_and_says_so():
    (tumour,) = region_tissues(["tumor"], overrides={"tumour": {"perfusion_w_m3_k": 2e4}})
    assert tumour.perfusion_w_m3_k == 2e4
    assert tumour.sources["perfusion_w_m3_k"] == "protocol"
    assert tumour.sources["density_kg_m3"] != "protocol"
    assert tissue_table("mouse")["tumour"].perfusion_w_m3_k == 1e4


MOUSE = {"soft-tissue": 19e-6, "liver": 1.3e-6, "kidney": 0.4e-6, "bone": 1.3e-6, "tumour": 0.27e-6}


def test_the_whole_mouse_makes_its_metabolic_rate():
    tissues, volumes = region_tissues(MOUSE), np.array(list(MOUSE.values()))
    mass_kg = sum(t.density_kg_m3 * v for t, v in zip(tissues, volumes, strict=True))
    heat = scaled_metabolism(tissues, volumes, "mouse")
    assert heat @ volumes == pytest.approx(3.39 * mass_kg**0.75, rel=1e-12)
    assert heat[1] / heat[0] == pytest.approx(tissues[1].metabolic_w_m3 / tissues[0].metabolic_w_m3)


def test_metabolic_heat_of_the_protocol_stands_and_the_rest_makes_up_the_rate():
    tissues = region_tissues(MOUSE, overrides={"tumour": {"metabolic_w_m3": 5e4}})
    volumes = np.array(list(MOUSE.values()))
    heat = scaled_metabolism(tissues, volumes, "mouse")
    assert heat[-1] == 5e4
    as_before = scaled_metabolism(region_tissues(MOUSE), volumes, "mouse")
    assert heat @ volumes == pytest.approx(as_before @ volumes)


def test_nothing_is_scaled_where_the_protocol_gives_every_value():
    tissues = region_tissues(["muscle"], overrides={"muscle": {"metabolic_w_m3": 700.0}})
    assert scaled_metabolism(tissues, [1e-6], "mouse") == pytest.approx(700.0)


def test_a_piece_of_a_body_makes_heat_per_mass_as_the_smallest_body_does():
    mouse = species_facts("mouse")
    assert mouse.metabolic_w(0.001) == pytest.approx(mouse.metabolic_w(0.012) / 12)
    assert mouse.mass_warning(0.024) is None
    assert "1 g" in mouse.mass_warning(0.001)


def test_a_20_g_mouse_pumps_14_6_ml_a_minute_and_has_a_gram_of_blood():
    mouse = species_facts("mouse")
    assert mouse.cardiac_output_m3_s(0.020) * 6e7 == pytest.approx(14.6, abs=0.05)
    assert mouse.blood_j_k(0.020) == pytest.approx(0.98e-3 * 3617)


@pytest.mark.parametrize(
    ("law", "at", "kg_s_m3"),
    [
        ("lang-muscle", 45.0, 4.0),
        ("lang-muscle", 50.0, 4.0),
        ("lang-fat", 45.0, 0.72),
        ("lang-tumour", 36.0, 0.833),
        ("lang-tumour", 43.0, 0.416),
    ],
)
def test_perfusion_laws_at_their_corners(law, at, kg_s_m3):
    assert PERFUSION_LAWS[law](np.array(at)) / 3617 == pytest.approx(kg_s_m3, rel=1e-9)


def test_tumour_perfusion_falls_without_a_jump():
    t = np.linspace(36, 43, 7001)
    assert np.abs(np.diff(PERFUSION_LAWS["lang-tumour"](t) / 3617)).max() < 1e-3


def test_isoflurane_slows_what_the_table_says_and_leaves_what_the_protocol_says():
    awake = region_tissues(["liver", "tumour"], overrides={"tumour": {"perfusion_w_m3_k": 2e4}})
    liver, tumour = anaesthetise(awake, "mouse", "isoflurane")
    assert liver.perfusion_w_m3_k == pytest.approx(0.8 * 1.46e5)
    assert liver.intervals["perfusion_w_m3_k"] == pytest.approx((0.7 * 7.3e4, 0.9 * 2.19e5))
    assert "isoflurane" in liver.notes["perfusion_w_m3_k"]
    assert tumour is awake[1]


def test_a_law_scaled_to_the_mouse_starts_at_its_perfusion_and_keeps_its_course():
    human = PERFUSION_LAWS["lang-muscle"]
    mouse = scaled_law(human, 2.1e4)
    t = np.linspace(30, 50, 41)
    assert mouse(np.array(37.0)) == pytest.approx(2.1e4)
    assert mouse(t) / human(t) == pytest.approx(np.full(41, mouse(t[0]) / human(t[0])))


def test_sigmoid_opens_at_41_and_shuts_at_44():
    # half way open at 41: (1 + 2) / 2 = 1.5; half shut at 44: 2 / 2 = 1; nothing at 50
    law = sigmoid_law(1e4, rise=2.0)
    assert law(np.array([30.0, 41.0, 44.0, 50.0])) == pytest.approx([1e4, 1.5e4, 1e4, 0.0], rel=4e-3, abs=1.0)


def test_table_is_linear_between_its_points_and_constant_outside():
    law = table_law([37, 41, 45], [1e4, 2e4, 0])
    assert law(np.array([30.0, 39.0, 43.0, 60.0])) == pytest.approx([1e4, 1.5e4, 1e4, 0.0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: anaesthetise((), "mouse", "ether"), 'anaesthesia = "ether": expected one of isoflurane'),
        (lambda: table_law([37, 36], [1, 1]), "temperatures that rise"),
        (lambda: table_law([37, 38], [1, -1]), "not negative"),
        (lambda: canonical_tissue("marble"), 'tissue "marble" is not in the table; it has: muscle'),
        (lambda: tissue_table("cat"), 'anatomy.species = "cat": expected one of mouse, human'),
        (
            lambda: region_tissues(["liver"], overrides={"liver": {"conductivity_w_m_k": -0.5}}),
            "tissues.liver.conductivity_w_m_k = -0.5: expected a finite number above zero",
        ),
    ],
)
def test_what_cannot_be_used_is_named(call, said):
    with pytest.raises(InputError, match=re.escape(said)):
        call()
