"""From a protocol to the full model: perfusion laws, an anaesthetic, given cores and air, radiation, a heated bed."""

from __future__ import annotations

import numpy as np
import pytest
from box_case import PROTOCOL, end, write_body

from thermoplan.base.errors import InputError
from thermoplan.base.progress import Stages
from thermoplan.commands.check import check_protocol
from thermoplan.plan import make_plan, simulate
from thermoplan.plan.case.case import build_case
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return write_body(tmp_path_factory.mktemp("box"))


def tumour(record, key="t90_c"):
    return record["regions"]["tumour"][key]


@pytest.fixture(scope="module")
def plain(body):
    return end(body)


def row(record, name):
    return next(row for row in record["parameters"] if row["name"] == name)


def test_perfusion_that_a_hot_tumour_loses_makes_it_hotter(body, plain):
    # Lang's tumour at 42 degC has half of its perfusion at rest; so has the constant of a half, which is hotter still
    lang = end(body, tissues__tumour__perfusion={"law": "lang-tumour", "rest": "5e4 W/m^3/K"})
    whole, half = (end(body, tissues__tumour__perfusion=given) for given in ("5e4 W/m^3/K", "2.5e4 W/m^3/K"))
    print([tumour(r) for r in (whole, lang, half)])
    assert tumour(whole, "t_max_c") > 42.0
    assert tumour(whole) + 0.2 < tumour(lang) < tumour(half) - 0.02
    assert lang["checks"]["energy_balance_rel"] < 1e-3
    table = row(end(body, tissues__tumour__perfusion="lang-tumour"), "tumour: perfusion")
    before = row(plain, "tumour: perfusion")
    assert table == before | {"source": before["source"] + "; at rest, then as lang-tumour [Lang1999]"}


def test_a_table_of_equal_perfusions_is_that_constant(body):
    table = {"temperature": ["36 degC", "45 degC"], "perfusion": ["2e4 W/m^3/K"] * 2}
    constant, course = (end(body, tissues__tumour__perfusion=given) for given in ("2e4 W/m^3/K", table))
    assert tumour(course) == pytest.approx(tumour(constant), abs=2e-3)


def test_a_law_starts_from_the_rest_that_the_protocol_gives(body):
    given = end(body, tissues__tumour__perfusion={"law": "sigmoid-tumour", "rest": "3e3 W/m^3/K"})
    assert row(given, "tumour: perfusion")["value"] == pytest.approx(3e3)
    assert row(given, "tumour: perfusion")["source"] == "protocol; at rest, then as sigmoid-tumour [assumed]"


def test_the_heat_problem_has_the_blood_of_its_animal_and_laws_that_start_at_rest(body):
    # 4.9 % of 24 g at 3617 J/kg/K; Lang's tumour is at rest up to 37 degC, at what the table or the protocol says
    for given, rest in (("lang-tumour", None), ({"law": "lang-tumour", "rest": "3e4 W/m^3/K"}, 3e4)):
        protocol = read_protocol(body, {"tissues.tumour.perfusion": given})
        case = build_case(read_inputs(protocol), Stages())
        problem = case.problem()
        at_rest = problem.perfusion_w_m3_k[case.anatomy.region_names.index("tumour")]
        assert problem.blood_j_k == pytest.approx(0.049 * 0.024 * 3617.0)
        assert problem.laws["tumour"](np.array([37.0])) == pytest.approx([at_rest if rest is None else rest])
        assert rest is None or at_rest == pytest.approx(rest)


def test_an_anaesthetic_slows_the_table_s_perfusion_and_says_so(body, plain):
    slow = end(body, physiology__anaesthesia="isoflurane")
    now, before = (row(record, "muscle: perfusion") for record in (slow, plain))
    assert 0.7 <= now["value"] / before["value"] < 1.0
    assert now["source"] == before["source"] + ", slowed by isoflurane"
    assert slow["history"]["regions"]["body"]["t50_c"][0] < plain["history"]["regions"]["body"]["t50_c"][0] - 0.1


