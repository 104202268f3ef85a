"""Dwells played in modes, for capacity that is not lumped: against matrix exponentials and the implicit engine."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from heat_cases import box, problem, quadratic_system, rising_law
from scipy.linalg import expm, solve

from thermoplan.base.errors import SolverError
from thermoplan.bioheat import (
    Boundary,
    CheckpointPolicy,
    Cycle,
    EnergyAudit,
    EngineState,
    Segment,
    TemperatureCourse,
    choose_engine,
    evolve_implicit,
    feedback_of,
    settle,
)
from thermoplan.bioheat.engines import modal
from thermoplan.bioheat.engines.modal import evolve_modal
from thermoplan.bioheat.linalg.krylov import operator
from thermoplan.fem.quadratic import quadratic_space


@pytest.fixture(scope="module")
def body():
    """Two tissues, skin in air and a bed, blood as a state: small enough for dense matrices."""
    mesh = box((3, 3, 3), (0.012, 0.012, 0.012), lambda c: (c[:, 0] > 0.008).astype(int), ("a", "b"))
    bed = Boundary("dirichlet", temperature_c=38.0, normal=(0, -1, 0))
    system = quadratic_system(
        problem(
            mesh,
            k=[0.5, 0.2],
            perfusion=[4e3, 6e4],
            metabolic=[1e3, 5e3],
            core="pool",
            boundaries=(Boundary("robin", 10.0, 25.0), bed),
            blood_j_k=4.0,
        )
    )
    parts = np.arange(len(mesh.tets)) // 30
    return system, [quadratic_space(mesh).load(np.where(parts == part, q, 0.0)) for part, q in ((2, 1e6), (3, 2e6))]


def exactly(system, segments, start=None):
    """Rise at the end of every dwell, by matrix exponentials."""
    mass, k = system.mass_j_k.toarray(), system.stiffness.toarray()
    rise, found = np.zeros(system.n_dof) if start is None else start, []
    for segment in segments:
        steady = solve(k, system.loads(segment.load_w))
        rise = steady + expm(-solve(mass, k) * segment.duration_s) @ (rise - steady)
        found.append(rise)
    return found


def uneven(loads, count):
    """Dwells and rests of 0.1 to 2 s, none like another."""
    durations = np.random.default_rng(5).uniform(0.1, 2.0, count)
    return [Segment([loads[0], loads[1], 0.0 * loads[0]][i % 3], t) for i, t in enumerate(durations)]


def test_dwells_rests_and_cool_down_match_matrix_exponentials_at_the_very_times_that_were_asked_for(body):
    system, (one, two) = body
    segments = [Segment(one, 0.1), Segment(two, 4.3), Segment(one, 9.0), Segment(0.0 * one, 300.0)]
    ends = np.cumsum([s.duration_s for s in segments])
    history = list(evolve_modal(system, segments, ends[:-1]))
    assert [t for t, _ in history] == pytest.approx([0.0, *ends], abs=1e-12) and history[-1][0] == ends[-1]
    worst = max(
        abs(found - system.base_c - rise).max()
        for (_, found), rise in zip(history[1:], exactly(system, segments), strict=True)
    )
    print("largest error", worst, "K of", (history[3][1] - system.base_c).max())
    assert (history[3][1] - system.base_c).max() > 2.0
    assert worst < 3e-4
    assert all((found[system.held] == 38.0).all() for _, found in history)


def test_three_hundred_uneven_dwells_are_those_of_the_implicit_engine_for_a_tenth_of_its_products(body):
    system, loads = body
    segments = uneven(loads, 300)
    end = sum(s.duration_s for s in segments)
    times = np.linspace(0.0, end, 50)
    op, stepped = (operator(system.stiffness, system.scale_j_k) for _ in range(2))
    audit = EnergyAudit(system, segments)
    ours = list(evolve_modal(system, segments, times, engine=op, ledger=audit))
    theirs = list(evolve_implicit(system, segments, times, engine=stepped, tolerance_k=1e-4))
    worst = max(abs(a - b).max() for (_, a), (_, b) in zip(ours, theirs, strict=True))
    print("apart", worst, "K, products", op.counter.products, stepped.counter.products, "energy", audit.balance_rel)
    assert worst < 1e-3
    assert audit.balance_rel < 1e-8
    assert 10 * op.counter.products < stepped.counter.products


def test_a_run_goes_on_from_a_mark_to_the_same_temperatures(body):
    system, loads = body
    pieces, marks = [Cycle(tuple(uneven(loads, 6)), 5), *uneven(loads, 20)], []
    times = np.arange(0.0, 30.0, 0.7)
    whole = list(evolve_modal(system, pieces, times, keeping=CheckpointPolicy(mark=marks.append)))
    assert len(marks) == len(whole) - 2
    left = list(evolve_modal(system, pieces, times, keeping=CheckpointPolicy(start=marks[20])))[1:]
    assert [t for t, _ in left] == [t for t, _ in whole][-len(left) :]
    assert max(abs(a - b).max() for (_, a), (_, b) in zip(left, whole[-len(left) :], strict=True)) < 1e-9


def test_a_start_that_no_load_has_made_cools_as_it_should(body):
    system, loads = body
    segments = [Segment(loads[0], 20.0)]
    start = np.where(np.arange(system.n_dof) == system.n_nodes // 2, 1.0, 0.0)
    start[system.held] = 0.0
    pieces = [Segment(loads[0], 1.0), *segments]
    *_, (_, found) = evolve_modal(
        system, pieces, [], keeping=CheckpointPolicy(start=EngineState(1.0, system.base_c + start))
    )
    exact = exactly(system, segments, start)[-1]
    print("largest error", abs(found - system.base_c - exact).max(), "K of", exact.max())
    assert abs(found - system.base_c - exact).max() < 1e-3


@pytest.fixture(scope="module")
def fed_back():
    """Perfusion that rises with temperature, air that warms, skin that radiates, blood as a state."""
    mesh = box((3, 3, 3), (0.012, 0.012, 0.012))
    air = TemperatureCourse([0.0, 120.0], [25.0, 30.0])
    case = problem(
        mesh,
        perfusion=1e4,
        metabolic=1e3,
        core="pool",
        blood_j_k=4.0,
        laws={"tissue": rising_law},
        boundaries=(Boundary("robin", 5.0, 25.0, emissivity=0.98, course=air),),
    )
    system = quadratic_system(case)
    feedback = feedback_of(case, system)
    parts = np.arange(len(mesh.tets)) // 20
    loads = [quadratic_space(mesh).load(np.where(parts == part, q, 0.0)) for part, q in ((3, 4e6), (4, 8e6))]
    return settle(system, feedback), feedback, loads


def test_what_feeds_back_is_that_of_the_implicit_engine_dwell_by_dwell(fed_back):
    system, feedback, loads = fed_back
    segments = uneven(loads, 120)
    times = np.linspace(0.0, sum(s.duration_s for s in segments), 20)
    op, stepped = (operator(system.stiffness, system.scale_j_k) for _ in range(2))
    audit = EnergyAudit(system, segments)
    ours = list(evolve_modal(system, segments, times, feedback=feedback, engine=op, ledger=audit))
    theirs = list(evolve_implicit(system, segments, times, feedback=feedback, engine=stepped, tolerance_k=1e-4))
    alone = list(evolve_modal(system, segments, times))
    worst, moved = (
        max(abs(a - b).max() for (_, a), (_, b) in zip(ours, others, strict=True)) for others in (theirs, alone)
    )
    print(
        "apart",
        worst,
        "K, feedback",
        moved,
        "K, hottest",
        ours[-1][1].max(),
        "products",
        op.counter.products,
        stepped.counter.products,
        "energy",
        audit.balance_rel,
    )
    assert moved > 2.0
    assert worst < 3e-3
    assert audit.balance_rel < 1e-6
    assert 4 * op.counter.products < stepped.counter.products


def test_a_run_that_feeds_back_goes_on_from_a_mark(fed_back):
    system, feedback, loads = fed_back
    segments, marks, times = uneven(loads, 30), [], np.arange(0.0, 25.0, 1.0)
    whole = list(evolve_modal(system, segments, times, feedback=feedback, keeping=CheckpointPolicy(mark=marks.append)))
    left = list(evolve_modal(system, segments, times, feedback=feedback, keeping=CheckpointPolicy(start=marks[10])))[1:]
    assert [t for t, _ in left] == [t for t, _ in whole][-len(left) :]
    assert max(abs(a - b).max() for (_, a), (_, b) in zip(left, whole[-len(left) :], strict=True)) < 1e-9


def test_modes_are_taken_where_they_are_cheaper_and_fit(body, monkeypatch):
    system, loads = body
    op = operator(system.stiffness, system.scale_j_k)

    def chosen(pieces, **more):
        return choose_engine(op, pieces, lumped=False, **more).engine

    assert chosen(uneven(loads, 300)) == chosen(uneven(loads, 300), feedback=True) == "exact"
    assert chosen([Segment(loads[0], 600.0)], feedback=True) == "implicit"
    assert chosen([Segment(load, 1.0) for load in np.eye(system.n_nodes)[:30]]) == "implicit"
    monkeypatch.setattr(import_module("thermoplan.bioheat.engines.dispatch"), "MODES_BYTES", 8 * 30 * system.n_dof)
    assert chosen(uneven(loads, 300)) == "implicit"


def test_modes_that_do_not_suffice_say_so(body, monkeypatch):
    system, loads = body
    monkeypatch.setattr(modal, "MOST", 4)
    with pytest.raises(SolverError, match=r"modes: 12 do not hold what the loads heat within 1e-05 K"):
        list(evolve_modal(system, uneven(loads, 9), []))
