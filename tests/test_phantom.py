"""A phantom lives on nothing: no blood, no metabolic heat, and it starts at the temperature of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from thermoplan.anatomy.tissue import region_tissues, species_facts, tissue_table
from thermoplan.commands.check import check_protocol
from thermoplan.protocol import read_protocol

PHANTOM = Path(__file__).parents[1] / "protocols" / "phantoms-3mm.toml"


def test_no_tissue_of_a_phantom_is_perfused_or_makes_heat():
    for tissue in tissue_table("phantom").values():
        assert tissue.perfusion_w_m3_k == tissue.metabolic_w_m3 == 0.0, tissue.name
    assert not species_facts("phantom").is_alive
    assert species_facts("mouse").is_alive


def test_agar_is_water_that_stands_still():
    (agar,) = region_tissues(["agar"], "phantom")
    # 0.6065 / (997.05 * 4181): the diffusivity of water at 25 degrees C, 1.455e-7 m2/s.
    diffusivity = agar.conductivity_w_m_k / (agar.density_kg_m3 * agar.heat_capacity_j_kg_k)
    assert diffusivity == pytest.approx(1.455e-7, rel=1e-3)


def test_a_phantom_has_no_core_limit_and_starts_in_the_room(tmp_path):
    text = (
        PHANTOM.read_text()
        .replace('[physiology]\narterial = "22 degC"\n', "")
        .replace("../meshes", str(PHANTOM.parents[1] / "meshes"))
    )
    (tmp_path / "p.toml").write_text(text)
    protocol = read_protocol(tmp_path / "p.toml")
    assert (protocol.physiology.core, protocol.physiology.arterial_c) == ("fixed", 25.0)
    rows = check_protocol(PHANTOM)["understood"]
    assert ["phantom", "no blood, no metabolic heat; 22 degC before heating"] in rows
    assert not any("core" in text for what, text in rows)