def test_a_core_that_was_measured_is_followed_and_shown(body, plain):
    measured = end(body, physiology__core_course="rectal.csv")
    core = measured["core"]
    assert core["temperature_c"] == pytest.approx(36.0 - np.array(core["time_s"]) / 300.0)
    assert row(measured, "core temperature before heating")["value"] == 36.0
    assert tumour(measured) < tumour(end(body, physiology__core="fixed", physiology__arterial="36 degC")) - 0.05
    assert not any("infinite heat sink" in text for text in measured["warnings"])
    with pytest.raises(InputError, match=r"physiology\.arterial: 37 degC, but rectal\.csv begins at 36 degC"):
        end(body, physiology__core_course="rectal.csv", physiology__arterial="37 degC")


def test_air_that_coils_warm_warms_the_skin(body, plain):
    skin = {"heat_transfer": "11 W/m^2/K", "ambient_course": "air.csv"}
    warmed = end(body, boundary__skin=skin)
    here, there = (record["regions"]["skin"]["t_min_c"] for record in (warmed, plain))
    assert there + 0.2 < here < there + 10.0
    with pytest.raises(InputError, match="has ambient and ambient_course"):
        end(body, boundary__skin={**skin, "ambient": "25 degC"})


def test_radiation_and_convection_apart_are_about_their_sum(body, plain):
    # 5 W/m2/K and emissivity 0.98 to 25 degC: 4 eps sigma (302 K)^3 = 6.1, the table's 11 together
    apart = end(body, boundary__skin={"heat_transfer": "5 W/m^2/K", "emissivity": 0.98})
    assert apart["regions"]["skin"]["t_min_c"] == pytest.approx(plain["regions"]["skin"]["t_min_c"], abs=0.1)
    assert row(apart, "skin: emissivity")["value"] == 0.98
    walls = {"heat_transfer": "5 W/m^2/K", "emissivity": 0.98, "surroundings": "10 degC"}
    assert end(body, boundary__skin=walls)["regions"]["skin"]["t_min_c"] < apart["regions"]["skin"]["t_min_c"] - 1.0
    with pytest.raises(InputError, match=r"boundary\.skin\.emissivity: expected heat_transfer beside it"):
        end(body, boundary__skin={"emissivity": 0.98})


def test_a_bed_on_a_named_surface_is_the_one_that_faces_its_way(body, plain):
    bed = {"heat_transfer": "100 W/m^2/K", "ambient": "38 degC"}
    named, facing = (end(body, boundary__bed={**bed, **where}) for where in ({"surface": "bed"}, {"normal": "0 -1 0"}))
    assert named["regions"] == facing["regions"]
    assert named["regions"]["body"]["t_mean_c"] > plain["regions"]["body"]["t_mean_c"] + 0.1
    with pytest.raises(InputError, match=r'bed\.surface = "table": not a named surface of the mesh; it has bed'):
        end(body, boundary__bed={**bed, "surface": "table"})
    with pytest.raises(InputError, match=r"boundary\.bed: has normal and surface"):
        end(body, boundary__bed={**bed, "surface": "bed", "normal": "0 -1 0"})


def test_a_held_bed_and_an_insulated_skin_are_what_they_say(body):
    held = end(body, boundary__bed={"temperature": "38 degC", "surface": "bed"}, boundary__skin={"insulated": True})
    assert held["regions"]["skin"]["t_max_c"] >= 38.0
    assert held["checks"]["energy_balance_rel"] < 1e-3


def test_the_end_of_every_dwell_and_of_heating_is_looked_at_however_seldom_the_rest(body):
    # the peak is at 33.3 s, when the first dwell ends: looked at every 5 min, the run would not have seen it
    path = body.with_name("two.csv")
    path.write_text("start_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,33.3,10,11,12,13\n200,20,10,11,12,6\n")
    record = simulate(read_protocol(body, {"session.output_step": "5 min"}), path).record
    assert record["history"]["time_s"] == pytest.approx([0.0, 33.3, 220.0, 300.0, 420.0])
    assert record["hottest"]["time_s"] == pytest.approx(33.3)
    assert record["trajectory"]["duty"] == pytest.approx((33.3 + 20.0) / 300.0)  # of the heating, not of the run


