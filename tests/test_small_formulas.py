"""Small formulas of pictures and models, each by numbers worked out by hand or by differences."""

from __future__ import annotations

import re

import numpy as np
import pytest

from thermoplan.protocol.read import _goal
from thermoplan.report import page_rows, svg
from thermoplan.report.charts import draw_spots
from thermoplan.report.svg import Axis, Frame
from thermoplan.scene.body import draw_iron_points
from thermoplan.tracer.magnetization.mrsh import _FAR, _rate


def test_a_cards_bar_of_a_temperature_begins_at_36_degrees_and_leaves_room_beyond_its_bound():
    """From 36 to 36 + 1.35 * 7 degC: 42 degC are 6 of 9.45 K, and the bound of 43 lies at 7 of them."""
    assert page_rows._gauge_shares(42.0, 43.0, "degC") == {"fill": 63.5, "mark": 74.1}
    assert page_rows._gauge_shares(5.0, 10.0, "min") == {"fill": 37.0, "mark": 74.1}
    assert page_rows._gauge_shares(100.0, 10.0, "min") == {"fill": 100.0, "mark": 10.0}
    assert page_rows._gauge_shares(20.0, 43.0, "degC") == {"fill": 0.0, "mark": 74.1}


def test_a_spots_number_stands_beside_it_to_the_right():
    drawn = draw_spots(Frame(200, 200), [(0.0, 0.0), (1.0, 1.0)], [0.25, 0.75], Axis(0, 2, "x"), Axis(0, 2, "y"))
    spots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"[^>]*class="spot"', drawn)
    numbers = {text: (float(x), float(y)) for x, y, text in re.findall(r'x="([\d.]+)" y="([\d.]+)"[^>]*>(\d)<', drawn)}
    assert len(spots) == 2
    for number, (x, y, _) in zip("12", spots, strict=True):
        assert numbers[number] == pytest.approx((float(x) + 11, float(y) + 4), abs=0.11)
    small, large = (float(r) for _, _, r in spots)
    assert (small, large) == pytest.approx((2 + 7 / np.sqrt(3), 9.0), abs=0.06)


def test_iron_is_drawn_where_it_is_more_than_a_twentieth_of_its_most():
    pyvista = pytest.importorskip("pyvista")
    cloud = pyvista.PolyData(np.eye(4, 3))
    cloud["iron_mg_ml"] = np.array([4.0, 0.1, 0.3, 0.0])
    drawn = []

    class Plotter:
        def add_mesh(self, mesh, **_):
            drawn.append(mesh)

    class Stage:
        body, plotter = cloud, Plotter()

    Stage.pyvista = pyvista
    assert next(iter(draw_iron_points(Stage())))[0] == "iron, up to 4 mg/mL"
    assert drawn[0]["iron_mg_ml"].tolist() == [4.0, 0.3]


def test_the_rate_of_mrsh_goes_on_smoothly_where_its_closed_form_ends():
    """Just below and above the field at which the far form takes over, along and across."""
    field = np.array([[30.0]]), np.array([[20.0]])
    for turn in (0.0, 0.4, np.pi / 2.0):
        near, far = (
            _rate(np.sqrt(_FAR * part) * np.array([[[np.cos(turn)]], [[np.sin(turn)]]]), field, np.ones((1, 1)))
            for part in (1.0 - 1e-6, 1.0 + 1e-6)
        )
        assert far[0] == pytest.approx(near[0], rel=1e-3, abs=1e-3 * np.abs(near[0]).max())
        assert far[1] == pytest.approx(near[1], rel=1e-2, abs=1e-2 * np.abs(near[1]).max())


@pytest.mark.parametrize("size", [0.3, 3.0, 40.0, 2000.0])
def test_the_slope_of_mrshs_rate_is_that_of_its_differences(size):
    rng = np.random.default_rng(1)
    y = size * rng.normal(size=(2, 1, 5))
    field = np.array([[5.0]]), np.array([[2.0]])
    _, jacobian = _rate(y, field, np.full((1, 5), 2.0))
    step = 1e-5 * size
    for j in range(2):
        moved = [y.copy(), y.copy()]
        moved[0][j] += step
        moved[1][j] -= step
        slope = (_rate(moved[0], field, np.full((1, 5), 2.0))[0] - _rate(moved[1], field, np.full((1, 5), 2.0))[0]) / (
            2.0 * step
        )
        assert jacobian[:, j] == pytest.approx(slope, rel=1e-4, abs=1e-4 * np.abs(slope).max())


def test_a_window_beyond_the_session_is_refused_in_minutes():
    class Row:
        at_least, window = 43.0, (0.0, 2400.0)

    with pytest.raises(Exception, match="ends after the session of 30 min"):
        _goal("goal", Row(), 1800.0, "protocol")


def test_a_tick_is_where_its_value_is():
    frame = Frame(266, 200)  # 200 pixels between the margins of 52 and 14
    assert frame.x(Axis(10.0, 20.0, "x"), 12.5) == pytest.approx(52 + 50)
    assert frame.y(Axis(10.0, 20.0, "y"), 12.5) == pytest.approx(200 - 38 - 0.25 * 150)
    assert svg.tick_text(2.5) == "2.5"
