"""The response table against what it stands for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.device import Device
from thermoplan.power.heating_basis import Column, iron_power_w
from thermoplan.tracer import response, tabulate
from thermoplan.tracer.fitting import calibrate_efficiency
from thermoplan.tracer.measured_slp import MeasuredSlp
from thermoplan.tracer.response import response_table
from thermoplan.tracer.tracer import Population, Tracer, slp_w_kg

LEVELS = np.array([3.25e-3, 6.5e-3, 13e-3])


def one_size(diameter_m: float = 20e-9, omega_tau: float = 3.0) -> Tracer:
    return Tracer(
        "one", (Population(1.0, diameter_m),), 446e3, 5180.0, 0.7236, relaxation_time_s=omega_tau / (2 * np.pi * 354e3)
    )


def bimodal() -> Tracer:
    return Tracer(
        "two",
        (Population(0.5, 8.2e-9, 0.2), Population(0.5, 19.3e-9, 0.15)),
        446e3,
        5180.0,
        0.7236,
        viscosity_pa_s=0.69e-3,
        hydrodynamic_diameter_m=50e-9,
        anisotropy_j_m3=11e3,
    )


def miss(tracer: Tracer, count: int) -> float:
    """Largest interpolation error over random biases, near and far, relative to the peak."""
    table = response_table(tracer, 354e3, LEVELS)
    rng = np.random.default_rng(7)
    along, across = np.where(
        rng.random((2, count)) < 0.7, rng.uniform(-40e-3, 40e-3, (2, count)), rng.exponential(0.3, (2, count))
    )
    worst = 0.0
    for level, amplitude in enumerate(LEVELS):
        direct = slp_w_kg(tracer, amplitude_t=amplitude, frequency_hz=354e3, along_t=along, across_t=across)
        peak = float(slp_w_kg(tracer, amplitude_t=amplitude, frequency_hz=354e3))
        worst = max(worst, np.abs(table.slp_w_kg(level, along, across) - direct).max() / peak)
    return worst


@pytest.mark.parametrize("diameter, lag", [(20e-9, 3), (20e-9, 0.3), (15e-9, 1), (25e-9, 70), (30e-9, 1)])
def test_interpolation_is_within_two_per_mille_of_peak(diameter, lag):
    assert miss(one_size(diameter, lag), 800) < 2e-3


@pytest.mark.parametrize(
    "model, diameter, anisotropy, limit", [("neel", 18e-9, 11e3, 5e-3), ("blocked", 30e-9, 4e3, 0.1)]
)  # blocked grains switch at edges: a grid blurs them
def test_bound_particles_have_tables_too(model, diameter, anisotropy, limit):
    tracer = replace(one_size(diameter), anisotropy_j_m3=anisotropy, model=model)
    table = response_table(tracer, 354e3, [13e-3])
    along, across = np.random.default_rng(0).uniform(0, 40e-3, (2, 300))
    direct = slp_w_kg(tracer, amplitude_t=13e-3, frequency_hz=354e3, along_t=along, across_t=across)
    assert np.abs(table.slp_w_kg(0, along, across) - direct).max() < limit * direct.max()


def test_interpolation_of_a_bimodal_tracer_too():
    assert miss(bimodal(), 60) < 5e-3


def test_the_exact_model_has_a_table_of_few_points(monkeypatch, tmp_path):
    """12 nm at omega tau 1: xi 1.2. The exact solution is solved where it differs from the closed one, in fewer than a
    hundred points, and the table is as near to it as any other."""
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    tracer, solved, plain = one_size(12e-9, 1.0), [0], tabulate.energy_kt

    def counted(*args, model="mrsh", **more):
        found = plain(*args, model=model, **more)
        solved[0] += found.size * (model == "fokker-planck")
        return found

    monkeypatch.setattr(tabulate, "energy_kt", counted)
    table = response_table(tracer, 354e3, [13e-3], model="fokker-planck")
    assert solved[0] < 100
    drive = {"amplitude_t": 13e-3, "frequency_hz": 354e3}
    along, across = np.random.default_rng(0).uniform(0.0, 60e-3, (2, 8))
    exact = slp_w_kg(tracer, **drive, along_t=along, across_t=across, model="fokker-planck")
    peak = float(slp_w_kg(tracer, **drive, model="fokker-planck"))
    assert table.slp_w_kg(0, along, across) == pytest.approx(exact, abs=2e-3 * peak)
    closed = slp_w_kg(tracer, **drive, along_t=along, across_t=across)
    assert np.abs(closed - exact).max() > 4e-3 * peak  # the effective field's table would not do


class Counted:
    """A function that counts its calls and the points it was given."""

    def __init__(self, plain):
        self.plain, self.calls, self.points = plain, 0, 0

    def __call__(self, *args, **options):
        found = self.plain(*args, **options)
        self.calls += 1
        self.points += getattr(found, "size", 0)
        return found


@pytest.mark.parametrize("tracer, calls, points", [(one_size(), 15, 2_000), (bimodal(), 24, 110_000)])
def test_a_table_takes_few_points_solved_together(tracer, calls, points, monkeypatch, tmp_path):
    """Three amplitudes: one size in 1,731 points, a bimodal distribution of 56 in 96,936, all sizes of a round in one
    call, so that the solver works on whole grids. Seconds stand in benchmarks/magnetics.py."""
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(response, "_MEMORY", {})
    counted = Counted(tabulate.energy_kt)
    monkeypatch.setattr(tabulate, "energy_kt", counted)
    response_table(tracer, 354e3, LEVELS)
    assert counted.calls <= calls
    assert counted.points <= points


def test_power_is_looked_up_in_blocks_never_node_by_node(monkeypatch):
    """Twenty positions over 100,000 points: four blocks of at most 32,768 a position."""
    table = response_table(one_size(), 354e3, LEVELS)
    counted = Counted(response._locate_cells)
    monkeypatch.setattr(response, "_locate_cells", counted)
    rng = np.random.default_rng(3)
    iron = SimpleNamespace(points_m=rng.uniform(-0.02, 0.02, (100_000, 3)), mass_kg=np.ones(100_000))
    device = Device("ideal", "ffp", 2.35, 13e-3, 354e3, (0.0, 0.0, 1.0))
    columns = [Column(tuple(p), 13e-3, 2.35) for p in rng.uniform(-0.01, 0.01, (20, 3))]
    power = iron_power_w(iron, table, device, columns)
    assert counted.calls == 20 * 4 * 2
    direct = slp_w_kg(
        one_size(),
        amplitude_t=13e-3,
        frequency_hz=354e3,
        **dict(zip(("along_t", "across_t"), device.bias_t(iron.points_m[:50], columns[7].center_m, 2.35), strict=True)),
    )
    assert power[7, :50] == pytest.approx(direct, abs=5e-3 * power.max())


def test_the_table_is_even_and_ends_at_zero():
    table = response_table(one_size(), 354e3, LEVELS)
    there = table.slp_w_kg(2, [5e-3, -5e-3, 5e-3, -5e-3], [7e-3, 7e-3, -7e-3, -7e-3])
    assert np.ptp(there) == 0.0
    assert table.slp_w_kg(2, [1e6, 0.0], [0.0, 1e6]).max() < 1e-3 * there[0]


def test_a_table_is_kept_and_a_calibration_scales_it(monkeypatch, tmp_path):
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(response, "_MEMORY", {})
    first = response_table(one_size(), 354e3, [13e-3])
    monkeypatch.setattr(response, "_MEMORY", {})
    monkeypatch.setattr(response, "tabulate_loss", lambda *args: pytest.fail("solved again"))
    measured = calibrate_efficiency(one_size(), [MeasuredSlp(250e3, "iron", "tissue", 13e-3, 354e3)])
    again = response_table(measured, 354e3, [13e-3])
    assert float(again.slp_w_kg(0, 0.0, 0.0)) / 1e3 == pytest.approx(250.0, rel=1e-3)
    expected = measured.heating_efficiency * first.values_w_kg
    assert np.allclose(again.values_w_kg, expected, rtol=1e-12)


def test_tables_share_their_amplitudes(monkeypatch):
    response_table(one_size(), 354e3, LEVELS)
    monkeypatch.setattr(response, "tabulate_loss", lambda *args: pytest.fail("solved again"))
    assert response_table(one_size(), 354e3, LEVELS[[2, 0]]).level(13e-3) == 0


def test_another_tracer_is_another_table(monkeypatch, tmp_path):
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(response, "_MEMORY", {})
    peaks = {
        float(response_table(one_size(d, w), f, [13e-3]).slp_w_kg(0, 0.0, 0.0))
        for d, w, f in ((20e-9, 3, 354e3), (20e-9, 1, 354e3), (19e-9, 3, 354e3), (20e-9, 3, 340e3))
    }
    assert len(peaks) == 4
    assert len(list(tmp_path.iterdir())) == 4


def test_a_spoilt_file_in_the_cache_is_solved_again(monkeypatch, tmp_path):
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(response, "_MEMORY", {})
    good = response_table(one_size(), 354e3, [13e-3])
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    monkeypatch.setattr(response, "_MEMORY", {})
    assert np.array_equal(response_table(one_size(), 354e3, [13e-3]).values_w_kg, good.values_w_kg)


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("THERMOPLAN_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(response, "_MEMORY", {})
    assert response_table(one_size(), 354e3, [13e-3]).values_w_kg.max() > 0


def test_levels_are_found_by_amplitude_and_no_field_is_refused():
    table = response_table(one_size(), 354e3, LEVELS)
    assert [table.level(a) for a in LEVELS] == [0, 1, 2]
    with pytest.raises(InputError, match="12 mT is not in the response table"):
        table.level(12e-3)
    with pytest.raises(InputError, match="positive"):
        response_table(one_size(), 354e3, [0.0, 13e-3])
