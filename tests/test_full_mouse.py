"""One plan of the full shipped mouse, as `make demo` makes it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from thermoplan.cli.app import app


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


@pytest.mark.parametrize("look", [(), ("--dose", "--minute", "20"), ("--iron-volume", "--cut", "R")], ids=" ".join)
def test_view_draws_the_full_mouse_with_every_option(demo, look, tmp_path):
    """A contour of this mesh has faces whose corners coincide; smaller meshes have none."""
    told = CliRunner().invoke(
        app, ["view", str(demo[1]), "--png", str(tmp_path / "x.png"), *look], catch_exceptions=False
    )
    assert told.exit_code == 0 and _is_coloured(_read(tmp_path / "x.png"))


def test_the_browsers_page_and_the_film_go_through_the_full_mouse(demo, tmp_path, monkeypatch):
    from thermoplan.scene import film
    from thermoplan.scene.live_scene import LiveScene
    from thermoplan.scene.stage import ViewOptions
    from thermoplan.scene.web import build_application

    live = LiveScene(demo[1], ViewOptions(size=(320, 240)), both=True)
    state = build_application(live).state
    state.ready()
    for minutes, clip, dose in (
        (0.0, "", False),
        (3.7, "R", False),
        (15.0, "A", True),
        (29.9, "S", False),
        (33.0, "", True),
    ):
        state.update({"minutes": minutes, "clip": clip, "dose": dose})
        state.flush()
        assert live.time_s == pytest.approx(60.0 * minutes) and (live.plane is not None, live.dose) == (
            bool(clip),
            dose,
        )
    for dose in (True, False):
        live.show_dose(dose)
        for time_s in live.session.times_s[::4]:
            live.to(time_s)
    assert _is_coloured(live.picture())
    live.close()
    monkeypatch.setattr(film, "SIZE", (320, 240))
    film.write_film(demo[1], tmp_path / "film.gif", seconds=0.5)
    assert _is_coloured(_read(tmp_path / "film.gif"))


def _read(path):
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"), int)


def _is_coloured(picture):
    """True if organs show: a hundredth of the pixels is of a colour."""
    return (np.ptp(picture, axis=2) > 20).mean() > 0.01
