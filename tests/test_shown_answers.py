"""Printed answers of the verbs: every number in its unit, beside its name."""

from __future__ import annotations

from thermoplan.cli.show_heating import show_shot
from thermoplan.cli.show_planning import show_mesh


def shown(capsys):
    return [" ".join(line.replace("│", " ").split()) for line in capsys.readouterr().out.splitlines()]


def test_a_meshs_qualities_are_shown_in_their_tenths_with_bars_as_long_as_they_are_many(capsys):
    show_mesh(
        {
            "mesh": "m.vtu",
            "nodes": 12,
            "tetrahedra": 34,
            "regions": [{"name": "liver", "label_mm3": 200.0, "mesh_mm3": 190.0, "relative": -0.05}],
            "quality_min": 0.123,
            "quality_histogram": [0, 0, 1, 0, 0, 0, 0, 20, 0, 40],
            "skin_area_cm2": 65.4,
            "label_skin_area_cm2": 64.3,
            "notes": ["thin"],
        }
    )
    lines = shown(capsys)
    assert "0.2-0.3 # 1" in lines
    assert f"0.7-0.8 {'#' * 20} 20" in lines
    assert f"0.9-1.0 {'#' * 40} 40" in lines
    assert "liver 200.0 190.0 -5.0" in lines
    assert "12 nodes, 34 tetrahedra, worst quality 0.12, outer surface 65.4 cm2 (labels, smoothed: 64.3)" in " ".join(
        lines
    )


def test_a_shots_readings_are_shown_at_their_minute_beside_what_was_expected(capsys):
    show_shot(
        {
            "run": "run",
            "probe": "tip",
            "readings": [{"at_s": 90.0, "reads_c": 38.25, "expected_c": 38.0, "rise_k": 1.75, "expected_rise_k": 1.5}],
            "start_c": 36.5,
            "factor": {"value": 1.17, "low": 1.02, "high": 1.31},
            "slp_w_per_g_fe": {"value": 292.5, "low": 255.0, "high": 327.5},
            "amplitude_mt": 6.5,
            "tip_error_rel": 0.02,
            "stands": False,
            "measured_slp": '{ value = "292 W/g" }',
            "warnings": [],
        }
    )
    text = " ".join(shown(capsys))
    assert "tip at 1.5 min 38.25 38.00 1.75 1.50" in text
    assert "SLP x 1.17 of the plan's, 1.02 to 1.31 (95 %): 292.5 W per g of iron at 6.5 mT" in text
    assert "255 to 327.5" in text
