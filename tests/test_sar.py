"""Power per position, and how sharp the focus is."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.device.fields.selection import selection_field
from thermoplan.plan.case import heating_model
from thermoplan.power import ffr
from thermoplan.power.ffr import ffr_widths_m
from thermoplan.power.heating_basis import Column, heating_basis
from thermoplan.tracer.response import response_table
from thermoplan.tracer.tracer import Population, Tracer, slp_w_kg

Z, Y = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)
TRACER = Tracer("20 nm", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=3 / (2 * np.pi * 354e3))
FFP = Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z)
LEVELS = [6.5e-3, 13e-3]


@dataclass(frozen=True)
class Iron:
    points_m: np.ndarray
    mass_kg: np.ndarray
    deposit: sparse.csr_array


def tetrahedron() -> Anatomy:
    points = np.array([[0, 0, 0], [0.02, 0, 0], [0, 0.02, 0], [0, 0, 0.02]])
    return Anatomy(points, np.array([[0, 1, 2, 3]]), np.array([0]), ("body",), ("muscle",))


def iron(count: int = 50) -> Iron:
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.ones(4), count)
    deposit = sparse.csr_array(weights.T)
    return Iron(weights @ tetrahedron().points_m, rng.uniform(0, 1e-8, count), deposit)


def table():
    return response_table(TRACER, 354e3, LEVELS)


def columns() -> list[Column]:
    return [Column((0.005, 0.005, z), b, g) for z in (0.0, 0.01) for b in LEVELS for g in (1.0, 2.35)]


def test_the_integral_of_a_column_is_iron_times_slp():
    grains, basis = iron(), heating_basis(iron(), table(), FFP, columns(), anatomy=tetrahedron())
    for row, column in enumerate(columns()):
        along, across = FFP.bias_t(grains.points_m, column.center_m, column.gradient_t_m)
        slp = table().slp_w_kg(LEVELS.index(column.amplitude_t), along, across)
        assert basis.load_w[row].sum() == pytest.approx(float(grains.mass_kg @ slp), rel=1e-12)
        assert basis.iron_w[row] == pytest.approx(float(grains.mass_kg @ slp), rel=1e-12)
        direct = slp_w_kg(TRACER, amplitude_t=column.amplitude_t, frequency_hz=354e3, along_t=along, across_t=across)
        assert basis.load_w[row].sum() == pytest.approx(float(grains.mass_kg @ direct), rel=1e-3)
    assert (basis.power_w_m3 * basis.node_volumes_m3).sum() == pytest.approx(basis.load_w.sum(), rel=1e-12)


def test_without_a_gradient_every_milligram_heats_alike():
    uniform = Device("coil", "uniform", 0.0, 13e-3, 354e3, Z)
    basis = heating_basis(iron(), table(), uniform, [Column((0, 0, 0), 13e-3, 0.0)], anatomy=tetrahedron())
    slp = float(slp_w_kg(TRACER, amplitude_t=13e-3, frequency_hz=354e3))
    assert basis.iron_w[0] == pytest.approx(iron().mass_kg.sum() * slp, rel=1e-4)


def test_eddy_power_is_added_to_every_column_as_amplitude_squared():
    eddy = SimpleNamespace(load_w=np.array([1.0, 2.0, 3.0, 4.0]) * 1e-3, amplitude_t=26e-3)
    plain = heating_basis(iron(), table(), FFP, columns(), anatomy=tetrahedron())
    both = heating_basis(iron(), table(), FFP, columns(), anatomy=tetrahedron(), eddy=eddy)
    for row, column in enumerate(columns()):
        share = (column.amplitude_t / 26e-3) ** 2
        assert both.load_w[row] - plain.load_w[row] == pytest.approx(share * eddy.load_w, rel=1e-9)
        assert both.eddy_w[row] == pytest.approx(share * 10e-3)
    assert np.array_equal(both.iron_w, plain.iron_w) and not plain.eddy_w.any()


def test_the_focus_heats_most_and_moves_with_its_column():
    line = np.linspace(-0.02, 0.02, 81)
    grains = Iron(np.outer(line, Z), np.ones(81), sparse.eye_array(81, format="csr"))
    anatomy = SimpleNamespace(node_volumes_m3=np.ones(81))
    moved = [Column((0, 0, z), 13e-3, 2.35) for z in (-0.01, 0.0, 0.01)]
    load = heating_basis(grains, table(), FFP, moved, anatomy=anatomy).load_w
    assert line[load.argmax(axis=1)] == pytest.approx([-0.01, 0.0, 0.01])
    assert load[0, :41] == pytest.approx(load[2, 40:], rel=1e-9)


def test_some_columns_of_a_basis():
    basis = heating_basis(iron(), table(), FFP, columns(), anatomy=tetrahedron())
    part = basis.with_columns([5, 1])
    assert part.columns == (columns()[5], columns()[1])
    assert np.array_equal(part.load_w, basis.load_w[[5, 1]])
    with pytest.raises(ValueError, match="read-only"):
        basis.load_w[0, 0] = 1.0


def test_no_field_is_a_rest_and_not_a_column():
    with pytest.raises(InputError, match="rest"):
        Column((0, 0, 0), 0.0, 2.35)


def test_a_hundred_positions_at_a_hundred_thousand_points_take_under_two_seconds():
    # A tenth of it is measured; the work is proportional to the columns.
    rng = np.random.default_rng(1)
    count = 100_000
    grains = Iron(rng.uniform(-0.02, 0.02, (count, 3)), np.ones(count), sparse.eye_array(count, format="csr"))
    anatomy, ready = SimpleNamespace(node_volumes_m3=np.ones(count)), table()
    some = [Column((0, 0, z), 13e-3, 2.35) for z in np.linspace(-0.01, 0.01, 10)]
    start = time.process_time()
    heating_basis(grains, ready, FFP, some, anatomy=anatomy)
    assert 10 * (time.process_time() - start) < 2.0


def test_the_published_focus_is_seven_millimetres_along_the_drive():
    along, across = ffr_widths_m(TRACER, FFP)
    assert along == pytest.approx(7.03e-3, rel=0.01)  # 2 x 8.27 mT / 2.35 T/m
    assert across == pytest.approx(2 * 18.58e-3 / (2.35 / 2), rel=0.01)


@pytest.mark.parametrize("device", [FFP, Device("ffl", "ffl", 2.35, 13e-3, 354e3, Z, line_axis=Y)])
def test_widths_fall_as_one_over_the_gradient(device):
    widths = np.array([ffr_widths_m(TRACER, device, gradient_t_m=g) for g in (0.5, 2.35, 7.0)])
    products = widths * np.array([[0.5], [2.35], [7.0]])
    assert np.allclose(products, products[0], rtol=1e-6)


def test_a_line_is_twice_as_sharp_across_as_a_point_and_endless_along_itself():
    line = Device("ffl", "ffl", 2.35, 13e-3, 354e3, Z, line_axis=Y)
    assert ffr_widths_m(TRACER, line)[1] == pytest.approx(ffr_widths_m(TRACER, FFP)[1] / 2, rel=1e-6)
    parallel = Device("ffl", "ffl", 2.35, 13e-3, 354e3, Z, line_axis=Z)
    assert ffr_widths_m(TRACER, parallel)[0] == np.inf
    assert np.isfinite(ffr_widths_m(TRACER, parallel)[1])


def test_a_uniform_field_confines_nothing():
    assert ffr_widths_m(TRACER, Device("coil", "uniform", 0.0, 13e-3, 354e3, Z)) == (np.inf, np.inf)


def test_a_slow_tracer_is_not_confined_across_the_drive():
    slow = Tracer(
        "50 nm Brownian", (Population(1.0, 20e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=70 / (2 * np.pi * 354e3)
    )
    along, across = ffr_widths_m(slow, FFP)
    assert along < 10e-3 and across > 0.2


def solenoid(decay_1_m2: float):
    """A drive field along z that falls off from the middle as 1 - decay (z^2 - (x^2 + y^2) / 2)."""
    points = np.random.default_rng(2).normal(size=(80, 3))
    points *= 0.04 / np.linalg.norm(points, axis=1)[:, None]
    x, y, z = points.T
    return selection_field(
        points,
        5e-3
        * np.stack([decay_1_m2 * x * z, decay_1_m2 * y * z, 1 - decay_1_m2 * (z * z - (x * x + y * y) / 2)], axis=1),
    )


def test_a_drive_profile_without_fall_is_a_uniform_drive():
    level = Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z, drive=solenoid(0.0))
    plain = heating_basis(iron(), table(), FFP, columns(), anatomy=tetrahedron())
    same = heating_basis(iron(), table(), level, columns(), anatomy=tetrahedron())
    # 6.5 mT lies between two levels that are a tenth apart.
    assert same.load_w == pytest.approx(plain.load_w, rel=5e-3)


def test_iron_where_the_drive_is_weaker_heats_as_there():
    falling = Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z, drive=solenoid(300.0))
    z = np.array([0.0, 0.01, 0.02, 0.03])
    grains = Iron(np.outer(z, Z), np.ones(4), sparse.eye_array(4, format="csr"))
    anatomy = SimpleNamespace(node_volumes_m3=np.ones(4))
    some = [Column((0, 0, center), 13e-3, 1.0) for center in (0.0, 0.02)]
    load = heating_basis(grains, table(), falling, some, anatomy=anatomy).load_w
    for row, center in enumerate((0.0, 0.02)):
        direct = slp_w_kg(TRACER, amplitude_t=13e-3 * (1 - 300 * z**2), frequency_hz=354e3, along_t=z - center)
        assert load[row] == pytest.approx(direct, rel=5e-3)


def test_a_drive_that_falls_off_makes_the_focus_narrower():
    # 0.5 T/m: 33 mm between half powers in a uniform drive; a drive that falls as 1 - 300 z^2 is at 0.8 there
    plain = ffr_widths_m(TRACER, FFP, gradient_t_m=0.5)
    level = ffr_widths_m(TRACER, Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z, drive=solenoid(0.0)), gradient_t_m=0.5)
    assert level == pytest.approx(plain, rel=2e-3)
    falling = Device("ffp", "ffp", 2.35, 13e-3, 354e3, Z, drive=solenoid(300.0))
    half = ffr_widths_m(TRACER, falling, gradient_t_m=0.5)[0] / 2
    assert 0.6 * plain[0] < 2 * half < 0.99 * plain[0]
    slp = slp_w_kg(
        TRACER,
        amplitude_t=13e-3 * np.array([1.0, 1 - 300 * half**2]),
        frequency_hz=354e3,
        along_t=np.array([0.0, 0.5 * half]),
    )
    assert slp[1] / slp[0] == pytest.approx(0.5, rel=1e-3)


def test_a_drive_field_that_points_elsewhere_is_refused():
    with pytest.raises(InputError, match=r"drive: .*not along drive_axis"):
        Device("ffp", "ffp", 2.35, 13e-3, 354e3, Y, drive=solenoid(0.0))


def test_the_width_by_the_exact_model_is_found_near_that_of_the_effective_field(monkeypatch):
    """Six solves a direction instead of hundreds; the ratio at the half width is a half by the model itself."""
    tracer = Tracer(
        "13 nm", (Population(1.0, 13e-9),), 446e3, 5180.0, 0.7236, relaxation_time_s=1.0 / (2 * np.pi * 354e3)
    )
    drive = {"amplitude_t": 13e-3, "frequency_hz": 354e3}
    solved, plain = [0], ffr.slp_w_kg

    def counted(*args, **more):
        found = plain(*args, **more)
        solved[0] += found.size * (more["model"] == "fokker-planck")
        return found

    monkeypatch.setattr(ffr, "slp_w_kg", counted)
    for cosine in (1.0, 0.0):
        half = ffr.half_width_t(tracer, **drive, cosine=cosine, model="fokker-planck")
        across = np.sqrt(1.0 - cosine**2)
        there = plain(tracer, **drive, along_t=cosine * half, across_t=across * half, model="fokker-planck")
        assert float(there / plain(tracer, **drive, model="fokker-planck")) == pytest.approx(0.5, abs=1e-3)
    assert solved[0] == 2 * 6


def test_the_power_by_the_exact_model_is_checked_where_most_of_it_falls(monkeypatch):
    """Solved directly in the ten bins that heat most, by table in the rest: within a per mille of all of them solved;
    a table that is 5 % off shows in the difference to it."""
    tracer = Tracer(
        "12 nm",
        (Population(1.0, 12e-9),),
        446e3,
        5180.0,
        0.7236,
        relaxation_time_s=1.0 / (2 * np.pi * 354e3),
        model="fokker-planck",
    )
    rng = np.random.default_rng(5)
    mass, along, across = rng.uniform(0.5, 1.0, 30), *rng.exponential(20e-3, (2, 30))
    fields = np.full(30, 13e-3), along, across
    levels = np.array([13e-3])
    every = float(mass @ slp_w_kg(tracer, amplitude_t=fields[0], frequency_hz=354e3, along_t=along, across_t=across))
    monkeypatch.setattr(heating_model, "_SOLVED", 10)
    assert heating_model._direct_w(tracer, 354e3, levels, mass, fields) == pytest.approx(every, rel=1e-3)
    table = heating_model.response_table(tracer, 354e3, levels)
    worse = replace(table, values_w_kg=1.05 * table.values_w_kg)
    monkeypatch.setattr(heating_model, "response_table", lambda *args: worse)
    looked_up = float(mass @ worse.slp_w_kg(0, along, across))
    assert looked_up / heating_model._direct_w(tracer, 354e3, levels, mass, fields) > 1.02
