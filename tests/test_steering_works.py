"""What the gradient buys, with tracer in tumour and liver; and where it buys nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from at_equal_limits import check_comparison

from thermoplan.bioheat.engines.reduced import reduced_model
from thermoplan.optimize import optimize_shares
from thermoplan.plan import make_plan
from thermoplan.plan.steering.attempts import judge_shares
from thermoplan.plan.steering.candidates import search_settings, window_edges_s
from thermoplan.plan.steering.steer import resolve_goals
from thermoplan.power.heating_basis import Column

RATIOS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
GUARDED = ("liver", "core")


def test_with_the_gradient_the_goal_is_met_and_every_limit_kept(quick_mouse):
    record = quick_mouse.record
    iron = {name: row["iron_mg"] / row["volume_mm3"] * 1e3 for name, row in record["regions"].items() if row["iron_mg"]}
    assert iron["tumour"] == pytest.approx(6.0, rel=0.05)  # mg/mL: section 11 of the reference
    assert iron["liver"] == pytest.approx(3.0, rel=0.05)
    assert iron["spleen"] == pytest.approx(4.5, rel=0.05)
    assert [row for row in record["goals"] if not row["met"]] == []
    assert record["status"] == "ok"


def test_the_same_goal_without_a_gradient_breaks_a_liver_or_core_limit(quick_mouse):
    row = next(r for r in quick_mouse.record["alternatives"] if r["name"] == "no gradient")
    assert row["cem43t90_min"] >= 10.0
    assert any(text.startswith(GUARDED) for text in row["limits_broken"])


def test_at_equal_limits_the_plan_is_never_worse_than_what_one_does_by_hand(quick_mouse, capsys):
    with capsys.disabled():
        check_comparison(quick_mouse.record)
    assert "The gradient buys" in quick_mouse.record["comparison"]


def test_a_machine_without_gradient_cannot_have_both(flank, tmp_path):
    """The full model over the best that a uniform field can do within the limits."""
    text = flank.read_text().replace("../meshes", str(flank.parents[1] / "meshes"))
    text = text.replace('name = "berkeley-ffp"', 'name = "uniform"').replace('gradient = "2.35 T/m"\n', "")
    path = tmp_path / "uniform.toml"
    path.write_text(text)
    record = make_plan(path, quick=True).record
    assert record["status"] == "goals-missed"
    assert record["checks"]["prediction_k"] < 0.1
    assert any(row["kind"] == "goal" and not row["met"] for row in record["goals"])


def _breaks_without_gradient(plan, ratio: float) -> bool:
    """Whether heating the tumour to its goal without a gradient breaks a liver or core limit at this ratio."""
    heating_model = plan.products.heating_model
    case, anatomy = heating_model.case, heating_model.case.anatomy
    held, region = case.iron.region_kg(anatomy), np.array(anatomy.region_names)[anatomy.region[case.iron.cell]]
    now = (held["liver"] / anatomy.volume_m3("liver")) / (held["tumour"] / anatomy.volume_m3("tumour"))
    scale = np.where(np.isin(region, ["liver", "spleen"]), ratio / now, 1.0)
    heating_model = replace(
        heating_model, case=replace(case, iron=replace(case.iron, mass_kg=case.iron.mass_kg * scale))
    )
    device = case.protocol.device
    basis = heating_model.basis([Column((0.0, 0.0, 0.0), device.amplitude_t, 0.0)])
    duration = case.protocol.session.duration_s
    model, edges = reduced_model(heating_model.system, basis.load_w, duration), window_edges_s(duration, 4)
    resolved, settings = resolve_goals(heating_model), search_settings(case)
    goal = replace(resolved, rows=tuple(row for row in resolved.rows if row.goal.kind == "goal"))
    shares = optimize_shares(model, goal, window_edges_s=edges, settings=settings).shares
    values = judge_shares(model, shares, edges, resolved, settings.cool_down_s)
    rows = list(zip(resolved.rows, values, strict=True))
    assert all(row.goal.met(value) for row, value in rows if row.goal.kind == "goal")
    return any(row.region in GUARDED and not row.goal.met(value) for row, value in rows)


def test_below_some_ratio_of_liver_to_tumour_iron_the_gradient_is_not_needed(quick_mouse, capsys):
    broken = {ratio: _breaks_without_gradient(quick_mouse, ratio) for ratio in RATIOS}
    needed = [ratio for ratio, breaks in broken.items() if breaks]
    with capsys.disabled():
        print("\nwithout a gradient, at a liver to tumour iron ratio of")
        for ratio, breaks in broken.items():
            print(f"  {ratio:4.2f}  a liver or core limit {'breaks' if breaks else 'holds'}")
        print(f"steering is needed from a ratio of about {min(needed):g}")
    assert broken[0.5]
    assert not broken[RATIOS[0]]
    assert sorted(broken.values()) == list(broken.values())  # more iron in the liver never helps
