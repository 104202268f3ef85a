"""A second and a third method, with nothing but the gradients in common, check what the linear programs found."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from test_optimize import EDGES, LOOSE, at_least, at_most, case

from thermoplan.base.errors import MissingPart
from thermoplan.goals import resolve
from thermoplan.optimize import MeritFunction, ipopt_shares, optimize_shares
from thermoplan.optimize.program.modal_heat import ModalHeat, restrict
from thermoplan.optimize.program.search_terms import Iterate

CONVEX = [
    [at_least("Tmean", 60.0), at_most("Tmax", 38.6), at_most("Tmax", 38.6, "core")],
    [at_least("Tmean", 60.0), at_most("Tmax", 39.0, "core"), at_most("Thot150mm3", 42.0, "tumour")],
]
DOSES = [
    [at_least("CEM43T90", 1e3), at_most("Tmax", 38.5, "core")],
    [at_least("CEM43D90", 1e3), at_most("Tmax", 38.5, "core"), at_most("CEM43max", 0.02)],
    [at_least("CEM43mean", 1e4), at_most("Tmax", 38.5, "core")],
    [at_least("CEM43T50", 1e4), at_most("Tmax", 38.2, "core"), at_most("Tmax", 46.0, "tumour")],
]


def both(goals, *, starts=8, edges=EDGES):
    anatomy, reduced = case()
    resolved = resolve(goals, anatomy, defaults=False)
    first = optimize_shares(reduced, resolved, window_edges_s=edges, settings=replace(LOOSE, starts=starts))
    ask = {"window_edges_s": edges, "settings": LOOSE}
    return (first, ipopt_shares(reduced, resolved, **ask), ipopt_shares(reduced, resolved, start=first.shares, **ask))


@pytest.mark.parametrize("goals", CONVEX)
def test_where_the_problem_is_convex_ipopt_and_the_linear_programs_find_the_same(goals):
    first, other, _ = both(goals)
    assert other.objective == pytest.approx(first.objective, rel=1e-3)
    assert other.values[0] == pytest.approx(first.values[0], abs=0.02)
    assert other.shares.min() >= 0.0 and other.shares.sum(axis=1).max() <= 1.0 + 1e-9


@pytest.mark.parametrize("goals", DOSES)
def test_of_a_dose_that_is_out_of_reach_ipopt_finds_no_more(goals):
    first, other, from_there = both(goals)
    assert first.objective <= other.objective * (1.0 + 1e-3)
    assert first.objective <= from_there.objective * (1.0 + 3e-3)
    assert other.objective < 1.4 * first.objective, "not even near: no check at all"


@pytest.mark.parametrize("metric", ["CEM43mean", "CEM43T90"])
def test_a_dose_is_also_sought_in_a_short_hot_part_of_the_session(metric):
    """One place in three windows, all plans of a grid: 12 steps of share in each. A plan that is even in time is a
    local optimum, and a poor one where blood stays cool for a while."""
    anatomy, reduced = case()
    one, goals = restrict(reduced, [13]), [at_least(metric, 1e4), at_most("Tmax", 38.5, "core")]
    resolved = resolve(goals, anatomy, defaults=False)
    merit = MeritFunction(ModalHeat(one, EDGES, 0.0, 60.0), resolved, LOOSE)
    line = np.linspace(0.0, 1.0, 13)
    best = min(merit(Iterate(merit.heat, np.array(shares)[:, None])) for shares in product(line, repeat=3))
    found = optimize_shares(one, resolved, window_edges_s=EDGES, settings=LOOSE)
    assert found.objective <= best * (1.0 + 1e-3)
    assert len(found.starts) == 4 and max(found.starts) > found.objective + 50.0


def test_without_ipopt_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipyopt", None)
    anatomy, reduced = case()
    with pytest.raises(MissingPart, match=r"pip install 'thermoplan\[ipopt\]'"):
        ipopt_shares(reduced, resolve(CONVEX[0], anatomy, defaults=False), window_edges_s=EDGES)
