"""Contract of every term of the bioheat equation: alike on both orders of elements, energy closed, reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_case import end, write_body
from heat_cases import box, problem

from thermoplan.bioheat import (
    TERMS,
    Boundary,
    EnergyAudit,
    HeatTerm,
    Segment,
    TemperatureCourse,
    Vessel,
    Warming,
    active_terms,
    feedback_of,
    play_with_warming,
    steady_system,
    thermal_system,
)
from thermoplan.fem.element_space import SPACES, ElementSpace, element_space
from thermoplan.report.methods import methods_paragraph

SIDE_M = 0.012
MESH = box((6, 6, 6), (SIDE_M,) * 3)
SKIN = Boundary("robin", 10.0, 25.0)
HEATED_S = 300.0
AIR = TemperatureCourse([0.0, HEATED_S], [25.0, 45.0])
ARTERY = Vessel("artery", np.array([[0.004, 0.004, 0.0], [0.004, 0.004, SIDE_M]]), 1e-3)


def case(**more):
    """A perfused block with skin in air, and blood at a fixed temperature."""
    return problem(MESH, **{"perfusion": 1e4, "metabolic": 1e3, "boundaries": (SKIN,)} | more)


def pool(**more):
    return case(core="pool", blood_j_k=1.0, **more)


def dilating(temperature_c):
    """Perfusion, W/m3/K, between a half and one and a half of that at 34 degC."""
    return 1e4 * (1.0 + 0.5 * np.tanh((temperature_c - 34.0) / 4.0))


EXAMPLES = {
    "storage": (case(), replace(case(), heat_capacity_j_kg_k=np.array([1800.0]))),
    "conduction": (case(), case(k=0.3)),
    "perfusion": (case(), case(perfusion=0.0)),
    "vessels": (case(vessels=(ARTERY,)), case()),
    "metabolic heat": (case(metabolic=2e4), case(metabolic=0.0)),
    "convection": (case(), case(boundaries=(Boundary("insulated"),))),
    "held surface": (case(boundaries=(SKIN, Boundary("dirichlet", temperature_c=42.0, normal=(0, 0, 1)))), case()),
    "blood pool": (pool(), case()),
    "perfusion laws": (case(laws={"tissue": dilating}), case()),
    "core course": (case(core_course=TemperatureCourse([0.0, HEATED_S], [37.0, 32.0])), case()),
    "ambient course": (case(boundaries=(Boundary("robin", 10.0, 25.0, course=AIR),)), case()),
    "radiation": (case(boundaries=(Boundary("robin", 10.0, 25.0, emissivity=0.98, surroundings_c=5.0),)), case()),
    "warming": (pool(warming=Warming("regulated", normal=(0, -1, 0), max_power_w=0.5)), pool()),
}
"""Term -> a problem that has it, and one that does not, or that has less of it where every problem has some."""
EVERYWHERE = {"storage", "conduction"}
MOST_APART = 0.07
"""Of what a term moves at most, what it may move linear and quadratic elements apart: bricks of 2 mm."""


def heated(given, order):
    """Temperatures of the nodes before heating and after five minutes of up to 0.4 MW/m3, and the energy balance."""
    system, feedback = steady_system(given, order)
    power_w_m3 = 4e5 * np.sin(np.pi * MESH.centroids_m / SIDE_M).prod(axis=1)
    pieces = [Segment(element_space(MESH, order).load(power_w_m3), HEATED_S)]
    audit = EnergyAudit(system, pieces)
    history = list(play_with_warming(system, pieces, np.arange(0.0, HEATED_S, 50.0), feedback=feedback, ledger=audit))
    nodes = len(MESH.points_m)
    return history[0][1][:nodes], history[-1][1][:nodes], audit.balance_rel


@pytest.mark.parametrize("name", TERMS)
def test_a_term_moves_both_orders_alike_and_closes_its_energy(name):
    having, lacking = EXAMPLES[name]
    assert name in active_terms(having)
    assert (name in active_terms(lacking)) == (name in EVERYWHERE)
    moved = []
    for order in SPACES:
        found, without = heated(having, order), heated(lacking, order)
        print(order, "energy", found[2])
        assert found[2] < 1e-6
        moved.append(np.concatenate([found[when] - without[when] for when in (0, 1)]))
    linear, quadratic = moved
    size = np.abs(quadratic).max()
    print(name, "moves", size, "K, apart", np.abs(linear - quadratic).max() / size)
    assert size > 0.05
    assert np.abs(linear - quadratic).max() < MOST_APART * size


def test_every_term_has_an_example():
    assert set(EXAMPLES) == set(TERMS)


def test_a_term_that_joins_the_list_heats_elements_of_every_order(monkeypatch):
    def add(form, given):
        form.source_w_m3 += 3e4

    before = {order: thermal_system(case(), order).base_c for order in SPACES}
    monkeypatch.setitem(TERMS, "lamp", HeatTerm("a lamp", "lamp", lambda _: True, add))
    nodes = len(MESH.points_m)
    rises = [(thermal_system(case(), order).base_c - before[order])[:nodes] for order in SPACES]
    assert min(rise.max() for rise in rises) > 0.5
    assert np.abs(rises[0] - rises[1]).max() < MOST_APART * rises[1].max()


def test_a_term_that_asks_for_an_integral_that_elements_lack_fails(monkeypatch):
    def feedback(given, system, space):
        yield space.edge_load(given)

    monkeypatch.setitem(TERMS, "wire", HeatTerm("a wire", "wire", lambda _: True, feedback=feedback))
    for order in SPACES:
        with pytest.raises(AttributeError, match="edge_load"):
            feedback_of(case(), thermal_system(case(), order))


def test_both_orders_have_every_integral_of_the_interface():
    wanted = {name for name in vars(ElementSpace) if not name.startswith("_")}
    for order in SPACES:
        space = element_space(MESH, order)
        assert {name for name in wanted if not hasattr(space, name)} == set()


def test_two_surfaces_may_each_radiate_and_follow_air():
    """A bed under a radiating skin, each with a course: the second used to fail on linear elements."""
    bed = Boundary("robin", 50.0, 25.0, normal=(0, -1, 0), emissivity=0.5, course=AIR)
    skin = replace(SKIN, emissivity=0.98, course=AIR)
    (_, linear, balance), (_, quadratic, _) = (heated(case(boundaries=(skin, bed)), order) for order in SPACES)
    assert balance < 1e-6
    assert np.abs(linear - quadratic).max() < 0.5


def test_where_two_held_surfaces_meet_the_later_boundary_holds():
    """A bed at 38 degC and a side at 40: their edge has the temperature of the one that comes last, on both orders."""
    bed, side = (
        Boundary("dirichlet", temperature_c=t, normal=normal) for t, normal in ((38.0, (0, -1, 0)), (40.0, (-1, 0, 0)))
    )
    on_edge = np.flatnonzero((MESH.points_m[:, :2] < 1e-9).all(axis=1))
    for order in SPACES:
        for boundaries, expected in (((SKIN, bed, side), 40.0), ((SKIN, side, bed), 38.0)):
            system = thermal_system(case(boundaries=boundaries), order)
            assert system.base_c[on_edge] == pytest.approx(expected)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Simulations that have every term between them: blood is a pool in one, and follows a file in the other."""
    path = write_body(tmp_path_factory.mktemp("terms"))
    (path.parent / "vein.csv").write_text("x_mm,y_mm,z_mm\n10,11,1\n10,11,23\n")
    air = {"heat_transfer": "5 W/m^2/K", "ambient_course": "air.csv", "emissivity": 0.98}
    pooled = {
        "boundary__skin": air,
        "tissues__tumour__perfusion": "lang-tumour",
        "vessels": [{"name": "vein", "path": "vein.csv", "diameter": "0.6 mm"}],
        "warming": {"kind": "regulated-pad", "normal": "0 -1 0"},
    }
    bed = {"temperature": "38 degC", "surface": "bed"}
    return [end(path, **pooled), end(path, boundary__bed=bed, physiology__core_course="rectal.csv")]


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_named_in_the_methods_and_its_numbers_in_the_parameters(records, name):
    term, having = TERMS[name], []
    for record in records:
        said = f" {term.phrase}" in methods_paragraph(record)
        assert said == (term.phrase in record["solver"]["terms"])
        having += [record] if said else []
    assert having, "no simulation of this test has it"
    assert bool(len(having) == len(records)) or name not in EVERYWHERE
    for record in having:
        rows = [f"{row['name']} ({row['source']})" for row in record["parameters"]]
        assert [row for row in rows if term.parameter in row]
