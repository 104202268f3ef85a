"""Field products and induced heat against the limits that are quoted."""

import re
from pathlib import Path

import numpy as np
import pytest

import thermoplan
from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.power.eddy import EddyPower
from thermoplan.power.safety import (
    Exposure,
    HardLimit,
    absorbed_limit,
    eddy_limits,
    field_limits,
    highest_amplitude_t,
    loop_radius_m,
    mark_hard,
    safety_report,
)

MU0 = 4e-7 * np.pi
BERKELEY = Exposure(13e-3, 354e3, 12.5e-3)
EDDY = EddyPower(np.ones(1), np.array([0.05, 0.03]), 13e-3, 354e3, 3.13, 6.2, 0)


@pytest.mark.parametrize(
    ("amplitude_t", "frequency_hz", "product"), [(13e-3, 354e3, 3.66e9), (15e-3, 340e3, 4.06e9), (20e-3, 20e3, 3.2e8)]
)
def test_field_times_frequency_of_known_machines(amplitude_t, frequency_hz, product):
    assert Exposure(amplitude_t, frequency_hz, 0.0125).h_f_a_m_s == pytest.approx(product, rel=0.01)


def test_mouse_at_13_mt_breaks_the_limit_of_a_torso_and_keeps_the_one_of_its_size():
    # 7.5 times Brezovich, 0.73 times Hergt and Dutz; 3.66e9 * 0.0125 = 4.6e7 below 7.3e7 A/s
    torso, small, scaled, nerve = field_limits(BERKELEY)
    assert torso.value / torso.limit == pytest.approx(7.5, abs=0.06)
    assert small.value / small.limit == pytest.approx(0.73, abs=0.005)
    assert (scaled.value, scaled.limit) == pytest.approx((4.58e7, 7.3e7), rel=5e-3)
    assert [limit.exceeded for limit in (torso, small, scaled, nerve)] == [True, False, False, False]


def test_the_same_field_on_a_torso_breaks_every_limit_but_the_one_of_small_regions():
    exceeded = [limit.exceeded for limit in field_limits(Exposure(13e-3, 354e3, 0.15))]
    assert exceeded == [True, False, True, True]


def test_every_source_is_in_the_references():
    text = (Path(thermoplan.__file__).parent / "data" / "references.bib").read_text()
    known = set(re.findall(r"^@\w+\{([^,]+),", text, re.M))
    assert {limit.source for limit in field_limits(BERKELEY) + eddy_limits(EDDY)} <= known


def test_rest_of_the_coil_lowers_induced_heat():
    whole, local = eddy_limits(EDDY, duty=0.5)
    assert (whole.value, local.value) == pytest.approx((1.565, 3.1))


def box(size_m, cells):
    """A box of cubes, each cut into six tetrahedra."""
    grid = np.stack(
        np.meshgrid(*[np.linspace(0, s, n + 1) for s, n in zip(size_m, cells, strict=True)], indexing="ij"), -1
    ).reshape(-1, 3)
    step = np.array([(cells[1] + 1) * (cells[2] + 1), cells[2] + 1, 1])
    start = np.stack(np.meshgrid(*[np.arange(n) for n in cells], indexing="ij"), -1).reshape(-1, 3) @ step
    tets = []
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2)):
        path = np.concatenate([[0], np.cumsum(step[list(order)])])
        tets.append(start[:, None] + path)
    tets = np.concatenate(tets)
    turned = np.linalg.det(grid[tets[:, 1:]] - grid[tets[:, :1]]) < 0
    tets[turned] = tets[turned][:, [0, 2, 1, 3]]
    return Anatomy(grid, tets, np.zeros(len(tets), int), ("body",), ("muscle",))


@pytest.mark.parametrize(("axis", "area_m2"), [([0, 0, 2], 2e-4), ([1, 0, 0], 8e-4)])
def test_loop_radius_is_that_of_the_cross_section_across_the_drive(axis, area_m2):
    body = box((10e-3, 20e-3, 40e-3), (10, 20, 40))
    assert loop_radius_m(body, axis) == pytest.approx(np.sqrt(area_m2 / np.pi), rel=0.06)


def test_absorbed_power_is_iron_and_eddies_and_stands_against_the_metabolic_rate():
    found = safety_report(
        Exposure(13e-3, 354e3, 12.5e-3, duty=0.5),
        EDDY,
        iron_w={"tumour": 0.15, "liver": 0.05},
        metabolic_w=0.2,
        thermoregulation_w=0.1,
    )
    assert found.eddy_w == pytest.approx(0.04)
    assert found.absorbed_w == pytest.approx(0.24)
    row = found.limits[-1]
    assert (row.value, row.limit, row.exceeded) == (pytest.approx(0.24), 0.2, True)


