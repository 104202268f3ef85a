"""What no plan can do is said before anything is meshed, by `check` and by `plan` alike."""

from __future__ import annotations

import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.plan import make_plan, simulate
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.plan.steering.temperature_bound import TemperatureBound
from thermoplan.protocol import read_protocol

RANGE = 'amplitude = "13 mT"\namplitude_range = ["0 mT", "0 mT"]'
CASES = {
    "a goal against a default limit": (
        [('"CEM43T90"', '"T90"'), ('at_least = "2 min"', 'at_least = "51 degC"')],
        "tumour: T90 at least 51 degC cannot be had with Tmax at most 50 degC .a default limit",
    ),
    "a dose that the limit on temperature leaves no time for": (
        # 10 min at 42 degC are 2.5 CEM43, and 3 min of cool-down 0.75
        [
            ('at_least = "2 min"', 'at_least = "4 min"'),
            ("[[probes]]", '[[limits]]\nregion = "tumour"\nmetric = "Tmax"\nat_most = "42 degC"\n\n[[probes]]'),
        ],
        "CEM43T90 at least 4 min cannot be had with Tmax at most 42 degC",
    ),
    "a limit below the body's own temperature": (
        [("[[probes]]", '[[limits]]\nregion = "liver"\nmetric = "Tmax"\nat_most = "36 degC"\n\n[[probes]]')],
        "liver: Tmax at most 36 degC is below the body's own 36.5 degC",
    ),
    "no drive": (
        [('amplitude = "13 mT"\nfrequency = "354 kHz"\n\n[phys', f'{RANGE}\nfrequency = "354 kHz"\n\n[phys')],
        "amplitude_range ends at 0 mT",
    ),
    "a drive that the machine cannot give": (
        [("[session]", '[steering]\namplitudes = ["40 mT"]\n\n[session]')],
        "amplitude = 40 mT: outside amplitude_r",
    ),
    "a target out of reach": (
        [('name = "berkeley-ffp"', 'name = "berkeley-ffp"\nto_device = [[1,0,0,0],[0,1,0,0],[0,0,1,300],[0,0,0,1]]')],
        "goals: region tumour: .*out of reach",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_no_plan_can_do_is_refused_by_check_and_plan(tmp_path, name):
    text = PROTOCOL
    for old, new in CASES[name][0]:
        assert old in text
        text = text.replace(old, new, 1)
    path = write_case(tmp_path / "case", protocol=text)
    for ask in (check_protocol, make_plan):
        with pytest.raises(InputError, match=CASES[name][1]):
            ask(path)


def test_a_goal_on_a_region_without_tracer_is_refused_with_what_it_holds(tmp_path):
    path = write_case(tmp_path / "case", tumour_mg_ml=0.0)
    with pytest.raises(InputError, match=r"region tumour: holds 0 mg of iron.*out of reach.*check the iron image"):
        make_plan(path)


def test_a_goal_that_only_much_tracer_could_reach_is_refused_where_there_is_little(tmp_path):
    """0.01 mg/mL makes 2.5 kW/m3; against a perfusion of 10 kW/m3/K that is 0.25 K."""
    with pytest.raises(InputError, match=r"0\.01 mg/mL at most"):
        check_protocol(write_case(tmp_path / "little", tumour_mg_ml=0.01))
    assert check_protocol(write_case(tmp_path / "enough", tumour_mg_ml=0.2))["ok"]


def test_without_tracer_a_little_warmth_is_not_refused_and_a_dose_in_the_brain_is(tmp_path, flank):
    """Warm blood and eddy currents can have 38 degC of a tumour without iron; of the shipped mouse's brain no dose."""
    mild = PROTOCOL.replace('"CEM43T90"', '"T90"').replace('at_least = "2 min"', 'at_least = "38 degC"')
    assert check_protocol(write_case(tmp_path / "mild", protocol=mild, tumour_mg_ml=0.0))["ok"]
    text = flank.read_text().replace("../meshes", str(flank.parents[1] / "meshes"))
    brain = tmp_path / "brain.toml"
    brain.write_text(text.replace('[[goals]]\nregion = "tumour"', '[[goals]]\nregion = "brain"'))
    with pytest.raises(InputError, match=r"region brain: holds 0 mg of iron.*out of reach.*no more than 0\.7"):
        check_protocol(brain)


def test_of_regions_taken_as_one_the_warm_one_is_enough(tmp_path):
    """T10 of tumour and liver together lies in the tumour; of a liver without iron it is out of reach."""
    text = PROTOCOL.replace(
        'region = "tumour"\nmetric = "CEM43T90"\nat_least = "2 min"',
        'region = ["tumour", "liver"]\nmetric = "T10"\nat_least = "42 degC"',
    )
    cold = {"liver_mg_ml": 0.0, "tumour_mg_ml": 6.0}
    with pytest.raises(InputError, match="region liver: holds 0 mg"):
        check_protocol(write_case(tmp_path / "apart", protocol=text, **cold))
    joined = text.replace('metric = "T10"', 'as_one = true\nmetric = "T10"')
    assert check_protocol(write_case(tmp_path / "joined", protocol=joined, **cold))["ok"]


def test_no_tissue_of_the_full_model_is_warmer_than_what_is_reckoned_beforehand(tmp_path):
    """A drive without gradient on throughout; the core stays below its limit, so that the bound knows of no other."""
    text = PROTOCOL.replace('name = "berkeley-ffp"\ngradient = "2.35 T/m"', 'name = "uniform"')
    path = write_case(tmp_path / "case", protocol=text, tumour_mg_ml=0.0, liver_mg_ml=0.7)
    done = simulate(path, quick=True).products.outcome
    warming = TemperatureBound(read_inputs(read_protocol(path)))
    assert done.core_c.max() < 39.5
    heating = done.time_s <= done.heating_end_s
    bounds = {name: warming.course_c(done.time_s[heating], warming.near(name)) for name in ("tumour", "liver")}
    for name, bound in bounds.items():
        assert (done.series.course(name)["t_max_c"][heating] <= bound).all()
        assert (done.core_c[heating] <= bound).all()
    assert bounds["tumour"][-1] < done.core_c[heating][-1] + 3.0, "sharp enough to say something"


def test_every_impossible_thing_is_said_at_once(tmp_path):
    text = PROTOCOL.replace('"CEM43T90"', '"T90"').replace('at_least = "2 min"', 'at_least = "51 degC"')
    text = text.replace(*CASES["no drive"][0][0])
    with pytest.raises(InputError) as error:
        check_protocol(write_case(tmp_path / "case", protocol=text, tumour_mg_ml=0.0))
    assert len(error.value.complaints) == 3
