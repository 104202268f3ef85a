"""A measured table of SLP in place of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.power.slp_point import slp_point
from thermoplan.tracer.fitting import calibrate_efficiency
from thermoplan.tracer.measured_slp import MeasuredSlp
from thermoplan.tracer.response import response_table
from thermoplan.tracer.slp_table import slp_table
from thermoplan.tracer.tracer import Population, Tracer, slp_w_kg

MRSH = Tracer("test", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=1.35e-6)
GRID = [
    (b, f, a, c) for b in (5e-3, 10e-3, 15e-3) for f in (340e3, 354e3) for a in (0, 10e-3, 40e-3) for c in (0, 20e-3)
]


def law(b, f, a, c):
    """Linear in every field but the amplitude's square at 5 mT and below: interpolation is exact on it."""
    return 1e9 * b * f / 354e3 * (0.05 - a) * (0.06 - c) * 1e3


def table(rows=GRID):
    b, f, a, c = np.array(rows).T
    columns = {"amplitude_t": b, "frequency_hz": f, "along_t": a, "across_t": c, "slp_w_kg": law(b, f, a, c)}
    return slp_table(columns)


def tabulated() -> Tracer:
    return replace(MRSH, model="table", table=table())


def test_a_table_gives_back_its_entries_and_what_lies_between():
    for point in (*GRID, (7e-3, 350e3, 3e-3, 5e-3), (12e-3, 345e3, 25e-3, 19e-3)):
        b, f, a, c = point
        assert float(table().at_w_kg(b, f, a, c)) == pytest.approx(law(*point), rel=1e-12)


def test_it_is_even_in_the_bias_square_below_and_constant_beyond():
    t = table()
    assert t.at_w_kg(10e-3, 354e3, [-5e-3, 5e-3], [3e-3, -3e-3]).tolist() == pytest.approx(
        [law(10e-3, 354e3, 5e-3, 3e-3)] * 2
    )
    assert t.at_w_kg(2.5e-3, 354e3, 0, 0) == pytest.approx(law(5e-3, 354e3, 0, 0) / 4)
    assert t.at_w_kg(10e-3, 354e3, 1.0, 0) == pytest.approx(law(10e-3, 354e3, 40e-3, 0))
    assert t.at_w_kg(0.0, 354e3, 0, 0) == 0.0


def test_fields_that_were_not_measured_are_refused():
    with pytest.raises(InputError, match="100 kHz was not measured: the table has 340 to 354 kHz"):
        table().at_w_kg(10e-3, 100e3, 0, 0)
    with pytest.raises(InputError, match="20 mT was not measured: the table ends at 15 mT"):
        table().at_w_kg(20e-3, 354e3, 0, 0)


def test_rows_that_are_no_full_grid_are_refused():
    with pytest.raises(InputError, match=r"amplitude 15 mT, frequency 354 kHz, along 40 mT, across 20 mT is missing"):
        table(GRID[:-1])
    with pytest.raises(InputError, match="more than once"):
        table([*GRID, GRID[0]])
    with pytest.raises(InputError, match="column slp_w_kg: missing"):
        slp_table({"amplitude_t": [1.0], "frequency_hz": [1.0]})
    with pytest.raises(InputError, match="positive"):
        table([(0.0, 354e3, 0, 0)])


def test_a_tracer_heats_by_its_table_unless_a_call_names_a_model():
    fields = {"amplitude_t": 10e-3, "frequency_hz": 354e3, "along_t": 5e-3}
    assert float(slp_w_kg(tabulated(), **fields)) == pytest.approx(law(10e-3, 354e3, 5e-3, 0))
    assert float(slp_w_kg(tabulated(), **fields, model="mrsh")) == float(slp_w_kg(MRSH, **fields))
    assert slp_point(tabulated(), **fields).valid
    assert "table" in tabulated().slp_source


def test_a_response_table_of_a_measured_table_follows_it():
    response = response_table(tabulated(), 354e3, [5e-3, 15e-3])
    along, across = np.random.default_rng(1).uniform(0, 40e-3, (2, 500))
    direct = slp_w_kg(tabulated(), amplitude_t=15e-3, frequency_hz=354e3, along_t=along, across_t=across)
    peak = law(15e-3, 354e3, 0, 0)
    assert np.abs(response.slp_w_kg(1, along, across) - direct).max() < 5e-3 * peak


def test_a_table_can_be_calibrated_too():
    scaled = calibrate_efficiency(tabulated(), [MeasuredSlp(250e3, "iron", "water", 10e-3, 354e3)])
    assert float(slp_w_kg(scaled, amplitude_t=10e-3, frequency_hz=354e3)) == pytest.approx(175e3)


def test_a_tracer_without_a_table_says_so_and_an_unknown_model_is_refused():
    with pytest.raises(InputError, match="no measured table"):
        slp_w_kg(MRSH, amplitude_t=1e-3, frequency_hz=1e5, model="table")
    with pytest.raises(InputError, match='model = "rosen": expected one of'):
        replace(MRSH, model="rosen")