def test_eddies_are_taken_at_the_amplitude_of_the_exposure():
    found = safety_report(Exposure(6.5e-3, 354e3, 12.5e-3), EDDY, iron_w={}, metabolic_w=0.2, thermoregulation_w=0.0)
    assert found.eddy_mean_w_kg == pytest.approx(3.13 / 4)


def test_a_plan_without_eddies_says_so_in_zeros():
    found = safety_report(BERKELEY, None, iron_w={}, metabolic_w=0.2, thermoregulation_w=0.0)
    assert found.eddy_w == found.eddy_mean_w_kg == 0.0
    assert not [row for row in found.limits if "eddy" in row.name]


def test_duty_beyond_one_is_refused():
    with pytest.raises(InputError, match=re.escape("duty = 1.5: expected a share between 0 and 1")):
        Exposure(13e-3, 354e3, 12.5e-3, duty=1.5)


@pytest.mark.parametrize(
    ("wish", "cap_mt"),
    [
        (HardLimit("h_f", "protocol", 1e9), 1e9 * MU0 / 354e3 * 1e3),
        (HardLimit("h_f", "Brezovich1988"), 4.85e8 * MU0 / 354e3 * 1e3),
        (HardLimit("h_f_r", "Brezovich1988"), 4.85e8 * 0.15 / 12.5e-3 * MU0 / 354e3 * 1e3),  # 20.7 mT for a mouse
        (HardLimit("nerve", "protocol", 0.1e-3), 0.1 / 12.5e-3),  # 0.1 mT m over 12.5 mm
        (HardLimit("absorbed", "protocol", 0.1), np.inf),
    ],
)
def test_a_hard_limit_on_the_field_caps_the_amplitude(wish, cap_mt):
    found, binding = highest_amplitude_t(BERKELEY, [wish])
    assert found * 1e3 == pytest.approx(cap_mt, rel=1e-9)
    assert binding is None or (binding.quantity, binding.hard) == (wish.quantity, True)


def test_the_tightest_of_several_hard_limits_binds():
    found, binding = highest_amplitude_t(
        BERKELEY, [HardLimit("h_f_r", "Brezovich1988"), HardLimit("h_f", "protocol", 1e9)]
    )
    assert found == pytest.approx(1e9 * MU0 / 354e3) and binding.source == "protocol"


def test_a_drive_that_is_stronger_off_its_centre_counts_where_it_is_strongest():
    uneven = Exposure(13e-3, 354e3, 12.5e-3, relative=1.2)
    assert uneven.h_f_a_m_s == pytest.approx(1.2 * BERKELEY.h_f_a_m_s)
    wish = [HardLimit("h_f", "protocol", 1e9)]
    assert highest_amplitude_t(uneven, wish)[0] == pytest.approx(highest_amplitude_t(BERKELEY, wish)[0] / 1.2)


def test_hard_rows_say_so_and_ones_own_stand_beside_the_published():
    wishes = [HardLimit("eddy_local", "IEC60601"), HardLimit("absorbed", "protocol", 0.1)]
    found = safety_report(BERKELEY, EDDY, iron_w={"tumour": 0.05}, metabolic_w=0.2, thermoregulation_w=0.0, hard=wishes)
    hard = {row.name: row for row in found.limits if row.hard}
    local, own = hard["eddy currents, hottest 10 mm3, limit of man"], hard["absorbed power, this protocol's limit"]
    assert (local.value, local.limit, local.exceeded) == (6.2, 10.0, False)
    assert (own.value, own.limit, own.exceeded) == (pytest.approx(0.13), 0.1, True)
    assert own.share == pytest.approx(1.3) and own.source == "protocol"
    published = next(row for row in found.limits if row.quantity == "absorbed" and not row.hard)
    assert (published.limit, published.exceeded) == (0.2, False)


def test_a_hard_limit_that_cannot_be_judged_is_refused_by_its_key():
    with pytest.raises(InputError, match=r"safety\.eddy_local_at_most: .* it is not computed"):
        mark_hard(field_limits(BERKELEY), [HardLimit("eddy_local", "IEC60601")])
    with pytest.raises(InputError, match=r"safety\.absorbed_at_most: .*no limit of Kleiber1947 here: give a value"):
        mark_hard([absorbed_limit(0.1, 0.0)], [HardLimit("absorbed", "Kleiber1947")])  # a phantom has no metabolic rate
    assert mark_hard([absorbed_limit(0.1, 0.0)], []) == ()
