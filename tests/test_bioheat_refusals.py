"""What the heat engine refuses, and what it says when a solver does not get there."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from box_case import PROTOCOL, end, write_body
from heat_cases import box, problem, quadratic_system

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError, SolverError
from thermoplan.bioheat import (
    Boundary,
    Segment,
    evolve,
    evolve_coupled,
    evolve_implicit,
    reduced_model,
    settle,
    steady_rise,
    thermal_system,
)
from thermoplan.commands.check import check_protocol
from thermoplan.plan import make_plan, simulate
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.plan.case.preflight import refuse_unready
from thermoplan.plan.steering.search_problem import heating_problem
from thermoplan.protocol import read_protocol


@pytest.fixture(scope="module")
def body():
    mesh = box((4, 4, 4), (0.012, 0.012, 0.012))
    system = thermal_system(problem(mesh, perfusion=1e4, boundaries=(Boundary("robin", 10.0, 25.0),)))
    load = np.zeros(system.n_nodes)
    load[62] = 0.05
    return system, load


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_body(tmp_path_factory.mktemp("refused"))


@pytest.mark.parametrize(
    ("points", "tets", "says"),
    [
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [5, 5, 5]], [[0, 1, 2, 3]], "1 nodes belong to no element"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2, 3]], "element 0 has volume 0 m3: inverted or flat"),
    ],
)
def test_a_mesh_that_carries_no_heat_is_refused(points, tets, says):
    with pytest.raises(InputError, match=says):
        Anatomy(np.array(points, float), np.array(tets), np.zeros(1, int), ("body",), ("muscle",))


def test_a_region_without_a_tissue_is_refused():
    with pytest.raises(InputError, match="every region needs one tissue"):
        Anatomy(np.eye(4, 3, -1), [[0, 1, 2, 3]], [0], ("body",), ())


def test_a_region_of_an_unknown_tissue_is_named(path):
    (path.parent / "granite.csv").write_text("label,region,tissue\n7,body,granite\n8,tumour,tumour\n")
    with pytest.raises(InputError, match='tissue "granite" is not in the table'):
        end(path, anatomy__label_table="granite.csv")


BARE = {f"tissues.{name}.perfusion": "0 1/s" for name in ("muscle", "tumour")}


@pytest.mark.parametrize(
    ("skin", "says"),
    [
        (
            {"insulated": True},
            r"box\.toml: boundary\.skin = \{ insulated = true \}, and no tissue is perfused: 0\.\d+ W",
        ),
        (
            {"heat_transfer": "0 W/m^2/K", "ambient": "25 degC"},
            r'boundary\.skin = \{ heat_transfer = "0 W/m\^2/K" \}, ',
        ),
    ],
)
def test_a_steady_state_that_cannot_be_reached_is_refused_by_every_verb_before_anything_is_meshed(path, skin, says):
    protocol = read_protocol(path, {**BARE, "boundary.skin": skin})
    for verb in (simulate, make_plan, heating_problem):
        with pytest.raises(InputError, match=says + r'.*; give boundary\.skin a heat_transfer, such as "10 W/m\^2/K"'):
            verb(protocol)
    written = path.with_name("bare.toml")
    written.write_text(
        PROTOCOL
        + "[boundary]\nskin = { insulated = true }\n[tissues]\n"
        + "".join(f'{name}.perfusion = "0 1/s"\n' for name in ("muscle", "tumour"))
    )
    with pytest.raises(InputError, match=r"bare\.toml: boundary\.skin = "):
        check_protocol(written)


def test_any_way_out_for_the_heat_is_enough(path):
    for way in (
        {"boundary.skin": {"heat_transfer": "0 W/m^2/K", "ambient": "25 degC", "emissivity": 0.9}},
        {"boundary.bed": {"temperature": "37 degC", "normal": "P"}, "boundary.skin": {"insulated": True}},
        {f"tissues.{name}.metabolic_heat": "0 W/kg" for name in ("muscle", "tumour")}
        | {"boundary.skin": {"insulated": True}},
    ):
        refuse_unready(read_inputs(read_protocol(path, {**BARE, **way})))


def test_the_error_of_a_mesh_that_no_heat_leaves_is_refused_before_anything_is_computed(path):
    closed = read_protocol(path, {"anatomy.species": "phantom", "boundary.skin": {"insulated": True}})
    for verb in (simulate, make_plan):
        with pytest.raises(InputError, match=r"insulated = true \}, and no tissue is perfused: .*leave the option out"):
            verb(closed, estimate_error=True)
    assert simulate(closed).record["accuracy"] is None
    cooled = simulate(read_protocol(path, {"anatomy.species": "phantom"}), estimate_error=True).record["accuracy"]
    assert 0.0 < cooled["error_k"] < 1.0


def test_a_part_of_the_body_that_no_heat_leaves_is_refused():
    one = box((2, 2, 2), (0.01, 0.01, 0.01))
    n = len(one.points_m)
    both = Anatomy(
        np.concatenate([one.points_m, one.points_m + 0.1]),
        np.concatenate([one.tets, one.tets + n]),
        np.repeat([0, 1], len(one.tets)),
        ("a", "b"),
        ("muscle", "muscle"),
    )
    for assembled, unknowns in ((thermal_system, n), (quadratic_system, 5**3)):
        with pytest.raises(InputError, match=rf"unreachable: in {unknowns} of {2 * unknowns} unknowns"):
            assembled(problem(both, perfusion=[1e4, 0.0], metabolic=1e3))
    assert thermal_system(problem(both, perfusion=[1e4, 0.0], metabolic=[1e3, 0.0])).base_c[n:] == pytest.approx(37.0)


def test_a_bed_that_no_skin_faces_is_named_with_its_file_and_its_key(path):
    bed = {"heat_transfer": "100 W/m^2/K", "ambient": "37 degC", "normal": "1 1 1"}
    with pytest.raises(InputError, match=r'box\.toml: boundary\.bed\.normal = "0\.577 0\.577 0\.577": no facet of'):
        simulate(read_protocol(path, {"boundary.bed": bed}))


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (np.ones(3), r"\(3,\) values, 0 of them"),
        (np.full((2, 125), np.nan), r"\(2, 125\) values, 250 of them"),
    ],
)
def test_a_load_that_is_not_the_power_of_each_node_is_refused(load, says):
    mesh = box((4, 4, 4), (0.012, 0.012, 0.012))
    system = thermal_system(problem(mesh, perfusion=1e4, boundaries=(Boundary("robin", 10.0, 25.0),)))
    with pytest.raises(InputError, match=f"loads: {says}.* each of the 125 nodes"):
        system.loads(load)


def test_every_output_step_is_met_and_so_are_both_ends(path):
    # 5 min of heating and 2 min of cool-down in steps of 70 s from the start of each
    times = end(path, session__output_step="70 s")["history"]["time_s"]
    assert times == pytest.approx([0, 70, 140, 210, 280, 300, 370, 420])


def test_tissue_that_boils_is_told_and_tissue_that_is_gone_is_refused(path):
    # 200 W/g heat the tumour of 5 mg/mL by 15 K; six times as much by 90 K. Watts for milliwatts of metabolic heat do
    # so by thousands before the session begins
    told = end(path, tracer__measured_slp__value="1200 W/g")
    peak = told["regions"]["tumour"]["t_peak_c"]
    assert 100.0 < peak < 150.0
    assert f"tissue reaches {peak:.0f} degC, where its water boils: the model knows no steam" in told["warnings"]
    with pytest.raises(InputError, match=r"box\.toml: tumour: .* degC after 0 s: above 150 degC no tissue is left"):
        end(path, tissues__tumour__metabolic_heat="5e8 W/m^3")


@pytest.mark.parametrize("step_s", [0.0, -1.0, float("nan")])
def test_a_dwell_or_a_rest_without_length_is_refused(step_s):
    with pytest.raises(InputError, match="expected a time above zero"):
        Segment(np.zeros(3), step_s)


@pytest.mark.parametrize("engine", [evolve_implicit, evolve_coupled])
@pytest.mark.parametrize("time_s", [-1.0, 11.0, float("nan")])
def test_an_output_outside_the_run_is_refused_by_every_engine(body, engine, time_s):
    system, load = body

    class Nothing:
        def power_w(self, time_s, temperature_c):
            return np.zeros(len(temperature_c))

        slope_w_k = power_w

    with pytest.raises(InputError, match="the run is from 0 to 10"):
        list(engine(system, [Segment(load, 10.0)], [time_s], feedback=Nothing()))


def test_conjugate_gradients_that_stop_short_say_how_far_they_got(body, monkeypatch):
    system, load = body
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.conjugate_gradients"), "BASE_ITERATIONS", 3)
    with pytest.raises(SolverError, match=r"residual \d\.\d+e-\d+ after 3 iterations, wanted 1e-11"):
        steady_rise(system, load)


def test_a_step_whose_solver_stops_short_says_how_far_it_got(body, monkeypatch):
    system, load = body
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.shifted"), "CG_ITERATIONS", 2)
    with pytest.raises(SolverError, match=r"residual \d\.\de-\d+ K after 2 iterations, wanted 1\.0e-0\d"):
        list(evolve_implicit(system, [Segment(load, 100.0)], []))


def test_a_step_whose_solver_gets_there_in_its_last_iteration_has_converged(body, monkeypatch):
    system, load = body
    shifted, needed = import_module("thermoplan.bioheat.linalg.shifted"), []
    for most in range(1, 60):
        monkeypatch.setattr(shifted, "CG_ITERATIONS", most)
        try:
            list(evolve_implicit(system, [Segment(load, 1.0)], []))
        except SolverError as error:
            residual, wanted = map(float, re.search(r"residual (\S+) K .* wanted (\S+)", str(error)).groups())
            assert residual >= wanted
        else:
            needed.append(most)
            break
    assert needed and needed[0] > 1


def test_a_steady_state_that_never_settles_says_after_how_many_rounds(body):
    class Thermostat:
        def power_w(self, time_s, temperature_c):
            return np.where(temperature_c < 37.2, 1e-2, 0.0)

        def slope_w_k(self, time_s, temperature_c):
            return np.zeros(len(temperature_c))

    with pytest.raises(SolverError, match=r"still moving by .* K after 60 rounds"):
        settle(body[0], Thermostat())


@pytest.fixture
def cramped(monkeypatch):
    """Room for a handful of Krylov vectors."""
    krylov = import_module("thermoplan.bioheat.linalg.krylov")
    monkeypatch.setattr(krylov, "BASIS_BYTES", 0)
    monkeypatch.setattr(krylov, "FEWEST_VECTORS", 4)


def test_krylov_vectors_that_run_out_say_how_many_and_what_is_left(body, cramped):
    system, load = body
    tiny = system.capacity_j_k.copy()
    tiny[62] *= 1e-12
    with pytest.raises(
        SolverError,
        match=r"space of 4 vectors is good for less than \d\.\de-\d\d s, residual "
        r"\d\.\de[+-]\d\d K after 100 s, wanted 1\.0e-05 K: the mesh has elements far too small",
    ):
        list(evolve(replace(system, capacity_j_k=tiny), [Segment(load, 100.0)], []))
    with pytest.raises(SolverError, match=r"response: 400 Krylov spaces, the last of 4 vectors, reach \S+ s of 60 s"):
        reduced_model(replace(system, capacity_j_k=tiny), load[None], 100.0)


def test_a_feedback_that_jumps_says_how_far_it_was_and_what_was_wanted(body):
    system, load = body

    class Switch:
        def power_w(self, time_s, temperature_c):
            return np.where(temperature_c > 40.0, 1e6 * (1.0 + np.sin(1e9 * temperature_c)), 0.0)

        def slope_w_k(self, time_s, temperature_c):
            return np.zeros(len(temperature_c))

    moves = r"still moves by \d\.\de\+\d\d K in \d\.\de-\d\d s at \d+\.\d\d s, wanted 1e-02 K"
    with pytest.raises(SolverError, match=moves):
        list(evolve_coupled(system, [Segment(load, 100.0)], [], feedback=Switch()))
    with pytest.raises(SolverError, match=r"moves by \d\.\de[+-]\d\d K after 12 rounds"):
        list(evolve_implicit(system, [Segment(load, 100.0)], [], feedback=Switch()))


def test_quadratic_elements_say_how_far_their_solver_got(body, monkeypatch):
    mesh = box((2, 2, 2), (0.012, 0.012, 0.012))
    system = quadratic_system(problem(mesh, perfusion=1e4, boundaries=(Boundary("robin", 10.0, 25.0),)))
    load = np.where(np.arange(system.n_nodes) == 40, 0.05, 0.0)
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.shifted"), "CG_ITERATIONS", 2)
    with pytest.raises(SolverError, match=r"residual \d\.\de-\d+ K after 2 iterations, wanted \d\.\de-\d\d"):
        list(evolve_implicit(system, [Segment(load, 100.0)], []))
    monkeypatch.setattr(import_module("thermoplan.bioheat.linalg.conjugate_gradients"), "BASE_ITERATIONS", 3)
    with pytest.raises(SolverError, match=r"residual \d\.\d+e[+-]\d+ after 3 iterations, wanted 1e-11"):
        quadratic_system(problem(mesh, perfusion=1e4, boundaries=(Boundary("robin", 10.0, 25.0),)))
