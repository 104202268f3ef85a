"""The table of published values: every row that counts holds, and a wrong value would show."""

import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erf, erfc
from typer.testing import CliRunner

import thermoplan
from thermoplan.base.errors import InputError
from thermoplan.cli import app
from thermoplan.validate import GROUPS, ValidationRow, heat_rows, spheres, validate, validation_record

REFERENCES = (Path(thermoplan.__file__).parent / "data" / "references.bib").read_text()
KNOWN = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES, re.M)) | {"closed form", "made up", "second solver"}


@pytest.mark.parametrize("group", GROUPS)
def test_every_row_that_counts_is_within_its_tolerance(group):
    rows = validate(group)
    for row in rows:
        print(f"{row.name:70s} {row.published:12.6g} {row.value:12.6g} {row.tolerance:8.1g} {row.ok}")
    assert [row.name for row in rows if row.counts and not row.ok] == []
    assert {row.source for row in rows} <= KNOWN


def test_a_value_outside_its_tolerance_is_off_on_either_side():
    assert [ValidationRow("x", -2.0, ours, 0.01, "closed form").ok for ours in (-1.97, -1.981, -2.019, -2.03)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_bound_from_one_side_holds_on_that_side_alone():
    orders = [ValidationRow("order", 2.0, ours, 1.9, "made up", sense="at_least").ok for ours in (1.89, 1.9, 2.4)]
    errors = [ValidationRow("error", 0.0, ours, 1e-6, "made up", sense="at_most").ok for ours in (0.0, 1e-6, 2e-6)]
    assert (orders, errors) == ([False, True, True], [True, True, False])
    assert ValidationRow("order", 2.0, 1.89, 1.9, "made up", sense="at_least").record()["bound"] == ">= 1.9"


def test_a_solver_with_one_per_cent_too_much_capacity_is_noticed(monkeypatch):
    # at 120 s periodic warmth is down to 0.42: d ln(0.42) = 0.87 % of it, against a bound of 0.1 %
    module = import_module("thermoplan.validate.heat_rows")
    honest = module.problem
    monkeypatch.setattr(
        module,
        "problem",
        lambda *a, **more: replace(found := honest(*a, **more), density_kg_m3=1.01 * found.density_kg_m3),
    )
    monkeypatch.setitem(GROUPS, "bioheat", module._decay)
    assert not validation_record("bioheat")["ok"]


def test_record_is_not_ok_when_a_row_that_counts_is_off(monkeypatch):
    def rows_at(worth):
        return (
            ValidationRow("calibration", 1.0, 2.0, 0.1, "closed form", counts=False),
            ValidationRow("value", 1.0, worth, 0.1, "closed form"),
        )

    for worth, ok in ((1.05, True), (1.2, False)):
        monkeypatch.setitem(GROUPS, "dose", lambda worth=worth: rows_at(worth))
        assert validation_record("dose")["ok"] is ok


@pytest.mark.parametrize(("ours", "code"), [(2.03, 0), (1.8, 4)])
def test_the_command_shows_value_error_and_bound_and_ends_with_four_where_a_row_is_off(monkeypatch, ours, code):
    monkeypatch.setitem(
        GROUPS, "bioheat", lambda: (ValidationRow("order", 2.0, ours, 1.9, "made up", sense="at_least"),)
    )
    done = CliRunner().invoke(app, ["validate", "--bioheat", "--json"])
    assert done.exit_code == code
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["published"], row["value"], row["bound"], row["ok"]) == (2.0, ours, ">= 1.9", code == 0)
    assert row["error"] == pytest.approx(ours - 2.0)
    shown = CliRunner().invoke(app, ["validate", "--bioheat"]).stdout
    assert f"{ours}" in shown and ">= 1.9" in shown and f"{1 - code // 4} of 1 hold" in shown


def test_unknown_group_is_named():
    with pytest.raises(InputError, match="validate: astrology: expected one of magnetics"):
        validate("astrology")