def test_check_says_what_follows_a_law_or_a_file(body):
    path = body.with_name("said.toml")
    blood = '[physiology]\nanaesthesia = "isoflurane"\ncore_course = "rectal.csv"'
    path.write_text(
        PROTOCOL.replace("[physiology]", blood)
        + '[tissues.tumour]\nperfusion = "lang-tumour"\n[boundary]\nbed = { temperature = "38 degC", '
        'surface = "bed" }\nskin = { heat_transfer = "5 W/m^2/K", ambient_course = "air.csv", '
        "emissivity = 0.98 }\n"
    )
    said = dict(check_protocol(path)["understood"])
    assert said["core"] == "36 degC before heating, then as measured, 34.6 to 36 degC over 7 min"
    assert said["anaesthesia"] == "isoflurane: perfusion of the table times 0.8"
    assert said["perfusion of tumour"] == "follows lang-tumour"
    assert said["skin"] == (
        "5 W/m^2/K to 25 degC, which follows a file, 25 to 35 degC over 5 min, radiates to 25 degC at emissivity 0.98"
    )
    assert said["bed"] == 'held at 38 degC, surface "bed" of the mesh'


def test_a_plan_under_a_law_is_searched_until_it_agrees_with_what_the_law_does(body):
    path = body.with_name("planned.toml")
    path.write_text(
        PROTOCOL + '[tissues.tumour]\nperfusion = "lang-tumour"\n[[goals]]\nregion = "tumour"\n'
        'metric = "T90"\nat_least = "42 degC"\n'
    )
    plan = make_plan(path)
    rounds = plan.record["optimizer"]["rounds"]
    print([row["prediction_k"] for row in rounds])
    assert plan.products.heating_model.feedback is not None
    assert rounds[0]["prediction_k"] > 0.1
    assert plan.record["checks"]["prediction_k"] <= 0.1


def test_a_vessel_beside_the_tumour_cools_it_and_is_reported(body, plain):
    (body.parent / "vein.csv").write_text("x_mm,y_mm,z_mm\n10,11,1\n10,11,23\n")
    vein = {"name": "vein", "path": "vein.csv", "diameter": "0.6 mm", "flow": "0.5 mL/min"}
    record = end(body, vessels=[vein])
    assert tumour(record, "t50_c") < tumour(plain, "t50_c") - 0.3
    assert record["checks"]["energy_balance_rel"] < 1e-3
    assert row(record, "vessel vein: length")["value"] == pytest.approx(22.0)
    # 0.022 / ((1 / (4.3636 pi 0.5169) + ln 10 / (2 pi 0.5)) 3.797e6 8.333e-9) = 0.7955, and 1 - exp(-0.7955) = 55 %
    assert any("take on about 55% of its difference to tissue" in words for words in record["warnings"])
    assert any("temperatures within" in words and "vessel vein" in words for words in record["warnings"])
    drawn = body.with_name("drawn.toml")
    drawn.write_text(read_protocol(body, {"vessels": [vein]}).text)
    assert "22 mm long, 0.6 mm wide" in dict(check_protocol(drawn)["understood"])["vessel vein"]


