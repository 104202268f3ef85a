"""Vessels as lines that exchange heat: closed forms of one in a cylinder, energy, and what is refused."""

import numpy as np
import pytest
from heat_cases import problem
from scipy.special import i0, i1

from thermoplan.anatomy.tissue import region_tissues
from thermoplan.base.errors import InputError
from thermoplan.bioheat import (
    Boundary,
    EnergyAudit,
    Segment,
    Vessel,
    evolve,
    spatial_error_k,
    steady_rise,
    thermal_system,
    tube_m,
)
from thermoplan.bioheat.vessels import BLOOD_W_M_K, NUSSELT, sink_w_m3_k
from thermoplan.validate.bodies import cylinder

OUTER_M, K = 10e-3, 0.5
ALONG = [[0.0, 0.0, -20e-3], [0.0, 0.0, 20e-3]]


def body(cells: int):
    return cylinder(OUTER_M, OUTER_M, 2e-3, cells=cells, layers=max(2, cells // 10))


def side(anatomy):
    """Facets of the outer surface that are not on the flat ends."""
    z = anatomy.points_m[anatomy.outer][:, :, 2]
    return anatomy.outer[np.ptp(z, axis=1) > 1e-9]


def heated(anatomy, *vessels, **more):
    """Blood at 37 degC, the side held at 42."""
    held = Boundary("dirichlet", temperature_c=42.0, triangles=side(anatomy))
    return problem(anatomy, k=K, boundaries=(Boundary("insulated"), held), vessels=vessels, **more)


@pytest.mark.parametrize(("diameter_m", "cells"), [(0.4e-3, 24), (0.4e-3, 40), (1e-3, 24), (1e-3, 40), (6e-3, 40)])
def test_tissue_about_a_vessel_is_that_of_the_closed_form(diameter_m, cells):
    """q' (1 / (Nu pi k_b) + ln(b / a) / (2 pi k)) = 5 K, and T(r) = 42 - q' ln(b / r) / (2 pi k)."""
    anatomy, vessel = body(cells), Vessel("artery", ALONG, diameter_m)
    base = thermal_system(heated(anatomy, vessel)).base_c
    wall = 1.0 / (NUSSELT * np.pi * BLOOD_W_M_K)
    flow_w_m = 5.0 / (wall + np.log(OUTER_M / (diameter_m / 2)) / (2 * np.pi * K))
    r = np.linalg.norm(anatomy.points_m[:, :2], axis=1)
    tissue = r > tube_m(anatomy, vessel) * 1.3
    expected = 42.0 - flow_w_m * np.log(OUTER_M / r[tissue]) / (2 * np.pi * K)
    assert np.abs(base[tissue] - expected).max() < 0.01 * 5.0


def test_what_the_vessel_carries_off_is_what_the_tube_takes_in_closed_form():
    """2 pi k x I1(x) / I0(x) is the tube's conductance, R I1 / I0 being that of div grad T = (x / R)^2 T."""
    vessel, tube = Vessel("vein", ALONG, 0.5e-3), 1.2e-3
    x = tube * np.sqrt(sink_w_m3_k(vessel, tube, K) / K)
    series = 1.0 / (NUSSELT * np.pi * BLOOD_W_M_K) + np.log(tube / 0.25e-3) / (2 * np.pi * K)
    assert 2 * np.pi * K * x * i1(x) / i0(x) == pytest.approx(1.0 / series, rel=1e-10)


@pytest.mark.parametrize("cells", [16, 24, 40])
def test_the_blood_takes_the_heat_of_the_closed_form_on_any_mesh(cells):
    """5 K over the wall's and the tissue's resistance, times 2 mm of vessel."""
    anatomy, vessel = body(cells), Vessel("artery", ALONG, 1e-3)
    system = thermal_system(heated(anatomy, vessel))
    resistance = 1.0 / (NUSSELT * np.pi * BLOOD_W_M_K) + np.log(OUTER_M / 0.5e-3) / (2 * np.pi * K)
    assert system.perfused_w_k @ (system.base_c - 37.0) == pytest.approx(5.0 / resistance * 2e-3, rel=0.015)


def test_two_vessels_take_more_than_one_and_a_wall_that_conducts_nothing_takes_none():
    anatomy = body(24)
    one, other = (Vessel("vein", np.add(ALONG, [x, 0.0, 0.0]), 0.6e-3) for x in (-3e-3, 3e-3))
    none = Vessel("clot", ALONG, 0.6e-3, nusselt=1e-9)
    coldest = [thermal_system(heated(anatomy, *them)).base_c.mean() for them in ((), (none,), (one,), (one, other))]
    assert coldest[0] == pytest.approx(42.0, abs=1e-6) and coldest[1] == pytest.approx(42.0, abs=1e-5)
    assert coldest[3] < coldest[2] - 0.2 < coldest[1] - 0.4


def test_energy_balances_and_the_vessel_warms_the_pool():
    anatomy, vessel = body(16), Vessel("artery", ALONG, 1e-3)
    skin = Boundary("robin", heat_transfer_w_m2_k=20.0, temperature_c=37.0)
    case = problem(anatomy, k=K, perfusion=500.0, boundaries=(skin,), core="pool", blood_j_k=4.0, vessels=(vessel,))
    bare = problem(anatomy, k=K, perfusion=500.0, boundaries=(skin,), core="pool", blood_j_k=4.0)
    pools = []
    for each in (case, bare):
        system = thermal_system(each)
        heat = np.full(system.n_nodes, 0.05 / system.n_nodes)
        pieces = [Segment(heat, 600.0), Segment(0.0 * heat, 300.0)]
        audit = EnergyAudit(system, pieces)
        *_, (_, end) = evolve(system, pieces, np.arange(0.0, 901.0, 60.0), ledger=audit)
        assert audit.balance_rel < 1e-6
        pools.append(end[-1])
    assert pools[0] > pools[1] + 0.05


def test_the_error_estimate_knows_the_vessel():
    """Rise of the mean: linear elements of a mesh with the vessel are within a tenth of quadratic ones."""
    anatomy, vessel = body(24), Vessel("artery", ALONG, 1e-3)
    case = heated(anatomy, vessel)
    system, load = thermal_system(case), 1e5 * anatomy.node_volumes_m3
    error = spatial_error_k(case, system, load)
    assert 0.0 < np.abs(error).max() < 0.1 * steady_rise(system, load).max()


def test_vessels_outside_the_body_and_bad_numbers_are_refused():
    away = Vessel("tail vein", np.add(ALONG, [0.5, 0.0, 0.0]), 0.5e-3)
    with pytest.raises(InputError, match="vessel tail vein: runs through no part of the body; check its path's unit"):
        thermal_system(heated(body(16), away))
    with pytest.raises(InputError, match=r"vessel a: diameter = 0\.0: expected more than zero"):
        Vessel("a", ALONG, 0.0)
    with pytest.raises(InputError, match="vessel a: path: expected two or more points"):
        Vessel("a", ALONG[:1], 1e-3)
    with pytest.raises(InputError, match="diameter = 2 mm: wider than the body about it"):
        sink_w_m3_k(Vessel("a", ALONG, 2e-3), 0.5e-3, K)


def test_blood_conducts_as_the_table_of_tissues_says():
    assert region_tissues(("blood",), "mouse")[0].conductivity_w_m_k == pytest.approx(BLOOD_W_M_K)