def test_the_printed_values_of_spheres_and_of_a_point_are_those_of_their_formulas():
    k, w_of, alpha, beta_of = 0.5, 1050.0 * 3617.0, 0.5 / (1060.0 * 3600.0), 1050.0 * 3617.0 / (1060.0 * 3600.0)
    q, radius, power = spheres.POWER_W_M3, spheres.RADIUS_M, spheres.POINT_W
    places = radius * np.array([1e-9, 1.0, 2.0, 4.0])

    def inside(w, r):
        if w == 0.0:
            return np.where(r <= radius, q * (3.0 * radius**2 - r**2) / (6.0 * k), q * radius**3 / (3.0 * k * r))
        lam = np.sqrt(w * w_of / k)
        here = 1.0 - (1.0 + lam * radius) * np.exp(-lam * radius) * np.sinh(lam * r) / (lam * r)
        there = (lam * radius * np.cosh(lam * radius) - np.sinh(lam * radius)) * np.exp(-lam * r) / (lam * r)
        return q / (k * lam**2) * np.where(r <= radius, here, there)

    for w, printed in spheres.STEADY_K.items():
        assert inside(w, places)[: len(printed)] == pytest.approx(printed, abs=6e-7)
    for w, printed in spheres.CENTRE_K.items():

        def rate(s, beta=w * beta_of):
            x = radius / np.sqrt(4.0 * alpha * s)
            return (erf(x) - 2.0 * x / np.sqrt(np.pi) * np.exp(-(x**2))) * np.exp(-beta * s)

        found = [q / (1060.0 * 3600.0) * quad(rate, 0.0, t, limit=200, epsabs=1e-9)[0] for t in spheres.TIMES_S]
        assert found == pytest.approx(printed, abs=6e-7)
    # A sinh(l1 r) / r + Q / W1 inside and B exp(-l2 (r - R)) / r outside, with equal heat and flow at R
    k1, k2, w1, w2 = 0.55, 0.5, 1e-3 * w_of, 5e-3 * w_of
    l1, l2 = np.sqrt(w1 / k1), np.sqrt(w2 / k2)
    a, b = np.linalg.solve(
        [
            [np.sinh(l1 * radius), -1.0],
            [k1 * (l1 * radius * np.cosh(l1 * radius) - np.sinh(l1 * radius)), k2 * (l2 * radius + 1.0)],
        ],
        [-q / w1 * radius, 0.0],
    )
    found = np.where(
        places <= radius, a * np.sinh(l1 * places) / places + q / w1, b * np.exp(-l2 * (places - radius)) / places
    )
    assert found == pytest.approx(spheres.TWO_TISSUES_K, abs=6e-7)
    lam, beta, t = np.sqrt(5e-3 * w_of / k), 5e-3 * beta_of, 60.0
    for r, printed in spheres.POINT_K.items():
        x, y = r / np.sqrt(4.0 * alpha * t), np.sqrt(beta * t)
        steady = power * np.exp(-lam * r) / (4.0 * np.pi * k * r)
        minute = power / (8.0 * np.pi * k * r) * (np.exp(-lam * r) * erfc(x - y) + np.exp(lam * r) * erfc(x + y))
        assert (steady, minute) == pytest.approx(printed, abs=6e-7)


@pytest.mark.parametrize(("times", "kelvins", "watts"), heat_rows._SKIN)
def test_the_printed_values_of_layered_skin_are_those_of_its_equations(times, kelvins, watts):
    # k T'' = W (T - 310.15) - 368.1 in each layer: T = 310.15 + 368.1 / W + a e^(l x) + b e^(-l x), in the epidermis
    # T = a + b x - 368.1 x^2 / 2 k; temperature and flow go on from layer to layer, and the surface is at a guess
    edges, k = np.array([0.0, 3.6e-3, 4.8e-3, 4.9e-3]), np.array([0.16, 0.37, 0.21])
    w, made, core = times * 0.038 * 3.9962e6, 368.1, 310.15

    def layer(i, x):
        """Coefficients of a and b, and the rest, of temperature and of k T'."""
        if i == 2:
            return (1.0, x, -made * x**2 / (2.0 * k[2])), (0.0, k[2], -made * x)
        lam = np.sqrt(w / k[i])
        grow, fall = np.exp(lam * (x - edges[i + 1])), np.exp(-lam * (x - edges[i]))
        return (grow, fall, core + made / w), (k[i] * lam * grow, -k[i] * lam * fall, 0.0)

    def lost(surface):
        rows, right = np.zeros((6, 6)), np.zeros(6)
        rows[0, :2], right[0] = layer(0, 0.0)[0][:2], core - layer(0, 0.0)[0][2]
        for i in (0, 1):
            for j, (here, there) in enumerate(zip(layer(i, edges[i + 1]), layer(i + 1, edges[i + 1]), strict=True)):
                row = 1 + 2 * i + j
                rows[row, 2 * i : 2 * i + 4] = *here[:2], -there[0], -there[1]
                right[row] = there[2] - here[2]
        top = layer(2, edges[3])
        rows[5, 4:], right[5] = top[0][:2], surface - top[0][2]
        a, b = np.linalg.solve(rows, right)[4:]
        return -(top[1][0] * a + top[1][1] * b + top[1][2])

    def shed(surface):
        return 5.0 * (surface - 297.15) + 0.98 * 5.670374419e-8 * (surface**4 - 297.15**4)

    surface = brentq(lambda t: lost(t) - shed(t), 298.0, 312.0, xtol=1e-10)
    assert surface == pytest.approx(kelvins, abs=1e-6)
    assert shed(surface) == pytest.approx(watts, abs=1e-4)