def test_vessels_that_miss_the_body_or_cannot_be_read_are_refused_by_key(body):
    (body.parent / "far.csv").write_text("x_mm,y_mm,z_mm\n10,11,100\n10,11,123\n")
    (body.parent / "flat.csv").write_text("x_mm,y_mm\n10,11\n")
    vein = {"name": "vein", "path": "far.csv", "diameter": "0.6 mm"}
    with pytest.raises(
        InputError,
        match=r"box.toml: vessels\[0\].path: vein runs from 10 11 100 to 10 11 123 mm, "
        "through no part of the body",
    ):
        end(body, vessels=[vein])
    with pytest.raises(InputError, match=r'box.toml: vessels\[0\].path = "flat.csv": flat.csv: has no column z_mm'):
        end(body, vessels=[vein | {"path": "flat.csv"}])
    with pytest.raises(InputError, match='name = "vein": used twice'):
        end(body, vessels=[vein, vein])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"physiology.arterial": "400 degC"}, r'box\.toml: physiology\.arterial = "400 degC": .*; from 0 to 60 degC'),
        (
            {"boundary.skin": {"temperature": "37 K"}},
            r'boundary\.skin\.temperature = "37 K": .*; from -100 to 200 degC',
        ),
        (
            {"boundary.skin": {"heat_transfer": "9 W/m^2/K", "ambient_course": "kelvin.csv"}},
            r'boundary\.skin\.ambient_course = "kelvin\.csv": row 1, temperature_C = 298: '
            r"expected -100 to 200 degC; kelvins",
        ),
        (
            {"boundary.bed": {"heat_transfer": "9 W/m^2/K", "ambient_course": "torn.csv", "surface": "bed"}},
            r'boundary\.bed\.ambient_course = "torn\.csv": torn\.csv: row 2, temperature_C = "nan": expected a number',
        ),
        ({"physiology.core_course": "kelvin.csv"}, r'physiology\.core_course = "kelvin\.csv": row 1, .* 0 to 60 degC'),
        (
            {"physiology.core_course": "one.csv"},
            r'core_course = "one\.csv": course: expected two or more times that rise',
        ),
    ],
)
def test_temperatures_that_no_animal_has_are_refused_by_key(body, change, says):
    (body.parent / "kelvin.csv").write_text("time_s,temperature_C\n0,298\n300,310\n")
    (body.parent / "torn.csv").write_text("time_s,temperature_C\n0,25\n300,nan\n")
    (body.parent / "one.csv").write_text("time_s,temperature_C\n0,25\n")
    with pytest.raises(InputError, match=says):
        read_protocol(body, change)


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (
            {"output_step": "5 ms"},
            r'session\.output_step = "0\.005 s": looks .* more than 50000 times; .* than "0\.0084 s"',
        ),
        ({"output_step": "6 min"}, r'session\.output_step = "360 s": longer than the session; expected no more than'),
        (
            {"cool_down": "1e9 s"},
            r'session\.cool_down = "1e9 s": expected a duration, .* from 0 s to 24 h \(expected a day at most',
        ),
    ],
)
def test_a_run_that_would_be_looked_at_for_ever_is_refused(body, session, says):
    # 5 min of heating and 2 min of cool-down: 420 s / 50,000 = 8.4 ms
    with pytest.raises(InputError, match=says):
        read_protocol(body, {f"session.{key}": value for key, value in session.items()})
    read_protocol(body, {"session.output_step": "8.4 ms"})


def test_a_vessel_drawn_in_metres_or_out_of_the_body_is_named(body):
    for name, ends in (
        ("metres", "0.010,0.011,0.001\n0.010,0.011,0.023\n"),
        ("out", "10,11,12\n10,11,46\n"),
        ("in", "10,11,1\n10,11,23\n"),
    ):
        (body.parent / f"{name}.csv").write_text(f"x_mm,y_mm,z_mm\n{ends}")
    vein = {"name": "vein", "path": "metres.csv", "diameter": "0.6 mm"}
    with pytest.raises(InputError, match=r'vessels\[0\].path = "metres.csv": vessel vein: 0.022 mm long, less than'):
        end(body, vessels=[vein])
    with pytest.raises(InputError, match=r"vessels\[0\].nusselt = inf: expected a number above 0"):
        end(body, vessels=[vein | {"nusselt": float("inf")}])
    # from z = 12 mm to 46 mm, of which the body has those up to 24
    said = end(body, vessels=[vein | {"path": "out.csv"}])["warnings"]
    assert any(
        "vessel vein: 64% of its path runs outside the body" in words
        or "vessel vein: 65% of its path runs outside the body" in words
        for words in said
    )
    assert not any("outside the body" in words for words in end(body, vessels=[vein | {"path": "in.csv"}])["warnings"])
