"""One plan of the full shipped mouse, as `make demo` makes it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def demo(flank, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "run"
    command = [sys.executable, "-m", "thermoplan", "plan", str(flank), "-o", str(folder), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout), folder


def test_every_goal_is_met_and_every_check_holds_on_sixty_thousand_nodes(demo):
    record, _ = demo
    assert record["mesh"]["nodes"] >= 60_000
    assert record["status"] == "ok"
    assert record["checks"]["prediction_k"] < 0.1
    assert all(record["checks"][name] < 1e-3 for name in ("iron_mass_rel", "power_rel", "energy_balance_rel"))


def test_memory_stays_under_two_gigabytes(demo):
    assert demo[0]["provenance"]["peak_memory_mb"] < 2000.0


def test_ripple_stays_below_a_quarter_of_a_kelvin(demo):
    assert max(demo[0]["optimizer"]["ripple_k"]) <= 0.25 * (1.0 + 1e-6)


def test_the_report_is_one_file_below_fifteen_megabytes(demo):
    page = demo[1] / "report.html"
    assert 0.2e6 < page.stat().st_size < 15e6


def test_the_unheated_mouse_needs_heat_to_stay_at_its_core_temperature(demo):
    safety, history = demo[0]["safety"], demo[0]["core"]["temperature_c"]
    assert history[0] == pytest.approx(36.5)
    assert 0.15 < safety["metabolic_w"] < 0.25  # 24 g, section 11 of the reference: 0.1 to 0.2 W at 20 g
    assert safety["thermoregulation_w"] > 0.0
    full_duty_w = safety["eddy_w"] / demo[0]["summary"]["duty"]
    assert 0.02 < full_duty_w < 0.1  # 0.055 W there, for a fatter cross-section


def test_memory_is_that_of_the_plan_and_not_of_what_started_it():
    held = np.ones(int(1e8))  # 800 MB
    asked = "from thermoplan.plan.record.run_record import peak_memory_mb; print(peak_memory_mb())"
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert held.nbytes > 2e6 * float(ended.stdout) > 1e7
