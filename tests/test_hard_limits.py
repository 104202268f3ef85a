"""Limits of safety that a protocol makes hard: kept by the search, checked afterwards, and a plan fails by them."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.commands.check import check_protocol
from thermoplan.goals import Resolved, SafetyBudget
from thermoplan.plan import make_plan
from thermoplan.plan.case.safety_limits import allowed_amplitudes_t, refuse_impossible
from thermoplan.plan.record.verdict import run_status, verdict
from thermoplan.protocol import read_protocol

MU0 = 4e-7 * np.pi
GOAL = {"kind": "goal", "region": "tumour", "metric": "CEM43T90", "met": True}


def with_safety(folder, lines: str, **more):
    return write_case(folder, protocol=f"{PROTOCOL}\n[safety]\n{lines}\n", **more)


def test_a_plan_stays_inside_a_hard_limit_on_the_field_and_on_the_power(tmp_path):
    # without them this block is heated at 13 mT with 0.29 W; H f of 3e9 leaves mu0 3e9 / 354 kHz = 10.65 mT
    protocol = with_safety(tmp_path, 'h_f_at_most = "3e9 A/m/s"\nabsorbed_at_most = "0.1 W"')
    plan = make_plan(protocol, pareto="")
    record = plan.record
    hard = {row["quantity"]: row for row in record["safety"]["limits"] if row["hard"]}
    assert max(record["summary"]["amplitude_mt"]) <= MU0 * 3e9 / 354e3 * 1e3 * (1 + 1e-9)
    assert 0.095 < hard["absorbed"]["value"] <= 0.1 and not hard["absorbed"]["exceeded"]
    assert hard["h_f"]["value"] <= 3e9 * (1 + 1e-9) and not hard["h_f"]["exceeded"]
    assert record["status"] == "goals-missed"  # what is allowed is not enough for the goal, and the plan says so
    assert record["summary"]["verdict"].startswith("Missed: tumour CEM43T90")
    assert any("safety.h_f_at_most = 3e+09 A/m/s keeps the drive at 10.6 mT" in text for text in record["warnings"])
    assert record["checks"]["prediction_k"] < 0.1
    assert len(record["optimizer"]["predicted"]) == len(record["goals"])
    kept_by_those_made_by_hand_and_by_the_front(record)


def kept_by_those_made_by_hand_and_by_the_front(record) -> None:
    """By hand the goal costs more than 0.1 W, which is said; at equal limits none has more than 0.1 W to heat with,
    and the wide end of the front ends at it too."""
    by_hand = {row["name"]: row for row in record["alternatives"]}
    for name in ("parked at the centre", "uniform raster", "no gradient"):
        (broken,) = [text for text in by_hand[name]["limits_broken"] if text.startswith("absorbed power")]
        assert int(re.fullmatch(r"absorbed power: (\d+)% of its hard limit", broken)[1]) > 105
        assert by_hand[name]["t90_within_limits_c"] < by_hand[name]["t90_c"]
    assert not any(text.startswith("absorbed") for text in by_hand["this plan"]["limits_broken"])
    assert "hard limit on absorbed power" in record["pareto"]["points"][-1]["others_at_bound"]


def test_a_budget_is_a_linear_limit_on_the_mean_over_the_heating():
    # two columns of 0.3 and 0.1 W against 0.2 W, over windows of 100 and 300 s
    budget = SafetyBudget("absorbed power", np.array([1.5, 0.5]))
    shares, edges = np.array([[0.8, 0.1], [0.2, 0.4]]), np.array([0.0, 100.0, 400.0])
    mean_w = (100 * (0.8 * 0.3 + 0.1 * 0.1) + 300 * (0.2 * 0.3 + 0.4 * 0.1)) / 400
    assert budget.used(shares, edges) == pytest.approx(100 * mean_w / 0.2, rel=1e-12)
    assert budget.met(100.0) and not budget.met(100.1) and budget.said(100 * mean_w / 0.2) == "69%"
    # a tenth of the budget is a tenth whatever it is weighed against
    assert budget.in_k(100.0) - budget.in_k(90.0) == pytest.approx(budget.widening.amount_k)


def test_a_budget_follows_the_columns_that_are_left_or_mixed():
    budget = SafetyBudget("absorbed power", np.array([1.5, 0.5, 0.2]))
    asked = Resolved((), (), np.zeros(0, int), np.zeros(3), budgets=(budget,))
    (left,), (mixed,) = asked.restricted([2, 0]).budgets, asked.mixed(np.array([[0.5, 0.5, 0.0]])).budgets
    assert left.part.tolist() == [0.2, 1.5] and mixed.part == pytest.approx([1.0])
    assert asked.yielding(0, 0.02).budgets[0].kind == "goal" and asked.requirements == (budget,)


def test_a_plan_that_breaks_a_hard_limit_has_failed_and_its_verdict_says_which():
    broken = {"name": "H f, this protocol's limit", "hard": True, "exceeded": True}
    soft = {"name": "H f, as tolerated by people in a 30 cm loop", "hard": False, "exceeded": True}
    assert run_status({}, [GOAL], [soft]) == "ok"
    assert run_status({}, [GOAL], [soft, broken]) == "goals-missed"
    said = verdict([GOAL], [soft, broken])
    assert said == "Safety limit broken: H f, this protocol's limit. Every goal is met and every limit is kept."


def body(folder, lines: str):
    """What is known of a case before it is meshed: a cylinder of 11 mm, in cubes."""
    protocol = read_protocol(with_safety(folder, lines))
    centroids = np.argwhere(np.ones((22, 22, 40))) * 1e-3 - [10.5e-3, 10.5e-3, 19.5e-3]
    centroids = centroids[np.hypot(*centroids[:, :2].T) < 11e-3]
    anatomy = SimpleNamespace(centroids_m=centroids, points_m=centroids, volumes_m3=np.full(len(centroids), 1e-9))
    return SimpleNamespace(
        protocol=protocol, anatomy=anatomy, mass_kg=0.02, species=SimpleNamespace(metabolic_w=lambda kg: 0.0)
    )


def test_amplitudes_of_ones_own_are_kept_or_left_out_and_none_left_is_refused(tmp_path):
    levels = [13e-3, 9.75e-3, 6.5e-3]
    case = body(tmp_path, 'h_f_at_most = "3e9 A/m/s"\n[steering]\namplitudes = ["13 mT", "6.5 mT"]')
    assert allowed_amplitudes_t(case, [13e-3, 6.5e-3]) == (6.5e-3,)
    case = body(tmp_path, 'h_f_at_most = "1e9 A/m/s"\n[steering]\namplitudes = ["13 mT", "6.5 mT"]')
    with pytest.raises(InputError, match=r"protocol\.toml: safety\.h_f_at_most = 1e\+09 A/m/s leaves 3\.55 mT"):
        allowed_amplitudes_t(case, [13e-3, 6.5e-3])
    case = body(tmp_path, 'h_f_at_most = "3e9 A/m/s"')
    highest = MU0 * 3e9 / 354e3
    assert allowed_amplitudes_t(case, levels) == pytest.approx([highest, 0.75 * highest, 0.5 * highest])
    case = body(tmp_path, 'h_f_r_at_most = "Brezovich1988"')  # 4.85e8 x 0.15 / 11 mm is 23.5 mT
    assert allowed_amplitudes_t(case, levels) == tuple(levels)


def test_check_says_which_limits_must_hold(tmp_path):
    protocol = with_safety(tmp_path, 'h_f_r_at_most = "Brezovich1988"\neddy_local_at_most = "5 W/kg"')
    rows = check_protocol(protocol)["understood"]
    assert ["hard limit", "H f r <= the limit of Brezovich1988"] in rows
    assert ["hard limit", "eddy currents, hottest 10 mm3 <= 5 W/kg"] in rows


def test_a_hard_limit_that_this_case_cannot_judge_is_refused_before_anything_is_computed(tmp_path):
    case = body(tmp_path, 'absorbed_at_most = "Kleiber1947"\neddy_whole_body_at_most = "IEC60601"')
    with pytest.raises(InputError) as caught:
        refuse_impossible(SimpleNamespace(case=case, eddy=None))
    assert [text.split(":")[1].strip() for text in caught.value.complaints] == [
        "safety.eddy_whole_body_at_most",
        "safety.absorbed_at_most",
    ]
    with pytest.raises(InputError, match="eddy currents are left out"):
        read_protocol(
            write_case(
                tmp_path,
                protocol=PROTOCOL.replace('name = "berkeley-ffp"', 'name = "berkeley-ffp"\neddy_currents = false')
                + '\n[safety]\neddy_local_at_most = "IEC60601"\n',
            )
        )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('h_f_at_most = "5e9 W"', r'safety\.h_f_at_most = "5e9 W": expected a field .*"HergtDutz2007"'),
        ('nerve_at_most = "Brezovich1988"', r'safety\.nerve_at_most = .* or the published limit "Saritas2013"'),
        ('absorbed_at_most = "0 W"', r"safety\.absorbed_at_most = .*more than zero"),
        ('eddy_at_most = "4 W/kg"', r"safety\.eddy_at_most: unknown key"),
    ],
)
def test_limits_that_mean_nothing_are_named(tmp_path, line, words):
    with pytest.raises(InputError, match=words):
        read_protocol(with_safety(tmp_path, line))
